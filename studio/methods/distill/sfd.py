"""SFD in one stage: a student is distilled from a teacher and never learns a concept, without any data.

Chen et al. 2024, "Score Forgetting Distillation" (arXiv 2409.11219). With c_f a prompt that states the concept, c_o the same
prompt with what it becomes, c_r any other prompt, p the guided teacher's x0 and psi the fake score's, which follows the student,

    min  lambda L(c_f, c_o) + L(c_r, c_r),   L(c_g, c_p) = E_t [A·(psi(x_t, t, c_g) − x) + (1 − alpha) A²] / n
    A = p(x_t, t, c_p) − psi(x_t, t, c_g),   x = G(..., c_g)

which is SiD's loss (`core.scores.sid`) where the teacher is asked about c_p and the fake score about c_g, with autograd through
x_t in both. Both kinds of prompts stand in one batch, so that lambda is share / (1 − share). Published for one step, here for a
grid of any length, whose inputs are the student's own (DMD2, section 4.5). No discriminator: what it called real would have to
show the concept.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import ConfigDict, Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser
from studio.core.material import Material, replacing
from studio.core.method import Believer, Card, Method, MethodConfig, Sampling, Streams
from studio.core.scores import normaliser, sid
from studio.core.student_and_fake import Duel, DuelConfig, log_scores
from studio.methods.distill import METHODS

Pair = tuple[Cond, Cond]  # what the student is asked, what the teacher is
OWN = {"forget", "becomes", "keep", "share", "alpha"}  # settings that are no business of a duel


class SfdConfig(MethodConfig):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"forgets": True})  # its words are read before a run begins

    forget: str = Field("", max_length=200, description="What it never learns, in words; several with commas between")
    becomes: str = Field(
        "", max_length=200, description="What its prompts show instead, one for all or one for each; empty is another of its kind"
    )
    keep: str = Field("", max_length=200, description="What must stay besides everything else; asked for twice as often")
    share: float = Field(0.25, gt=0, lt=1, description="Share of prompts that state the concept")
    batch: int = Field(32, ge=1, le=4096, description="Samples an update")
    timesteps: tuple[float, ...] = Field(
        (999,), min_length=1, description="Sampling grid of the student; published with one step"
    )
    alpha: float = Field(
        1.0, ge=0, le=2, description="Weight of the squared term is 1 − alpha (published: 1 for text, 1.2 for classes)"
    )
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of the teacher's score")
    critic_updates: int = Field(2, ge=1, le=20, description="Updates of the fake score per update of the student")
    lr: float = Field(1.5e-4, gt=0, le=1, description="Learning rate of the student")
    critic_lr: float = Field(4e-4, gt=0, le=1, description="Learning rate of the fake score")
    t_low: float = Field(0.02, ge=0, le=1, description="Least time of the score term, as a fraction of t_max")
    t_high: float = Field(0.98, ge=0, le=1, description="Largest time of the score term")
    ema: float = Field(0.98, ge=0, lt=1, description="EMA of the student, in student updates")


@METHODS.add("sfd")
class SFD(Method[SfdConfig]):
    card = Card(
        title="SFD",
        paper="arXiv 2409.11219",
        status="published loss; prompts with the concept and without share a batch, and a student may have several steps",
        good_for="students that are not to know a concept: its prompts give proper pictures of something else",
        family="distribution",
        how="SiD, in which prompts that state the concept are answered by the teacher as prompts for what it becomes.",
    )
    Config = SfdConfig

    def __init__(self, config: SfdConfig, streams: Streams, teacher: Denoiser, material: Material):
        super().__init__(config, streams)
        self.prompts = replacing(material, config.forget, config.becomes, config.keep)
        self.duel = Duel(DuelConfig(**config.model_dump(exclude=OWN)), streams, teacher, material)
        self.teacher, self.student, self.trained = teacher, self.duel.student, self.duel.trained

    def batch(self) -> Pair:
        return self.prompts.conditions(self.config.batch, self.config.share, self.streams["data"])

    def iteration(self, batch: Pair, step: int) -> Iterator[tuple[str, Tensor]]:
        cond, asked = batch
        for _ in range(self.config.critic_updates):
            with torch.no_grad():
                x, cond = self.duel.generate(cond, "critic noise")
            yield "fake", self.duel.critic_loss(x, cond, self.log)
            cond, asked = self.batch()
        x, cond = self.duel.generate(cond, "noise")
        yield "student", self.loss(x, cond, asked).mean()

    def loss(self, x: Tensor, cond: Cond, asked: Cond) -> Tensor:
        """[B] of samples x [B, ...] under cond, with the teacher asked otherwise."""
        xt, t = self.duel.noised(x, cond)
        real, fake = self.duel.scores(xt, t, cond, asked)
        log_scores(self.log, x, real, fake, normaliser(x, real))
        return sid(x, real, fake, self.config.alpha) * x[0].numel()

    def believers(self) -> dict[str, Believer]:
        return self.duel.believers()

    def sampling(self) -> Sampling:
        return self.duel.sampling()
