"""Adapter files in and out: a file from elsewhere becomes a listed adapter, a listed one a file for other programs.

Worker side: opens models, because only a model knows which names of a file are its layers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from studio.core.edit import Edit
from studio.families import adapter_files
from studio.services.adapters import CARD, FAMILY, FILE, AdapterEntry, check_name, described, home, load_adapters
from studio.services.explain import brief
from studio.services.models import ModelEntry, Registry
from studio.services.paths import Paths, new_run_id
from studio.services.students import save_student
from studio.services.warm import ModelCache, pick_device


def import_file(
    paths: Paths, registry: Registry, file: Path, name: str, base: str, device: str | None = None
) -> tuple[str, list[str]]:
    """(id of the new adapter, sentences on what fitted). ValueError in one sentence where the file does not fit the model.

    base: the model it is for. The adapter is kept in the diffusers layout; a card that a file brings from here says itself
    what it was trained on.
    """
    check_name(paths, name)
    entry = _usable(registry, base)
    if not file.exists():
        raise ValueError(f"{brief(file.name)} is not there; a .safetensors file or a PEFT folder would fit.")
    model = ModelCache(pick_device(device)).model(entry)
    edit, report = adapter_files.read(file, adapter_files.targets(model.modules))
    # a card that was written here says what it was trained on; of any other file only the person knows
    mine = edit.card.base in registry.entries and bool(edit.card.base_hash)
    card = edit.card if mine else edit.card.model_copy(update={"base": entry.id, "domain": entry.domain})
    edit = Edit(edit.pairs, card, edit.tokens)
    words = sorted({word.removesuffix("@2") for word in edit.tokens})

    def write(target: Path) -> None:
        target.mkdir(parents=True)
        adapter_files.write(edit, target / FILE, "diffusers", private=True)
        about = described(entry, card.model_dump(mode="json"), ranks=edit.ranks, layers=len(edit.pairs), words=words, run=token)
        (target / CARD).write_text(json.dumps(about, indent=1, allow_nan=False) + "\n")

    token = f"import-{new_run_id()}"
    listed = save_student(home(paths), name, token, write)
    return f"{FAMILY}/{listed}", [report.sentence, *(f"{notice}." for notice in report.notices)]


def export_file(
    paths: Paths, registry: Registry, adapter_id: str, path: Path, layout: str, strip: bool, device: str | None = None
) -> list[Path]:
    """Write a listed adapter in a layout; the files that were written. strip: without what may be private."""
    if layout not in adapter_files.LAYOUTS:
        raise ValueError(f"The layout {brief(layout)} is unknown; {', '.join(adapter_files.LAYOUTS)} are there.")
    adapter = load_adapters(paths).get(adapter_id)
    if not adapter.available:
        raise ValueError(adapter.reason)
    edit = open_edit(adapter, registry, ModelCache(pick_device(device)))
    return adapter_files.write(edit, path, cast(Any, layout), private=not strip)


def open_edit(adapter: AdapterEntry, registry: Registry, models: ModelCache) -> Edit:
    """The adapter's own weights, read against a model that it fits. ValueError where there is none."""
    known = [registry.entries[adapter.base]] if adapter.base in registry.entries else []
    fitting = next((entry for entry in (*known, *registry.entries.values()) if adapter.fits(entry)), None)
    if fitting is None:
        raise ValueError(f"No model here fits {adapter.id}; it was made for {adapter.base or 'an unknown model'}.")
    return adapter_files.read(adapter.file, adapter_files.targets(models.model(fitting).modules))[0]


def _usable(registry: Registry, base: str) -> ModelEntry:
    entry = registry.get(base)
    if not entry.available:
        raise ValueError(entry.reason)
    return entry
