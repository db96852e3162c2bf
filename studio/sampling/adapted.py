"""Adapters put on some steps of a plan: all, the first, those of one model, those below a noise level. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from studio.sampling.plan import Plan
from studio.sampling.segment import AdapterPairs, Segment

Chosen = Callable[[int, str, float], bool]  # (step of the plan, model that is asked, its time) -> whether the adapter is on


def adapted(plan: Plan, name: str, weight: float, chosen: Chosen) -> Plan:
    """The plan with an adapter on, at a weight, where ``chosen`` says so; a weight of 0 leaves it as it is.

    Segments are cut where the answer changes. A cut alone changes no number: positions, levels and what a multistep rule looks
    back at go across it. ValueError where a step already has an adapter of this name.
    """
    if not weight:
        return plan
    out: list[Segment] = []
    done = 0
    for segment in plan.segments:
        runs = groupby(range(len(segment.timesteps)), lambda i, s=segment, d=done: _answers(s, i, d + i, chosen))  # type: ignore[misc]
        for (own, second), steps in runs:
            indices = list(steps)
            changes: dict[str, object] = {}
            if own:
                changes["adapters"] = _with(segment.adapters, name, weight)
                changes["mix"] = tuple(
                    part.model_copy(update={"adapters": _with(part.adapters, name, weight)}) for part in segment.mix
                )
            if second and segment.blend:
                worn = _with(segment.blend.adapters, name, weight)
                changes["blend"] = segment.blend.model_copy(update={"adapters": worn})
            whole = len(indices) == len(segment.timesteps)
            out.append(segment if whole and not changes else segment.part(indices[0], indices[-1] + 1, **changes))
        done += len(segment.timesteps)
    return plan.model_copy(update={"segments": tuple(out)})


def adapters_of(*plans: Plan) -> dict[str, list[str]]:
    """Names of the adapters that plans use, each with the models it is on, in order of first use."""
    found: dict[str, list[str]] = {}
    for model, _, adapters in (needed for plan in plans for needed in plan.conditions):
        for name, _weight in adapters:
            on = found.setdefault(name, [])
            on += [model] if model not in on else []
    return found


def _answers(segment: Segment, i: int, step: int, chosen: Chosen) -> tuple[bool, bool]:
    """Whether the adapter is on in the network of a step, and in the second one that is blended in."""
    t = segment.timesteps[i]
    return chosen(step, segment.model, t), segment.blend is not None and chosen(step, segment.blend.model, t)


def _with(worn: AdapterPairs, name: str, weight: float) -> AdapterPairs:
    if any(other == name for other, _ in worn):
        raise ValueError(f"adapter {name!r} is on twice in one step; once would fit")
    return (*worn, (name, weight))
