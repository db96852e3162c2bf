"""Edits of one picture, drawn in three ways on the same seeds: by the prompt alone, from the noised picture, and mixed (SINE).

Read is whether a sample shows what the edit says, and how far it is from the picture where the picture's subject is not. In a
worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from studio.core.domain import Domain, Oracle, Said
from studio.core.edit import Edit
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.metrics.bootstrap import multipliers
from studio.metrics.interval import Estimate
from studio.metrics.readings import correct
from studio.sampling.one_picture import begun_with, with_mix
from studio.sampling.plan import Plan
from studio.workshop.arms_measured import share
from studio.workshop.draw import samples

FIRST_SEED = 9000  # of what is measured
BATCH = 32
NAME = "one picture"  # of the adapter while it is measured, and of the sample that plans begin with


@dataclass(frozen=True)
class Picture:
    """What is edited. sample: [1, *sample shape], as the model's decoder gives it. background: bool, of the shape of a sample's
    positions: where its subject is not; all of it where nobody said. latents: by model, [1, *shape]."""

    sample: Tensor
    background: Tensor
    latents: Mapping[str, Tensor]
    source: Said


@dataclass(frozen=True)
class Ways:
    """betas, above: of mixes. noised: the time from which image to image begins."""

    betas: tuple[float, ...]
    above: float | None
    noised: float

    @property
    def titles(self) -> list[str]:
        return ["text to image", "image to image", *(f"SINE, β {beta:g}" for beta in self.betas)]

    def plans(self, plan: Plan, source: str) -> list[tuple[str, float | None, Plan]]:
        """(way, β where it is a mix, the plan) of each."""
        mixed = [("mixed", beta, with_mix(plan, source, beta, ((NAME, 1.0),), self.above)) for beta in self.betas]
        return [("prompt", None, plan), ("noised", None, begun_with(plan, NAME, self.noised)), *mixed]


class EditMeasurement:
    """oracle: None where none reads. n: samples of each edit and way."""

    def __init__(self, domain: Domain, oracle: Oracle | None, picture: Picture, n: int, between: Callable[[], None]):
        self.domain, self.oracle, self.picture, self.n, self.between = domain, oracle, picture, n, between
        self._bare: dict[tuple[str, str], Json] = {}  # rows of plans without the adapter, by plan and prompt

    def measure(self, plan: Plan, models: Mapping[str, OpenModel], edit: Edit, edits: Sequence[Said], ways: Ways) -> list[Json]:
        """A row for each edit and way: {"prompt", "way", "beta", "attributes", "background", "nfe"}. attributes: share of samples
        that show all that the edit states. background: mean squared distance to the picture where its subject is not."""
        found = []
        seeds = [FIRST_SEED + i for i in range(self.n)]
        for said in edits:
            for way, beta, one in ways.plans(plan, self.picture.source.text):
                row = self._bare.get((one.model_dump_json(), said.text))
                if row is None:
                    drawn = self.drawn(one, models, edit, [said] * self.n, seeds)
                    row = {"prompt": said.text, "way": way, "beta": beta, "nfe": one.nfe,
                           "attributes": self._attributes(drawn, said), "background": self._background(drawn)}  # fmt: skip
                    if way != "mixed":
                        self._bare[one.model_dump_json(), said.text] = row
                found.append(row)
        return found

    def drawn(
        self, plan: Plan, models: Mapping[str, OpenModel], edit: Edit, said: Sequence[Said], seeds: Sequence[int]
    ) -> Tensor:
        """Samples [N, *shape] of a plan that may name the adapter and the picture."""
        begins = {NAME: self.picture.latents[plan.segments[0].model]}
        with worn(models, edit):
            return samples(
                plan,
                models,
                self.domain,
                said,
                seeds,
                lambda _: self.between(),
                words=[edit.tokens],
                batch=BATCH,
                begins=begins,
            )

    def _attributes(self, drawn: Tensor, said: Said) -> Json | None:
        if self.oracle is None or not said.stated:
            return None
        right = correct(self.oracle.read(drawn), said.stated, self.domain.factors)
        return share(torch.stack(list(right.values())).all(0))

    def _background(self, drawn: Tensor) -> Json:
        apart = (drawn - self.picture.sample).square().mean(1)[:, self.picture.background].mean(1).double()
        mean = apart.mean()
        found = Estimate.of_influence(float(mean), apart - mean, multipliers(len(apart)), len(apart), (0.0, float("inf")))
        return found.interval().to_dict()


@contextmanager
def worn(models: Mapping[str, OpenModel], edit: Edit) -> Iterator[None]:
    """Every model knows the adapter by its name; its words are told apart (`workshop.draw.samples`)."""
    bare = replace(edit, tokens={})
    with ExitStack() as on:
        for model in models.values():
            model.load_edit(NAME, bare)
            on.callback(model.unload_adapter, NAME)
        yield
