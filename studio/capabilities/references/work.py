"""Executing a training of references: what reads them, measured with right ones, with wrong ones and without. In a worker."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from torch import Tensor

from studio.capabilities.references.measure import ReferenceMeasurement, Trials
from studio.capabilities.references.request import ReferencesRequest
from studio.core.edit import Edit
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.references import of_reader
from studio.domains import domain_of
from studio.library.measured_arms import Column
from studio.methods.references.attributes import Attributes, AttributesConfig, Learned
from studio.workshop.arms_measured import Arm
from studio.workshop.material.references import SharedAttributes
from studio.workshop.training.strips import Strip
from studio.workshop.training.with_and_without import OnFamily

SHOWN = 4  # prompts in a strip


class Referring(OnFamily[ReferencesRequest]):
    """One run of the kind `references`."""

    THING, EVENT, ROW, ROWS = "adapter", "adapter", "referred", "referred"
    AIM = Column("the share of pictures that show the attribute of their reference", ("all", "shown"))
    bench: ReferenceMeasurement | None = None

    @property
    def attributes(self) -> tuple[str, ...]:
        return self.request.attributes or tuple(domain_of(self.entry.domain).factors)

    def build(self) -> Attributes:
        request, domain = self.request, domain_of(self.entry.domain)
        data = SharedAttributes(
            self.model,
            domain,
            self.attributes,
            self.material,
            seed=request.seed,
            n_items=request.n_scenes,
            say=self.preparing,
        )
        config = AttributesConfig.model_validate(request.settings)
        return Attributes(config, self.streams, self.model.trainable_under_adapter(), data)

    def prepare(self) -> None:
        if not self.entry.oracle_here:
            self.notice(f"{self.entry.id} has no oracle, so nothing is shown on the way and nothing is measured.")
            return
        oracle = self.job.tools.models.oracle(self.entry)
        domain, shape, n = domain_of(self.entry.domain), self.model.sample_shape, self.request.measure_seeds
        self.bench = ReferenceMeasurement(self.attributes, domain, shape, oracle, n, self.between)

    def _edit(self) -> Edit:
        """What was learned so far."""
        reader = self.taught("reader", Learned).reader
        card = self.edit_card(kind="references", attributes=self.attributes)
        return Edit({}, card, references=of_reader(reader, self.attributes)).half()

    # -- on the way ------------------------------------------------------------------------------------------------

    def strip(self, step: int) -> Strip | None:
        """Of every prompt: what is referred to, the picture without it, the picture with it."""
        if self.bench is None:
            return None
        arm, models = self.alone
        trials = self._trials
        drawn = self.bench.draw(arm.plan, models, trials, self._edit(), SHOWN)
        references = [self.bench.pictures(items[:SHOWN]) for items in trials.right]
        names = [f"its {domain_of(self.entry.domain).factors[name].title or name}" for name in trials.wanted]
        prompts = [one.text for one in trials.said[:SHOWN]]
        return Strip([*references, self._bare, drawn], arm.plan.steps, prompts, [0], {"columns": [*names, "without", "with"]})

    @property
    def _trials(self) -> Trials:
        """Two attributes at once, where there are two."""
        assert self.bench is not None
        return (self.bench.double or self.bench.single)[0]

    @cached_property
    def _bare(self) -> Tensor:
        """What a strip shows without references."""
        assert self.bench is not None
        arm, models = self.alone
        return self.bench.draw(arm.plan, models, self._trials, None, SHOWN)

    def compared(self, arm: Arm, models: dict[str, OpenModel]) -> Json:
        assert self.bench is not None
        return self.bench.measure(arm, models, self._edit())

    def headline(self, row: Json) -> dict[str, float]:
        return {f"measure/{name}": row["all"][name]["value"] or 0.0 for name in ("shown", "stated")}

    # -- after -----------------------------------------------------------------------------------------------------

    def write(self, target: Path) -> None:
        edit = self._edit()
        rows = {arm: {name: row[name] for name in row if name != "attributes"} for arm, row in self.final().items()}
        measured = {"referred": rows} if rows else {}
        self.write_edit(Edit({}, edit.card.model_copy(update={"measured": measured}), references=edit.references), target)

    def found(self) -> Json:
        readable = {} if self.bench is None else {"readable": self.bench.readable(self.model)}
        return {**super().found(), **readable}
