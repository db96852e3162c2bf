"""The kind `scrub` on a tiny pair of real diffusers folders: pictures of every step, branches, what is stored how often."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from studio.capabilities.scrub.work import coarse_to_fine
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.library.trace_header import read_header, traced
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from studio.workshop.traces import open_trace
from tests.support.fixtures import PAIR, states

DRAW = {"prompt": "a red house at night", "pair": PAIR, "seeds": "0-2", "teacher_steps": 7,
        "arms": ["teacher", "student", "hybrid-1", "hybrid-2"]}  # fmt: skip


@pytest.fixture(scope="module")
def warm() -> ModelCache:
    """Models stay open over the tests of this file, as they do in a worker."""
    return ModelCache("cpu")


def execute(studio: Jobs, warm: ModelCache, kind: str = "scrub", **request: Any) -> str:
    run_id = studio.submit(kind, request)
    run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths))
    assert states(studio, run_id)[-1] == "done", (studio.paths.run(run_id) / "log.txt").read_text()
    return run_id


def events(studio: Jobs, run_id: str, kind: str) -> list[dict[str, Any]]:
    return [event for event in studio.tail(run_id)[0] if event["kind"] == kind]


def calls(warm: ModelCache) -> int:
    """Network calls of the tiny pair so far."""
    return sum(warm._open[name].thing.denoiser.calls for name in ("tiny/teacher", PAIR) if name in warm._open)


@pytest.fixture
def compared(studio: Jobs, warm: ModelCache) -> str:
    return execute(studio, warm, "compare", **DRAW)


def test_every_step_of_every_arm_gets_its_picture(studio: Jobs, warm: ModelCache) -> None:
    run_id = execute(studio, warm, draw=DRAW)
    folder = studio.paths.run(run_id)
    assert traced(folder) == DRAW["arms"]
    for arm in DRAW["arms"]:
        header = read_header(folder, arm)
        assert len(header.moments) == (7 if arm == "teacher" else 4)
        for moment in header.moments:
            strip = Image.open(studio.artifact(run_id, moment.strip))
            assert strip.size == (3 * 16, 16)
    frames = events(studio, run_id, "frame")
    assert sorted((f["arm"], f["step"]) for f in frames) == sorted(
        (arm, step) for arm in DRAW["arms"] for step in range(7 if arm == "teacher" else 4)
    )
    assert [f["step"] for f in frames[:8]] == [6, 3, 3, 3, 0, 0, 0, 0]  # ends of all arms, then beginnings
    steps = {event["arm"]: event for event in events(studio, run_id, "steps")}
    levels = [step["level"] for step in steps["teacher"]["steps"]]
    assert levels == sorted(levels, reverse=True)
    assert [step["model"] for step in steps["hybrid-1"]["steps"]] == ["tiny/teacher", PAIR, PAIR, PAIR]
    result = studio.result(run_id)
    assert result is not None
    assert [row["arm"] for row in result["rows"]] == DRAW["arms"]
    assert {row["arm"] for row in result["arms"]} == set(DRAW["arms"])  # the comparison's figures are kept
    assert result["root"] == run_id


def test_the_decision_timeline_comes_with_it(studio: Jobs, warm: ModelCache) -> None:
    run_id = execute(studio, warm, draw=DRAW)
    (event,) = events(studio, run_id, "timeline")
    table = json.loads(studio.artifact(run_id, event["file"]).read_bytes())
    assert table["kind"] == "oracle"
    stated = {factor["name"]: factor["stated"] for factor in table["factors"]}
    assert (stated["subject"], stated["color"], stated["position"]) == ("house", "red", None)
    for arm in DRAW["arms"]:
        steps = 7 if arm == "teacher" else 4
        for curve in table["arms"][arm]["factors"].values():
            assert len(curve["equal"]) == len(curve["chance"]) == steps
            assert curve["equal"][-1] == 1
            final = curve["labels"][-1]
            by_hand = [np.mean([now == end for now, end in zip(row, final, strict=True)]) for row in curve["labels"]]
            assert curve["equal"] == pytest.approx(by_hand, abs=1e-3)
            for seed, commit in enumerate(curve["commit"]):
                assert all(row[seed] == final[seed] for row in curve["labels"][commit:])
                assert commit == 0 or curve["labels"][commit - 1][seed] != final[seed]
        assert table["arms"][arm]["distance"]["q50"][-1] == 0
    for row in table["vanished"]:
        labels = table["arms"][row["arm"]]["factors"][row["factor"]]["labels"]
        values = next(factor["values"] for factor in table["factors"] if factor["name"] == row["factor"])
        assert values[labels[row["strongest"]][row["seed"]]] == row["value"] != row["end"]


def test_an_earlier_comparison_is_scrubbed_without_drawing_it_again(studio: Jobs, warm: ModelCache, compared: str) -> None:
    before = calls(warm)
    run_id = execute(studio, warm, source=compared)
    assert calls(warm) == before  # not one network evaluation
    first, second = studio.paths.run(compared), studio.paths.run(run_id)
    for arm in DRAW["arms"]:
        name = f"trace/{arm}.safetensors"
        assert os.stat(first / name).st_ino == os.stat(second / name).st_ino  # stored once
    preview = events(studio, compared, "preview")[0]["strip"]
    assert os.stat(first / preview).st_ino == os.stat(second / preview).st_ino
    shutil.rmtree(first)
    assert all(studio.artifact(run_id, frame["strip"]).is_file() for frame in events(studio, run_id, "frame"))
    assert open_trace(second, "teacher").beliefs(6).shape == (3, 4, 8, 8)
    assert studio.result(run_id)["root"] == compared  # type: ignore[index]


def test_the_same_pictures_whether_drawn_for_this_or_before(studio: Jobs, warm: ModelCache, compared: str) -> None:
    apart, at_once = execute(studio, warm, source=compared), execute(studio, warm, draw=DRAW)
    for arm in DRAW["arms"]:
        for moment in read_header(studio.paths.run(at_once), arm).moments:
            assert studio.artifact(apart, moment.strip).read_bytes() == studio.artifact(at_once, moment.strip).read_bytes()
    tables = [studio.artifact(run, "artifacts/timeline.json").read_bytes() for run in (apart, at_once)]
    one, two = (json.loads(table)["arms"]["teacher"]["factors"] for table in tables)
    assert one == two


def test_noisy_states_are_made_on_request_without_a_network(studio: Jobs, warm: ModelCache, compared: str) -> None:
    before = calls(warm)
    run_id = execute(studio, warm, source=compared, states=True)
    assert calls(warm) == before
    made = events(studio, run_id, "noisy")
    assert len(made) == 7 + 3 * 4
    first = {event["arm"]: event["strip"] for event in made if event["step"] == 0}
    assert all(Image.open(studio.artifact(run_id, strip)).size == (48, 16) for strip in first.values())


def test_a_cancelled_scrub_keeps_what_was_finished_and_another_one_goes_on_from_it(
    studio: Jobs, warm: ModelCache, compared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.capabilities.scrub import work

    made = 0
    decode = work.Frames.add

    def five(self: Any, moment: Any, images: Any) -> str:
        nonlocal made
        made += 1
        if made == 5:
            (self.job.folder / "cancel").touch()
        return decode(self, moment, images)

    for file in (studio.paths.run(compared) / "artifacts").rglob("step-*.jpg"):
        file.unlink()
    run_id = studio.submit("scrub", {"source": compared})
    with monkeypatch.context() as patched:
        patched.setattr(work.Frames, "add", five)
        run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths))
    assert states(studio, run_id)[-1] == "cancelled"
    again = execute(studio, warm, source=run_id)
    have = sum(len(event["have"]) for event in events(studio, again, "steps"))
    assert have >= 5


def test_models_without_an_oracle_get_distances(studio: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_PERCEPTUAL", "none")  # whatever encoder this machine may have
    for file in studio.paths.models.glob("*.yaml"):
        entry = json.loads(file.read_text())
        file.write_text(json.dumps({**entry, "domain": "photos", "oracle": None}))
    run_id = execute(studio, warm, draw={**DRAW, "arms": ["teacher", "student"]})
    table = json.loads(studio.artifact(run_id, "artifacts/timeline.json").read_bytes())
    assert (table["kind"], table["factors"]) == ("latent", [])
    curve = table["arms"]["teacher"]["distance"]["q50"]
    assert len(curve) == 7
    assert curve[-1] == 0 < curve[0]
    header = read_header(studio.paths.run(run_id), "teacher")
    rows = torch.stack([open_trace(studio.paths.run(run_id), "teacher").beliefs(i) for i in range(7)]).flatten(2).double()
    own = (rows - rows[-1:]).norm(dim=-1)
    assert [own[i].median() >= own[6].median() for i in range(7)]
    assert len(table["arms"]["teacher"]["distance"]["commit"]) == len(header.seeds)


def test_one_seed_is_enough(studio: Jobs, warm: ModelCache) -> None:
    run_id = execute(studio, warm, draw={**DRAW, "seeds": [5], "arms": ["student"]})
    assert json.loads(studio.artifact(run_id, "artifacts/timeline.json").read_bytes())["arms"]["student"]["factors"]


@pytest.mark.parametrize("n", [1, 2, 3, 5, 50])
def test_coarse_to_fine_visits_everything_once_and_soon_everywhere(n: int) -> None:
    order = coarse_to_fine({"a": n, "b": 4})
    assert sorted(order) == sorted([("a", i) for i in range(n)] + [("b", i) for i in range(4)])
    assert order[:2] == [("a", n - 1), ("b", 3)]
    early = sorted(i for arm, i in order[: len(order) // 2] if arm == "a")
    assert n < 50 or max(b - a for a, b in zip(early, early[1:], strict=False)) <= 4


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({}, "give one of draw and source"),
        ({"draw": DRAW, "source": "20260131-093000-123-abcdef"}, "give one of draw and source"),
        ({"source": "../../etc"}, "is not a run id"),
        ({"source": "20260131-093000-123-abcdef"}, "There is no run 20260131-093000-123-abcdef"),
        ({"draw": {**DRAW, "seeds": 64, "teacher_steps": 100}}, "7,168 pictures"),
        ({"draw": DRAW, "branches": [{"arm": "teecher", "step": 1}]}, "Did you mean 'teacher'?"),
        ({"draw": DRAW, "branches": [{"arm": "teacher", "step": 7}]}, "has no step 7; 0 to 6"),
        ({"draw": DRAW, "branches": [{"arm": "teacher", "step": -1}]}, "at least 0"),
        ({"draw": DRAW, "branches": [{"arm": "teacher", "step": 1, "model": "tiny/none"}]}, "no model 'tiny/none'"),
        ({"draw": DRAW, "branches": [{"arm": "teacher", "step": 1, "model": "nano/teacher"}]}, "draws other pictures"),
        ({"draw": DRAW, "branches": [{"arm": "teacher", "step": 1, "guidance": 99}]}, "at most 50"),
        ({"draw": DRAW, "branches": [{"arm": "teacher", "step": 1, "prompt": "x" * 2400}]}, "at most 2,000"),
        ({"draw": DRAW, "branches": [{"arm": "teacher", "step": 1, "colour": 1}]}, "colour"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_sentence_before_anything_runs(studio: Jobs, request_: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as error:
        studio.submit("scrub", request_)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert studio.list() == []


def test_a_run_whose_states_were_not_kept_says_so(studio: Jobs, compared: str) -> None:
    for file in (studio.paths.run(compared) / "trace").glob("*"):
        file.unlink()
    with pytest.raises(ValueError, match="were not kept; draw it again"):
        studio.submit("scrub", {"source": compared})
