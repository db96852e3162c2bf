"""The adapters there are: shipped ones in `assets/<size>/adapters/<name>/`, people's in `<data>/adapters/mine/<name>/`.

A folder holds `adapter.safetensors` (diffusers layout, new words beside it) and `card.json`, which this registry reads. What
is damaged or missing is listed with its reason. Reads JSON only: no weights, no torch.
"""

from __future__ import annotations

import math
import re
import shutil
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from studio.core import demo
from studio.core.explain import brief, did_you_mean
from studio.core.files import Json, read_json
from studio.families import family_of
from studio.jobs.paths import ASSETS, Paths
from studio.library.models import FAMILY, ModelEntry

FILE, CARD = "adapter.safetensors", "card.json"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
COPY_KEPT_S = 7 * 86_400  # of a file whose import never began


@dataclass(frozen=True)
class AdapterEntry:
    """An adapter that is listed. card: that of the edit (`studio.core.edit.EditCard`) as plain values.

    domain, size, architecture: of the models it fits. run: id of the run that made it, where one did. axis: of a discovered
    direction, {"along": unit vector in the oracle's features, "std": the base's spread along it}.
    """

    id: str
    title: str
    folder: Path
    card: Json = field(default_factory=dict)
    domain: str = ""
    size: int = 0
    architecture: str = ""
    ranks: tuple[int, ...] = ()
    layers: int = 0
    words: tuple[str, ...] = ()
    run: str = ""
    axis: Json = field(default_factory=dict)
    available: bool = True
    reason: str = ""  # why it is not available, one sentence

    @property
    def file(self) -> Path:
        return self.folder / FILE

    @property
    def base(self) -> str:
        """Id of the model it was trained on."""
        return str(self.card.get("base", ""))

    @property
    def rank(self) -> str:
        """Of its layers: "4", or "1 to 4" where they differ."""
        ends = sorted({min(self.ranks), max(self.ranks)}) if self.ranks else []
        return " to ".join(map(str, ends))

    @property
    def calibration(self) -> float:
        """Scale that strength 1 stands for."""
        given = self.card.get("calibration")
        return float(given) if isinstance(given, int | float) and math.isfinite(given) and given else 1.0

    def misfit(self, model: ModelEntry) -> str:
        """Why it cannot be applied to a model, one sentence; empty where it can."""
        if not self.available:
            return self.reason
        if not model.available:
            return model.reason
        if model.domain != self.domain:
            return f"{self.id} is for models of the domain {self.domain or 'unknown'}, and {model.id} is of {model.domain}."
        if model.size != self.size:
            return f"{self.id} is for models of {self.size} pixels, and {model.id} draws {model.size}."
        if architecture(model.folder) != self.architecture:
            return f"{self.id} was made for another architecture than {model.id} has."
        return ""

    def fits(self, model: ModelEntry) -> bool:
        return not self.misfit(model)

    def plain(self) -> Json:
        """For forms: JSON, no paths of this machine."""
        return {"id": self.id, "title": self.title, "base": self.base, "attribute": self.card.get("attribute", ""),
                "unit": self.card.get("unit", ""), "kind": self.card.get("kind", "adapter"), "calibration": self.calibration,
                "ranks": list(self.ranks), "layers": self.layers, "words": list(self.words), "card": self.card,
                "domain": self.domain, "size": self.size, "run": self.run, "available": self.available,
                "reason": self.reason}  # fmt: skip


class Adapters:
    """All adapters by id."""

    def __init__(self, entries: Iterable[AdapterEntry]):
        self.entries: dict[str, AdapterEntry] = {entry.id: entry for entry in entries}

    def get(self, adapter_id: str) -> AdapterEntry:
        if adapter_id in self.entries:
            return self.entries[adapter_id]
        hint = did_you_mean(adapter_id, self.entries) or f" Adapters are {', '.join(self.entries) or 'none yet'}."
        raise ValueError(f"There is no adapter {brief(adapter_id)}.{hint}")

    def for_model(self, model: ModelEntry) -> list[AdapterEntry]:
        """Those that can be applied to it."""
        return [entry for entry in self.entries.values() if entry.fits(model)]


def home(paths: Paths) -> Path:
    """The folder of people's adapters; `mine/<name>/` in it are theirs."""
    return paths.root / "adapters"


def copies(paths: Paths) -> Path:
    """Where the page leaves its own copy of a file to import. A copy goes with its import; no other file ever does."""
    return paths.root / "imports"


def copy_in(paths: Paths, file: Path) -> str:
    """Copy a file that is to be imported; the name of the copy, which nobody can guess. Forgotten copies go on the way."""
    folder = copies(paths)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > COPY_KEPT_S:
            old.unlink(missing_ok=True)
    name = f"{uuid.uuid4().hex}{file.suffix.lower()[:14]}"
    shutil.copyfile(file, folder / name)
    return name


def load_adapters(paths: Paths | None = None) -> Adapters:
    """Shipped adapters, then those of the data folder, each by name."""
    folders = [(path, path.parents[1].name) for path in sorted(ASSETS.glob("*/adapters/*"))]
    if paths is not None:
        folders += [(path, FAMILY) for path in sorted((home(paths) / FAMILY).glob("*"))]
    return Adapters(_entry(path, family) for path, family in folders if path.is_dir() and NAME.fullmatch(path.name))


def check_name(paths: Paths, name: str) -> str:
    """A name that a new adapter can have. ValueError in one sentence."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"The name {brief(name, 40)} does not fit; up to 40 lower-case letters, digits, ., _ and -, "
            "the first a letter or digit, would, like my-slider."
        )
    if (home(paths) / FAMILY / name).exists():
        raise ValueError(f"There is an adapter {FAMILY}/{name} already; another name would fit.")
    return name


def remove(paths: Paths, adapter_id: str) -> None:
    """Take a person's adapter away. ValueError for one that is not theirs."""
    demo.check("delete")
    entry = load_adapters(paths).get(adapter_id)
    if entry.folder.parent != home(paths) / FAMILY:
        raise ValueError(f"{entry.id} is shipped with the studio; your own are called {FAMILY}/….")
    shutil.rmtree(entry.folder)


def architecture(folder: Path) -> str:
    """Equal for models whose layers the same adapters fit; '' where no family knows the folder."""
    family = family_of(folder)
    return "" if family is None else family.architecture(folder)


def made_for(model: ModelEntry, run: str = "") -> Json:
    """What every card.json says, of what was made for a model by a run."""
    return {"run": run, "domain": model.domain, "size": model.size, "architecture": architecture(model.folder)}


def described(
    model: ModelEntry,
    card: Json,
    *,
    ranks: Iterable[int],
    layers: int,
    words: Iterable[str] = (),
    run: str = "",
    axis: Json | None = None,
) -> Json:
    """What card.json holds, of an adapter that was made for a model."""
    return {**made_for(model, run), "ranks": list(ranks), "layers": layers, "words": list(words),
            **({"axis": axis} if axis else {}), "card": card}  # fmt: skip


def _entry(folder: Path, family: str) -> AdapterEntry:
    adapter_id, found = f"{family}/{folder.name}", read_json(folder / CARD)
    if found is None or not isinstance(found.get("card"), dict):
        return AdapterEntry(adapter_id, folder.name, folder, available=False, reason=f"{adapter_id} has no readable {CARD}.")
    card = found["card"]
    reason = "" if (folder / FILE).is_file() else f"{adapter_id} is not on this machine yet: its {FILE} is missing."
    try:
        return AdapterEntry(
            adapter_id,
            str(card.get("title") or folder.name)[:80],
            folder,
            card,
            str(found.get("domain", "")),
            int(found.get("size", 0)),
            str(found.get("architecture", "")),
            tuple(int(r) for r in found.get("ranks", ())),
            int(found.get("layers", 0)),
            tuple(str(word) for word in found.get("words", ())),
            str(found.get("run") or ""),
            dict(found.get("axis") or {}),
            not reason,
            reason,
        )
    except (TypeError, ValueError):
        return AdapterEntry(adapter_id, folder.name, folder, available=False, reason=f"The {CARD} of {adapter_id} is damaged.")
