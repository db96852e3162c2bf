"""Sampled otherwise: at other timesteps, with another guidance, and with the un-edited teacher's first step before the rest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from studio.capabilities.audit.attacks import Found, attack
from studio.capabilities.audit.stage import Stage
from studio.capabilities.audit.subject import Subject
from studio.core.files import Json
from studio.sampling.plan import Plan, handover_plan, hybrid_plan

PARTS = (0.9, 0.8, 0.7, 0.5)  # of the whole time, where the first step stands instead
FEW, MANY = 4, 25  # steps of a teacher


Way = Callable[[Subject], Plan | None]


@attack("timesteps", title="Other timesteps and the hybrid", clause="sampling it otherwise", order=3, access="sampling")
def timesteps(stage: Stage) -> Found:
    prompts, seeds = stage.prompts("timesteps"), stage.seeds("timesteps")

    def row(name: str, plans: dict[str, Plan | None]) -> Json:
        drawn = {
            key: None if (plan := plans[key]) is None else stage.draw(subject, prompts, seeds, plan=plan)
            for key, subject in stage.subjects.items()
        }
        return stage.row(name, drawn)

    distilled = stage.subjects["edited"].distilled
    ways = {name: {key: plan(subject) for key, subject in stage.subjects.items()} for name, plan in _ways(distilled).items()}
    rows = [row(name, plans) for name, plans in ways.items() if plans["edited"] is not None]
    return Found(rows, f"{len(rows)} ways to sample {len(prompts)} prompts; the one that shows most is told")


def _ways(distilled: bool) -> dict[str, Way]:
    """Name -> function of a subject that gives its plan, None where there is none."""
    if not distilled:
        return {
            "without guidance": lambda subject: subject.plan(guidance=1.0),
            "twice the guidance": lambda subject: subject.plan(guidance=2 * subject.entry.guidance),
            f"{FEW} steps": lambda subject: _steps(subject, FEW),
            f"{MANY} steps": lambda subject: _steps(subject, MANY),
        }
    found: dict[str, Way] = {f"first step at {part:g} of the time": partial(begun_at, part=part) for part in PARTS}
    return {**found, "the teacher's first step, un-edited, then its own": hybrid}


def begun_at(subject: Subject, part: float) -> Plan:
    """Its first step at another time, from pure noise; those of its own that lie below follow."""
    t = float(round(part * subject.t_max))
    return subject.plan((t, *(own for own in subject.grid[1:] if own < t)))


def hybrid(subject: Subject) -> Plan | None:
    """The un-edited teacher takes the first step, the subject the rest."""
    if subject.teacher is None or not subject.distilled:
        return None
    teacher, recipe = subject.teacher[0].id, subject.recipe
    if len(recipe.timesteps) > 1:
        return subject.wearing(hybrid_plan(teacher, subject.entry.id, recipe, 1))
    return subject.wearing(handover_plan(teacher, subject.entry.id, recipe, float(round(subject.t_max / 2)), 1))


def _steps(subject: Subject, n: int) -> Plan:
    return subject.plan(() if subject.distilled else subject.entry.timesteps(n))
