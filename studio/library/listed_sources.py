"""Models whose YAML file says where their files come from; other models are not here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from studio.core.explain import brief, did_you_mean
from studio.core.files import Json, yaml_values
from studio.jobs.paths import PRESETS, Paths
from studio.library import source as sources
from studio.library.source import Source


@dataclass(frozen=True)
class Listed:
    """One YAML file. shipped: it lies in presets and cannot be removed. about: the whole file as plain values."""

    id: str
    source: Source
    file: Path
    shipped: bool
    about: Json

    @property
    def here(self) -> Path | None:
        """Where its files lie on this machine, all of them."""
        return sources.found(self.source, self.file.parent)

    @property
    def reason(self) -> str:
        """Why it is not here, one sentence; "" where it is."""
        if self.here is not None:
            return ""
        download = f"{self.id} is not downloaded yet: python -m studio models download {self.id}"
        return sources.why_not(self.source, self.file.parent) or download

    @property
    def stands_on(self) -> set[str]:
        """Ids of the models that it needs beside its own files."""
        return {str(other) for other in (self.source.base, self.about.get("teacher")) if other}


def listed_sources(paths: Paths) -> dict[str, Listed]:
    """By id; a shipped one stays where both name the same. What cannot be read is left to `load_registry`, which says why."""
    files = [(path, True) for path in sorted((PRESETS / "models").rglob("*.yaml"))]
    files += [(path, False) for path in sorted(paths.models.glob("*.yaml"))]
    found: dict[str, Listed] = {}
    for path, shipped in files:
        about = read_yaml(path)
        try:
            source = Source.model_validate(about.get("source"))
        except ValidationError:
            continue
        found.setdefault(str(about.get("id")), Listed(str(about.get("id")), source, path, shipped, about))
    return found


def listed_source(paths: Paths, model_id: str) -> Listed:
    """ValueError where no YAML file of that id has a source."""
    known = listed_sources(paths)
    if model_id not in known:
        hint = did_you_mean(model_id, known) or f" Those that have are {', '.join(known) or 'none yet'}."
        raise ValueError(f"There is no model {brief(model_id)} whose file names a source.{hint}")
    return known[model_id]


def missing_below(paths: Paths, listed: Listed) -> list[Listed]:
    """The models on the Hub that it stands on and that are not here, the lowest first; its own is not among them."""
    known, found, at = listed_sources(paths), list[Listed](), listed
    while (base := known.get(at.source.base or "")) is not None and base not in (listed, *found):
        found.insert(0, base)
        at = base
    return [one for one in found if one.source.hub is not None and one.here is None]


def read_yaml(path: Path) -> Json:
    """A YAML file as plain values; empty where it is none."""
    try:
        about = yaml_values(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}
