"""Executing a ControlNet's training: open the base, train, show and measure on the way, measure everywhere, list. In a worker."""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch
from torch import Tensor

from studio.capabilities.controlnets.measure import HintMeasurement
from studio.capabilities.controlnets.request import TRAINER, ControlNetRequest
from studio.core.control_differences import Differences, hint_channels, trimmed
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.method import Streams
from studio.core.trainer import Trainer, TrainerConfig
from studio.domains import domain_of
from studio.domains.media.image import jpeg_strip, pixels, small
from studio.jobs.run import Run, versions
from studio.library import adapters, controlnets
from studio.library.curves import finite
from studio.library.models import ModelEntry
from studio.methods.controlnets.controlnet import Hinted, HintedConfig
from studio.workshop.arms_measured import NAME, Arm, arms
from studio.workshop.material.hints import HintedItems
from studio.workshop.tools import Tools
from studio.workshop.training.with_and_without import Armed

SHOWN = 4  # scenes in a strip


class Hinting(Armed[ControlNetRequest]):
    """One run of the kind `controlnet`."""

    THING, EVENT = "ControlNet", "agreement"
    bench: HintMeasurement | None = None

    def __init__(self, request: ControlNetRequest, run: Run[Tools]):
        super().__init__(request, run)
        self._bare: Tensor | None = None  # what the strip shows without the hint

    def open(self) -> None:
        request, entry = self.request, self.entry
        self.job.state("loading", f"Opening {entry.title}.")
        self.model = self.job.tools.models.model(entry)
        folder = self.job.home.cache / "material" / f"{entry.id.replace('/', '-')}-{self.model.hash}"
        domain = domain_of(entry.domain)
        self.data = HintedItems(
            self.model, domain, request.hint, folder, seed=request.seed, n_items=request.n_scenes, say=self.preparing
        )
        config = HintedConfig.model_validate(request.settings)
        method = Hinted(config, Streams(request.seed, self.device), self.model.trainable(), self.data)
        settings = TrainerConfig.model_validate({**TRAINER, **request.trainer, "steps": request.steps})
        self.begin(Trainer(method, settings, self.job.folder / "checkpoints", self.device))
        if entry.oracle_here:
            oracle = self.job.tools.models.oracle(entry)
            shape, n = self.model.sample_shape, request.measure_seeds
            self.bench = HintMeasurement(request.hint, domain, shape, oracle, n, self.between)
        else:
            self.notice(f"{entry.id} has no oracle, so nothing is shown on the way and nothing is measured.")
        self.recall()

    @property
    def differences(self) -> Differences:
        """As they are now: averaged weights where the method averages."""
        found = self.trainer.method.emas.get("control") or self.trainer.method.trained["control"].module
        assert isinstance(found, Differences)
        return found

    @property
    def channels(self) -> tuple[int, ...]:
        return hint_channels(self.data.halvings)

    def _tensors(self) -> dict[str, Tensor]:
        """What is shown, measured and saved."""
        return trimmed(self.differences.tensors(), self.request.keep)

    def _put_on(self, models: dict[str, OpenModel]) -> None:
        """The ControlNet as it is now, in half precision as its file will be, on opened models."""
        tensors = {key: value.half().float() for key, value in self._tensors().items()}
        for model in models.values():
            self._take_off({"": model})
            model.take_control(NAME, self.model.control_files.of(tensors, self.channels))

    @staticmethod
    def _take_off(models: dict[str, OpenModel]) -> None:
        for model in models.values():
            if NAME in model.control_names:
                model.unload_control(NAME)

    # -- on the way ------------------------------------------------------------------------------------------------

    @staticmethod
    def _strip(step: int) -> str:
        return f"artifacts/strips/{step:08d}/controlnet.jpg"

    def shown(self, step: int) -> bool:
        return self.bench is None or (self.job.folder / self._strip(step)).exists()

    def show(self, step: int) -> None:
        """Of every scene: its hint, the picture without it, the picture with it."""
        if self.bench is None:
            return
        arm, models = arms(self.entry, [])[0], {self.entry.id: self.model}
        n = min(SHOWN, len(self.bench.prompts))
        if self._bare is None:
            self._bare = self.bench.draw(arm.plan, models, n)
        self._put_on(models)
        try:
            drawn = self.bench.draw(arm.hinted, models, n)
        finally:
            self._take_off(models)
        images = torch.stack([self.bench.hints[:n], self._bare, drawn], 1).flatten(0, 1)
        images = small(images)
        name = self.job.artifact(self._strip(step), jpeg_strip(pixels(images)))
        self.job.event(
            "strip",
            arm="controlnet",
            step=step,
            sampling_steps=arm.plan.steps,
            strip=name,
            count=len(images),
            size=int(images.shape[-1]),
            prompts=self.bench.prompts[:n],
            seeds=[0],
            columns=["hint", "without", "with"],
        )

    def arms(self, students: list[ModelEntry]) -> list[Arm]:
        return arms(self.entry, students)

    def compared(self, arm: Arm, models: dict[str, OpenModel]) -> Json:
        assert self.bench is not None
        self._put_on(models)
        try:
            return self.bench.measure(arm, models)
        finally:
            self._take_off(models)

    def headline(self, row: Json) -> dict[str, float]:
        return {"measure/where": row["with"]["agreement"]["where"]["value"] or 0.0}

    # -- after -----------------------------------------------------------------------------------------------------

    def conclude(self) -> Json:
        self.measure_all()
        return self.result(self.listed("controlnets", self.THING, "controlnet", self._write))

    def students(self) -> list[ModelEntry]:
        """Those that have its architecture."""
        found = []
        for entry in super().students():
            if adapters.architecture(entry.folder) == adapters.architecture(self.entry.folder):
                found.append(entry)
            else:
                self.notice(f"{entry.id} has another architecture, so the ControlNet does not fit it.")
        return found

    def _write(self, target: Path) -> None:
        card = self._card()
        brief = {name: value for name, value in card.items() if name != "measured"}  # figures are in card.json alone
        self.model.control_files.write(target / controlnets.FILE, self._tensors(), self.channels, brief)
        about = {"run": self.job.spec.id, "domain": self.entry.domain, "size": self.entry.size,
                 "architecture": adapters.architecture(self.entry.folder), "card": card}  # fmt: skip
        (target / controlnets.CARD).write_text(json.dumps(about, indent=1, allow_nan=False) + "\n")

    def _card(self) -> Json:
        request = self.request
        return {
            "title": request.title or request.name, "hint": request.hint, "base": self.entry.id, "base_hash": self.model.hash,
            "method": type(self.trainer.method).card.title, "steps": request.steps, "seed": request.seed,
            "settings": self.trainer.method.config.model_dump(mode="json"), "keep": request.keep,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.job.spec.created)),
            "measured": self.final(),
        }  # fmt: skip

    def result(self, controlnet: str | None = None) -> Json:
        return {
            "request": self.request.model_dump(mode="json"), "controlnet": controlnet, "base": self.entry.id,
            "models": {self.entry.id: {"hash": self.model.hash, "title": self.entry.title}}, "step": self.trainer.step,
            "losses": finite(self.last["smooth"]) if self.last else {}, "agreement": self.rows,
            "skipped": self.trainer.skipped, "sink_failures": self.curves.failures, "notices": self.notices,
            "versions": versions(),
        }  # fmt: skip
