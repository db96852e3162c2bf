"""What a recorded arm says of itself, read without torch: its plan, its seeds, and every step with where its belief lies.

It is the header of `trace/<arm>.safetensors` in a run directory (see `traces`), so that a request to branch can be checked,
and a page can be built, without opening a tensor.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

from studio.core.domain import Said
from studio.core.files import Json
from studio.sampling.plan import Plan

MAX_HEADER_BYTES = 8 << 20


@dataclass(frozen=True)
class Moment:
    """One step of an arm: where it is, whose step it is, what it cost so far, and where its belief x̂0 is kept.

    Steps that arms have in common are kept once: by `arm`, as its step `at`, in row `row` of its file.
    """

    index: int
    t: float
    level: float | None  # sigma / alpha; None where there is no signal at all
    model: str
    segment: int
    nfe: int  # network evaluations per image so far
    arm: str
    at: int
    row: int

    @property
    def strip(self) -> str:
        """The picture of x̂0, all seeds side by side, relative to the run directory."""
        return f"artifacts/{self.arm}/step-{self.at:03d}.jpg"

    @property
    def noisy(self) -> str:
        """The picture of x_t there."""
        return f"artifacts/{self.arm}/noisy-{self.at:03d}.jpg"


@dataclass(frozen=True)
class Header:
    """An arm as it was drawn. order: its place in the run. parent: (arm, step) where it branched off, or None."""

    folder: Path
    arm: str
    plan: Plan
    seeds: tuple[int, ...]
    prompt: str
    moments: tuple[Moment, ...]
    exact: bool  # beliefs are kept as they were computed
    order: int
    parent: tuple[str, int] | None
    given: Json = field(default_factory=dict)  # beside the prompt
    shape: tuple[int, ...] = ()  # of one state; () where a file holds none of its own
    negative: str = ""  # what guidance led away from, as the encoders saw it

    @property
    def said(self) -> Said:
        """What was asked for, as the encoders saw it."""
        return Said(self.prompt, given=self.given)


def trace_file(folder: Path, arm: str) -> Path:
    return folder / "trace" / f"{arm}.safetensors"


def traced(folder: Path) -> list[str]:
    """Arms of a run directory that can be scrubbed, in the order they were drawn."""
    names = [path.stem for path in (folder / "trace").glob("*.safetensors") if not path.name.startswith(".")]
    known: list[tuple[int, str]] = []
    for name in names:
        try:
            known.append((read_header(folder, name).order, name))
        except ValueError:  # a file that somebody damaged is no reason to lose the others
            continue
    return [name for _, name in sorted(known)]


def read_header(folder: Path, arm: str) -> Header:
    """ValueError in one sentence when the arm was not kept, or was kept by another version of the program."""
    try:
        raw: Json = json.loads(_metadata(trace_file(folder, arm))["trace"])
        parent = raw["parent"]
        return Header(
            folder,
            arm,
            Plan.model_validate(raw["plan"]),
            tuple(raw["seeds"]),
            str(raw["prompt"]),
            tuple(Moment(**moment) for moment in raw["moments"]),
            bool(raw["exact"]),
            int(raw["order"]),
            (str(parent[0]), int(parent[1])) if parent else None,
            raw.get("given", {}),
            tuple(raw.get("state") or raw["shape"][2:]),
            str(raw.get("negative", "")),
        )
    except (OSError, KeyError, TypeError, ValueError, struct.error) as error:
        raise ValueError(f"The states of {arm} were not kept in {folder.name}; run it again to scrub it.") from error


def _metadata(path: Path) -> dict[str, str]:
    """The texts in a safetensors file: eight bytes of length, then JSON."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > MAX_HEADER_BYTES:
            raise ValueError(f"{path.name} has a header of {length:,} bytes")
        found: dict[str, str] = json.loads(file.read(length))["__metadata__"]
    return found
