"""The kind `compare` on a tiny pair of real diffusers folders, executed in this process."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.domains.media.image import read_run
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from tests.support.fixtures import PAIR, states
from tests.support.folders import pretended

REQUEST = {"prompt": "a red house at night", "pair": PAIR, "seeds": "0-3", "teacher_steps": 10}


@pytest.fixture(scope="module")
def warm() -> ModelCache:
    """Models stay open over the tests of this file, as they do in a worker."""
    return ModelCache("cpu")


def execute(studio: Jobs, warm: ModelCache, **changes: object) -> str:
    run_id = studio.submit("compare", {**REQUEST, **changes})
    run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths))
    return run_id


def pixels(studio: Jobs, run_id: str, arm: str) -> np.ndarray:
    result = studio.result(run_id)
    assert result is not None
    row = next(row for row in result["arms"] if row["arm"] == arm)
    return np.stack([np.asarray(Image.open(studio.artifact(run_id, image["path"]))) for image in row["images"]])


def test_a_run_reports_what_the_page_needs(studio: Jobs, warm: ModelCache) -> None:
    arms = ["teacher", "student", "hybrid-1", "skip-first", "student-first", "mask-BSSB"]
    run_id = execute(studio, warm, arms=arms)
    events, _ = studio.tail(run_id)
    assert states(studio, run_id)[0] == "queued"
    assert states(studio, run_id)[-2:] == ["running", "done"]
    assert [event["n"] for event in events] == list(range(len(events)))
    assert [event["arm"] for event in events if event["kind"] == "arm"] == arms
    result = studio.result(run_id)
    assert result is not None
    assert [row["arm"] for row in result["arms"]] == arms
    assert {row["arm"]: row["nfe"] for row in result["arms"]} == {
        "teacher": 20, "student": 4, "hybrid-1": 4, "skip-first": 3, "student-first": 4, "mask-BSSB": 4,
    }  # fmt: skip
    for row in result["arms"]:
        assert [image["seed"] for image in row["images"]] == [0, 1, 2, 3]
        assert all(studio.artifact(run_id, image["path"]).is_file() for image in row["images"])
        assert row["seconds_per_image"] == pytest.approx(row["seconds"] / 4, abs=1e-4)
        assert {"accuracy", "diversity", "factors", "in_distribution"} <= row["measures"].keys()
    assert [entry["arm"] for entry in result["recovery"]] == arms[2:]
    assert all(entry["sentence"] and entry["holds"] for entry in result["recovery"])
    assert set(result["models"]) == {"tiny/teacher", PAIR}
    assert all(len(about["hash"]) == 12 for about in result["models"].values())


def test_progress_counts_network_evaluations_over_arms_and_seeds(studio: Jobs, warm: ModelCache) -> None:
    run_id = execute(studio, warm, arms=["teacher", "teacher-unguided", "student"])
    progress = [event for event in studio.tail(run_id)[0] if event["kind"] == "progress"]
    assert {event["total"] for event in progress} == {(20 + 10 + 4) * 4}
    done = [event["done"] for event in progress]
    assert done == sorted(done)
    assert done[0] == 8
    assert done[-1] == progress[0]["total"]
    assert [event["step"] for event in progress if event["arm"] == "student"] == [1, 2, 3, 4]
    assert progress[-1]["eta_s"] == 0


def test_previews_are_every_step_of_few_and_every_third_of_many(studio: Jobs, warm: ModelCache) -> None:
    run_id = execute(studio, warm, arms=["teacher", "student"])
    previews = [event for event in studio.tail(run_id)[0] if event["kind"] == "preview"]
    assert [event["step"] for event in previews if event["arm"] == "student"] == [1, 2, 3, 4]
    assert [event["step"] for event in previews if event["arm"] == "teacher"] == [1, 4, 7, 10]
    for event in previews:
        strip = Image.open(studio.artifact(run_id, event["strip"]))
        assert strip.format == "JPEG"
        assert strip.size == (event["count"] * event["size"], event["size"])
        assert event["level"] > 0
        assert event["t"] >= 0
        assert event["model"] in ("tiny/teacher", PAIR)
    silent = execute(studio, warm, arms=["student"], previews=False)
    assert not [event for event in studio.tail(silent)[0] if event["kind"] == "preview"]


def test_the_same_run_gives_the_same_pixels(studio: Jobs, warm: ModelCache) -> None:
    first = execute(studio, warm)
    again = execute(studio, ModelCache("cpu"))  # opened afresh
    for arm in ("teacher", "student", "hybrid-1", "skip-first"):
        assert np.array_equal(pixels(studio, first, arm), pixels(studio, again, arm))


def test_a_seed_looks_the_same_in_any_company_and_arms_differ(studio: Jobs, warm: ModelCache) -> None:
    many = execute(studio, warm, seeds=[5, 9, 2], arms=["teacher", "student", "hybrid-1"])
    alone = execute(studio, warm, seeds=[9], arms=["student"])
    difference = pixels(studio, many, "student")[1].astype(int) - pixels(studio, alone, "student")[0]
    assert np.abs(difference).max() <= 1
    assert not np.array_equal(pixels(studio, many, "student"), pixels(studio, many, "hybrid-1"))
    assert not np.array_equal(pixels(studio, many, "student")[0], pixels(studio, many, "student")[1])


def test_a_picture_carries_its_run_and_restores_the_request(studio: Jobs, warm: ModelCache) -> None:
    run_id = execute(studio, warm, seeds=[3, 11], arms=["student", "hybrid-2"], base_guidance=2.0)
    path = studio.artifact(run_id, "artifacts/hybrid-2/11.png")
    for source in (path, str(path), path.read_bytes()):
        run = read_run(source)
        assert run["seed"] == 11
        assert run["arm"] == "hybrid-2"
        assert run["run"] == run_id
        assert [s["model"] for s in run["plan"]["segments"]] == ["tiny/teacher", PAIR]
        assert run["models"] == studio.result(run_id)["models"]  # type: ignore[index]
        assert run["versions"]["torch"]
    request = studio.validate("compare", run["request"])
    again = studio.submit("compare", request)
    run_job(studio.paths.run(again), models=warm, registry=load_registry(studio.paths))
    assert np.array_equal(pixels(studio, run_id, "hybrid-2"), pixels(studio, again, "hybrid-2"))


def test_a_warm_cache_opens_each_model_once(studio: Jobs) -> None:
    cache = ModelCache("cpu")
    execute(studio, cache)
    opened = cache.model(load_registry(studio.paths).get(PAIR))
    execute(studio, cache)
    assert cache.model(load_registry(studio.paths).get(PAIR)) is opened
    assert {"tiny/teacher", PAIR} <= set(cache.ids)


def test_unknown_words_and_off_recipe_use_are_said(studio: Jobs, warm: ModelCache) -> None:
    run_id = execute(studio, warm, prompt="a red hovercraft", student_steps=6, off_recipe=True, arms=["student"])
    notices = [event["text"] for event in studio.tail(run_id)[0] if event["kind"] == "notice"]
    assert any("hovercraft" in text for text in notices)
    assert any("off this student's recipe" in text for text in notices)
    result = studio.result(run_id)
    assert result is not None
    assert result["notices"] == notices
    assert result["arms"][0]["nfe"] == 6


def test_cancel_stops_within_one_step_and_keeps_what_is_finished(
    studio: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.jobs.run import Run

    run_id = studio.submit("compare", {**REQUEST, "arms": ["student", "teacher"]})
    progress, calls = Run.progress, []

    def watched(self: Run, done: int, total: int, **where: object) -> None:
        progress(self, done, total, **where)
        calls.append((where["arm"], where["step"]))
        if calls[-1] == ("teacher", 2):
            studio.cancel(run_id)

    monkeypatch.setattr(Run, "progress", watched)
    row = studio.claim("interactive", {"pid": 1, "started": 0.0, "host": "elsewhere"}, run_id)
    assert row is not None
    state, note = run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths))
    assert state == "cancelled"
    assert "kept" in note
    assert calls[-1] == ("teacher", 2), "no step was begun after the cancel"
    result = studio.result(run_id)
    assert result is not None
    assert [row["arm"] for row in result["arms"]] == ["student"]
    assert pixels(studio, run_id, "student").shape[0] == 4


def test_without_its_oracle_pictures_are_drawn_and_a_judge_reads(
    studio: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_PERCEPTUAL", "none")
    file = studio.paths.models / "student.yaml"
    entry = json.loads(file.read_text())
    file.write_text(json.dumps({**entry, "oracle": "nowhere"}))
    run_id = execute(studio, warm, arms=["student"])
    assert studio.tail(run_id)[0][-1]["state"] == "done"
    result = studio.result(run_id)
    assert result is not None
    (row,) = result["arms"]
    assert row["measures"]["diversity"]["value"] > 0 and row["measures"]["accuracy"]["value"] is None
    assert result["figures_by"]["name"] == row["figures_by"] == "distance of pictures shrunk to 16 × 16"
    assert "oracle" in result["notices"][0] and row["figures_by"] in result["notices"][1]


def test_a_teacher_that_was_trained_further_is_said(studio: Jobs, warm: ModelCache, weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "student"
    shutil.copytree(weights / "student", other)
    recipe = json.loads((other / "recipe.json").read_text())
    (other / "recipe.json").write_text(json.dumps({**recipe, "teacher_hash": "0" * 12}))
    file = studio.paths.models / "student.yaml"
    file.write_text(json.dumps({**json.loads(file.read_text()), "folder": str(other)}))
    run_id = execute(studio, warm, arms=["hybrid-1"], seeds=[0])
    notices = studio.result(run_id)["notices"]  # type: ignore[index]
    assert sum("distilled from other weights (000000000000)" in notice for notice in notices) == 1


def test_sixteen_seeds_are_also_measured_against_the_world(studio: Jobs, warm: ModelCache) -> None:
    run_id = execute(studio, warm, seeds=16, arms=["student"])
    measures = studio.result(run_id)["arms"][0]["measures"]  # type: ignore[index]
    assert measures["precision"]["value"] is not None
    json.dumps(measures, allow_nan=False)


def test_broken_weights_fail_with_one_sentence(studio: Jobs, weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    pretended(folder)
    (folder / "recipe.json").write_text((weights / "student" / "recipe.json").read_text())
    entry = json.loads((studio.paths.models / "student.yaml").read_text())
    (studio.paths.models / "broken.yaml").write_text(json.dumps({**entry, "id": "tiny/broken", "folder": str(folder)}))
    run_id = studio.submit("compare", {**REQUEST, "pair": "tiny/broken"})
    state, note = run_job(studio.paths.run(run_id), registry=load_registry(studio.paths))
    assert state == "failed"
    assert "unet" in note or "vae" in note
    assert "\n" not in note
    assert "Traceback" in (studio.paths.run(run_id) / "log.txt").read_text()


def test_pictures_open_anywhere(studio: Jobs, warm: ModelCache) -> None:
    run_id = execute(studio, warm, seeds=[0], arms=["student"])
    raw = studio.artifact(run_id, "artifacts/student/0.png").read_bytes()
    image = Image.open(io.BytesIO(raw))
    image.load()
    assert image.size == (16, 16)
    assert image.mode == "RGB"
    assert json.loads(image.text["studio"])["seed"] == 0
