"""The remedies against lost diversity as arms, one file each: for the arena, Compare, the API and the command line.

A remedy is put on the plans a pair has without any (`PairPlans`); formulas and papers are with `studio.sampling.variants`. Files
of this folder, and modules named in `$STUDIO_REMEDIES`, add theirs to `REMEDIES`. The hybrids and skip-first, which the arena
enters too, are arms of their own everywhere. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field
from pydantic.fields import FieldInfo

from studio.core.files import Json
from studio.core.recipe import Recipe
from studio.core.registry import Registry
from studio.sampling import plan as plans
from studio.sampling.plan import Plan

DEFAULT_LOOK = ("#6b655c", "#b8b1a4", "star")


@dataclass(frozen=True)
class Strength:
    """How strong a remedy is: Compare takes the default, the arena lets it be set under this name. open: whether its ends are
    left out of its range. label: where forms do not call it as it is named."""

    name: str
    default: float
    low: float
    high: float
    description: str
    open: bool = False
    label: str = ""

    def field(self) -> tuple[type[float], FieldInfo]:
        """For `pydantic.create_model`."""
        more: Json = {"gt": self.low, "lt": self.high} if self.open else {"ge": self.low, "le": self.high}
        if self.label:
            more["title"] = self.label
        field: FieldInfo = Field(self.default, description=self.description, **more)
        return float, field


@dataclass(frozen=True)
class PairPlans:
    """What remedies are put on: a pair, and how its models are drawn without any.

    alone: the student; reference: the teacher, at guidance scale `guidance`. steps: of the student; None is its recipe's.
    alike: whether both models draw data of one shape.
    """

    teacher: str
    student: str
    recipe: Recipe
    alone: Plan
    reference: Plan
    guidance: float
    steps: int | None = None
    alike: bool = True

    def hybrid(self, k: int, guidance: float = 1.0) -> Plan:
        off = self.steps is not None
        return plans.hybrid_plan(self.teacher, self.student, self.recipe, k, guidance, steps=self.steps, off_recipe=off)


Make = Callable[[PairPlans, float], Plan]  # float: its strength
Misfit = Callable[[PairPlans], str]  # what a pair lacks, to go on from the arm's name; "" where it fits


def fits(_: PairPlans) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """A remedy as an arm.

    arm: its name in requests, folders and addresses; name: in the arena's tables. title, label, meaning: on the page, inside a
    sentence, and as one short clause. paper: where it comes from. order: in lists. look: its colour on paper and in the dark, and
    a plotly symbol. on: whose steps it changes. own_noise: it sets the re-noising itself, so that a request's `rho` does not.
    seeds: of one prompt that it needs at least.
    """

    arm: str
    name: str
    title: str
    label: str
    meaning: str
    paper: str
    make: Make
    order: int
    misfit: Misfit = fits
    strength: Strength | None = None
    look: tuple[str, str, str] = DEFAULT_LOOK
    on: Literal["student", "teacher", "hybrid", "both"] = "student"
    own_noise: bool = False
    seeds: int = 1

    def plan(self, ground: PairPlans, strengths: Mapping[str, float] | None = None, name: str | None = None) -> Plan:
        """The plan with the remedy, named as the arm unless told otherwise. strengths: by name; what is left out is usual."""
        usual = self.strength
        strength = 0.0 if usual is None else float((strengths or {}).get(usual.name, usual.default))
        return self.make(ground, strength).model_copy(update={"name": name or self.arm})


FOUND: Registry[Remedy] = Registry("studio.library.remedies", "remedy", variable="STUDIO_REMEDIES")


class Remedies(Mapping[str, Remedy]):
    """All of them by arm, in order."""

    def _all(self) -> list[Remedy]:
        return sorted(FOUND.all().values(), key=lambda remedy: (remedy.order, remedy.arm))

    def __getitem__(self, arm: str) -> Remedy:
        return FOUND.all()[arm]

    def __iter__(self) -> Iterator[str]:
        return (remedy.arm for remedy in self._all())

    def __len__(self) -> int:
        return len(FOUND.all())


REMEDIES = Remedies()


def add(remedy: Remedy) -> Remedy:
    return FOUND.add(remedy.arm)(remedy)


def check(remedy: Remedy, ground: PairPlans, n_seeds: int) -> None:
    """ValueError in one sentence where a remedy would do nothing, or nothing sensible, here."""
    if n_seeds < remedy.seeds:
        given = f"{remedy.arm} works on the seeds of one prompt together, and {n_seeds} was given"
        raise ValueError(f"{given}; {remedy.seeds} or more would fit.")
    if said := remedy.misfit(ground):
        raise ValueError(f"{remedy.arm} {said}.")
