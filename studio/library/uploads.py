"""Weights that come through the page: one .safetensors at a time, streamed to the data folder's `models/uploads/`. No torch.

A file is written in a folder of its own and gets its place only when all its bytes are there and its header is whole, so what
breaks off leaves nothing. On the page such a file is called `uploads/NAME`.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import uuid
from pathlib import Path

from studio.core.explain import brief
from studio.families.layout import WEIGHTS
from studio.families.stable.original.header import read_header
from studio.jobs.paths import Paths
from studio.library.hub_files import told_bytes
from studio.library.listed_sources import listed_sources
from studio.library.pickles import file_refused, is_pickle

PREFIX = "uploads/"
MOST_BYTES = 64 << 30  # of one file
SPARE = 1 << 30  # bytes of the disk that stay free
LEFT_S = 86_400  # after which what a stopped server left is taken away


def uploads(paths: Paths) -> Path:
    return paths.models / "uploads"


def is_upload(paths: Paths, place: Path) -> bool:
    """Whether a file came through the page."""
    return place.resolve().parent == uploads(paths).resolve()


def place_of(paths: Paths, text: str) -> str:
    """What a person typed, where it names an upload its path, else as it is."""
    name = text.removeprefix(PREFIX)
    file = uploads(paths) / name
    return str(file) if text.startswith(PREFIX) and Path(name).name == name and file.is_file() else text


def check_room(paths: Paths, name: str, size: int) -> str:
    """The name that a file gets. ValueError in one sentence where it cannot come."""
    if is_pickle(name):
        raise ValueError(file_refused(brief(name).strip("'")))
    if not name.endswith(WEIGHTS):
        raise ValueError(f"{brief(name)} is no .safetensors file, which would fit.")
    if not 16 <= size <= MOST_BYTES:
        raise ValueError(f"{brief(name)} has {size:,} bytes; 16 to {MOST_BYTES:,} fit.")
    free = shutil.disk_usage(paths.root).free
    if size + SPARE > free:
        raise ValueError(
            f"{brief(name)} takes {told_bytes(size)}, and the disk of the data folder has {told_bytes(free)} free, of which "
            f"{told_bytes(SPARE)} stay free; free some first."
        )
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name.replace("\\", "/")).name.removesuffix(WEIGHTS))[:100].strip("._-")
    return f"{stem or 'weights'}{WEIGHTS}"


class Incoming:
    """A file on its way, as a context; what is not kept at its end is gone. size: bytes, as they were announced."""

    def __init__(self, paths: Paths, name: str, size: int):
        self.name, self.size, self.done = check_room(paths, name, size), size, 0
        self.home = uploads(paths)
        self.folder = self.home / f".{uuid.uuid4().hex}"

    def __enter__(self) -> Incoming:
        self.home.mkdir(parents=True, exist_ok=True)
        for left in self.home.glob(".*"):
            if time.time() - left.stat().st_mtime > LEFT_S:
                shutil.rmtree(left, ignore_errors=True)
        self.folder.mkdir()
        self._file = open(self.folder / self.name, "wb")
        return self

    def write(self, data: bytes) -> None:
        """ValueError where more comes than was announced."""
        self.done += len(data)
        if self.done > self.size:
            raise ValueError(f"{self.name} is longer than its {self.size:,} bytes; another try would fit.")
        self._file.write(data)

    def keep(self) -> str:
        """What it is called from now on. ValueError where it is not whole, or no safetensors."""
        self._file.flush()
        os.fsync(self._file.fileno())
        if self.done != self.size:
            raise ValueError(f"{self.name} broke off at {self.done:,} bytes of {self.size:,}; another try would fit.")
        try:
            read_header(self.folder / self.name)
        except ValueError as error:
            raise ValueError(f"{error}.") from error
        for number in range(1, 1000):
            name = self.name if number == 1 else f"{self.name.removesuffix(WEIGHTS)}-{number}{WEIGHTS}"
            if not (self.home / name).exists():
                os.replace(self.folder / self.name, self.home / name)
                return f"{PREFIX}{name}"
        raise ValueError(f"There are a thousand uploads called {self.name}; another name would fit.")

    def __exit__(self, *_: object) -> None:
        self._file.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def forget(paths: Paths, text: str) -> None:
    """Take an upload away that nothing was made of. ValueError in one sentence."""
    file = Path(place_of(paths, text))
    if not text.startswith(PREFIX) or not is_upload(paths, file):
        raise ValueError(f"{brief(text)} is no upload.")
    if user := used_by(paths, file):
        raise ValueError(f"{brief(text)} is used by {user}; removing that takes it along.")
    file.unlink(missing_ok=True)


def used_by(paths: Paths, file: Path, but: str = "") -> str:
    """Id of a listed model that is made of a file, besides one; "" where none is."""
    sources = {one.id: one.source.path for one in listed_sources(paths).values() if one.source.path and one.id != but}
    return next((name for name, path in sources.items() if Path(path).expanduser() == file.resolve()), "")
