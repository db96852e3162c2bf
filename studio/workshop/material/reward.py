"""The reward of a known world: how sure its oracle is that a sample shows what its caption states (`core.domain.Hands.reward`).

Differentiable from the latent through the frozen decoder and the frozen oracle. The oracle that grades is also the one that
measures accuracy, so a rise of accuracy after training on this reward is no independent evidence: what the reward does not
ask for (diversity, FD-oracle, the share of samples in distribution) must be read beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Domain, Oracle, Said
from studio.core.family import OpenModel
from studio.core.material import Reward


class Grader:
    """Reads latents of an opened model with an oracle; both are frozen."""

    def __init__(self, model: OpenModel, domain: Domain, oracle: Oracle):
        self.model, self.domain = model, domain
        self.oracle = oracle

    def samples(self, latents: Tensor, cond: Cond) -> Tensor:
        """Decoded, with gradient."""
        return self.model.decode_with_gradient(latents, cond)

    def features(self, latents: Tensor, cond: Cond) -> Tensor:
        """The oracle's features [B, D]."""
        return self.oracle.features_of(self.samples(latents, cond))

    def reward(self, said: Sequence[Said], cond: Cond) -> Reward:
        """Of samples drawn under these captions, in their order. cond: the same as conditions."""
        asked = [self.domain.read(one.text, given=one.given) for one in said]
        of_samples = self.domain.hands().reward(self.oracle, asked)
        return lambda latents: of_samples(self.samples(latents, cond))
