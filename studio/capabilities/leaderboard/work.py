"""Executing a measurement: every arm that lacks figures is drawn on the held-out prompts, read by the oracle, and kept.

Runs in a worker. Lets interactive requests go first between two network evaluations, as training does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from torch import Tensor

from studio.capabilities.leaderboard import kept_figures
from studio.capabilities.leaderboard.kept_figures import Arm
from studio.capabilities.leaderboard.request import MeasureRequest, arms_of, lacking
from studio.core.domain import Domain, Oracle, Said, beside
from studio.core.explain import explain
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.recipe import Recipe
from studio.domains import domain_of
from studio.jobs.run import LeftOff, Run, versions
from studio.sampling.loop import Conds
from studio.sampling.plan import Plan
from studio.sampling.prompts import encode_once
from studio.sampling.record import Record
from studio.workshop.draw import draw
from studio.workshop.held_out import figures, reference
from studio.workshop.placed_models import PlacedModels
from studio.workshop.projection import projected
from studio.workshop.tools import Tools

Step = Callable[[int, int], None]
REPORT_S = 0.5  # between progress events
SETTLED_S = 2.0  # of drawing, before time left is said


class DrawsArm:
    """Draws one arm with opened models.

    step(evaluations, pictures) is called after every network evaluation, `between` after every prompt.
    """

    def __init__(self, models: dict[str, OpenModel], oracle: Oracle, domain: Domain, step: Step, between: Callable[[], None]):
        self.models, self.oracle, self.domain, self.step, self._between = models, oracle, domain, step, between
        some = next(iter(models.values()))
        self.shape, self._decode = some.shape, some.decode

    def draw(self, plan: Plan, said: Sequence[Said], seeds: Sequence[int]) -> Tensor:
        """Samples [N, *shape]; what is said i-th goes with seed i."""
        conds: Conds = encode_once(self.models, said)
        made, n = 0, len(seeds)

        def between(record: Record) -> None:
            nonlocal made
            self.step(n * (record.nfe - made), n if record.last else 0)
            made = record.nfe

        return draw(plan, self.models, conds, seeds, self.shape, between, projected(self.domain, said))

    def decode(self, samples: Tensor, said: Sequence[Said]) -> Tensor:
        return self._decode(samples, beside(said))

    def between(self) -> None:
        self._between()


class Measuring:
    """One run of the kind `measure`."""

    def __init__(self, request: MeasureRequest, run: Run[Tools]):
        self.request, self.job = request, run
        self.paths = run.home
        self.arms = arms_of(request, run.tools.registry)
        self.notices: list[str] = []
        self.rows: list[Json] = []
        self.todo: list[Arm] = []
        self.pictures = self.evaluations = self.total = 0  # pictures finished; evaluations made, and to make
        self.begun = self.said_at = 0.0  # of the first evaluation; of the last report
        self.arm: Arm | None = None

    def run(self) -> Json:
        self.job.gate.enter(self.job.check)
        self.todo = lacking(self.paths, self.arms, self.request.samples)
        self.total = sum(arm.plan.nfe for arm in self.todo) * self.request.samples
        teacher = self.arms[0].teacher
        oracle, domain = self.job.tools.models.oracle(teacher), domain_of(teacher.domain)
        keep = self.job.tools.models.keep
        world = reference(oracle, domain, lambda name, make, size: keep(name, (id(oracle),), make, size))
        asked = list(self.todo)
        for arm in asked:
            self._measure(arm, oracle, world)
        if asked and not self.rows:
            raise ValueError(self.notices[-1])
        return self._result()

    def _measure(self, arm: Arm, oracle: Oracle, world: Tensor) -> None:
        """One arm; what goes wrong with it is said, and the others go on."""
        self.arm, before = arm, (self.pictures, self.evaluations)
        self.job.state("running", f"Measuring {arm.title}.")
        try:
            with PlacedModels(self.job, self._notice) as placed:
                opened = placed.open(arm.entries.values())
                models = {name: opened[entry.id] for name, entry in arm.entries.items()}
                self._say_weights(arm, models)
                draws = DrawsArm(models, oracle, domain_of(arm.teacher.domain), self._step, self._look)
                found = figures(draws, arm.plan, self.request.samples, world)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            self._notice(f"{arm.title} could not be measured: {explain(error)}")
            self.todo.remove(arm)
            self.total -= arm.plan.nfe * self.request.samples
            self.pictures, self.evaluations = before
            return
        kept_figures.keep(self.paths, arm, self.request.samples, found)
        self.rows.append({"arm": arm.id, "title": arm.title, "role": arm.role, "plan": arm.plan.model_dump(mode="json"), **found})
        self.job.state("running", f"{arm.title}: {_said(found)}.")
        self.job.result(self._result())

    def _say_weights(self, arm: Arm, models: dict[str, OpenModel]) -> None:
        """Say when a hybrid's student was distilled from other weights than its teacher has now."""
        if arm.role == "hybrid" and arm.student is not None:
            then, now = Recipe.model_validate(arm.student.recipe).teacher_hash, models["teacher"].hash
            if then and then != now:
                self._notice(f"{arm.student.id} was distilled from other weights ({then}) than {arm.teacher.id} has now ({now}).")

    def _notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)
            self.job.notice(text)

    def _step(self, evaluations: int, pictures: int) -> None:
        """After every network evaluation: count, report, let others use the device, hear a cancel."""
        self.begun = self.begun or time.monotonic()
        self.evaluations += evaluations
        self.pictures += pictures
        if pictures or time.monotonic() - self.said_at > REPORT_S:
            self._report()
        self._look()

    def _look(self) -> None:
        self.job.gate.step(self.job.check)
        self.job.check()
        if self.job.leaving():
            raise LeftOff("queued", "The worker was asked to leave; what was measured is kept.")

    def _report(self) -> None:
        self.said_at = now = time.monotonic()
        assert self.arm is not None
        took = now - self.begun
        left = round(took / self.evaluations * (self.total - self.evaluations), 1) if took > SETTLED_S else None
        self.job.progress(
            self.pictures,
            len(self.todo) * self.request.samples,
            arm=self.arm.id,
            title=self.arm.title,
            unit="pictures",
            eta_s=left,
            device=self.job.tools.models.device,
        )

    def _result(self) -> Json:
        return {
            "request": self.request.model_dump(mode="json"), "teacher": self.request.teacher, "rows": self.rows,
            "notices": self.notices, "versions": versions(),
        }  # fmt: skip


def _said(found: Json) -> str:
    """Figures in one clause."""
    accuracy, diversity, fd = found["accuracy"]["value"], found["diversity"]["value"], found["fd_oracle"]
    shown = "no diversity" if diversity is None else f"diversity {diversity:.2f}"
    far = "" if fd is None else f", FD-oracle {fd:.1f}"
    return f"accuracy {accuracy:.0%}, {shown}{far}, NFE {found['nfe']}"
