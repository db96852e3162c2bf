"""Workers of the laboratory without models: studies with made-up readings, and the exact mixture as it is.

For tests of the page only. A study concludes on half of its seeds, waits for `go`, and then on all of them; it hears pause,
stop and cancel. What it writes was concluded by the study itself (`lab_data`).
"""

from __future__ import annotations

import threading
import time

from studio.jobs.jobs import Jobs
from studio.jobs.locks import identity
from studio.jobs.run import Cancelled, LeftOff, Run
from studio.jobs.store import Row
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from studio.workshop.tools import Tools
from tests.support import lab_data

TOTAL = 4800


class ScriptedLab(threading.Thread):
    """Serves both lanes until `stop()`. Studies do not get past their first half before `go` is set."""

    def __init__(self, jobs: Jobs):
        super().__init__(name="scripted-lab", daemon=True)
        self.jobs, self.go, self._halt, self.me = jobs, threading.Event(), threading.Event(), identity()
        self.known = lab_data.registry(jobs.paths.root)

    def run(self) -> None:
        threading.Thread(target=self._sliders, name="scripted-sliders", daemon=True).start()
        while not self._halt.wait(0.03):
            if (row := self.jobs.claim("batch", self.me)) is not None:
                self._serve(row)

    def _sliders(self) -> None:
        while not self._halt.wait(0.02):
            if (row := self.jobs.claim("interactive", self.me)) is not None:
                state, note = run_job(self.jobs.paths.run(row.id), models=ModelCache("cpu"), registry=self.known, owner=self.me)
                self.jobs.finish(row.id, state, note, self.me)

    def stop(self) -> None:
        self._halt.set()
        self.join(10)

    def _serve(self, row: Row) -> None:
        run = Run(self.jobs.paths.run(row.id), Tools(self.jobs.paths, self.known, ModelCache("cpu")), owner=self.me)
        state, note = "done", ""
        try:
            run.state("running")
            self._study(run)
        except Cancelled:
            state, note = "cancelled", "Cancelled; what was finished is kept."
        except LeftOff as left:
            state, note = left.state, str(left)
        run.state(state, note)
        run.close()
        self.jobs.finish(row.id, state, note, self.me)

    def _study(self, run: Run) -> None:
        config = run.spec.config
        changes = {k: config[k] for k in ("name", "settings")}
        run.progress(0, TOTAL, eta_s=90.0, computed=0, reused=0, device="cpu")
        half = lab_data.result(config["study"], self.known, seeds=4, **changes)
        run.result(half | {"request": config})
        run.event("concluded", seeds=4, of=config["seeds"])
        while not self.go.is_set():
            run.check()
            if asked := run.asked():
                words = {"pause": ("paused", "Paused"), "stop": ("stopped", "Stopped")}[asked]
                raise LeftOff(words[0], f"{words[1]} at 2,400 of 4,800 network evaluations; what was drawn is kept.")
            run.progress(TOTAL // 2, TOTAL, eta_s=45.0, computed=2000, reused=400, device="cpu")
            if self._halt.wait(0.1):
                raise LeftOff("queued", "The worker was asked to leave.")
        run.result(lab_data.result(config["study"], self.known, seeds=config["seeds"], **changes) | {"request": config})
        run.progress(TOTAL, TOTAL, eta_s=0.0, computed=4100, reused=700, device="cpu")
        time.sleep(0.05)
