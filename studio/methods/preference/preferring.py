"""What all methods of preference tuning share: a frozen network as its own reference, one adapter, the steps of its sampling.

Notation: y_w the winner and y_l the loser of two samples under one condition c, x_t = alpha y + sigma eps, v the velocity
alpha eps − sigma y, v_θ with the adapter, v* without it. Of a stochastic step t → s of the sampling, x_s = a x_t + b x̂0 + k z
with k > 0, log π(x_s | x_t) = −mean (x_s − μ)² / (2 k²) + const with μ = a x_t + b x̂0, the mean being over the sample's numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser, from_x0, to_x0
from studio.core.levels import Weights
from studio.core.lowrank import Adapter
from studio.core.material import ConditionalNetwork, LayerSet
from studio.core.method import Method, MethodConfig, Sampling, Streams, Trained
from studio.core.rng import rand, randint
from studio.core.simulate import add_noise

Scores = Callable[[Tensor], Tensor]  # clean samples [N, *shape] -> their rewards [N], larger is better
SMOOTH = 0.98  # of the winner's error, in updates
TOLD = 1.2  # times what it began with: a winner's error above it is said


@dataclass(frozen=True)
class Move:
    """One step of a model's sampling: from time t by these numbers. noise > 0 is a draw of one's own."""

    t: float
    weights: Weights


class Preferences(Protocol):
    """moves: the model's sampling, the last one ends clean. guidance: of it; 1 is none. own: timesteps at which it is sampled,
    () for a model that knows every time."""

    moves: Sequence[Move]
    guidance: float
    own: tuple[float, ...]

    def pairs(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Cond]:
        """(winners [n, *shape], losers, their conditions)."""

    def prompts(self, n: int, each: int, g: torch.Generator) -> tuple[Cond, Scores]:
        """Conditions of n prompts, every one `each` times in a row, and the reward of samples drawn under them."""

    def null(self, cond: Cond) -> Cond:
        """The unconditional condition, of the same batch size."""

    def noise(self, cond: Cond, g: torch.Generator) -> Tensor:
        """Standard normal [B, *shape], projected as `core.material.Material.noise`."""


class PreferringConfig(MethodConfig):
    rank: int = Field(8, ge=1, le=256, description="Rank of the adapter")
    alpha: float = Field(8.0, gt=0, le=1024, description="Strength 1 multiplies the adapter by alpha / rank")
    layers: LayerSet = Field("everything", description="Which layers it changes")
    lr: float = Field(5e-4, gt=0, le=1, description="Learning rate of the adapter")
    ema: float = Field(0.95, ge=0, lt=1, description="EMA of the adapter")
    hold: float = Field(0.0, ge=0, le=1e4, description="Weight of the distance to the untouched model; 0 lets go")


C = TypeVar("C", bound=PreferringConfig)


@dataclass(frozen=True)
class Path:
    """A stochastic step that was taken from x [B, ...], and where it went. old: log π(x_s | x_t) [B] of what took it."""

    move: Move
    x: Tensor
    there: Tensor
    old: Tensor

    def part(self, index: Tensor) -> Path:
        """These rows of it."""
        return Path(self.move, self.x[index], self.there[index], self.old[index])


class Preferring(Method[C]):
    """The trained module is called "preference"."""

    def __init__(self, config: C, streams: Streams, denoiser: Denoiser, preferences: Preferences):
        super().__init__(config, streams)
        network = denoiser.network
        assert isinstance(network, ConditionalNetwork)
        network.requires_grad_(False).eval()
        self.denoiser, self.network, self.preferences = denoiser, network, preferences
        self.adapter = Adapter(network.adaptable(config.layers), config.rank, config.alpha, streams.seed).to(streams.device)
        self.trained = {"preference": Trained(self.adapter, config.lr, ema=config.ema)}

    def recompute(self) -> None:
        """From now on the backward pass computes blocks of the network again instead of finding them kept."""
        self.network.recompute(True)

    def velocity(self, x: Tensor, t: Tensor | float, cond: Cond, *, bare: bool = False) -> Tensor:
        """v_θ [B, ...], or v* where bare."""
        if bare:
            with torch.no_grad():
                return self.denoiser.velocity(x, t, cond)
        with self.network.wearing(self.adapter, 1.0):
            return self.denoiser.velocity(x, t, cond)

    def guided(self, x: Tensor, t: float, cond: Cond, *, bare: bool = False) -> Tensor:
        """The same with the sampling's guidance; v is affine in x̂0 at one x_t, so guiding it is guiding x̂0."""
        w = self.preferences.guidance
        if w == 1:
            return self.velocity(x, t, cond, bare=bare)
        null = self.preferences.null(cond)
        both = {name: torch.cat([part, null[name]]) for name, part in cond.items()}
        asked, unasked = self.velocity(torch.cat([x, x]), t, both, bare=bare).chunk(2)
        return unasked + w * (asked - unasked)

    def mean(self, move: Move, x: Tensor, v: Tensor) -> Tensor:
        """μ [B, ...] of a step from x with this velocity."""
        alpha, sigma = self.denoiser.process.alpha_sigma(torch.as_tensor(move.t, dtype=torch.float64))
        return move.weights.x * x + move.weights.x0 * to_x0("v", v, x, alpha, sigma)

    def likelihood(self, path: Path, v: Tensor) -> Tensor:
        """log π(x_s | x_t) [B] up to what does not depend on the network."""
        off = (path.there - self.mean(path.move, path.x, v)).flatten(1).square().mean(1)
        return -off / (2 * path.move.weights.noise**2)

    @torch.no_grad()
    def drawn(self, cond: Cond) -> tuple[Tensor, list[Path]]:
        """(samples [B, *shape] of the network as it is, the stochastic steps on their way)."""
        g = self.streams["trajectory"]
        x, paths = self.preferences.noise(cond, g), []
        for move in self.preferences.moves:
            there = self.mean(move, x, self.guided(x, move.t, cond))
            if move.weights.noise:
                z = self.preferences.noise(cond, g)
                there = there + move.weights.noise * z
                paths.append(Path(move, x, there, -z.flatten(1).square().mean(1) / 2))
            x = there
        return x, paths

    @property
    def stochastic(self) -> bool:
        """Whether the sampling has a step with noise of its own."""
        return any(move.weights.noise for move in self.preferences.moves)

    def sampling(self) -> Sampling:
        raise TypeError("an adapter is no student; it is worn by models that are sampled as they are")

    # -- pairs -----------------------------------------------------------------------------------------------------

    def times(self, n: int) -> Tensor:
        """[n] float64: of a student the timesteps at which it is sampled, of a teacher any."""
        own = self.preferences.own
        if not own:
            return rand((n,), self.streams["time"]).double() * self.denoiser.process.t_max
        times = torch.tensor(own, dtype=torch.float64, device=self.streams.device)
        return times[randint(len(times), (n,), self.streams["time"])]

    def told_apart(self, won: Tensor, lost: Tensor, cond: Cond, beta: float, loser: float) -> Tensor:
        """The loss of pairs at one time and with one noise each: Diffusion-DPO's, with the velocity's error."""
        t, eps = self.times(len(won)), self.preferences.noise(cond, self.streams["noise"])
        both, times = torch.cat([won, lost]), torch.cat([t, t])
        twice = {name: torch.cat([part, part]) for name, part in cond.items()}
        process = self.denoiser.process
        x = add_noise(process, both, times, torch.cat([eps, eps]))
        target = from_x0("v", both, x, *process.alpha_sigma(times))
        after, before = self.velocity(x, times, twice), self.velocity(x, times, twice, bare=True)
        errors = [(v - target).flatten(1).square().mean(1) for v in (after, before)]
        (won_now, lost_now), (won_then, lost_then) = (error.chunk(2) for error in errors)
        self._watch(won_now, won_then, lost_now, lost_then)
        return preferred(won_now, lost_now, won_then, lost_then, beta, loser).mean() + self.holding(after, before)

    def holding(self, after: Tensor, before: Tensor) -> Tensor:
        """How far it has gone from the untouched model, squared, at its weight."""
        gone = (after - before).square().mean()
        self.log["moved"] = float(gone.detach())
        return self.config.hold * gone

    def _watch(self, won: Tensor, won_then: Tensor, lost: Tensor, lost_then: Tensor) -> None:
        """Winner's and loser's errors apart, and whether the adapter tells them apart as it should."""
        with torch.no_grad():
            gap = (lost - lost_then) - (won - won_then)
            now, then = float(won.mean()), float(won_then.mean())
            ratio = now / max(then, 1e-12)
            smooth = SMOOTH * self.log.get("winner_ratio", 1.0) + (1 - SMOOTH) * ratio
            self.log |= {
                "winner": now, "loser": float(lost.mean()), "winner_ratio": smooth, "gap": float(gap.mean()),
                "accuracy": float((gap > 0).float().mean() + (gap == 0).float().mean() / 2),
                "diverged": float(smooth > TOLD or self.log.get("diverged", 0.0) > 0),
            }  # fmt: skip


def preferred(won: Tensor, lost: Tensor, won_then: Tensor, lost_then: Tensor, beta: float, loser: float) -> Tensor:
    """[B] −log σ(−β/2 [(ℓ_w − ℓ*_w) − γ (ℓ_l − ℓ*_l)]): errors now and of the untouched model; γ is `loser`."""
    return -torch.nn.functional.logsigmoid(-beta / 2 * ((won - won_then) - loser * (lost - lost_then)))


def ranked(rewards: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of rewards [n, each]: places of the best and of the worst of each row, [n] int64, and whether they differ, bool [n]."""
    best, worst = rewards.argmax(1), rewards.argmin(1)
    return best, worst, rewards.amax(1) > rewards.amin(1)


def rows(cond: Cond, index: Tensor) -> dict[str, Tensor]:
    """These rows of a condition."""
    return {name: part[index] for name, part in cond.items()}
