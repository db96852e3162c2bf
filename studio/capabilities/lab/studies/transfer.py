"""The transfer board: sliders trained on one model, applied to others.

Statements S8 to S10: a slider trained on the base moves the student as far (Gandikota & Bau 2025, arXiv 2503.10637, section 3
and table 1), the other way round it works but weaker, and directions found in the base's samples act on the student.
Every model is sampled as it is meant to be, the adapter on for all of its steps; strength 1 is the adapter's calibrated unit.
Where an oracle reads, slopes are of the attribute that an adapter names; elsewhere of what a judge (`workshop.judge`) sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from studio.capabilities.lab.studies import STUDIES
from studio.capabilities.lab.studies.base import Data, Json, Study, StudyCard, StudyConfig
from studio.library.adapter_effects import moved
from studio.library.models import FAMILY
from studio.sampling.plan import Plan

if TYPE_CHECKING:
    from studio.library.adapters import AdapterEntry

MAX_STRENGTH = 3.0
PUBLISHED = {
    "what": "change of the CLIP score in per cent, edited against original, of adapters trained on SDXL base",
    "source": "Gandikota & Bau, arXiv 2503.10637 v4, table 1",
    "models": ["base", "DMD", "LCM", "Turbo", "Lightning"],
    "rows": {
        "slider: age": [20.4, 17.8, 27.1, 19.0, 24.8], "slider: smile": [19.7, 21.4, 19.5, 33.5, 14.0],
        "slider: muscular": [34.6, 26.7, 33.8, 39.0, 33.2], "customised: lego": [32.2, 26.8, 26.0, 30.3, 29.7],
        "customised: watercolor": [34.3, 31.4, 29.6, 27.5, 39.2], "customised: crayon": [32.7, 27.8, 24.7, 29.5, 32.5],
        "SliderSpace: 1st": [29.3, 28.1, 24.1, 27.7, 22.4], "SliderSpace: 16th": [32.9, 32.0, 33.4, 28.1, 29.9],
        "SliderSpace: 32nd": [30.7, 28.9, 29.3, 30.5, 31.4],
    },
}  # fmt: skip


class TransferConfig(StudyConfig):
    adapters: tuple[str, ...] = Field((), max_length=12, description="Ids; empty is every slider shipped for these models.")
    strengths: tuple[float, ...] = Field(
        (-1.0, -0.5, 0.5, 1.0), min_length=2, max_length=8, description="In calibrated units; 0 is always drawn."
    )
    others: bool = Field(True, description="Also the teacher's other students.")
    k: int = Field(1, ge=1, le=50, title="Base steps k", description="Base steps of the hybrid.")


@STUDIES.add("transfer")
class Transfer(Study[TransferConfig]):
    card = StudyCard(
        title="Does control transfer?",
        question="Does a slider trained on one model move the others as far, and what else does it disturb?",
        how="Each slider at several strengths on teacher, students and hybrid; slopes of what it is meant to move, "
        "and what it moves besides.",
        statements=("S8", "S9", "S10"),
    )
    Config = TransferConfig
    needs_oracle = False

    def plans(self) -> list[Plan]:
        bare, sliders = self._bare(), self.sliders()
        steps = sorted(set(self.config.strengths) - {0.0})
        if any(abs(s) > MAX_STRENGTH for s in steps):
            raise ValueError(f"A strength of {max(steps, key=abs):g} does not fit; −{MAX_STRENGTH:g} to {MAX_STRENGTH:g} would.")
        if sum(abs(s) <= 1 for s in steps) < 2:
            raise ValueError("A slope needs at least two strengths of 1 or less besides 0, such as −1 and 1.")
        dressed = [
            plan.model_copy(update={"name": arm(entry.id, s, plan.name), "segments": _with(plan, entry, s)})
            for entry in sliders
            for plan in bare
            for s in steps
        ]
        return [*bare, *dressed]

    def _bare(self) -> list[Plan]:
        """The models, each as it is sampled without any adapter; named by their ids, and the hybrid."""
        s = self.setting
        found = [s.reference(name=s.teacher.id), s.alone(name=s.student.id)]
        if self.config.others:
            found += [s.of(entry).alone(name=entry.id) for entry in s.siblings]
        if s.points >= self.config.k:
            found.append(s.hybrid(self.config.k, name="hybrid"))
        return found

    def sliders(self) -> list[AdapterEntry]:
        """Those that are asked for. ValueError in one sentence where one does not fit these models or moves nothing known."""
        s, known = self.setting, self.setting.adapters
        models = [s.teacher, s.student, *(s.siblings if self.config.others else ())]
        if not self.config.adapters:
            shipped = [e for e in known.entries.values() if not e.id.startswith(f"{FAMILY}/")]  # the same for everybody
            found = [e for e in shipped if self._readable(e) and all(map(e.fits, models))]
            if not found:
                raise ValueError(f"No slider is shipped for {s.teacher.id}; name your own among the adapters, or train one.")
            return found
        found = [known.get(name) for name in dict.fromkeys(self.config.adapters)]
        for entry in found:
            for model in models:
                if problem := entry.misfit(model):
                    raise ValueError(problem)
            if not self._readable(entry):
                raise ValueError(f"{entry.id} moves no attribute that can be read, so it has no slope to compare.")
        return found

    def _readable(self, entry: AdapterEntry) -> bool:
        """Whether what it does can be read: an oracle knows attributes and its own directions, a judge takes anything."""
        return not self.setting.student.has_oracle or moved(entry) is not None

    # -- what follows ------------------------------------------------------------------------------------------------

    def conclude(self, data: Data) -> Json:
        from studio.metrics.transfer import board

        names = [plan.name for plan in self._bare()]
        sliders = []
        for entry in self.sliders():
            read = self._read_by(data, entry)
            fits = [prompt for prompt in data.readings if not set(read["attribute"].factors) & set(data.stated[prompt])]
            cells = {name: self._readings(data, entry.id, name, fits) for name in names}
            sliders.append({
                "id": entry.id, "title": entry.title, "base": entry.base, "kind": entry.card.get("kind", "slider"),
                **read, "cells": cells, "prompts": fits,
            })  # fmt: skip
        found: Json = board(sliders, names, data.stated, data.factors, self.setting.domain.identity)
        return found | {"published": PUBLISHED}

    @staticmethod
    def _read_by(data: Data, entry: AdapterEntry) -> Json:
        """What is measured of a slider, as the board wants it."""
        if data.judge is None:
            return {"attribute": moved(entry)}
        from studio.library.meant import meant

        return data.judge.measure(meant(entry.card)).slider()

    def _readings(self, data: Data, adapter: str, model: str, prompts: Sequence[str]) -> Mapping[float, Mapping[str, Any]]:
        """strength -> prompt -> rows."""
        steps = sorted({*self.config.strengths, 0.0})
        return {s: {prompt: data.readings[prompt][arm(adapter, s, model) if s else model] for prompt in prompts} for s in steps}


def arm(adapter: str, strength: float, model: str) -> str:
    return f"{adapter} {strength:+g} on {model}"


def _with(plan: Plan, entry: AdapterEntry, strength: float) -> tuple[Any, ...]:
    """The segments with the adapter on, at so many of its calibrated units."""
    on = ((entry.id, strength * entry.calibration),)
    return tuple(segment.model_copy(update={"adapters": on}) for segment in plan.segments)
