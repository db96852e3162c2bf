"""Does a model still draw the concept, what does it draw instead, and what did that cost what must stay.

Every picture is drawn twice from the same noise, with the change and without. Where a world has other words for the concept, as
many prompts say it in these as in its plainest ones, and each kind has figures of its own: a model may forget one and still draw
the other. Where no world is known, a CLIP that is on the machine compares pictures with words (Radford et al. 2021, arXiv
2103.00020). What must stay is told in two parts, as
UnlearnCanvas does (Zhang et al. 2024, arXiv 2402.11846): in its own domain, other values of the factor that the concept is one
of; across domains, everything else that prompts state. In a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

import torch
from torch import Tensor

from studio.capabilities.unlearn.walls import Block, Drawn, blocks
from studio.core.domain import Domain, Oracle, OracleReadings, Said, as_written
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.lowrank import LayerChange
from studio.library.concepts import Concept, Pair, neighbours, pairs
from studio.metrics import cost_of_edit
from studio.metrics.readings import counted, labels_of
from studio.workshop.arms_measured import Arm, share
from studio.workshop.draw import samples
from studio.workshop.judge import Judge
from studio.workshop.prompts_measured import SamplesRead, paired, read_prompts

FIRST_SEED = 7000  # of what is measured; nothing is trained on these
NOTHING = "a picture"  # what a concept's words are compared with where it becomes nothing that is named
EACH = 2  # pictures of a prompt that must stay
BATCH = 32


class ForgettingMeasurement:
    """wanted: what is forgotten. oracle: of the domain, None where none reads; judge: reads then. n: pictures of each kind: the
    concept in plain words, in other words where there are some, and what must stay.
    world: features of samples of the domain. seed: of the prompts, which nothing was taught by."""

    def __init__(
        self,
        domain: Domain,
        wanted: Sequence[Concept],
        keep: Sequence[str],
        oracle: Oracle | None,
        judge: Judge,
        n: int,
        world: Tensor | None,
        between: Callable[[], None],
        seed: int,
    ):
        self.domain, self.wanted, self.oracle, self.judge, self.n = domain, list(wanted), oracle, judge, n
        self.world, self.between = world, between
        twice = pairs(domain, wanted, 2 * n, seed)
        self.pairs: list[Pair] = twice[:n] if all(pair.plain for pair in twice) else twice
        self.plain = torch.tensor([pair.plain for pair in self.pairs])
        self.forget = as_written(domain, [pair.forget for pair in self.pairs])
        self.becomes = as_written(domain, [pair.becomes for pair in self.pairs])
        self.staying = as_written(domain, neighbours(domain, wanted, -(-n // EACH), seed, keep))
        self.others = [prompt for prompt in self.staying for _ in range(EACH)]
        self._bare: dict[str, tuple[Tensor, Tensor]] = {}
        self._last: tuple[Drawn, Drawn] | None = None  # the concept's pictures and the others, of the arm measured last

    def measure(self, arm: Arm, models: Mapping[str, OpenModel], worn: LayerChange) -> Json:
        """Figures of one arm with the change, beside what it did without. hit, hit_before: share of the concept's pictures that
        show it; forgotten: that do not. plain, other_words: {"before", "after", "forgotten"} of each kind of words, None where
        there are no other words; least_forgotten: of the kind that shows it more. by_clip: see `_by_clip`. rest: that show what
        else they were asked for. went: what they show, most of all first. matrix: rows of {"part", "name", "before", "after"}.
        in_domain, cross_domain: what stays of it (see above)."""
        key = arm.plan.model_dump_json()
        if key not in self._bare:
            self._bare[key] = (self._draw(arm, models, self.forget, None), self._draw(arm, models, self.others, None))
        bare, stayed = self._bare[key]
        gone, others = self._draw(arm, models, self.forget, worn), self._draw(arm, models, self.others, worn)
        self._last = self._drawn(self.forget, bare, gone), self._drawn(self.others, stayed, others)
        before, after = self._read(stayed), self._read(others)
        row = {**arm.said, **paired(before, after, self.world), **self._concept(bare, gone)}
        if self.oracle is None:
            return row
        return {**row, **self._parts(self.oracle, (bare, gone), (stayed, others))}

    def blocks(self) -> list[Block]:
        """Pictures of the arm that was measured last, failures first."""
        if self._last is None:
            return []
        oracle = self.oracle

        def shown(images: Tensor) -> Tensor:
            assert oracle is not None
            return self.shown(oracle.read(images))

        def right(images: Tensor, own: bool) -> tuple[Tensor, Tensor]:
            assert oracle is not None
            mine = {factor for one in self.wanted for factor in one.stated}
            return self._all_right([name for name in self.domain.factors if (name in mine) == own], oracle.read(images))

        return blocks(*self._last, oracle, shown, right)

    def _all_right(self, factors: Sequence[str], seen: OracleReadings) -> tuple[Tensor, Tensor]:
        """bool [N]: whether the i-th of the other pictures shows all of these factors that its prompt states, and whether it
        states one."""
        stated = [self.domain.read(one.text).stated for one in self.others]
        good = torch.ones(len(stated), dtype=torch.bool)
        for name in factors:
            good &= self._right(name, seen) | torch.tensor([name not in one for one in stated])
        return good, torch.tensor([any(name in one for name in factors) for one in stated])

    def _drawn(self, said: Sequence[Said], before: Tensor, after: Tensor) -> Drawn:
        return Drawn(said, [FIRST_SEED + i for i in range(len(said))], before, after)

    def _read(self, images: Tensor) -> SamplesRead:
        return read_prompts(self.domain, self.oracle, self.judge, self.world, images, self.staying)

    def _concept(self, bare: Tensor, gone: Tensor) -> Json:
        """Of the concept's own prompts."""
        if self.oracle is None:
            seen_bare, seen_gone = self.judge.read(bare), self.judge.read(gone)
            changed = cost_of_edit.moved(seen_bare.features, seen_gone.features).to_dict()
            return {"hit": None, "hit_before": None, "forgotten": None, "changed": changed,
                    "by_clip": self._by_clip(seen_bare.features, seen_gone.features)}  # fmt: skip
        was, now = self.oracle.read(bare), self.oracle.read(gone)
        hit, hit_before = self.shown(now), self.shown(was)
        return {
            "hit": share(hit), "hit_before": share(hit_before), "forgotten": share(~hit), **self._by_words(hit_before, hit),
            "changed": cost_of_edit.moved(was.features, now.features).to_dict(),
            "unrecognised": share(~counted(now)), "unrecognised_before": share(~counted(was)),
        }  # fmt: skip

    def _by_words(self, before: Tensor, after: Tensor) -> Json:
        """Of the concept's pictures in its plainest words and in other words apart."""
        if bool(self.plain.all()):
            return {"plain": None, "other_words": None, "least_forgotten": share(~after)}
        kinds = {"plain": self.plain, "other_words": ~self.plain}
        found = {
            name: {"before": share(before[mine]), "after": share(after[mine]), "forgotten": share(~after[mine])}
            for name, mine in kinds.items()
        }
        return {**found, "least_forgotten": min((one["forgotten"] for one in found.values()), key=lambda one: float(one["low"]))}

    def _by_clip(self, before: Tensor, after: Tensor) -> Json | None:
        """Of features [N, D] of the concept's pictures, the share that is nearer to the concept's words than to those of what it
        becomes, or than to `NOTHING` where nothing is named: {"before", "after", "reader"}. None where nobody reads words."""
        words = self.judge.words
        if words is None:
            return None
        of = [self.wanted[pair.concept] for pair in self.pairs]
        more, less = (words.read(lines) for lines in ([one.words for one in of], [one.becomes or NOTHING for one in of]))
        nearer = [(seen.double() * (more - less).double()).sum(1) > 0 for seen in (before, after)]
        return {"before": share(nearer[0]), "after": share(nearer[1]), "reader": words.name}

    def shown(self, seen: OracleReadings) -> Tensor:
        """bool [N]: whether the i-th picture shows the concept that the i-th prompt has."""
        found = torch.ones(len(self.pairs), dtype=torch.bool)
        for i, pair in enumerate(self.pairs):
            for factor, value in self.wanted[pair.concept].stated.items():
                found[i] &= bool(labels_of(seen, factor)[i] == self.domain.factors[factor].index(value))
        return found

    def _parts(self, oracle: Oracle, concept: tuple[Tensor, Tensor], others: tuple[Tensor, Tensor]) -> Json:
        seen_bare, seen_gone = oracle.read(concept[0]), oracle.read(concept[1])
        was, now = oracle.read(others[0]), oracle.read(others[1])
        own = {factor for one in self.wanted for factor in one.stated}
        matrix = [row for i in range(len(self.wanted)) for row in self._of_concept(i, seen_bare, seen_gone)]
        matrix += self._by_value(own, was, now)
        rest = [name for name in self.domain.factors if name not in own]
        matrix += [
            row for name in rest if (row := self._row("across domains", self._title(name), *self._factor(name, was, now)))["n"]
        ]
        beside = self._beside(own, seen_bare), self._beside(own, seen_gone)
        return {
            "matrix": matrix,
            "in_domain": self._pooled(own, was, now),
            "cross_domain": self._pooled(set(rest), was, now),
            "rest": share(beside[1]) if len(beside[1]) else None,
            "rest_before": share(beside[0]) if len(beside[0]) else None,
            "went": self._went(seen_gone),
        }

    def _row(self, part: str, name: str, before: Tensor, after: Tensor) -> Json:
        """before, after: bool of the same pictures, without the change and with it."""
        n = len(after)
        return {"part": part, "name": name, "n": n, "before": share(before) if n else None, "after": share(after) if n else None}

    def _of_concept(self, which: int, was: OracleReadings, now: OracleReadings) -> list[Json]:
        """One row, or one for each kind of words."""
        words, mine = self.wanted[which].words, torch.tensor([pair.concept == which for pair in self.pairs])
        kinds = {f"{words}, plain words": mine & self.plain, f"{words}, other words": mine & ~self.plain}
        if not bool((mine & ~self.plain).any()):
            kinds = {words: mine}
        before, after = self.shown(was), self.shown(now)
        return [self._row("forgotten", name, before[rows], after[rows]) for name, rows in kinds.items()]

    def _by_value(self, own: set[str], was: OracleReadings, now: OracleReadings) -> list[Json]:
        """A row for each other value of the concept's factors that prompts state."""
        stated = [self.domain.read(one.text).stated for one in self.others]
        found = []
        for factor in sorted(own):
            right = [self._right(factor, seen) for seen in (was, now)]
            for value in self.domain.factors[factor].values:
                mine = torch.tensor([one.get(factor) == value for one in stated])
                if bool(mine.any()):
                    found.append(self._row("in its domain", value, right[0][mine], right[1][mine]))
        return found

    def _factor(self, name: str, was: OracleReadings, now: OracleReadings) -> tuple[Tensor, Tensor]:
        mine = torch.tensor([name in self.domain.read(one.text).stated for one in self.others])
        return self._right(name, was)[mine], self._right(name, now)[mine]

    def _right(self, factor: str, seen: OracleReadings) -> Tensor:
        """bool [N]: whether the i-th of the other pictures shows this factor as its prompt states it; False where it does not."""
        index, labels = self.domain.factors[factor].index, labels_of(seen, factor)
        stated = [self.domain.read(one.text).stated.get(factor) for one in self.others]
        return torch.tensor(
            [value is not None and int(label) == index(value) for value, label in zip(stated, labels, strict=True)]
        )

    def _pooled(self, factors: set[str], was: OracleReadings, now: OracleReadings) -> Json:
        """What of these factors is stated and right, over all pictures, and the second over the first."""
        before, after = [], []
        for name in sorted(factors):
            one, other = self._factor(name, was, now)
            before.append(one)
            after.append(other)
        whole = torch.cat(before) if before else torch.zeros(0, dtype=torch.bool)
        now_all = torch.cat(after) if after else whole
        if not len(whole):
            return {"before": None, "after": None, "kept": None}
        return {"before": share(whole), "after": share(now_all), "kept": cost_of_edit.kept(whole, now_all).to_dict()}

    def _beside(self, own: set[str], seen: OracleReadings) -> Tensor:
        """bool: whether the concept's pictures show what else their prompts state, one entry for each that states something."""
        found = []
        for i, line in enumerate(self.forget):
            stated = {name: value for name, value in self.domain.read(line.text).stated.items() if name not in own}
            if stated:
                found.append(
                    all(int(labels_of(seen, name)[i]) == self.domain.factors[name].index(v) for name, v in stated.items())
                )
        return torch.tensor(found, dtype=torch.bool)

    def _went(self, seen: OracleReadings) -> list[Json]:
        """What the concept's pictures show of its factor: {"name", "share"}, most first; those not recognised apart."""
        factor = next(iter(self.wanted[0].stated))
        values, labels, good = self.domain.factors[factor].values, labels_of(seen, factor), counted(seen)
        shown = [(value, (labels == i) & good) for i, value in enumerate(values)]
        found = [{"name": value, "share": share(mine)} for value, mine in shown if bool(mine.any())]
        if bool((~good).any()):
            found.append({"name": "not recognised", "share": share(~good)})
        return sorted(found, key=lambda one: -float(one["share"]["value"]))

    def _title(self, factor: str) -> str:
        return self.domain.factors[factor].title or factor

    def _draw(self, arm: Arm, models: Mapping[str, OpenModel], said: Sequence[Said], worn: LayerChange | None) -> Tensor:
        seeds = [FIRST_SEED + i for i in range(len(said))]
        with ExitStack() as on:
            for name in arm.plan.models:
                if worn is not None:
                    on.enter_context(models[name].under(worn, 1.0))
            return samples(arm.plan, models, self.domain, said, seeds, lambda _: self.between(), batch=BATCH)
