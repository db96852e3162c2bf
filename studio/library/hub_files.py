"""What a source is on the Hub and how far its download is, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from studio.core.files import Json
from studio.library.source import Source


@dataclass(frozen=True)
class HubFile:
    """hash: sha256 of a large file, git's sha1 of a small one."""

    path: str
    size: int
    hash: str

    @property
    def large(self) -> bool:
        return len(self.hash) == 64


@dataclass(frozen=True)
class Look:
    """What a source is on the Hub. gated: "", or how access is given, auto or manual."""

    source: Source
    commit: str
    files: tuple[HubFile, ...]
    licence: str | None
    gated: str
    tags: tuple[str, ...] = ()
    index: Json = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def sha256(self) -> str | None:
        """Of the one file that the source names, as far as the Hub says it."""
        named = [file for file in self.files if file.path == self.source.file and file.large]
        return named[0].hash if named else None

    @property
    def pinned(self) -> Source:
        """The source at this commit, with what was read about it."""
        read = {"revision": self.commit, "bytes": self.bytes, "sha256": self.sha256, "licence": self.licence}
        return Source.model_validate({**self.source.model_dump(exclude_none=True), **read})


@dataclass(frozen=True)
class Progress:
    """Bytes that are here, of all; bytes a second since this try began; the file at hand."""

    done: int
    total: int
    rate: float
    file: str = ""


@dataclass(frozen=True)
class Fetched:
    """What came. bytes: of all files; moved: of those that were fetched in this try."""

    folder: Path
    commit: str
    files: tuple[HubFile, ...]
    moved: int

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)


def repository(source: Source) -> str:
    if source.hub is None:
        raise ValueError(f"{source.name} is a place on this machine, so there is nothing to download.")
    return source.hub


def told_bytes(n: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n} bytes"
