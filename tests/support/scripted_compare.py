"""A worker without models: claims comparisons and scrub runs and writes what a real run writes, with scenes of the renderer.

For tests of the page only. It goes through the real job service (claim, event log, run directory), so the page
cannot tell; the pictures are renders, the figures are those in `FIGURES`.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import numpy as np

from studio.core.files import atomic_write
from studio.domains.media.image import jpeg_strip, png_bytes
from studio.domains.pocket import captions
from studio.domains.pocket.render import render
from studio.domains.pocket.scene import sample_scene
from studio.jobs.jobs import Jobs
from studio.jobs.locks import identity
from studio.jobs.run import Cancelled, Run
from studio.jobs.store import Row
from studio.library.draw_request import label
from studio.library.models import load_registry
from studio.workshop.open_models import ModelCache
from studio.workshop.tools import Tools
from tests.support import scripted_scrub

SIDE = 128
# arm -> (diversity, its half interval, accuracy, NFE per image, seconds per image, FD-oracle)
FIGURES = {
    "teacher": (0.84, 0.06, 0.97, 50, 1.31, 4.2),
    "teacher-unguided": (0.90, 0.05, 0.81, 25, 0.66, 6.0),
    "student": (0.47, 0.09, 0.96, 4, 0.11, 19.7),
    "hybrid-1": (0.73, 0.08, 0.95, 4, 0.11, 8.1),
    "hybrid-2": (0.77, 0.07, 0.93, 4, 0.11, 7.9),
    "hybrid-3": (0.79, 0.07, 0.90, 4, 0.11, 9.3),
    "skip-first": (0.75, 0.08, 0.91, 3, 0.08, 9.9),
    "student-first": (0.49, 0.09, 0.95, 4, 0.11, 18.8),
}
SENTENCE = "The {name} recovers {value:.0f} % [{low:.0f}–{high:.0f}] of the diversity the student lost, at {cost:.2f}× its cost."


def interval(value: float, half: float, n: int) -> dict[str, Any]:
    return {"value": value, "low": max(0.0, value - half), "high": min(1.0, value + half), "n": n, "note": ""}


def measures(arm: str, n: int) -> dict[str, Any]:
    diversity, half, accuracy, _, _, distance = FIGURES.get(arm, FIGURES["student"])
    return {
        "diversity": interval(diversity, half, n),
        "accuracy": interval(accuracy, 0.05, n),
        "in_distribution": interval(0.98, 0.03, n),
        "world_diversity": 0.86,
        "fd_oracle": distance,
    }


class ScriptedWorker(threading.Thread):
    """Runs until `stop()`; `step_s` seconds per sampling step, so that tests can watch or interrupt a run."""

    def __init__(self, jobs: Jobs, step_s: float = 0.05):
        super().__init__(name="scripted-worker", daemon=True)
        self.jobs, self.step_s, self._halt = jobs, step_s, threading.Event()
        self.me = identity()

    def run(self) -> None:
        while not self._halt.is_set():
            self._beat("ready", "Waiting for a run.")
            row = self.jobs.claim("interactive", self.me)
            if row is None:
                time.sleep(0.05)
            else:
                self._serve(row)

    def stop(self) -> None:
        self._halt.set()
        self.join(10)
        self.jobs.paths.lane("interactive", "json").unlink(missing_ok=True)

    def _beat(self, state: str, note: str) -> None:
        beat = {"worker": self.me, "state": state, "note": note, "time": time.time(), "device": "cpu",
                "models": ["test/teacher", "test/dmd2"], "run": None}  # fmt: skip
        atomic_write(self.jobs.paths.lane("interactive", "json"), json.dumps(beat), durable=False)

    def _serve(self, row: Row) -> None:
        run = Run(
            self.jobs.paths.run(row.id), Tools(self.jobs.paths, load_registry(self.jobs.paths), ModelCache("cpu")), owner=self.me
        )
        self._beat("busy", "Drawing.")
        state, note = "done", ""
        try:
            run.state("loading", "Opening models.")
            run.state("running", "")
            if row.kind == "scrub":
                scripted_scrub.serve(run, lambda: self.step_s)
            elif "prompt" in run.spec.config:
                self._draw(run)
            else:
                state, note = "failed", "Only comparisons and scrubs are scripted."
        except Cancelled:
            state, note = "cancelled", "Cancelled; what was finished is kept."
        run.state(state, note)
        run.close()
        self.jobs.finish(row.id, state, note, self.me)

    def _draw(self, run: Run) -> None:
        config = run.spec.config
        notice = captions.parse(config["prompt"]).notice()
        if notice:
            run.notice(notice)
        steps = {arm: config["teacher_steps"] if arm.startswith("teacher") else 3 if arm == "skip-first" else 4
                 for arm in config["arms"]}  # fmt: skip
        total, done, n = sum(steps.values()) * len(config["seeds"]), 0, len(config["seeds"])
        finished: list[dict[str, Any]] = []
        for arm in config["arms"]:
            stated = captions.parse(config["prompt"]).stated
            final = np.stack([self._scene(arm, seed, stated) for seed in config["seeds"]])
            noise = np.random.default_rng(0).integers(0, 255, final.shape)
            for step in range(steps[arm]):
                run.check()
                if self._halt.wait(self.step_s):
                    raise Cancelled
                done += n
                mix = (step + 1) / steps[arm]
                strip = jpeg_strip((mix * final + (1 - mix) * noise).astype(np.uint8))
                name = run.artifact(f"artifacts/previews/{arm}-{step + 1}.jpg", strip)
                run.event("preview", arm=arm, step=step + 1, steps=steps[arm], t=0.0, level=1 - mix, model="test/dmd2",
                          strip=name, size=SIDE, count=n)  # fmt: skip
                run.progress(done, total, arm=arm, step=step + 1, steps=steps[arm], eta_s=(total - done) / n * self.step_s)
            images = []
            for seed, pixels in zip(config["seeds"], final, strict=True):
                carried = {"run": run.spec.id, "request": config, "arm": arm, "seed": seed, "models": {}, "versions": {}}
                path = run.artifact(f"artifacts/{arm}/{seed}.png", png_bytes(pixels, carried))
                run.event("image", arm=arm, seed=seed, path=path)
                images.append({"seed": seed, "path": path})
            figures = FIGURES.get(arm, FIGURES["student"])
            entry = {"arm": arm, "label": arm, "nfe": figures[3], "seconds_per_image": figures[4], "measures": measures(arm, n)}
            run.event("arm", **entry)
            finished.append(entry | {"seconds": figures[4] * n, "images": images})
            run.result({"request": config, "arms": finished, "recovery": [], "notices": []})
        run.result({"request": config, "arms": finished, "recovery": self._recovery(config["arms"]), "notices": []})

    @staticmethod
    def _scene(arm: str, seed: int, stated: dict[str, str]) -> np.ndarray:
        fixed = dict(stated)
        if arm in ("student", "student-first"):
            fixed |= {"position": "left", "size": "medium", "horizon": "middle", "companion": "none"} | stated
        rng = np.random.default_rng([seed, len(arm) if arm.startswith("hybrid") else 0])
        return np.asarray(render(sample_scene(rng, **fixed), SIDE))

    @staticmethod
    def _recovery(arms: list[str]) -> list[dict[str, Any]]:
        found = []
        if {"teacher", "student"} <= set(arms):
            for arm in (a for a in arms if a.startswith(("hybrid", "skip"))):
                value = 100 * (FIGURES[arm][0] - 0.47) / (0.84 - 0.47)
                name = label(arm)
                text = SENTENCE.format(name=name, value=value, low=value - 13, high=value + 12, cost=FIGURES[arm][3] / 4)
                found.append({"arm": arm, "value": value / 100, "low": 0.5, "high": 0.9, "holds": "holds", "sentence": text})
        return found
