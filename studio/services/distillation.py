"""Executing a distillation: open the teacher, train, show and measure on the way, list the student. Runs in a worker.

Continues from `checkpoints/checkpoint.pt` of the run directory when there is one: a run that was killed at any moment and
continued gives the same weights as one that was not.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch

from studio.core.method import Method
from studio.core.parallel import join
from studio.core.trainer import Progress
from studio.methods.distill import METHODS
from studio.services.cautions import cautions
from studio.services.curves import Curves, Sink, TensorBoard, Trackio, finite
from studio.services.drawing import Studio
from studio.services.evidence import Evidence
from studio.services.gallery import Gallery
from studio.services.kinds.distill import DistillRequest
from studio.services.lessons import Lesson, open_lesson
from studio.services.run import LeftOff, Run, versions
from studio.services.students import list_student, save_student
from studio.services.symptoms import Vigil
from studio.services.together import make_trainer

REPORT_S, LONGEST_S = 0.25, 5.0  # between progress events, at the beginning and in a long run
WATCH_S = 5.0  # between looks for symptoms, besides those at every strip and measurement
SPEED = 0.95  # of the mean of seconds a step
_LEFT = {"stop": ("stopped", "Stopped"), "pause": ("paused", "Paused"), "": ("queued", "The worker was asked to leave")}


class Distillation:
    """One run of the kind `distill`, from its beginning or from where it was left off."""

    def __init__(self, request: DistillRequest, run: Run):
        self.request, self.job = request, run
        self.entry = run.registry.get(request.teacher)
        self.device = run.models.device
        self.notices: list[str] = []
        self.begun, self.said_at, self.pace = time.monotonic(), 0.0, 0.0
        self.last: dict[str, Any] = {}
        self.said = -1  # step of the last progress event
        self.watched_at = 0.0
        self.training = False  # the trainer is there
        self.came_from = 0  # step of the checkpoint this process began with

    def run(self) -> dict[str, Any]:
        self.job.gate.enter(self.job.check)
        with _one_sentence_for_memory():
            self._open()
            self.job.state("running", f"Continues from step {self.trainer.step:,}." if self.trainer.step else "")
            try:
                self._train()
                return self._conclude()
            finally:
                self.curves.close()
                self._tidy()
                gc.collect()  # networks hold on to one another; the next run needs the room

    # -- before ----------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Teacher, material, method, trainer; then the checkpoint, if there is one."""
        request = self.request
        config = METHODS.get(request.objective).Config.model_validate(request.settings)
        self.job.state("loading", f"Opening {self.entry.title}.")
        parallel = join(self.device)
        parallel.give({"run": str(self.job.folder)})
        self.lesson: Lesson = open_lesson(self.entry, request, self.job, self._preparing)
        trainer = make_trainer(request, self.lesson, self.job.folder, self.device, parallel)
        self.method: Method[Any] = trainer.method
        self._tidy()
        trainer.resume()
        card = type(self.method).card
        self.job.event("method", title=card.title, paper=card.paper, family=card.family)
        self.trainer, self.came_from = trainer, trainer.step
        self.studio = Studio(self.lesson, self.method, self.entry, self._between, self.device)
        self.curves = Curves(self.job.folder, request.steps, self.trainer.step)
        self.gallery = Gallery(self.job, self.studio, request.measure_samples, self.curves.forward, self.trainer.step)
        self.vigil = Vigil(self.gallery.said)
        self.notices += [symptom.text for symptom in self.vigil.said]
        self._open_sinks()
        if self.trainer.step == 0:
            for sentence in cautions(request.objective, config.model_dump(mode="json"), request.trainer):
                self._notice(sentence)

    def _open_sinks(self) -> None:
        makers: dict[str, Callable[[], Sink]] = {
            "tensorboard": lambda: TensorBoard(self.job.folder, self.trainer.step),
            "trackio": lambda: Trackio(f"{self.request.name}-{self.job.spec.id[-6:]}", self.curves.reached),
        }
        for name in self.request.sinks:
            if sentence := self.curves.open_sink(name, makers[name]):
                self._notice(sentence)

    def _notice(self, text: str) -> None:
        self.notices.append(text)
        self.job.notice(text)

    def _preparing(self, done: int, total: int) -> None:
        """While material is made (when data is first asked for): says how far, lets others use the device.

        Whoever asks to leave is heard where nothing would be lost; later on, when the step has come to its end.
        """
        if time.monotonic() - self.said_at > 1.0 or done == total:
            self.said_at = time.monotonic()
            if done < total or not self.training:
                self.job.state("loading", f"Preparing material: {done:,} of {total:,}.")
            else:
                self.job.state("running")
        self._between()
        if not self.training or self.trainer.step == self.came_from:
            self._leave_if_asked()

    def _leave_if_asked(self) -> None:
        if (reason := self._asked()) is not None:
            state, word = _LEFT[reason]
            raise LeftOff(state, f"{word} while material was prepared, at step {self.came_from:,}.")

    def _tidy(self) -> None:
        """Take away what a killed process, or a full disk, left half written."""
        for path in (self.job.folder / "checkpoints").glob(".*.tmp"):
            path.unlink(missing_ok=True)

    # -- the loop --------------------------------------------------------------------------------------------------

    def _asked(self) -> str | None:
        """Why to leave before the end: "stop", "pause", "" when this process must go, or None."""
        return self.job.asked() or ("" if self.job.leaving() else None)

    def _between(self) -> None:
        """Between two pieces of work: the device goes to whoever waits for it, and a cancel is heard."""
        self.job.gate.step(self.job.check)
        self.job.check()

    def _train(self) -> None:
        self.training = True
        self._look()
        for progress in self.trainer.run(lambda: self._asked() is not None):
            self._report(progress)
            if self.job.taken("save"):
                self.trainer.save()
                self.job.event("saved", step=self.trainer.step)
            if self.job.taken("sample"):
                self.gallery.strips(self.trainer.step)
            self._look()
            self._between()
        if self.last and self.last["step"] != self.said:
            self._say()
        if self.trainer.step < self.request.steps:
            state, word = _LEFT[self._asked() or ""]
            self.job.result(self._result())
            at = f"step {self.trainer.step:,} of {self.request.steps:,}"
            raise LeftOff(state, f"{word} at {at}; a checkpoint is saved.")

    def _look(self) -> None:
        """Strips and figures that are due at this step and not there yet."""
        step, last = self.trainer.step, self.trainer.step == self.request.steps
        shows, measures = self.request.samples_at, self.request.measures_at
        show = bool(shows) and (last or step % shows == 0) and not self.gallery.has_strips(step)
        measure = bool(measures) and (last or (step > 0 and step % measures == 0)) and not self.gallery.has_row(step)
        if show:
            self.gallery.strips(step)
        if measure:
            self.gallery.measure(step)
        if show or measure:
            self._watch()
        if measure:
            self.job.result(self._result())

    def _report(self, progress: Progress) -> None:
        self.pace = SPEED * self.pace + (1 - SPEED) * progress.seconds if self.pace else progress.seconds
        self.last = self.curves.add(progress.step, progress.losses, progress.log, progress.seconds)
        now = time.monotonic()
        # a run of days is said less often, so that its events stay a file one can read
        if now - self.said_at >= min(LONGEST_S, max(REPORT_S, (now - self.begun) / 1000)):
            self._say()
            if now - self.watched_at >= WATCH_S:
                self._watch()

    def _say(self) -> None:
        step, steps = self.trainer.step, self.request.steps
        self.said, self.said_at = step, time.monotonic()
        self.job.progress(
            step, steps, step=step, steps=steps, seconds_per_step=round(self.pace, 5), eta_s=round(self.pace * (steps - step), 1),
            losses=self.last["losses"], smooth=self.last["smooth"], log=self.last["log"], skipped=self.trainer.skipped,
            device=self.device, memory_bytes=_memory(self.device), waited_s=round(self.job.gate.waited_s, 2),
            sink_failures=self.curves.failures,
        )  # fmt: skip

    # -- symptoms --------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Say in words what goes wrong, once for each symptom."""
        self.watched_at = time.monotonic()
        found = self.vigil.look(Evidence(
            objective=self.request.objective, family=type(self.method).card.family,
            settings=self.method.config.model_dump(mode="json"), step=self.trainer.step, steps=self.request.steps,
            rows=self.curves.history.points, teacher=self.gallery.measures["teacher"],
            teacher_at={int(n): found for n, found in self.gallery.measures["teacher_at"].items()},
            measured=self.gallery.measures["rows"], contrast=self.gallery.contrast, skipped=self.trainer.skipped,
        ))  # fmt: skip
        for symptom in found:
            self.notices.append(symptom.text)
            self.job.event("notice", text=symptom.text, symptom=symptom.name, step=symptom.step, seen=symptom.seen,
                           remedy=symptom.remedy)  # fmt: skip
        if found:
            self.gallery.said = self.vigil.to_json()
            self.gallery.keep()
            self.job.result(self._result())

    # -- after -----------------------------------------------------------------------------------------------------

    def _conclude(self) -> dict[str, Any]:
        self.job.state("running", "Saving the student.")
        final = [row for row in self.gallery.measures["rows"] if row["step"] == self.request.steps]
        own = len(self.studio.recipe.timesteps)
        card = {
            "title": self.request.name, "objective": self.request.objective, "method": type(self.method).card.title,
            "paper": type(self.method).card.paper, "run": self.job.spec.id, "steps": self.request.steps,
            "measured": next((row for row in final if row["sampling_steps"] == own), None),
        }  # fmt: skip
        if self.studio.embedded is not None:
            card["embedded_guidance"] = self.studio.embedded
        models = self.job.folder.parents[1] / "models"
        name = save_student(models, self.request.name, self.job.spec.id, lambda target: self._write(target, card))
        if name != self.request.name:
            self._notice(f"The name {self.request.name} was taken meanwhile; the student is called {name}.")
        student = list_student(models, name, self.entry, f"{card['method']}, {self.request.steps:,} steps.")
        self.job.event("student", id=student)
        return self._result(student)

    def _write(self, target: Path, card: dict[str, Any]) -> None:
        self.lesson.save(target, self.studio.network, self.method, card)

    def _result(self, student: str | None = None) -> dict[str, Any]:
        skipped = self.trainer.skipped
        return {
            "request": self.request.model_dump(mode="json"), "student": student, "teacher": self.entry.id,
            "models": {self.entry.id: {"hash": self.lesson.hash, "title": self.entry.title}}, "step": self.trainer.step,
            "losses": finite(self.last["smooth"]) if self.last else {}, "measures": self.gallery.measures, "skipped": skipped,
            "sink_failures": self.curves.failures, "notices": self.notices, "symptoms": self.vigil.to_json(),
            "versions": versions(),
        }  # fmt: skip


@contextmanager
def _one_sentence_for_memory() -> Iterator[None]:
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise RuntimeError("The device ran out of memory; a smaller batch (with accumulate in its place) would fit.") from error


def _memory(device: str) -> int:
    """Bytes in use: of the GPU by this process at most so far, otherwise of the process now."""
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(device))
    return int(psutil.Process().memory_info().rss)
