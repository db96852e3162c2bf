"""Hints on a plan: which steps see a ControlNet's picture, and the picture among the conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from studio.sampling.plan import Plan
from studio.sampling.segment import HintPairs, Segment, hint_key

if TYPE_CHECKING:
    from torch import Tensor

    from studio.core.denoiser import Cond, Predictor
    from studio.core.family import OpenModel

Conds = Mapping[str, tuple["Cond", "Cond | None"]]


def with_hint(plan: Plan, name: str, weight: float = 1.0, chosen: Callable[[Segment], bool] = lambda segment: True) -> Plan:
    """The plan with a ControlNet on in the chosen segments; a weight of 0 leaves it as it is."""
    if not weight:
        return plan
    segments = []
    for segment in plan.segments:
        if chosen(segment):
            if any(other == name for other, _ in segment.hints):
                raise ValueError(f"ControlNet {name!r} is on twice in one segment of {plan.name!r}; once would fit")
            segment = Segment.model_validate({**segment.model_dump(), "hints": (*segment.hints, (name, weight))})
        segments.append(segment)
    return plan.model_copy(update={"segments": tuple(segments)})


def hints_of(*plans: Plan) -> dict[str, list[str]]:
    """Names of the ControlNets that plans use, each with the models it is on, in order of first use."""
    found: dict[str, list[str]] = {}
    for segment in (segment for plan in plans for segment in plan.segments):
        for name, weight in segment.hints:
            on = found.setdefault(name, [])
            on += [model for model in segment.models if weight and model not in on]
    return {name: on for name, on in found.items() if on}


def with_pictures(conds: Conds, pictures: Mapping[str, Tensor]) -> dict[str, tuple[Cond, Cond | None]]:
    """Conditions for the loop with the pictures of ControlNets, {name: [1 or N, 3, H, W]}, in all of them.

    The null rows of a guided batch see them as well: guidance pushes along the text, not along the picture.
    """
    hints = {hint_key(name): picture for name, picture in pictures.items()}
    return {key: ({**given, **hints}, None if null is None else {**null, **hints}) for key, (given, null) in conds.items()}


def check_hints(model: OpenModel | Predictor, id: str, hints: HintPairs, given: Cond, null: Cond | None) -> None:
    """ValueError in one sentence where a segment's hints cannot be followed."""
    for name, _ in (pair for pair in hints if pair[1]):
        if not hasattr(model, "use_controls"):
            raise ValueError(f"model {id!r} takes no hints; leave them out of its segment")
        key = hint_key(name)
        if key not in given or (null is not None and key not in null):
            raise ValueError(f"the ControlNet {name!r} of model {id!r} has no picture; give one among its conditions as {key!r}")
