"""What a student's teacher is in a personalization of the student: at hand for methods, and itself taught by some of them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from studio.capabilities.personalize.measure import Worn
from studio.capabilities.personalize.request import PersonalizeRequest
from studio.core.edit import EditCard
from studio.core.family import OpenModel
from studio.core.method import Method
from studio.jobs.run import Run
from studio.library.models import FAMILY, ModelEntry
from studio.library.saving import save_student
from studio.library.subjects import Subject
from studio.methods.personalize.relatives import TeachesTheTeacher
from studio.workshop.arms_measured import Arm, arms
from studio.workshop.material.untouched_student import TeacherAtHand
from studio.workshop.tools import Tools
from studio.workshop.training.job import write_adapter

LONGEST = 40  # of names


class TaughtTeacher:
    """entry: of the student."""

    def __init__(self, job: Run[Tools], request: PersonalizeRequest, entry: ModelEntry, subject: Subject):
        self.job, self.request, self.student, self.subject = job, request, entry, subject

    @cached_property
    def entry(self) -> ModelEntry:
        return self.job.tools.registry.pair(self.student.id).teacher

    @cached_property
    def model(self) -> OpenModel:
        return self.job.tools.models.whole(self.entry)

    def at_hand(self) -> TeacherAtHand:
        """ValueError in one sentence where it cannot be opened."""
        folder = self.job.home.material(self.entry.id, self.model.hash)
        return TeacherAtHand(self.model, folder, arms(self.entry, [])[0].plan, self.subject.word, self.request.rows)

    def taught(self, method: Method) -> dict[str, str]:
        """What a method teaches the teacher: trained network -> what it is, in words."""
        return method.teachers if isinstance(method, TeachesTheTeacher) else {}

    def arm_name(self, name: str) -> str:
        return f"teacher, {name}"

    def arms(self, method: Method) -> list[Arm]:
        """The teacher with each adapter of its own."""
        found = []
        for name, title in self.taught(method).items():
            plan = arms(self.entry, [])[0].plan
            found.append(Arm(self.arm_name(name), f"{self.entry.title}, {title}", plan, plan, self.entry.id))
        return found

    def learned_of(self, arm: Arm, method: Method) -> str:
        """The trained network that such an arm wears; "" where it wears the student's."""
        return next((name for name in self.taught(method) if self.arm_name(name) == arm.name), "")

    def keep(self, worn: Worn, card: EditCard) -> str:
        """List an adapter of the teacher beside the student's; its id. card: of the student's, with its own figures."""
        of_teacher = {"base": self.entry.id, "base_hash": self.model.hash, "title": f"{card.title}, teacher"}
        edit = worn.edit(card.model_copy(update=of_teacher))
        about = [self.subject.word]

        def write(target: Path) -> None:
            write_adapter(self.model, self.entry, edit, target, words=about, run=self.job.spec.id)

        name = f"{self.request.name[: LONGEST - len('-teacher')]}-teacher"
        return f"{FAMILY}/{save_student(self.job.home.root / self.request.HOME, name, self.job.spec.id, write)}"
