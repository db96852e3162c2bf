"""Whose rows an edit's new words are: a first CLIP's stand under the word itself, others' under the word and a mark."""

from __future__ import annotations

SECOND, T5 = "@2", "@t5"  # of a second CLIP, and of a T5
ENCODERS = {"": "a CLIP", SECOND: "a second text encoder", T5: "a T5"}


def mark_of(word: str) -> str:
    """ "" for a first CLIP."""
    return next((mark for mark in (SECOND, T5) if word.endswith(mark)), "")


def plain(word: str) -> str:
    """As prompts hold it."""
    return word.removesuffix(mark_of(word))
