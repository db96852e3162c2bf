"""A training run in a worker, whatever is trained: open, continue, step, say, save, leave when asked, conclude.

Continues from `checkpoints/checkpoint.pt` of the run directory when there is one: a run that was killed at any moment and
continued gives the same weights as one that was not. What is opened, shown, measured and kept is a subclass's business.
"""

from __future__ import annotations

import gc
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import psutil
import torch

from studio.core.files import Json
from studio.core.trainer import Progress, Trainer
from studio.jobs.run import LEFT, LeftOff, Run
from studio.library.curves import Curves, Row, Sink, TensorBoard, Trackio
from studio.library.training_request import TrainingRequest
from studio.workshop.tools import Tools
from studio.workshop.training.clock import Clock
from studio.workshop.training.rounds import Rounds

REPORT_S, LONGEST_S = 0.25, 5.0  # between progress events, at the beginning and in a long run
WATCH_S = 5.0  # between looks for symptoms, besides those at every strip and measurement
SPEED = 0.95  # of the mean of seconds a step


R = TypeVar("R", bound=TrainingRequest)


class TrainingLoop(ABC, Generic[R]):
    """One run that trains, from its beginning or from where it was left off."""

    trainer: Trainer
    curves: Curves

    def __init__(self, request: R, run: Run[Tools]):
        self.request, self.job = request, run
        self.device = run.tools.models.device
        self.notices: list[str] = []
        self.begun, self.said_at, self.pace, self.timed = time.monotonic(), 0.0, 0.0, 0
        self.last: Row | None = None  # of the step before
        self.said = -1  # step of the last progress event
        self.watched_at = 0.0
        self.training = False  # the trainer is there
        self.came_from = 0  # step of the checkpoint this process began with
        self.reached = ""  # why the run ends before its last step
        self.clock = Clock(lambda: self.job.gate.waited_s)
        self.first_step_s = 0.0  # of the first update of this process, which may also prepare
        self.rounds = Rounds(lambda: self.trainer.starts)
        self.peak_bytes = 0  # of memory, as far as was looked

    def run(self) -> Json:
        self.job.gate.enter(self.job.check)
        with one_sentence_for_memory():
            with self.clock.part("open"):
                self.open()
            self.job.state("running", f"Continues from step {self.trainer.step:,}." if self.trainer.step else "")
            try:
                self._train()
                return self.conclude()
            finally:
                self.curves.close()
                self.remember()
                self._tidy()
                gc.collect()  # networks hold on to one another; the next run needs the room

    # -- what a subclass does ----------------------------------------------------------------------------------------

    @abstractmethod
    def open(self) -> None:
        """Open what is needed, build the method and its trainer, and `begin(trainer)`."""

    @abstractmethod
    def show(self, step: int) -> None:
        """Draw the pictures of this step, where there are any."""

    @abstractmethod
    def shown(self, step: int) -> bool:
        """Whether they are there."""

    @abstractmethod
    def measure(self, step: int) -> bool:
        """Take and keep the figures of this step; whether there were any to take."""

    @abstractmethod
    def measured(self, step: int) -> bool:
        """Whether they are there."""

    @abstractmethod
    def conclude(self) -> Json:
        """Save and list what was trained; the result."""

    @abstractmethod
    def result(self) -> Json:
        """The result as far as it is."""

    def enough(self) -> str:
        """Why the run may end at this step, from what was measured at it; "" while it goes on."""
        return ""

    def remember(self) -> None:
        """Keep what the run took, when it ends or is left."""

    def watch(self) -> None:
        """Look for symptoms; nothing by default."""

    # -- before ------------------------------------------------------------------------------------------------------

    def begin(self, trainer: Trainer) -> None:
        """Take up the checkpoint, if there is one; say what is taught, and open the curves."""
        self._tidy()
        trainer.resume()
        card = type(trainer.method).card
        self.job.event("method", title=card.title, paper=card.paper, family=card.family)
        self.trainer, self.came_from = trainer, trainer.step
        self.curves = Curves(self.job.folder, self.request.steps, self.trainer.step)
        makers: dict[str, Callable[[], Sink]] = {
            "tensorboard": lambda: TensorBoard(self.job.folder, self.trainer.step),
            "trackio": lambda: Trackio(f"{self.request.name}-{self.job.spec.id[-6:]}", self.curves.reached),
        }
        for name in self.request.sinks:
            if sentence := self.curves.open_sink(name, makers[name]):
                self.notice(sentence)

    def notice(self, text: str) -> None:
        self.notices.append(text)
        self.job.notice(text)

    def preparing(self, done: int, total: int, stage: str = "") -> None:
        """While material is made (when data is first asked for): says how far, lets others use the device.

        Whoever asks to leave is heard where nothing would be lost; later on, when the step has come to its end. stage: as of
        `Making`.
        """
        self.clock.making(done, total, stage)
        if time.monotonic() - self.said_at > 1.0 or done == total:
            self.said_at = time.monotonic()
            if done < total or not self.training:
                self.job.state("loading", f"Preparing material: {done:,} of {total:,}.")
            else:
                self.job.state("running")
        self.between()
        if not self.training or self.trainer.step == self.came_from:
            self._leave_if_asked()

    def _leave_if_asked(self) -> None:
        if (why := self.job.to_leave()) is not None:
            state, word = why
            raise LeftOff(state, f"{word} while material was prepared, at step {self.came_from:,}.")

    def _tidy(self) -> None:
        """Take away what a killed process, or a full disk, left half written."""
        for path in (self.job.folder / "checkpoints").glob(".*.tmp"):
            path.unlink(missing_ok=True)

    # -- the loop --------------------------------------------------------------------------------------------------

    @property
    def last_step(self) -> int:
        """The step at which the run ends, as far as is known now."""
        return self.trainer.step if self.reached else self.request.steps

    def heard(self) -> None:
        """After the last step, between two measurements: whoever asks to stop or pause is heard, and nothing is lost."""
        if (why := self.job.to_leave()) is not None:
            raise LeftOff(why[0], f"Trained to the end, step {self.trainer.step:,}; measuring goes on when it is resumed.")

    def between(self) -> None:
        """Between two pieces of work: the device goes to whoever waits for it, and a cancel is heard."""
        self.job.gate.step(self.job.check)
        self.job.check()

    def _train(self) -> None:
        self.training = True
        self._look()
        for progress in self.trainer.run(lambda: bool(self.reached) or self.job.to_leave() is not None):
            self._report(progress)
            if self.job.taken("save"):
                self.trainer.save()
                self.job.event("saved", step=self.trainer.step)
            if self.job.taken("sample"):
                self.show(self.trainer.step)
            self._look()
            self.between()
        if self.reached:
            self._end_early()
        if self.last and (self.reached or self.last["step"] != self.said):
            self._say()
        if self.trainer.step < self.last_step:
            state, word = self.job.to_leave() or LEFT[""]
            self.job.result(self.result())
            at = f"step {self.trainer.step:,} of {self.request.steps:,}"
            raise LeftOff(state, f"{word} at {at}; a checkpoint is saved.")

    def _look(self) -> None:
        """Strips and figures that are due at this step and not there yet."""
        step, last = self.trainer.step, self.trainer.step == self.request.steps
        shows, measures = self.request.samples_at, self.request.measures_at
        show = bool(shows) and (last or step % shows == 0) and not self.shown(step)
        measure = bool(measures) and (last or (step > 0 and step % measures == 0)) and not self.measured(step)
        if show:
            with self.clock.part("strip"):
                self.show(step)
        taken = measure and self.timed_measure(step)
        if show or taken:
            self._watched()
        if taken:
            self.job.result(self.result())
        if self.request.goal is not None and not last and self.measured(step):
            self.reached = self.enough()

    def timed_measure(self, step: int) -> bool:
        """The first measurement of a process also draws what later ones are compared with."""
        with self.clock.part("again" if "first" in self.clock.times else "first"):
            taken = self.measure(step)
        self.peak_bytes = max(self.peak_bytes, _memory(self.device))
        return taken

    def _end_early(self) -> None:
        """Say why, and show what came of it. A run that is taken up again here finds the same reason in its figures."""
        step = self.trainer.step
        self.notice(f"It ended at step {step:,} of {self.request.steps:,}: {self.reached}.")
        if self.request.samples_at and not self.shown(step):
            self.show(step)

    def stepped(self, progress: Progress) -> None:
        """Take the time and the memory of an update."""
        self.timed += 1  # the first update also prepares, so the second one stands alone for the pace
        self.first_step_s = progress.seconds if self.timed == 1 else self.first_step_s
        self.rounds.add(progress)
        self.pace = progress.seconds if self.timed <= 2 else SPEED * self.pace + (1 - SPEED) * progress.seconds
        self.peak_bytes = max(self.peak_bytes, _memory(self.device))

    def _report(self, progress: Progress) -> None:
        self.stepped(progress)
        self.last = self.curves.add(progress.step, progress.losses, progress.log, progress.seconds)
        now = time.monotonic()
        # a run of days is said less often, so that its events stay a file one can read
        if now - self.said_at >= min(LONGEST_S, max(REPORT_S, (now - self.begun) / 1000)):
            self._say()
            if now - self.watched_at >= WATCH_S:
                self._watched()

    def _say(self) -> None:
        assert self.last is not None, "there is something to say after a step"
        step, steps = self.trainer.step, self.last_step
        self.said, self.said_at = step, time.monotonic()
        self.job.progress(
            step,
            steps,
            step=step,
            steps=steps,
            seconds_per_step=round(self.pace, 5),
            eta_s=round(self.pace * (steps - step), 1),
            losses=self.last["losses"],
            smooth=self.last["smooth"],
            log=self.last["log"],
            skipped=self.trainer.skipped,
            device=self.device,
            memory_bytes=_memory(self.device),
            waited_s=round(self.job.gate.waited_s, 2),
            sink_failures=self.curves.failures,
        )

    def _watched(self) -> None:
        self.watched_at = time.monotonic()
        self.watch()


@contextmanager
def one_sentence_for_memory() -> Iterator[None]:
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise RuntimeError("The device ran out of memory; a smaller batch (with accumulate in its place) would fit.") from error


def _memory(device: str) -> int:
    """Bytes in use: of the GPU by this process at most so far, otherwise of the process now."""
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(device))
    return int(psutil.Process().memory_info().rss)
