"""Lines of text as conditions for teaching: read by a frozen copy of a model's encoders, whatever adapters the model wears."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond
from studio.core.domain import Said, beside
from studio.core.precision import full_precision
from studio.families.stable.folders import tokenize
from studio.families.stable.parts import Open

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class TokenLines:
    """tokens: int64 [N, L], one row a line; empty: [L]. They are read anew whenever they are taken: of tens of thousands of
    captions the states would not fit in memory. said: what the lines say, and what stands beside them."""

    def __init__(self, tokens: Tensor, empty: Tensor, text: nn.Module, said: Sequence[Said] = ()):
        self.tokens, self.text, self.said = tokens, text, said
        self.empty = self._states(empty[None])["states"]
        self.given = {name: value.to(tokens.device) for name, value in beside(said).items()}

    def __len__(self) -> int:
        return len(self.tokens)

    def take(self, index: Tensor) -> Cond:
        where = index.to(self.tokens.device)
        return {**self._states(self.tokens[where]), **{name: value[where] for name, value in self.given.items()}}

    def null(self, cond: Cond) -> Cond:
        return {**cond, "states": self.empty.expand(len(cond["states"]), -1, -1)}

    @full_precision()
    @torch.no_grad()
    def _states(self, tokens: Tensor) -> Cond:
        return {"states": self.text(tokens)[0].float()}


class LineReader:
    """Of an opened model with one text encoder. ValueError where it has more."""

    def __init__(self, model: Open):
        encoders = model.parts.encoders
        if len(encoders) != 1:
            raise ValueError(f"{model.id} has {len(encoders)} text encoders; captions of a world are taught to models with one")
        self.tokenizer, self.device = model.parts.tokenizers[0], model.device
        self.text = copy.deepcopy(encoders[0]).float().eval().requires_grad_(False)
        self.empty = tokenize(self.tokenizer, [""])[0].to(self.device)

    def read(self, lines: Sequence[Said]) -> TokenLines:
        tokens = tokens_of(self.tokenizer, [line.text for line in lines]).to(self.device)
        return TokenLines(tokens, self.empty, self.text, lines)


def tokens_of(tokenizer: PreTrainedTokenizerBase, lines: Sequence[str]) -> Tensor:
    """`tokenize` of lines of which many are equal: int64 [N, L]."""
    unique = sorted(set(lines))
    row = {line: i for i, line in enumerate(unique)}
    return tokenize(tokenizer, unique)[[row[line] for line in lines]]
