"""How far a judge can be trusted: errors are planted in a world whose truth is known by construction, and it should flag them.

An item of the world is asked about in full, every factor a question, and its samples are drawn with one factor changed, with
several, with none, and with what the domain can spoil of what every sample must be. Which answers are no is then known without
anybody looking. In a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from studio.capabilities.evaluate.judges import Answer, Judge
from studio.core.domain import Domain, Factor, Hands, Item, Said, Stated
from studio.core.files import Json
from studio.library.checklist import NOTHING, Check, always, of_factor
from studio.metrics.agreement import caught, kendall, spearman
from studio.metrics.proportion import wilson

SEVERAL = (2, 3, 6)  # factors that are changed at once, for a range of true shares of right answers
UNTOUCHED = "nothing wrong"
BATCH = 128  # samples that a judge is shown at once


@dataclass(frozen=True)
class Case:
    """A sample and what it was asked for. kind: of what is wrong with it, in words. item: number of the item that it was asked to
    be. wrong: of every check, whether the right answer is no. there: what is there instead or indeed, in the words of an answer;
    "" where that is not known. ranked: whether all that it was asked for is asked about, so that its share is its true score."""

    kind: str
    item: int
    said: Said
    checks: tuple[Check, ...]
    wrong: tuple[bool, ...]
    there: tuple[str, ...]
    ranked: bool = True


@dataclass(frozen=True)
class Planted:
    """samples: [N, *shape], one a case. items: how many there were to begin with."""

    samples: Tensor
    cases: tuple[Case, ...]
    items: int
    seed: int


def planted(domain: Domain, n: int, seed: int, shape: Sequence[int]) -> Planted:
    """Of n items of the domain's world, a function of its arguments alone. shape: of a decoded sample. ValueError in one sentence
    where no world is known."""
    if not domain.has_world:
        raise ValueError(f"{domain.title} has no world whose truth is known to plant errors in; a domain with one would fit.")
    if n < 1:
        raise ValueError(f"{n} items make no test; 1 or more would.")
    hands = domain.hands()
    items: list[Item] = []
    cases: list[Case] = []
    for i in range(n):
        for item, case in _of_item(domain, hands, i, seed):
            items.append(item)
            cases.append(case)
    asked = [hands.items(1, [seed, i])[0] for i in range(n)]
    drawn = [hands.samples(items, shape)]
    checks = always(domain)
    for kind, (which, samples) in hands.amiss(asked, shape, [seed, n]).items():
        check = next(check for check in checks if check.value == which)
        drawn.append(samples)
        cases += [Case(kind, i, _said(domain, hands, asked[i]), (check,), (True,), ("",), False) for i in range(n)]
    return Planted(torch.cat(drawn), tuple(cases), n, seed)


def _of_item(domain: Domain, hands: Hands, i: int, seed: int) -> list[tuple[Item, Case]]:
    """The item itself, one copy a factor that can be changed, and copies with several changed at once."""
    rng = np.random.default_rng([seed, i, 1])
    asked = hands.items(1, [seed, i])[0]
    state, said = hands.state(asked), _said(domain, hands, asked)
    found = [(asked, _case(domain, UNTOUCHED, i, said, state, state))]
    for name, factor in domain.factors.items():
        other = str(rng.choice([value for value in factor.values if value != state[name]]))
        copy = _changed(domain, hands, (seed, i), state, {name: other})
        if copy is not None:
            true = hands.state(copy)
            found.append((copy, _case(domain, _kind(factor, state[name], other), i, said, state, true)))
            if _gone(factor, state[name]) != _gone(factor, other):  # the other way round, so that rare things go missing
                kind = _kind(factor, other, state[name])
                found.append((asked, _case(domain, kind, i, _said(domain, hands, copy), true, state)))
    for many in SEVERAL:
        names = [str(name) for name in rng.permutation(list(domain.factors))[:many]]
        others = {n: str(rng.choice([v for v in domain.factors[n].values if v != state[n]])) for n in names}
        copy = _changed(domain, hands, (seed, i), state, others)
        if copy is not None:
            found.append((copy, _case(domain, f"{many} or more wrong", i, said, state, hands.state(copy))))
    return found


def _changed(domain: Domain, hands: Hands, seed: tuple[int, int], state: Stated, others: Stated) -> Item | None:
    """The item with other values, all else as it is; what cannot stay then is as the world has it. None where the world has no
    such item."""
    follow = {name for changed in others for name in domain.factors[changed].goes_with}
    for kept in (state, {name: value for name, value in state.items() if name not in follow}):
        with suppress(ValueError):
            item = hands.items(1, list(seed), {**kept, **others})[0]
            if all(hands.state(item)[name] == value for name, value in others.items()):
                return item
    return None


def _case(domain: Domain, kind: str, i: int, said: Said, asked: Stated, true: Stated) -> Case:
    """All factors' checks of what was asked for, and what every sample must be, which holds."""
    checks, held = [of_factor(domain, factor, asked[name]) for name, factor in domain.factors.items()], always(domain)
    wrong = [asked[name] != true[name] for name in domain.factors]
    there = [of_factor(domain, factor, true[name]).wanted for name, factor in domain.factors.items()]
    return Case(kind, i, said, (*checks, *held), (*wrong, *(False for _ in held)), (*there, *(check.wanted for check in held)))


def _kind(factor: Factor, asked: str, shown: str) -> str:
    title = factor.title or factor.name
    if _gone(factor, shown):
        return f"missing {title}"
    return f"uninvited {title}" if _gone(factor, asked) else f"wrong {title}"


def _gone(factor: Factor, value: str) -> bool:
    return bool(factor.things) and factor.things[factor.index(value)] == NOTHING


def _said(domain: Domain, hands: Hands, item: Item) -> Said:
    """A prompt that says of an item all that there are words for."""
    state = hands.state(item)
    stated: dict[str, str] = {}
    for name, value in state.items():
        with suppress(ValueError):
            domain.write({**stated, name: value})
            stated[name] = value
    return Said(domain.write(stated), stated, given=hands.given(item))


# -- what a judge makes of it ------------------------------------------------------------------------------------------


def trusted(judge: Judge, bench: Planted, between: Callable[[int, int], None] = lambda done, of: None) -> Json:
    """Figures of one judge, each with n and its interval.

    kinds: by kind of error {"samples", "precision", "recall", "false_alarms"} of the checks that it flags by a no; all: of every
    kind together. spearman, kendall: of its score of a sample, the mean of its answers, with the share that is right. named: of
    answers to wrong checks, and to right ones, the share whose reason names what is there. between: called after every batch with
    how many samples are done.

    Intervals of shares take checks as independent; those of ranks resample items, with all their copies.
    """
    answers = _answers(judge, bench, between)
    rows = list(zip(bench.cases, answers, strict=True))
    kinds = list(dict.fromkeys(case.kind for case in bench.cases))
    ranked = [(case, row) for case, row in rows if case.ranked]
    scores = torch.tensor([_mean([a.score for a, c in zip(row, case.checks, strict=True) if c.factor]) for case, row in ranked])
    truth = torch.tensor([_mean([not w for w, c in zip(case.wrong, case.checks, strict=True) if c.factor]) for case, _ in ranked])
    together = torch.tensor([case.item for case, _ in ranked])
    return {
        "judge": judge.key,
        "about": judge.about,
        "items": bench.items,
        "seed": bench.seed,
        "samples": len(bench.cases),
        "kinds": {kind: _figures([row for row in rows if row[0].kind == kind]) for kind in kinds},
        "all": _figures(rows),
        "spearman": spearman(scores, truth, together=together).interval().to_dict(),
        "kendall": kendall(scores, truth, together=together).interval().to_dict(),
        "named": {"wrong": _named(rows, True), "right": _named(rows, False)},
    }


def _answers(judge: Judge, bench: Planted, between: Callable[[int, int], None]) -> list[list[Answer]]:
    found: list[list[Answer]] = []
    for begin in range(0, len(bench.cases), BATCH):
        cases = bench.cases[begin : begin + BATCH]
        found += judge.answers(bench.samples[begin : begin + BATCH], [c.said for c in cases], [c.checks for c in cases])
        between(len(found), len(bench.cases))
    return found


def _figures(rows: Sequence[tuple[Case, list[Answer]]]) -> Json:
    flagged = torch.tensor([not answer.yes for _, row in rows for answer in row])
    wrong = torch.tensor([is_wrong for case, _ in rows for is_wrong in case.wrong])
    return {"samples": len(rows), **caught(flagged, wrong).to_dict()}


def _named(rows: Sequence[tuple[Case, list[Answer]]], wrong: bool) -> Json:
    asked = [
        there.lower() in answer.reason.lower()
        for case, row in rows
        for is_wrong, there, answer in zip(case.wrong, case.there, row, strict=True)
        if there and is_wrong == wrong
    ]
    return wilson(sum(asked), len(asked)).to_dict()


def _mean(of: Sequence[float]) -> float:
    return sum(of) / len(of)
