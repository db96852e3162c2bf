"""Unlearning as a job: requests, runs to the end by every method, off and on again, the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from studio.capabilities.unlearn import work
from studio.capabilities.unlearn.request import UnlearnRequest
from studio.cli.app import app
from studio.jobs.jobs import Jobs
from studio.jobs.paths import PRESETS
from studio.jobs.spec_file import read_spec_file
from studio.library.adapters import load_adapters
from studio.methods.unlearn import UNLEARN
from studio.metrics.proportion import wilson
from studio.workshop import arms_measured
from studio.workshop.training import with_and_without
from tests.capabilities.distill.test_distill import assert_equal, checkpoint, here, of_kind
from tests.capabilities.sliders.test_slider import hall, pair  # noqa: F401 - fixtures
from tests.support.fixtures import PAIR

SMALL: dict[str, Any] = {"batch": 2, "retained": 2}
CASES = [(base, name) for name in sorted(UNLEARN.all()) for base in ("tiny/teacher", PAIR)
         if not UNLEARN.get(name).models or base == PAIR]  # fmt: skip


def request(**fields: Any) -> dict[str, Any]:
    method = fields.get("method", "concept-ablation")
    settings = {} if method == "uce" else {**SMALL, **({"looked_at": 1} if method == "salun" else {})}
    return {"name": "no-cat", "base": PAIR, "forget": "cat", "method": method, "steps": 4, "n_prompts": 6, "measure_seeds": 8,
            "measure_every": 4, "settings": settings, **fields}  # fmt: skip


@pytest.fixture
def studio(hall: Jobs, monkeypatch: pytest.MonkeyPatch) -> Jobs:  # noqa: F811
    monkeypatch.setattr(arms_measured, "TEACHER_STEPS", 2)
    return hall


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "../x"}, "The name '../x' does not fit"),
    ({"base": "tiny/teachr"}, "Did you mean 'tiny/teacher'?"),
    ({"forget": ""}, "Nothing was named that should be forgotten; cat would fit."),
    ({"forget": "dragon"}, "'dragon' names nothing that Pocket World knows"),
    ({"keep": "cat"}, "'cat' is to be forgotten and to be kept"),
    ({"becomes": "cat"}, "'cat' was to become 'cat', which is the same"),
    ({"method": "ucee"}, "There is no method of unlearning 'ucee'. Did you mean 'uce'?"),
    (
        {"method": "sfd", "base": "tiny/teacher"},
        "The method sfd is for distilled students, and tiny/teacher is a teacher; uce would fit.",
    ),
    ({"settings": {"rank": 0}}, "rank is 0; at least 1 fits."),
    ({"prompts": ["a cat by day"]}, "The line 'a cat by day' is no pair of prompts; a cat by day => a house by day would fit."),
    ({"prompts": ["a cat => a cat"]}, "has the same prompt twice"),
    ({"steps": 0}, "steps is 0; at least 1 fits."),
    ({"stop_at": 1.5}, "stop_at is 1.5; less than 1 fits."),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED)
def test_a_request_that_does_not_fit_is_refused_in_one_sentence(studio: Jobs, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:
        studio.submit("unlearn", request(**fields))
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(("base", "method"), CASES)
def test_a_run_forgets_shows_measures_and_lists_an_adapter(studio: Jobs, base: str, method: str) -> None:
    run_id = studio.submit("unlearn", request(base=base, method=method, sample_every=2))
    assert studio.get(run_id).title == f"no-cat: {base} forgets 'cat' by {method}"
    assert here(studio, run_id) == ("done", "")
    strips = of_kind(studio, run_id, "strip")
    assert [s["step"] for s in strips] == ([0, 1] if method == "uce" else [0, 2, 4])
    assert (strips[0]["columns"], strips[0]["count"]) == (["untouched", "asked to forget"], 16)
    result = studio.result(run_id)
    assert result is not None
    assert (result["adapter"], result["method"], result["notices"]) == ("mine/no-cat", method, [])
    assert result["concepts"] == [
        {"words": "cat", "becomes": "house", "stated": {"subject": "cat"}, "instead": {"subject": "house"}}
    ]
    arms = [row["arm"] for row in result["forgotten"]]
    assert arms[0] == ("teacher" if base == "tiny/teacher" else PAIR) and set(arms) == {"teacher", PAIR, "hybrid-1"}
    for row in result["forgotten"]:
        assert row["hit"]["n"] == row["hit_before"]["n"] == 16, "eight in plain words, eight in other words"
        kinds = [row["plain"], row["other_words"]]
        assert all(kind[side]["n"] == 8 for kind in kinds for side in ("before", "after", "forgotten"))
        assert sum(kind["after"]["value"] for kind in kinds) / 2 == pytest.approx(row["hit"]["value"])
        assert row["least_forgotten"] == min((kind["forgotten"] for kind in kinds), key=lambda one: one["low"])
        assert [line["name"] for line in row["matrix"] if line["part"] == "forgotten"] == ["cat, plain words", "cat, other words"]
        assert row["hit"]["value"] + row["forgotten"]["value"] == pytest.approx(1)
        parts = {line["part"] for line in row["matrix"]}
        assert parts == {"forgotten", "in its domain", "across domains"}
        assert all(line["before"]["n"] == line["after"]["n"] == line["n"] for line in row["matrix"])
        assert sum(one["share"]["value"] for one in row["went"]) == pytest.approx(1)
    wall = of_kind(studio, run_id, "wall")[-1]
    assert wall["step"] == result["step"] and [one["name"] for one in wall["blocks"]][0] == "forgotten"
    for one in wall["blocks"]:
        assert studio.artifact(run_id, one["strip"]).is_file() and 0 < len(one["prompts"]) <= 16
        order = [(not wrong, wrong and was) for wrong, was in zip(one["wrong"], one["was_wrong"], strict=True)]
        assert order == sorted(order) and one["failed"] >= sum(one["wrong"])
    entry = load_adapters(studio.paths).get("mine/no-cat")
    assert (entry.card["kind"], entry.card["attribute"], entry.run) == ("forgetting", "cat", run_id)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["concept-ablation", "salun", "mace", "sfd"])
def test_a_run_that_is_stopped_ends_as_one_that_was_not(studio: Jobs, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fields: dict[str, Any] = {"measure_every": 0, "method": method, "forget": "cat, boat"}
    straight = studio.submit("unlearn", request(name="straight", sample_every=0, **fields))
    assert here(studio, straight) == ("done", "")
    run_id = studio.submit("unlearn", request(name="broken-off", sample_every=2, **fields))
    real = with_and_without.samples

    def stopping(*args: Any, **how: Any) -> Any:
        if len(of_kind(studio, run_id, "strip")) == 1:
            studio.stop(run_id)
        return real(*args, **how)

    monkeypatch.setattr(with_and_without, "samples", stopping)
    assert here(studio, run_id)[0] == "stopped"
    monkeypatch.setattr(with_and_without, "samples", real)
    studio.resume(run_id)
    assert here(studio, run_id) == ("done", "")
    assert_equal(checkpoint(studio, run_id), checkpoint(studio, straight))


def test_it_ends_once_enough_is_forgotten(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(self: work.ForgettingMeasurement, seen: Any) -> torch.Tensor:
        return torch.zeros(len(self.pairs), dtype=torch.bool)

    monkeypatch.setattr(work.ForgettingMeasurement, "shown", nothing)
    run_id = studio.submit("unlearn", request(steps=6, measure_every=2, stop_at=0.5))
    assert here(studio, run_id) == ("done", "")
    result = studio.result(run_id)
    assert result is not None and result["step"] == 2
    assert "no longer show it, in the words that still show it most, is 100%" in result["notices"][0]


def test_it_goes_on_while_one_kind_of_words_still_shows_it(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of all pictures no longer show it, surely more than the goal; but in plain words all of them do."""

    def plainly(self: work.ForgettingMeasurement, seen: Any) -> torch.Tensor:
        return self.plain.clone()

    monkeypatch.setattr(work.ForgettingMeasurement, "shown", plainly)
    run_id = studio.submit("unlearn", request(steps=4, measure_every=2, measure_seeds=32, stop_at=0.3))
    assert here(studio, run_id) == ("done", "")
    result = studio.result(run_id)
    assert result is not None and result["step"] == 4 and result["notices"] == []
    own = result["forgotten"][-1]
    assert own["forgotten"]["low"] > 0.3 and own["plain"]["forgotten"]["value"] == 0 and own["other_words"]["after"]["value"] == 0


def test_a_concept_without_other_words_has_one_row(studio: Jobs) -> None:
    run_id = studio.submit("unlearn", request(forget="star", method="uce"))
    assert here(studio, run_id) == ("done", "")
    result = studio.result(run_id)
    assert result is not None
    for row in result["forgotten"]:
        assert (row["plain"], row["other_words"], row["hit"]["n"]) == (None, None, 8)
        assert row["least_forgotten"] == row["forgotten"]
        assert [line["name"] for line in row["matrix"] if line["part"] == "forgotten"] == ["star"]


def test_as_many_pictures_as_are_measured_can_reach_the_goal() -> None:
    fields = UnlearnRequest.model_fields
    assert wilson(fields["measure_seeds"].default, fields["measure_seeds"].default).low > fields["stop_at"].default


def test_prompts_that_a_person_wrote_are_what_it_is_taught_by(studio: Jobs) -> None:
    from studio.library.models import load_registry

    entry = load_registry(studio.paths).get(PAIR)
    given = UnlearnRequest.model_validate(
        request(forget="cat, boat", prompts=["a boat at sea=>a car at sea", " a cat =>  a tree"])
    )
    assert [(one.forget, one.becomes, one.concept) for one in given.pairs(entry)] == [
        ("a boat at sea", "a car at sea", 1),
        ("a cat", "a tree", 0),
    ]


def test_one_command_forgets_and_says_what_is_left(studio: Jobs) -> None:
    words = ["unlearn", "cat", "--model", PAIR, "--becomes", "tree", "--method", "uce", "--set", "ridge=1", "--pictures", "8"]
    for name in ("no-cat", "no-cat-2"):
        told = CliRunner().invoke(app, [*words, "--json", "--data-dir", str(studio.paths.root), "--device", "cpu"])
        assert told.exception is None, told.output
        found = json.loads(told.stdout[told.stdout.index("{") :])
        assert found["result"]["adapter"] == f"mine/{name}" and found["result"]["request"]["settings"] == {"ridge": 1}
    told = CliRunner().invoke(
        app, ["adapters", "show", "mine/no-cat", "--data-dir", str(studio.paths.root)], env={"COLUMNS": "250"}
    )
    assert told.exception is None and "shown before" in told.output
    assert "in plain words" in told.output and "in other words" in told.output


@pytest.mark.parametrize("file", sorted((PRESETS / "jobs" / "unlearn").glob("*.yaml")), ids=lambda f: Path(f).stem)
def test_presets_are_whole_requests(studio: Jobs, file: Path) -> None:
    kind, fields = read_spec_file(file)
    asked = UnlearnRequest.model_validate(fields)
    assert kind == "unlearn" and asked.name == file.stem and file.stem.endswith(asked.method)
    studio.validate(kind, fields)
