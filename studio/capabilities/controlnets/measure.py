"""Does a ControlNet do what it says: samples drawn under hints of items, read back, with it and without. In a worker.

Every sample has an item of the world of its own that no training drew: its hint is what the ControlNet sees, what it states is
the prompt, and where things are in it is what the drawn sample is compared with. Without the hint the same prompts and seeds are
drawn, so what is left to chance is seen beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from studio.core.domain import Domain, Oracle, Said
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.metrics.readings import accepted, correct
from studio.sampling.plan import Plan
from studio.workshop.arms_measured import NAME, Arm, share
from studio.workshop.draw import samples

HELD_OUT = 515_151  # seed of the items that are measured; no training draws them
FIRST_SEED = 5000
BATCH = 32


class HintMeasurement:
    """hint: its kind. shape: of the models' decoded samples. seeds: items, one sample each. between: called after every step."""

    def __init__(self, hint: str, domain: Domain, shape: Sequence[int], oracle: Oracle, seeds: int, between: Callable[[], None]):
        self.domain, self.oracle, self.between = domain, oracle, between
        hands = domain.hands()
        items = hands.items(seeds, HELD_OUT)
        self.said = [Said(hands.caption(item), given=hands.given(item)) for item in items]
        self.prompts = [one.text for one in self.said]
        self.hints = hands.hint(hint, items, shape)
        self.agreement = hands.agreement(items, shape)
        self._known: dict[str, Json] = {}

    def draw(self, plan: Plan, models: Mapping[str, OpenModel], n: int | None = None) -> Tensor:
        """Decoded samples [N, *shape] of the first n items, or of all."""
        n = n or len(self.prompts)
        seeds = range(FIRST_SEED, FIRST_SEED + n)
        hints, said = {NAME: self.hints[:n]}, self.said[:n]
        return samples(plan, models, self.domain, said, seeds, lambda _: self.between(), hints=hints, batch=BATCH)

    def measure(self, arm: Arm, models: Mapping[str, OpenModel]) -> Json:
        """{"with": figures, "without": figures} of one arm. Figures: see `_figures`."""
        if (key := arm.plan.model_dump_json()) not in self._known:
            self._known[key] = self._figures(self.draw(arm.plan, models))
        hinted = self._figures(self.draw(arm.hinted, models))
        return {**arm.said, "with": hinted, "without": self._known[key]}

    def _figures(self, drawn: Tensor) -> Json:
        """Shares with Wilson intervals: agreement by name (`core.domain.Agreement`), accuracy of the prompt, samples in
        distribution. Besides: mean distances of continuous readings, and the mean overlap, with that of the items' own."""
        seen, factors = self.oracle.read(drawn), self.domain.factors
        stated = [
            torch.stack(list(correct(seen.rows(torch.tensor([i])), self.domain.read(prompt).stated, factors).values())).all()
            for i, prompt in enumerate(self.prompts)
        ]
        overlap, ceiling = self.agreement.overlap(drawn)
        return {
            "agreement": {name: share(hits) for name, hits in self.agreement.shares(seen).items()},
            "accuracy": share(torch.stack(stated)),
            "in_distribution": share(accepted(seen)),
            "distance": {name: float(far.mean()) for name, far in self.agreement.distances(seen).items()},
            "overlap": {"value": float(overlap.mean()) if len(overlap) else None, "n": len(overlap),
                        "of_renders": float(ceiling.mean()) if len(overlap) else None},
        }  # fmt: skip
