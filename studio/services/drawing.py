"""Pictures and figures of a student that is still being taught, on fixed prompts and seeds. Runs in a worker.

What is drawn depends on the weights alone: noise is a function of (seed, step), and no training generator is touched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser
from studio.core.files import atomic_write, read_json
from studio.core.method import Method
from studio.core.recipe import Recipe
from studio.sampling import plan as plans
from studio.sampling.plan import Plan
from studio.services.draw import draw
from studio.services.lessons import TEACHER_STEPS, Lesson
from studio.services.models import ModelEntry

if TYPE_CHECKING:
    from studio.domains.pocket.oracle import Readings

SHOWN = (1, 2, 4, 8)  # step counts that are shown, those on the student's recipe
SEEDS_EACH = 2  # pictures a prompt in a strip
MEASURE_SEEDS = 8  # samples a prompt when measuring
PROMPTS_SEED = 424_242  # scenes behind the prompts that are measured; no training draws them
WORLD_SEED, WORLD_RENDERS = 777_001, 1024  # renders that FD-oracle compares with
N_BOOT = 200
Between = Callable[[], None]  # called between network evaluations: passes the device on, may raise


class Studio:
    """Draws with the teacher and with the student as it is now."""

    def __init__(self, lesson: Lesson, method: Method, entry: ModelEntry, between: Between, device: str):
        self.lesson, self.method, self.entry, self._between, self.device = lesson, method, entry, between, device
        self.oracle = lesson.oracle
        how = method.sampling()
        self.student: Denoiser = getattr(method, "student")  # noqa: B009 - by contract, not by type
        self.embedded = how.embedded_guidance
        self.recipe = Recipe(
            teacher=entry.id, teacher_hash=lesson.hash, timesteps=how.timesteps, rule=how.rule, eta=how.eta,
            prediction=self.student.prediction, valid_steps=how.valid_steps,
        )  # fmt: skip
        own = len(self.recipe.timesteps)
        self.step_counts = tuple(n for n in SHOWN if n in self.recipe.valid_steps) or (own,)

    def teacher_plan(self, steps: int | None = None) -> Plan:
        """The teacher in its own number of steps (at most `TEACHER_STEPS`), or in so many."""
        grid = self.entry.timesteps(steps or min(self.entry.sampling.steps, TEACHER_STEPS))
        return plans.teacher_plan("teacher", grid, self.entry.sampling.rule, self.entry.guidance)

    def student_plan(self, steps: int | None = None) -> Plan:
        return plans.student_plan("student", self.recipe, steps)

    def conditions(self, prompts: Sequence[str]) -> tuple[Cond, Cond]:
        """(the teacher's, the student's): one row a prompt; the student's with the scale, where it takes one."""
        cond = self.lesson.encode(prompts)
        if self.embedded is None:
            return cond, cond
        return cond, {**cond, "w": torch.full((len(prompts),), self.embedded, device=self.device)}

    def draw(self, plan: Plan, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        """Samples [N, *shape]; prompt i goes with seed i."""
        cond, for_student = self.conditions(prompts)
        conds: Any = {"teacher": (cond, self.lesson.null(1)), "student": (for_student, None)}
        with self.evaluated() as student:
            models = {"teacher": self.lesson.teacher, "student": student}
            return draw(plan, models, conds, seeds, self.lesson.material.shape, lambda _: self.between())

    def decode(self, samples: Tensor) -> Tensor:
        return self.lesson.decode(samples)

    def between(self) -> None:
        self._between()

    @property
    def network(self) -> Any:
        """The student's network: averaged weights where the objective averages."""
        return self.method.emas.get("student", self.student.network)

    @contextmanager
    def evaluated(self) -> Iterator[Denoiser]:
        """The student's averaged weights, in evaluation mode for as long as this lasts."""
        with evaluating(self.network):
            yield Denoiser(self.network, self.student.process, self.student.prediction)

    def strip(self, plan: Plan, prompts: Sequence[str]) -> Tensor:
        """Samples [prompts × SEEDS_EACH, *shape] on fixed seeds, the seeds of a prompt side by side."""
        rows = [prompt for prompt in prompts for _ in range(SEEDS_EACH)]
        return self.draw(plan, rows, list(range(SEEDS_EACH)) * len(prompts))


@contextmanager
def evaluating(network: Any) -> Iterator[None]:
    """A network in evaluation mode for as long as this lasts."""
    was = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was)


def contrast(samples: Tensor) -> float:
    """Standard deviation over the elements of a sample, mean over samples [N, ...], in the model's own space."""
    return float(samples.flatten(1).float().std(1).mean())


# -- figures -------------------------------------------------------------------------------------------------------------


def measured_prompts(samples: int) -> list[str]:
    """Random partial captions of scenes that no training draws, one for every `MEASURE_SEEDS` samples."""
    import numpy as np

    from studio.domains.pocket.captions import caption
    from studio.domains.pocket.dataset import scenes

    n = max(1, samples // MEASURE_SEEDS)
    rng = np.random.default_rng(PROMPTS_SEED)
    return [caption(scene, rng) for scene in scenes(n, PROMPTS_SEED)]


def reference(oracle: Any, cache: Callable[[str, Callable[[], Tensor], int], Tensor]) -> Tensor:
    """Oracle features [WORLD_RENDERS, D] of renders of the whole world."""
    from studio.domains.pocket.dataset import scenes, to_images
    from studio.domains.pocket.render import render_batch

    size = oracle.config["size"]

    def make() -> Tensor:
        features: Tensor = oracle.read(to_images(render_batch(scenes(WORLD_RENDERS, WORLD_SEED), size))).features
        return features

    return cache(f"reference:world:{size}", make, 4 * WORLD_RENDERS * oracle.config["features"])


class Draws(Protocol):
    """What figures are made with."""

    oracle: Any

    def draw(self, plan: Plan, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        """Samples [N, *shape]; prompt i goes with seed i."""

    def decode(self, samples: Tensor) -> Tensor:
        """[N, *shape] -> what the oracle reads."""

    def between(self) -> None:
        """After every prompt: others may have the device."""


def figures(draws: Draws, plan: Plan, samples: int, world: Tensor) -> dict[str, Any]:
    """Accuracy, diversity and FD-oracle of `samples` pictures, JSON-ready; see `summary`."""
    prompts, seeds = measured_prompts(samples), list(range(500, 500 + MEASURE_SEEDS))
    readings = []
    for prompt in prompts:
        images = draws.decode(draws.draw(plan, [prompt] * len(seeds), seeds))
        readings.append(draws.oracle.read(images))
        draws.between()
    return {"nfe": plan.nfe, **summary(readings, prompts, world)}


def summary(readings: Sequence[Readings], prompts: Sequence[str], world: Tensor) -> dict[str, Any]:
    """accuracy (all stated factors right, over all samples), diversity (mean over prompts of H / ln K of what a prompt
    leaves open, samples in distribution) beside the world's own, in_distribution, fd_oracle with its n."""
    from studio.domains.pocket import captions, scene
    from studio.metrics import report
    from studio.metrics.frechet import frechet_distance
    from studio.metrics.interval import Estimate
    from studio.metrics.proportion import wilson
    from studio.metrics.readings import accepted, correct

    right, inside, estimates, worlds = [], [], [], []
    for i, (seen, prompt) in enumerate(zip(readings, prompts, strict=True)):
        stated = captions.parse(prompt).stated
        shown = correct(seen, stated, scene.FACTORS)
        n = len(seen)
        right.append(torch.stack(list(shown.values())).all(0) if shown else torch.ones(n, dtype=torch.bool))
        inside.append(accepted(seen))
        stars = {"stars": scene.frequencies("stars", time=stated.get("time"))}
        # every prompt resamples for itself: what a resample's repeats take away must not be the same for all of them
        estimates.append(report.diversity_estimate(seen, stated, scene.FACTORS, world=stars, n_boot=N_BOOT, seed=i))
        worlds.append(report.world_diversity(stated, scene.FACTORS, world=stars))
    ok, accepted_all = torch.cat(right), torch.cat(inside)
    known = [e for e in estimates if e.value is not None]
    diversity = Estimate.missing(len(ok))
    if known:
        # a resample in which a prompt has fewer than two accepted samples leaves that prompt out
        draws = torch.stack([e.draws for e in known]).nanmean(0)
        diversity = Estimate(sum(float(e.value or 0.0) for e in known) / len(known), draws, int(accepted_all.sum()), (0.0, 1.0))
    known_worlds = [value for value in worlds if value is not None]
    features = torch.cat([seen.features for seen in readings])
    enough = min(len(ok), len(world)) >= report.MIN_FOR_FRECHET and bool(features.isfinite().all())
    return {
        "n": len(ok),
        "accuracy": wilson(int(ok.sum()), len(ok)).to_dict(),
        "in_distribution": wilson(int(accepted_all.sum()), len(ok)).to_dict(),
        "diversity": diversity.interval().to_dict(),
        "world_diversity": sum(known_worlds) / len(known_worlds) if known_worlds else None,
        "fd_oracle": round(frechet_distance(features, world), 4) if enough else None,
    }


def kept_figures(file: Path, make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Figures that depend on nothing but what the file's name says, measured once."""
    kept = read_json(file)
    if kept is None:
        kept = dict(make())
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, json.dumps(kept), durable=False)
    return kept
