"""What a run needs on a machine that has nothing: the program, and the models that its request names, as tar files.

A parcel is named by a hash of its contents, so that the runs of a sweep share it and it is sent once.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable
from importlib import metadata

from studio.jobs.paths import CODE, PACKED, ROOT, Paths
from studio.jobs.run import Spec
from studio.jobs.stock import Stock


def program() -> tuple[str, bytes]:
    """(name, bytes) of a parcel that unpacks to program/: the package, its presets, shipped subjects and requirements, without
    weights."""
    files: list[tuple[str, bytes]] = []
    for base, folder in ((CODE, "studio"), (ROOT, "presets"), (ROOT, "assets/subjects")):
        for path in sorted((base / folder).rglob("*")):
            inside = path.relative_to(base)
            left_out = "__pycache__" in inside.parts or inside.parts[:2] == ("presets", "models") or PACKED in path.parents
            if path.is_file() and not left_out:
                files.append((f"program/{inside.as_posix()}", path.read_bytes()))
    files.append(("program/requirements.txt", _requirements()))
    return _pack(files)


def _requirements() -> bytes:
    """The checkout's file; of an installed package what its metadata say."""
    if (CODE / "requirements.txt").is_file() and ROOT == CODE:
        return (CODE / "requirements.txt").read_bytes()
    declared = metadata.requires("distillation-studio") or []
    return "".join(f"{line}\n" for line in declared if "extra ==" not in line).encode()


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
