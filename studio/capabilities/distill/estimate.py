"""What a distillation will cost, before it starts, as far as it can be counted. No torch.

Network evaluations follow from an objective's algorithm, and so does how much is held in memory; both are counted below,
the first per sample and iteration. Tests count the same on the objectives themselves, and `benchmarks/training.py` holds
the memory against the measured peak. Seconds are measured (`library.costs`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from studio.capabilities.distill.request import RANK
from studio.core.files import Json
from studio.core.footprint import Activations, Footprint, Smaller
from studio.families import footprint

FLOAT_BYTES = 4  # networks are trained in fp32; lower precision is for arithmetic only
MOMENTS = {"adamw": 2.0, "adamw8bit": 0.5, "muon": 1.0}  # of the optimiser, in copies of the weights
HALF = 0.5  # of the activations where arithmetic is bf16, counted on a CPU; beside them stand the weights in bf16
GRID = 4  # steps of a student whose own grid is taken and not known here
Settings = Json


@dataclass(frozen=True)
class Cost:
    """Evaluations per sample and iteration by network; `once` at the start, in all; and what memory holds.

    fakes: networks trained beside the student that know what the teacher knows. spare: copies of the student that are not
    stepped (its average, a round's start). moments: at the backward passes, evaluations whose insides are kept, of the
    (student, other networks); the dearest one counts. beside: evaluations without a gradient made while those are kept.
    """

    per_sample: dict[str, float]
    once: float = 0.0
    discriminator: bool = False  # its features come on top of the evaluations, and are not counted there
    fakes: int = 0
    spare: int = 1
    moments: tuple[tuple[float, float], ...] = ((1.0, 0.0),)
    beside: float = 0.0
    more: str = ""  # what else keeps memory and is not counted

    @property
    def each(self) -> float:
        return sum(self.per_sample.values())


def _guided(s: Settings) -> int:
    """Evaluations of one guided prediction."""
    return 1 if s.get("guidance", 2) == 1 else 2


def _duel(s: Settings) -> Cost:
    """Student, fake score (`critic_updates` turns) and teacher; backward simulation walks half the grid on average.

    The head reads the first half of the fake score: once in the student's turn, twice in the critic's.
    """
    length, turns = len(s["timesteps"]), s["critic_updates"]
    walk = 1 + (length - 1) / 2 if s["inputs"] == "backward simulation" else 1.0
    head = s.get("gan", 0) > 0
    pooled = (s["inputs"] == "noised teacher samples" and length > 1) or (head and s.get("real") != "data")
    once = s["pool"] * s["pool_steps"] * _guided(s) if pooled else 0
    calls = {"student": (turns + 1) * walk, "fake score": turns + 1.0, "teacher": float(_guided(s))}
    half = 0.5 * head
    return Cost(calls, once, head, fakes=1, moments=((1, half), (0, 1 + 2 * half)), beside=float(_guided(s)))


def _through(s: Settings) -> Cost:
    """As `_duel`, with gradients that run through teacher and fake score as well."""
    plain = _duel(s)
    half = 0.5 * plain.discriminator
    moments = ((1.0, 1 + _guided(s) + half), (0.0, 1 + 2 * half))
    return Cost(plain.per_sample, plain.once, plain.discriminator, fakes=1, moments=moments)


def _sfd(s: Settings) -> Cost:
    """As `_through`, always along the student's own path and without a head."""
    return _through({**s, "inputs": "backward simulation"})


def _tdm(s: Settings) -> Cost:
    """As `_duel`, always along the student's own path."""
    return _duel({**s, "inputs": "backward simulation"})


def _consistency(s: Settings) -> Cost:
    """Teacher, target (the student's average) and student, once each."""
    once = s["pool"] * s["grid"] * _guided(s) if s.get("inputs") == "teacher trajectory" else 0
    return Cost({"teacher": float(_guided(s)), "target": 1.0, "student": 1.0}, once)


def _progressive(s: Settings) -> Cost:
    """Two steps of the round's teacher (guided in the first round alone, so two to four evaluations) and one of the student."""
    first = s["start"] == s["steps"]
    shares = _shares(int(s["start"]), int(s["steps"]))
    guided = 1.0 if first else shares[0] / sum(shares)
    return Cost({"teacher": 2 * (guided * _guided(s) + 1 - guided), "student": 1.0}, spare=2)


def _shares(start: int, steps: int) -> list[int]:
    """Lengths of the rounds relative to each other: those of one and two steps are twice as long."""
    rounds = [start >> i for i in range(max(1, int(math.log2(max(start, 1) / max(steps, 1))) + 1))]
    return [2 if n <= 2 else 1 for n in rounds]


def _regression(s: Settings) -> Cost:
    return Cost({"student": 1.0}, s["pairs"] * s["pair_steps"] * _guided(s))


def _ladd(s: Settings) -> Cost:
    once = s["pool"] * s["pool_steps"] * _guided(s)
    return Cost({"student": s["head_updates"] + 1.0}, once, discriminator=True, moments=((1.0, 0.5),))


def _guidance(s: Settings) -> Cost:
    return Cost({"teacher": 2.0, "student": 1.0})


def _reward(s: Settings) -> Cost:
    """Student and the one it was, each along its own chain to a random (or the last) place of its grid."""
    length = len(s.get("timesteps") or range(GRID))
    walk = float(length) if s["through"] == "last step" else (1 + length) / 2
    return Cost({"student": walk, "starting student": walk}, spare=2, beside=1.0, more="The reward's own network comes on top.")


COSTS: dict[str, Callable[[Settings], Cost]] = {
    "dmd2": _duel, "f-distill": _duel, "sid": _through, "sim": _through, "uni-instruct": _through, "tdm": _tdm,
    "sfd": _sfd,
    "lcm": _consistency, "segments": _consistency, "progressive": _progressive, "guided": _guidance,
    "regression": _regression, "ladd": _ladd, "reward": _reward,
}  # fmt: skip


def cost(objective: str, settings: Settings) -> Cost | None:
    """None for an objective that is not known here, or settings it cannot count with."""
    try:
        return COSTS[objective](settings) if objective in COSTS else None
    except (KeyError, TypeError, ValueError):
        return None


# -- memory --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Memory:
    """Bytes at the dearest moment. activations: None where the network is of a kind that is not counted.

    gradient: part of `weights` that a backward pass fills while it empties the activations, so that of the two the larger
    counts.
    """

    weights: float  # of all networks, with gradients, optimiser and averages
    activations: float | None
    gradient: float = 0.0

    @property
    def total(self) -> float:
        return self.weights + max(0.0, (self.activations or 0.0) - self.gradient)


def memory(folder: Path, known: Cost, settings: Settings, request: Settings | None = None, fused: bool = False) -> Memory | None:
    """Of a training on the teacher in a folder; None when its weights cannot be read. ValueError in one sentence where the
    teacher's family does not say what a training takes.

    request: the job's other fields, of which form, rank, leave_out, width and trainer matter. fused: attention as
    accelerators compute it. Not counted: the program itself, the opened teacher it was copied from, and what material
    and measurements hold.
    """
    request = request or {}
    trainer = request.get("trainer") or {}
    teacher = footprint(folder, fused=fused)
    if not teacher.parameters:
        return None
    student = other = teacher
    if request.get("form") == "adapters":
        student = other = footprint(folder, rank=request.get("rank") or RANK, fused=fused)
    elif request.get("form") == "smaller":
        student = _smaller(folder, request, fused) or teacher
    moments = 1 + MOMENTS.get(str(trainer.get("optimizer")), MOMENTS["adamw"])
    gradient = max(student.parameters, other.parameters if known.fakes else 0.0)
    sums = gradient * ((trainer.get("accumulate") or 1) > 1)  # of the micro-batches so far
    held = teacher.parameters + student.parameters * (moments + known.spare)
    held += known.fakes * other.parameters * moments + sums + gradient
    if trainer.get("precision") == "bf16":
        held += HALF * teacher.parameters  # a second set of the weights in use
    rows = int(settings.get("batch") or 1) * FLOAT_BYTES
    of_batch = _activations(known, student.activations, teacher.activations, trainer)
    return Memory(held * FLOAT_BYTES, None if of_batch is None else rows * of_batch, gradient * FLOAT_BYTES)


def _activations(known: Cost, student: Activations | None, teacher: Activations | None, trainer: Settings) -> float | None:
    """Numbers a sample at the dearest moment; None where one of the networks is not counted."""
    if student is None or teacher is None:
        return None
    keeps, recomputes = _keeps(trainer)
    dearest = max(s * keeps(student) + o * keeps(teacher) for s, o in known.moments)
    passing = known.beside * (teacher.skips + teacher.widest)
    least = 2 * (teacher.skips + teacher.widest)  # a guided teacher before anything is kept
    return max(dearest + max(passing, recomputes * teacher.widest), least)


def _smaller(folder: Path, request: Settings, fused: bool) -> Footprint | None:
    """Of a student cut from this teacher; None when it cannot be cut so."""
    try:
        form = Smaller(request.get("leave_out", "middle"), float(request.get("width", 1.0)))
        return footprint(folder, smaller=form, fused=fused)
    except (KeyError, TypeError, ValueError):
        return None


def _keeps(trainer: Settings) -> tuple[Callable[[Activations], float], int]:
    """How much of a network is kept under the trainer's settings, and whether one block at a time is made again."""
    share = HALF if trainer.get("precision") == "bf16" else 1.0
    if trainer.get("checkpointing"):
        return lambda kept: share * kept.inputs, 1
    return lambda kept: share * kept.kept, 0


def parameters(folder: Path) -> int:
    """Parameters of the network in a model's folder; 0 when there is none."""
    return int(footprint(folder).parameters)
