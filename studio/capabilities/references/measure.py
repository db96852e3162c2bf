"""Does a reference give what is wanted of it, and nothing else: drawn with it, without, and with a wrong one. In a worker.

Every picture has an item of the world that no training drew: what the item states besides the wanted attribute is the prompt.
The right reference is another item with the item's value of the attribute, the wrong one has another value; all else of both is
as the world draws it. The same prompts and seeds are drawn without references.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from studio.core.domain import Domain, Item, Oracle, OracleReadings, Said, Stated
from studio.core.edit import Edit
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.metrics.readings import correct
from studio.sampling.adapted import adapted
from studio.sampling.plan import Plan
from studio.workshop.arms_measured import Arm, share
from studio.workshop.draw import samples

HELD_OUT = 717_171  # seed of the items that are measured; no training draws them
FIRST_SEED = 7000
BATCH = 32
NAME = "references"  # of the adapter while it is measured


@dataclass(frozen=True)
class Trials:
    """Pictures of which the same attributes are wanted. said, stated: the prompts and what they state. right, wrong: [R][N] items
    to refer to, one row for each of the attributes."""

    wanted: tuple[str, ...]
    said: Sequence[Said]
    stated: Sequence[Stated]
    right: Sequence[Sequence[Item]]
    wrong: Sequence[Sequence[Item]]


class ReferenceMeasurement:
    """attributes: those that are measured. n: pictures of each. strength: at which the adapter is worn. between: called after
    every step."""

    def __init__(
        self,
        attributes: Sequence[str],
        domain: Domain,
        shape: Sequence[int],
        oracle: Oracle,
        n: int,
        between: Callable[[], None],
        strength: float = 1.0,
    ):
        self.domain, self.oracle, self.between, self.strength, self.n = domain, oracle, between, strength, n
        self.hands, self.shape = domain.hands(), tuple(shape)
        said = [name for name in domain.identity[1:] if name in attributes]
        self.single = [self._trials((name,), i) for i, name in enumerate(attributes)]
        self.double = [self._trials(pair, 1000 + i) for i, pair in enumerate(combinations(said, 2))]
        self._bare: dict[tuple[str, tuple[str, ...]], OracleReadings] = {}

    def _trials(self, wanted: tuple[str, ...], number: int) -> Trials:
        said, stated, right, wrong = [], [], [[] for _ in wanted], [[] for _ in wanted]  # type: ignore[var-annotated]
        for i in range(self.n):
            values = [self.domain.factors[name].values for name in wanted]
            pinned = {name: of[(i // (7**k)) % len(of)] for k, (name, of) in enumerate(zip(wanted, values, strict=True))}
            item = self._item((number, i, 0), pinned)
            told = {name: value for name, value in self.hands.state(item).items() if name in self.domain.identity}
            stated.append({name: value for name, value in told.items() if name not in wanted})
            said.append(Said(self.domain.write(stated[-1]), stated[-1], given=self.hands.given(item)))
            for k, (name, of) in enumerate(zip(wanted, values, strict=True)):
                other = of[(of.index(pinned[name]) + 1 + i % (len(of) - 1)) % len(of)]
                right[k].append(self._item((number, i, 1 + k), {name: pinned[name]}))
                wrong[k].append(self._item((number, i, 1 + k), {name: other}))
        return Trials(wanted, said, stated, right, wrong)

    def _item(self, seed: tuple[int, ...], pinned: Stated) -> Item:
        return self.hands.items(1, [HELD_OUT, *seed], pinned)[0]

    # -- drawing ---------------------------------------------------------------------------------------------------

    def pictures(self, items: Sequence[Item]) -> Tensor:
        """[N, *shape]."""
        return self.hands.samples(items, self.shape)

    def draw(
        self,
        plan: Plan,
        models: Mapping[str, OpenModel],
        trials: Trials,
        edit: Edit | None,
        n: int | None = None,
        *,
        wrong: bool = False,
    ) -> Tensor:
        """Decoded samples [N, *shape] of the first n trials, or of all. edit: what reads references; None draws without."""
        n = n or self.n
        seeds, said = range(FIRST_SEED, FIRST_SEED + n), trials.said[:n]
        if edit is None:
            return samples(plan, models, self.domain, said, seeds, lambda _: self.between(), batch=BATCH)
        shown = [self.pictures(items[:n]) for items in (trials.wrong if wrong else trials.right)]
        try:
            for model in models.values():
                model.load_edit(NAME, edit)
                model.refer(NAME, torch.stack([model.to_latents(one) for one in shown], 1), [list(trials.wanted)] * n)
            worn = adapted(plan, NAME, self.strength, lambda step, model, t: True)
            return samples(worn, models, self.domain, said, seeds, lambda _: self.between(), batch=BATCH)
        finally:
            for model in models.values():
                if NAME in model.adapter_names:
                    model.unload_adapter(NAME)

    def _without(self, arm: Arm, models: Mapping[str, OpenModel], trials: Trials) -> OracleReadings:
        key = arm.plan.model_dump_json(), trials.wanted
        if key not in self._bare:
            self._bare[key] = self.oracle.read(self.draw(arm.plan, models, trials, None))
        return self._bare[key]

    # -- figures ---------------------------------------------------------------------------------------------------

    def measure(self, arm: Arm, models: Mapping[str, OpenModel], edit: Edit) -> Json:
        """{"attributes": {name: figures}, "all": figures of all of them, "two": of two pictures at once} of one arm."""
        singles = {trials.wanted[0]: self._hits(arm, models, trials, edit) for trials in self.single}
        doubles = [self._hits(arm, models, trials, edit) for trials in self.double]
        named = {name: self._shares(hits) for name, hits in singles.items()}
        rows: Json = {**arm.said, "attributes": named, "all": self._shares(_pooled(list(singles.values())))}
        return rows | ({"two": self._shares(_pooled(doubles))} if doubles else {})

    def _hits(self, arm: Arm, models: Mapping[str, OpenModel], trials: Trials, edit: Edit) -> dict[str, Tensor]:
        """Of every picture whether it shows …, bool [N]; leaks are of pairs of a picture and a factor."""
        bare = self._without(arm, models, trials)
        seen = self.oracle.read(self.draw(arm.plan, models, trials, edit))
        misled = self.oracle.read(self.draw(arm.plan, models, trials, edit, wrong=True))
        found = {"shown": self._shown(seen, trials), "without": self._shown(bare, trials), "wrong": self._shown(misled, trials)}
        found |= {"stated": self._right(seen, trials), "stated_without": self._right(bare, trials)}
        found |= {"leak": self._leak(seen, trials), "leak_without": self._leak(bare, trials)}
        return found

    def _shown(self, seen: OracleReadings, trials: Trials) -> Tensor:
        """Whether every wanted attribute is that of its right reference."""
        each = [seen.labels[name] == self._labels(name, items) for name, items in zip(trials.wanted, trials.right, strict=True)]
        return torch.stack(each).all(0)

    def _right(self, seen: OracleReadings, trials: Trials) -> Tensor:
        """Whether all that the prompt states is right, and what must be so in every sample."""
        rows = [correct(seen.rows(torch.tensor([i])), stated, self.domain.factors) for i, stated in enumerate(trials.stated)]
        return torch.stack([torch.stack(list(row.values())).all() for row in rows])

    def _leak(self, seen: OracleReadings, trials: Trials) -> Tensor:
        """Whether a picture has what its reference has, of each factor that is not wanted, which the prompt does not state or
        states otherwise. Factors that go with a wanted one are left out."""
        hits, factors = [], self.domain.factors
        for name, items in zip(trials.wanted, trials.right, strict=True):
            tied = {name, *factors[name].goes_with, *(other for other in factors if name in factors[other].goes_with)}
            for other in (other for other in factors if other not in {*trials.wanted, *tied}):
                theirs = self._labels(other, items)
                told = torch.tensor([factors[other].index(s[other]) if other in s else -1 for s in trials.stated])
                hits.append((seen.labels[other] == theirs)[told != theirs])
        return torch.cat(hits) if hits else torch.zeros(0, dtype=torch.bool)

    def _labels(self, name: str, items: Sequence[Item]) -> Tensor:
        factor = self.domain.factors[name]
        return torch.tensor([factor.index(self.hands.state(item)[name]) for item in items])

    @staticmethod
    def _shares(hits: Mapping[str, Tensor]) -> Json:
        return {name: share(found) for name, found in hits.items()}

    def readable(self, model: OpenModel) -> Json:
        """By attribute the share of right references that the oracle reads rightly once they went through the model's latents."""
        found = {}
        for trials in self.single:
            items = trials.right[0]
            seen = self.oracle.read(model.decode(model.to_latents(self.pictures(items)), {}).cpu())
            found[trials.wanted[0]] = share(seen.labels[trials.wanted[0]] == self._labels(trials.wanted[0], items))
        return found


def _pooled(hits: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([one[name] for one in hits]) for name in hits[0]} if hits else {}
