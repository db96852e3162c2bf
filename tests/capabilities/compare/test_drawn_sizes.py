"""Compare, Scrub and Control in a size that is asked for, and a student whose own size is not its teacher's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from studio.core.explain import explain
from studio.core.weights import load_weights
from studio.jobs.jobs import Jobs
from studio.library.draw_request import CompareRequest, plans_for
from studio.library.models import load_registry
from studio.library.trace_header import read_header
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from tests.support.fixtures import PAIR

REQUEST = {"prompt": "a red house", "pair": PAIR, "seeds": "0-1", "teacher_steps": 3, "arms": ["teacher", "student", "hybrid-1"]}


@pytest.fixture(scope="module")
def warm() -> ModelCache:
    return ModelCache("cpu")


def execute(studio: Jobs, warm: ModelCache, kind: str, request: dict) -> str:
    run_id = studio.submit(kind, request)
    run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths))
    return run_id


def sides(studio: Jobs, run_id: str, path: str) -> tuple[int, int]:
    with Image.open(studio.artifact(run_id, path)) as picture:
        return picture.size


def test_every_arm_step_and_picture_has_the_size_that_was_asked_for(studio: Jobs, warm: ModelCache) -> None:
    run_id = execute(studio, warm, "compare", {**REQUEST, "size": "24 x 16"})
    result = studio.result(run_id)
    assert result is not None and result["request"]["size"] == "24x16"
    assert {sides(studio, run_id, image["path"]) for row in result["arms"] for image in row["images"]} == {(24, 16)}
    assert read_header(studio.paths.run(run_id), "hybrid-1").shape == (4, 8, 12)
    strips = [event for event in studio.tail(run_id)[0] if event["kind"] == "preview"]
    assert strips and {event["size"] for event in strips} == {24}  # square, on grey
    assert any("of the models' own size, and these are of another" in said for said in result["notices"])
    plain = execute(studio, warm, "compare", REQUEST)
    assert "size" not in (studio.result(plain) or {})["request"]
    whole = execute(studio, warm, "compare", {**REQUEST, "size": 16})  # the models' own
    own = [load_weights(studio.paths.run(one) / "trace" / "student.safetensors")[0]["x0"] for one in (plain, whole)]
    assert torch.equal(own[0], own[1])


def test_scrub_draws_and_branches_in_that_size(studio: Jobs, warm: ModelCache) -> None:
    first = execute(studio, warm, "scrub", {"draw": {**REQUEST, "arms": ["teacher"], "size": "16x24"}, "states": True})
    branch = {"arm": "teacher", "step": 1, "model": PAIR}
    run_id = execute(studio, warm, "scrub", {"source": first, "branches": [branch]})
    result = studio.result(run_id)
    assert result is not None
    (name,) = result["branches"]
    header = read_header(studio.paths.run(run_id), name)
    assert (header.shape or read_header(studio.paths.run(run_id), "teacher").shape) == (4, 12, 8)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (
            "18",
            "The size '18' does not fit; width × height in multiples of 4 pixels, up to 64 a side, would, like 16x16 or 20",
        ),
        ("large", "The size 'large' does not fit"),
        ("900x16", "like 64x16"),
    ],
)
def test_a_size_that_does_not_fit_is_refused_in_one_sentence(studio: Jobs, size: str, said: str) -> None:
    with pytest.raises(ValueError) as error:
        studio.submit("compare", {**REQUEST, "size": size})
    assert said in explain(error.value) and "\n" not in explain(error.value)


@pytest.fixture
def halved(studio: Jobs, weights: Path, tmp_path: Path) -> Jobs:
    """A student that draws half as high and wide as its teacher."""
    shutil.copytree(weights / "student", tmp_path / "half")
    config = tmp_path / "half" / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "sample_size": 4}))
    entry = {"id": "tiny/half", "title": "Half", "role": "student", "teacher": "tiny/teacher", "domain": "plain", "size": 8,
             "folder": str(tmp_path / "half")}  # fmt: skip
    (studio.paths.models / "half.yaml").write_text(json.dumps(entry))
    teacher = studio.paths.models / "teacher.yaml"
    teacher.write_text(json.dumps({**json.loads(teacher.read_text()), "domain": "plain"}))
    return studio


def test_a_student_of_another_size_draws_hybrids_in_its_own(halved: Jobs, warm: ModelCache) -> None:
    run_id = execute(halved, warm, "compare", {**REQUEST, "pair": "tiny/half"})
    result = halved.result(run_id)
    assert result is not None
    assert {sides(halved, run_id, image["path"]) for row in result["arms"] for image in row["images"]} == {(8, 8)}
    assert "Half draws 8 pixels and Tiny teacher 16; all arms draw in the student's size." in result["notices"]
    run_id = execute(halved, warm, "compare", {**REQUEST, "pair": "tiny/half", "size": "16", "arms": ["hybrid-1", "blend"]})
    result = halved.result(run_id)
    assert result is not None and not any("all arms draw" in said for said in result["notices"])
    assert {sides(halved, run_id, image["path"]) for row in result["arms"] for image in row["images"]} == {(16, 16)}
    branch = {"arm": "hybrid-1", "step": 2, "model": "tiny/teacher"}
    assert (halved.result(execute(halved, warm, "scrub", {"source": run_id, "branches": [branch]})) or {})["branches"]


def test_plans_of_a_pair_of_two_sizes_need_no_torch_and_no_size(halved: Jobs) -> None:
    registry = load_registry(halved.paths)
    request = CompareRequest.model_validate({**REQUEST, "pair": "tiny/half"}, context={"registry": registry})
    assert [plan.name for plan in plans_for(request, registry)] == REQUEST["arms"]
