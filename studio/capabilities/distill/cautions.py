"""Cautions before a distillation starts: combinations of settings that are allowed and known to go wrong.

    cautions("dmd2", {"inputs": "noised data", "guidance": 8.0})            # -> sentences, none when nothing is known
    cautions("lcm", typed, trainer, methods["lcm"]["schema"])  # what was not given is the schema's default

Pure, without torch. Values that are no numbers yet, as in a form somebody is still typing in, are passed over. What can
only be seen while a run goes on is in `symptoms`, as are the thresholds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from studio.capabilities.distill.evidence import Given
from studio.capabilities.distill.symptoms import GUIDED, NEAR_NOISE, SID_ALPHA, SOLVER_GRID, T_MAX

CONSISTENCY = ("lcm", "segments")
ANNEALED = ("lcm", "segments", "progressive")  # measured side by side: without a falling rate these end far worse
WITH_RATIO = ("f-distill", "uni-instruct")  # their discriminator gives the density ratio
OWN_INPUTS = (*CONSISTENCY, "tdm")  # for which data are the published inputs, or which have a way of their own


class Settings:
    """Settings of an objective and of the trainer, with an objective's defaults for what was not given."""

    def __init__(self, objective: str, given: Given, trainer: Given, schema: Given):
        defaults = {
            k: v["default"] for k, v in (schema.get("properties") or {}).items() if isinstance(v, Mapping) and "default" in v
        }
        self.objective, self.trainer = objective, trainer
        self.values = {**defaults, **{k: v for k, v in given.items() if v not in (None, "")}}

    def number(self, name: str) -> float | None:
        return _number(self.values.get(name))

    def numbers(self, name: str) -> list[float]:
        value = self.values.get(name)
        parts = value.split(",") if isinstance(value, str) else value if isinstance(value, Sequence) else [value]
        found = [_number(part) for part in parts]
        return [v for v in found if v is not None] if None not in found else []

    def is_(self, name: str, value: str) -> bool:
        return self.values.get(name) == value

    @property
    def guidance(self) -> float | None:
        """Where it is high enough to matter."""
        w = self.number("guidance")
        return w if w is not None and w >= GUIDED else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def cautions(objective: str, settings: Given, trainer: Given | None = None, schema: Given | None = None) -> list[str]:
    """A sentence or two for each known trap in a request. trainer: its settings; schema: the objective's JSON schema."""
    s = Settings(objective, settings, trainer or {}, schema or {})
    return [sentence for trap in TRAPS if (sentence := trap(s)) is not None]


def _noised_data(s: Settings) -> str | None:
    w = s.guidance
    if not s.is_("inputs", "noised data") or w is None or s.objective in OWN_INPUTS or len(s.numbers("timesteps")) == 1:
        return None
    return (
        f"Inputs from noised data with a guidance of {w:g}: colours saturate from the second step on, because the student "
        "never sees what its own first step leaves. Backward simulation, or noised teacher samples, do not do that."
    )


def _guided_against_data(s: Settings) -> str | None:
    w, gan = s.guidance, s.number("gan")
    if not s.is_("real", "data") or w is None or not (gan or s.objective in WITH_RATIO):
        return None
    return (
        f"The discriminator compares with data while the teacher is guided at {w:g}: the two pull apart, and the student gets "
        "worse than without it. Choose teacher samples as what is real, or a guidance of 1."
    )


def _sid_alpha(s: Settings) -> str | None:
    alpha = s.number("alpha")
    if s.objective != "sid" or alpha is None or alpha <= SID_ALPHA:
        return None
    return (
        f"SiD with alpha {alpha:g} is the published best on small images, and gives noise when the fake score is slow; "
        "between 0.5 and 1 is safe, and critic_updates helps."
    )


def _sid_precision(s: Settings) -> str | None:
    if s.objective != "sid" or s.trainer.get("precision") != "bf16":
        return None
    return "SiD multiplies two small differences, which half precision rounds away; fp32 fits."


def _embedded_guidance(s: Settings) -> str | None:
    w, low, high = s.number("w"), s.number("w_low"), s.number("w_high")
    if s.objective != "guided" or w is None or low is None or high is None or low <= w <= high:
        return None
    return (
        f"The student is to be sampled with its own guidance at {w:g}, but learns scales from {low:g} to {high:g}; "
        "a scale in between fits."
    )


def _solver_grid(s: Settings) -> str | None:
    grid = s.number("grid")
    if s.objective not in CONSISTENCY or grid is None or grid <= SOLVER_GRID:
        return None
    return (
        f"A solver grid of {grid:g} times is fine for Stable Diffusion; on the small models here, errors of more than "
        f"{SOLVER_GRID} solver steps add up and the student ends worse than its teacher. 8 to {SOLVER_GRID} fits."
    )


def _rate_never_falls(s: Settings) -> str | None:
    begins, ends = _number(s.trainer.get("decay_from")), _number(s.trainer.get("decay_to"))
    if s.objective not in ANNEALED or not ((begins is not None and begins >= 1) or (ends is not None and ends >= 1)):
        return None
    return (
        "The learning rate never falls: this objective then ends far worse, because the student learns from its own noise. "
        "decay_from 0.5 and decay_to 0.1 fit."
    )


def _begins_below_noise(s: Settings) -> str | None:
    grid = s.numbers("timesteps")
    if not grid or max(grid) >= NEAR_NOISE * T_MAX:
        return None
    return (
        f"The student's grid begins at {max(grid):g}, but sampling begins with pure noise, which it then never learns from: "
        f"patches of colour are what this looks like. A grid that begins at {T_MAX:g} fits."
    )


def _neyman(s: Settings) -> str | None:
    if not s.is_("divergence", "neyman"):
        return None
    return (
        "The Neyman divergence weighs a sample by one over its density ratio, which explodes; it is here to be seen, not to win."
    )


TRAPS: tuple[Callable[[Settings], str | None], ...] = (
    _noised_data, _guided_against_data, _sid_alpha, _sid_precision, _embedded_guidance, _solver_grid, _rate_never_falls,
    _begins_below_noise, _neyman,
)  # fmt: skip
