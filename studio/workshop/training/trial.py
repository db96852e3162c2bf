"""A few steps of a training, for what the whole of it would take. Saves and lists nothing."""

from __future__ import annotations

import gc
from collections.abc import Callable

from studio.library.costs import Cost
from studio.workshop.training.costing import cost_of
from studio.workshop.training.job import R, TrainingJob
from studio.workshop.training.loop import one_sentence_for_memory

IN_A_ROUND = 2  # updates of every round after the first, besides one that may prepare


def tried(job: TrainingJob[R], steps: int, most_s: float) -> Cost:
    """Opens a job, does so many steps of it (fewer where they take longer than most_s, two at least) and a few of every later
    round, a strip, and a measurement twice."""
    with one_sentence_for_memory():
        try:
            with job.clock.part("open"):
                job.open()
            job.trainer.folder, job.training = None, True
            _step(job, steps, most_s)
            at = job.trainer.step
            job.job.state("running", "Drawing a strip.")
            with job.clock.part("strip"):
                job.show(at)
            read = bool(job.request.measures_at) and not job.measured(at) and _measured(job, at)
            return cost_of(job, job.entry, job.base_hash, trial=True, ending=job.ending() if read else None)
        finally:
            if hasattr(job, "curves"):
                job.curves.close()
            gc.collect()


def _step(job: TrainingJob[R], steps: int, most_s: float) -> None:
    begun = job.clock.now()

    def enough() -> bool:
        late = job.clock.now() - begun > most_s
        return job.timed > steps or (job.timed > 2 and late)

    _until(job, enough)
    for start in job.trainer.starts[1:-1]:
        job.trainer.step, most = start, job.timed + 1 + IN_A_ROUND

        def seen(most: int = most) -> bool:
            return job.timed >= most

        _until(job, seen)


def _until(job: TrainingJob[R], enough: Callable[[], bool]) -> None:
    for progress in job.trainer.run(enough):
        job.stepped(progress)
        job.job.state("running", f"Step {progress.step:,}.")
        job.job.check()


def _measured(job: TrainingJob[R], step: int) -> bool:
    """Measure twice, with what is drawn once and without; whether there was anything to measure."""
    if not job.timed_measure(step):
        del job.clock.spent["first"], job.clock.times["first"]
        return False
    job.timed_measure(step)
    return True
