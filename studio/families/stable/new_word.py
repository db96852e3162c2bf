"""Prompts to conditions with the rows of a new word as a variable: gradients reach them through the model's own text encoders.

Encoders are float32 copies, so the opened model stays as it is; tokenizers, spelling and the end of the text are those of
`families.vocabulary`, so a word reads while it is learned as it will when its file is used.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from studio.core.denoiser import Cond
from studio.core.domain import Said, beside, told
from studio.families.stable.parts import table_of
from studio.families.stable.text import encode_sd, encode_xl, time_ids
from studio.families.stable.vocabulary import SECOND, Vocabulary

if TYPE_CHECKING:
    from studio.families.stable.parts import Open

# what they do without no_grad, which they have for everybody else
_encode_sd, _encode_xl = inspect.unwrap(encode_sd), inspect.unwrap(encode_xl)


class NewWord:
    """Reads prompts that hold ``word``, of n rows. Rows are given one tensor [n, width] for each text encoder.

    ValueError in one sentence where the model knows the word already.
    """

    def __init__(self, model: Open, word: str, n: int = 1):
        self.word, self.n, self.device, self.size = word, n, model.device, model.image_size
        self.encoders = [copy.deepcopy(e).float().eval().requires_grad_(False) for e in model.parts.encoders]
        self.tables = [table_of(e).weight.detach()[: len(t)] for e, t in zip(self.encoders, model.parts.tokenizers, strict=True)]
        self._plain = list(model.parts.tokenizers)
        self.vocabulary = Vocabulary(list(model.parts.tokenizers), self.encoders)
        self.vocabulary.add(word, self.tokens([table.new_zeros(n, table.shape[1]) for table in self.tables]))
        self._places = []
        for encoder, tokenizer in zip(self.encoders, self._plain, strict=True):
            place = _Place(table_of(encoder).weight, len(tokenizer))
            encoder.set_input_embeddings(place)
            self._places.append(place)
        with torch.no_grad():
            empty = self(told([""]), [table[:1].expand(n, -1) for table in self.tables])
        zero = model.parts.zero_null
        self.empty = {k: torch.zeros_like(v) if zero and k in ("states", "pooled") else v for k, v in empty.items()}

    def tokens(self, rows: Sequence[Tensor]) -> dict[str, Tensor]:
        """Rows as an `Edit` holds them."""
        return {self.word + (SECOND if i else ""): part for i, part in enumerate(rows)}

    def start(self, init: str) -> list[Tensor]:
        """Rows [n, width] to begin with: the mean over the tokens of a word that is known, or over all of them."""
        found = []
        for table, tokenizer in zip(self.tables, self._plain, strict=True):
            ids = tokenizer(init, add_special_tokens=False)["input_ids"] if init else []
            found.append((table[ids] if ids else table).mean(0, keepdim=True).repeat(self.n, 1))
        return found

    def check(self, prompts: Sequence[str]) -> None:
        """ValueError where a prompt with the word is longer than the encoder reads, so that rows of it would be cut off."""
        for i, tokenizer in enumerate(self.vocabulary.tokenizers):
            first = len(self._plain[i])
            for prompt, spelled in zip(prompts, self.vocabulary.spelled(prompts, i), strict=True):
                ids = tokenizer(spelled, truncation=True, max_length=tokenizer.model_max_length)["input_ids"]
                if len(set(ids) & set(range(first, first + self.n))) < self.n:
                    raise ValueError(
                        f"With {self.n} rows “{prompt}” is longer than the {tokenizer.model_max_length} tokens that "
                        "this model reads; fewer rows would fit."
                    )

    def __call__(self, said: Sequence[Said], rows: Sequence[Tensor]) -> Cond:
        """Every condition of the model's sampling, float32, with gradient to the rows."""
        return {**beside(said), **self._encode([one.text for one in said], rows)}

    def _encode(self, prompts: Sequence[str], rows: Sequence[Tensor]) -> Cond:
        for place, part in zip(self._places, rows, strict=True):
            place.rows = part
        spelled = [self.vocabulary.spelled(prompts, i) for i in range(len(self.encoders))]
        tokenizers = self.vocabulary.tokenizers
        if len(self.encoders) == 1:
            cond: Cond = _encode_sd(tokenizers[0], self.encoders[0], spelled[0])
            return cond
        return {
            **_encode_xl(tokenizers, self.encoders, spelled),
            "time_ids": time_ids(self.size, self.size, len(prompts), self.device),
        }


class _Place(nn.Module):
    """A table of rows of which those from ``first`` on are given from outside."""

    def __init__(self, weight: Tensor, first: int):
        super().__init__()
        self.register_buffer("weight", weight.detach().clone())
        self.first = first
        self.rows = weight[:0]

    def forward(self, ids: Tensor) -> Tensor:
        weight = self.get_buffer("weight")
        new = (ids >= self.first) & (ids < self.first + len(self.rows))
        place = (ids - self.first).clamp(0, len(self.rows) - 1)
        return torch.where(new[..., None], self.rows[place], functional.embedding(ids, weight))
