# ruff: noqa: F811 - fixtures of other files
"""A run that keeps its adapter at each measurement, ends early on its figures, and draws when it is asked to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from studio.capabilities.personalize.work import Personalizing
from studio.cli.app import app
from studio.jobs.jobs import Jobs
from studio.library import picks
from studio.library.adapters import FILE, load_adapters
from studio.ui.jobs.background import Background
from studio.ui.personalize.runs import Personalizations
from studio.workshop.training.job import TrainingJob
from tests.capabilities.distill.test_distill import assert_equal, checkpoint, here, of_kind
from tests.capabilities.personalize.test_personalize import request, studio  # noqa: F401 - fixtures
from tests.capabilities.sliders.test_slider import hall, pair  # noqa: F401 - fixtures


def share(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05, "n": 64}


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[float, float]]:
    """What is measured at a step: shares that show the subject, and of other prompts that are right (before: 90 %)."""
    found: dict[int, tuple[float, float]] = {}

    def compared(job: Personalizing, arm: Any, models: Any) -> dict[str, Any]:
        hit, others = found.get(job.trainer.step, (0.5, 0.9))
        return {**arm.said, "hit": share(hit), "leak": share(0.1), "stated": None, "distance": share(1.0), "moved": share(0.1),
                "others": {"accuracy": share(others)}, "before": {"accuracy": share(0.9)},
                "damage": {"kept": share(others / 0.9), "fd": None}}  # fmt: skip

    monkeypatch.setattr(Personalizing, "compared", compared)
    return found


def told(studio: Jobs, *words: str) -> Any:
    return CliRunner().invoke(app, [*words, "--data-dir", str(studio.paths.root)], env={"COLUMNS": "200"})


def weights(folder: Path) -> dict[str, Any]:
    return load_file(folder / FILE)


def same(a: Path, b: Path) -> bool:
    left, right = weights(a), weights(b)
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_every_measurement_can_be_picked(studio: Jobs, figures: dict[int, tuple[float, float]]) -> None:
    figures |= {2: (0.7, 0.9), 4: (0.9, 0.6)}
    run_id = studio.submit("personalize", request(measure_every=2, sample_every=0))
    assert here(studio, run_id) == ("done", "")
    run = studio.paths.run(run_id)
    assert picks.steps(run) == [2, 4]
    listed = load_adapters(studio.paths).get("mine/mine")
    assert listed.card["steps"] == 4 and same(listed.folder, run / "picks" / "00000004")
    assert not same(listed.folder, run / "picks" / "00000002")
    with pytest.raises(ValueError, match="kept no adapter at step 3; those of 2, 4 are there"):
        picks.pick(studio, run_id, 3)

    listing = told(studio, "adapters", "pick", run_id)
    assert "70% [65% to 75%]" in listing.output and "90% [85% to 95%]" in listing.output
    assert "mine/mine" in told(studio, "adapters", "pick", run_id, "2").output
    picked = load_adapters(studio.paths).get("mine/mine")
    assert picked.card["steps"] == 2 and same(picked.folder, run / "picks" / "00000002")
    assert [row["arm"] for row in picked.card["measured"]["rows"].values()] == ["tiny/student"]
    assert [one.worn for one in picks.kept(studio, run_id)] == [True, False]
    panel = Background(studio)
    shown = panel.detail(run_id)["picks"]
    assert shown["may"] and [(row["step"], row["worn"]) for row in shown["rows"]] == [(2, True), (4, False)]
    assert shown["rows"][1]["cells"][0] == ("90 %", "[85–95]")
    assert Personalizations(studio).kept(run_id) == {"steps": [2, 4], "worn": 2, "may": True}
    panel.act(run_id, "pick", 4)
    whole = load_adapters(studio.paths).get("mine/mine").card["measured"]["rows"]
    assert set(whole) == {"teacher", "tiny/student", "hybrid-1"}, "the last one has what was measured at the end"


def test_the_newest_are_kept(tmp_path: Path) -> None:
    def written(folder: Path) -> None:
        folder.mkdir()
        (folder / "card.json").write_text("{}")

    for step in range(1, picks.KEPT + 3):
        picks.keep(tmp_path, step, written)
    assert picks.steps(tmp_path) == list(range(3, picks.KEPT + 3))


def test_a_stopped_run_gives_an_adapter(
    studio: Jobs, figures: dict[int, tuple[float, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = studio.submit("personalize", request(measure_every=2, sample_every=0, steps=6))
    with monkeypatch.context() as patch:
        patch.setattr(TrainingJob, "keep_row", then(TrainingJob.keep_row, lambda: studio.stop(run_id)))
        assert here(studio, run_id)[0] == "stopped"
    assert "mine/mine" not in load_adapters(studio.paths).entries
    assert picks.pick(studio, run_id, 2) == "mine/mine"
    studio.resume(run_id)
    with pytest.raises(ValueError, match="is queued and would replace it at its end; stop it first"):
        picks.pick(studio, run_id, 2)
    assert here(studio, run_id) == ("done", "")
    assert load_adapters(studio.paths).get("mine/mine").card["steps"] == 6, "the run's own adapter takes its place"


@pytest.mark.parametrize(
    ("others", "ends"), [(0.9, 2), (0.7, 6)], ids=["nothing was lost", "others are surely worse than before"]
)
def test_a_run_ends_at_its_goal_as_one_that_was_stopped_there(
    studio: Jobs, figures: dict[int, tuple[float, float]], others: float, ends: int
) -> None:  # fmt: skip
    figures |= dict.fromkeys((2, 4, 6), (0.8, others))
    run_id = studio.submit("personalize", request(measure_every=2, steps=6, stop_at=0.7, sample_every=100))
    assert here(studio, run_id) == ("done", "")
    result = studio.result(run_id) or {}
    assert result["step"] == ends and load_adapters(studio.paths).get("mine/mine").card["steps"] == ends
    assert [s["step"] for s in of_kind(studio, run_id, "strip")] == [0, ends]
    assert {row["step"] for row in result["rows"] if row["arm"] == "teacher"} == {ends}
    if ends == 6:
        assert result["notices"] == []
        return
    (said,) = result["notices"]
    assert said.startswith("It ended at step 2 of 6: the share of pictures that show the subject is 80% [75% to 85%], all above")
    assert (studio.progress(run_id) or {})["total"] == 2
    other = studio.submit("personalize", request(name="other", measure_every=0, sample_every=0, steps=6))
    stop_at(studio, other, 2)
    assert_equal(checkpoint(studio, run_id), checkpoint(studio, other))


def stop_at(studio: Jobs, run_id: str, step: int) -> None:
    real = Personalizing.between
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Personalizing, "between", after(real, step, lambda: studio.stop(run_id)))
        assert here(studio, run_id)[0] == "stopped"


def then(real: Callable[..., Any], do: Callable[[], Any]) -> Callable[..., Any]:
    """A method that does something more at its end."""

    def method(job: Any, *given: Any) -> None:
        real(job, *given)
        do()

    return method


def after(real: Callable[..., Any], step: int, do: Callable[[], Any]) -> Callable[..., Any]:
    """A method that does something more once its job is at a step."""

    def method(job: Any) -> None:
        if getattr(job, "training", False) and job.trainer.step == step:
            do()
        real(job)

    return method


def test_a_run_that_ended_early_and_was_killed_then_ends_the_same_way(
    studio: Jobs, figures: dict[int, tuple[float, float]], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    figures[2] = (0.8, 0.9)
    run_id = studio.submit("personalize", request(measure_every=2, steps=6, stop_at=0.7, sample_every=0))
    with monkeypatch.context() as patch:
        patch.setattr(Personalizing, "finish", lambda job: studio.pause(run_id) and job.heard())
        assert here(studio, run_id)[0] == "paused"
    studio.resume(run_id)
    assert here(studio, run_id) == ("done", "")
    assert (studio.result(run_id) or {})["step"] == 2
    assert len({event["text"] for event in of_kind(studio, run_id, "notice")}) == 1


def test_pictures_that_are_asked_for_change_no_weight(studio: Jobs) -> None:
    fields = {"measure_every": 0, "sample_every": 0, "steps": 6}
    asked, alone = (studio.submit("personalize", request(name=name, **fields)) for name in ("asked", "alone"))
    assert here(studio, alone) == ("done", "")
    real = Personalizing.between
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Personalizing, "between", after(real, 3, lambda: told(studio, "jobs", "sample", asked)))
        assert here(studio, asked) == ("done", "")
    assert {event["step"] for event in of_kind(studio, asked, "strip")} == {4}, "after the next step"
    assert_equal(checkpoint(studio, asked), checkpoint(studio, alone))
