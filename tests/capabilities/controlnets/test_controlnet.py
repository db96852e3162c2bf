"""ControlNets as jobs: requests, a run to the end, off and on again, and what is listed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from diffusers import ControlNetModel
from torch import Tensor
from typer.testing import CliRunner

from studio.capabilities.controlnets.commands import app
from studio.capabilities.controlnets.measure import HintMeasurement
from studio.capabilities.controlnets.request import ControlNetRequest
from studio.core.weights import load_weights
from studio.families import open_model
from studio.jobs.jobs import Jobs
from studio.jobs.paths import PRESETS
from studio.jobs.spec_file import read_spec_file
from studio.library.controlnets import load_controlnets, remove
from studio.library.models import load_registry
from studio.workshop import arms_measured
from tests.capabilities.distill.test_distill import assert_equal, checkpoint, here, of_kind
from tests.capabilities.sliders.test_slider import hall, pair  # noqa: F401 - fixtures
from tests.support.fixtures import PAIR


def request(**fields: Any) -> dict[str, Any]:
    return {
        "name": "layout",
        "base": "tiny/teacher",
        "steps": 4,
        "n_scenes": 6,
        "batch": 2,
        "rank": 2,
        "measure_seeds": 3,
        **fields,
    }


@pytest.fixture
def studio(hall: Jobs, monkeypatch: pytest.MonkeyPatch) -> Jobs:  # noqa: F811
    monkeypatch.setattr(arms_measured, "TEACHER_STEPS", 2)
    return hall


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "../x"}, "The name '../x' does not fit"),
    ({"base": "tiny/teachr"}, "Did you mean 'tiny/teacher'?"),
    ({"base": PAIR}, "tiny/student is a student; a ControlNet of its teacher tiny/teacher works on it, so train that."),
    ({"hint": "pose"}, "hint"),
    ({"rank": 0}, "rank is 0; at least 1 fits."),
    ({"lr": float("nan")}, "lr"),
    ({"drop": 1.5}, "drop is 1.5; at most 1 fits."),
    ({"steps": 0}, "steps is 0; at least 1 fits."),
    ({"steps": 10_000, "sample_every": 1}, "which makes more than 1,000 in 10,000 steps; 10 fits."),
    ({"trainer": {"checkpoint_evry": 3}}, "Did you mean 'checkpoint_every'?"),
    ({"ranks": 3}, "ranks"),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED)
def test_a_request_that_does_not_fit_is_refused_in_one_sentence(studio: Jobs, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:
        studio.submit("controlnet", request(**fields))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_run_trains_shows_measures_and_lists(studio: Jobs, tmp_path: Path) -> None:
    where, plain = ["--data-dir", str(studio.paths.root)], tmp_path / "plain"
    run_id = studio.submit("controlnet", request(sample_every=2))
    assert (studio.get(run_id).lane, studio.get(run_id).title) == ("batch", "layout: layout on tiny/teacher, 4 steps")
    assert here(studio, run_id) == ("done", "")
    strips = of_kind(studio, run_id, "strip")
    assert [s["step"] for s in strips] == [0, 2, 4]
    assert all((studio.paths.run(run_id) / s["strip"]).is_file() for s in strips)
    assert (strips[0]["columns"], strips[0]["count"]) == (["hint", "without", "with"], 9)
    result = studio.result(run_id)
    assert result is not None
    assert result["notices"] == []
    arms = [row["arm"] for row in result["agreement"]]
    assert arms == ["teacher", PAIR, "hybrid-1", "hybrid-1, first step"]
    for row in result["agreement"]:
        for side in ("with", "without"):
            assert set(row[side]["agreement"]) == {"position", "size", "horizon", "companion", "where"}
            share = row[side]["agreement"]["where"]
            assert share["n"] == 3
            assert 0 <= share["low"] <= share["value"] <= share["high"] <= 1
    entry = load_controlnets(studio.paths).get("mine/layout")
    assert (entry.hint, entry.base, entry.run, entry.size, entry.available) == ("layout", "tiny/teacher", run_id, 16, True)
    assert entry.card["measured"]["teacher"]["with"] == result["agreement"][0]["with"]
    registry = load_registry(studio.paths)
    base, student = (open_model(registry.get(name).folder, name) for name in ("tiny/teacher", PAIR))
    assert entry.fits(registry.get(PAIR))
    student.load_control("c", entry.path, base=base)
    shown, exported = (
        CliRunner().invoke(app, ["list", *where]),
        CliRunner().invoke(app, ["export", "mine/layout", str(plain), *where]),
    )
    assert "mine/layout" in shown.output
    assert "Written to" in exported.output
    assert ControlNetModel.from_pretrained(plain).config["conditioning_embedding_out_channels"] == [8, 16]
    assert "tiny/teacher" in CliRunner().invoke(app, ["show", "mine/layout", *where]).output
    again = CliRunner().invoke(app, ["export", "mine/layout", str(plain), *where]).exception
    assert "a new folder would fit" in str(again)
    with pytest.raises(ValueError, match="There is a ControlNet mine/layout already"):
        studio.submit("controlnet", request())
    assert CliRunner().invoke(app, ["delete", "mine/layout", *where]).output == "Removed mine/layout.\n"
    assert load_controlnets(studio.paths).entries.get("mine/layout") is None


def test_a_run_that_keeps_less_writes_less(studio: Jobs) -> None:
    for name, keep in (("whole", 1.0), ("most", 0.6)):
        run_id = studio.submit("controlnet", request(name=name, keep=keep, sample_every=4, measure_every=0))
        assert here(studio, run_id) == ("done", "")
    home = studio.paths.root / "controlnets" / "mine"
    whole, most = (load_weights(home / name / "control.safetensors")[0] for name in ("whole", "most"))
    pairs = [key for key in whole if key.endswith(".down")]
    assert sum(len(most.get(key, ())) for key in pairs) < sum(len(whole[key]) for key in pairs)
    assert {key for key in whole if not key.endswith((".down", ".up"))} <= set(most)


@pytest.mark.slow
def test_a_run_that_is_stopped_and_resumed_ends_as_one_that_was_not(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = studio.submit("controlnet", request(name="straight", sample_every=2, hint="edges"))
    assert here(studio, straight) == ("done", "")
    run_id = studio.submit("controlnet", request(name="broken-off", sample_every=2, hint="edges"))
    real = HintMeasurement.draw

    def stop_at_the_strip(self: HintMeasurement, *args: Any) -> Tensor:
        if len(of_kind(studio, run_id, "strip")) == 1:
            studio.stop(run_id)
        return real(self, *args)

    monkeypatch.setattr(HintMeasurement, "draw", stop_at_the_strip)
    assert here(studio, run_id) == ("stopped", "Stopped at step 2 of 4; a checkpoint is saved.")
    monkeypatch.setattr(HintMeasurement, "draw", real)
    studio.resume(run_id)
    assert here(studio, run_id) == ("done", "")
    assert_equal(checkpoint(studio, run_id), checkpoint(studio, straight))
    results = [studio.result(i) for i in (run_id, straight)]
    assert results[0] is not None
    assert results[1] is not None
    assert results[0]["agreement"] == results[1]["agreement"]


def test_folders_are_listed_with_what_is_wrong(studio: Jobs) -> None:
    home = studio.paths.root / "controlnets"
    for name, config in (("canny", {"_class_name": "ControlNetModel", "in_channels": 4}), ("union", {"_class_name": "Other"})):
        (home / "theirs" / name).mkdir(parents=True)
        (home / "theirs" / name / "config.json").write_text(json.dumps(config))
    (home / "theirs" / "canny" / "model.safetensors").write_bytes(b"")
    (home / "mine" / "damaged").mkdir(parents=True)
    listed = load_controlnets(studio.paths)
    assert listed.get("theirs/canny").available
    assert "its block_out_channels is" in listed.get("theirs/canny").misfit(load_registry(studio.paths).get("tiny/teacher"))
    assert listed.get("theirs/union").reason == "theirs/union holds a Other; a ControlNetModel would fit."
    assert listed.get("mine/damaged").reason == "mine/damaged has no readable card.json."
    with pytest.raises(ValueError, match="Did you mean 'theirs/canny'"):
        listed.get("theirs/cany")
    with pytest.raises(ValueError, match="was not made here"):
        remove(studio.paths, "theirs/canny")
    shutil.rmtree(home)
    assert not [name for name in load_controlnets(studio.paths).entries if name.startswith(("mine/", "theirs/"))]


@pytest.mark.parametrize("file", sorted((PRESETS / "jobs" / "controlnets").glob("*.yaml")), ids=lambda f: Path(f).stem)
def test_presets_are_whole_requests(file: Path) -> None:
    kind, fields = read_spec_file(file)
    assert kind == "controlnet"
    assert ControlNetRequest.model_validate(fields).name == file.stem
