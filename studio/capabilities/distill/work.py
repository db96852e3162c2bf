"""Executing a distillation: open the teacher, train, show and measure on the way, list the student. Runs in a worker."""

from __future__ import annotations

from pathlib import Path

from studio.capabilities.distill.cautions import cautions
from studio.capabilities.distill.evidence import Evidence
from studio.capabilities.distill.lesson import Lesson, open_lesson
from studio.capabilities.distill.processes import make_method
from studio.capabilities.distill.progress import TrainingPictures
from studio.capabilities.distill.request import DistillRequest
from studio.capabilities.distill.student_preview import StudentPreview
from studio.capabilities.distill.symptoms import Vigil
from studio.core.files import Json
from studio.core.method import Method
from studio.core.parallel import join
from studio.library.measured_arms import Column
from studio.library.saving import list_student
from studio.methods.distill import METHODS
from studio.workshop.training.job import TrainingJob


class Distillation(TrainingJob[DistillRequest]):
    """One run of the kind `distill`. Strips and figures are those of `progress.TrainingPictures`."""

    THING, EVENT = "student", "student"
    AIM = Column("the accuracy", ("accuracy",))
    lesson: Lesson

    def load(self) -> None:
        """The teacher, with what it is taught from."""
        # a module of objectives may bring the lesson they are taught in
        self.settings = METHODS.get(self.request.objective).Config.model_validate(self.request.settings).model_dump(mode="json")
        self.parallel = join(self.device)
        self.parallel.give({"run": str(self.job.folder)})
        self.lesson = open_lesson(self.entry, self.request, self.job, self.preparing)

    @property
    def base_hash(self) -> str:
        return self.lesson.hash

    def build(self) -> Method:
        return make_method(self.request, self.lesson, self.device, self.parallel)

    def prepare(self) -> None:
        method, step, samples = self.trainer.method, self.trainer.step, self.request.measure_samples
        self.studio = StudentPreview(self.lesson, method, self.entry, self.between, self.device)
        self.gallery = TrainingPictures(self.job, self.studio, samples, self.curves.forward, step)
        self.vigil = Vigil(self.gallery.said)
        self.notices += [symptom.text for symptom in self.vigil.said]
        if step == 0:
            for sentence in cautions(self.request.objective, self.settings, self.request.trainer):
                self.notice(sentence)

    # -- on the way ------------------------------------------------------------------------------------------------

    def show(self, step: int) -> None:
        self.gallery.strips(step)

    def shown(self, step: int) -> bool:
        return self.gallery.has_strips(step)

    def measure(self, step: int) -> bool:
        self.gallery.measure(step)
        return True

    def measured(self, step: int) -> bool:
        return self.gallery.has_row(step)

    def row_at(self, step: int) -> Json | None:
        """In its own number of steps."""
        own, rows = len(self.studio.recipe.timesteps), self.gallery.measures["rows"]
        return next((row for row in rows if (row["step"], row["sampling_steps"]) == (step, own)), None)

    def watch(self) -> None:
        """Say in words what goes wrong, once for each symptom."""
        found = self.vigil.look(
            Evidence(
                objective=self.request.objective,
                family=type(self.trainer.method).card.family,
                settings=self.trainer.method.config.model_dump(mode="json"),
                step=self.trainer.step,
                steps=self.request.steps,
                rows=self.curves.history.points,
                teacher=self.gallery.measures["teacher"],
                teacher_at={int(n): found for n, found in self.gallery.measures["teacher_at"].items()},
                measured=self.gallery.measures["rows"],
                contrast=self.gallery.contrast,
                skipped=self.trainer.skipped,
            )
        )
        for symptom in found:
            self.notices.append(symptom.text)
            self.job.event(
                "notice", text=symptom.text, symptom=symptom.name, step=symptom.step, seen=symptom.seen, remedy=symptom.remedy
            )
        if found:
            self.gallery.said = self.vigil.to_json()
            self.gallery.keep()
            self.job.result(self.result())

    # -- after -----------------------------------------------------------------------------------------------------

    def save(self) -> str:
        summary = f"{type(self.trainer.method).card.title}, {self.trainer.step:,} steps."
        listed = list_student(self.job.home.models, self.placed(), self.entry, summary)
        self.job.event(self.EVENT, id=listed)
        return listed

    def write(self, target: Path) -> None:
        request, method = self.request, type(self.trainer.method).card
        card = {
            "title": request.name, "objective": request.objective, "method": method.title, "paper": method.paper,
            "run": self.job.spec.id, "steps": self.trainer.step, "measured": self.row_at(self.trainer.step),
        }  # fmt: skip
        if self.studio.embedded is not None:
            card["embedded_guidance"] = self.studio.embedded
        self.lesson.save(target, self.studio.network, self.trainer.method, card)

    def found(self) -> Json:
        return {"measures": self.gallery.measures, "symptoms": self.vigil.to_json()}
