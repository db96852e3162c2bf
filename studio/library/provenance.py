"""Whether the weights that made something are still those that are here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from studio.core.files import Json
from studio.core.kept_hashes import KeptHashes
from studio.core.recipe import weights_hash
from studio.library.models import Registry

HASH_BYTES = 200 << 20  # weights of more bytes than this are not read while a person waits


def changed_models(made_with: Json, now: Json) -> list[str]:
    """Sentences for models whose weights are no longer those a picture or an older run was made with.

    Both arguments are the `models` of a result or of a picture: {id: {"hash", "title"}}.
    """
    out = []
    for model_id, then in made_with.items():
        old, new = (then or {}).get("hash"), (now.get(model_id) or {}).get("hash")
        if old and new and old != new:
            out.append(f"{model_id} has other weights now ({new}) than then ({old}); the pictures will differ.")
    return out


def hashes(model_ids: Iterable[str], registry: Registry, kept: Path | None = None, limit_bytes: int = HASH_BYTES) -> Json:
    """{id: {"hash"}} of models that are here and small enough to be read while a person waits, or whose hash is kept.

    kept: file of hashes that were computed before (`Paths.hashes`).
    """
    found = {}
    for model_id in model_ids:
        entry = registry.entries.get(model_id)
        if entry is not None and entry.available:
            size = sum(path.stat().st_size for path in entry.folder.rglob("*.safetensors"))
            read = KeptHashes(kept).of_folder(entry.folder, limit_bytes) if kept else None
            if read is None and 0 < size <= limit_bytes:
                read = weights_hash(entry.folder)
            if read is not None:
                found[model_id] = {"hash": read}
    return found


def missing_models(made_with: Json, registry: Registry) -> list[str]:
    """Sentences for models of a picture that cannot be opened here."""
    out = []
    for model_id in made_with:
        entry = registry.entries.get(model_id)
        if entry is None:
            out.append(f"{str(model_id)[:60]} is not on this machine.")
        elif not entry.available:
            out.append(entry.reason)
    return out
