"""How many network evaluations plans cost together, when steps they have in common are computed once. Needs no torch.

The loop shares a step between plans whose states are the same until there and who then ask the same; asked apart, as studies
ask, guided and unguided plans also share the network's answer to the prompt, and guided ones that to the null. The same is
counted here from the plans alone. Where that cannot be seen without the models (a remedy that does nothing at some step), the
step counts as not shared, so the figure is never too low.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from studio.sampling.guidance import evaluations, is_plain
from studio.sampling.plan import Plan
from studio.sampling.rules import rule_named
from studio.sampling.segment import Segment


@dataclass(frozen=True)
class Bill:
    """Network evaluations of one sample: `alone` = every plan by itself, `together` = with shared steps counted once."""

    alone: int
    together: int


def bill(plans: Iterable[Plan]) -> Bill:
    """What plans cost that are drawn from the same noise."""
    alone = together = 0
    states: dict[Hashable, int] = {}
    questions: set[tuple[int, Hashable]] = set()
    for plan in plans:
        alone += plan.nfe
        at = states.setdefault(("start", plan.start, plan.begins, plan.segments[0].model), len(states))
        for belief, asked, done in _steps(plan):
            new = {(at, question) for question in asked} - questions
            questions |= new
            together += len(new)
            at = states.setdefault((at, belief, done), len(states))
    return Bill(alone, together)


def _steps(plan: Plan) -> Iterable[tuple[Hashable, tuple[Hashable, ...], Hashable]]:
    """(what decides x̂0, what networks are asked for it, what then decides the next state) of every step."""
    flat = [(segment, t) for segment in plan.segments for t in segment.timesteps]
    before: float | None = None
    for i, ((segment, t), position) in enumerate(zip(flat, plan.positions(), strict=True)):
        following = (flat[i + 1][0].model, flat[i + 1][1]) if i + 1 < len(flat) else ("", plan.final_t)
        rises = segment.lands if segment.lands is not None and t == segment.timesteps[-1] else None
        rule = rule_named(segment.rule)
        noisy = segment.noisy or rises is not None
        yield (
            _belief(segment, t, position),
            tuple(_questions(segment, t, position)),
            (following, rises, segment.rule, segment.eta, segment.rho, before if rule.multistep else None,
             position if noisy else None),
        )  # fmt: skip
        before = t if rises is None else None


def _belief(segment: Segment, t: float, position: int) -> Hashable:
    w = 1.0 if is_plain(segment.guidance) else segment.guidance
    blend = segment.blend and (segment.blend.model, segment.blend.weight, evaluations(segment.blend.guidance))
    changed = tuple(remedy.model_dump_json() for remedy in segment.remedies)
    said = segment.prompt, segment.adapters, segment.embedded, segment.mix
    return segment.model, t, w, *said, blend, changed, position if changed else None


def _questions(segment: Segment, t: float, position: int) -> Iterable[Hashable]:
    """One for each network evaluation of a step."""
    told = tuple(remedy.model_dump_json() for remedy in segment.remedies if remedy.tells)
    calls = [(segment.model, segment.guidance, segment.prompt, segment.adapters)]
    if segment.blend is not None:
        calls.append((segment.blend.model, segment.blend.guidance, segment.prompt, segment.blend.adapters))
    calls += [(segment.model, 1.0, part.prompt, part.adapters) for part in segment.mix]
    for model, w, prompt, adapters in calls:
        bare = (model, t, segment.embedded, prompt, adapters)
        yield bare, told, position if told else None
        if not is_plain(w):
            yield bare, "null"
