"""References as jobs: requests, a run that trains, measures and lists, and drawing with what it made."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from typer.testing import CliRunner

from studio.capabilities.references import measure
from studio.capabilities.references.measure import ReferenceMeasurement
from studio.capabilities.references.request import ReferencesRequest, read_references
from studio.cli.app import app
from studio.domains import domain_of
from studio.jobs.jobs import Jobs
from studio.jobs.paths import PRESETS
from studio.jobs.spec_file import read_spec_file
from studio.library.adapters import load_adapters
from studio.library.hint_uses import uploads
from studio.library.models import load_registry
from studio.library.subjects import subject
from studio.worker import run_job
from studio.workshop import arms_measured
from tests.capabilities.distill.test_distill import here, of_kind
from tests.capabilities.sliders.test_slider import hall, pair  # noqa: F401 - fixtures
from tests.support.fixtures import PAIR

ATTRIBUTES = ["color", "time"]
DRAW = {"prompt": "a cat by the sea", "pair": PAIR, "arms": ["teacher", "student"], "seeds": [0, 1], "teacher_steps": 3}
SHOWN = "color=pocket/two-tailed-cat#1, time=pocket/ink#2"


def request(**fields: Any) -> dict[str, Any]:
    return {"name": "looks", "base": "tiny/teacher", "steps": 4, "n_scenes": 24, "batch": 2, "tokens": 2, "width": 8,
            "name_first": 1, "measure_seeds": 4, "attributes": ATTRIBUTES, **fields}  # fmt: skip


@pytest.fixture
def studio(hall: Jobs, monkeypatch: pytest.MonkeyPatch) -> Jobs:  # noqa: F811
    monkeypatch.setattr(arms_measured, "TEACHER_STEPS", 2)
    return hall


def drawn(studio: Jobs, kind: str = "compare", **fields: Any) -> dict[str, Any]:
    run_id = studio.submit(kind, fields if kind != "compare" else DRAW | fields)
    assert run_job(studio.paths.run(run_id), registry=load_registry(studio.paths)) == ("done", "")
    result = studio.result(run_id)
    assert result is not None
    return result | {"run": run_id}


def pictures(studio: Jobs, result: dict[str, Any], arm: str) -> list[bytes]:
    return [file.read_bytes() for file in sorted((studio.paths.run(result["run"]) / "artifacts" / arm).glob("*.png"))]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "../x"}, "The name '../x' does not fit"),
    ({"base": PAIR}, "tiny/student is a student; an adapter of its teacher tiny/teacher works on it, so train that."),
    ({"attributes": ["colour"]}, "No attribute is called 'colour'; subject, color, place, time"),
    ({"name_first": 4}, "name_first is 4 of 4 steps, so the network would hear nothing; fewer would fit."),
    ({"width": 12}, "width"),
    ({"measure_seeds": 1}, "at least 4 fits."),
    ({"tokns": 3}, "tokns"),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED)
def test_a_request_that_does_not_fit_is_refused_in_one_sentence(studio: Jobs, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:
        studio.submit("references", request(**fields))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_run_trains_measures_lists_and_is_drawn_with(studio: Jobs) -> None:
    run_id = studio.submit("references", request(sample_every=2))
    assert here(studio, run_id) == ("done", "")
    strips = of_kind(studio, run_id, "strip")
    assert [strip["step"] for strip in strips] == [0, 2, 4]
    assert strips[0]["columns"] == ["its colour", "its time of day", "without", "with"]
    result = studio.result(run_id)
    assert result is not None and result["notices"] == []
    assert [row["arm"] for row in result["referred"]] == ["teacher", PAIR, "hybrid-1"]
    for row in result["referred"]:
        assert set(row["attributes"]) == set(ATTRIBUTES)
        assert row["all"]["shown"]["n"] == 8 and row["two"]["shown"]["n"] == 4
        for figures in (row["all"], row["two"], *row["attributes"].values()):
            assert all(0 <= one["low"] <= one["value"] <= one["high"] <= 1 for one in figures.values() if one["n"])
    assert set(result["readable"]) == set(ATTRIBUTES)
    entry = load_adapters(studio.paths).get("mine/looks")
    assert (entry.card["kind"], entry.card["attributes"], entry.run, entry.available) == ("references", ATTRIBUTES, run_id, True)
    shown = CliRunner().invoke(app, ["adapters", "show", "mine/looks", "--data-dir", str(studio.paths.root)]).output
    assert "wrong one" in shown
    _drawn_with(studio)
    _refused(studio)


def _drawn_with(studio: Jobs) -> None:
    """In comparisons, beside strength 0 in Control, and with a picture that was brought."""
    plain = drawn(studio)
    both = drawn(studio, additions={"references": f"mine/looks: {SHOWN}"})
    assert set(both["adapters"]) == {"mine/looks"}
    assert pictures(studio, both, "teacher") != pictures(studio, plain, "teacher")
    again = drawn(studio)
    assert [len(pictures(studio, again, arm)) for arm in DRAW["arms"]] == [2, 2]
    uploads(studio.paths).mkdir(exist_ok=True)
    shutil.copy(subject(None, "pocket/two-tailed-cat").pictures[0], uploads(studio.paths) / "mine.png")
    control = {"draw": DRAW | {"additions": {"references": "color=mine.png"}}, "vary": {"id": "mine/looks"}, "strengths": [0, 1]}
    cells = drawn(studio, "control", **control)["cells"]
    assert [(cell["arm"], cell["strength"]) for cell in cells] == [(arm, s) for arm in DRAW["arms"] for s in (0.0, 1.0)]
    idle = drawn(studio, additions={"references": SHOWN})
    notice = "No adapter that reads references is worn, so the pictures are not looked at."
    assert of_kind(studio, idle["run"], "notice")[-1]["text"] == notice
    scrub = drawn(studio, "scrub", draw=DRAW | {"additions": {"references": f"mine/looks=0.5: {SHOWN}"}})
    assert scrub["additions"] == {"references": f"mine/looks=0.5: {SHOWN}"}


def _refused(studio: Jobs) -> None:
    for text, said in {
        "mine/looks: position=pocket/ink#1": "No attribute is called 'position'; color, time can be wanted.",
        "mine/nobody: color=pocket/ink#1": "There is no adapter 'mine/nobody'",
        "nano/size: color=pocket/ink#1": "nano/size is for models of",
        "mine/looks: color=pocket/ink#9": "has 5 pictures, and number 9 was asked for",
        "mine/looks: color=gone.png": "gone.png is not among the uploads",
        "mine/looks: color=../mine.png": "without a path",
        "mine/looks: color=pocket/ink#1, color=pocket/poster#1": "color is wanted of two pictures",
        "mine/looks: color": "'color' says of no picture what is wanted of it",
        "mine/looks=loud: color=pocket/ink#1": "strength",
    }.items():
        with pytest.raises(ValueError) as error:
            studio.submit("compare", DRAW | {"additions": {"references": text}})
        assert said in str(error.value), str(error.value)
        assert "\n" not in str(error.value)


def test_what_is_written_is_read_again() -> None:
    for text in ("mine/looks: color=pocket/ink#2", f"mine/looks=0.8: {SHOWN}", "color=mine.png"):
        assert str(read_references(text)) == text
        assert read_references(read_references(text)) == read_references(text)


def test_a_wrong_reference_differs_where_it_is_wrong_and_prompts_leave_what_is_wanted_open() -> None:
    world = domain_of("pocket")
    bench = ReferenceMeasurement(tuple(world.factors), world, (3, 16, 16), None, 12, lambda: None)  # type: ignore[arg-type]
    for trials in [*bench.single, *bench.double]:
        for i in range(12):
            for name, right, wrong in zip(trials.wanted, trials.right, trials.wrong, strict=True):
                assert name not in trials.stated[i]
                assert getattr(right[i], name) != getattr(wrong[i], name)
            assert world.read(trials.said[i].text).stated == trials.stated[i]
    assert measure.HELD_OUT != 0  # trainings draw their items from their seed


def test_the_preset_fits() -> None:
    for file in (PRESETS / "jobs" / "references").glob("*.yaml"):
        kind, config = read_spec_file(file)
        assert kind == "references" and ReferencesRequest.model_validate(config)
