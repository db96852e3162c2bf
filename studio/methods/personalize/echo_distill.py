"""A student and its teacher learn a subject together, and the student's pictures come back to both.

After EchoDistill (Yang et al. 2025, arXiv 2510.20512), also called OPAD; no code is published, so this is our formulation. An
adapter on each network, one word. At an iteration, c_V being prompts with the word and D a head on the untouched teacher's
features:

    teacher:  ‖v_T(x_t, t, c_V) − v(r, eps)‖² + λ_p ‖v_T(x'_t, t, c_class) − v(y', eps)‖²       r: references, y': of the class
    head:     max(0, 1 − D(r_t, t, c_V)) + max(0, 1 + D(y_t, t, c_V))
    student:  λ_a ‖y − sg[x̂_T(y_t, t, c_V)]‖² − λ_g D(y_t, t, c_V) + λ_i (1 − cos(f(y_t), f(r_t))) + λ_r replay

y = x̂_S(x_τ, τ, c_V) at every one of the student's own timesteps τ, at states x_τ that its own sampling visits as it is now;
x̂_T is the teacher's estimate, with its adapter, after a few steps from y_t; f are the features D reads, mean over positions.
References are the person's pictures; in the echo stage, the last part of a run, a share of them are samples of the student. A
copy of the teacher's adapter and word as they were when that stage began goes on as before, so that what the echoes do to the
teacher can be seen. Where the paper compares by LPIPS and an image encoder, features of the network itself stand: those of
other domains than pictures have neither. Replay as in `own_timesteps`, and not in the paper.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from studio.core.denoiser import Cond, Denoiser
from studio.core.domain import Said
from studio.core.lowrank import Adapter
from studio.core.material import ConditionalNetwork
from studio.core.method import Card, Streams, Trained
from studio.core.rng import rand, randint
from studio.core.scores import mean
from studio.core.simulate import add_noise, ddim, guided_x0
from studio.core.student_and_fake import Critic, Head
from studio.methods.personalize import PERSONALIZE
from studio.methods.personalize.echoes import Echoes
from studio.methods.personalize.own_timesteps import AtOwnTimesteps, OwnTimestepsConfig
from studio.methods.personalize.personal import Batch, Learned, Untouched, missed
from studio.methods.personalize.relatives import among_relatives
from studio.methods.personalize.rows import Pictures, Reads

T_LOW = 0.02  # least time of the teacher's estimate, as a fraction of t_max


class EchoConfig(OwnTimestepsConfig):
    replayed: int = Field(16, ge=1, le=1024, description="Replayed states an update")
    align: float = Field(4.0, ge=0, le=100, description="Weight of the student's agreement with the teacher's estimate")
    adversarial: float = Field(0.1, ge=0, le=100, description="Weight of the student's adversarial term; 0 leaves the head out")
    identity: float = Field(0.0, ge=0, le=100, description="Weight of the likeness to references in the teacher's features")
    prior: float = Field(1.0, ge=0, le=1000, description="Weight of pictures of the class in the teacher's loss")
    guidance: float = Field(1.0, ge=1, le=30, description="Guidance of the teacher's estimate")
    estimate_steps: int = Field(2, ge=1, le=50, description="Steps of the teacher for its estimate")
    t_high: float = Field(0.7, ge=0.05, le=1, description="Largest time of that estimate, as a fraction of t_max")
    head_lr: float = Field(2e-3, gt=0, le=1, description="Learning rate of the discriminator's head")
    echo_from: float = Field(
        0.6, gt=0, le=1, description="Part of the run after which samples of the student join the references"
    )
    echo: float = Field(0.5, ge=0, lt=1, description="Share of the references that are then samples of the student; 0 is none")
    echoes: int = Field(512, ge=1, le=10_000, description="Samples of the student that are kept, the newest")


@PERSONALIZE.add("echo-distill")
class EchoDistill(AtOwnTimesteps[EchoConfig]):
    """Trained: "personal" is the student's, "teacher" the teacher's with the same rows, "alone" the teacher's without echoes with
    rows of its own, "head" the discriminator's."""

    card = Card(
        title="EchoDistill",
        paper="arXiv 2510.20512",
        status="our formulation after the paper, which has no code; replay is ours",
        good_for="a student and its teacher at once: each gets an adapter of its own for the same word",
        how="The teacher learns the pictures, the student what the teacher makes of its samples, and these come back to both.",
    )
    Config = EchoConfig

    def __init__(
        self,
        config: EchoConfig,
        streams: Streams,
        denoiser: Denoiser,
        shots: Pictures,
        untouched: Untouched,
        read: Reads,
        start: Sequence[Tensor],
    ):
        super().__init__(config, streams, denoiser, shots, untouched, read, start)
        relatives = among_relatives(untouched, "echo-distill")
        self.chain, self.relative = relatives.chain, relatives.teacher()
        self.teacher, network = self.relative.denoiser, self.relative.denoiser.network
        assert isinstance(network, ConditionalNetwork)
        self.above = network.requires_grad_(False).eval()
        adapter = Adapter(network.adaptable(config.layers), config.rank, config.alpha, streams.seed)
        self.taught = self.learned.beside(adapter).to(streams.device)
        self.echoes = Echoes(config.echoes)
        self.held = {"echoes": self.echoes}
        self.trained["teacher"] = Trained(self.taught, config.lr, ema=config.ema)
        self.teachers = {"teacher": "taught along"}
        if config.echo:
            self.alone = copy.deepcopy(self.taught)
            self.trained["alone"] = Trained(self.alone, config.lr, ema=config.ema)
            self.teachers = {"teacher": "taught along, echoed", "alone": "the same without echoes"}
        if config.adversarial:
            self.critic = Critic(network, self._head())
            assert self.critic.head is not None
            self.trained["head"] = Trained(self.critic.head, config.head_lr, betas=(0.0, 0.99))

    def _head(self) -> Head:
        """With weights that depend on the seed alone."""
        x, t, cond = self.relative.untouched.visited(1, self.streams["head"])
        with torch.no_grad():
            channels = self.above.features(x, t.float(), cond).shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.streams.seed)
            return Head(channels).to(self.streams.device)

    def recompute(self) -> None:
        super().recompute()
        self.above.recompute(True)

    # -- the echo stage --------------------------------------------------------------------------------------------

    def rounds(self, steps: int) -> tuple[int, ...]:
        """The echo stage is a round: optimisers and rates begin anew, for the teacher as for its copy."""
        begins = round(steps * self.config.echo_from)
        return (begins,) if self.config.echo and 0 < begins < steps else ()

    def begin_round(self, number: int) -> None:
        if number and self.config.echo:
            self.alone.load_state_dict(self.taught.state_dict())
            if "alone" in self.emas:
                self.emas["alone"].load_state_dict(self.emas["teacher"].state_dict())

    @property
    def echoing(self) -> bool:
        return bool(self.round) and self.config.echo > 0

    def references(self, batch: Batch) -> Batch:
        """Pictures of a batch, and echoes in the place of the last of them once there are some."""
        x0, said, weight, _ = batch
        n = round(self.config.echo * len(x0)) if self.echoing and len(self.echoes) else 0
        if not n:
            return batch
        heard, lines = self.echoes.draw(n, self.streams["echo"])
        left = len(x0) - n
        counted = None if weight is None else torch.cat([weight[:left], torch.ones_like(weight[left:])])
        return Batch(torch.cat([x0[:left], heard.to(x0)]), [*said[:left], *lines], counted)

    # -- one iteration ---------------------------------------------------------------------------------------------

    def iteration(self, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        references = self.references(batch)
        yield "teacher", self.reconstruction(self.taught, references, "teacher")
        if self.echoing:
            yield "alone", self.reconstruction(self.alone, batch, "alone")
        # the rows were stepped: what follows is read again
        y, cond = self.generate(batch.said)
        above = self._fixed(references.said)
        if self.config.adversarial:
            fake = self._fixed(batch.said)
            real_logits = self.logits(references.x0, above, "head")
            fake_logits = self.logits(y.detach(), fake, "head")
            self.log["discriminator_right"] = float(((real_logits > 0).float().mean() + (fake_logits < 0).float().mean()) / 2)
            yield "head", (F.relu(1 - real_logits) + F.relu(1 + fake_logits)).mean()
        yield "personal", self.with_replay(self.student_loss(y, batch, references))

    def reconstruction(self, learned: Learned, batch: Batch, purpose: str) -> Tensor:
        """The teacher's loss on references and on pictures of the class, at all times."""
        x0, said, weight, _ = batch
        cond = self.relative.read(said, learned.word())
        subject = self._missed_above(learned, x0, cond, purpose, weight)
        self.log[f"{purpose}/subject"] = float(subject.detach())
        if not self.config.prior:
            return subject
        y, of_class, _ = self.relative.untouched.made(len(x0), self.streams[f"{purpose} prior"])
        kept = self._missed_above(learned, y, of_class, purpose)
        self.log[f"{purpose}/prior"] = float(kept.detach())
        return subject + self.config.prior * kept

    def generate(self, said: Sequence[Said]) -> tuple[Tensor, Cond]:
        """(y [B, ...], conditions), each at one of the student's own timesteps, at a state that its own sampling visits."""
        cond = self.worded(said)
        fixed = {name: part.detach() for name, part in cond.items()}

        def belief(x: Tensor, t: Tensor) -> Tensor:
            with self.wearing():
                return self.denoiser.x0(x, t, fixed)

        states, end = self.chain.states(self.denoiser.process, belief, lambda: self.noise(fixed))
        if self.echoing:
            self.echoes.add(end, said)
            self.log["echoes"] = float(len(self.echoes))
        at = randint(len(states), (len(end),), self.streams["position"])
        x = torch.stack(states)[at, torch.arange(len(end), device=end.device)]
        times = torch.tensor(self.chain.timesteps, dtype=torch.float64, device=end.device)[at]
        with self.wearing():
            return self.denoiser.x0(x, times, cond), cond

    def student_loss(self, y: Tensor, batch: Batch, references: Batch) -> Tensor:
        c, cond = self.config, self._fixed(batch.said)
        aligned = mean((y - self.estimate(y.detach(), cond)) ** 2).mean()
        self.log["align"] = float(aligned.detach())
        loss = c.align * aligned
        if c.adversarial:
            fooled = -self.logits(y, cond, "fool").mean()
            self.log["adversarial"] = float(fooled.detach())
            loss = loss + c.adversarial * fooled
        if c.identity:
            unlike = self.unlike(y, cond, references)
            self.log["identity"] = float(unlike.detach())
            loss = loss + c.identity * unlike
        return loss

    # -- the teacher's side ----------------------------------------------------------------------------------------

    @torch.no_grad()
    def estimate(self, y: Tensor, cond: Cond) -> Tensor:
        """x̂_T [B, ...]: y, noised, as the teacher with its adapter makes it clean again, a few steps; without gradient."""
        c, process = self.config, self.teacher.process
        t = (T_LOW + (c.t_high - T_LOW) * rand((len(y),), self.streams["align time"], torch.float64)) * process.t_max
        x = add_noise(process, y, t, self.shots.noise(cond, self.streams["align noise"]))
        null = self.relative.null(cond) if c.guidance > 1 else cond
        with self._above_wearing(self.taught):
            for k in range(c.estimate_steps, 0, -1):
                now, then = t * k / c.estimate_steps, t * (k - 1) / c.estimate_steps
                x0 = guided_x0(self.teacher, x, now, cond, null, c.guidance)
                x = ddim(process, x, x0, now, then) if k > 1 else x0
        return x

    def logits(self, x: Tensor, cond: Cond, purpose: str) -> Tensor:
        """[B]: the head's opinion of x, noised to a random time."""
        return self.critic.logits(*self._noised(x, cond, purpose), cond)

    def unlike(self, y: Tensor, cond: Cond, references: Batch) -> Tensor:
        """1 − cos of the untouched teacher's features of y and of references at the same times, mean over positions and batch."""
        state = self.streams["identity"].get_state()
        found = self._features(y, cond)
        self.streams["identity"].set_state(state)
        with torch.no_grad():
            wanted = self._features(references.x0, self._fixed(references.said))
        return (1 - F.cosine_similarity(found, wanted, dim=1)).mean()

    def _features(self, x: Tensor, cond: Cond) -> Tensor:
        noised, t = self._noised(x, cond, "identity")
        found = self.above.features(noised, t.to(x.device, torch.float32), cond)
        return found.reshape(*found.shape[:2], -1).mean(2)

    def _noised(self, x: Tensor, cond: Cond, purpose: str) -> tuple[Tensor, Tensor]:
        t = rand((len(x),), self.streams[purpose], torch.float64) * self.teacher.process.t_max
        return add_noise(self.teacher.process, x, t, self.shots.noise(cond, self.streams[purpose])), t

    def _above_wearing(self, learned: Learned) -> AbstractContextManager[None]:
        assert learned.adapter is not None
        return self.above.wearing(learned.adapter, 1.0)

    def _missed_above(self, learned: Learned, x0: Tensor, cond: Cond, purpose: str, weight: Tensor | None = None) -> Tensor:
        """The teacher's error with what it learned, at all times."""
        t = rand((len(x0),), self.streams[f"{purpose} time"], torch.float64) * self.teacher.process.t_max
        eps = self.shots.noise(cond, self.streams[f"{purpose} noise"])
        with self._above_wearing(learned):
            return missed(self.teacher.process, self.teacher.velocity, x0, t, eps, cond, weight).mean()

    def _fixed(self, said: Sequence[Said]) -> Cond:
        """Conditions of prompts with the word as the teacher reads them, without gradient."""
        with torch.no_grad():
            return self.relative.read(said, self.taught.word())
