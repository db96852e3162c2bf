"""A batch worker without models: claims distillations and writes what a real run writes, with scenes of the renderer.

For tests of the page only. It goes through the real job service and hears pause, stop, cancel, save and sample; losses,
figures and pictures are made up, the way they travel is not.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import numpy as np

from studio.capabilities.distill.request import DistillRequest
from studio.domains.media.image import jpeg_strip
from studio.domains.pocket import captions
from studio.domains.pocket.render import render
from studio.domains.pocket.scene import sample_scene
from studio.jobs.jobs import Jobs
from studio.jobs.locks import identity
from studio.jobs.run import Cancelled, LeftOff, Run
from studio.jobs.store import Row
from studio.library import costs
from studio.library.costs import Cost
from studio.library.curves import Curves
from studio.library.method_cards import objectives
from studio.library.models import load_registry
from studio.library.saving import list_student
from studio.workshop.open_models import ModelCache
from studio.workshop.tools import Tools
from tests.support.folders import pretended
from tests.support.method_catalogue import RECIPE
from tests.support.scripted_compare import interval

SIDE = 96
PROMPTS = tuple(captions.canonical(text) for text in captions.EXAMPLES[:4])
SAMPLED = (1, 4)  # step counts that are shown and measured
LEVELS = ((250, 0.41), (500, 1.2), (749, 3.3))  # (t, sigma / alpha) of the picture of beliefs
SYMPTOM = {"symptom": "diversity lost", "seen": "the student draws what the prompt says and varies less.",
           "remedy": "The hybrid gives part of it back for nothing."}  # fmt: skip


class ScriptedTraining(threading.Thread):
    """Runs until `stop()`; `step_s` seconds a training step. `fail_at`: the step at which runs fail, or None."""

    def __init__(self, jobs: Jobs, step_s: float = 0.0):
        super().__init__(name="scripted-training", daemon=True)
        self.jobs, self.step_s, self.fail_at, self._halt = jobs, step_s, None, threading.Event()
        self.me = identity()

    fail_at: int | None

    def run(self) -> None:
        while not self._halt.is_set():
            row = self.jobs.claim("batch", self.me)
            if row is None:
                time.sleep(0.05)
            else:
                self._serve(row)

    def stop(self) -> None:
        self._halt.set()
        self.join(10)

    def _serve(self, row: Row) -> None:
        run = Run(
            self.jobs.paths.run(row.id), Tools(self.jobs.paths, load_registry(self.jobs.paths), ModelCache("cpu")), owner=self.me
        )
        state, note = "done", ""
        try:
            run.state("loading", "Opening the teacher.")
            family = "distribution" if run.spec.config.get("objective") == "dmd2" else "trajectory"
            run.event("method", title="Scripted", paper="none", family=family)
            run.state("running", "")
            self._train(run)
        except Cancelled:
            state, note = "cancelled", "Cancelled; what was made is kept."
        except LeftOff as left:
            state, note = left.state, str(left)
        except ArithmeticError as error:
            state, note = "failed", str(error)
            run.log(f"ArithmeticError: {error}")
        run.state(state, note)
        if state == "done":
            self._remember(run)
        run.close()
        self.jobs.finish(row.id, state, note, self.me)

    def _remember(self, run: Run) -> None:
        asked = DistillRequest.model_validate(run.spec.config)
        entry, known = run.tools.registry.get(asked.teacher), objectives(self.jobs.paths, build=False)
        cost = Cost("cpu", 0.214, asked.steps, False, memory_bytes=812_000_000)
        costs.keep(self.jobs.paths, costs.priced("distill", asked, entry, known), cost)

    def _train(self, run: Run) -> None:
        config = run.spec.config
        steps, reached = config["steps"], run.folder / "checkpoints" / "step.json"
        reached.parent.mkdir(exist_ok=True)
        first = json.loads(reached.read_text()) if reached.exists() else 0
        every, rng, curves = max(1, steps // 10), np.random.default_rng(first), Curves(run.folder, steps, first - 1)
        for step in range(first, steps + 1):
            run.check()
            if self.fail_at is not None and step >= self.fail_at:
                raise ArithmeticError("The loss of student was not finite five times in a row.")
            if step % every == 0 or run.taken("sample"):
                self._strips(run, step, steps)
                self._beliefs(run, step, steps)
            if step and step % (2 * every) == 0:
                self._measure(run, step, steps)
            if step == steps // 2:
                said = f"At step {step:,}: {SYMPTOM['seen']} {SYMPTOM['remedy']}"
                run.event("notice", text=said, step=step, **SYMPTOM)
            if run.taken("save"):
                run.event("saved", step=step)
            if asked := run.asked():
                reached.write_text(json.dumps(step))
                words = {"pause": ("paused", "Paused"), "stop": ("stopped", "Stopped")}[asked]
                raise LeftOff(words[0], f"{words[1]} at step {step:,} of {steps:,}; a checkpoint is saved.")
            if step:
                loss = {"student": 0.4 + 0.6 * np.exp(-3 * step / steps), "fake": 0.21}
                noisy = {name: float(value * rng.lognormal(0, 0.25)) for name, value in loss.items()}
                log = {"normaliser": float(0.31 * rng.lognormal(0, 0.2)), "direction": float(0.8 * rng.lognormal(0, 0.1)),
                       "student/grad_norm": float(160 * rng.lognormal(0, 0.4)), "fake/grad_norm": 0.4,
                       "discriminator_right": 0.6}  # fmt: skip
                row = curves.add(step, noisy, log, 0.214)
                run.progress(step, steps, step=step, steps=steps, seconds_per_step=0.214, eta_s=0.214 * (steps - step),
                             losses=row["losses"], smooth=row["smooth"], log=row["log"], skipped=0, device="cpu",
                             memory_bytes=812_000_000, waited_s=3.2, sink_failures={})  # fmt: skip
            if self._halt.wait(self.step_s):
                raise LeftOff("queued", "The worker was asked to leave.")
        student = self._student(run)
        run.event("student", id=student)
        run.result({"request": config, "student": student, "teacher": config["teacher"], "step": steps, "notices": []})

    def _strips(self, run: Run, step: int, steps: int) -> None:
        shared: dict[str, Any] = {"count": 8, "size": SIDE, "prompts": list(PROMPTS), "seeds": [0, 1]}
        clean = self._scenes()
        if not (run.folder / "artifacts/strips/teacher.jpg").exists():
            name = run.artifact("artifacts/strips/teacher.jpg", jpeg_strip(clean))
            run.event("strip", arm="teacher", step=0, sampling_steps=25, strip=name, **shared)
        for n in SAMPLED:
            mix = step / steps * (0.7 + 0.3 * n / 4)
            noisy = (mix * clean + (1 - mix) * np.random.default_rng(0).integers(0, 255, clean.shape)).astype(np.uint8)
            name = run.artifact(f"artifacts/strips/{step:08d}/student-{n}.jpg", jpeg_strip(noisy))
            run.event("strip", arm="student", step=step, sampling_steps=n, strip=name, contrast=0.9 + 0.4 * mix, **shared)

    def _beliefs(self, run: Run, step: int, steps: int) -> None:
        """Two samples with three noise levels each: [8 columns, 3 rows · side, side, 3]."""
        rng, columns = np.random.default_rng(step), []
        for x in self._scenes()[::2][:2]:
            grey = np.full_like(x, 128)
            columns.append(np.concatenate([x, grey, grey]))
            for _, level in LEVELS:
                noised = (x + 128 * level * rng.normal(size=x.shape)).clip(0, 255)
                believed = [(x + (128 - x.astype(float)) * min(1.0, level / 4) * far) for far in (1.0, 1.5 - step / steps)]
                columns.append(np.concatenate([noised, *believed]).clip(0, 255).astype(np.uint8))
        name = run.artifact(f"artifacts/beliefs/{step:08d}.jpg", jpeg_strip(np.stack(columns)))
        run.event("triple", step=step, triple=name, of="student", rows=["noised", "teacher", "fake"], guidance=8.0,
                  columns=[{"t": t, "noise": level} for t, level in LEVELS], sampling_steps=4, prompts=list(PROMPTS[:2]), seed=0,
                  size=SIDE)  # fmt: skip

    @staticmethod
    def _scenes() -> np.ndarray:
        drawn = []
        for prompt in PROMPTS:
            for seed in (0, 1):
                scene = sample_scene(np.random.default_rng(seed), **captions.parse(prompt).stated)
                drawn.append(np.asarray(render(scene, SIDE)))
        return np.stack(drawn)

    @staticmethod
    def _measure(run: Run, step: int, steps: int) -> None:
        def figures(accuracy: float, diversity: float, distance: float) -> dict[str, Any]:
            return {"n": 128, "nfe": 4, "accuracy": interval(accuracy, 0.04, 128), "diversity": interval(diversity, 0.05, 128),
                    "fd_oracle": distance}  # fmt: skip

        if step == 2 * max(1, steps // 10):
            run.event("measure", arm="teacher", step=0, sampling_steps=25, measures=figures(0.97, 0.84, 4.2))
            run.event("measure", arm="teacher in few steps", step=0, sampling_steps=4, measures=figures(0.7, 0.8, 22.0))
        for n in SAMPLED:
            far = step / steps
            found = figures(0.3 + (0.5 + 0.03 * n) * far, 0.8 - 0.25 * far, 60 - 40 * far - n)
            run.event("measure", arm="student", step=step, sampling_steps=n, measures=found)

    def _student(self, run: Run) -> str:
        name, models = run.spec.config["name"], self.jobs.paths.models
        folder = models / "mine" / name
        pretended(folder)
        (folder / "recipe.json").write_text(RECIPE.model_copy(update={"teacher": run.spec.config["teacher"]}).model_dump_json())
        (folder / "card.json").write_text(json.dumps({"title": name, "run": run.spec.id}))
        return list_student(models, name, load_registry(self.jobs.paths).get(run.spec.config["teacher"]), "Made up by a test.")
