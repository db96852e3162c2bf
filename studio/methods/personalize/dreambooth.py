"""DreamBooth with prior pictures (Ruiz et al. 2022, arXiv 2208.12242, equation 2), as an adapter.

    L = E_{y, t} ‖v_θ(x_t, t, c_V) − v(y, eps)‖² + λ E ‖v_θ(x'_t, t, c_class) − v(y', eps)‖²

t is drawn from the whole range; y' are pictures that the untouched model made of the class, so that the class keeps its variety.
On a distilled student the same loss is the one that trackers are full of complaints about: it teaches at times that the student
no longer knows. There it is offered as the negative control, under that name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from studio.core.method import Card, Roles
from studio.core.rng import rand
from studio.methods.personalize import PERSONALIZE
from studio.methods.personalize.personal import Batch, Personal, PersonalConfig


class DreamBoothConfig(PersonalConfig):
    prior: float = Field(1.0, ge=0, le=1000, description="Weight of pictures of the class; 0 leaves them out")


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
        x0, said = batch
        cond = self.worded(said)
        subject = self.missed(x0, self._any_time(len(x0)), self.noise(cond), cond).mean()
        self.log["subject"] = float(subject.detach())
        loss = subject
        if self.config.prior:
            y, of_class, _ = self.untouched.made(len(x0), self.streams["prior"])
            kept = self.missed(y, self._any_time(len(y)), self.noise(of_class), of_class).mean()
            self.log["prior"] = float(kept.detach())
            loss = loss + self.config.prior * kept
        yield "personal", loss

    def _any_time(self, n: int) -> Tensor:
        return rand((n,), self.streams["time"]).double() * self.denoiser.process.t_max


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
