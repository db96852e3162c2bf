"""Executing an unlearning: a change that makes a model forget, measured on it, on its family and on a hybrid. In a worker."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn

from studio.capabilities.unlearn import walls
from studio.capabilities.unlearn.measure import ForgettingMeasurement
from studio.capabilities.unlearn.request import MEASURED_SEED, UnlearnRequest
from studio.core.denoiser import Denoiser
from studio.core.domain import Said
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.lowrank import LayerChange
from studio.core.method import Method
from studio.domains import domain_of
from studio.domains.media import medium_of
from studio.library.concepts import listed
from studio.library.measured_arms import Column
from studio.methods.unlearn import UNLEARN
from studio.methods.unlearn.forgetting import Forgetting
from studio.workshop.arms_measured import Arm
from studio.workshop.held_out import reference
from studio.workshop.judge import Judge, open_judge
from studio.workshop.material.forgotten import ForgottenMaterial
from studio.workshop.training.strips import Strip
from studio.workshop.training.with_and_without import OnFamily

SHOWN = (2, 2)  # prompts with the concept, and others, of a strip
KINDS_OF_WORDS = {"in plain words": "plain", "in other words": "other_words"}
SHOWN_SEEDS = (0, 1)  # of each


class Unlearning(OnFamily[UnlearnRequest]):
    """One run of the kind `unlearn`."""

    THING, EVENT, ROW, ROWS = "forgetting", "adapter", "unlearned", "forgotten"
    AIM: ClassVar[Column | None] = Column(
        "the share of the concept's pictures that no longer show it, in the words that still show it most,", ("least_forgotten",)
    )
    bench: ForgettingMeasurement | None = None

    def load(self) -> None:
        """A closed form takes one update, whatever was asked for."""
        chosen = UNLEARN.get(self.request.chosen(self.entry))
        if issubclass(chosen, Forgetting) and chosen.closed_form:
            often = {"measure_every": min(1, self.request.measures_at), "sample_every": min(1, self.request.samples_at)}
            self.request = self.request.model_copy(update={"steps": 1, **often})
        super().load()

    def build(self) -> Method:
        request, entry = self.request, self.entry
        self.domain = domain_of(entry.domain)
        chosen = UNLEARN.get(request.chosen(entry))
        make: Callable[..., Method] = chosen
        config = chosen.Config.model_validate(request.settings)
        plan = self.alone[0].plan
        how = (self.material, self.preparing, self.between, self._teacher)
        matter = ForgottenMaterial(self.model, self.domain, plan, request.pairs(entry), request.staying(entry), *how)
        return make(config, self.streams, self.model.trainable_under_adapter(), matter)

    def _teacher(self) -> Denoiser:
        entry = self.job.tools.registry.pair(self.entry.id).teacher
        return self.job.tools.models.whole(entry).trainable_under_adapter()

    def prepare(self) -> None:
        models, request, entry = self.job.tools.models, self.request, self.entry
        oracle = models.oracle(entry) if entry.oracle_here and self.domain.has_world else None
        keep = models.keep
        world = None
        if oracle is not None:
            world = reference(oracle, self.domain, lambda name, make, size: keep(name, (id(oracle),), make, size))
        judge = Judge() if oracle is not None else open_judge(models)
        wanted, n = request.concepts(entry), request.measure_seeds
        self.bench = ForgettingMeasurement(
            self.domain, wanted, listed(request.keep), oracle, judge, n, world, self.between, MEASURED_SEED
        )

    @property
    def learned(self) -> LayerChange:
        found = self.taught("forgetting", nn.Module)
        assert isinstance(found, LayerChange)
        return found

    # -- on the way ------------------------------------------------------------------------------------------------

    def strip(self, step: int) -> Strip:
        """Rows: prompts with the concept, then others; beside each the untouched model on the same seed."""
        said = {"columns": ["untouched", "asked to forget"], "rows": [line.text for line in self._shown]}
        drawn = self._bare if step == 0 else self.drawn(self._shown, SHOWN_SEEDS, self.learned)
        return Strip([self._bare, drawn], self.alone[0].plan.steps, [line.text for line in self._shown], SHOWN_SEEDS, said)

    @property
    def _shown(self) -> list[Said]:
        assert self.bench is not None
        return [*self.bench.forget[: SHOWN[0]], *self.bench.staying[: SHOWN[1]]]

    @cached_property
    def _bare(self) -> Tensor:
        return self.drawn(self._shown, SHOWN_SEEDS, None)

    # -- measured --------------------------------------------------------------------------------------------------

    def compared(self, arm: Arm, models: dict[str, OpenModel]) -> Json:
        assert self.bench is not None
        row = self.bench.measure(arm, models, self.learned)
        if arm.name == self.alone[0].name:
            self._keep_wall(self.bench.blocks())
        return row

    def _keep_wall(self, found: list[walls.Block]) -> None:
        """What was measured of the model itself, before and after."""
        step = self.trainer.step
        self.job.event("wall", step=step, blocks=walls.kept(found, medium_of(self.domain), self.job.artifact, step))

    def headline(self, row: Json) -> dict[str, float]:
        apart = {f"hit {kind}": (row.get(place) or {}).get("after") for kind, place in KINDS_OF_WORDS.items()}
        found = {"hit": row["hit"], **apart, "others": row["damage"]["kept"], "moved": row["moved"]}
        return {f"measure/{name}": float(one["value"]) for name, one in found.items() if one and one["value"] is not None}

    # -- after -----------------------------------------------------------------------------------------------------

    def write(self, target: Path) -> None:
        request = self.request
        asked = {"forget": request.forget, "becomes": request.becomes, "keep": request.keep}
        more = {"settings": {**asked, **self.origin()["settings"]}, "measured": {"forgotten": self.final()}}
        self.write_edit(self.learned.edit(self.edit_card(kind="forgetting", attribute=request.forget, **more)), target)

    def found(self) -> Json:
        wanted = [vars(one) for one in self.request.concepts(self.entry)]
        return {"method": self.request.chosen(self.entry), "concepts": wanted, **super().found()}
