"""A plan with a published remedy more. Each returns a renamed plan; neutral settings leave the steps what they were.

Remedies that change which evaluations a plan makes are plans themselves (interval, restarts, strength), the others are
settings of its segments (`studio.sampling.remedies`). ``model`` limits a remedy to the steps of one model. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from studio.sampling.guidance import is_plain
from studio.sampling.plan import Plan
from studio.sampling.remedies import CADS, ParticleGuidance, PromptNoise
from studio.sampling.remedies.base import Remedy
from studio.sampling.segment import Segment

LOOP = 10_000  # added to a grid position for every further time that a restart passes it


def with_interval(plan: Plan, low: float, high: float, *, name: str | None = None) -> Plan:
    """Guidance only at times low < t ≤ high, and the plain conditional prediction, one evaluation, outside.

    Kynkäänniemi et al. 2024 (arXiv 2404.07724): w(σ) = w for σ in (σ_low, σ_high], 1 elsewhere. Times are those of each
    segment's model; ``process.time_of(level)`` is the time of a noise level.
    """
    if not low < high:
        raise ValueError(f"an interval from t = {low:g} to {high:g} does not fit; low below high would")

    def outside(segment: Segment, t: float) -> bool:
        guided = not is_plain(segment.guidance) or (segment.blend is not None and not is_plain(segment.blend.guidance))
        return guided and not low < t <= high

    def unguided(segment: Segment) -> dict[str, object]:
        return {"guidance": 1.0, "blend": segment.blend and segment.blend.model_copy(update={"guidance": 1.0})}

    return _changed(plan, outside, unguided, name or f"{plan.name}, guided in ({low:g}, {high:g}]")


def with_cads(
    plan: Plan,
    tau1: float = 0.6,
    tau2: float = 0.9,
    s: float = 0.25,
    psi: float = 1.0,
    *,
    model: str | None = None,
    name: str | None = None,
) -> Plan:
    """Condition-annealed sampling, see `CADS`; times are shares of the process, 1 = noise."""
    return with_remedy(plan, CADS(tau1=tau1, tau2=tau2, s=s, psi=psi), model=model, name=name or f"{plan.name}, CADS {s:g}")


def with_prompt_noise(
    plan: Plan, s: float = 0.25, psi: float = 1.0, *, model: str | None = None, name: str | None = None
) -> Plan:
    """A condition of its own for every seed, see `PromptNoise`."""
    return with_remedy(plan, PromptNoise(s=s, psi=psi), model=model, name=name or f"{plan.name}, prompt noise {s:g}")


def with_particles(
    plan: Plan, strength: float = 0.25, low: float = 1.0, *, model: str | None = None, name: str | None = None
) -> Plan:
    """Repulsion between the seeds of one prompt, see `ParticleGuidance`. Samples then depend on all seeds drawn together."""
    remedy = ParticleGuidance(strength=strength, low=low)
    return with_remedy(plan, remedy, model=model, name=name or f"{plan.name}, particles {strength:g}")


def with_remedy(plan: Plan, remedy: Remedy, *, model: str | None = None, name: str | None = None) -> Plan:
    """The plan with this remedy after those it has; one that is neutral is left out."""
    title = name or f"{plan.name}, {getattr(remedy, 'kind', 'remedy')}"
    if remedy.neutral:
        return plan.model_copy(update={"name": title})
    segments = [
        segment if model not in (None, segment.model) else _part(segment, remedies=(*segment.remedies, remedy))
        for segment in plan.segments
    ]
    return _renamed(plan, segments, title)


def with_adapter_strength(plan: Plan, adapter: str, alpha: float, *, name: str | None = None) -> Plan:
    """An adapter at ``alpha`` times its weight: the strength of a student that is a LoRA on its teacher, at no cost."""
    if not any(adapter == own for segment in plan.segments for own, _ in segment.adapters):
        raise ValueError(f"{plan.name!r} has no adapter {adapter!r}; with_strength would blend a student of full weights")
    segments = []
    for segment in plan.segments:
        scaled = tuple((own, alpha * weight if own == adapter else weight) for own, weight in segment.adapters)
        segments.append(segment if scaled == segment.adapters else _part(segment, adapters=scaled))
    return _renamed(plan, segments, name or f"{plan.name}, {adapter} at {alpha:g}")


def with_strength(
    plan: Plan, student: str, teacher: str, alpha: float, *, guidance: float = 1.0, name: str | None = None
) -> Plan:
    """Student steps at strength ``alpha``: x̂0 = (1 − α) teacher + α student, both evaluated; 0 is the teacher alone.

    guidance: of the teacher's share; the student keeps its own.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"strength {alpha:g} does not fit; 0 (teacher) to 1 (student) would")
    changes: dict[str, object] = {}
    if alpha == 0:
        changes = {"model": teacher, "guidance": guidance, "adapters": ()}
    elif alpha < 1:
        changes = {"blend": {"model": teacher, "weight": 1 - alpha, "guidance": guidance}}
    segments = [_part(s, **changes) if changes and s.model == student else s for s in plan.segments]
    return _renamed(plan, segments, name or f"{plan.name}, strength {alpha:g}")


def with_restarts(plan: Plan, low: float, high: float, loops: int = 1, *, name: str | None = None) -> Plan:
    """The steps at times low < t ≤ high are taken ``loops`` times more, each time after going back up with fresh noise.

    Restart sampling, Xu et al. 2023 (arXiv 2306.14878), eq. 3 and 4. The steps must follow each other in one segment. The
    last pass is followed by the plan's own later steps, with their own noise.
    """
    title = name or f"{plan.name}, {loops} restarts"
    if loops < 0:
        raise ValueError(f"{loops} restarts do not fit; 0 or more would")
    within = [[low < t <= high for t in segment.timesteps] for segment in plan.segments]
    if sum(any(inside) for inside in within) != 1:
        raise ValueError(f"a restart from t = {low:g} to {high:g} does not fit {plan.name!r}; steps of one segment would")
    if loops == 0:
        return plan.model_copy(update={"name": title})
    number = next(i for i, inside in enumerate(within) if any(inside))
    segment, positions = plan.segments[number], plan.positions()
    done = sum(len(s.timesteps) for s in plan.segments[:number])
    own = positions[done : done + len(segment.timesteps)]
    first, last = within[number].index(True), len(within[number]) - within[number][::-1].index(True)
    lands = _landing(plan, number, last)

    def again(start: int, stop: int, loop: int, **more: object) -> Segment:
        moved = tuple(p + loop * LOOP if first <= i < last else p for i, p in enumerate(own))[start:stop]
        return segment.part(start, stop, positions=moved, **more)

    passes = [again(0, last, 0, lands=lands), *(again(first, last, k, lands=lands) for k in range(1, loops))]
    passes.append(again(first, len(own), loops))
    return _renamed(plan, [*plan.segments[:number], *passes, *plan.segments[number + 1 :]], title)


def _landing(plan: Plan, number: int, last: int) -> float:
    """Where the step before step ``last`` of a segment lands, in that segment's time."""
    segment = plan.segments[number]
    if last < len(segment.timesteps):
        return segment.timesteps[last]
    if number + 1 == len(plan.segments):
        return plan.final_t
    following = plan.segments[number + 1]
    if following.model != segment.model:
        raise ValueError(f"a restart of {segment.model!r} up to its hand-over does not fit; one that ends a step before would")
    return following.timesteps[0]


def _changed(
    plan: Plan, where: Callable[[Segment, float], bool], changes: Callable[[Segment], dict[str, object]], name: str
) -> Plan:
    """The plan with other settings at some steps; segments are divided where that begins and ends."""
    segments: list[Segment] = []
    for segment in plan.segments:
        low = 0
        for chosen, steps in groupby(segment.timesteps, lambda t, own=segment: where(own, t)):  # type: ignore[misc]
            high = low + len(list(steps))
            whole = (low, high) == (0, len(segment.timesteps))
            part = segment if whole else segment.part(low, high)
            segments.append(_part(part, **changes(part)) if chosen else part)
            low = high
    return _renamed(plan, segments, name)


def _part(segment: Segment, **changes: object) -> Segment:
    return segment.part(0, len(segment.timesteps), **changes)


def _renamed(plan: Plan, segments: list[Segment], name: str) -> Plan:
    return plan.model_copy(update={"name": name, "segments": tuple(segments)})
