"""A segment: consecutive steps of one model, with everything that decides them. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from studio.core.files import Json
from studio.core.levels import CLEAN as CLEAN
from studio.sampling.guidance import evaluations, is_plain
from studio.sampling.remedies import AnyRemedy
from studio.sampling.rules import rule_named

AdapterPairs = tuple[tuple[str, float], ...]  # (name, weight)
HintPairs = tuple[tuple[str, float], ...]  # (name of a ControlNet, weight)


class Blend(BaseModel):
    """A second network, asked at the same noise level: x̂0 = (1 − weight) · own + weight · its.

    On one process that is the interpolation of the two predictions, of whatever kind. guidance, adapters: of the second
    network.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    weight: float = Field(gt=0, lt=1)
    guidance: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    adapters: AdapterPairs = ()

    @model_serializer(mode="wrap")
    def _without_what_is_neutral(self, plain: SerializerFunctionWrapHandler) -> Json:
        return {name: value for name, value in plain(self).items() if name != "adapters" or value}


class Mix(BaseModel):
    """What the same network says to another prompt, under adapters of its own, as a part of what it says to the first one.

    F = (1 − Σ weight) · F(first prompt) + Σ weight · F(prompt, adapters) is what guidance is then computed of (SINE, Zhang et al.
    2022, arXiv 2212.04489, equation 7). One evaluation each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str = Field(min_length=1)
    weight: float = Field(gt=0, le=1)
    adapters: AdapterPairs = ()


class Segment(BaseModel):
    """Consecutive steps of one model.

    timesteps: where the network is evaluated, decreasing, in the model's own time (0 = clean).
    guidance: scale w; 0 and 1 both mean the plain conditional prediction.
    embedded: the guidance scale for those of its networks that take it as an input; None = each one's own.
    eta: the rule's stochasticity in [0, 1]; None = the rule's default.
    rho: noise modulation: the fresh noise a rule adds is scaled by it; 1 is as published, less is a lower temperature.
    adapters: (name, weight) pairs active during this segment.
    positions: which grid position each step is, the ``step`` of its noise; steps of two plans with equal position and
        seed share their noise. Empty = count on from the segment before.
    remedies: what changes conditions and beliefs on the way, in this order (`studio.sampling.remedies`).
    blend: a second network whose belief is mixed in; both are evaluated, and counted.
    hints: (name, weight) of the ControlNets that pass their picture on to its networks; the picture of one is part of the
        condition, under `hint_key`.
    prompt: a prompt of its own for this segment; empty = the one that is given for the model (`condition_key`).
    mix: other prompts under other adapters, mixed into what the network says to the first one.
    lands: where the last step lands, in the next segment's time, when that is below where the next segment begins: fresh
        noise then makes up the difference (a restart). None = where the next segment begins.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    rule: str
    timesteps: tuple[float, ...]
    guidance: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    eta: float | None = Field(default=None, ge=0, le=1)
    rho: float = Field(default=1.0, ge=0, le=2, allow_inf_nan=False)
    adapters: AdapterPairs = ()
    positions: tuple[int, ...] = ()
    remedies: tuple[AnyRemedy, ...] = ()
    blend: Blend | None = None
    hints: HintPairs = ()
    prompt: str = ""
    mix: tuple[Mix, ...] = ()
    lands: float | None = Field(default=None, ge=CLEAN, allow_inf_nan=False)
    embedded: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _fits(self) -> Segment:
        rule = rule_named(self.rule)
        if self.eta is not None and rule.eta is None:
            raise ValueError(f"update rule {self.rule!r} has no eta, {self.eta:g} was given; leave it out, or use ddim or tcd")
        ts = self.timesteps
        if not ts or not all(math.isfinite(t) and t >= 0 for t in ts) or any(b >= a for a, b in zip(ts, ts[1:], strict=False)):
            raise ValueError(f"timesteps {_brief(ts)} do not fit; at least one, decreasing, none below 0 would")
        if self.positions and (len(self.positions) != len(ts) or min(self.positions) < 0):
            raise ValueError(
                f"positions {_brief(self.positions)} do not fit; one from 0 up for each of {len(ts)} timesteps would"
            )
        kinds = [remedy.kind for remedy in self.remedies]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"remedies {', '.join(kinds)} do not fit; each kind once would")
        if self.blend is not None and self.blend.model == self.model:
            raise ValueError(f"{self.model!r} cannot be blended with itself; another model would fit")
        if (mixed := sum(part.weight for part in self.mix)) > 1:
            raise ValueError(f"weights of {mixed:g} together do not fit a mix; 1 is the most")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_neutral(self, plain: SerializerFunctionWrapHandler) -> Json:
        """Settings that came later are written only where they are used, so that a plain plan stays the text it was."""
        return {name: value for name, value in plain(self).items() if name not in _LATER or value not in (None, "", (), [])}

    @property
    def nfe(self) -> int:
        """Network evaluations per image."""
        second = evaluations(self.blend.guidance) if self.blend else 0
        return len(self.timesteps) * (evaluations(self.guidance) + second + len(self.mix))

    @property
    def guided(self) -> bool:
        """Whether one of its networks is asked for the null too."""
        return not all(is_plain(w) for w in (self.guidance, *((self.blend.guidance,) if self.blend else ())))

    @property
    def models(self) -> tuple[str, ...]:
        return (self.model, self.blend.model) if self.blend else (self.model,)

    @property
    def conditions(self) -> tuple[tuple[str, str, AdapterPairs], ...]:
        """What `condition_key` takes, for each of its models, then for what is mixed in."""
        second = ((self.blend.model, self.prompt, self.blend.adapters),) if self.blend else ()
        mixed = ((self.model, part.prompt, part.adapters) for part in self.mix)
        return ((self.model, self.prompt, self.adapters), *second, *mixed)

    @property
    def noisy(self) -> bool:
        """Whether its steps draw fresh noise (the one that lands on clean data never does)."""
        return rule_named(self.rule).effective_eta(self.eta) > 0 and self.rho > 0

    def part(self, low: int, high: int, **changes: object) -> Segment:
        """Its steps low … high − 1, with other settings where given."""
        own: dict[str, object] = {"timesteps": self.timesteps[low:high], "positions": self.positions[low:high]}
        if high < len(self.timesteps):
            own["lands"] = None
        return Segment.model_validate({**self.model_dump(), **own, **changes})


_LATER = ("remedies", "blend", "hints", "prompt", "mix", "lands", "embedded")


def condition_key(model: str, prompt: str = "", adapters: AdapterPairs = ()) -> str:
    """Where a segment's condition stands among those given to the loop. Adapters may change how a prompt is read."""
    on = ", ".join(f"{name} × {weight!r}" for name, weight in sorted(adapters))
    return model + (f": {prompt}" if prompt else "") + (f" with {on}" if on else "")


def hint_key(name: str) -> str:
    """Where the picture of a ControlNet stands in a condition: [1 or N, 3, H, W] in [0, 1]."""
    return f"hint:{name}"


def _brief(values: Sequence[float]) -> str:
    text = ", ".join(f"{v:g}" for v in values[:6])
    return f"({text}{', …' if len(values) > 6 else ''})"
