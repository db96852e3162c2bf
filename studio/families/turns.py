"""Parts that several open models share: their adapters and words are on for the model that is at work, and off for the others.

A student in the form of a LoRA is its base's network with the LoRA on, and equal text encoders of a pair are held once. What a
model wears is hooks and rows on such parts, so at most one of their users wears anything at a time: asked for its parts, a
model takes its turn, and the one before steps aside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class User(Protocol):
    def step_aside(self) -> None:
        """Take what is worn off the parts, and remember it."""

    def step_in(self) -> None:
        """Put on again what is remembered."""


class Turns:
    """Whose turn it is among models that share parts."""

    def __init__(self) -> None:
        self._user: User | None = None

    def take(self, user: User) -> None:
        if self._user is user:
            return
        self.free()
        self._user = user
        user.step_in()

    def free(self) -> None:
        """Nobody's turn: the parts are bare."""
        user, self._user = self._user, None
        if user is not None:
            user.step_aside()


class Before:
    """Takes a model's turn before its network is asked. The copy of a network, made to be trained, takes none."""

    def __init__(self, take: Callable[[], None] | None = None):
        self._take = take

    def __call__(self) -> None:
        if self._take is not None:
            self._take()

    def __deepcopy__(self, memo: object) -> Before:
        return Before()
