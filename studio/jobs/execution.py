"""Executing one run: the whole of it, whoever calls.

A worker calls `execute`, and so do tests, the command line and whoever else holds a run directory; the process around it only
decides who calls.
"""

from __future__ import annotations

import logging
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from studio.core.explain import disk_full, explain, out_of_memory
from studio.core.files import Json
from studio.jobs.device_gate import Gate
from studio.jobs.kinds import KINDS
from studio.jobs.locks import identity
from studio.jobs.run import Cancelled, LeftOff, Run
from studio.jobs.stock import Relieving, Tools


def execute(
    folder: Path,
    tools: Tools,
    *,
    owner: Json | None = None,
    leaving: Callable[[], bool] = lambda: False,
    told: Callable[[str], None] = lambda state: None,
    awaited: Callable[[], bool] = lambda: False,
    locks: Path | None = None,
) -> tuple[str, str]:
    """Execute the run in `folder`; returns (state, note), which its events also say. Never raises for the job's faults.

    `leaving` says whether the process was asked to end: a run that can be continued then saves and goes back to the
    queue. `told` is called when the state changes. `awaited` says whether a run waits for the end of this one. `locks` is a
    folder for device locks where the data folder's say nothing about the devices, as on another machine that shares it.
    """
    run = Run(folder, tools, owner=owner or identity(), leaving=leaving, told=told, awaited=awaited)
    if locks is not None:
        run.gate = Gate(locks, tools.device)
    try:
        with _log_to(folder / "log.txt"):
            state, note = _execute(run)
        with suppress(OSError):  # a full disk: whoever called says it in the log later (`Jobs.finish`)
            run.state(state, note)
        return state, note
    finally:
        run.close()


def _execute(run: Run[Tools]) -> tuple[str, str]:
    resumable, request_of = False, None
    try:
        run.check()
        kind = KINDS.get(run.spec.kind)
        resumable, request_of = kind.resumable, kind.config
        run.state("loading", "Opening models.")
        run.write_env(run.tools.device)
        request = kind.config.model_validate(run.spec.config, context=run.tools.context())
        # Whoever trains shares the device step by step; an interactive request has it from beginning to end.
        with nullcontext() if resumable or run.spec.lane == "batch" else run.gate.first(run.check):
            result = kind.run(request, run)
        run.result(result)
        return "done", ""
    except Cancelled:
        return "cancelled", "Cancelled; what was finished is kept."
    except LeftOff as left:
        return left.state, left.note
    except Exception as error:
        with suppress(OSError):  # a full disk is what may have failed
            run.log(traceback.format_exc())
        if resumable and disk_full(error):
            return "paused", "The disk is full, so this run was paused; free some space and resume it: nothing saved was lost."
        note = explain(error, request_of)
        if out_of_memory(error) and isinstance(run.tools, Relieving):
            traceback.clear_frames(error.__traceback__)  # whose variables hold what is to be given back
            note = f"{note} {run.tools.relieve()}"
        return "failed", note


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Send log records and warnings to the run's own log while it executes."""
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root, show = logging.getLogger(), warnings.showwarning

    def to_log(message: object, category: type[Warning], *_: object, **__: object) -> None:
        logging.getLogger("warnings").warning("%s: %s", category.__name__, message)

    root.addHandler(handler)
    warnings.showwarning = to_log
    try:
        yield
    finally:
        warnings.showwarning = show
        root.removeHandler(handler)
        handler.close()
