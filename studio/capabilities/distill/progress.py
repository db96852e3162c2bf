"""What a distillation shows and measures of its student on the way: strips, the picture of beliefs, figures. In a worker.

Everything is on fixed prompts and seeds and depends on the weights alone. What is remembered between moments (figures,
contrasts, symptoms that were said) is in `measures.json` and `symptoms.json` of the run directory, so that a run that
continues knows it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor

from studio.capabilities.distill import beliefs
from studio.capabilities.distill.student_preview import SEEDS_EACH, StudentPreview, contrast, each
from studio.core.files import Json, read_json
from studio.domains.media import medium_of
from studio.domains.media.image import STRIP_SIDE, jpeg_strip
from studio.jobs.run import Run
from studio.library.curves import finite
from studio.sampling.plan import Plan
from studio.workshop.held_out import figures, kept_figures, reference
from studio.workshop.tools import Tools
from studio.workshop.training.strips import Strip, keep_strip, strip_name

Forward = Callable[[int, dict[str, float]], None]  # (step, values) to where curves go besides the run's own log


class TrainingPictures:
    """Draws and measures for one run. `measures` and `contrast` hold what was found up to step `at`."""

    def __init__(self, job: Run[Tools], studio: StudentPreview, samples: int, forward: Forward, at: int):
        self.job, self.studio, self.lesson, self.samples, self.forward = job, studio, studio.lesson, samples, forward
        self.medium = medium_of(studio.domain)
        kept = {"teacher": None, "teacher_at": {}, "rows": [], **(read_json(job.folder / "measures.json") or {})}
        self.measures: Json = {**kept, "rows": [row for row in kept["rows"] if row["step"] <= at]}
        seen = read_json(job.folder / "symptoms.json") or {}
        self.teacher_contrast: float | None = seen.get("teacher_contrast")
        self.contrast: list[Json] = [row for row in seen.get("contrast", []) if row["step"] <= at]
        self.said: list[Json] = list(seen.get("said", []))
        self._teacher_x: Tensor | None = None  # the teacher's samples, where beliefs are about these

    # -- strips ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _beliefs_name(step: int) -> str:
        return f"artifacts/beliefs/{step:08d}.jpg"

    def has_strips(self, step: int) -> bool:
        names = [strip_name(step, f"student-{n}") for n in self.studio.step_counts]
        if beliefs.samples_of(self.studio) is not None:
            names.append(self._beliefs_name(step))
        return all((self.job.folder / name).exists() for name in names)

    def strips(self, step: int) -> None:
        """The student at every step count of its recipe, and once the teacher, on the same prompts and seeds; beliefs."""
        teacher, prompts = "artifacts/strips/teacher.jpg", self.lesson.said
        if self.teacher_contrast is None or not (self.job.folder / teacher).exists():
            plan = self.studio.teacher_plan()
            drawn = self.studio.strip(plan, prompts)
            self.teacher_contrast = contrast(drawn)
            self._show(teacher, "teacher", 0, plan, drawn)
        x: Tensor | None = None
        for n in sorted(self.studio.step_counts):
            plan = self.studio.student_plan(n)
            x = self.studio.strip(plan, prompts)
            ratio = finite({"ratio": contrast(x) / self.teacher_contrast if self.teacher_contrast else None})["ratio"]
            self.contrast = [r for r in self.contrast if (r["step"], r["sampling_steps"]) != (step, n)]
            if ratio is not None:
                self.contrast.append({"step": step, "sampling_steps": n, "ratio": ratio})
            self._show(strip_name(step, f"student-{n}"), "student", step, plan, x, contrast=ratio)
        assert x is not None
        self._beliefs(step, x)
        self.keep()

    def _show(self, name: str, arm: str, step: int, plan: Plan, x: Tensor, **said: float | None) -> None:
        drawn, prompts = self.studio.decode(x, each(self.lesson.said)), [one.text for one in self.lesson.said]
        keep_strip(self.job, self.medium, Strip([drawn], plan.steps, prompts, range(SEEDS_EACH), said), arm, step, name)

    # -- beliefs ---------------------------------------------------------------------------------------------------

    def _beliefs(self, step: int, x: Tensor) -> None:
        """`x`: the student's strip. One sample of each of the first prompts, and what everybody makes of it noised."""
        of, said = beliefs.samples_of(self.studio), self.lesson.said[: beliefs.PROMPTS]
        if of is None:
            return
        if of == "teacher":
            if self._teacher_x is None:
                self._teacher_x = self.studio.draw(self.studio.teacher_plan(), said, [beliefs.SEED] * len(said))
            x = self._teacher_x
        else:
            x = x[::SEEDS_EACH][: len(said)]
        found = beliefs.believe(self.studio, of, x, said)
        stills = self.medium.still(self.studio.decode(found.samples, found.asked(said)), STRIP_SIDE)
        name = self.job.artifact(self._beliefs_name(step), jpeg_strip(beliefs.grid(found, stills)))
        columns = [{"t": round(t, 1), "noise": float(f"{level:.3g}")} for t, level in zip(found.times, found.levels, strict=True)]
        self.job.event(
            "triple",
            step=step,
            triple=name,
            of=of,
            rows=list(found.rows),
            columns=columns,
            guidance=found.guidance,
            sampling_steps=max(self.studio.step_counts),
            prompts=[one.text for one in said],
            seed=beliefs.SEED,
            size=stills.shape[1],
        )

    # -- figures ---------------------------------------------------------------------------------------------------

    def has_row(self, step: int) -> bool:
        done = {row["sampling_steps"] for row in self.measures["rows"] if row["step"] == step}
        return self.lesson.oracle is None or done >= set(self.studio.step_counts)

    def measure(self, step: int) -> None:
        """Accuracy, diversity and FD-oracle of the student as it is now; of the teacher once, and kept."""
        lesson, models, oracle = self.lesson, self.job.tools.models, self.studio.oracle
        world = reference(oracle, lesson.domain, lambda name, make, size: models.keep(name, (id(oracle),), make, size))
        if self.measures["teacher"] is None:
            self._measure_teacher(world)
        for n in self.studio.step_counts:
            found = figures(self.studio, self.studio.student_plan(n), self.samples, world)
            row = {"step": step, "sampling_steps": n, **found}
            self.measures["rows"] = [r for r in self.measures["rows"] if (r["step"], r["sampling_steps"]) != (step, n)] + [row]
            self.job.event("measure", arm="student", step=step, sampling_steps=n, measures=found)
            values = {"accuracy": found["accuracy"]["value"], "diversity": found["diversity"]["value"], "fd": found["fd_oracle"]}
            self.forward(step, {f"measure/{k}-{n}": float(v) for k, v in values.items() if v is not None})
        self.job.keep("measures.json", self.measures)

    def _measure_teacher(self, world: Tensor) -> None:
        """The teacher with its own steps, and with as few as the student has: what the student must be better than."""
        own = self.studio.teacher_plan()
        few = [self.studio.teacher_plan(n) for n in self.studio.step_counts if n < own.steps]
        for plan in (own, *few):
            key = f"{self.lesson.hash}-{self.samples}-{plan.steps}-{plan.segments[0].guidance:g}.json"
            file = self.job.home.cache / "figures" / key
            found = kept_figures(file, partial(figures, self.studio, plan, self.samples, world))
            if plan is own:
                self.measures["teacher"] = found
            else:
                self.measures["teacher_at"][str(plan.steps)] = found
            arm = "teacher" if plan is own else "teacher in few steps"
            self.job.event("measure", arm=arm, step=0, sampling_steps=plan.steps, measures=found)

    def keep(self) -> None:
        """Write down what the next process that continues this run must know."""
        self.job.keep("symptoms.json", {"teacher_contrast": self.teacher_contrast, "contrast": self.contrast, "said": self.said})
