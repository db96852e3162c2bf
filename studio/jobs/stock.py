"""What the engine is handed by whoever knows what requests are about. It passes these on and looks into none of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, runtime_checkable

from studio.core.files import Json
from studio.jobs.paths import Paths


class Stock(Protocol):
    """What requests may name: models, and whatever else lies in a data folder besides runs."""

    def context(self, home: Paths) -> Json:
        """What a request is checked against: the validation context of its pydantic model."""

    def parcel(self, config: Json, home: Paths) -> Iterable[tuple[str, bytes]]:
        """(path below the data folder, contents) of all that a request names, for a machine that has nothing."""

    def made(self, home: Paths) -> dict[str, Path]:
        """Files that runs added to the data folder's models, by path below them, and to its other folders, by path below it."""

    def install(self, home: Paths, run: Path, made: Path) -> dict[str, str]:
        """List what a run made on another machine, as if it had been executed here; {its id there: its id here}."""


class Tools(Protocol):
    """What a run works with: given to whatever does its work."""

    @property
    def device(self) -> str:
        """cpu, cuda, cuda:1 or mps."""

    def context(self) -> Json:
        """What the request is checked against when the run begins."""


@runtime_checkable
class Relieving(Protocol):
    """Tools that hold memory and can give it back."""

    def relieve(self) -> str:
        """Let go of everything after memory ran out; one or two sentences of what would hold less."""


class _Empty:
    """A stock of nothing, for kinds that name nothing."""

    def context(self, home: Paths) -> Json:
        return {}

    def parcel(self, config: Json, home: Paths) -> Iterable[tuple[str, bytes]]:
        return ()

    def made(self, home: Paths) -> dict[str, Path]:
        return {}

    def install(self, home: Paths, run: Path, made: Path) -> dict[str, str]:
        return {}


EMPTY: Stock = _Empty()
