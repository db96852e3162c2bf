"""Update rules: how a belief about x0 at one noise level becomes the state at the next. Needs no torch.

Why these are ours and not diffusers' schedulers: (1) a scheduler object owns its grid and its step counter, so steps of
two networks, or a landing level that is not on the grid (a hand-over), cannot be expressed; (2) it computes in float32,
keeps Euler's state in the σ-scaled convention that must never meet VP latents, supports flow prediction in other classes
only, and draws its noise from one generator in step order rather than per (seed, step); (3) every rule here is *linear*,
x_s = a·x_t + b·x̂0 + c·x̂0_before + d·z, so it reduces to four float64 numbers a step, and the tests hold each of them to
the diffusers scheduler of the same name.

Notation: t → s are the levels left and reached, A = sigma / alpha the noise level. Euler's rule is an affine change of
variables of DDIM's (x / alpha is the σ-scaled latent), so in the alpha/sigma scale they are one rule.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass

from studio.core.levels import GaussianLevel as Level
from studio.core.levels import Update, Weights


@dataclass(frozen=True)
class Move:
    """One step's geometry: from ``here`` to ``there``, both in the scale of the network that evaluates at each.

    before: noise level of the previous evaluation on the same deterministic path, None if there is none.
    at: the process that ``there`` belongs to, t -> Level.
    """

    here: Level
    there: Level
    eta: float
    before: float | None
    at: Callable[[float], Level]


def _combine(move: Move, a: float, b: float, k: float) -> Weights:
    """a x̂0 + b ε̂ + k z, with ε̂ = (x_t − alpha_t x̂0) / sigma_t put in."""
    here = move.here
    return Weights(x=b / here.sigma, x0=a - b * here.alpha / here.sigma, noise=k)


def ddim(move: Move) -> Weights:
    """Song et al. 2021 (arXiv 2010.02502) eq. 12; eta = 1 is ancestral sampling.

    κ² = η² σ_s² (1 − (A_s / A_t)²) equals their eq. 16 on VP and σ_up² of k-diffusion's ancestral Euler times alpha_s²
    on every process.
    """
    here, there = move.here, move.there
    fall = 0.0 if math.isinf(here.noise) else (there.noise / here.noise) ** 2
    kappa = move.eta * there.sigma * math.sqrt(max(1.0 - fall, 0.0))
    return _combine(move, there.alpha, math.sqrt(max(there.sigma**2 - kappa**2, 0.0)), kappa)


def lcm(move: Move) -> Weights:
    """Multistep consistency sampling (Song et al. 2023, arXiv 2303.01469, alg. 1): jump to x̂0, then re-noise.

    diffusers also applies boundary weights c_skip, c_out with timestep scaling 10; at t ≥ 19 they differ from 0 and 1
    by less than 1e-5 and belong to the network, not to the rule.
    """
    return Weights(x=0.0, x0=move.there.alpha, noise=move.there.sigma)


def tcd(move: Move) -> Weights:
    """Zheng et al. 2024 (arXiv 2402.19159) alg. 4: go to s' = (1 − η)s without noise, then re-noise from s' to s.

    s' is a whole timestep as in diffusers. eta = 0 is DDIM, eta = 1 re-noises from t = 0 like LCM.
    """
    there = move.there
    if there.sigma == 0:
        return Weights(x=0.0, x0=1.0)
    low = there if move.eta == 0 else move.at(float(math.floor((1.0 - move.eta) * max(there.t, 0.0))))
    b = there.alpha * low.noise
    return _combine(move, there.alpha, b, math.sqrt(max(there.sigma**2 - b**2, 0.0)))


def dpmpp_2m(move: Move) -> Weights:
    """DPM-Solver++(2M), Lu et al. 2022 (arXiv 2211.01095) alg. 2: DDIM with x̂0 extrapolated in λ = −log A.

    First order where there is no earlier evaluation on this path, or where the step lands on clean data (λ = inf).
    """
    base = ddim(Move(move.here, move.there, 0.0, None, move.at))
    if move.before is None or math.isinf(move.before) or math.isinf(move.here.noise) or move.there.noise == 0:
        return base
    h = math.log(move.here.noise) - math.log(move.there.noise)
    h_before = math.log(move.before) - math.log(move.here.noise)
    c = h / (2 * h_before)  # D = x̂0 + c (x̂0 − x̂0_before)
    return Weights(x=base.x, x0=base.x0 * (1 + c), previous=-base.x0 * c)


@dataclass(frozen=True)
class Rule:
    """A rule with its stochasticity: ``eta`` is the default, None where the rule has no such setting.

    process: the kind of process it moves on. weights: the numbers of one step, as that process takes them (`core.levels.Update`).
    """

    name: str
    weights: Callable[[Move], Update]
    eta: float | None
    fixed_eta: float = 0.0  # used where eta is None; above 0 means that the rule adds noise of its own
    multistep: bool = False
    process: str = "gaussian"

    def effective_eta(self, given: float | None) -> float:
        """The stochasticity used where ``given`` is what a segment says; 0 means that no noise is drawn."""
        if given is not None:
            return given
        return self.fixed_eta if self.eta is None else self.eta


OTHERS: dict[str, Rule] = {}  # of processes that are not Gaussian; the faces of their families add them


def add_rule(rule: Rule) -> Rule:
    """Make a rule known to plans. ValueError where the name is taken."""
    if rule.name in RULES or OTHERS.get(rule.name, rule) != rule:
        raise ValueError(f"There are two update rules called {rule.name!r}; rename one.")
    OTHERS[rule.name] = rule
    return rule


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("ddim", ddim, eta=0.0),
        Rule("euler", ddim, eta=None),
        Rule("euler-ancestral", ddim, eta=1.0),
        Rule("lcm", lcm, eta=None, fixed_eta=1.0),
        Rule("tcd", tcd, eta=0.3),
        Rule("dpmpp-2m", dpmpp_2m, eta=None, multistep=True),
    )
}


def rule_named(name: str) -> Rule:
    """The rule of this name, or a ValueError that lists what fits."""
    known = RULES | OTHERS
    if name in known:
        return known[name]
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"update rule {name!r} is unknown; one of {', '.join(known)} fits.{hint}")


def every_rule() -> list[Rule]:
    return [*RULES.values(), *OTHERS.values()]
