"""All students of a teacher beside it: their figures, whether these may be compared, and which lie on the Pareto front.

Comparable are figures of the same prompts, the same number of pictures and the plan of the recipe: those a `measure` run
keeps, and those a distillation wrote into its student's card under the same conditions. Other figures of a card are
given as measured otherwise, and stay off the front.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from studio.capabilities.leaderboard import kept_figures
from studio.capabilities.leaderboard.kept_figures import SAMPLES, Arm
from studio.core.files import Json
from studio.jobs.paths import Paths
from studio.library.models import Registry

QUALITIES = ("accuracy", "fd_oracle")  # what a front can be made of, beside diversity and NFE


@dataclass(frozen=True)
class Row:
    """An arm with what is known of it. `otherwise`: how its figures were measured when they cannot be compared.

    front: by quality, whether no comparable row beats it (see `front`).
    """

    arm: Arm
    figures: Json | None = None
    otherwise: str = ""
    front: Mapping[str, bool] = field(default_factory=dict)

    @property
    def comparable(self) -> bool:
        return self.figures is not None and not self.otherwise

    def value(self, name: str) -> float | None:
        """A figure as a number: accuracy, diversity, fd_oracle or nfe; None when it is not known."""
        found = number((self.figures or {}).get(name))
        return float(self.arm.plan.nfe) if found is None and name == "nfe" else found


@dataclass(frozen=True)
class Board:
    """`samples`: pictures behind every comparable figure. `problem`: why nothing of this teacher can be measured."""

    rows: tuple[Row, ...]
    samples: int = SAMPLES
    problem: str = ""

    @property
    def missing(self) -> list[Row]:
        return [] if self.problem else [row for row in self.rows if not row.comparable]

    @property
    def evaluations(self) -> int:
        """Network evaluations that measuring what is missing takes."""
        return sum(row.arm.plan.nfe for row in self.missing) * self.samples


def front(points: Sequence[Sequence[float]]) -> list[bool]:
    """Whether each point is on the Pareto front; in every coordinate less is better.

    A point is off the front when another one is as good in every coordinate and better in one. Equal points stand
    together; a point with a coordinate that is not finite is never on it.
    """
    known = [p for p in points if all(map(math.isfinite, p))]

    def beaten(p: Sequence[float]) -> bool:
        return any(
            all(a <= b for a, b in zip(q, p, strict=True)) and any(a < b for a, b in zip(q, p, strict=True)) for q in known
        )

    return [all(map(math.isfinite, p)) and not beaten(p) for p in points]


def number(measure: object) -> float | None:
    """The value of a figure: an interval's, or a number that stands alone."""
    value = measure.get("value") if isinstance(measure, Mapping) else measure
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def board(paths: Paths, registry: Registry, teacher_id: str) -> Board:
    """The leaderboard of a teacher. ValueError when there is no such teacher."""
    arms = kept_figures.arms(registry, teacher_id)
    problem = kept_figures.unmeasurable(arms[0].teacher)
    samples = _samples(paths, arms) if not problem else SAMPLES
    found = [None if problem else kept_figures.kept(paths, arm, samples) for arm in arms]
    cards = [_card(arm) for arm in arms]
    of = [figures or {} for figures in found] if any(found) else [card for card in cards if card.get("n") == samples]
    worlds = {figures["world_diversity"] for figures in of if figures.get("world_diversity") is not None}
    rows = []
    for arm, figures, card in zip(arms, found, cards, strict=True):
        rows.append(Row(arm, figures) if figures else _from_card(arm, card, samples, worlds))
    return Board(tuple(_with_fronts(rows)), samples, problem)


def _samples(paths: Paths, arms: Sequence[Arm]) -> int:
    """The number of pictures that most arms were measured with; the larger one of two."""
    seen = Counter(n for arm in arms for n in kept_figures.counts(paths, arm))
    return max(seen, key=lambda n: (seen[n], n)) if seen else SAMPLES


def _card(arm: Arm) -> Json:
    """The figures in a model's own card; hybrids have none."""
    entry = arm.teacher if arm.student is None else arm.student
    card = entry.card.get("measured") if arm.role != "hybrid" else None
    return dict(card) if isinstance(card, Mapping) and number(card.get("accuracy")) is not None else {}


def _from_card(arm: Arm, card: Json, samples: int, worlds: set[float]) -> Row:
    """A row from a card. `worlds`: how diverse the world itself is under the prompts of the figures to compare with.

    That number follows from the prompts alone, so it tells whether they were the same.
    """
    if not card:
        return Row(arm)
    n = int(card.get("n") or card.get("pairs") or 0)
    if card.get("world_diversity") in worlds and n == samples and card.get("nfe") == arm.plan.nfe:
        return Row(arm, card)
    pictures = f"{n:,} pictures" if n else "another number of pictures"
    return Row(arm, card, pictures if "world_diversity" in card else f"{pictures} of other prompts")


def _with_fronts(rows: Sequence[Row]) -> list[Row]:
    """Rows that know whether they are on the front, for every quality."""
    on: list[dict[str, bool]] = [{} for _ in rows]
    for quality in QUALITIES:
        for known, member in zip(on, front([_point(row, quality) for row in rows]), strict=True):
            known[quality] = member
    return [replace(row, front=known) for row, known in zip(rows, on, strict=True)]


def _point(row: Row, quality: str) -> tuple[float, float, float]:
    """Quality, diversity and cost, less being better in each; not finite when a figure is missing or not comparable."""
    found, diversity, nfe = row.value(quality), row.value("diversity"), row.value("nfe")
    if not row.comparable or found is None or diversity is None or nfe is None:
        return math.nan, math.nan, math.nan
    return (-found if quality == "accuracy" else found), -diversity, nfe
