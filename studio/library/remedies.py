"""The remedies against lost diversity as arms: one table for the arena of the laboratory, Compare, the API and the command line.

A remedy is put on the plans a pair has without any (`PairPlans`); formulas and papers are with `studio.sampling.variants`.
The hybrids and skip-first, which the arena enters too, are arms of their own everywhere. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from studio.core.recipe import Recipe
from studio.sampling import plan as plans
from studio.sampling import variants
from studio.sampling.guidance import is_plain
from studio.sampling.plan import Plan


class Strengths(BaseModel):
    """How strong each remedy is; Compare takes the defaults, the arena lets them be set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    particles: float = Field(0.25, ge=0, le=4, description="Strength of the repulsion between seeds.")
    prompt_noise: float = Field(1.0, ge=0, le=4, description="Noise on the condition, in its own standard deviations.")
    cads: float = Field(0.25, ge=0, le=4, description="Strength s of condition annealing, with the published thresholds.")
    alpha: float = Field(0.5, gt=0, lt=1, description="Strength of the student in the blend; the rest is the teacher.")
    rho: float = Field(1.1, ge=0, le=2, description="Scale of the re-noising.")


USUAL = Strengths()


@dataclass(frozen=True)
class PairPlans:
    """What remedies are put on: a pair, and how its models are drawn without any.

    alone: the student; reference: the teacher, at guidance scale `guidance`. steps: of the student; None is its recipe's.
    alike: whether both models draw data of one shape.
    """

    teacher: str
    student: str
    recipe: Recipe
    alone: Plan
    reference: Plan
    guidance: float
    steps: int | None = None
    alike: bool = True

    def hybrid(self, k: int, guidance: float = 1.0) -> Plan:
        off = self.steps is not None
        return plans.hybrid_plan(self.teacher, self.student, self.recipe, k, guidance, steps=self.steps, off_recipe=off)


Make = Callable[[PairPlans, Strengths], Plan]
Misfit = Callable[[PairPlans], str]  # what a pair lacks, to go on from the arm's name; "" where it fits


@dataclass(frozen=True)
class Remedy:
    """A remedy as an arm.

    arm: its name in requests, folders and addresses; name: in the arena's tables. title, label, meaning: on the page, inside a
    sentence, and as one short clause. paper: where it comes from. on: whose steps it changes. own_noise: it sets the re-noising
    itself, so that a request's `rho` does not.
    """

    arm: str
    name: str
    title: str
    label: str
    meaning: str
    paper: str
    make: Make
    misfit: Misfit
    on: Literal["student", "teacher", "hybrid", "both"] = "student"
    own_noise: bool = False

    def plan(self, ground: PairPlans, strengths: Strengths = USUAL, name: str | None = None) -> Plan:
        """The plan with the remedy, named as the arm unless told otherwise."""
        return self.make(ground, strengths).model_copy(update={"name": name or self.arm})


def _interval(ground: PairPlans, _: Strengths) -> Plan:
    """Guidance in the middle half of the student's time range."""
    top = ground.recipe.timesteps[0]
    return variants.with_interval(ground.reference, 0.25 * top, 0.75 * top)


def _no_guidance(ground: PairPlans) -> str:
    plain = f"needs a teacher with guidance above 1, and {ground.teacher} is drawn with {ground.guidance:g} here"
    return plain if is_plain(ground.guidance) else ""


def _no_interval(ground: PairPlans) -> str:
    if said := _no_guidance(ground):
        return said
    steps = ground.reference.steps
    few = f"needs teacher steps at middle times, and {steps} {'step has' if steps == 1 else 'steps have'} none there; 5 would fit"
    return few if _interval(ground, USUAL).nfe == steps else ""


def _one_step(ground: PairPlans) -> str:
    said = (
        f"drowns the prompt at the first step, and {ground.student} takes no other here; a student of 2 steps or more would fit"
    )
    return said if ground.alone.steps < 2 else ""


def _no_noise(ground: PairPlans) -> str:
    said = (
        f"scales the fresh noise between steps, and {ground.student} draws none here; a student of several noisy steps would fit"
    )
    noisy = ground.alone.steps > 1 and any(segment.noisy for segment in ground.alone.segments)
    return "" if noisy else said


def _unlike(ground: PairPlans) -> str:
    said = f"mixes what both models believe, and {ground.teacher} and {ground.student} draw pictures of different shapes"
    return "" if ground.alike else said


def _fits(_: PairPlans) -> str:
    return ""


REMEDIES: dict[str, Remedy] = {
    remedy.arm: remedy
    for remedy in (
        Remedy(
            "cads", "CADS", "CADS", "student with CADS",
            "its prompt drowns in noise at first",
            "Sadat et al. 2023, arXiv 2310.17347",
            lambda g, s: variants.with_cads(g.alone, s=s.cads), _one_step,
        ),
        Remedy(
            "particles", "particles", "Particles", "student with particle guidance",
            "its seeds push each other apart",
            "Corso et al. 2023, arXiv 2310.13102",
            lambda g, s: variants.with_particles(g.alone, s.particles), _fits,
        ),
        Remedy(
            "prompt-noise", "prompt noise", "Prompt noise", "student with prompt noise",
            "a prompt of its own for every seed",
            "beside CADS, arXiv 2310.17347",
            lambda g, s: variants.with_prompt_noise(g.alone, s.prompt_noise), _fits,
        ),
        Remedy(
            "blend", "blend", "Blend", "blend of student and teacher",
            f"{100 * USUAL.alpha:g} % student, {100 * (1 - USUAL.alpha):g} % teacher at every step",
            "no paper; as an adapter's strength",
            lambda g, s: variants.with_strength(g.alone, g.student, g.teacher, s.alpha), _unlike, on="both",
        ),
        Remedy(
            "more-re-noise", "more re-noise", "More re-noise", "student with more re-noise",
            f"{USUAL.rho:g} × the fresh noise between steps",
            "no paper; SiD for proteins uses less",
            lambda g, s: plans.modulated(g.alone, s.rho), _no_noise, own_noise=True,
        ),
        Remedy(
            "guided-hybrid", "hybrid-1, guided base", "Hybrid, guided", "hybrid with a guided base",
            "as Hybrid k=1, its teacher step guided",
            "Gandikota & Bau 2025, arXiv 2503.10637",
            lambda g, s: g.hybrid(1, g.guidance), _no_guidance, on="hybrid",
        ),
        Remedy(
            "guidance-interval", "guidance interval", "Guidance interval", "teacher guided at middle times",
            "the teacher, guided only at middle times",
            "Kynkäänniemi et al. 2024, arXiv 2404.07724",
            _interval, _no_interval, on="teacher",
        ),
    )
}  # fmt: skip


def check(remedy: Remedy, ground: PairPlans, n_seeds: int) -> None:
    """ValueError in one sentence where a remedy would do nothing, or nothing sensible, here."""
    if remedy.arm == "particles" and n_seeds < 2:
        raise ValueError("particles lets the seeds of one prompt push each other apart, and 1 was given; 2 or more would fit.")
    if said := remedy.misfit(ground):
        raise ValueError(f"{remedy.arm} {said}.")
