"""One picture learned and edited: a run in both modes, what it lists, and drawing with it and from a picture."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from studio.capabilities.personalize.one_picture import EditingOne
from studio.cli.app import app
from studio.jobs.jobs import Jobs
from studio.library.adapters import load_adapters
from studio.library.models import load_registry
from studio.library.subjects import keep
from studio.worker import run_job
from studio.workshop import arms_measured
from tests.capabilities.distill.test_distill import assert_equal, checkpoint, here, of_kind
from tests.capabilities.personalize.test_personalize import request as plain
from tests.capabilities.sliders.test_slider import hall, pair  # noqa: F401 - fixtures
from tests.support.fixtures import PAIR

EDITS = "a cat at night; a red house in the snow"
DRAW = {"prompt": "a cat at night", "pair": PAIR, "arms": ["teacher", "student"], "seeds": [0, 1], "teacher_steps": 3}


def request(**fields: Any) -> dict[str, Any]:
    settings = {"batch": 2, "edits": EDITS, "patches": 8, "betas": [0.4], **fields.pop("settings", {})}
    return plain(**{"method": "sine", "base": "tiny/teacher", "measure_seeds": 4, **fields}) | {"settings": settings}


@pytest.fixture
def studio(hall: Jobs, monkeypatch: pytest.MonkeyPatch) -> Jobs:  # noqa: F811
    monkeypatch.setattr(arms_measured, "TEACHER_STEPS", 3)
    return hall


def drawn(studio: Jobs, **fields: Any) -> dict[str, Any]:
    run_id = studio.submit("compare", DRAW | fields)
    assert run_job(studio.paths.run(run_id), registry=load_registry(studio.paths)) == ("done", "")
    result = studio.result(run_id)
    assert result is not None
    return result | {"run": run_id}


@pytest.mark.parametrize(("mode", "base"), [("whole", PAIR), ("patches", "tiny/teacher")])
def test_a_run_learns_one_picture_draws_edits_in_three_ways_and_lists_an_adapter(studio: Jobs, mode: str, base: str) -> None:
    shot = [("it.png", Image.radial_gradient("L").resize((60, 40)).convert("RGB"))]
    keep(studio.paths, "one", shot, "One", "thing", "cat", "<one>", "pocket", {"it.png": "a {} by day"}, True)
    run_id = studio.submit("personalize", request(subject="mine/one", base=base, sample_every=2, settings={"mode": mode}))
    assert here(studio, run_id) == ("done", "")
    strips = of_kind(studio, run_id, "strip")
    assert [s["step"] for s in strips] == [0, 2, 4] and strips[0]["rows"] == ["its own prompt", *EDITS.split("; ")]
    assert strips[0]["columns"] == ["the picture", "text to image", "image to image", "SINE, β 0.4"] and strips[0]["count"] == 12
    result = studio.result(run_id)
    assert result is not None and result["source"] == "a <one> by day" and result["mode"] == mode
    assert {row["arm"] for row in result["edited"]} == {"teacher", PAIR, "hybrid-1"}
    for row in result["edited"]:
        assert [(one["prompt"], one["way"]) for one in row["edits"]] == [
            (prompt, way) for prompt in EDITS.split("; ") for way in ("prompt", "noised", "mixed")
        ]
        bare, begun, mixed = (one["nfe"] for one in row["edits"][:3])
        assert begun < bare < mixed
        assert all(0 <= one["attributes"]["low"] <= one["attributes"]["high"] <= 1 for one in row["edits"])
        assert all(one["background"]["value"] > 0 for one in row["edits"])
    entry = load_adapters(studio.paths).get("mine/mine")
    assert (entry.card["mode"], entry.card["prompts"], entry.words) == (mode, ["a <one> by day"], ("<one>",))
    assert (entry.folder / "adapter.position.safetensors").is_file() == (mode == "patches")
    said = CliRunner().invoke(app, ["jobs", "show", run_id, "--data-dir", str(studio.paths.root)], env={"COLUMNS": "200"})
    assert said.exception is None


def test_what_is_mixed_in_is_drawn_and_other_sizes_need_patches(studio: Jobs) -> None:
    for mode in ("whole", "patches"):
        run_id = studio.submit("personalize", request(name=mode, measure_every=0, sample_every=0, settings={"mode": mode}))
        assert here(studio, run_id) == ("done", "")
    mixed = drawn(studio, additions={"sine": "mine/patches"})
    assert mixed["additions"] == {"sine": "mine/patches=0.7"} and set(mixed["adapters"]) == {"mine/patches"}
    teacher, student = (row["plan"]["segments"] for row in mixed["arms"])
    assert [bool(segment.get("mix")) for segment in teacher] == [True, False]
    assert teacher[0]["mix"][0] == {"prompt": "a <two-tailed-cat> in a meadow by day", "weight": 0.7,
                                    "adapters": [["mine/patches", 1.0]]}  # fmt: skip
    side = load_registry(studio.paths).get(PAIR).size
    wide = drawn(studio, additions={"sine": f"mine/patches=0.5@0 {2 * side}x{side}: a cat"})
    for row in wide["arms"]:
        with Image.open(studio.paths.run(wide["run"]) / row["images"][0]["path"]) as picture:
            assert picture.size == (2 * side, side)
    both = {"picture": "pocket/two-tailed-cat#2@700", "sine": f"mine/patches=0.5 {2 * side}x{side}"}
    for asked in (both, dict(reversed(both.items()))):
        begun = drawn(studio, additions=asked)
        with Image.open(studio.paths.run(begun["run"]) / begun["arms"][0]["images"][0]["path"]) as picture:
            assert picture.size == (2 * side, side)
    nothing = drawn(studio, additions={"sine": "mine/whole=0.7@999"})
    assert of_kind(studio, nothing["run"], "notice")[-1]["text"] == (
        "No step of what is drawn lies above K = 999, so nothing of mine/whole is mixed in."
    )
    refused = {
        "mine/whole 64x32": "was taught on the whole picture, which it knows in one size alone",
        "mine/nobody": "There is no adapter 'mine/nobody'",
        "mine/whole=2": "sine.beta is '2'; at most 1 fits.",
        "=": "'=' is no edit of one picture; id=β@K, like mine/house=0.7@400, would fit.",
    }
    for text, said in refused.items():
        with pytest.raises(ValueError) as error:
            studio.submit("compare", DRAW | {"additions": {"sine": text}})
        assert said in str(error.value) and "\n" not in str(error.value)
    bad = studio.submit("compare", DRAW | {"additions": {"sine": "mine/patches 33x32"}})
    assert "The size '33x32' does not fit" in run_job(studio.paths.run(bad), registry=load_registry(studio.paths))[1]
    (studio.paths.root / "adapters" / "mine" / "patches" / "adapter.position.safetensors").unlink()
    torn = studio.submit("compare", DRAW | {"additions": {"sine": "mine/patches"}})
    assert "was taught on patches, and" in run_job(studio.paths.run(torn), registry=load_registry(studio.paths))[1]


def test_a_picture_to_begin_with_leaves_the_late_steps_alone_and_can_be_scrubbed(studio: Jobs) -> None:
    run_id = studio.submit("scrub", {"draw": DRAW | {"additions": {"picture": "pocket/two-tailed-cat#2@500"}}})
    assert run_job(studio.paths.run(run_id), registry=load_registry(studio.paths)) == ("done", "")
    result = studio.result(run_id)
    assert result is not None and result["additions"] == {"picture": "pocket/two-tailed-cat#2@500"}
    moments = of_kind(studio, run_id, "steps")
    assert all(step["t"] <= 500 for event in moments for step in event["steps"])
    control = {"draw": DRAW | {"additions": {"picture": "pocket/two-tailed-cat@500"}}}
    for text, said in {
        "pocket/two-tailed-cat#9": "has 5 pictures, and number 9 was asked for; 1 to 5 would fit.",
        "pocket/two-tailed-dog": "Did you mean 'pocket/two-tailed-cat'?",
        "pocket/two-tailed-cat@x": "picture",
    }.items():
        with pytest.raises(ValueError) as error:
            studio.submit("scrub", {"draw": control["draw"] | {"additions": {"picture": text}}})
        assert said in str(error.value) and "\n" not in str(error.value)
    low = studio.submit("compare", DRAW | {"additions": {"picture": "pocket/two-tailed-cat@1"}})
    assert "lies at t = 1 or below" in run_job(studio.paths.run(low), registry=load_registry(studio.paths))[1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"picture": 9}, "has 5 pictures, and number 9 was asked for; 1 to 5 would fit."),
     ({"edits": ";".join("abcdefg")}, "7 edits were given; up to 6"), ({"mode": "parts"}, "'whole' or 'patches'; 'parts' was"),
     ({"betas": []}, "betas")],
)  # fmt: skip
def test_settings_that_do_not_fit_are_one_sentence(studio: Jobs, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:
        studio.submit("personalize", request(settings=settings))
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.slow
def test_a_run_that_is_stopped_ends_as_one_that_was_not(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"measure_every": 0, "steps": 6, "settings": {"mode": "patches"}}
    straight = studio.submit("personalize", request(name="straight", sample_every=0, **fields))
    assert here(studio, straight) == ("done", "")
    run_id = studio.submit("personalize", request(name="broken-off", sample_every=2, **fields))
    real = EditingOne.strip

    def stops(work: EditingOne, step: int) -> Any:
        if step == 2:
            studio.stop(run_id)
        return real(work, step)

    monkeypatch.setattr(EditingOne, "strip", stops)
    assert here(studio, run_id)[0] == "stopped"
    monkeypatch.setattr(EditingOne, "strip", real)
    studio.resume(run_id)
    assert here(studio, run_id) == ("done", "")
    assert_equal(checkpoint(studio, run_id), checkpoint(studio, straight))
