"""Executing a personalization to one picture: an adapter that knows it by heart, and edits of it drawn in three ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from studio.capabilities.personalize.edits import EditMeasurement, Picture, Ways
from studio.capabilities.personalize.request import prompts_of
from studio.capabilities.personalize.work import Personalizing
from studio.core.domain import Said
from studio.core.edit import Edit
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.medium import with_parts
from studio.domains.media import medium_of
from studio.library.picture_pairs import read_picture, read_whole
from studio.library.subjects import Subject
from studio.methods.personalize.sine import SineConfig
from studio.workshop.arms_measured import Arm
from studio.workshop.material.patches import LARGEST, Patched, boxes_of, encoded_parts
from studio.workshop.material.words import Pictured
from studio.workshop.projection import noise_of
from studio.workshop.training.strips import Strip

SHOWN_SEEDS = (0,)
MOST_SHOWN = 3  # edits of a strip


class EditingOne(Personalizing):
    """One run of the kind `personalize` by the method `sine`."""

    ROW, ROWS, AIM = "edited", "edited", None

    @cached_property
    def config(self) -> SineConfig:
        return SineConfig.model_validate(self.request.settings)

    def wanted(self) -> Subject:
        """The picture alone, of a subject that may have more."""
        whole = super().wanted()
        return replace(whole, pictures=(whole.pictures[self.config.picture - 1],), held=())

    def shots(self, lines: Sequence[Sequence[Said]]) -> Pictured:
        if self.config.mode == "whole":
            return super().shots(lines)
        medium, (file,), config = with_parts(medium_of(self.domain)), self.subject.pictures, self.config
        sample = read_whole(file)
        boxes = boxes_of(medium, sample, config.patches, config.least)
        name = f"patches-{self.subject.digest}-{config.patches}-{config.least:g}-{LARGEST:g}.safetensors"
        path = self.material / name

        def parts() -> Tensor:
            return encoded_parts(path, self.model, medium, sample, boxes, self._staged("patches"))

        noise = noise_of(self.domain, self.model.shape)
        return Patched(self._encoded, lines, noise, self.device, parts, boxes, medium.extent(sample))

    def prepare(self) -> None:
        models = self.job.tools.models
        oracle = models.oracle(self.entry) if self.entry.oracle_here and self.domain.has_world else None
        self.edits = [self.domain.read(text) for text in prompts_of(self.config.edits)]
        picture, n = self._picture(self.model), self.request.measure_seeds
        self.editing = EditMeasurement(self.domain, oracle, picture, n, self.between)

    @property
    def readable(self) -> bool:
        return bool(self.edits)

    def _picture(self, model: OpenModel) -> Picture:
        (file,), side = self.subject.pictures, model.sample_shape[-1]
        latents = model.to_latents(read_picture(file, side)[None])
        sample, (line,) = model.decode(latents, {}).cpu(), self.subject.lines(self.subject.word)
        mask = self.subject.masks.get(file.name)
        covered = torch.zeros(sample.shape[2:]) if mask is None else read_picture(mask, side)[0]
        source = Said(line, given=self.domain.read("").given)
        return Picture(sample, covered < 0.5, {self.entry.id: latents}, source)

    def edit(self) -> Edit:
        """What is taught as it is now, with its word."""
        config = self.config
        source = self.editing.picture.source.text
        settings = {"subject": self.subject.id, "rows": self.request.rows, **self.origin()["settings"]}
        known = {"kind": "subject", "attribute": self.subject.title, "mode": config.mode, "prompts": (source,)}
        card = self.edit_card(**known, settings=settings, measured={"edited": self.final()})
        return self.worn().edit(card)

    # -- on the way --------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Nothing of it can diverge."""

    def strip(self, step: int) -> Strip:
        """Rows: the picture's own prompt, then edits; of each the picture, and what is drawn in each way."""
        (plain,) = self.subject.lines(self.subject.noun)
        shown = [replace(self.editing.picture.source, text=plain), *self.edits[:MOST_SHOWN]]
        said = [line for line in shown for _ in SHOWN_SEEDS]
        arm, models = self.alone
        plans, edit = self._ways.plans(arm.plan, self.editing.picture.source.text), self.edit()
        seeds = list(SHOWN_SEEDS) * len(shown)
        drawn = [self.editing.drawn(plan, models, edit, said, seeds) for _, _, plan in plans]
        picture = self.editing.picture.sample.expand(len(said), *self.editing.picture.sample.shape[1:])
        about = {"columns": ["the picture", *self._ways.titles], "rows": ["its own prompt", *(line.text for line in shown[1:])]}
        return Strip([picture, *drawn], arm.plan.steps, [line.text for line in shown], SHOWN_SEEDS, about)

    @property
    def _ways(self) -> Ways:
        return Ways(self.config.betas, self.config.above, self.config.noised)

    # -- measured ----------------------------------------------------------------------------------------------------

    def compared(self, arm: Arm, models: dict[str, OpenModel]) -> Json:
        picture = self.editing.picture
        begun = {name: picture.latents.get(name, self._picture(model).latents[self.entry.id]) for name, model in models.items()}
        self.editing.picture = replace(picture, latents={**picture.latents, **begun})
        rows = self.editing.measure(arm.plan, models, self.edit(), self.edits, self._ways)
        return {**arm.said, "edits": rows}

    def headline(self, row: Json) -> dict[str, float]:
        mixed = [one for one in row["edits"] if one["way"] == "mixed"]
        found = {"measure/background": [one["background"]["value"] for one in mixed]}
        found["measure/attributes"] = [one["attributes"]["value"] for one in mixed if one["attributes"]]
        return {name: sum(values) / len(values) for name, values in found.items() if values}

    def write(self, target: Path) -> None:
        self.write_edit(self.edit(), target, words=[self.subject.word])

    def found(self) -> Json:
        return {self.ROWS: self.rows, "word": self.subject.word, "subject": self.subject.id, "method": "sine",
                "mode": self.config.mode, "source": self.editing.picture.source.text,
                "ways": {"betas": list(self.config.betas), "above": self.config.above, "noised": self.config.noised}}  # fmt: skip
