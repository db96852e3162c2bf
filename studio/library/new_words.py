"""How a new word is spelled, in requests and in subjects."""

from __future__ import annotations

import re

from studio.core.explain import brief

WORD = re.compile(r"<[a-z0-9][a-z0-9._-]{0,39}>")


def check_word(given: str) -> str:
    """The word itself. ValueError in one sentence where it is none."""
    if not WORD.fullmatch(given):
        raise ValueError(
            f"The word {brief(given, 50)} does not fit; up to 40 lower-case letters, digits, ., _ and - "
            "in angle brackets would, like <mine>."
        )
    return given
