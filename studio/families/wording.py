"""Opened models that read new words: those of adapters, on while the model is at work and gone again bit for bit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from studio.core.residency import Role
from studio.families.opened import Opened
from studio.families.vocabulary import Vocabulary


class Wording(Opened):
    """A model with a vocabulary (`families.vocabulary`)."""

    @property
    @abstractmethod
    def _vocabulary(self) -> Vocabulary:
        """Of the model's own tokenizers and encoders, the same at every call."""

    def step_aside(self) -> None:
        super().step_aside()
        self._vocabulary.aside()

    def step_in(self) -> None:
        super().step_in()
        self._vocabulary.back()

    def moved(self, role: Role, device: torch.device) -> None:
        if role == "encoders":
            self._vocabulary.to(device)

    def _learn(self, name: str, tokens: Mapping[str, Tensor]) -> None:
        """{"<word>": [n, width]}, with a mark for encoders that are no first CLIP (`core.word_rows`)."""
        self._take_turn()
        self._vocabulary.add(name, tokens)

    def unload_tokens(self, name: str) -> None:
        """Forget the words that were loaded under a name; tokenizer and rows are then the original objects."""
        self._take_turn()
        self._vocabulary.remove(name)

    def knowing(self, tokens: Sequence[Mapping[str, Tensor]]) -> AbstractContextManager[None]:
        """For a while just these new words; afterwards those that were known before."""
        self._take_turn()
        return self._vocabulary.only(tokens)

    def _refuse_known(self, name: str) -> None:
        super()._refuse_known(name)
        if name in self._vocabulary.brought:
            raise ValueError(f"adapter {name!r} is already loaded; another name would fit")
