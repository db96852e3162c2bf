"""ControlNets in requests, on the shipped nano layout: followed where they are on, kept by branches, one sentence each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from studio.jobs.jobs import Jobs
from studio.library.hint_uses import HintUse, uploads, with_files
from studio.library.models import load_registry
from studio.workshop.open_models import ModelCache
from tests.capabilities.control.test_control import execute
from tests.capabilities.scrub.test_branches import beliefs, branch_of
from tests.capabilities.scrub.test_scrub import execute as scrub

DRAW = {"prompt": "a red house", "pair": "nano/dmd2", "arms": ["teacher", "student"], "seeds": "0-1", "teacher_steps": 4}
LAYOUT = {"id": "nano/layout", "scene": 7}


@pytest.fixture(scope="module")
def warm() -> ModelCache:
    return ModelCache("cpu")


def pixels(jobs: Jobs, result: dict[str, Any], arm: str) -> np.ndarray:
    row = next(row for row in result["arms"] if row["arm"] == arm)
    return np.stack([np.asarray(Image.open(jobs.artifact(result["run"], image["path"]))) for image in row["images"]])


def test_a_hint_is_followed_where_it_is_on_and_leaves_nothing_behind(jobs: Jobs, warm: ModelCache) -> None:
    bare = execute(jobs, warm, "compare", **DRAW)
    both = execute(jobs, warm, "compare", **DRAW, hints=[LAYOUT])
    student = execute(jobs, warm, "compare", **DRAW, hints=[{**LAYOUT, "on": "student"}])
    off = execute(jobs, warm, "compare", **DRAW, hints=[{**LAYOUT, "weight": 0}])
    for arm in ("teacher", "student"):
        assert (pixels(jobs, both, arm) != pixels(jobs, bare, arm)).any()
        assert (pixels(jobs, off, arm) == pixels(jobs, bare, arm)).all()
    assert (pixels(jobs, student, "teacher") == pixels(jobs, bare, "teacher")).all()
    assert (pixels(jobs, student, "student") == pixels(jobs, both, "student")).all()
    assert warm.model(load_registry(jobs.paths).get("nano/teacher")).control_names == ()
    hint = np.asarray(Image.open(jobs.artifact(both["run"], "artifacts/hints/nano-layout.png")))
    assert hint.shape == (32, 32, 3) and hint[..., 0].max() > 200, "a red subject"
    assert both["hints"] == [{"id": "nano/layout", "weight": 1.0, "on": "all", "scene": 7, "picture": ""}]


def test_a_picture_that_was_brought_is_followed_as_the_scene_is(jobs: Jobs, warm: ModelCache) -> None:
    rendered = execute(jobs, warm, "compare", **DRAW, hints=[LAYOUT])
    uploads(jobs.paths).mkdir()
    Image.open(jobs.artifact(rendered["run"], "artifacts/hints/nano-layout.png")).save(uploads(jobs.paths) / "mine.png")
    brought = execute(jobs, warm, "compare", **DRAW, hints=[{"id": "nano/layout", "picture": "mine.png"}])
    assert (pixels(jobs, brought, "student") == pixels(jobs, rendered, "student")).all()


def test_branches_and_control_runs_keep_the_hint(jobs: Jobs, warm: ModelCache) -> None:
    drawn = scrub(jobs, warm, draw={**DRAW, "arms": ["teacher"], "hints": [LAYOUT]})
    again = scrub(jobs, warm, source=drawn, branches=[{"arm": "teacher", "step": 1}])
    name = branch_of(jobs, again)
    assert all(torch.equal(a, b) for a, b in zip(beliefs(jobs, again, name), beliefs(jobs, drawn, "teacher"), strict=True))
    further = scrub(jobs, warm, source=again, branches=[{"arm": name, "step": 2}])
    assert all(torch.equal(a, b) for a, b in zip(beliefs(jobs, further, branch_of(jobs, further)),
                                                 beliefs(jobs, drawn, "teacher"), strict=True))  # fmt: skip
    one = {**DRAW, "arms": ["student"]}
    varied = execute(jobs, warm, "control", draw={**one, "hints": [LAYOUT]}, vary="nano/size", strengths=[0])
    plain = execute(jobs, warm, "compare", **one, hints=[LAYOUT])
    path = varied["cells"][0]["images"][0]["path"]
    assert (np.asarray(Image.open(jobs.artifact(varied["run"], path))) == pixels(jobs, plain, "student")[0]).all()


@pytest.mark.parametrize(
    ("hint", "sentence"),
    [
        ({"id": "nano/layout"}, "follows one picture"),
        ({"id": "nano/layout", "scene": 1, "picture": "a.png"}, "follows one picture"),
        ({"id": "nano/none", "scene": 1}, "There is no ControlNet 'nano/none'"),
        ({"id": "nano/layout", "picture": "../a.png"}, "without a path"),
        ({"id": "nano/layout", "picture": "gone.png"}, "gone.png is not among the uploads"),
        ({"id": "nano/layout", "scene": 1, "weight": 3}, "weight is 3; at most 2 fits"),
        ("nano/layout=1@student", "id=weight@steps#scene"),
        ("nano/layout=much#7", "'much' is not a weight"),
    ],
)
def test_what_does_not_fit_is_one_sentence(jobs: Jobs, hint: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        jobs.submit("compare", {**DRAW, "hints": [hint]})


def test_another_size_is_refused(jobs: Jobs) -> None:
    with pytest.raises(ValueError, match="nano/layout is for models of the domain pocket that draw 32 pixels"):
        jobs.submit("compare", {**DRAW, "pair": "pocket/dmd2", "hints": [LAYOUT]})


def test_a_file_that_is_no_picture_is_one_sentence(jobs: Jobs, warm: ModelCache, tmp_path: Path) -> None:
    from studio.worker import run_job

    uploads(jobs.paths).mkdir()
    (uploads(jobs.paths) / "bad.png").write_bytes(b"no picture")
    run_id = jobs.submit("compare", {**DRAW, "hints": [{"id": "nano/layout", "picture": "bad.png"}]})
    state, note = run_job(jobs.paths.run(run_id), models=warm, registry=load_registry(jobs.paths))
    assert (state, note) == ("failed", "bad.png is not a picture that can be read; a PNG or JPEG would fit.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nano/layout#7", {"id": "nano/layout", "scene": 7}),
        ("nano/layout=0.5@student#12", {"id": "nano/layout", "weight": 0.5, "on": "student", "scene": 12}),
        ("nano/layout#sketch.png", {"id": "nano/layout", "picture": "sketch.png"}),
    ],
)
def test_text_is_read(text: str, expected: dict[str, Any]) -> None:
    assert HintUse.model_validate(text) == HintUse.model_validate(expected)


def test_the_command_line_brings_a_picture(jobs: Jobs, tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), "red").save(tmp_path / "sketch.png")
    ready = with_files(jobs.paths, [f"nano/layout#{tmp_path / 'sketch.png'}", "nano/layout#7"])
    name = HintUse.model_validate(ready[0]).picture
    assert (uploads(jobs.paths) / name).is_file() and name.endswith(".png")
    assert ready[1] == "nano/layout#7"
    with pytest.raises(ValueError, match="'gone.png' is not there"):
        with_files(jobs.paths, ["nano/layout#gone.png"])
