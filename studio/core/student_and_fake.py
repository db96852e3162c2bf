"""Student against fake score: the roles that every distribution-matching objective shares, without its loss.

Teacher T (frozen, guided), student G (`ConditionalNetwork.student`: a copy of T unless another was handed in), fake score S
(copy of T) that follows G's samples, and on request a discriminator head on S's inner features (DMD2, arXiv 2405.14867,
section 4.3). Objectives hold a `Duel` and write down what is theirs: the gradient on x.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Generator, Iterator
from typing import Any, Literal, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from studio.core.denoiser import Cond, Denoiser
from studio.core.former_names import also_known_as
from studio.core.material import ConditionalNetwork, Material
from studio.core.method import Believer, Method, MethodConfig, Sampling, Streams, Trained
from studio.core.rng import rand, randint
from studio.core.scores import discriminator_loss, generator_loss, mean
from studio.core.simulate import Inputs, TeacherPool, add_noise, backward_simulation, guided_x0


class DuelConfig(MethodConfig):
    batch: int = Field(32, ge=1, le=4096, description="Samples an update")
    timesteps: tuple[float, ...] = Field((999, 749, 499, 249), min_length=1, description="Sampling grid of the student")
    inputs: Inputs = Field("backward simulation", description="Where the student's inputs below the first time come from")
    guidance: float = Field(8.0, ge=1, le=30, description="Guidance of the teacher's score (published for SDXL: 8)")
    critic_updates: int = Field(2, ge=1, le=20, description="Updates of the fake score per update of the student")
    lr: float = Field(1.5e-4, gt=0, le=1, description="Learning rate of the student")
    critic_lr: float = Field(4e-4, gt=0, le=1, description="Learning rate of the fake score")
    t_low: float = Field(0.02, ge=0, le=1, description="Least time of the score term, as a fraction of t_max")
    t_high: float = Field(0.98, ge=0, le=1, description="Largest time of the score term")
    ema: float = Field(0.98, ge=0, lt=1, description="EMA of the student, in student updates")
    gan: float = Field(0.0, ge=0, le=10, description="Weight of the student's adversarial term; 0 leaves the head out")
    gan_critic: float = Field(0.03, ge=0, le=10, description="Weight of the discriminator's loss beside the fake score's")
    real: Literal["teacher samples", "data"] = Field(
        "teacher samples", description="What the discriminator calls real; data beside a guided teacher fights the score term"
    )
    pool: int = Field(512, ge=8, le=100_000, description="Teacher samples made once, where they are needed")
    pool_steps: int = Field(16, ge=1, le=1000, description="Steps of the teacher for these samples")


class Head(nn.Module):
    """Logits of a discriminator from inner features [B, C, ...]: a small network a position, mean over positions."""

    def __init__(self, channels: int):
        super().__init__()
        self.net = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, channels), nn.SiLU(), nn.Linear(channels, 1))

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, ...] -> [B]"""
        return self.net(features.reshape(*features.shape[:2], -1).transpose(1, 2)).mean((1, 2))


def head_for(network: ConditionalNetwork, material: Material, streams: Streams) -> Head:
    """A head that fits the network's features, with weights that depend on the seed alone."""
    g = streams["head"]
    cond, t = material.conditions(1, g), torch.zeros(1, device=g.device)
    with torch.no_grad():
        channels = network.features(material.noise(cond, g), t, cond).shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(streams.seed)
        return Head(channels).to(streams.device)


class Critic(nn.Module):
    """Fake score and head as one network: they share features and are stepped together."""

    def __init__(self, network: nn.Module, head: Head | None):
        super().__init__()
        self.network, self.head = network, head

    def logits(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        assert self.head is not None and isinstance(self.network, ConditionalNetwork)
        return self.head(self.network.features(x, t.to(x.device, torch.float32), cond).float())


class Duel:
    """Networks, draws and the fake score's side of the game. Times are in the process's own units, conditions are trees."""

    def __init__(self, config: Any, streams: Streams, teacher: Denoiser, material: Material):
        assert isinstance(teacher.network, ConditionalNetwork)
        self.config, self.streams, self.teacher, self.material = config, streams, teacher, material
        teacher.network.requires_grad_(False).eval()
        student, network = teacher.network.student(), teacher.network.trainable_copy()
        self.student = Denoiser(student, teacher.process, teacher.prediction)
        self.fake = Denoiser(network, teacher.process, teacher.prediction)
        self.critic = Critic(network, head_for(teacher.network, material, streams) if config.gan > 0 else None)
        self.pool = TeacherPool(teacher, material, config.pool, config.pool_steps, config.guidance, streams.seed, streams.device)
        betas = (0.0, 0.99)  # momentum would average over a target that moves with the student
        self.trained = {
            "student": Trained(student, config.lr, betas=betas, ema=config.ema, clip=10.0),
            "fake": Trained(self.critic, config.critic_lr, betas=betas, clip=10.0),
        }

    def conditions(self) -> Cond:
        return self.material.conditions(self.config.batch, self.streams["data"])

    def draw(self, cond: Cond, purpose: str) -> Tensor:
        return self.material.noise(cond, self.streams[purpose])

    def times(self, low: float, high: float, purpose: str) -> Tensor:
        """[B], uniform in [low, high] · t_max"""
        u = rand((self.config.batch,), self.streams[purpose], torch.float64)
        return (low + (high - low) * u) * self.teacher.process.t_max

    def position(self) -> int:
        """One place on the student's grid for the whole batch."""
        return int(randint(len(self.config.timesteps), (), self.streams["position"]))

    def real_samples(self, purpose: str) -> tuple[Tensor, Cond]:
        """(x0, cond) of what counts as real."""
        if self.config.real == "data":
            return self.material.data(self.config.batch, self.streams[purpose])
        _, x0, cond = self.pool.draw(self.config.batch, self.streams[purpose])
        return x0, cond

    def generate(self, cond: Cond, purpose: str) -> tuple[Tensor, Cond]:
        """(x = G at a random position of its grid, its conditions). Gradient through that one step alone.

        Inputs follow ``config.inputs``: the student's own chain, or teacher samples or data noised to that time. At the
        first time the input is pure noise whatever the policy.
        """
        c, k = self.config, self.position()
        t = c.timesteps[k]
        if k == 0 or c.inputs == "backward simulation":
            xt, t = backward_simulation(self.student, cond, c.timesteps, k, lambda: self.draw(cond, purpose))
        else:
            if c.inputs == "noised data":
                x0, cond = self.material.data(c.batch, self.streams[purpose])
            else:
                _, x0, cond = self.pool.draw(c.batch, self.streams[purpose])
            xt = add_noise(self.student.process, x0, t, self.draw(cond, purpose))
        return self.student.x0(xt, t, cond), cond

    def critic_turns(self, cond: Cond, log: dict[str, float]) -> Generator[tuple[str, Tensor], None, Cond]:
        """The fake score's updates of one iteration; returns fresh conditions for the student's turn.

        ``cond = yield from duel.critic_turns(batch, self.log)``
        """
        for _ in range(self.config.critic_updates):
            with torch.no_grad():
                x, seen = self.generate(cond, "critic noise")
            yield "fake", self.critic_loss(x, seen, log)
            cond = self.conditions()
        return cond

    def noised(self, x: Tensor, cond: Cond, purpose: str = "time") -> tuple[Tensor, Tensor]:
        """(x_t, t [B]) with t uniform in [t_low, t_high] · t_max; x_t carries x's gradient."""
        t = self.times(self.config.t_low, self.config.t_high, purpose)
        return add_noise(self.teacher.process, x, t, self.draw(cond, "noise")), t

    def scores(self, xt: Tensor, t: Tensor, cond: Cond, asked: Cond | None = None) -> tuple[Tensor, Tensor]:
        """(guided teacher's x0, fake score's x0) at x_t; the fake is never guided. asked: of the teacher, where it is asked
        something else."""
        asked = cond if asked is None else asked
        real = guided_x0(self.teacher, xt, t, asked, self.material.null(asked), self.config.guidance)
        return real, self.fake.x0(xt, t, cond)

    def critic_loss(self, x: Tensor, cond: Cond, log: dict[str, float]) -> Tensor:
        """The fake score's denoising loss on student samples in v (finite at every time), and the discriminator's."""
        t = self.times(0.0, 1.0, "critic time")
        eps = self.draw(cond, "critic noise")
        xt = add_noise(self.fake.process, x, t, eps)
        v = add_noise(self.fake.process, eps, t, -x)  # alpha eps − sigma x
        loss = ((self.fake.velocity(xt, t, cond) - v) ** 2).mean()
        if self.critic.head is None:
            return loss
        real, real_cond = self.real_samples("real")
        noised = add_noise(self.fake.process, real, t, self.draw(real_cond, "critic noise"))
        real_logits = self.critic.logits(noised, t, real_cond)
        fake_logits = self.critic.logits(xt, t, cond)
        right = ((real_logits > 0).float().mean() + (fake_logits < 0).float().mean()) / 2
        log["discriminator_right"] = float(right)
        return loss + self.config.gan_critic * discriminator_loss(real_logits, fake_logits).mean()

    def adversarial(self, x: Tensor, cond: Cond) -> Tensor:
        """[B]: the student's GAN term at a time of its own; zeros without a head."""
        if self.critic.head is None:
            return torch.zeros(len(x), device=x.device)
        t = self.times(0.0, 1.0, "gan time")
        return self.config.gan * generator_loss(
            self.critic.logits(add_noise(self.fake.process, x, t, self.draw(cond, "noise")), t, cond)
        )

    def ratio_logits(self, xt: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """[B]: log p_T / p_G at x_t as the discriminator sees it, without gradient."""
        with torch.no_grad():
            return self.critic.logits(xt, t, cond)

    def believers(self) -> dict[str, Believer]:
        """The two sides of the score difference."""
        return {"teacher": Believer(self.teacher, self.config.guidance), "fake": Believer(self.fake)}

    def sampling(self) -> Sampling:
        grid = self.config.timesteps
        return Sampling(grid, "lcm", (len(grid),))


def log_scores(log: dict[str, float], x: Tensor, real: Tensor, fake: Tensor, n: Tensor) -> None:
    """What a person debugging a distribution method asks for first."""
    with torch.no_grad():
        log.update(normaliser=float(n.mean()), direction=float((mean((real - fake).abs()) / n).mean()))


D = TypeVar("D", bound=DuelConfig)


class ScoreMethod(Method[D]):
    """An objective that is one loss on the student's samples; the duel around it is the same for all of them."""

    def __init__(self, config: D, streams: Streams, teacher: Denoiser, material: Material):
        super().__init__(config, streams)
        self.duel = Duel(config, streams, teacher, material)
        self.teacher, self.student, self.trained = teacher, self.duel.student, self.duel.trained

    @abstractmethod
    def loss(self, x: Tensor, cond: Cond) -> Tensor:
        """[B]: the objective on samples x = G(...) that carry the student's gradient."""

    def batch(self) -> Cond:
        return self.duel.conditions()

    def iteration(self, batch: Cond, step: int) -> Iterator[tuple[str, Tensor]]:
        cond = yield from self.duel.critic_turns(batch, self.log)
        x, cond = self.duel.generate(cond, "noise")
        yield "student", (self.loss(x, cond) + self.duel.adversarial(x, cond)).mean()

    def believers(self) -> dict[str, Believer]:
        return self.duel.believers()

    def sampling(self) -> Sampling:
        return self.duel.sampling()


also_known_as("studio.core.duel", sys.modules[__name__])
