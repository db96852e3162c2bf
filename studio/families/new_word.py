"""Prompts to conditions with the rows of a new word as a variable: gradients reach them through the model's own text encoders.

Encoders are copies, so the opened model stays as it is; tokenizers, spelling and the end of the text are those of
`families.vocabulary`, so a word reads while it is learned as it will when its file is used.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from studio.core.denoiser import Cond
from studio.core.domain import Said, beside, told
from studio.families.vocabulary import Vocabulary, table_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class NewWord(ABC):
    """Reads prompts that hold ``word``, of n rows. Rows are given one tensor [n, width] for each text encoder.

    encoders: nobody else's, frozen. marks: of rows for each of them. lengths: tokens that each reads. lower: as of `Vocabulary`.
    ValueError in one sentence where the model knows the word already.
    """

    def __init__(
        self,
        word: str,
        n: int,
        tokenizers: Sequence[PreTrainedTokenizerBase],
        encoders: Sequence[PreTrainedModel],
        marks: Sequence[str],
        lengths: Sequence[int],
        lower: bool = False,
    ):
        self.word, self.n, self.encoders, self.marks, self.lengths = word, n, list(encoders), tuple(marks), tuple(lengths)
        self.tables = [table_of(e).weight.detach()[: len(t)] for e, t in zip(encoders, tokenizers, strict=True)]
        self._plain = list(tokenizers)
        self.vocabulary = Vocabulary(list(tokenizers), self.encoders, self.marks, lower=lower)
        self.vocabulary.add(word, self.tokens([table.new_zeros(n, table.shape[1]) for table in self.tables]))
        self._places = []
        for encoder, tokenizer in zip(self.encoders, self._plain, strict=True):
            place = _Place(table_of(encoder).weight, len(tokenizer))
            encoder.set_input_embeddings(place)
            self._places.append(place)

    @abstractmethod
    def read(self, spelled: Sequence[Sequence[str]]) -> Cond:
        """Conditions of prompts as they are spelled for each tokenizer of `vocabulary`, float32, by `encoders`, with gradient."""

    def silent(self) -> Cond:
        """Conditions of one sample of which nothing is said in words."""
        with torch.no_grad():
            return self(told([""]), [table[:1].expand(self.n, -1) for table in self.tables])

    @property
    def empty(self) -> Cond:
        """As in `core.family.NewWord`."""
        if self._empty is None:
            self._empty = self.silent()
        return self._empty

    _empty: Cond | None = None

    def tokens(self, rows: Sequence[Tensor]) -> dict[str, Tensor]:
        """Rows as an `Edit` holds them."""
        return {self.word + mark: part for mark, part in zip(self.marks, rows, strict=True)}

    def start(self, init: str) -> list[Tensor]:
        """Rows [n, width] to begin with: the mean over the tokens of a word that is known, or over all of them."""
        found = []
        for table, tokenizer in zip(self.tables, self._plain, strict=True):
            ids = tokenizer(init, add_special_tokens=False)["input_ids"] if init else []
            found.append((table[ids] if ids else table).mean(0, keepdim=True).repeat(self.n, 1))
        return found

    def check(self, prompts: Sequence[str]) -> None:
        """ValueError where a prompt with the word is longer than the encoder reads, so that rows of it would be cut off."""
        for i, (tokenizer, length) in enumerate(zip(self.vocabulary.tokenizers, self.lengths, strict=True)):
            first = len(self._plain[i])
            for prompt, spelled in zip(prompts, self.vocabulary.spelled(prompts, i), strict=True):
                ids = tokenizer(spelled, truncation=True, max_length=length)["input_ids"]
                if len(set(ids) & set(range(first, first + self.n))) < self.n:
                    raise ValueError(
                        f"With {self.n} rows “{prompt}” is longer than the {length} tokens that "
                        "this model reads; fewer rows would fit."
                    )

    def __call__(self, said: Sequence[Said], rows: Sequence[Tensor]) -> Cond:
        """Every condition of the model's sampling, float32, with gradient to the rows."""
        for place, part in zip(self._places, rows, strict=True):
            place.rows = part
        return {**beside(said), **self.read(self.vocabulary.every([one.text for one in said]))}


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
        rows = self.rows.to(weight.dtype)
        return torch.where(new[..., None], rows[place], functional.embedding(ids, weight))
