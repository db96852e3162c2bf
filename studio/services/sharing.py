"""How many network evaluations plans cost together, when steps they have in common are computed once. Needs no torch.

The loop shares a step between plans whose states are the same until there and who then ask the same question. The same is
counted here from the plans alone. Where that cannot be seen without the models (a remedy that does nothing at some step), the
step counts as not shared, so the figure is never too low.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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
    states: dict[Any, int] = {}
    questions: set[tuple[int, Any]] = set()
    for plan in plans:
        alone += plan.nfe
        at = states.setdefault(("start", plan.start, plan.segments[0].model), len(states))
        for asked, done, cost in _steps(plan):
            if (at, asked) not in questions:
                questions.add((at, asked))
                together += cost
            at = states.setdefault((at, asked, done), len(states))
    return Bill(alone, together)


def _steps(plan: Plan) -> Iterable[tuple[Any, Any, int]]:
    """(what decides x̂0, what then decides the next state, network evaluations) of every step."""
    flat = [(segment, t) for segment in plan.segments for t in segment.timesteps]
    before: float | None = None
    for i, ((segment, t), position) in enumerate(zip(flat, plan.positions(), strict=True)):
        following = (flat[i + 1][0].model, flat[i + 1][1]) if i + 1 < len(flat) else ("", plan.final_t)
        rises = segment.lands if segment.lands is not None and t == segment.timesteps[-1] else None
        rule = rule_named(segment.rule)
        noisy = segment.noisy or rises is not None
        yield (
            _question(segment, t, position),
            (following, rises, segment.rule, segment.eta, segment.rho, before if rule.multistep else None,
             position if noisy else None),
            segment.nfe // len(segment.timesteps),
        )  # fmt: skip
        before = t if rises is None else None


def _question(segment: Segment, t: float, position: int) -> Any:
    w = 1.0 if is_plain(segment.guidance) else segment.guidance
    blend = segment.blend and (segment.blend.model, segment.blend.weight, evaluations(segment.blend.guidance))
    changed = tuple(remedy.model_dump_json() for remedy in segment.remedies)
    return segment.model, t, w, segment.prompt, segment.adapters, blend, changed, position if changed else None
