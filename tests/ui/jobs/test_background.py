"""The jobs panel and the Distill tab on a real job service, with a scripted batch worker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from studio.jobs.events import EventLog
from studio.jobs.jobs import Jobs
from studio.jobs.locks import identity
from studio.library.stock import open_jobs
from studio.ui.app import assembled
from studio.ui.distill.tab import NO_PRESET, DistillTab
from studio.ui.jobs.background import Background
from tests.support.method_catalogue import OBJECTIVES
from tests.support.scripted_jobs import ScriptedTraining

PATIENCE_S = 20.0


@pytest.fixture
def page(jobs: Jobs) -> SimpleNamespace:
    """The parts of the page: panel, compare, distill, moves."""
    moves = assembled(jobs)
    return SimpleNamespace(panel=moves.panel, compare=moves.compare, distill=moves.distill, moves=moves, tabs=moves.tabs)


@pytest.fixture
def trainer(jobs: Jobs) -> Iterator[ScriptedTraining]:
    scripted = ScriptedTraining(jobs)
    scripted.start()
    yield scripted
    scripted.stop()


def request(name: str = "pupil", **fields: Any) -> dict[str, Any]:
    return {"name": name, "teacher": "test/teacher", "objective": "dmd2", "steps": 40, **fields}


def until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def form(tab: DistillTab, **changes: Any) -> tuple[dict[Any, Any], dict[str, Any]]:
    """(values, form) as a browser would send them after the tab was opened."""
    opened = tab.opened()
    f = tab.fields
    values = {f.teacher: "test/teacher", f.preset: NO_PRESET, f.name: opened[f.name], f.steps: opened[f.steps]}
    drawn = json.loads(opened[tab.form])
    for key, value in changes.items():
        scope, _, name = key.partition("__")
        if name:
            drawn[scope][name] = value
        else:
            values[getattr(f, key)] = value
    return values, drawn


# -- the panel -----------------------------------------------------------------------------------------------------------


def test_an_empty_panel_has_nothing_chosen_and_no_timer(page: SimpleNamespace) -> None:
    shown = page.panel.show("first")
    assert shown[page.panel.panel]["jobs"] == []
    assert shown[page.panel.panel]["detail"] is None
    assert not shown[page.panel.timer]["runs"]


def test_a_download_is_told_of_and_looked_after(page: SimpleNamespace, jobs: Jobs) -> None:
    run_id = jobs.submit("fetch_model", {"model": "sdxl/lcm"})
    shown = page.panel.show("first")
    assert shown[page.panel.panel]["jobs"] == [] and shown[page.panel.panel]["downloads"]["text"] == "1 waiting"
    assert shown[page.panel.timer]["runs"]
    jobs.cancel(run_id)
    assert page.panel.show("first")[page.panel.panel]["downloads"]["active"] == 0


def test_a_run_is_shown_from_the_queue_to_its_student(page: SimpleNamespace, jobs: Jobs) -> None:
    first, second = jobs.submit("distill", request()), jobs.submit("distill", request("other", objective="lcm"))
    panel = page.panel.show("first")[page.panel.panel]
    assert [job["id"] for job in panel["jobs"]] == [first, second]  # the order of the queue, not of age
    assert [job["text"] for job in panel["jobs"]] == ["next in line", "1 run ahead"]
    assert panel["counts"]["text"] == "2 waiting"
    worker = ScriptedTraining(jobs)
    worker.start()
    try:
        until(lambda: jobs.get(second).final)
    finally:
        worker.stop()
    detail = page.panel.show(first)[page.panel.panel]["detail"]
    assert (detail["state"], detail["percent"], detail["student"]) == ("done", 100.0, "mine/pupil")
    assert [name for name, _ in detail["actions"]] == ["compare", "evaluate", "duplicate", "delete"]
    assert "surrogate" in detail["warning"]
    assert detail["figures"]["loss"] and detail["figures"]["measures"]
    assert detail["strips"]["teacher"]["strip"].endswith("teacher.jpg")
    assert [row["step"] for row in detail["strips"]["counts"]["4"]] == list(range(0, 41, 4))
    assert dict(map(tuple, detail["facts"]))["memory"] == "812 MB"
    assert any("the student is listed as mine/pupil" in line for line in detail["log"])
    assert [number["title"] for number in detail["numbers"]] == [
        "Gradient sizes", "Normaliser n", "Direction |A| / n", "Discriminator", "Contrast"]  # fmt: skip
    assert [(s["step"], s["remedy"]) for s in detail["symptoms"]] == [(20, "The hybrid gives part of it back for nothing.")]
    assert detail["notices"] == [], "a symptom is said once"
    assert [s["step"] for s in detail["beliefs"]["steps"]] == list(range(0, 41, 4))
    assert [row[:2] for row in detail["beliefs"]["rows"]] == [
        ["x noised", "xₜ, which both look at"], ["Teacher", "x̂₀ from xₜ, guided 8"], ["Fake score", "x̂₀ from xₜ"]]  # fmt: skip
    assert "drawn in 4 steps" in detail["beliefs"]["about"]
    other = page.panel.show(second)
    assert other[page.panel.panel]["detail"]["warning"] == ""
    assert not other[page.panel.timer]["runs"]


def test_pause_resume_and_stop_reach_the_run(page: SimpleNamespace, jobs: Jobs, trainer: ScriptedTraining) -> None:
    trainer.step_s = 0.02
    run = jobs.submit("distill", request(steps=4000))
    background = page.panel.background
    until(lambda: jobs.progress(run) is not None)
    assert background.allowed(jobs.get(run), background.look(run)[0]) == [
        "pause",
        "stop",
        "sample",
        "save",
        "duplicate",
        "delete",
    ]
    background.act(run, "save")
    background.act(run, "pause")
    until(lambda: jobs.get(run).state == "paused")
    detail = background.detail(run)
    assert "a checkpoint is saved" in detail["text"]
    assert detail["actions"][0][0] == "resume"
    reached = background.look(run)[0].progress["step"]
    background.act(run, "resume")
    until(lambda: (jobs.progress(run) or {}).get("step", 0) > reached)
    background.act(run, "stop")
    until(lambda: jobs.get(run).state == "stopped")
    steps = [row["step"] for row in background.look(run)[0].rows]
    assert steps == sorted(set(steps)) and steps[-1] > reached


def test_a_run_that_is_opened_again_shows_all_of_its_history(
    page: SimpleNamespace, jobs: Jobs, trainer: ScriptedTraining
) -> None:
    run = jobs.submit("distill", request(steps=300))
    until(lambda: jobs.get(run).final)
    fresh = Background(open_jobs(jobs.paths.root)).look(run)[0]
    assert [row["step"] for row in fresh.rows] == list(range(1, 301))
    assert {"normaliser", "student/grad_norm"} <= fresh.rows[0]["log"].keys()
    (jobs.paths.run(run) / "metrics.jsonl").unlink()
    assert Background(jobs).detail(run)["figures"]["loss"] is None


def test_the_files_of_a_run_are_listed_with_their_places(page: SimpleNamespace, jobs: Jobs, trainer: ScriptedTraining) -> None:
    run = jobs.submit("distill", request())
    until(lambda: jobs.get(run).state == "done")
    (jobs.paths.run(run) / "checkpoints" / "checkpoint.pt").write_bytes(b"0" * 3_200_000)
    found = {entry["where"]: entry for entry in page.panel.background.detail(run)["files"]}
    assert found[f"runs/{run}/checkpoints/checkpoint.pt"]["size"] == "3 MB"
    assert found["models/mine/pupil"]["text"] == "the student mine/pupil, a diffusers folder"
    assert {f"runs/{run}/{name}" for name in ("spec.json", "metrics.jsonl", "result.json", "events.jsonl")} <= found.keys()
    for entry in found.values():
        assert (jobs.paths.root / entry["where"]).exists()
        assert not entry["open"] or jobs.artifact(run, entry["open"]).is_file()
    opens = [entry["open"] for entry in found.values() if entry["open"]]
    assert any("beliefs/00000040" in name for name in opens) and any("student-4" in name for name in opens)


def test_a_run_of_another_kind_has_no_sections_for_training(page: SimpleNamespace, jobs: Jobs) -> None:
    run = jobs.submit("compare", {"prompt": "a cat", "pair": "test/dmd2"}, lane="batch")
    owner = identity()
    assert jobs.claim("batch", owner, run) is not None
    with EventLog(jobs.paths.run(run) / "events.jsonl") as log:
        log.write("progress", done=3, total=12, unit="pictures")
    detail = page.panel.background.detail(run)
    assert (detail["teaches"], detail["strips"], detail["beliefs"], detail["numbers"]) == (False, None, None, [])
    assert detail["text"].startswith("3 of 12 pictures")
    jobs.finish(run, "failed", "Enough.", owner)


def test_the_queue_is_reordered_and_a_run_is_deleted(page: SimpleNamespace, jobs: Jobs) -> None:
    first, second = jobs.submit("distill", request()), jobs.submit("distill", request("other"))
    background = page.panel.background
    background.act(second, "up")
    assert [job["id"] for job in background.panel()["jobs"]] == [second, first]
    background.act(first, "delete")
    assert [job["id"] for job in background.panel(first)["jobs"]] == [second]
    assert background.panel(first)["chosen"] == second  # what is gone is not shown


def test_what_does_not_fit_is_said_in_the_panel(page: SimpleNamespace, jobs: Jobs) -> None:
    run = jobs.submit("distill", request())
    event = SimpleNamespace(run=run, action="sample")
    assert "only a run that is going" in page.panel.act({page.panel.chosen: run}, event)[page.panel.panel]["problem"]
    with pytest.raises(ValueError, match="'explode'"):
        page.panel.background.act(run, "explode")
    compare = jobs.submit("compare", {"prompt": "a cat", "pair": "test/dmd2"})
    assert "no background run" in page.panel.background.detail(compare)["problem"]


def test_a_run_that_failed_says_why(page: SimpleNamespace, jobs: Jobs, trainer: ScriptedTraining) -> None:
    trainer.fail_at = 10
    run = jobs.submit("distill", request())
    until(lambda: jobs.get(run).state == "failed")
    detail = page.panel.background.detail(run)
    assert "not finite" in detail["text"]
    assert "ArithmeticError" in detail["text_log"]
    assert detail["actions"][0][0] == "resume"


# -- the tab -------------------------------------------------------------------------------------------------------------


def test_the_form_is_a_request_and_start_folds_the_panel_out(page: SimpleNamespace, jobs: Jobs) -> None:
    tab = page.distill
    values, drawn = form(tab, settings__guidance="7.5", settings__timesteps="999, 499", trainer__warmup="5", steps="60")
    started = tab.submit(values, drawn)
    config = jobs.list(kind="distill")[0]
    spec = jobs.spec(config.id).config
    assert (spec["objective"], spec["steps"], spec["settings"]["guidance"]) == ("dmd2", 60, 7.5)
    assert (spec["settings"]["timesteps"], spec["trainer"]["warmup"]) == ([999, 499], 5)
    assert started[page.panel.panel]["focus"] == config.id
    assert started[page.panel.timer]["runs"]
    assert started[tab.fields.name] == "test-dmd2-2"  # the next one may be started at once


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": "many"}, "Training steps is 'many'"),
        ({"steps": ""}, "Training steps is empty"),
        ({"steps": "1000000000"}, "Steps: 1000000000"),
        ({"name": "../etc"}, "does not fit"),
        ({"name": ""}, "does not fit"),
        ({"teacher": "test/teecher"}, "Did you mean 'test/teacher'"),
        ({"teacher": "test/lcm"}, "is a student"),
        ({"settings__guidance": "99"}, "Guidance: 99"),
        ({"settings__batch": "a few"}, "Batch is 'a few'"),
        ({"trainer__precision": "fp8"}, "Precision"),
        ({"run__sample_every": "x"}, "Sample every is 'x'"),
    ],
)
def test_what_does_not_fit_gets_one_sentence_and_loses_nothing(
    page: SimpleNamespace, jobs: Jobs, changes: dict[str, Any], words: str
) -> None:
    updates = page.distill.submit(*form(page.distill, **changes))
    assert set(updates) == {page.distill.problem}
    assert words in updates[page.distill.problem].replace("&#x27;", "'")
    assert jobs.list() == []


def test_what_was_typed_for_an_objective_is_there_when_one_comes_back(page: SimpleNamespace) -> None:
    tab = page.distill
    values, drawn = form(tab, settings__guidance="7.5")
    away = tab.pick(values, drawn, "lcm")
    at_lcm = json.loads(away[tab.form])
    assert at_lcm["objective"] == "lcm" and "guidance" not in at_lcm["settings"]
    assert away[tab.fields.name] == "test-lcm"  # a name nobody wrote follows the choice
    back = tab.pick({**values, tab.fields.name: "mine-own"}, at_lcm, "dmd2")
    assert json.loads(back[tab.form])["settings"]["guidance"] == "7.5"
    assert tab.fields.name not in back  # one that somebody wrote stays


def test_a_preset_fills_the_form(page: SimpleNamespace) -> None:
    tab = page.distill
    values, drawn = form(tab, teacher="nano/teacher", preset="lcm")
    filled = tab.choose_preset(values, drawn)
    new = json.loads(filled[tab.form])
    assert (new["objective"], filled[tab.fields.steps]) == ("lcm", "500")
    assert new["settings"]["batch"] and new["trainer"]["warmup"] is not None
    assert filled[tab.picker]["chosen"] == "lcm"


def test_dropdowns_that_are_only_left_change_nothing(page: SimpleNamespace) -> None:
    tab = page.distill
    values, drawn = form(tab, settings__guidance="7.5")
    for left in (tab.choose_preset(values, drawn), tab.choose_teacher(values, drawn)):
        assert left == {tab.problem: gr.skip()}


def test_the_objectives_are_grouped_with_their_papers(page: SimpleNamespace) -> None:
    picker = page.distill.opened()[page.distill.picker]
    assert [family["title"] for family in picker["families"]] == ["Trajectory", "Distribution"]
    lcm = picker["families"][0]["items"][0]
    assert [text for text, _ in lcm["papers"]] == ["arXiv 2310.04378", "arXiv 2311.05556"]
    assert lcm["how"] == OBJECTIVES["lcm"]["card"]["how"]  # type: ignore[index]


def test_a_run_is_duplicated_with_its_settings_under_a_free_name(page: SimpleNamespace, jobs: Jobs) -> None:
    run = jobs.submit("distill", request(settings={"guidance": 5.5}, trainer={"warmup": 3}, seed=9, measure_every=0))
    updates = page.moves.to_distill(SimpleNamespace(run=run))
    new = json.loads(updates[page.distill.form])
    assert (new["settings"], new["trainer"]) == ({"guidance": 5.5}, {"warmup": 3})
    assert (new["run"]["seed"], new["run"]["measure_every"]) == (9, 0)
    assert updates[page.distill.fields.name] == "pupil-2"
    assert updates[page.tabs].selected == "distill"


def test_a_finished_student_is_compared_with_its_teacher_and_a_hybrid(
    page: SimpleNamespace, jobs: Jobs, trainer: ScriptedTraining
) -> None:
    run = jobs.submit("distill", request())
    until(lambda: jobs.get(run).state == "done")
    updates = page.moves.to_compare(SimpleNamespace(run=run))
    f = page.compare.form
    assert updates[page.tabs].selected == "compare"
    assert updates[f.pair].value == "mine/pupil"
    assert "mine/pupil" in [value for _, value in updates[f.pair].choices]
    assert updates[f.arms].value == ["teacher", "student", "hybrid-1", "skip-first"]


def test_a_reload_comes_back_to_the_tab_and_the_open_run(page: SimpleNamespace, jobs: Jobs) -> None:
    run = jobs.submit("distill", request())
    updates = page.moves.arrive(run)
    assert updates[page.panel.panel]["chosen"] == run
    assert updates[page.panel.timer]["runs"]
    assert page.moves.arrive("")[page.panel.panel]["detail"] is None
    assert page.distill.arrive("distill  ")[page.tabs].selected == "distill"
    assert page.distill.arrive("compare  ") == {page.distill.problem: ""}
