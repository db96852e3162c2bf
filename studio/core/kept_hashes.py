"""Hashes of weight files, kept between processes: gigabytes are read once for files as they are.

A hash is found again by the files' names, places, sizes, and the times at which their bytes and their entry on the disk last
changed. Files that changed a moment ago may change again and look the same, so their hash is not kept.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from studio.core.files import atomic_write, read_json
from studio.core.recipe import files_hash, weights_hash

SETTLED_NS = 2_000_000_000  # file systems tell times apart that are so long apart
MOST = 1000  # hashes that are kept, the ones used longest ago forgotten first


class KeptHashes:
    """file: JSON that any process may read and replace; what is lost of it is computed again."""

    def __init__(self, file: Path):
        self.file = file

    def of_folder(self, folder: Path, limit_bytes: float = float("inf")) -> str | None:
        """`weights_hash`; None where it would have to be computed from more bytes than the limit, or from none."""
        files = sorted(folder.rglob("*.safetensors"), key=lambda path: path.relative_to(folder).as_posix())
        found = self._known(files, folder)
        if found is None and files and sum(path.stat().st_size for path in files) <= limit_bytes:
            found = self.of_files(files, folder)
        return found

    def of_files(self, files: Sequence[Path], root: Path) -> str:
        """`files_hash`."""
        found = self._known(files, root)
        if found is not None:
            return found
        before, begun = _stamp(files), time.time_ns()
        found = files_hash(files, root)
        settled = all(max(s.st_mtime_ns, s.st_ctime_ns) < begun - SETTLED_NS for s in (path.stat() for path in files))
        if settled and _stamp(files) == before:
            self._keep(_name(files, root), before, found)
        return found

    def _known(self, files: Sequence[Path], root: Path) -> str | None:
        found = (read_json(self.file) or {}).get(_name(files, root))
        if not isinstance(found, dict) or found.get("stamp") != _stamp(files):
            return None
        kept = found.get("hash")
        return kept if isinstance(kept, str) else None

    def _keep(self, name: str, stamp: str, found: str) -> None:
        known = {key: value for key, value in (read_json(self.file) or {}).items() if key != name}
        kept = dict([*known.items(), (name, {"stamp": stamp, "hash": found})][-MOST:])
        with suppress(OSError):  # it only saves reading the files again
            atomic_write(self.file, json.dumps(kept), durable=False)


def hash_of(folder: Path, kept: KeptHashes | None) -> str:
    """`weights_hash`, kept where there is a place. FileNotFoundError where the folder has no weights."""
    return (kept.of_folder(folder) if kept else None) or weights_hash(folder)


def files_hash_of(files: Sequence[Path], root: Path, kept: KeptHashes | None) -> str:
    """`files_hash`, kept where there is a place."""
    return kept.of_files(files, root) if kept else files_hash(files, root)


def _name(files: Sequence[Path], root: Path) -> str:
    names = [path.relative_to(root).as_posix() for path in files]
    return f"{root.absolute()}:{hashlib.sha256(repr(names).encode()).hexdigest()[:16]}"


def _stamp(files: Sequence[Path]) -> str:
    """Of the files as they are, wherever links lead."""
    stats = [(str(path.resolve()), path.stat()) for path in files]
    said = [(real, s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for real, s in stats]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]
