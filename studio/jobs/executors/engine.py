"""The contract between the dispatcher and what executes runs elsewhere, and the two ways in which that can fail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from studio.core.files import Json


class Unreachable(Exception):
    """The engine does not answer now. One sentence; the run waits, and it is tried again."""


class Refused(Exception):
    """The engine will not do it like this (no token, no such machine). One sentence; the run fails and can be resumed."""


@dataclass(frozen=True)
class Look:
    """How a run is at its engine. note: why it ended there, or what it waits for while it has not begun.

    state: how it ended, where the engine knows and the run itself could not say so.
    """

    ended: bool = False
    state: str | None = None
    note: str = ""


class Engine(Protocol):
    """Ray, or Hugging Face Jobs. Methods may block; they are called from a thread for each run, and `open` from one thread.

    Every method may raise `Unreachable` or `Refused`. A handle is whatever JSON the engine needs to find a run again.
    """

    title: str  # in sentences: "The Ray cluster"
    poll_s: float  # between two looks

    def open(self) -> None:
        """Make sure that it can be reached. Cheap when it was reached before."""

    def start(self, folder: Path, executor: Json) -> Json:
        """Hand a run directory over; returns the handle. `executor` is that of its spec."""

    def knows(self, handle: Json) -> bool:
        """Whether a handle, perhaps written by a dispatcher that died, still leads to the run."""

    def look(self, folder: Path, handle: Json) -> Look:
        """How it is. What the run said and made since the last look is in `folder` when this returns."""

    def ask(self, folder: Path, handle: Json, request: str, begun: bool) -> None:
        """Pass on a request that lies in `folder` as a file ("cancel", "stop", "pause", "save", "sample")."""

    def let_go(self, handle: Json) -> None:
        """Forget a run that has ended, with whatever was kept for it."""
