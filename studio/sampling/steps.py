"""A plan made ready to run: every step with its float64 numbers, computed before the first network call."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.core.denoiser import Denoiser
from studio.core.process import Process
from studio.sampling.guidance import evaluations
from studio.sampling.plan import CLEAN, Plan
from studio.sampling.rules import Level, Move, Weights, rule_named


@dataclass(frozen=True)
class Step:
    """One network evaluation and one update. Equal steps from an equal state give an equal state."""

    model: str
    adapters: tuple[tuple[str, float], ...]
    guidance: float
    position: int
    here: Level  # in the scale of this step's model
    there: Level  # in the scale of the next step's model: the hand-over rescales by landing there
    weights: Weights
    segment: int = field(compare=False)

    @property
    def nfe(self) -> int:
        return evaluations(self.guidance)


def denoiser_of(model: Any) -> Denoiser:
    """A family's Model carries its denoiser; a bare Denoiser is its own."""
    return getattr(model, "denoiser", model)


def level_at(process: Process, t: float) -> Level:
    """float64 coefficients at t; t < 0 is clean on every process."""
    if t < 0:
        return Level(CLEAN, 1.0, 0.0)
    alpha, sigma = process.alpha_sigma(t)
    return Level(float(t), float(alpha), float(sigma))


def compiled(plan: Plan, models: Mapping[str, Any]) -> tuple[float, tuple[Step, ...]]:
    """(scale of x_T, the steps). ValueError where the plan cannot run on these models."""
    for model in plan.models:
        if model not in models:
            near = difflib.get_close_matches(model, models, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"plan {plan.name!r} uses model {model!r}, which is not open; {', '.join(models) or 'none'} is.{hint}"
            )
    flat = [(number, segment, t) for number, segment in enumerate(plan.segments) for t in segment.timesteps]
    processes = [denoiser_of(models[segment.model]).process for _, segment, _ in flat]
    levels = [level_at(process, t) for process, (_, _, t) in zip(processes, flat, strict=True)]
    levels.append(level_at(processes[-1], plan.final_t))
    steps = []
    before: float | None = None
    for i, ((number, segment, _), position) in enumerate(zip(flat, plan.positions(), strict=True)):
        here, there, process = levels[i], levels[i + 1], processes[min(i + 1, len(flat) - 1)]
        if not there.noise < here.noise:
            raise ValueError(
                f"step {i} of plan {plan.name!r} would go from noise level {here.noise:.4g} (t = {here.t:g}) to "
                f"{there.noise:.4g} (t = {there.t:g}); noise levels that fall at every step would fit"
            )
        rule = rule_named(segment.rule)
        eta = segment.eta if segment.eta is not None else rule.fixed_eta if rule.eta is None else rule.eta
        move = Move(here, there, eta, before, lambda t, p=process: level_at(p, t))  # type: ignore[misc]
        steps.append(
            Step(
                model=segment.model, adapters=segment.adapters, guidance=segment.guidance, position=position,
                here=here, there=there, weights=rule.weights(move).modulated(segment.rho), segment=number,
            )
        )  # fmt: skip
        before = here.noise if rule.multistep else None
    first = levels[0]
    return (math.hypot(first.alpha, first.sigma) if plan.start == "marginal" else first.sigma), tuple(steps)
