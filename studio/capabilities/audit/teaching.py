"""What attacks teach: rows of a new word, or a small adapter, on a frozen network by the plain diffusion loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from studio.capabilities.audit.stage import Stage
from studio.capabilities.audit.subject import Subject
from studio.core.denoiser import Cond
from studio.core.domain import Said
from studio.core.family import NewWord
from studio.core.lowrank import Adapter
from studio.core.rng import rand, randint
from studio.methods.personalize.personal import missed
from studio.methods.personalize.rows import TokenRows
from studio.workshop.projection import noise_of

BATCH = 8
WORD_LR = 0.2  # in units of the mean entry of the text encoder's table, as textual inversion has it
LR = {"teacher": 2e-3, "student": 5e-4}  # of the adapter; at the first a student soon draws nothing but blur
RANK = 8


class Lesson:
    """Pictures with what is said of each, and the noise and times they are shown at: a student's own timesteps, any of a
    teacher's."""

    def __init__(self, stage: Stage, subject: Subject, latents: Tensor, purpose: str):
        self.stage, self.subject, self.latents = stage, subject, latents
        self.noise = noise_of(stage.domain, subject.model.shape)
        self.g = stage.generator(purpose)

    def batch(self) -> tuple[Tensor, Tensor]:
        """(x0 [B, *shape], which of the pictures [B])"""
        index = randint(len(self.latents), (BATCH,), self.g)
        return self.latents[index.to(self.latents.device)], index

    def loss(self, velocity: Callable[[Tensor, Tensor, Cond], Tensor], x0: Tensor, cond: Cond) -> Tensor:
        denoiser = self.subject.model.denoiser
        if self.subject.distilled:
            own = torch.tensor(self.subject.grid, dtype=torch.float64)
            t = own[randint(len(own), (len(x0),), self.g)]
        else:
            t = rand((len(x0),), self.g).double() * self.subject.t_max
        eps = self.noise(cond, self.g).to(x0.device)
        return missed(denoiser.process, velocity, x0, t.to(x0.device), eps, cond).mean()  # type: ignore[arg-type]


def learned_rows(
    stage: Stage, subject: Subject, reader: NewWord, latents: Tensor, lines: Sequence[Said], updates: int, purpose: str
) -> list[Tensor]:
    """Rows of a new word under which the frozen network explains the pictures best: textual inversion against it."""
    denoiser, _ = subject.network()
    rows = TokenRows(reader.start(""), reader.tables).to(latents.device)
    lesson = Lesson(stage, subject, latents, purpose)
    optimiser = torch.optim.Adam(rows.parameters(), lr=WORD_LR, betas=(0.9, 0.99))
    for step in range(updates):
        stage.between()
        for group in optimiser.param_groups:
            group["lr"] = WORD_LR * min(1.0, 2 * (1 - step / updates))
        x0, index = lesson.batch()
        loss = lesson.loss(denoiser.velocity, x0, reader([lines[i] for i in index.tolist()], rows()))
        _step(optimiser, loss, rows)
    with torch.no_grad():
        return [part.detach().cpu() for part in rows()]


def taught(
    stage: Stage, subject: Subject, latents: Tensor, lines: Sequence[Said], stops: Sequence[int], purpose: str
) -> Iterator[tuple[int, Adapter]]:
    """A small adapter as it is after so many updates of plain diffusion training on these pictures under these lines."""
    denoiser, network = subject.network()
    adapter = Adapter(network.adaptable("everything"), RANK, float(RANK), stage.seed).to(latents.device)
    read = subject.model.line_reader().read(lines)
    lesson = Lesson(stage, subject, latents, purpose)
    optimiser = torch.optim.Adam(adapter.parameters(), lr=LR[subject.entry.role], betas=(0.9, 0.99))
    for step in range(max(stops) + 1):
        if step in stops:
            yield step, adapter
        stage.between()
        x0, index = lesson.batch()
        cond = read.take(index)
        with network.wearing(adapter, 1.0):
            loss = lesson.loss(denoiser.velocity, x0, cond)
        _step(optimiser, loss, adapter)


def _step(optimiser: torch.optim.Optimizer, loss: Tensor, module: nn.Module) -> None:
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
    optimiser.step()
