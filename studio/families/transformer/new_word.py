"""How new words are learned on SD3, Flux and PixArt-α: rows for every CLIP and T5, through the model's own text encoders.

A T5 is larger than what is taught, so the encoders that read are copies in structure alone: their weights are the model's.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from torch import nn

from studio.core.denoiser import Cond
from studio.core.word_rows import SECOND, T5
from studio.families import new_word

if TYPE_CHECKING:
    from studio.families.transformer.parts import Parts

M = TypeVar("M", bound=nn.Module)
Encoding = Callable[["Parts", Sequence[Sequence[str]]], Cond]


def marks(parts: Parts) -> tuple[str, ...]:
    """Of rows for each encoder, in the order of their names."""
    return tuple(T5 if parts.is_t5(name) else SECOND if name.endswith("_2") else "" for name in parts.encoders)


class NewWord(new_word.NewWord):
    """encoding: of prompts, with no_grad or without. lower: whether it reads them in lower case."""

    def __init__(self, parts: Parts, encoding: Encoding, word: str, n: int = 1, lower: bool = False):
        self._encoding = inspect.unwrap(encoding)
        encoders = {name: _sharing_weights(encoder) for name, encoder in parts.encoders.items()}
        tokenizers = list(parts.tokenizers.values())
        super().__init__(word, n, tokenizers, list(encoders.values()), marks(parts), list(parts.lengths.values()), lower)
        now = dict(zip(parts.tokenizers, self.vocabulary.tokenizers, strict=True))
        self._parts = replace(parts, tokenizers=now, encoders=encoders)

    def read(self, spelled: Sequence[Sequence[str]]) -> Cond:
        found = self._encoding(self._parts, spelled)
        return {name: part.float() if part.is_floating_point() else part for name, part in found.items()}


def _sharing_weights(module: M) -> M:
    """A copy whose layers can be exchanged, with the very weights of the module."""
    return copy.deepcopy(module, {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())})
