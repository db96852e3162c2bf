"""ControlNets in a request: which, how strongly, in whose steps, and the picture it follows. Needs no torch.

The picture is either one that was brought (a file in the data folder's uploads) or the hint of a rendered scene that says what
the prompt says, with everything else (position, size, horizon, companion) as its seed has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from studio.core.explain import brief
from studio.core.files import Json
from studio.domains import domain_of
from studio.jobs.paths import Paths
from studio.library.brought_pictures import Limits, keep, take
from studio.library.controlnets import ControlNets
from studio.library.models import Registry
from studio.sampling.hinted import with_hint
from studio.sampling.plan import Plan

MAX_HINTS = 4
WRITTEN = re.compile(r"(?P<id>[^=@#\s]+)(?:=(?P<weight>[^@#\s]+))?(?:@(?P<on>[^#\s]+))?#(?P<what>.+)")
WRITE_HELP = "id=weight@steps#scene or …#picture, like nano/layout#7 or nano/layout=0.8@student#sketch.png"
BROUGHT = Limits(file_bytes=8_000_000, pixels=16_000_000, count=1)
MAX_BYTES = 64_000_000  # of a picture among the uploads: one within these limits as a PNG, or one that was put there by hand


class HintUse(BaseModel):
    """One ControlNet with its picture. Also written as text: id#scene, id=weight@steps#picture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(max_length=80, title="ControlNet", description="Id, as in the list of ControlNets.")
    weight: float = Field(default=1.0, ge=-2, le=2, allow_inf_nan=False, title="Weight", description="0 is off.")
    on: Literal["all", "teacher", "student"] = Field(default="all", title="Steps", description="Whose steps see the picture.")
    scene: int | None = Field(default=None, ge=0, le=2**32 - 1, title="Scene", description="Seed of a scene of the prompt.")
    picture: str = Field(default="", max_length=120, title="Picture", description="Name of a file in the data folder's uploads.")

    @model_validator(mode="before")
    @classmethod
    def _written(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        match = WRITTEN.fullmatch(given[:300])
        if match is None:
            raise ValueError(f"{brief(given, 60)} is no hint; {WRITE_HELP}, would fit.")
        found: Json = {name: match[name] for name in ("id", "on") if match[name]}
        if match["weight"]:
            try:
                found["weight"] = float(match["weight"].replace("−", "-"))
            except ValueError:
                raise ValueError(f"{brief(match['weight'], 40)} is not a weight; {WRITE_HELP}, would fit.") from None
        what = match["what"]
        return found | ({"scene": int(what)} if what.isascii() and what.isdigit() else {"picture": what})

    @model_validator(mode="after")
    def _one(self) -> HintUse:
        if (self.scene is None) == (not self.picture):
            raise ValueError(f"{self.id} follows one picture: a scene (its seed) or a picture (a file in uploads); give one.")
        if self.picture and (Path(self.picture).name != self.picture or self.picture.startswith(".")):
            raise ValueError("A picture is named as it lies in the data folder's uploads, without a path.")
        return self


def distinct(uses: Sequence[HintUse]) -> tuple[HintUse, ...]:
    """ValueError in one sentence where there are too many, or one stands there twice."""
    if len(uses) > MAX_HINTS:
        raise ValueError(f"{len(uses)} hints were given; at most {MAX_HINTS} fit at once.")
    names = [use.id for use in uses]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"The ControlNet {twice} is there twice; each counts once.")
    return tuple(uses)


def check(uses: Iterable[HintUse], models: Iterable[str], registry: Registry, known: ControlNets, home: Paths | None) -> None:
    """ValueError in one sentence where a ControlNet is not there, does not fit a model it would be on, or has no picture."""
    ids = list(models)
    for use in uses:
        entry = known.get(use.id)
        for model in (registry.get(model_id) for model_id in ids):
            if use.on in ("all", model.role) and (misfit := entry.misfit(model)):
                raise ValueError(misfit)
        if entry.base and entry.base not in registry.entries:
            raise ValueError(f"{entry.id} needs {entry.base}, from whose encoder it differs, and that is not listed.")
        drawn = {model.domain for model in (registry.get(one) for one in ids)}
        if use.scene is not None and not all(entry.hint in domain_of(name).hints for name in drawn):
            what = f"reads {entry.hint}" if entry.hint else "does not say what kind of picture it reads"
            raise ValueError(f"{entry.id} {what}, so no scene can be drawn for it; bring a picture.")
        if use.picture and home is not None:
            file = uploads(home) / use.picture
            if not file.is_file() or file.stat().st_size > MAX_BYTES:
                raise ValueError(f"{use.picture} is not among the uploads, or has more than {MAX_BYTES:,} bytes.")


def hinted(plans: Sequence[Plan], uses: Sequence[HintUse], registry: Registry) -> list[Plan]:
    """Plans whose chosen segments see the pictures."""
    out = list(plans)
    for use in uses:
        out = [
            with_hint(plan, use.id, use.weight, lambda segment, on=use.on: on in ("all", registry.get(segment.model).role))  # type: ignore[misc]
            for plan in out
        ]
    return out


def uploads(paths: Paths) -> Path:
    """Where files that were brought wait to be read."""
    return paths.root / "uploads"


def bring(paths: Paths, file: Path) -> str:
    """Put a picture among the uploads; the name it got. ValueError in one sentence where it cannot be taken."""
    intake = take([file], BROUGHT)
    if not intake.pictures:
        raise ValueError(intake.refused[0] if intake.refused else f"{brief(file.name)} holds no picture.")
    return keep(uploads(paths), intake.pictures[0])


def with_files(paths: Paths, written: Iterable[str]) -> list[str]:
    """Hints as text whose pictures are files anywhere, with these brought among the uploads."""
    out = []
    for text in written:
        head, _, what = text.partition("#")
        out.append(text if not what or what.isdigit() else f"{head}#{bring(paths, Path(what))}")
    return out
