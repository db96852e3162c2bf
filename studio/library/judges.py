"""The judges that were taught: shipped in `assets/<size>/judges/<name>/`, people's in `<data>/judges/<family>/<name>/`.

A folder holds `judge.safetensors` and `card.json`, which says on whose pictures and by whose answers it was taught. What is
damaged or missing is listed with its reason. Reads JSON only: no torch.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from studio.core import demo
from studio.core.explain import brief, did_you_mean
from studio.core.files import Json, read_json
from studio.jobs.paths import ASSETS, Paths
from studio.library.adapters import CARD, NAME
from studio.library.models import FAMILY, ModelEntry

FILE = "judge.safetensors"


@dataclass(frozen=True)
class JudgeEntry:
    """A judge that is listed. base: id of the model on whose pictures it was taught. size: pixels of a side of those. decomposed:
    whether it answers one thing at a time. run: id of the run that made it."""

    id: str
    title: str
    folder: Path
    base: str = ""
    domain: str = ""
    size: int = 0
    decomposed: bool = True
    card: Json = field(default_factory=dict)
    run: str = ""
    available: bool = True
    reason: str = ""  # why it is not available, one sentence

    @property
    def path(self) -> Path:
        return self.folder / FILE

    def misfit(self, model: ModelEntry) -> str:
        """Why it cannot judge what a model draws, one sentence; "" where it can."""
        if not self.available:
            return self.reason
        if self.domain != model.domain:
            return f"{self.id} was taught on the domain {self.domain}, and {model.id} is of {model.domain}."
        return ""

    def plain(self) -> Json:
        """For forms: JSON, no paths of this machine."""
        return {"id": self.id, "title": self.title, "base": self.base, "domain": self.domain, "size": self.size,
                "decomposed": self.decomposed, "card": self.card, "run": self.run, "available": self.available,
                "reason": self.reason}  # fmt: skip


class Judges:
    """All judges by id."""

    def __init__(self, entries: Iterable[JudgeEntry]):
        self.entries: dict[str, JudgeEntry] = {entry.id: entry for entry in entries}

    def get(self, judge_id: str) -> JudgeEntry:
        if judge_id in self.entries:
            return self.entries[judge_id]
        hint = did_you_mean(judge_id, self.entries) or f" There are {', '.join(self.entries) or 'none yet'}."
        raise ValueError(f"There is no judge {brief(judge_id)}.{hint}")

    def for_model(self, model: ModelEntry) -> list[JudgeEntry]:
        """Those that can judge what it draws; of its size and decomposed ones first."""
        fits = [entry for entry in self.entries.values() if not entry.misfit(model)]
        return sorted(fits, key=lambda entry: (entry.size != model.size, not entry.decomposed))


def home(paths: Paths) -> Path:
    """The folder of people's judges; `mine/<name>/` in it are those that jobs made."""
    return paths.root / "judges"


def load_judges(paths: Paths | None = None) -> Judges:
    """Shipped ones, then those of the data folder, each by name."""
    folders = [(path, path.parents[1].name) for path in sorted(ASSETS.glob("*/judges/*"))]
    if paths is not None:
        folders += [(path, path.parent.name) for path in sorted(home(paths).glob("*/*"))]
    return Judges(
        at(path, f"{family}/{path.name}")
        for path, family in folders
        if path.is_dir() and NAME.fullmatch(path.name) and NAME.fullmatch(family)
    )


def remove(paths: Paths, judge_id: str) -> None:
    """Take a person's judge away. ValueError for one that is not theirs."""
    demo.check("delete")
    entry = load_judges(paths).get(judge_id)
    if entry.folder.parent != home(paths) / FAMILY:
        raise ValueError(f"{entry.id} was not made here; your own are called {FAMILY}/….")
    shutil.rmtree(entry.folder)


def at(folder: Path, judge_id: str) -> JudgeEntry:
    """A folder that need not lie where judges are listed."""
    about = read_json(folder / CARD)
    if about is None or not isinstance(about.get("card"), dict) or not about["card"].get("base"):
        return JudgeEntry(judge_id, folder.name, folder, available=False, reason=f"{judge_id} has no readable {CARD}.")
    card, size = about["card"], about.get("size")
    reason = "" if (folder / FILE).is_file() else f"{judge_id} is not on this machine yet: its {FILE} is missing."
    return JudgeEntry(
        judge_id,
        str(card.get("title") or folder.name),
        folder,
        str(card["base"]),
        str(about.get("domain", "")),
        size if isinstance(size, int) else 0,
        bool(card.get("decomposed", True)),
        card,
        str(about.get("run", "")),
        not reason,
        reason,
    )
