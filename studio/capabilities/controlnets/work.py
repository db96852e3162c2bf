"""Executing a ControlNet's training: a second encoder on the base, measured with its hint and without. In a worker."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from torch import Tensor

from studio.capabilities.controlnets.measure import HintMeasurement
from studio.capabilities.controlnets.request import ControlNetRequest
from studio.core.control_differences import Differences, hint_channels, trimmed
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.domains import domain_of
from studio.library import adapters, controlnets
from studio.library.measured_arms import Column
from studio.library.models import ModelEntry
from studio.methods.controlnets.controlnet import Hinted, HintedConfig
from studio.workshop.arms_measured import NAME, Arm, arms
from studio.workshop.material.hints import HintedItems
from studio.workshop.training.strips import Strip
from studio.workshop.training.with_and_without import Armed

SHOWN = 4  # scenes in a strip


class Hinting(Armed[ControlNetRequest]):
    """One run of the kind `controlnet`."""

    THING, EVENT, ROW, ROWS = "ControlNet", "controlnet", "agreement", "agreement"
    AIM = Column("the share of pictures that follow the hint", ("with", "agreement", "where"))
    bench: HintMeasurement | None = None

    def build(self) -> Hinted:
        request, domain = self.request, domain_of(self.entry.domain)
        self.data = HintedItems(
            self.model, domain, request.hint, self.material, seed=request.seed, n_items=request.n_scenes, say=self.preparing
        )
        return Hinted(HintedConfig.model_validate(request.settings), self.streams, self.model.trainable(), self.data)

    def prepare(self) -> None:
        if not self.entry.oracle_here:
            self.notice(f"{self.entry.id} has no oracle, so nothing is shown on the way and nothing is measured.")
            return
        domain, oracle = domain_of(self.entry.domain), self.job.tools.models.oracle(self.entry)
        shape, n = self.model.sample_shape, self.request.measure_seeds
        self.bench = HintMeasurement(self.request.hint, domain, shape, oracle, n, self.between)

    @property
    def channels(self) -> tuple[int, ...]:
        return hint_channels(self.data.halvings)

    def _tensors(self) -> dict[str, Tensor]:
        """What is shown, measured and saved."""
        return trimmed(self.taught("control", Differences).tensors(), self.request.keep)

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

    def strip(self, step: int) -> Strip | None:
        """Of every scene: its hint, the picture without it, the picture with it."""
        if self.bench is None:
            return None
        arm, models = self.alone
        bare = self._bare
        self._put_on(models)
        try:
            drawn = self.bench.draw(arm.hinted, models, len(bare))
        finally:
            self._take_off(models)
        columns, prompts = [self.bench.hints[: len(bare)], bare, drawn], self.bench.prompts[: len(bare)]
        return Strip(columns, arm.plan.steps, prompts, [0], {"columns": ["hint", "without", "with"]})

    @cached_property
    def _bare(self) -> Tensor:
        """What a strip shows without the hint."""
        assert self.bench is not None
        arm, models = self.alone
        return self.bench.draw(arm.plan, models, min(SHOWN, len(self.bench.prompts)))

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

    def students(self) -> list[ModelEntry]:
        """Those that have its architecture."""
        found = []
        for entry in super().students():
            if adapters.architecture(entry.folder) == adapters.architecture(self.entry.folder):
                found.append(entry)
            else:
                self.notice(f"{entry.id} has another architecture, so the ControlNet does not fit it.")
        return found

    def write(self, target: Path) -> None:
        card = {"title": self.request.called, "hint": self.request.hint, **self.origin(), "keep": self.request.keep,
                "created": self.created}  # fmt: skip
        self.model.control_files.write(target / controlnets.FILE, self._tensors(), self.channels, card)
        about = adapters.made_for(self.entry, self.job.spec.id)
        self.write_card(target, {**about, "card": {**card, "measured": self.final()}})  # figures are in card.json alone
