"""Plans that draw after one given picture, in two ways. Needs no torch.

`with_mix`: at times above K the network's answer to the prompt is mixed with its answer to the picture's own prompt under an
adapter that knows the picture (SINE, Zhang et al. 2022, arXiv 2212.04489, equation 7),

    F = F(∅) + w [(1 − β) F(edit) + β F_ft(source) − F(∅)]    for t > K,    F(∅) + w [F(edit) − F(∅)]    for t ≤ K.

Early steps take the picture's layout, late ones are free to follow the edit. `begun_with`: the plan begins at a time t with the
noised picture and no training at all (SDEdit, Meng et al. 2021, arXiv 2108.01073).
"""

from __future__ import annotations

from itertools import groupby

from studio.sampling.plan import Plan
from studio.sampling.segment import AdapterPairs, Mix, Segment

K = 400.0  # of plans of many steps
FEW = 8  # steps, up to which all but the last are mixed


def usual_k(plan: Plan) -> float:
    """400 for many steps; a few are mixed but for the last one, and a single one is mixed."""
    if plan.steps > FEW:
        return K
    return plan.segments[-1].timesteps[-1] if plan.steps > 1 else 0.0


def with_mix(plan: Plan, prompt: str, weight: float, adapters: AdapterPairs, above: float | None = None) -> Plan:
    """The plan with what the models say to another prompt, under more adapters than their own, mixed in at times above this.

    above: K, in the time of each segment's model; None is `usual_k`. A weight of 0 leaves the plan as it is. ValueError where one
    of the adapters is on already, or weights come to more than 1.
    """
    if not weight:
        return plan
    above = usual_k(plan) if above is None else above
    out: list[Segment] = []
    for segment in plan.segments:
        for early, steps in groupby(range(len(segment.timesteps)), lambda i, s=segment, k=above: s.timesteps[i] > k):  # type: ignore[misc]
            if twice := {name for name, _ in segment.adapters} & {name for name, _ in adapters} if early else set():
                raise ValueError(f"adapter {min(twice)!r} is on in steps that it is mixed into; one of both would fit")
            indices = list(steps)
            part = Mix(prompt=prompt, weight=weight, adapters=(*segment.adapters, *adapters))
            changes = {"mix": (*segment.mix, part)} if early else {}
            whole = len(indices) == len(segment.timesteps)
            out.append(segment if whole and not changes else segment.part(indices[0], indices[-1] + 1, **changes))
    return plan.model_copy(update={"segments": tuple(out)})


def mixes(plan: Plan) -> int:
    """Steps into which something is mixed."""
    return sum(len(segment.timesteps) for segment in plan.segments if segment.mix)


def begun_with(plan: Plan, sample: str, t: float) -> Plan:
    """The plan's steps from time t on, begun with the sample of this name noised to the first of them.

    ValueError where no step is left.
    """
    times = [time for segment in plan.segments for time in segment.timesteps]
    first = next((i for i, time in enumerate(times) if time <= t), None)
    if first is None:
        raise ValueError(f"no step of {plan.name!r} lies at t = {t:g} or below; {times[-1]:g} or more would fit")
    return plan.after(first, plan.name).model_copy(update={"begins": sample})
