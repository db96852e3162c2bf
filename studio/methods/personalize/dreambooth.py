"""DreamBooth with prior pictures (Ruiz et al. 2022, arXiv 2208.12242, equation 2), as an adapter.

    L = E_{y, t} ‖v_θ(x_t, t, c_V) − v(y, eps)‖² + λ E ‖v_θ(x'_t, t, c_class) − v(y', eps)‖²

t is drawn from the whole range; y' are pictures that the untouched model made of the class, so that the class keeps its variety.
On a distilled student the same loss is the one that trackers are full of complaints about: it teaches at times that the student
no longer knows. There it is offered as the negative control, under that name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.method import Card, Roles
from studio.core.rng import rand
from studio.methods.personalize import PERSONALIZE
from studio.methods.personalize.personal import Batch, Personal, PersonalConfig


class DreamBoothConfig(PersonalConfig):
    prior: float = Field(
        1.0, ge=0, le=1000, title="Prior weight", description="Weight of pictures of the class; 0 leaves them out"
    )
    min_snr: float = Field(
        0.0, ge=0, le=1000, title="Min-SNR γ", description="No noise level pulls harder than γ allows; 5 is usual, 0 is off"
    )
    dropout: float = Field(
        0.0, ge=0, le=1, title="Caption dropout", description="Share of pictures shown without any caption, for guidance"
    )


@PERSONALIZE.add("dreambooth")
class DreamBooth(Personal[DreamBoothConfig]):
    card = Card(
        title="DreamBooth",
        paper="arXiv 2208.12242",
        status="published recipe, as an adapter",
        good_for="teachers; the adapter is then worn by their students as well",
        how="Show the pictures at every noise level, and pictures the model made of the class beside them.",
    )
    Config = DreamBoothConfig
    models: ClassVar[Roles] = ("teacher",)

    def iteration(self, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        gamma = self.config.min_snr
        subject = self.missed_anywhere(batch.x0, self._without_some(self.worded(batch.said)), gamma, batch.weight)
        self.log["subject"] = float(subject.detach())
        loss = subject
        if self.config.prior:
            y, of_class, _ = self.untouched.made(len(batch.x0), self.streams["prior"])
            kept = self.missed_anywhere(y, of_class, gamma)
            self.log["prior"] = float(kept.detach())
            loss = loss + self.config.prior * kept
        yield "personal", loss

    def _without_some(self, cond: Cond) -> Cond:
        """The conditions, nothing being said in words in a share of them."""
        if not self.config.dropout:
            return cond
        n = len(next(iter(cond.values())))
        silent = rand((n,), self.streams["dropout"]) < self.config.dropout
        found = dict(cond)
        for name, empty in self.read.empty.items():
            found[name] = torch.where(silent.view(-1, *([1] * (cond[name].ndim - 1))), empty.to(cond[name]), cond[name])
        return found


@PERSONALIZE.add("random-timesteps")
class RandomTimesteps(DreamBooth):
    models = ("student",)
    card = Card(
        title="Random timesteps",
        paper="arXiv 2208.12242",
        status="negative control",
        good_for="seeing on a student what the ordinary loss of trainers does to it",
        how="DreamBooth as it is for teachers, on a student that no longer knows most of the noise levels.",
    )
