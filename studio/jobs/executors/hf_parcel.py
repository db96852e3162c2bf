"""What a run needs on a machine that has nothing: the program, and the models that its request names, as tar files.

A parcel is named by a hash of its contents, so that the runs of a sweep share it and it is sent once.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable

from studio.jobs.paths import ROOT, Paths
from studio.jobs.run import Spec
from studio.jobs.stock import Stock


def program() -> tuple[str, bytes]:
    """(name, bytes) of a parcel that unpacks to program/: the package, its presets, shipped subjects and requirements, without
    weights."""
    files: list[tuple[str, bytes]] = []
    for folder in ("studio", "presets", "assets/subjects"):
        for path in sorted((ROOT / folder).rglob("*")):
            inside = path.relative_to(ROOT)
            if path.is_file() and "__pycache__" not in inside.parts and inside.parts[:2] != ("presets", "models"):
                files.append((f"program/{inside.as_posix()}", path.read_bytes()))
    files.append(("program/requirements.txt", (ROOT / "requirements.txt").read_bytes()))
    return _pack(files)


def models(spec: Spec, stock: Stock, home: Paths) -> tuple[str, bytes]:
    """(name, bytes) of a parcel that unpacks to data/: all that the request names."""
    return _pack((f"data/{name}", raw) for name, raw in stock.parcel(spec.config, home))


def _pack(files: Iterable[tuple[str, bytes]]) -> tuple[str, bytes]:
    """The same files give the same bytes: no times, owners or order of a file system in them."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    raw = out.getvalue()
    return f"parcels/{hashlib.sha256(raw).hexdigest()[:32]}.tar.gz", raw
