"""Adapter files in and out: a file from elsewhere becomes a listed adapter, a listed one a file for other programs.

Worker side: opens models, because only a model knows which names of a file are its layers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from studio.capabilities.adapters.request import AdapterRequest
from studio.core.edit import Edit
from studio.core.explain import brief
from studio.core.family import AdapterFiles
from studio.core.files import Json, read_json
from studio.core.word_rows import plain
from studio.jobs.paths import Paths, new_run_id
from studio.jobs.run import Run
from studio.library.adapter_uses import AdapterUse, check, distinct
from studio.library.adapters import CARD, FAMILY, FILE, NAME, AdapterEntry, check_name, copies, described, home, load_adapters
from studio.library.hint_uses import uploads
from studio.library.models import ModelEntry, Registry
from studio.library.saving import list_changed, save_student
from studio.workshop.open_models import ModelCache
from studio.workshop.tools import Tools


class AdapterWork:
    """One run of the kind `adapter`; {"id" of what was made, "said" sentences, "files" to download}."""

    def __init__(self, request: AdapterRequest, run: Run[Tools]):
        self.request, self.job, self.paths = request, run, run.home

    def run(self) -> Json:
        self.job.state("running")
        return {"import": self._import, "merge": self._merge, "export": self._export}[self.request.action]()

    def _import(self) -> Json:
        request, run = self.request, self.job
        copy = copies(self.paths) / request.file
        file = copy if copy.is_file() else uploads(self.paths) / request.file
        try:
            made, said = import_file(self.paths, run.tools.registry, file, request.name, request.model, run.tools.models)
        finally:
            copy.unlink(missing_ok=True)
        return {"id": made, "said": [f"It is listed as {made}.", *said], "files": []}

    def _merge(self) -> Json:
        request, run = self.request, self.job
        made = merge_into(self.paths, run.tools.registry, request.model, request.adapters, request.name, run.tools.models)
        return {"id": made, "said": [f"The model is listed as {made}."], "files": []}

    def _export(self) -> Json:
        request, run = self.request, self.job
        name = request.adapter.replace("/", "-")
        target = run.folder / "artifacts" / (f"{name}-peft" if request.layout == "peft" else f"{name}.safetensors")
        target.parent.mkdir(parents=True, exist_ok=True)
        found = export_file(
            self.paths, run.tools.registry, request.adapter, target, request.layout, request.strip, run.tools.models
        )
        files = [str(file.relative_to(run.folder)) for file in found]
        return {"id": request.adapter, "said": [f"{request.adapter} in the {request.layout} layout."], "files": files}


def import_file(paths: Paths, registry: Registry, file: Path, name: str, base: str, models: ModelCache) -> tuple[str, list[str]]:
    """(id of the new adapter, sentences on what fitted). ValueError in one sentence where the file does not fit the model.

    base: the model it is for. The adapter is kept in the diffusers layout; a card that a file brings from here says itself
    what it was trained on.
    """
    check_name(paths, name)
    entry = _usable(registry, base)
    if not file.exists():
        raise ValueError(f"{brief(file.name)} is not there; a .safetensors file or a PEFT folder would fit.")
    model = models.model(entry)
    edit, report = model.adapter_files.read(file)
    # a card that was written here says what it was trained on; of any other file only the person knows
    mine = edit.card.base in registry.entries and bool(edit.card.base_hash)
    card = edit.card if mine else edit.card.model_copy(update={"base": entry.id, "domain": entry.domain})
    edit = replace(edit, card=card)
    words = sorted({plain(word) for word in edit.tokens})

    def write(target: Path) -> None:
        target.mkdir(parents=True)
        model.adapter_files.write(edit, target / FILE)
        about = described(entry, card.model_dump(mode="json"), ranks=edit.ranks, layers=len(edit.pairs), words=words, run=token)
        (target / CARD).write_text(json.dumps(about, indent=1, allow_nan=False) + "\n")

    token = f"import-{new_run_id()}"
    listed = save_student(home(paths), name, token, write)
    return f"{FAMILY}/{listed}", [report.sentence, *(f"{notice}." for notice in report.notices)]


def export_file(
    paths: Paths,
    registry: Registry,
    adapter_id: str,
    path: Path,
    layout: str,
    strip: bool,
    models: ModelCache,
    rank: int | None = None,
    keep: float = 1.0,
) -> list[Path]:
    """Write a listed adapter in a layout; the files that were written. strip: without what may be private. rank: at most.
    keep: share of its squared change, over all layers."""
    adapter = load_adapters(paths).get(adapter_id)
    if not adapter.available:
        raise ValueError(adapter.reason)
    edit, files = open_edit(adapter, registry, models)
    edit = (edit if rank is None else edit.resized(rank)).trimmed(keep)
    return files.write(edit, path, layout, private=not strip)


def open_edit(adapter: AdapterEntry, registry: Registry, models: ModelCache) -> tuple[Edit, AdapterFiles]:
    """The adapter's own weights, and the files of the model against which they were read. ValueError where none fits."""
    known = [registry.entries[adapter.base]] if adapter.base in registry.entries else []
    fitting = next((entry for entry in (*known, *registry.entries.values()) if adapter.fits(entry)), None)
    if fitting is None:
        raise ValueError(f"No model here fits {adapter.id}; it was made for {adapter.base or 'an unknown model'}.")
    files = models.model(fitting).adapter_files
    return files.read(adapter.file)[0], files


def merge_into(paths: Paths, registry: Registry, base: str, uses: Sequence[AdapterUse], name: str, models: ModelCache) -> str:
    """Save a model with adapters merged into its weights, as a model of its own that every list shows; returns its id.

    An adapter's `on` plays no part: weights are the same at every step. ValueError in one sentence where one does not fit.
    """
    adapters, entry = load_adapters(paths), _usable(registry, base)
    uses = [use.model_copy(update={"on": "all"}) for use in uses if use.strength]
    if not uses:
        raise ValueError("No adapter has a strength other than 0, so nothing would be merged; at least one would fit.")
    check(distinct(uses), [entry.id], registry, adapters)
    if not NAME.fullmatch(name):
        raise ValueError(f"The name {brief(name, 40)} does not fit; up to 40 lower-case letters, digits, ., _ and - would.")
    known = [(adapters.get(use.id), use.strength) for use in uses]
    edits = [(open_edit(adapter, registry, models)[0], strength * adapter.calibration) for adapter, strength in known]
    token, said = f"merge-{new_run_id()}", ", ".join(use.said(adapters.get(use.id).title) for use in uses)

    def write(target: Path) -> None:
        models.whole(entry).adapter_files.merge(edits, target)
        card = read_json(target / CARD) or {}
        (target / CARD).write_text(json.dumps(card | {"run": token}, indent=2, allow_nan=False) + "\n")

    listed = save_student(paths.models, name, token, write)
    return list_changed(paths.models, listed, entry, f"{entry.title} with {said} merged into its weights.")


def _usable(registry: Registry, base: str) -> ModelEntry:
    entry = registry.get(base)
    if not entry.available:
        raise ValueError(entry.reason)
    return entry
