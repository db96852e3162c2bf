"""What a run needs on a machine that has nothing: the program, and the models that its request names, as tar files.

A parcel is named by a hash of its contents, so that the runs of a sweep share it and it is sent once.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from studio.services.models import ModelEntry, Registry
from studio.services.paths import ROOT
from studio.services.run import Spec


def program() -> tuple[str, bytes]:
    """(name, bytes) of a parcel that unpacks to program/: the package, its presets and requirements, without weights."""
    files: list[tuple[str, bytes]] = []
    for folder in ("studio", "presets"):
        for path in sorted((ROOT / folder).rglob("*")):
            inside = path.relative_to(ROOT)
            if path.is_file() and "__pycache__" not in inside.parts and inside.parts[:2] != ("presets", "models"):
                files.append((f"program/{inside.as_posix()}", path.read_bytes()))
    files.append(("program/requirements.txt", (ROOT / "requirements.txt").read_bytes()))
    return _pack(files)


def models(spec: Spec, registry: Registry) -> tuple[str, bytes]:
    """(name, bytes) of a parcel that unpacks to data/models/: every model that the request names, listed as here."""
    files: list[tuple[str, bytes]] = []
    for entry in needed(spec.config, registry):
        name = entry.id.replace("/", "--")
        files.append((f"data/models/{name}.yaml", yaml.safe_dump(_listing(entry, name), sort_keys=True).encode()))
        files += _folder(entry.folder, f"data/models/{name}")
        if entry.oracle is not None and entry.oracle.is_dir():
            files += _folder(entry.oracle, f"data/models/{name}-oracle")
    return _pack(files)


def needed(config: Mapping[str, Any], registry: Registry) -> list[ModelEntry]:
    """Models whose id is a value of a request, and the teachers of the students among them."""
    named = [value for given in config.values() for value in (given if isinstance(given, (list, tuple)) else (given,))]
    found: dict[str, ModelEntry] = {}
    for value in named:
        entry = registry.entries.get(value) if isinstance(value, str) else None
        while entry is not None and entry.id not in found:
            found[entry.id] = entry
            entry = registry.entries.get(entry.teacher or "")
    return list(found.values())


def _listing(entry: ModelEntry, name: str) -> dict[str, Any]:
    listing = {
        "id": entry.id, "title": entry.title, "role": entry.role, "domain": entry.domain, "folder": name, "size": entry.size,
        "summary": entry.summary, "teacher": entry.teacher, "recipe": entry.recipe,
        "sampling": entry.sampling.model_dump(mode="json"), "oracle": f"{name}-oracle" if entry.oracle else None,
    }  # fmt: skip
    return {key: value for key, value in listing.items() if value is not None}


def _folder(folder: Path, under: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"{under}/{path.relative_to(folder).as_posix()}", path.read_bytes()


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
