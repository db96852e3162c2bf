"""A plan made ready to run: every step with its float64 numbers, computed before the first network call."""

from __future__ import annotations

import difflib
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from studio.core.denoiser import Predictor
from studio.core.levels import Level, Update
from studio.core.process import Process
from studio.sampling.guidance import evaluations, is_plain
from studio.sampling.plan import Plan
from studio.sampling.remedies.base import Moment, Remedy
from studio.sampling.rules import Move, Rule, every_rule, rule_named
from studio.sampling.segment import AdapterPairs, HintPairs, Mix, Segment, condition_key

if TYPE_CHECKING:
    from studio.core.denoiser import Predictor
    from studio.core.family import OpenModel


@dataclass(frozen=True)
class Call:
    """One network asked once, at ``here`` in its own scale; the state is multiplied by ``scale`` to get there."""

    model: str
    condition: str  # its key among the conditions given to the loop
    adapters: AdapterPairs
    guidance: float
    here: Level
    scale: float = 1.0
    hints: HintPairs = ()
    embedded: float | None = None  # guidance that the network is told as an input; None = its own


@dataclass(frozen=True)
class Step:
    """One belief and one update. Equal steps from an equal state give an equal state."""

    call: Call
    blend: tuple[Call, float] | None  # a second network and the weight of its belief
    mix: tuple[tuple[Call, float], ...]  # what else the first network is asked, and its part in what it said to the prompt
    remedies: tuple[Remedy, ...]  # those that do something here
    moment: Moment
    there: Level  # in the scale of the next step's model: the hand-over rescales by landing there
    weights: Update
    segment: int = field(compare=False)

    @property
    def model(self) -> str:
        return self.call.model

    @property
    def here(self) -> Level:
        return self.call.here

    @property
    def position(self) -> int:
        return self.moment.position

    @property
    def calls(self) -> tuple[Call, ...]:
        return (self.call, *([self.blend[0]] if self.blend else ()), *(call for call, _ in self.mix))

    @property
    def nfe(self) -> int:
        return sum(evaluations(call.guidance) for call in self.calls)

    @property
    def asked(self) -> Hashable:
        """All that decides x̂0, given the state: steps that ask alike share their network evaluations."""
        draws = any(remedy.draws for remedy in self.remedies)
        return (self.call, self.blend, self.mix, self.remedies, self.position if draws else None)

    def questions(self, call: Call) -> tuple[Hashable, ...]:
        """All that decides each output of the network in a call, given the state: to the prompt, and to the null if guided."""
        told = tuple(remedy for remedy in self.remedies if remedy.tells)
        when = (self.moment.share, self.moment.level, self.position if any(r.draws for r in told) else None) if told else None
        bare = replace(call, guidance=1.0)
        own = (bare, told, when)
        return (own,) if is_plain(call.guidance) else (own, (bare, "null"))

    @property
    def asks(self) -> tuple[Hashable, ...]:
        """The questions of all its calls."""
        return tuple(question for call in self.calls for question in self.questions(call))

    @property
    def done(self) -> Hashable:
        """All that decides the next state, given state and x̂0. A step without fresh noise is the same at every position."""
        return (self.there, self.weights, self.position if self.weights.noise else None)


def denoiser_of(model: OpenModel | Predictor) -> Predictor:
    """A family's Model carries its denoiser; a bare one is its own."""
    return model if isinstance(model, Predictor) else model.denoiser


def compiled(plan: Plan, models: Mapping[str, OpenModel | Predictor]) -> tuple[float, tuple[Step, ...]]:
    """(how it begins (`Process.begin`), the steps). ValueError where the plan cannot run on these models."""
    for model in plan.models:
        if model not in models:
            near = difflib.get_close_matches(model, models, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"plan {plan.name!r} uses model {model!r}, which is not open; {', '.join(models) or 'none'} is.{hint}"
            )
    flat = [(number, segment, t) for number, segment in enumerate(plan.segments) for t in segment.timesteps]
    processes = [denoiser_of(models[segment.model]).process for _, segment, _ in flat]
    levels = [process.level(t) for process, (_, _, t) in zip(processes, flat, strict=True)]
    levels.append(processes[-1].level(plan.final_t))
    steps = []
    before: float | None = None
    for i, ((number, segment, t), position) in enumerate(zip(flat, plan.positions(), strict=True)):
        here, there, process = levels[i], levels[i + 1], processes[min(i + 1, len(flat) - 1)]
        rises = segment.lands is not None and t == segment.timesteps[-1]
        low = process.level(segment.lands) if rises and segment.lands is not None else there
        _check_levels(plan, i, here, low, there)
        rule = rule_named(segment.rule)
        _check_kinds(plan, segment, rule, processes[i], process)
        move = Move(here, low, rule.effective_eta(segment.eta), before, process.level)
        weights = rule.weights(move).modulated(segment.rho)
        moment = Moment(here.t / processes[i].t_max, here.noise, position)
        steps.append(
            Step(
                call=_asking(segment.model, segment, segment.guidance, segment.adapters, here),
                blend=_blended(segment, here, models),
                mix=tuple((_mixed_in(segment, part, here), part.weight) for part in segment.mix),
                remedies=tuple(remedy for remedy in segment.remedies if remedy.active(moment)),
                moment=moment,
                there=there,
                weights=weights.raised(low, there) if rises else weights,
                segment=number,
            )
        )
        before = here.noise if rule.multistep and not rises else None
    return processes[0].begin(levels[0], plan.start), tuple(steps)


def _check_kinds(plan: Plan, segment: Segment, rule: Rule, own: Process, following: Process) -> None:
    """ValueError where a step's rule or remedy is of another kind of process than its model, or the next model is."""
    if rule.process != own.kind:
        raise ValueError(
            f"{segment.model!r} is a {own.kind} process and {rule.name!r} a rule of {rule.process} ones; "
            f"{' or '.join(known.name for known in every_rule() if known.process == own.kind) or 'a rule of its own'} would fit"
        )
    for remedy in segment.remedies:
        if own.kind not in remedy.processes:
            raise ValueError(
                f"remedy {remedy.kind!r} is made for {' and '.join(remedy.processes)} processes, not a {own.kind} one"
            )
    if own.kind != following.kind:
        raise ValueError(
            f"plan {plan.name!r} hands over from a {own.kind} process to a {following.kind} one, which share no states"
        )


def _check_levels(plan: Plan, i: int, here: Level, low: Level, there: Level) -> None:
    falls = f"step {i} of plan {plan.name!r} would go from noise level {here.noise:.4g} (t = {here.t:g}) to"
    if not low.noise < here.noise:
        raise ValueError(f"{falls} {low.noise:.4g} (t = {low.t:g}); noise levels that fall at every step would fit")
    if low.noise > there.noise:
        raise ValueError(
            f"{falls} {low.noise:.4g} (t = {low.t:g}), above {there.noise:.4g} (t = {there.t:g}), where the next segment "
            "begins; to land there or below would fit"
        )


def _blended(segment: Segment, here: Level, models: Mapping[str, OpenModel | Predictor]) -> tuple[Call, float] | None:
    """The second network at the same noise level, with x' = x sigma' / sigma where its process is another."""
    blend = segment.blend
    if blend is None:
        return None
    other = denoiser_of(models[blend.model]).process
    if other.kind != denoiser_of(models[segment.model]).process.kind:
        raise ValueError(f"{blend.model!r} is a {other.kind} process and cannot be blended into another kind")
    level = other.level(here.t)
    if replace(level, t=here.t) != here:
        level = other.level(float(other.time_of(here.noise)))
        if not math.isclose(level.noise, here.noise, rel_tol=1e-6):
            raise ValueError(
                f"{blend.model!r} knows no noise level of {here.noise:.4g} (t = {here.t:g} of {segment.model!r}); "
                "a blend below its highest level would fit"
            )
    return _asking(blend.model, segment, blend.guidance, blend.adapters, level, level.scale / here.scale), blend.weight


def _asking(model: str, segment: Segment, w: float, adapters: AdapterPairs, here: Level, scale: float = 1.0) -> Call:
    """Guidance 0 and 1 are one question, so that plans which say it differently share the answer."""
    key, hints = condition_key(model, segment.prompt, adapters), tuple(pair for pair in segment.hints if pair[1])
    return Call(model, key, adapters, 1.0 if is_plain(w) else w, here, scale, hints, segment.embedded)


def _mixed_in(segment: Segment, part: Mix, here: Level) -> Call:
    return _asking(segment.model, segment.model_copy(update={"prompt": part.prompt}), 1.0, part.adapters, here)
