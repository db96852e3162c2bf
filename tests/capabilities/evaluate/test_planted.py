"""Planted errors: the truth is what was planted, and figures of judges are what they flag."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from studio.capabilities.evaluate.judges import Answer, Opening
from studio.capabilities.evaluate.judges.distilled import open_distilled
from studio.capabilities.evaluate.judges.oracle import ByOracle
from studio.capabilities.evaluate.planted import UNTOUCHED, Planted, planted, trusted
from studio.core.domain import Said
from studio.domains import DOMAINS, domain_of
from studio.jobs.paths import ASSETS
from studio.library.checklist import Check
from studio.library.models import load_registry
from studio.workshop.open_models import ModelCache

WORLDS = [name for name, domain in DOMAINS.all().items() if domain.has_world]
SHAPE = (3, 32, 32)


@pytest.fixture(scope="module")
def bench() -> Planted:
    return planted(domain_of("pocket"), 48, 5, SHAPE)


class Scripted:
    """Answers by the truth, in the order in which cases come."""

    key, about = "scripted", "A judge that is told what to say."

    def __init__(self, bench: Planted, flag: str):
        self.cases, self.flag, self.at = bench.cases, flag, 0

    def answers(self, samples: torch.Tensor, said: Sequence[Said], asked: Sequence[Sequence[Check]]) -> list[list[Answer]]:
        rows = []
        for case in self.cases[self.at : self.at + len(samples)]:
            no = {"right": case.wrong, "all": [True] * len(case.wrong), "none": [False] * len(case.wrong)}[self.flag]
            rows.append([Answer(float(not said_no), there) for said_no, there in zip(no, case.there, strict=True)])
        self.at += len(samples)
        return rows


@pytest.mark.parametrize("name", WORLDS)
def test_what_is_planted_is_there(name: str) -> None:
    world = domain_of(name)
    made, again = (planted(world, 6, 3, SHAPE) for _ in range(2))
    assert torch.equal(made.samples, again.samples) and made.cases == again.cases
    assert len(made.samples) == len(made.cases) and made.samples.shape[1:] == SHAPE
    for case in made.cases:
        factors = [check for check in case.checks if check.factor]
        wrong = sum(case.wrong)
        if case.kind == UNTOUCHED:
            assert wrong == 0
        elif case.ranked:
            assert wrong >= 1 and {check.factor for check in factors} == set(world.factors)
        else:
            assert [check.kind for check in case.checks] == ["always"] and case.wrong == (True,)
        for check, is_wrong, there in zip(case.checks, case.wrong, case.there, strict=True):
            assert not there or (there != check.wanted) == is_wrong
    assert len({case.kind for case in made.cases}) > len(world.factors)


def test_a_copy_differs_in_what_was_planted_alone(bench: Planted) -> None:
    for case in bench.cases:
        if case.kind in ("wrong colour", "missing companion", "uninvited companion", "wrong place", "wrong horizon"):
            assert sum(case.wrong) == 1, case.kind
    drawn = {(case.item, case.kind): bench.samples[i] for i, case in enumerate(bench.cases)}
    for i in range(bench.items):
        changed = (drawn[i, "wrong colour"] - drawn[i, UNTOUCHED]).abs().amax(0) > 0.02
        assert 0 < changed.float().mean() < 0.4  # the thing itself, and not the rest


def test_figures_of_judges_that_are_told_what_to_say(bench: Planted) -> None:
    right, everything, nothing = (trusted(Scripted(bench, flag), bench) for flag in ("right", "all", "none"))
    for figures in (right["all"], *right["kinds"].values()):
        assert figures["recall"]["value"] in (1, None) and figures["precision"]["value"] in (1, None)
    assert right["spearman"]["value"] == pytest.approx(1) and right["kendall"]["value"] == pytest.approx(1)
    assert right["named"]["wrong"]["value"] == 1 and right["spearman"]["n"] < right["samples"] == len(bench.cases)
    assert everything["all"]["recall"]["value"] == 1 and everything["all"]["false_alarms"]["value"] == 1
    share = sum(map(sum, (case.wrong for case in bench.cases))) / sum(len(case.wrong) for case in bench.cases)
    assert everything["all"]["precision"]["value"] == pytest.approx(share)
    assert nothing["all"]["recall"]["value"] == 0 and nothing["all"]["precision"]["value"] is None
    assert nothing["kendall"]["value"] is None and "one value alone" in nothing["kendall"]["note"]


def test_the_nano_oracle_flags_what_is_planted(bench: Planted) -> None:
    world = domain_of("pocket")
    judge = ByOracle(world, world.hands().oracle(ASSETS / "nano" / "oracle", "cpu"))
    seen: list[int] = []
    found = trusted(judge, bench, lambda done, of: seen.append(done))
    assert seen[-1] == len(bench.cases)
    for kind, figures in found["kinds"].items():
        print(kind, figures["samples"], figures["precision"]["value"], figures["recall"]["value"])
    print("all", found["all"], found["spearman"], found["kendall"], found["named"])
    for kind in ("wrong colour", "missing companion", "no subject", "two subjects"):
        assert found["kinds"][kind]["recall"]["value"] > 0.95, kind
    assert found["kinds"]["wrong colour"]["recall"]["n"] == 48
    assert found["spearman"]["low"] > 0.9 and found["named"]["wrong"]["value"] > 0.9


def test_where_no_world_is_known_nothing_is_planted() -> None:
    with pytest.raises(ValueError, match="has no world whose truth is known"):
        planted(domain_of("plain"), 4, 0, SHAPE)
    with pytest.raises(ValueError, match="1 or more would"):
        planted(domain_of("pocket"), 0, 0, SHAPE)


def test_the_shipped_judge_asks_one_thing_at_a_time_and_is_trusted_as_far_as_the_page_says(bench: Planted) -> None:
    entry = load_registry().get("nano/teacher")
    judge = open_distilled(Opening(domain_of("pocket"), entry, ModelCache()))
    found = trusted(judge, bench)
    print("all", found["all"], found["spearman"], found["kendall"], found["named"])
    assert judge.key.startswith("distilled nano/judge ")
    for kind in ("wrong colour", "wrong place", "missing companion"):
        assert found["kinds"][kind]["recall"]["value"] > 0.85, kind
    assert found["spearman"]["low"] > 0.4 and found["named"]["wrong"]["value"] > 0.6
