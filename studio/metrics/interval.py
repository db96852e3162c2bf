"""Numbers that carry their uncertainty: `Interval` to show, `Estimate` to compute with.

A value that cannot be computed is None with a note saying why, never nan: results are written as JSON and read by
people.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import torch
from torch import Tensor

from studio.core.files import Json
from studio.core.rng import generator

LEVEL = 0.95
TOO_SMALL = "n too small"
MIN_GROUPS = 4  # below it a variance over groups is a guess
MIN_FOR_INTERVAL = 4  # a bootstrap of two or three images resamples almost nothing
_MIN_FINITE = 0.9  # share of bootstrap draws that must be finite for an interval to be given


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its 95 % interval. `n`: samples behind it. None: not computable, `note` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    note: str = ""

    def to_dict(self) -> Json:
        """JSON-ready; `from_dict` is the inverse."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n, "note": self.note}

    @classmethod
    def from_dict(cls, data: Json) -> Interval:
        return cls(**data)

    @property
    def known(self) -> bool:
        """True when there is a value and both ends."""
        return self.value is not None and self.low is not None and self.high is not None

    def includes(self, x: float) -> bool | None:
        """Whether x lies in [low, high]; None without an interval."""
        return self.low <= x <= self.high if self.low is not None and self.high is not None else None

    def apart(self, other: Interval) -> bool | None:
        """Whether the two intervals do not touch; None when one of them is missing."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return None
        return self.high < other.low or other.high < self.low

    def text(self, digits: int = 2, percent: bool = False) -> str:
        """'0.81 [0.75–0.86]', '71 % [58–83]', '-5 % [-20 to 10]', 'not available (n too small)'."""
        if self.value is None:
            return f"not available ({self.note or TOO_SMALL})"
        scale, digits = (100.0, 0) if percent else (1.0, digits)
        shown = f"{_plain(self.value * scale, digits)}{' %' if percent else ''}"
        if self.low is None or self.high is None:
            return shown
        dash = " to " if self.low < 0 else "–"
        return f"{shown} [{_plain(self.low * scale, digits)}{dash}{_plain(self.high * scale, digits)}]"


def _plain(x: float, digits: int) -> str:
    text = f"{x:.{digits}f}"
    return text[1:] if text.startswith("-") and float(text) == 0 else text


def tail(n: int, level: float = LEVEL) -> float:
    """Share of bootstrap draws to cut off at either end for n samples, at most (1 − level)/2.

    Φ(−t) with Student's t of n − 1 degrees (Hesterberg 2015, The American Statistician 69, "expanded percentile"):
    plain percentiles are too narrow for small n, as z intervals are. t by its Cornish–Fisher series (Abramowitz and
    Stegun 26.7.5), right to 1 % from n = 4.
    """
    normal = NormalDist()
    z = normal.inv_cdf(0.5 + level / 2)
    v = max(n - 1, 1)
    t = z + (z**3 + z) / (4 * v) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
    t += (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    return normal.cdf(-t)


@dataclass(frozen=True)
class Estimate:
    """A value with its bootstrap draws, so that differences and ratios of paired arms get honest intervals.

    `draws` [n_boot] float64 (nan where a resample had too few accepted samples), already centred on `value`: a resample
    repeats images, so it looks less diverse than the sample, and the mean shift of the draws is that bias. Arms
    drawn with the same (n, seed) share their resamples, so subtracting their draws is the paired bootstrap. `bounds`:
    the possible range of the value, applied when shown. `units`: how many independent things the draws vary, where that is
    not `n` (prompts, say); few of them make a wider interval.
    """

    value: float | None
    draws: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.float64))
    n: int = 0
    bounds: tuple[float, float] = (-math.inf, math.inf)
    note: str = ""
    units: int = 0

    @property
    def independent(self) -> int:
        """How many independent things there are behind it."""
        return self.units or self.n

    @classmethod
    def centred(cls, value: float, draws: Tensor, n: int, bounds: tuple[float, float] = (-math.inf, math.inf)) -> Estimate:
        """From raw bootstrap draws [n_boot] of n samples; a non-finite value becomes None.

        Draws are centred on the value and widened by √(n/(n − 1)), because resampling n values gives their variance
        with divisor n.
        """
        if not math.isfinite(value):
            return cls(None, n=n, note=TOO_SMALL)
        draws = draws.double()
        finite = draws[draws.isfinite()]
        if len(finite):
            draws = value + (draws - finite.mean()) * math.sqrt(n / (n - 1) if n > 1 else 1.0)
        return cls(float(value), draws, n, bounds)

    @classmethod
    def of_influence(
        cls, value: float, influence: Tensor, multipliers: Tensor, n: int, bounds: tuple[float, float] = (-math.inf, math.inf)
    ) -> Estimate:
        """From how much each of N samples moves the value: `influence` [N], (N − 1) · (value − value without the sample), the
        jackknife's pseudo-values up to their mean (Tukey 1958; Efron & Stein 1981); `multipliers` [n_boot, N] standard normal.

        A multiplier bootstrap (Liu 1988, Annals of Statistics 16). Unlike drawing images again it repeats none, and an entropy
        of repeated images is biased by an amount that differs between arms: intervals of differences were too narrow by it.
        """
        size = len(influence)
        centred = influence.double() - influence.double().mean()
        draws = value + multipliers @ centred / math.sqrt(max(1, size * (size - 1)))
        return cls(float(value), draws, n, bounds) if math.isfinite(value) else cls(None, n=n, note=TOO_SMALL)

    @classmethod
    def missing(cls, n: int, note: str = TOO_SMALL) -> Estimate:
        return cls(None, n=n, note=note)

    def __sub__(self, other: Estimate) -> Estimate:
        """Paired difference of two arms."""
        if self.value is None or other.value is None:
            return Estimate.missing(min(self.n, other.n), self.note or other.note)
        draws = self.draws - other.draws if len(self.draws) == len(other.draws) else torch.empty(0, dtype=torch.float64)
        units = min(self.independent, other.independent)
        return Estimate(self.value - other.value, draws, min(self.n, other.n), units=units)

    def interval(self, level: float = LEVEL) -> Interval:
        """Expanded percentile interval of the centred draws (see `tail`), always containing the value."""
        if self.value is None:
            return Interval(None, n=self.n, note=self.note or TOO_SMALL)
        finite = self.draws[self.draws.isfinite()]
        if self.independent < MIN_FOR_INTERVAL or not len(finite) or len(finite) < _MIN_FINITE * len(self.draws):
            return Interval(self.value, n=self.n, note=f"{TOO_SMALL} for an interval")
        end = tail(self.independent, level)
        low, high = torch.quantile(finite, torch.tensor([end, 1 - end], dtype=torch.float64)).tolist()
        low, high = max(min(low, self.value), self.bounds[0]), min(max(high, self.value), self.bounds[1])
        note = self.note
        if high - low <= 1e-12 * max(1.0, abs(self.value)):
            low = high = self.value
            note = note or "no variation among the samples, so the interval understates the uncertainty"
        return Interval(self.value, low, high, self.n, note)


def combined(terms: Sequence[tuple[float, Estimate]]) -> Estimate:
    """Σ weight · estimate of paired arms, draw by draw; missing as soon as one of them is, without bounds."""
    if not terms:
        raise ValueError("Nothing to combine; give at least one (weight, estimate).")
    lost = next((e for _, e in terms if e.value is None), None)
    n = min(e.n for _, e in terms)
    if lost is not None:
        return Estimate.missing(n, lost.note or TOO_SMALL)
    value = sum(w * e.value for w, e in terms if e.value is not None)
    same = len({len(e.draws) for _, e in terms}) == 1
    draws = sum((w * e.draws for w, e in terms), start=torch.zeros(1, dtype=torch.float64)) if same else torch.empty(0).double()
    return Estimate(value, draws, n, units=min(e.independent for _, e in terms))


def difference_of(a: Interval, b: Interval) -> Interval:
    """a − b of two *independent* estimates from their intervals (MOVER, Zou & Donner 2008, Statistics in Medicine 27)."""
    n = min(a.n, b.n)
    if a.value is None or b.value is None:
        return Interval(None, n=n, note=a.note or b.note or TOO_SMALL)
    d = a.value - b.value
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return Interval(d, n=n, note=a.note or b.note or TOO_SMALL)
    low = d - ((a.value - a.low) ** 2 + (b.high - b.value) ** 2) ** 0.5
    high = d + ((a.high - a.value) ** 2 + (b.value - b.low) ** 2) ** 0.5
    return Interval(d, low, high, n)


def pool(estimates: Sequence[Estimate]) -> Estimate:
    """Mean over groups (prompts) of estimates made within each; groups without a value are left out and the note says so.

    With `MIN_GROUPS` groups or more the interval is about groups in general: groups vary as well as what is in them. Two-way
    clustering (Cameron, Gelbach & Miller 2011, J. Business & Economic Statistics 29): the variance over groups, and of what
    is in them the part that groups have in common, such as their initial noise; the rest is in the variance over groups
    already. Student's t of one less than the groups. With fewer groups the interval is about these groups alone.
    """
    kept = [e for e in estimates if e.value is not None]
    n = sum(e.n for e in kept)
    if not kept:
        return Estimate.missing(sum(e.n for e in estimates), estimates[0].note if estimates else TOO_SMALL)
    values = torch.tensor([e.value for e in kept], dtype=torch.float64)
    left_out = len(estimates) - len(kept)
    note = f"{left_out} of {len(estimates)} groups left out: {TOO_SMALL}" if left_out else ""
    value, groups, bounds = float(values.mean()), len(kept), kept[0].bounds
    if len({len(e.draws) for e in kept}) > 1:
        return Estimate(value, n=n, bounds=bounds, note=note)
    inside = torch.stack([e.draws for e in kept], 1) - values  # [n_boot, groups]
    if groups < MIN_GROUPS:
        return Estimate(value, value + inside.mean(1), n, bounds, note, units=min(e.independent for e in kept))
    return Estimate(value, value + _common(inside) + _between(values, len(inside)), n, bounds, note, units=groups)


def _common(inside: Tensor) -> Tensor:
    """[n_boot]: the mean over groups of their draws [n_boot, groups], shrunk to the variance that is not each group's own."""
    mean = inside.nanmean(1)
    own = inside.nan_to_num().var(0).sum() / inside.shape[1] ** 2
    total = mean[mean.isfinite()].var()
    return mean * ((total - own) / total.clamp_min(1e-300)).clamp(0, 1).sqrt()


def _between(values: Tensor, n_boot: int) -> Tensor:
    """[n_boot]: normal draws of the mean of the groups' values [groups]; the same for every arm of as many groups."""
    groups = len(values)
    multipliers = torch.randn(n_boot, groups, generator=generator(groups, "groups"), dtype=torch.float64)
    return multipliers @ (values - values.mean()) / math.sqrt(groups * (groups - 1))
