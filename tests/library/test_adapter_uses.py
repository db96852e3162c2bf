"""Adapters in requests: as text, checked, on their steps, and in Compare and in branches of a scrub, on a tiny pair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from typer.testing import CliRunner

from studio.capabilities.scrub.request import Branch
from studio.cli.app import app
from studio.jobs.jobs import Jobs
from studio.library import adapters as shelf
from studio.library.adapter_uses import AdapterUse
from studio.library.models import load_registry
from studio.workshop.open_models import ModelCache
from tests.capabilities.compare.test_compare import execute as compare
from tests.capabilities.compare.test_compare import pixels
from tests.capabilities.lab.test_transfer import add_adapter
from tests.capabilities.scrub.test_branches import beliefs, branch_of
from tests.capabilities.scrub.test_scrub import calls, execute
from tests.support.fixtures import PAIR

TEACHER = "tiny/teacher"
ARMS = ["teacher", "student", "hybrid-1"]


@pytest.fixture(scope="module")
def warm() -> Iterator[ModelCache]:
    yield ModelCache("cpu")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pocket/size", ("pocket/size", 1.0, "all")),
        ("pocket/size=1.5", ("pocket/size", 1.5, "all")),
        ("pocket/size=−2@first", ("pocket/size", -2.0, "first")),
        ("mine/x@below:0.75", ("mine/x", 1.0, "below:0.75")),
        (" mine/x = .5 @ student ", ("mine/x", 0.5, "student")),
    ],
)
def test_text_is_read(text: str, expected: tuple[Any, ...]) -> None:
    use = AdapterUse.model_validate(text)
    assert (use.id, use.strength, use.on) == expected
    assert AdapterUse.model_validate(str(use)) == use


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("size=strong", "'strong' is not a strength; id=strength@steps"),
        ("a b c", "'a b c' is not an adapter; id=strength@steps"),
        ("x@frist", "There are no steps called 'frist'. Did you mean 'first'?"),
        ("x@below:lots", "There are no steps called 'below:lots'"),
        ("x=nan", "finite"),
        ("x=99", "less than or equal to 10"),
    ],
)
def test_what_does_not_fit_is_said(given: str, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence.replace("?", r"\?")):
        AdapterUse.model_validate(given)


@pytest.mark.parametrize(
    ("uses", "sentence"),
    [
        (["mine/none"], "There is no adapter 'mine/none'"),
        (["mine/big", "mine/big=2"], "The adapter mine/big is there twice; each counts once."),
        (["nano/size"], "nano/size is for models of 32 pixels, and tiny/teacher draws"),
    ],
)
def test_requests_are_checked_before_anything_is_drawn(studio: Jobs, warm: ModelCache, uses: list[str], sentence: str) -> None:
    add_adapter(studio, warm, "big", "size", 1)
    for kind, request in (
        ("compare", {"prompt": "a red house", "pair": PAIR, "adapters": uses}),
        ("scrub", {"draw": {"prompt": "a red house", "pair": PAIR, "adapters": uses}}),
    ):
        with pytest.raises(ValueError, match=sentence):
            studio.submit(kind, request)


@pytest.mark.slow
def test_a_comparison_draws_with_adapters_and_leaves_the_models_as_they_were(studio: Jobs, warm: ModelCache) -> None:
    add_adapter(studio, warm, "big", "size", 1)
    plain = compare(studio, warm, arms=ARMS)
    everywhere = compare(studio, warm, arms=ARMS, adapters=["mine/big=3"])
    student_only = compare(studio, warm, arms=ARMS, adapters="mine/big=3@student")
    off = compare(studio, warm, arms=ARMS, adapters=["mine/big=0"])
    for arm in ARMS:
        assert (pixels(studio, plain, arm) != pixels(studio, everywhere, arm)).any()
        assert (pixels(studio, plain, arm) == pixels(studio, off, arm)).all()
    assert (pixels(studio, plain, "teacher") == pixels(studio, student_only, "teacher")).all()
    assert (pixels(studio, everywhere, "student") == pixels(studio, student_only, "student")).all()
    assert (pixels(studio, everywhere, "hybrid-1") != pixels(studio, student_only, "hybrid-1")).any()
    assert warm.model(load_registry(studio.paths).get(TEACHER)).adapter_names == ()
    result = studio.result(student_only)
    assert result is not None
    assert result["adapters"]["mine/big"]["hash"]
    hybrid = next(row["plan"] for row in result["arms"] if row["arm"] == "hybrid-1")
    assert [bool(segment["adapters"]) for segment in hybrid["segments"]] == [False, True]


def test_noise_levels_choose_the_steps_and_an_adapter_that_is_nowhere_on_is_said(studio: Jobs, warm: ModelCache) -> None:
    add_adapter(studio, warm, "big", "size", 1)
    run_id = compare(studio, warm, arms=["student"], adapters=["mine/big=2@below:1.0"])
    result = studio.result(run_id)
    assert result is not None
    on = [(segment["timesteps"], bool(segment["adapters"])) for segment in result["arms"][0]["plan"]["segments"]]
    assert [worn for _, worn in on] == [False, True]
    never = studio.result(compare(studio, warm, arms=["student"], adapters=["mine/big=2@below:0.001"]))
    assert never is not None
    assert "mine/big +2 below noise level 0.001 is on in no step of what is drawn." in never["notices"]


def test_a_branch_changes_the_adapters_from_its_step_on(studio: Jobs, warm: ModelCache) -> None:
    add_adapter(studio, warm, "big", "size", 1)
    draw = {"prompt": "a red house at night", "pair": PAIR, "seeds": "0-1", "teacher_steps": 6, "arms": ["teacher"]}
    plain = execute(studio, warm, draw=draw)
    whole = execute(studio, warm, draw={**draw, "adapters": ["mine/big=3"]})
    before = calls(warm)
    late = execute(studio, warm, source=plain, branches=[{"arm": "teacher", "step": 2, "adapters": ["mine/big=3"]}])
    assert calls(warm) - before == 4
    ours, bare, worn = (beliefs(studio, run, arm) for run, arm in
                        ((late, branch_of(studio, late)), (plain, "teacher"), (whole, "teacher")))  # fmt: skip
    assert all(torch.equal(a, b) for a, b in zip(ours[:2], bare[:2], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(ours[2:], bare[2:], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(ours, worn, strict=True))
    from_start = execute(studio, warm, source=plain, branches=[{"arm": "teacher", "step": 0, "adapters": ["mine/big=3"]}])
    assert all(torch.equal(a, b) for a, b in zip(beliefs(studio, from_start, branch_of(studio, from_start)), worn, strict=True))
    kept = execute(studio, warm, source=whole, branches=[{"arm": "teacher", "step": 3}])
    assert all(torch.equal(a, b) for a, b in zip(beliefs(studio, kept, branch_of(studio, kept)), worn, strict=True))
    without = execute(studio, warm, source=whole, branches=[{"arm": "teacher", "step": 0, "adapters": []}])
    assert all(torch.equal(a, b) for a, b in zip(beliefs(studio, without, branch_of(studio, without)), bare, strict=True))
    with pytest.raises(ValueError, match="nano/size is for models of 32 pixels"):
        studio.submit("scrub", {"source": plain, "branches": [{"arm": "teacher", "step": 1, "adapters": ["nano/size"]}]})


def test_what_changed_is_said_in_a_branchs_name() -> None:
    assert Branch(arm="teacher", step=1, adapters=("mine/big=-2",)).changed == "mine/big −2"  # type: ignore[arg-type]
    assert Branch(arm="teacher", step=1, adapters=()).changed == "without adapters"
    assert Branch(arm="teacher", step=1).changed == "nothing changed"


def test_the_command_line_takes_adapters(studio: Jobs) -> None:
    wrong = CliRunner().invoke(app, ["compare", "a red house", "--pair", PAIR, "--adapter", "mine/none=1",
                                     "--data-dir", str(studio.paths.root)])  # fmt: skip
    assert "There is no adapter 'mine/none'" in str(wrong.exception)
    assert shelf.load_adapters(studio.paths).entries
