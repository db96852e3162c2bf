"""Draws a model with an adapter at several strengths, on fixed prompts and seeds, and reads what it moved. In a worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from studio.capabilities.sliders.task import Seen, SliderTask
from studio.core.domain import as_written, beside
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.lowrank import Adapter
from studio.core.recipe import Recipe
from studio.domains import domain_of
from studio.library.models import ModelEntry
from studio.metrics.calibration import shifts, summary
from studio.metrics.readings import accepted, correct
from studio.sampling import plan as plans
from studio.sampling.plan import Plan
from studio.sampling.prompts import encode_once
from studio.workshop.draw import draw
from studio.workshop.judge import Sight
from studio.workshop.projection import projected

STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)
TEACHER_STEPS = 10  # enough to tell what a picture shows
FIRST_SEED = 1000  # of the measured pictures


class SliderMeasurement:
    """between: called after every network evaluation. seeds: pictures a prompt and strength."""

    def __init__(self, stage: SliderTask, between: Callable[[], None], seeds: int):
        self.stage, self.between, self.seeds = stage, between, seeds
        self._seen: tuple[tuple[str, int], dict[float, Seen]] = ("", -1), {}  # of one model at one step by scale

    def plan(self, entry: ModelEntry, model: OpenModel) -> Plan:
        """A student on its recipe; a teacher in few steps."""
        if entry.role == "student":
            return plans.student_plan(entry.id, Recipe.model_validate(entry.recipe))
        steps = min(TEACHER_STEPS, entry.sampling.steps)
        return plans.teacher_plan(entry.id, entry.timesteps(steps), entry.sampling.rule, entry.guidance)

    def draw(
        self, model: OpenModel, entry: ModelEntry, adapter: Adapter, scale: float, prompts: Sequence[str], seeds: Sequence[int]
    ) -> Tensor:
        """Decoded samples [N, *sample shape] with the adapter at a scale; prompt i goes with seed i."""
        domain = domain_of(entry.domain)
        said, plan = as_written(domain, prompts), self.plan(entry, model)
        conds, project = encode_once({entry.id: model}, said), projected(domain, said)
        with model.under(adapter, scale):
            drawn = draw(plan, {entry.id: model}, conds, seeds, model.shape, lambda _: self.between(), project)
        return model.decode(drawn, beside(said))

    def measure(
        self,
        model: OpenModel,
        entry: ModelEntry,
        adapter: Adapter,
        step: int,
        scale: float,
        strengths: Sequence[float] = STRENGTHS,
    ) -> Json:
        """`summary` at strengths that stand for multiples of `scale`, with "moved": how far other factors' frequencies
        are apart between the lowest and the highest strength."""
        prompts = [prompt for prompt in self.stage.prompts for _ in range(self.seeds)]
        seen = [self._read(model, entry, adapter, step, scale * s, prompts) for s in strengths]
        right = torch.stack([self._right(readings) for readings in seen])
        amounts = torch.stack(
            [self._amount(readings, seen[list(strengths).index(0.0)], s) for readings, s in zip(seen, strengths, strict=True)]
        )
        seeds = torch.arange(self.seeds).repeat(len(self.stage.prompts))  # the same noise for every prompt
        found = summary(strengths, amounts, right, torch.stack([accepted(readings) for readings in seen]), seeds)
        if self.stage.world is None:  # nobody reads whether prompts are followed, or which pictures are good ones
            found["points"] = [{**point, "accuracy": None, "in_distribution": None} for point in found["points"]]
            found["accuracy_change"] = None
        others = {name: value for name, value in shifts(seen[0], seen[-1]).items() if name not in self.stage.moved}
        return {**found, "sampling_steps": self.plan(entry, model).steps, "moved": others}

    def _read(
        self, model: OpenModel, entry: ModelEntry, adapter: Adapter, step: int, scale: float, prompts: Sequence[str]
    ) -> Seen:
        key, scale = (entry.id, step), round(scale, 6)
        if self._seen[0] != key:
            self._seen = (key, {})
        if scale not in self._seen[1]:
            seeds = list(range(FIRST_SEED, FIRST_SEED + self.seeds)) * len(self.stage.prompts)
            samples = self.draw(model, entry, adapter, scale, prompts, seeds)
            assert self.stage.oracle is not None, "what nobody can read is not measured"
            self._seen[1][scale] = self.stage.oracle.read(samples)
        return self._seen[1][scale]

    def _amount(self, readings: Seen, still: Seen, strength: float) -> Tensor:
        """[N] of readings at a strength; `still` are those at strength 0."""
        if self.stage.measure is None:
            return self.stage.amount(readings)
        found: Tensor = self.stage.measure.amounts(readings.features, still.features, strength)
        return found.float()

    def _right(self, readings: Seen) -> Tensor:
        """bool [N]: whether every factor that its prompt states, and the slider leaves alone, is shown."""
        world = self.stage.world
        if world is None:
            return torch.ones(len(self.stage.prompts) * self.seeds, dtype=torch.bool)
        assert not isinstance(readings, Sight), "a judge reads where no world is known"
        rows = []
        for i, prompt in enumerate(self.stage.prompts):
            mine = readings.rows(torch.arange(i * self.seeds, (i + 1) * self.seeds))
            stated = {name: value for name, value in world.read(prompt).stated.items() if name not in self.stage.moved}
            shown = list(correct(mine, stated, world.factors).values())
            rows.append(torch.stack(shown).all(0) if shown else torch.ones(self.seeds, dtype=torch.bool))
        return torch.cat(rows)
