"""Runs with a negative prompt: drawn, said where it does nothing, and kept for branches."""

from __future__ import annotations

import pytest
import torch

from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.library.trace_header import read_header
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from studio.workshop.traces import Trace
from tests.support.fixtures import PAIR

REQUEST = {"prompt": "a red house", "pair": PAIR, "seeds": "0-1", "teacher_steps": 3, "arms": ["teacher", "student"]}


@pytest.fixture(scope="module")
def warm() -> ModelCache:
    return ModelCache("cpu")


def execute(studio: Jobs, warm: ModelCache, kind: str, request: dict) -> str:
    run_id = studio.submit(kind, request)
    run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths))
    return run_id


def beliefs(studio: Jobs, run_id: str, arm: str) -> torch.Tensor:
    return Trace(read_header(studio.paths.run(run_id), arm)).beliefs(2)


def test_guided_arms_read_it_and_the_others_are_named(studio: Jobs, warm: ModelCache) -> None:
    plain, led = (execute(studio, warm, "compare", {**REQUEST, **more}) for more in ({}, {"negative": "snow at night"}))
    assert not torch.equal(beliefs(studio, plain, "teacher"), beliefs(studio, led, "teacher"))
    assert torch.equal(beliefs(studio, plain, "student"), beliefs(studio, led, "student"))
    result = studio.result(led)
    assert result is not None and result["request"]["negative"] == "snow at night"
    assert "The negative prompt does not change student, where no step is guided." in result["notices"]
    assert "negative" not in (studio.result(plain) or {})["request"]
    idle = studio.result(execute(studio, warm, "compare", {**REQUEST, "arms": ["student"], "negative": "an astronaut"}))
    assert idle is not None and "The negative prompt does not change anything, as no step is guided." in idle["notices"]
    assert any(said.startswith("In the negative prompt: “astronaut” is not a word this model knows") for said in idle["notices"])


def test_a_branch_is_led_away_from_the_same(studio: Jobs, warm: ModelCache) -> None:
    first = execute(studio, warm, "scrub", {"draw": {**REQUEST, "arms": ["teacher"], "negative": "snow"}})
    branch = {"arm": "teacher", "step": 1, "guidance": 4.0}  # the teacher's own: nothing is changed
    run_id = execute(studio, warm, "scrub", {"source": first, "branches": [branch]})
    (name,) = (studio.result(run_id) or {})["branches"]
    assert read_header(studio.paths.run(run_id), name).negative == "snow"
    assert torch.equal(beliefs(studio, run_id, name), beliefs(studio, run_id, "teacher"))


def test_one_that_is_too_long_is_refused(studio: Jobs) -> None:
    with pytest.raises(ValueError, match="The negative prompt has 2,001 characters; at most 2,000 fit"):
        studio.submit("compare", {**REQUEST, "negative": "x" * 2001})
