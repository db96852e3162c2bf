"""One training run by several processes that a launcher started, on one machine or on several that share the data folder.

    accelerate launch --multi_gpu --num_processes 2 -m studio jobs run spec.yaml

The first process is the one that runs the job: it alone submits, reports, draws, measures, saves and lists the student.
The others come here, build the same networks from the run directory and do their share of every update (`core.parallel`).
Imports torch inside functions only.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from studio.capabilities.distill.request import DistillRequest
from studio.jobs.paths import Paths
from studio.jobs.run import read_spec
from studio.workshop.tools import Tools

WITHOUT_MPI = (
    "accelerate was asked for several processes and started one, which does all the work: on CPUs it leaves that to MPI. "
    "ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2 ... starts them without."
)

if TYPE_CHECKING:
    from studio.capabilities.distill.lesson import Lesson
    from studio.core.method import Method
    from studio.core.parallel import Parallel


def make_method(request: DistillRequest, lesson: Lesson, device: str, parallel: Parallel) -> Method:
    """The objective on its material; what this process has of the batch is its share.

    ValueError when settings do not fit, or the batch does not divide among the processes.
    """
    from studio.core.method import Streams
    from studio.core.parallel import divided
    from studio.methods.distill import METHODS

    objective = METHODS.get(request.objective)
    make: Callable[..., Method] = objective
    config = divided(objective.Config.model_validate(request.settings), parallel.share)
    return make(config, Streams(request.seed, device, parallel.share), lesson.teacher, lesson.material)


def launched() -> bool:
    """Whether this process is one of several that a launcher started."""
    return os.environ.get("WORLD_SIZE", "1") not in ("", "1")


def following() -> bool:
    """Whether it is another than the first of them."""
    return launched() and os.environ.get("RANK", "0") != "0"


@contextmanager
def leading(device: str | None) -> Iterator[None]:
    """Around what the first process does: at the end the others are sent home, also when they had nothing to do."""
    if "ACCELERATE_DYNAMO_BACKEND" in os.environ and "MASTER_PORT" in os.environ and not launched():
        print(WITHOUT_MPI, file=sys.stderr)
    try:
        yield
    except BaseException:
        _dismiss(device, meet=False)  # where nobody was met yet, the launcher ends the others
        raise
    _dismiss(device, meet=True)


def _dismiss(device: str | None, meet: bool) -> None:
    if not launched():
        return
    from studio.core import parallel
    from studio.workshop.open_models import pick_device

    if meet or parallel.joined():
        parallel.join(pick_device(device)).dismiss()


def follow(device: str | None) -> None:
    """Train along in whatever run the first process executes, until it says that all is done. Writes nothing."""
    from studio.core.parallel import join
    from studio.library.models import load_registry
    from studio.workshop.open_models import ModelCache, pick_device

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; what follows from it the first one says
    together = join(pick_device(device))
    models = ModelCache(together.device)
    while (task := together.wait()) is not None:
        folder = Path(task["run"])
        home = Paths(folder.parents[1])
        _train_along(folder, Tools(home, load_registry(home), models), together)
    together.dismiss()


def _train_along(folder: Path, tools: Tools, together: Parallel) -> None:
    from studio.capabilities.distill.lesson import open_lesson
    from studio.methods.distill import METHODS
    from studio.workshop.training.job import make_trainer

    METHODS.all()  # a module of objectives may bring the lesson they are taught in
    request = DistillRequest.model_validate(read_spec(folder).config, context={"registry": tools.registry})
    silent = _Quiet(folder, tools)
    lesson = open_lesson(tools.registry.get(request.teacher), request, silent, lambda done, total: None)
    trainer = make_trainer(request, make_method(request, lesson, together.device, together), folder, together.device, together)
    trainer.resume()
    for _ in trainer.run():
        pass


class _Quiet:
    """What a lesson asks of a run, without a log to write to."""

    def __init__(self, folder: Path, tools: Tools):
        self.folder, self.tools, self.home = folder, tools, tools.home
