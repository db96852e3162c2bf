"""The reward of Pocket World: how sure its oracle is that a picture shows what the caption states.

Differentiable from the latent through the frozen decoder and the frozen oracle. The oracle that grades is also the one that
measures accuracy, so a rise of accuracy after training on this reward is no independent evidence: what the reward does not
ask for (diversity, FD-oracle, the share of pictures in distribution) must be read beside it.
"""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor

from studio.core.domain import Domain
from studio.core.material import Reward


class Grader:
    """Reads latents of an opened model with an oracle; both are frozen, and the oracle is a copy."""

    def __init__(self, model: Any, domain: Domain, oracle: Any):
        self.vae, self.tokenizer, self.domain = model.parts.vae, model.parts.tokenizers[0], domain
        self.oracle = copy.deepcopy(oracle).eval().requires_grad_(False)

    def images(self, latents: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, 3, H, W] in [0, 1], as `Model.decode` gives them, with gradient."""
        like = next(self.vae.parameters())
        decoded = self.vae.decode((latents / self.vae.config.scaling_factor).to(like), return_dict=False)[0]
        return (decoded.to(latents.dtype) * 0.5 + 0.5).clamp(0, 1)

    def features(self, latents: Tensor) -> Tensor:
        """The oracle's features [B, D]."""
        found: Tensor = self.oracle.features_of(self.images(latents))
        return found

    def reward(self, tokens: Tensor) -> Reward:
        """Of samples drawn under these captions [B, L], in their order (`core.domain.Hands.reward`)."""
        lines = self.tokenizer.batch_decode(tokens.tolist(), skip_special_tokens=True)
        of_images = self.domain.hands().reward(self.oracle, [self.domain.read(line) for line in lines])
        return lambda latents: of_images(self.images(latents))
