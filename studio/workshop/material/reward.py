"""The reward of a known world: how sure its oracle is that a sample shows what its caption states (`core.domain.Hands.reward`).

Differentiable from the latent through the frozen decoder and the frozen oracle. The oracle that grades is also the one that
measures accuracy, so a rise of accuracy after training on this reward is no independent evidence: what the reward does not
ask for (diversity, FD-oracle, the share of samples in distribution) must be read beside it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from studio.core.domain import Domain
from studio.core.family import OpenModel
from studio.core.material import Reward


class Grader:
    """Reads latents of an opened model with an oracle; both are frozen, and the oracle is a copy."""

    def __init__(self, model: OpenModel, domain: Domain, oracle: Any):
        self.model, self.domain = model, domain
        self.oracle = copy.deepcopy(oracle).eval().requires_grad_(False)

    def samples(self, latents: Tensor) -> Tensor:
        """Decoded, with gradient."""
        found: Tensor = self.model.decode_with_gradient(latents)
        return found

    def features(self, latents: Tensor) -> Tensor:
        """The oracle's features [B, D]."""
        found: Tensor = self.oracle.features_of(self.samples(latents))
        return found

    def reward(self, lines: Sequence[str]) -> Reward:
        """Of samples drawn under these captions, in their order."""
        of_samples = self.domain.hands().reward(self.oracle, [self.domain.read(line) for line in lines])
        return lambda latents: of_samples(self.samples(latents))
