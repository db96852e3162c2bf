"""Executing a distillation: open the teacher, train, show and measure on the way, list the student. Runs in a worker."""

from __future__ import annotations

from pathlib import Path

from studio.capabilities.distill.cautions import cautions
from studio.capabilities.distill.evidence import Evidence
from studio.capabilities.distill.lesson import Lesson, open_lesson
from studio.capabilities.distill.processes import make_trainer
from studio.capabilities.distill.progress import TrainingPictures
from studio.capabilities.distill.request import DistillRequest
from studio.capabilities.distill.student_preview import StudentPreview
from studio.capabilities.distill.symptoms import Vigil
from studio.core.files import Json
from studio.core.parallel import join
from studio.jobs.run import Run, versions
from studio.library.curves import finite
from studio.library.saving import list_student, save_student
from studio.methods.distill import METHODS
from studio.workshop.tools import Tools
from studio.workshop.training.job import Training


class Distillation(Training[DistillRequest]):
    """One run of the kind `distill`."""

    def __init__(self, request: DistillRequest, run: Run[Tools]):
        super().__init__(request, run)
        self.entry = run.tools.registry.get(request.teacher)

    def open(self) -> None:
        """Teacher, material, method, trainer; then the checkpoint, if there is one."""
        request = self.request
        config = METHODS.get(request.objective).Config.model_validate(request.settings)
        self.job.state("loading", f"Opening {self.entry.title}.")
        parallel = join(self.device)
        parallel.give({"run": str(self.job.folder)})
        self.lesson: Lesson = open_lesson(self.entry, request, self.job, self.preparing)
        trainer = make_trainer(request, self.lesson, self.job.folder, self.device, parallel)
        self.begin(trainer)
        self.studio = StudentPreview(self.lesson, trainer.method, self.entry, self.between, self.device)
        self.gallery = TrainingPictures(self.job, self.studio, request.measure_samples, self.curves.forward, trainer.step)
        self.vigil = Vigil(self.gallery.said)
        self.notices += [symptom.text for symptom in self.vigil.said]
        if trainer.step == 0:
            for sentence in cautions(request.objective, config.model_dump(mode="json"), request.trainer):
                self.notice(sentence)

    # -- on the way ------------------------------------------------------------------------------------------------

    def show(self, step: int) -> None:
        self.gallery.strips(step)

    def shown(self, step: int) -> bool:
        return self.gallery.has_strips(step)

    def measure(self, step: int) -> None:
        self.gallery.measure(step)

    def measured(self, step: int) -> bool:
        return self.gallery.has_row(step)

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

    def conclude(self) -> Json:
        self.job.state("running", "Saving the student.")
        final = [row for row in self.gallery.measures["rows"] if row["step"] == self.request.steps]
        own = len(self.studio.recipe.timesteps)
        card = {
            "title": self.request.name, "objective": self.request.objective, "method": type(self.trainer.method).card.title,
            "paper": type(self.trainer.method).card.paper, "run": self.job.spec.id, "steps": self.request.steps,
            "measured": next((row for row in final if row["sampling_steps"] == own), None),
        }  # fmt: skip
        if self.studio.embedded is not None:
            card["embedded_guidance"] = self.studio.embedded
        models = self.job.home.models
        name = save_student(models, self.request.name, self.job.spec.id, lambda target: self._write(target, card))
        if name != self.request.name:
            self.notice(f"The name {self.request.name} was taken meanwhile; the student is called {name}.")
        student = list_student(models, name, self.entry, f"{card['method']}, {self.request.steps:,} steps.")
        self.job.event("student", id=student)
        return self.result(student)

    def _write(self, target: Path, card: Json) -> None:
        self.lesson.save(target, self.studio.network, self.trainer.method, card)

    def result(self, student: str | None = None) -> Json:
        skipped = self.trainer.skipped
        return {
            "request": self.request.model_dump(mode="json"), "student": student, "teacher": self.entry.id,
            "models": {self.entry.id: {"hash": self.lesson.hash, "title": self.entry.title}}, "step": self.trainer.step,
            "losses": finite(self.last["smooth"]) if self.last else {}, "measures": self.gallery.measures, "skipped": skipped,
            "sink_failures": self.curves.failures, "notices": self.notices, "symptoms": self.vigil.to_json(),
            "versions": versions(),
        }  # fmt: skip
