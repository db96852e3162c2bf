"""A masked process over eight tokens, as a file: levels, draws, beliefs and moves of sequences that are uncovered bit by bit.

After masked diffusion language models (Sahoo et al. 2024, arXiv 2406.07524, equations 3 and 7): a token is hidden with
probability t, and of those hidden at t a share (t − s) / t is uncovered on the way to s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from studio.core.denoiser import Cond, Predictor
from studio.sampling.rules import Move, Rule, add_rule

TOKENS = 8
HIDDEN = TOKENS  # the token that hides another


@dataclass(frozen=True)
class Masked:
    """t: the share that is hidden."""

    t: float
    scale: float = 1.0

    @property
    def hidden(self) -> float:
        return max(self.t, 0.0)

    @property
    def noise(self) -> float:
        return self.hidden / (1 - self.hidden) if self.hidden < 1 else float("inf")


@dataclass(frozen=True)
class Uncover:
    """Of what is hidden, this share is uncovered; then this share of everything is hidden again."""

    share: float
    again: float = 0.0
    noise: float = 1.0
    previous: float = 0.0

    def modulated(self, rho: float) -> Uncover:
        if rho != 1:
            raise ValueError(f"tokens have no smaller noise, so a modulation of {rho:g} does not fit; 1 would")
        return self

    def raised(self, low: Masked, high: Masked) -> Uncover:
        return replace(self, again=1 - (1 - high.hidden) / (1 - low.hidden))


UNCOVER = add_rule(
    Rule("uncover", lambda move: _uncover(move), eta=None, fixed_eta=1.0, process="masked"),
)


def _uncover(move: Move) -> Uncover:
    here, there = move.here.t, max(move.there.t, 0.0)
    return Uncover((here - there) / here)


class Tokens:
    kind, t_max = "masked", 1.0

    def level(self, t: float) -> Masked:
        return Masked(float(t))

    def time_of(self, level: Tensor | float) -> float:
        return float(level) / (1 + float(level)) if level != float("inf") else 1.0

    def draw(self, seeds: Sequence[int], position: int, shape: Sequence[int]) -> Tensor:
        """[N, *shape, TOKENS + 2]: Gumbel noise of every token, then what decides who is uncovered and who is hidden again."""
        rows = []
        for seed in seeds:
            g = torch.Generator().manual_seed(seed * 1_000_003 + (position + 1) * 7_919)
            rows.append(torch.rand((*shape, TOKENS + 2), generator=g))
        u = torch.stack(rows)
        return torch.cat([-(-u[..., :TOKENS].clamp_min(1e-9).log()).log(), u[..., TOKENS:]], -1)

    def begin(self, level: Masked, how: str) -> float:
        return 1.0

    def start(self, z: Tensor, begun: float) -> Tensor:
        return torch.full(z.shape[:-1], HIDDEN)

    def passed_on(self, x: Tensor, scale: float, level: Masked) -> Tensor:
        return x

    def believe(self, prediction: str, F: Tensor, x: Tensor, level: Masked) -> Tensor:
        """Logits; of what is uncovered, its own token for certain."""
        known = torch.nn.functional.one_hot(x.clamp(max=TOKENS - 1), TOKENS).to(F)
        return torch.where((x == HIDDEN)[..., None], F, (known - 1) * 1e4)

    def move(self, update: Uncover, x: Tensor, belief: Tensor, before: Tensor | None, z: Tensor | None) -> Tensor:
        assert z is not None
        token = (belief + z[..., :TOKENS]).argmax(-1)
        after = torch.where((x == HIDDEN) & (z[..., TOKENS] < update.share), token, x)
        return torch.where(z[..., TOKENS + 1] < update.again, HIDDEN, after)


PROCESS = Tokens()


def pairs(x: Tensor, t: Tensor, cond: Cond) -> Tensor:
    """A teacher that knows its data: the token of each pair is said twice. x [B, 2 · n] -> logits [B, 2 · n, TOKENS]."""
    other = x.view(len(x), -1, 2).flip(-1).flatten(1)
    told = torch.nn.functional.one_hot(other.clamp(max=TOKENS - 1), TOKENS).float()
    sure = torch.where((other == HIDDEN)[..., None], torch.zeros_like(told), (told - 1) * 1e4)
    return sure + cond["bias"][:, None]


def alone(x: Tensor, t: Tensor, cond: Cond) -> Tensor:
    """A student that has forgotten that they belong together."""
    return cond["bias"][:, None].expand(len(x), x.shape[1], TOKENS)


def teacher() -> Predictor:
    return Predictor(pairs, PROCESS, "logits")


def student() -> Predictor:
    return Predictor(alone, PROCESS, "logits")
