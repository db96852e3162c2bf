"""The models there are as the page lists them: where each is, what it is, what it needs, and what can be done with it."""

from __future__ import annotations

from pathlib import Path

from studio.core.files import Json
from studio.families import describe, family_of
from studio.jobs.jobs import Jobs
from studio.jobs.paths import Paths
from studio.library.listed_sources import Listed, listed_sources
from studio.library.models import ModelEntry, Registry, load_registry
from studio.library.source import Source, cache_folder, choose, local_files, read_index
from studio.ui.kit.words import size
from studio.ui.models import downloads, sayings

HERE, YOURS, HUB = "here", "yours", "hub"
KINDS = {"stable": "UNet", "transformer": "transformer"}  # of networks, by the family that opens them
_NAMES = {"sdxl": "SDXL", "pixart": "PixArt"}
UNREAD = "size unknown"


def listed(jobs: Jobs) -> Json:
    """{"models": rows in order, "downloads": by model, "problems": files that could not be read, "free": of the disk}."""
    registry, sources = load_registry(jobs.paths), listed_sources(jobs.paths)
    ids = [*registry.entries, *(one for one in sources if one not in registry.entries)]
    known = {one.file.name for one in sources.values()}
    return {
        "models": [Row(jobs.paths, registry, sources, one).told() for one in ids],
        "downloads": downloads.going(jobs),
        "problems": [f"{name}: {why}" for name, why in registry.problems.items() if name not in known],
        "free": downloads.free(),
    }


class Row:
    """One model. entry is None where its file cannot be listed as it is; listed is None where it has no source."""

    def __init__(self, paths: Paths, registry: Registry, sources: dict[str, Listed], model_id: str):
        self.paths, self.registry, self.sources, self.id = paths, registry, sources, model_id
        self.entry: ModelEntry | None = registry.entries.get(model_id)
        self.listed: Listed | None = sources.get(model_id)
        self.source: Source | None = self.listed.source if self.listed else None
        self.place = self.listed.here if self.listed else self.entry.folder if self.entry else None
        self.here = self.place is not None and self.place.exists()

    def told(self) -> Json:
        about = self.listed.about if self.listed else {}
        entry = self.entry
        pair = self.pair()
        return {
            "id": self.id,
            "title": str(entry.title if entry else about.get("title") or self.id),
            "role": str(entry.role if entry else about.get("role") or ""),
            "teacher": str((entry.teacher if entry else about.get("teacher")) or ""),
            "group": self.group(),
            "family": self.family(),
            "size": int(entry.size if entry else about.get("size") or 0),
            "form": sayings.form(self.source),
            "bytes": self.bytes(),
            "licence": str((self.source.licence if self.source else entry.card.get("licence") if entry else "") or ""),
            "summary": entry.summary if entry else "",
            "lacks": self.lacks(),
            "pair": pair[0],
            "with": pair[1],
            "download": self.source is not None and self.source.hub is not None and not self.here,
            "remove": self.removal(),
            "page": self.source.page if self.source else "",
            "facts": self.facts(),
        }

    def group(self) -> str:
        if self.source is not None and self.source.hub is not None:
            return HERE if self.here else HUB
        inside = self.entry is not None and self.entry.folder.is_relative_to(self.paths.models)
        return YOURS if inside or self.source is not None else HERE

    def family(self) -> str:
        """Of the model that it stands on in the end, as people write it: "SD 1.5", "SDXL"."""
        at, seen = self.id, set[str]()
        while at not in seen:
            seen.add(at)
            entry, listed = self.registry.entries.get(at), self.sources.get(at)
            above = (entry.teacher if entry else None) or (listed.source.base if listed else None)
            at = above or at
        name = at.partition("/")[0]
        if name.startswith("sd") and name[2:].isdigit() and len(name) == 4:
            return f"SD {name[2]}.{name[3]}"
        return _NAMES.get(name, name[:1].upper() + name[1:])

    def bytes(self) -> str:
        if self.source is not None and self.source.bytes is not None:
            return size(self.source.bytes)
        if not self.here or self.place is None:
            return UNREAD
        return size(weight(self.source, self.place))

    def lacks(self) -> str:
        """Why it cannot be used yet, one sentence; "" where it can."""
        if self.source is not None and self.source.hub is not None and not self.here:
            base = self.registry.entries.get(self.source.base or "")
            beside = f" {base.id}, which it stands on, is not here either." if base is not None and not base.available else ""
            return f"Not downloaded yet.{beside}"
        if self.entry is not None:
            return sayings.on_page(self.entry.reason) or self.alone()
        return sayings.on_page(self.registry.problems.get(self.listed.file.name, "")) if self.listed else ""

    def alone(self) -> str:
        """That a student which is ready has no teacher here."""
        if self.entry is None or self.entry.role != "student":
            return ""
        teacher = self.registry.entries.get(self.entry.teacher or "")
        away = teacher is None or not teacher.available
        return f"Its teacher {self.entry.teacher} is not here, which comparing the two needs." if away else ""

    def pair(self) -> tuple[str, str]:
        """(the student that Compare is opened with, the title of who stands beside this one); "" where there is none."""
        for pair in self.registry.pairs() if self.entry is not None and self.entry.available else ():
            if pair.available and pair.student.id == self.id:
                return pair.id, pair.teacher.title
            if pair.available and pair.teacher.id == self.id:
                return pair.id, pair.student.title
        return "", ""

    def removal(self) -> str:
        """What can go: "model", "files" of one that ships, or ""."""
        if self.listed is None:
            return ""
        if self.listed.shipped:
            return "files" if self.here else ""
        return "model"

    def facts(self) -> list[list[str]]:
        """What a card says beside the row: [name, words]."""
        found = [["How it is sampled", self.sampled()], ["Network", self.network()]]
        if self.source is not None:
            found += [["Source", self.source.hub or f"{self.source.name} on this machine"]]
            found += [["Revision", self.source.revision]] if self.source.hub else []
            found += [["File", self.source.file]] if self.source.file else []
            found += [["Variant", self.source.variant]] if self.source.variant else []
            if self.source.holds == "lora":
                found += [["Strength", f"{self.source.scale:g}"]]
        return [[name, words] for name, words in found if words]

    def sampled(self) -> str:
        entry, about = self.entry, self.listed.about if self.listed else {}
        role = entry.role if entry else about.get("role")
        if role == "student":
            told = (entry.recipe if entry else None) or about.get("recipe")
            return sayings.recipe(told) if isinstance(told, dict) else "Not known: it has no recipe."
        if entry is None:
            return ""
        guidance = entry.guidance if self.here else entry.sampling.guidance
        return sayings.sampling({**entry.sampling.model_dump(), "guidance": guidance})

    def network(self) -> str:
        family = family_of(self.entry.folder) if self.entry is not None and self.entry.folder.is_dir() else None
        if family is None or self.entry is None:
            return ""
        seen = describe(self.entry.folder)
        parts = [KINDS.get(family.name, family.name)]
        parts += [f"predicts {seen.prediction}"] if seen.prediction else []
        parts += [f"latents {' × '.join(map(str, seen.shape))}"] if seen.shape else []
        return ", ".join(parts)


def weight(source: Source | None, place: Path) -> int:
    """Bytes of a model's files on this machine."""
    if place.is_file():
        return place.stat().st_size
    if source is not None and source.holds == "pipeline":
        names = choose(source, local_files(source, place, (place, cache_folder())), read_index(place))
        return sum((place / name).stat().st_size for name in names)
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
