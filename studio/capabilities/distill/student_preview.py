"""Pictures and figures of a student that is still being taught, on fixed prompts and seeds. Runs in a worker.

What is drawn depends on the weights alone: noise is a function of (seed, step), and no training generator is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from studio.capabilities.distill.lesson import TEACHER_STEPS, Lesson
from studio.core.denoiser import Cond, Denoiser, Network
from studio.core.domain import Oracle, Said, beside
from studio.core.method import Method
from studio.core.recipe import Recipe
from studio.library.models import ModelEntry
from studio.sampling import plan as plans
from studio.sampling.loop import Conds
from studio.sampling.plan import Plan
from studio.workshop.draw import draw
from studio.workshop.projection import projected

SHOWN = (1, 2, 4, 8)  # step counts that are shown, those on the student's recipe
SEEDS_EACH = 2  # pictures a prompt in a strip
Between = Callable[[], None]  # called between network evaluations: passes the device on, may raise


class StudentPreview:
    """Draws with the teacher and with the student as it is now."""

    def __init__(self, lesson: Lesson, method: Method, entry: ModelEntry, between: Between, device: str):
        self.lesson, self.method, self.entry, self._between, self.device = lesson, method, entry, between, device
        self.domain = lesson.domain
        how = method.sampling()
        self.student: Denoiser = getattr(method, "student")  # noqa: B009 - by contract, not by type
        self.embedded = how.embedded_guidance
        self.recipe = Recipe(
            teacher=entry.id,
            teacher_hash=lesson.hash,
            timesteps=how.timesteps,
            rule=how.rule,
            eta=how.eta,
            prediction=self.student.prediction,
            valid_steps=how.valid_steps,
        )
        own = len(self.recipe.timesteps)
        self.step_counts = tuple(n for n in SHOWN if n in self.recipe.valid_steps) or (own,)

    def teacher_plan(self, steps: int | None = None) -> Plan:
        """The teacher in its own number of steps (at most `TEACHER_STEPS`), or in so many."""
        grid = self.entry.timesteps(steps or min(self.entry.sampling.steps, TEACHER_STEPS))
        return plans.teacher_plan("teacher", grid, self.entry.sampling.rule, self.entry.guidance)

    def student_plan(self, steps: int | None = None) -> Plan:
        return plans.student_plan("student", self.recipe, steps)

    def conditions(self, said: Sequence[Said]) -> tuple[Cond, Cond]:
        """(the teacher's, the student's): one row each; the student's with the scale, where it takes one."""
        cond = self.lesson.encode(said)
        if self.embedded is None:
            return cond, cond
        return cond, {**cond, "w": torch.full((len(said),), self.embedded, device=self.device)}

    def draw(self, plan: Plan, said: Sequence[Said], seeds: Sequence[int]) -> Tensor:
        """Samples [N, *shape]; what is said i-th goes with seed i."""
        cond, for_student = self.conditions(said)
        conds: Conds = {"teacher": (cond, self.lesson.null(cond)), "student": (for_student, None)}
        with self.evaluated() as student:
            models = {"teacher": self.lesson.teacher, "student": student}
            project = projected(self.domain, said)
            return draw(plan, models, conds, seeds, self.lesson.material.shape, lambda _: self.between(), project)

    @property
    def oracle(self) -> Oracle:
        assert self.lesson.oracle is not None, "the caller has looked"
        return self.lesson.oracle

    def decode(self, samples: Tensor, said: Sequence[Said]) -> Tensor:
        return self.lesson.decode(samples, beside(said))

    def between(self) -> None:
        self._between()

    @property
    def network(self) -> nn.Module:
        """The student's network: averaged weights where the objective averages."""
        found = self.method.emas.get("student", self.student.network)
        assert isinstance(found, nn.Module), "what is trained is a module"
        return found

    @contextmanager
    def evaluated(self) -> Iterator[Denoiser]:
        """The student's averaged weights, in evaluation mode for as long as this lasts."""
        with evaluating(self.network):
            yield Denoiser(self.network, self.student.process, self.student.prediction)

    def strip(self, plan: Plan, said: Sequence[Said]) -> Tensor:
        """Samples [said × SEEDS_EACH, *shape] on fixed seeds, the seeds of each side by side."""
        return self.draw(plan, each(said), list(range(SEEDS_EACH)) * len(said))


def each(said: Sequence[Said]) -> list[Said]:
    """What the samples of a strip are asked for."""
    return [one for one in said for _ in range(SEEDS_EACH)]


@contextmanager
def evaluating(network: Network) -> Iterator[None]:
    """A network in evaluation mode for as long as this lasts."""
    assert isinstance(network, nn.Module), "what is trained is a module"
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
