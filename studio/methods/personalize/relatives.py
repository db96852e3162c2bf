"""What methods for students may ask for besides: how the student is sampled, its teacher, and stages that are trained once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond, Denoiser
from studio.core.levels import Weights
from studio.core.method import Method
from studio.core.process import Gaussian
from studio.methods.personalize.personal import Untouched
from studio.methods.personalize.rows import Reads

Whose = Literal["student", "teacher"]


@dataclass(frozen=True)
class Relative:
    """The teacher. denoiser: a float32 copy for training an adapter on. read: of prompts with the word, by its own encoders.
    null: these conditions with nothing said in words."""

    denoiser: Denoiser
    untouched: Untouched
    read: Reads
    null: Callable[[Cond], Cond]


@dataclass(frozen=True)
class Chain:
    """How a student is sampled. timesteps: decreasing. begun: what its first state is made with (`Process.start`). updates: the
    numbers of each step, the last of which ends clean."""

    timesteps: tuple[float, ...]
    begun: float
    updates: tuple[Weights, ...]

    @torch.no_grad()
    def states(
        self, process: Gaussian, x0: Callable[[Tensor, Tensor], Tensor], noise: Callable[[], Tensor]
    ) -> tuple[list[Tensor], Tensor]:
        """(the states [N, *shape] that it passes through, one a timestep; where it ends), without gradient. x0: of a state at a
        time [N]. noise: a draw [N, *shape]."""
        x, before, passed = process.start(noise(), self.begun), None, list[Tensor]()
        for t, update in zip(self.timesteps, self.updates, strict=True):
            passed.append(x)
            belief = x0(x, torch.full((len(x),), t, dtype=torch.float64, device=x.device))
            x = process.move(update, x, belief, before, noise() if update.noise else None)
            before = belief
        return passed, x


@runtime_checkable
class AmongRelatives(Untouched, Protocol):
    """A student of which its teacher is at hand."""

    chain: Chain

    def teacher(self) -> Relative: ...
    def anything(self, whose: Whose) -> Untouched:
        """What student or teacher makes of prompts that no subject chose, under conditions that the student reads. They alone
        are what `made` gives."""

    def taught_once(self, method: Method, whose: Whose, steps: int, name: str) -> nn.Module:
        """The named network of a method taught on `anything`, averaged where it averages: as an earlier run with the same model
        and settings kept it, otherwise trained now. What comes back is the method's own."""


def among_relatives(untouched: Untouched, who: str) -> AmongRelatives:
    """ValueError in one sentence where the student is alone. who: of the method."""
    if isinstance(untouched, AmongRelatives):
        return untouched
    raise ValueError(f"{who} needs a student and its teacher, and here is one model alone; own-timesteps would fit.")


@runtime_checkable
class TeachesTheTeacher(Protocol):
    """A method that teaches adapters to the student's teacher as well."""

    teachers: dict[str, str]  # trained `Learned` -> what it is, in words; the first one is kept beside the student's adapter
