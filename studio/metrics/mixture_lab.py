"""The prototype laboratory: teacher, student and hybrids on a Gaussian mixture, exact and without any training.

Data: K prototypes in R^D (unit variance per dimension) with unequal weights. The base is the exact posterior mean. The
student has the same likelihood, but a mode-seeking prior (weights^beta, renormalised), and commits to the single most
probable prototype. Four steps at 999/759/499/259 of Stable Diffusion's schedule, LCM re-noising, one stored noise per
step that all arms share. What decides is kappa(t) = |Δ| √SNR(t), the evidence that x_t carries about its mode: small at
the first step (≲ 2–3), the student's prior decides; large at the second (≳ 3–5), a decision is kept. Then the hybrid
recovers what the student loses. At D = 2 kappa is small at both, and the hybrid does nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from studio.core.process import VP
from studio.core.rng import generator
from studio.metrics import diversity as dv
from studio.metrics.bootstrap import resample_counts
from studio.metrics.interval import Estimate, Interval

GRID = (999.0, 759.0, 499.0, 259.0)
_FULL_STEPS = 50
_PAIR_SAMPLES = 500  # the mean pair distance uses this many samples at most: its cost is quadratic


@dataclass(frozen=True)
class Outcome:
    """One arm. `samples` [n, D] final x0; `first` [n, D] x0 after the first network call; `labels` [n] nearest
    prototype.

    distance: mean pair distance over the mean distance of prototypes. modes: exp entropy of labels, in [1, K]. `beliefs`
    [steps, n]: the prototype nearest to x0 after every network call; the last row is `labels`, but for a rounding tie.
    """

    name: str
    samples: Tensor
    first: Tensor
    labels: Tensor
    distance: Interval
    modes: Interval
    nfe: int
    beliefs: Tensor = field(default_factory=lambda: torch.empty(0, 0, dtype=torch.int64))


@dataclass(frozen=True)
class Lab:
    """Sliders: D dimensions, beta ≥ 0 (1 = no mode seeking), K prototypes, `ratio` of successive weights, grid, n,
    seed.

    The ratio 0.83 gives eight prototypes an effective number of about 7.3.
    """

    D: int = 256
    beta: float = 3.0
    K: int = 8
    ratio: float = 0.83
    n: int = 3000
    seed: int = 0
    grid: tuple[float, ...] = GRID
    n_boot: int = 200
    pair_samples: int = _PAIR_SAMPLES
    process: VP = field(default_factory=lambda: VP.scaled_linear(0.00085, 0.012), compare=False)

    def __post_init__(self) -> None:
        if self.D < 1 or self.K < 2 or self.n < 1:
            raise ValueError(f"D = {self.D}, K = {self.K}, n = {self.n} do not fit; D and n are at least 1, K at least 2.")
        if self.beta < 0 or not 0 < self.ratio <= 1:
            raise ValueError(f"beta = {self.beta}, ratio = {self.ratio} do not fit; beta is ≥ 0 and ratio in (0, 1].")
        if (
            list(self.grid) != sorted(set(self.grid), reverse=True)
            or not 0 <= self.grid[-1] <= self.grid[0] <= self.process.t_max
        ):
            raise ValueError(f"The grid {self.grid} does not fit; give decreasing timesteps within 0 and {self.process.t_max:g}.")

    @property
    def weights(self) -> Tensor:
        """Prior of the prototypes [K], float64, sums to 1."""
        w = self.ratio ** torch.arange(self.K, dtype=torch.float64)
        return w / w.sum()

    @property
    def prototypes(self) -> Tensor:
        """[K, D] float64, mean square entry exactly 1."""
        mu = torch.randn(self.K, self.D, generator=generator(self.seed, "data"), dtype=torch.float64)
        return mu / mu.square().mean().sqrt()

    @property
    def width(self) -> int:
        """Numbers in a sample."""
        return self.D

    def kappa(self, t: float) -> float:
        """|Δ| √SNR(t), Δ = root mean square distance of two prototypes."""
        square = (dv.distances(self.prototypes) ** 2).sum() / (self.K * (self.K - 1))
        return float(square.sqrt() / self.process.noise_level(t))

    def sample(self, mask: str, *, base_steps_after: int = 0, name: str | None = None) -> Outcome:
        """Run a mask over the grid: one letter a step, B = base, S = student, - = skipped ("BSSS" is the hybrid, k =
        1).

        `base_steps_after` > 0 hands over after the masked steps to that many deterministic DDIM base steps, from the
        next level of the grid (or, with an empty mask, from the first) down to clean.
        """
        _check_mask(mask, len(self.grid), base_steps_after)
        mu, log_w = self.prototypes, self.weights.log()
        levels = [t for letter, t in zip(mask, self.grid, strict=False) if letter != "-"]
        models = [letter for letter in mask if letter != "-"]
        x0 = first = None
        beliefs: list[Tensor] = []
        for step, (model, t) in enumerate(zip(models, levels, strict=True)):
            x = self._renoise(x0, t, step)
            logits = self._logits(x, *self.process.alpha_sigma(t), mu, log_w * (self.beta if model == "S" else 1.0))
            x0 = mu[logits.argmax(1)] if model == "S" else logits.softmax(1) @ mu
            beliefs.append(nearest(x0, mu))
            first = x0 if first is None else first
        if base_steps_after:
            t = self.grid[len(mask)]
            x, times = self._renoise(x0, t, len(models)), _spaced(t, base_steps_after)
            x0, after_one, path = self._ddim(x, times, mu, log_w)
            first = after_one if first is None else first
            beliefs += path
        assert x0 is not None and first is not None
        return self._outcome(name or mask, x0, first, beliefs)

    def base(self, steps: int = _FULL_STEPS) -> Outcome:
        """The base alone, deterministic DDIM from the first level of the grid."""
        return self.sample("", base_steps_after=steps, name=f"base {steps}")

    def student_first(self, steps: int = 38) -> Outcome:
        """The reverse order: one student step, then the base's DDIM from the second level (38 = a 50-step spacing)."""
        return self.sample("S", base_steps_after=steps, name="student first")

    def table(self) -> dict[str, Outcome]:
        """All arms: base, base on the grid, student, hybrids k = 1…N−1, skip-first, student-first."""
        N = len(self.grid)
        out = {"base": self.base(), "base grid": self.sample("B" * N), "student": self.sample("S" * N)}
        out |= {f"hybrid-{k}": self.sample("B" * k + "S" * (N - k)) for k in range(1, N)}
        if N > 1:
            out |= {"skip-first": self.sample("-" + "S" * (N - 1)), "student-first": self.student_first()}
        return out

    def _logits(self, x: Tensor, alpha: Tensor, sigma: Tensor, mu: Tensor, log_prior: Tensor) -> Tensor:
        """log p(k | x_t) + const [n, K]: log prior − |x − alpha mu_k|² / 2 sigma², without the term common to all k."""
        return log_prior + (alpha * (x @ mu.T) - 0.5 * alpha**2 * mu.square().sum(1)) / sigma**2

    def _renoise(self, x0: Tensor | None, t: float, step: int) -> Tensor:
        """x_t = alpha x0 + sigma eps; plain noise where nothing came before. One draw per step, shared by all arms."""
        eps = torch.randn(self.n, self.width, generator=generator(self.seed, f"noise {step}"), dtype=torch.float64)
        if x0 is None:
            return eps
        alpha, sigma = self.process.alpha_sigma(t)
        return alpha * x0 + sigma * eps

    def _ddim(self, x: Tensor, times: list[float], mu: Tensor, log_w: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Deterministic DDIM (Song et al. 2021, eq. 12, sigma = 0) down to clean: (x0, first x0, nearest by step)."""
        first, path = None, []
        alphas, sigmas = self.process.alpha_sigma(torch.tensor([*times, -1.0]))  # the last step lands on clean
        for i in range(len(times)):
            x0 = self._logits(x, alphas[i], sigmas[i], mu, log_w).softmax(1) @ mu
            path.append(nearest(x0, mu))
            first = x0 if first is None else first
            x = alphas[i + 1] * x0 + sigmas[i + 1] * (x - alphas[i] * x0) / sigmas[i]
        assert first is not None
        return x, first, path

    def _outcome(self, name: str, x0: Tensor, first: Tensor, beliefs: list[Tensor]) -> Outcome:
        mu = self.prototypes
        labels = nearest(x0, mu)
        counts = resample_counts(self.n, self.n_boot, self.seed)
        seen = dv.entropy_of_counts(dv.class_counts(labels, self.K)).exp()
        drawn = dv.entropy_of_counts(dv.class_counts(labels, self.K, counts)).exp()
        modes = Estimate.centred(float(seen), drawn, self.n, (1.0, float(self.K))).interval()
        distance = spread(x0, mu, self.n_boot, self.seed, self.pair_samples)
        return Outcome(name, x0, first, labels, distance, modes, len(beliefs), torch.stack(beliefs))


def nearest(x: Tensor, prototypes: Tensor) -> Tensor:
    """Index [n] of the prototype [K, D] nearest to each x [n, D]."""
    return (prototypes.square().sum(1) - 2 * x @ prototypes.T).argmin(1)


def spread(x0: Tensor, prototypes: Tensor, n_boot: int = 200, seed: int = 0, samples: int = _PAIR_SAMPLES) -> Interval:
    """Mean pair distance of x0 [n, D] over the mean pair distance of the prototypes; the first `samples` are used."""
    scale = dv.mean_pair_distance(torch.cdist(prototypes, prototypes))
    x = x0[:samples]
    if len(x) < 2:
        return Interval(None, n=len(x), note="n too small")
    matrix = torch.cdist(x, x) / scale
    drawn = dv.mean_pair_distance(matrix, resample_counts(len(x), n_boot, seed))
    return Estimate.centred(float(dv.mean_pair_distance(matrix)), drawn, len(x), (0.0, math.inf)).interval()


def _spaced(t: float, steps: int) -> list[float]:
    """`steps` timesteps from t towards 0, evenly spaced, 0 itself left out."""
    return [t - i * t / steps for i in range(steps)]


def _check_mask(mask: str, n_steps: int, base_steps_after: int) -> None:
    if set(mask) - set("BS-"):
        raise ValueError(f"Mask {mask!r} has other letters than B (base), S (student) and - (skip).")
    if base_steps_after:
        if base_steps_after < 1 or len(mask) >= n_steps:
            raise ValueError(f"Mask {mask!r} leaves no level to hand over at; it has at most {n_steps - 1} letters then.")
    elif len(mask) != n_steps or not set(mask) & set("BS"):
        raise ValueError(f"Mask {mask!r} does not fit; give {n_steps} letters, at least one of them B or S.")
