"""Measures found by scanning: what one is given, what becomes of it in results, in studies, and where it cannot be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from studio.core.domain import Factor
from studio.library.shown_measures import tip, titled
from studio.metrics.interval import Interval
from studio.metrics.measures import MEASURES, Sample, in_order, measure
from studio.metrics.pooled_measures import pooled_measures
from studio.metrics.proportion import wilson
from studio.metrics.report import measure as report

Factors = Mapping[str, Factor]


@pytest.fixture
def register() -> Iterator[Any]:
    known = set(MEASURES.all())
    yield measure
    for name in set(MEASURES.all()) - known:
        del MEASURES._members[name]


def test_those_of_the_folder_have_no_column() -> None:
    assert [one.name for one in in_order()] == ["pairwise", "vendi", "fd_oracle", "fd_oracle_n", "precision", "recall"]
    assert in_order(titled=True) == []


def test_one_with_a_title_says_how_it_is_shown(register: Any, readings: Any, factors: Factors) -> None:
    @register("calm", title="Calm", about="share of calm", percent=True, better="higher")
    def calm(sample: Sample) -> Interval:
        return wilson(int((sample.readings.labels["mood"] == 0).sum()), len(sample.gate))

    found = report({"teacher": readings(12, seed=0), "student": readings(12, seed=1)}, {}, factors, n_boot=20)
    shown = titled(measures for measures in found.values())
    assert list(shown) == ["calm"] and tip(shown["calm"]) == "share of calm; higher is better"
    assert found["student"]["calm"]["title"] == "Calm" and found["student"]["calm"]["low"] < found["student"]["calm"]["value"]


def test_what_a_measure_needs_and_is_not_there_is_its_note(register: Any, readings: Any, factors: Factors) -> None:
    @register("same", title="Same", needs=("teacher",))
    def same(sample: Sample) -> float:
        assert sample.teacher is not None
        return float((sample.readings.labels["mood"] == sample.teacher.labels["mood"]).double().mean())

    alone = report({"student": readings(12, seed=1)}, {}, factors, n_boot=20)["student"]["same"]
    assert (alone["value"], alone["note"]) == (None, "no teacher on the same seeds")
    both = report({"teacher": readings(12, seed=1), "student": readings(12, seed=1)}, {}, factors, n_boot=20)
    assert both["student"]["same"]["value"] == 1.0
    unlike = report({"teacher": readings(5, seed=1), "student": readings(12, seed=1)}, {}, factors, n_boot=20)
    assert unlike["student"]["same"]["note"] == "no teacher on the same seeds"


def test_what_cannot_be_computed_has_a_note_and_never_nan(register: Any, readings: Any, factors: Factors) -> None:
    @register("refuses", title="Refuses")
    def refuses(sample: Sample) -> float:
        raise ValueError("Two kinds are needed.")

    @register("nowhere", title="Nowhere")
    def nowhere(sample: Sample) -> float:
        return float("nan")

    found = report({"student": readings(12, seed=1)}, {}, factors, n_boot=20)["student"]
    assert (found["refuses"]["value"], found["refuses"]["note"]) == (None, "Two kinds are needed.")
    assert (found["nowhere"]["value"], found["nowhere"]["note"]) == (None, "it is not finite")


@pytest.mark.parametrize("prompts", [1, 2, 6])
def test_a_study_has_the_mean_over_prompts(register: Any, readings: Any, factors: Factors, prompts: int) -> None:
    @register("calm", title="Calm", percent=True)
    def calm(sample: Sample) -> Interval:
        return wilson(int((sample.readings.labels["mood"] == 0).sum()), len(sample.gate))

    per_prompt = {f"p{i}": {"teacher": readings(40, seed=i)} for i in range(prompts)}
    found = pooled_measures(per_prompt, dict.fromkeys(per_prompt, {}), factors, {})["teacher"]["calm"]
    each = [wilson(int((arms["teacher"].labels["mood"] == 0).sum()), 40) for arms in per_prompt.values()]
    assert found["value"] == pytest.approx(sum(one.value or 0.0 for one in each) / prompts)
    assert 0 <= found["low"] < found["value"] < found["high"] <= 1
    if prompts < 4:  # about these prompts alone, as wide as if all moved together
        reach = sum((one.high or 0.0) - (one.low or 0.0) for one in each) / prompts
        assert found["high"] - found["low"] == pytest.approx(reach, rel=0.15)


def test_a_study_of_figures_without_intervals_has_none_for_few_prompts(register: Any, readings: Any, factors: Factors) -> None:
    @register("mean", title="Mean")
    def mean(sample: Sample) -> float:
        return float(sample.features.mean())

    some = {f"p{i}": {"teacher": readings(12, seed=i)} for i in range(6)}
    few = dict(list(some.items())[:2])
    assert pooled_measures(few, dict.fromkeys(few, {}), factors, {})["teacher"]["mean"]["low"] is None
    many = pooled_measures(some, dict.fromkeys(some, {}), factors, {})["teacher"]["mean"]
    assert many["low"] < many["value"] < many["high"]


def test_without_a_measure_to_show_studies_have_nothing_more(readings: Any, factors: Factors) -> None:
    assert pooled_measures({"p": {"teacher": readings(12, seed=0)}}, {"p": {}}, factors, {}) == {}
