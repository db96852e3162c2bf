"""How new words are learned on what is shaped like Stable Diffusion: through float32 copies of its text encoders."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from studio.core.denoiser import Cond
from studio.core.word_rows import SECOND
from studio.families import new_word
from studio.families.stable.text import encode_sd, encode_xl, time_ids

if TYPE_CHECKING:
    from studio.families.stable.parts import Open

# what they do without no_grad, which they have for everybody else
_encode_sd, _encode_xl = inspect.unwrap(encode_sd), inspect.unwrap(encode_xl)


class NewWord(new_word.NewWord):
    """Of an opened model with one text encoder or two."""

    def __init__(self, model: Open, word: str, n: int = 1):
        parts = model.parts
        self.device, self.size, self.zero_null = model.device, model.image_size, parts.zero_null
        encoders = [copy.deepcopy(e).float().eval().requires_grad_(False) for e in parts.encoders]
        lengths = [tokenizer.model_max_length for tokenizer in parts.tokenizers]
        super().__init__(word, n, parts.tokenizers, encoders, ("", SECOND)[: len(encoders)], lengths)

    def read(self, spelled: Sequence[Sequence[str]]) -> Cond:
        tokenizers = self.vocabulary.tokenizers
        if len(self.encoders) == 1:
            cond: Cond = _encode_sd(tokenizers[0], self.encoders[0], spelled[0])
            return cond
        told = time_ids(self.size, self.size, len(spelled[0]), self.device)
        return {**_encode_xl(tokenizers, self.encoders, spelled), "time_ids": told}

    def silent(self) -> Cond:
        empty = super().silent()
        return {k: torch.zeros_like(v) if self.zero_null and k in ("states", "pooled") else v for k, v in empty.items()}
