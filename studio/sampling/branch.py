"""Branches: go on from any step of a plan in another way. A branch is a plan like any other. Needs no torch.

Before the branching step it *is* its parent, so the loop computes what they share once, hands over between processes as
everywhere, and one that changes nothing is its parent bit for bit. Where the parent's state was recorded, the loop's
``resume`` skips the past altogether.

The fork test (`forks`) keeps x_t at one step and draws the later noise anew, n times: the spread between forks is what that
state has left open. A deterministic rule (DDIM with eta 0) draws nothing after x_T, so there everything is decided at the
start and a fork would be a copy; the question then needs another process from x_t on: ``eta=1`` (ancestral sampling, which
draws from the model's own belief about x0 given x_t and keeps the marginals of the deterministic path) or ``rule="lcm"``
(re-noising of x̂0, as few-step students do, which keeps of x_t only the belief it leads to).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studio.sampling.plan import Plan
from studio.sampling.segment import Segment

REDRAWN = 100_000  # added to a grid position for every redraw of its noise


def branched(
    plan: Plan, index: int, name: str | None = None, *, redraw: int = 0, timesteps: Sequence[float] | None = None, **changes: Any
) -> Plan:
    """The plan up to step ``index``; from that step on with other settings.

    changes: fields of `Segment` (model, prompt, guidance, adapters, rule, eta, rho, remedies, blend), for every later step.
    timesteps: another grid for what is left, in one segment, in the time of its model; needed where the model is of another
        process and the old times would mean other noise levels.
    redraw: 0 keeps the noise of the later steps, 1, 2, … are other draws. The noise added on the way to step ``index`` is
        the past's and stays.
    """
    if not 0 <= index < plan.steps:
        raise ValueError(f"step {index} does not exist in {plan.name!r}; 0 to {plan.steps - 1} would fit")
    if redraw < 0:
        raise ValueError(f"redraw {redraw} does not fit; 0 (the noise as it is) or a number from 1 up would")
    if "rule" in changes:
        changes = {"eta": None, **changes}
    before, left = plan.split(index)
    if timesteps is not None:
        left = [left[0].part(0, len(left[0].timesteps), timesteps=tuple(timesteps), positions=(), lands=None)]
    if changes:
        left = [segment.part(0, len(segment.timesteps), **changes) for segment in left]
    if redraw:
        left = _redrawn(Plan(name="left", segments=(*before, *left)), len(before), redraw)
    update = {"name": name or f"{plan.name}, branch at {index}", "segments": (*before, *left)}
    return plan.model_copy(update=update)


def _redrawn(plan: Plan, first: int, redraw: int) -> list[Segment]:
    """The segments from number ``first`` on, at positions whose noise nothing else uses."""
    positions, done, out = plan.positions(), 0, []
    for number, segment in enumerate(plan.segments):
        n = len(segment.timesteps)
        if number >= first:
            out.append(segment.model_copy(update={"positions": tuple(p + redraw * REDRAWN for p in positions[done : done + n])}))
        done += n
    return out


def forks(plan: Plan, index: int, n: int, **changes: Any) -> list[Plan]:
    """n branches that share the state at step ``index`` and differ in the noise drawn from there on (see above).

    All ask the same at step ``index``, so the loop computes the path up to its belief once. changes: as in `branched`.
    ValueError where nothing random is left to draw.
    """
    if n < 1:
        raise ValueError(f"{n} forks do not fit; 1 or more would")
    out = [branched(plan, index, f"{plan.name}, fork {index}.{k}", redraw=k, **changes) for k in range(1, n + 1)]
    left = out[0].split(index)[1]
    if not any(segment.noisy or segment.lands is not None or any(r.draws for r in segment.remedies) for segment in left):
        rules = ", ".join(dict.fromkeys(segment.rule for segment in left))
        raise ValueError(
            f"{plan.name!r} draws no noise from step {index} on ({rules} without eta), so all forks would be alike; "
            'rule="ddim" with eta=1, or rule="lcm", would fit'
        )
    return out
