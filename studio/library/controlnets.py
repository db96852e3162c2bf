"""The ControlNets there are: shipped in `assets/<size>/controlnets/<name>/`, people's in `<data>/controlnets/<family>/<name>/`.

A folder holds `control.safetensors` (differences from a base's encoder) and `card.json`, or is one that diffusers wrote
(`config.json` and weights), for SD and SDXL. What is damaged or missing is listed with its reason. Reads JSON only: no torch.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from studio.core import demo
from studio.core.explain import brief, did_you_mean
from studio.core.files import Json, read_json
from studio.families import control_misfit
from studio.jobs.paths import ASSETS, Paths
from studio.library.adapters import CARD, NAME, architecture
from studio.library.models import FAMILY, ModelEntry

FILE, CONFIG = "control.safetensors", "config.json"


@dataclass(frozen=True)
class ControlNetEntry:
    """A ControlNet that is listed. hint: the kind of picture it reads ("layout", "edges"; "" where nobody says).

    base: id of the model it was trained on, "" for one from elsewhere. run: id of the run that made it.
    """

    id: str
    title: str
    folder: Path
    hint: str = ""
    base: str = ""
    domain: str = ""
    size: int = 0
    architecture: str = ""
    card: Json = field(default_factory=dict)
    run: str = ""
    available: bool = True
    reason: str = ""  # why it is not available, one sentence

    @property
    def path(self) -> Path:
        """What `Model.load_control` takes."""
        return self.folder / FILE if (self.folder / FILE).is_file() else self.folder

    @property
    def needs_base(self) -> bool:
        """Whether its base must be open beside the model it is put on: it holds differences from that encoder."""
        return bool(self.base)

    def misfit(self, model: ModelEntry) -> str:
        """Why it cannot be put on a model, one sentence; empty where it can."""
        if not self.available or not model.available:
            return self.reason or model.reason
        if not self.base:
            return self._foreign(model)
        if model.size != self.size or model.domain != self.domain:
            return (
                f"{self.id} is for models of the domain {self.domain} that draw {self.size} pixels, and {model.id} is of "
                f"{model.domain} and draws {model.size}."
            )
        if architecture(model.folder) != self.architecture:
            return f"{self.id} was made for another architecture than {model.id} has."
        return ""

    def _foreign(self, model: ModelEntry) -> str:
        try:
            other = control_misfit(model.folder, self.folder)
        except ValueError as error:
            return f"{self.id} cannot be put on {model.id}: {error}."
        return f"{self.id} was made for another architecture than {model.id} has: {other}." if other else ""

    def fits(self, model: ModelEntry) -> bool:
        return not self.misfit(model)

    def plain(self) -> Json:
        """For forms: JSON, no paths of this machine."""
        return {"id": self.id, "title": self.title, "hint": self.hint, "base": self.base, "domain": self.domain,
                "size": self.size, "card": self.card, "run": self.run, "available": self.available,
                "reason": self.reason}  # fmt: skip


class ControlNets:
    """All ControlNets by id."""

    def __init__(self, entries: Iterable[ControlNetEntry]):
        self.entries: dict[str, ControlNetEntry] = {entry.id: entry for entry in entries}

    def get(self, control_id: str) -> ControlNetEntry:
        if control_id in self.entries:
            return self.entries[control_id]
        hint = did_you_mean(control_id, self.entries) or f" There are {', '.join(self.entries) or 'none yet'}."
        raise ValueError(f"There is no ControlNet {brief(control_id)}.{hint}")

    def for_model(self, model: ModelEntry) -> list[ControlNetEntry]:
        """Those that can be put on it."""
        return [entry for entry in self.entries.values() if entry.fits(model)]


def home(paths: Paths) -> Path:
    """The folder of people's ControlNets; `mine/<name>/` in it are those that jobs made."""
    return paths.root / "controlnets"


def load_controlnets(paths: Paths | None = None) -> ControlNets:
    """Shipped ones, then those of the data folder, each by name."""
    folders = [(path, path.parents[1].name) for path in sorted(ASSETS.glob("*/controlnets/*"))]
    if paths is not None:
        folders += [(path, path.parent.name) for path in sorted(home(paths).glob("*/*"))]
    return ControlNets(
        _entry(path, family) for path, family in folders if path.is_dir() and NAME.fullmatch(path.name) and NAME.fullmatch(family)
    )


def remove(paths: Paths, control_id: str) -> None:
    """Take a person's ControlNet away. ValueError for one that is not theirs."""
    demo.check("delete")
    entry = load_controlnets(paths).get(control_id)
    if entry.folder.parent != home(paths) / FAMILY:
        raise ValueError(f"{entry.id} was not made here; your own are called {FAMILY}/….")
    shutil.rmtree(entry.folder)


def _entry(folder: Path, family: str) -> ControlNetEntry:
    control_id, about = f"{family}/{folder.name}", read_json(folder / CARD)
    if (config := read_json(folder / CONFIG)) is not None:
        return _from_elsewhere(control_id, folder, config, (about or {}).get("card"))
    if about is None or not isinstance(about.get("card"), dict) or not about["card"].get("base"):
        return ControlNetEntry(control_id, folder.name, folder, available=False, reason=f"{control_id} has no readable {CARD}.")
    card = about["card"]
    reason = "" if (folder / FILE).is_file() else f"{control_id} is not on this machine yet: its {FILE} is missing."
    size = about.get("size")
    return ControlNetEntry(
        control_id,
        str(card.get("title") or folder.name),
        folder,
        str(card.get("hint", "")),
        str(card["base"]),
        str(about.get("domain", "")),
        size if isinstance(size, int) else 0,
        str(about.get("architecture", "")),
        card,
        str(about.get("run", "")),
        not reason,
        reason,
    )


def _from_elsewhere(control_id: str, folder: Path, config: Json, said: object) -> ControlNetEntry:
    """A folder of diffusers. said: its card, where it was brought (`bringing_controlnets`)."""
    card = said if isinstance(said, dict) else {}
    found = config.get("_class_name")
    reason = "" if found == "ControlNetModel" else f"{control_id} holds a {found}; a ControlNetModel would fit."
    files = list(folder.glob("*.safetensors"))
    if not reason and not files:
        reason = f"{control_id} has no .safetensors file."
    if not reason and not all(file.exists() for file in files):
        reason = f"{control_id} is not on this machine any more: the file it was brought from has gone."
    return ControlNetEntry(
        control_id,
        str(card.get("title") or folder.name)[:80],
        folder,
        str(card.get("hint") or "")[:40],
        card=card,
        available=not reason,
        reason=reason,
    )
