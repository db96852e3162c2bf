"""The contract of everything that trains.

A method is an algorithm, not a program. ``iteration(batch, step)`` is a generator that yields ``(network name, loss)``;
at each yield the trainer steps that network alone, and the code below the yield sees the new weights. It reads like
the algorithm box of a paper: one yield for a plain loss, several for alternating objectives.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from studio.core.denoiser import Denoiser
from studio.core.rng import WHOLE, Share, generator


class Card(BaseModel):
    """What a person should know before choosing a method. text_alone: whether it changes layers that read the text and nothing
    else, which models have where text and sample do not share one attention."""

    model_config = ConfigDict(frozen=True)

    title: str
    paper: str
    status: str  # "published recipe", "our formulation", "baseline"
    good_for: str
    family: Literal["trajectory", "distribution", "plain", "pretraining"] = "pretraining"
    how: str = ""  # two lines for the person who chooses
    text_alone: bool = False


class MethodConfig(BaseModel):
    """Fields that every method shares; a method adds its own."""

    model_config = ConfigDict(extra="forbid")


@dataclass
class Trained:
    """One network that the trainer may step, with its optimiser settings."""

    module: nn.Module
    lr: float
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0
    clip: float | None = 1.0  # maximal gradient norm
    ema: float | None = None  # decay, in this network's own updates


@dataclass(frozen=True)
class Sampling:
    """How a trained student must be sampled; with the teacher's hash it becomes a `studio.core.recipe.Recipe`.

    timesteps: its grid, decreasing. rule: an update rule of `studio.sampling.rules`. valid_steps: step counts that
    are on the recipe. embedded_guidance: the guidance scale to feed a student that takes it as an input.
    """

    timesteps: tuple[float, ...]
    rule: str
    valid_steps: tuple[int, ...]
    eta: float | None = None
    embedded_guidance: float | None = None


@dataclass(frozen=True)
class Believer:
    """A network whose clean estimate of one and the same x_t is worth a look while a method trains. guidance: 1 is none."""

    denoiser: Denoiser
    guidance: float = 1.0


@dataclass
class Streams:
    """One random generator a purpose ('data', 'time', 'noise', 'critic', …), all from one seed, on one device.

    Adding a purpose, a preview or a loss term never shifts the draws of the others, and the states travel in the
    checkpoint so that a resumed run continues bit for bit. Draws of a GPU differ from those of a CPU. Where several
    processes divide the batch, all have the same states and each keeps its ``share`` of the rows of every draw.
    """

    seed: int
    device: str = "cpu"
    share: Share = WHOLE
    generators: dict[str, torch.Generator] = field(default_factory=dict)

    def __getitem__(self, purpose: str) -> torch.Generator:
        if purpose not in self.generators:
            self.generators[purpose] = generator(self.seed, purpose, self.device, self.share)
        return self.generators[purpose]

    def state_dict(self) -> dict[str, Tensor]:
        return {name: g.get_state() for name, g in self.generators.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for name, value in state.items():
            self[name].set_state(value.cpu())


C = TypeVar("C", bound=MethodConfig)
Roles = tuple[Literal["teacher", "student"], ...]


class Method(ABC, Generic[C]):
    """Subclasses fill ``self.trained`` in ``__init__`` and write `iteration`; they never touch an optimiser."""

    card: ClassVar[Card]
    Config: ClassVar[type[MethodConfig]]
    models: ClassVar[Roles] = ()  # roles it is for; empty: those of its folder

    def __init__(self, config: C, streams: Streams):
        self.config, self.streams = config, streams
        self.trained: dict[str, Trained] = {}
        self.emas: dict[str, nn.Module] = {}  # filled by the trainer: EMA copies by network name
        self.log: dict[str, float] = {}  # numbers of the last iteration worth a curve
        self.held: dict[str, nn.Module] = {}  # networks that change between rounds: saved, never stepped
        self.round = 0  # number of the current round; the trainer keeps it

    @abstractmethod
    def batch(self) -> Any:
        """Draw one batch, with ``self.streams['data']`` alone."""

    @abstractmethod
    def iteration(self, batch: Any, step: int) -> Iterator[tuple[str, Tensor]]:
        """Yield (network name, scalar loss), once per update that should happen."""

    def rounds(self, steps: int) -> tuple[int, ...]:
        """Iterations (0 excluded) at which a new round begins, for a run of ``steps``; most methods have one round.

        At each of them the trainer calls `begin_round`, makes its optimisers anew and starts the learning rate's
        schedule again.
        """
        return ()

    def begin_round(self, number: int) -> None:
        """Round ``number`` (from 0) begins. Not called again when a run resumes inside a round; ``self.round`` is right then."""

    def believers(self) -> dict[str, Believer]:
        """Whose x̂₀ at the same x_t this objective sets against each other, by role; nobody's where there is no student.

        "teacher" and "fake" where a fake score follows the student's samples, which are then what is noised; otherwise,
        as here, "teacher" and "student", on the teacher's samples. Guidance is the field `guidance` of the
        settings, or `w`.
        """
        teacher, student = getattr(self, "teacher", None), getattr(self, "student", None)
        if teacher is None or student is None:
            return {}
        guidance = getattr(self.config, "guidance", getattr(self.config, "w", 1.0))
        return {"teacher": Believer(teacher, float(guidance)), "student": Believer(student)}

    def sampling(self) -> Sampling:
        """How the student is sampled after the last round."""
        raise TypeError(f"{type(self).__name__} trains no student that could be sampled")


def shared_out(steps: int, shares: Sequence[int]) -> tuple[int, ...]:
    """Iterations at which rounds begin, the first excluded, when a run of ``steps`` is shared out as ``shares`` say.

    ValueError where a round would have no iteration.
    """
    ends = [round(steps * sum(shares[: i + 1]) / sum(shares)) for i in range(len(shares))]
    if len({0, *ends}) <= len(ends):
        raise ValueError(f"{steps} iterations do not fit {len(ends)} rounds; at least {sum(shares)} would")
    return tuple(ends[:-1])


def longer_at_the_end(lengths: Sequence[int]) -> list[int]:
    """Shares of rounds by their student's steps: those of one and two steps are twice as long (arXiv 2202.00512, section 4).

    They have most to learn: each step covers a half or all of the trajectory.
    """
    return [2 if n <= 2 else 1 for n in lengths]
