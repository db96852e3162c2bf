"""The reward of Pocket World: how sure its oracle is that a picture shows what the caption states.

Differentiable from the latent through the frozen decoder and the frozen oracle. The oracle that grades is also the one that
measures accuracy, so a rise of accuracy after training on this reward is no independent evidence: what the reward does not
ask for (diversity, FD-oracle, the share of pictures in distribution) must be read beside it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from studio.core.material import Reward
from studio.domains.pocket.captions import parse
from studio.domains.pocket.scene import FACTORS

NOT_STATED = -1


class Grader:
    """Reads latents of an opened model with an oracle; both are frozen, and the oracle is a copy."""

    def __init__(self, model: Any, oracle: Any):
        self.vae, self.tokenizer = model.parts.vae, model.parts.tokenizers[0]
        self.oracle = copy.deepcopy(oracle).eval().requires_grad_(False)

    def images(self, latents: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, 3, H, W] in [0, 1], as `Model.decode` gives them, with gradient."""
        like = next(self.vae.parameters())
        decoded = self.vae.decode((latents / self.vae.config.scaling_factor).to(like), return_dict=False)[0]
        return (decoded.to(latents.dtype) * 0.5 + 0.5).clamp(0, 1)

    def logits(self, latents: Tensor) -> Mapping[str, Tensor]:
        """The oracle's logits [B, values] of every factor."""
        found: Mapping[str, Tensor] = self._seen(latents)[1]
        return found

    def features(self, latents: Tensor) -> Tensor:
        """The oracle's features [B, D]."""
        found: Tensor = self._seen(latents)[0]
        return found

    def _seen(self, latents: Tensor) -> Any:
        images, size = self.images(latents), int(self.oracle.config["size"])
        if images.shape[-1] != size:
            images = F.interpolate(images, size=size, mode="area")
        return self.oracle(images.contiguous(memory_format=torch.channels_last))

    def stated(self, tokens: Tensor) -> Tensor:
        """int64 [B, factors]: index of the value that each caption [B, L] states, `NOT_STATED` where it states none."""
        rows = []
        for text in self.tokenizer.batch_decode(tokens.tolist(), skip_special_tokens=True):
            said = parse(text).stated
            rows.append([f.values.index(said[name]) if name in said else NOT_STATED for name, f in FACTORS.items()])
        return torch.tensor(rows, device=tokens.device)

    def reward(self, tokens: Tensor) -> Reward:
        """Of samples drawn under these captions [B, L], in their order; see `stated_log_probability`."""
        stated = self.stated(tokens)
        return lambda latents: stated_log_probability(self.logits(latents), stated)


def stated_log_probability(logits: Mapping[str, Tensor], stated: Tensor) -> Tensor:
    """[B] in (−∞, 0]: mean over the stated factors of the log-probability of what is stated; 0 where nothing is."""
    total = torch.zeros(len(stated), device=stated.device)
    for i, name in enumerate(FACTORS):
        wanted = stated[:, i]
        found = logits[name].log_softmax(1).gather(1, wanted.clamp_min(0)[:, None]).squeeze(1)
        total = total + torch.where(wanted == NOT_STATED, torch.zeros_like(found), found)
    return total / (stated != NOT_STATED).sum(1).clamp_min(1)
