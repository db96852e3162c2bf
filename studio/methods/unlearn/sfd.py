"""SFD: score forgetting distillation, without any data.

Chen et al. 2024, "Score Forgetting Distillation" (arXiv 2409.11219). A student's sample x = x̂(x_τ, τ, c) is moved so that, as
the teacher p and a fake score ψ that follows the student see it, prompts with the concept fall where the teacher puts what it
becomes:

    L(c_g, c_p) = E_t [⟨A, ψ(x_t, t, c_g) − x⟩ + (1 − a) ‖A‖²] / ω,        A = p(x_t, t, c_p) − ψ(x_t, t, c_g)
    min_θ  λ L(c_f, c_o) + μ L(c_r, c_r)

which is SiD's loss (`core.scores.sid`) with the teacher asked about another prompt than the fake score; ω = mean |x − p|. x_τ are
states that the untouched student passes through, on the way to the concept and to what it becomes alike. Published for a network
trained as a whole, with the second term; here student and fake score are low-rank changes of frozen networks, and what stays is
held by its own outputs as well. On a student of few steps, each of its steps learns.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser
from studio.core.lowrank import Adapter
from studio.core.material import ConditionalNetwork, LayerSet
from studio.core.method import Card, Streams, Trained
from studio.core.rng import rand
from studio.core.scores import sid
from studio.core.simulate import add_noise, guided_x0
from studio.methods.unlearn import UNLEARN
from studio.methods.unlearn.forgetting import LowRankForgetting, Matter, TrainedConfig


class SfdConfig(TrainedConfig):
    layers: LayerSet = Field("everything", description="Which layers it changes")
    lr: float = Field(1e-3, gt=0, le=1, description="Learning rate")
    fake_lr: float = Field(2e-3, gt=0, le=1, description="Learning rate of the fake score")
    fake_rank: int = Field(16, ge=1, le=256, description="Rank of the fake score, as a change of the teacher")
    fake_updates: int = Field(1, ge=1, le=20, description="Updates of the fake score per update of the student")
    alpha: float = Field(
        1.0, ge=0, le=2, description="Weight of the squared term is 1 − alpha (published: 1 for text, 1.2 for classes)"
    )
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of the teacher's score")
    others: float = Field(0.0, ge=0, le=100, description="Weight μ of other prompts' own score term (published: 1)")
    t_low: float = Field(0.02, ge=0, le=1, description="Least time of the score terms, as a fraction of t_max")
    t_high: float = Field(0.98, ge=0, le=1, description="Largest time of the score terms")


@UNLEARN.add("sfd")
class Sfd(LowRankForgetting[SfdConfig]):
    card = Card(
        title="SFD",
        paper="arXiv 2409.11219",
        status="published loss on low-rank changes; what stays is held by its own outputs",
        good_for="students: the concept's prompts become proper pictures of something else, without any data",
        how="Move the student's samples of the concept to where the teacher's score of another concept is, as in distillation.",
    )
    Config = SfdConfig
    models = ("student",)

    def __init__(self, config: SfdConfig, streams: Streams, denoiser: Denoiser, matter: Matter):
        super().__init__(config, streams, denoiser, matter)
        self.teacher = matter.teacher()
        network = self.teacher.network
        assert isinstance(network, ConditionalNetwork)
        network.requires_grad_(False).eval()
        self.scored = network
        rank = config.fake_rank
        self.fake = Adapter(network.adaptable("everything"), rank, float(rank), streams.seed + 1).to(streams.device)
        betas = (0.0, 0.99)  # momentum would average over a target that moves with the student
        self.trained = {
            "forgetting": Trained(self.change, self.rate, betas=betas, ema=self.ema, clip=10.0),
            "fake": Trained(self.fake, config.fake_lr, betas=betas, clip=10.0),
        }

    def iteration(self, batch: None, step: int) -> Iterator[tuple[str, Tensor]]:
        config = self.config
        for _ in range(config.fake_updates):
            with torch.no_grad():
                x, forget, _ = self._samples("fake")
                others, kept = self._others("fake")
            yield "fake", self._follows(x, forget) + self._follows(others, kept)
        x, forget, becomes = self._samples("concept")
        loss = self._score_loss(x, forget, becomes)
        self.log["forget"] = float(loss.detach())
        if config.others:
            others, kept = self._others("concept")
            loss = loss + config.others * self._score_loss(others, kept, kept)
        yield "forgetting", self.with_retained(loss)

    def _samples(self, purpose: str) -> tuple[Tensor, Cond, Cond]:
        """(x [B, *shape], conditions with the concept, with what it becomes)."""
        n, g = self.config.batch, self.streams[purpose]
        passed = self.matter.concerned(n, g) if bool(rand((), g) < 0.5) else self.matter.anchored(n, g)
        return self._ends(passed.x, passed.t, passed.forget), passed.forget, passed.becomes

    def _others(self, purpose: str) -> tuple[Tensor, Cond]:
        x, t, cond = self.matter.kept(self.config.batch, self.streams[purpose])
        return self._ends(x, t, cond), cond

    def _ends(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """The student's clean estimate, as it is taught."""
        with self.network.wearing(self.change, 1.0):
            return self.denoiser.x0(x, t, cond)

    def _follows(self, x: Tensor, cond: Cond) -> Tensor:
        """The fake score's denoising loss on samples, in velocities."""
        process, g = self.teacher.process, self.streams["fake time"]
        t, eps = rand((len(x),), g).double() * process.t_max, self.matter.noise(cond, self.streams["fake noise"])
        xt, v = add_noise(process, x, t, eps), add_noise(process, eps, t, -x)
        with self.scored.wearing(self.fake, 1.0):
            return (self.teacher.velocity(xt, t, cond) - v).square().mean()

    def _score_loss(self, x: Tensor, cond: Cond, asked: Cond) -> Tensor:
        """L(c_g, c_p): cond is what the fake score is asked about, `asked` what the teacher is."""
        config, process = self.config, self.teacher.process
        u = rand((len(x),), self.streams["time"]).double()
        t = (config.t_low + (config.t_high - config.t_low) * u) * process.t_max
        xt = add_noise(process, x, t, self.matter.noise(cond, self.streams["noise"]))
        real = guided_x0(self.teacher, xt, t, asked, self.matter.null(asked), config.guidance)
        with self.scored.wearing(self.fake, 1.0):
            fake = self.teacher.x0(xt, t, cond)
        return sid(x, real, fake, config.alpha).mean()
