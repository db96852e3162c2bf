"""The Grid tab without a browser: its form, what it says of cost, and how a run fills up."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import pytest

from studio.capabilities.grid.request import GridRequest
from studio.jobs.events import EventLog
from studio.jobs.jobs import Jobs
from studio.ui.grid.grid_runs import Grids
from studio.ui.grid.tab import GridTab
from studio.ui.grid.view import GridView
from studio.ui.kit import parts
from studio.ui.kit.exports import csv_text, saving

DRAW = {"prompt": "a red house", "pair": "nano/dmd2", "seeds": [0, 3]}
ASKED = {"draw": DRAW, "axes": ["arms=teacher,student", "teacher_steps=2,4"]}
SHARE = {"value": 0.5, "low": 0.2, "high": 0.8}


@pytest.fixture
def tab(jobs: Jobs) -> GridTab:
    with gr.Blocks():
        return GridTab(Grids(jobs), parts.header([]))


def values(tab: GridTab, *axes: tuple[str, str], **changes: Any) -> dict[Any, Any]:
    form = tab.form
    typed = {
        "prompt": "a red house",
        "pair": "nano/dmd2",
        "arms": "student",
        "seeds": "2",
        "teacher_steps": 10,
        "teacher_guidance": 3.0,
        **changes,
    }
    sent: dict[Any, Any] = {part: part.value for part in form.inputs()} | {tab.run_id: ""}
    for (setting, text, _), (name, given) in zip(form.axes, [*axes, ("", ""), ("", ""), ("", "")], strict=False):
        sent |= {setting: name, text: given}
    return sent | {getattr(form, name): value for name, value in typed.items()}


def cell(*at: int, **found: Any) -> dict[str, Any]:
    images = [{"seed": seed, "path": f"artifacts/cells/{at[0]}-{at[1]}/{seed}.png"} for seed in (0, 3)]
    return {"kind": "cell", "at": list(at), "images": images, "nfe": 4, "seconds_per_image": 0.5, "measures": {}, **found}


def test_the_form_is_a_request_and_a_request_fills_the_form(tab: GridTab, jobs: Jobs) -> None:
    axes = (("arms", "teacher, student"), ("adapters.nano/size", "-1..1"), ("prompt", "a cat, at night\na dog"))
    asked = tab.form.asked(values(tab, *axes, adapters="nano/size=2@first", rho=0.5, seeds="0, 3"))
    request = jobs.validate("grid", asked)
    assert isinstance(request, GridRequest)
    assert [axis.values for axis in request.axes] == [("teacher", "student"), (-1, 0, 1), ("a cat, at night", "a dog")]
    assert (request.draw.arms, request.draw.rho, request.draw.seeds) == (("student",), 0.5, (0, 3))
    updates = tab.form.fill(request.model_dump(mode="json"))
    assert [updates[text] for _, text, _ in tab.form.axes] == ["teacher, student", "-1, 0, 1", "a cat, at night\na dog"]
    assert updates[tab.form.adapters] == "nano/size=2@first" and updates[tab.form.rho] == 0.5
    assert updates[tab.form.axes[1][0]].value == "adapters.nano/size"


def test_axes_are_offered_by_their_titles_and_keep_what_is_not_here(tab: GridTab) -> None:
    offered = dict(tab.form.choices(tab.form.first))
    assert offered["Teacher steps"] == "teacher_steps" and offered["Prompt S/R"] == "replace"
    nano = dict(tab.form.choices(tab.form.pair_of("nano/dmd2")))
    assert nano["Strength of Size"] == "adapters.nano/size", "those that fit the pair"
    assert not any(name.startswith("adapters.pocket/") for name in nano.values())
    gone = tab.form._with(tab.form.first, "adapters.mine/gone")
    assert gone[-1] == ("mine/gone: strength", "adapters.mine/gone")


def test_values_are_checked_as_they_are_typed(tab: GridTab) -> None:
    assert "3 values: 1, 3, 5" in tab.form.line("teacher_steps", "1..5 step 2")
    assert "whole numbers would fit" in tab.form.line("teacher_steps", "1.5")
    assert tab.form.line("", "anything") == ""
    assert "&lt;b&gt;" in tab.form.line("prompt", "<b>")


def test_the_cost_is_said_before_a_start_and_what_is_there_is_not_counted(tab: GridTab, jobs: Jobs) -> None:
    axes = (("arms", "teacher, student, hybrid-9"), ("teacher_steps", "2, 4"))
    said = str(tab.form.estimate(values(tab, *axes))[tab.form.cost])
    # the teacher is guided: 2 × (2 + 4) steps; the student takes 4 steps, twice; each on two seeds
    assert "6 cells, 8 pictures, at most 40 network evaluations." in said
    assert "2 cells cannot be drawn: hybrid-9 asks for 9 base steps" in said
    assert "about" not in said, "nothing was drawn here yet"
    run_id = jobs.submit("grid", {**ASKED, "draw": {**DRAW, "seeds": "2", "teacher_guidance": None}})
    made = [cell(0, 0), cell(0, 1), cell(1, 0)]
    with EventLog(jobs.paths.run(run_id) / "events.jsonl") as log:
        for one in made:
            log.write(**one)
    said = str(tab.form.estimate(values(tab, *axes) | {tab.run_id: run_id})[tab.form.cost])
    assert "2 pictures, at most 8 network evaluations." in said and "3 cells of the grid below are kept." in said


def test_seconds_are_those_of_the_newest_run_of_the_student(tab: GridTab, jobs: Jobs) -> None:
    run_id = jobs.submit("grid", ASKED)
    result = {"request": {"draw": {"pair": "nano/dmd2"}}, "cells": [{"nfe": 4, "seconds_per_image": 8.0}, {"why": "no"}]}
    (jobs.paths.run(run_id) / "result.json").write_text(json.dumps(result))
    jobs.cancel(run_id)
    said = str(tab.form.estimate(values(tab, ("rho", "0, 1")))[tab.form.cost])
    assert "at most 16 network evaluations; about 32 s here" in said


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        ((), "No axis is chosen"),
        ((("teacher_steps", ""),), "Teacher steps has no values yet"),
        ((("teacher_steps", "0"),), "at least 1 fits"),
        ((("rho", "0"), ("rho", "1")), "Noise modulation is on two axes"),
    ],
)
def test_what_does_not_fit_is_said_under_the_form(tab: GridTab, jobs: Jobs, axes: Any, sentence: str) -> None:
    assert sentence in tab.submit(values(tab, *axes))[tab.problem]
    assert sentence in tab.form.estimate(values(tab, *axes))[tab.form.cost]
    assert jobs.list(kind="grid", limit=5) == []


def test_a_run_fills_up_cell_by_cell() -> None:
    view = GridView("r", GridRequest.model_validate(ASKED))
    view.apply({"kind": "state", "state": "running", "note": ""})
    view.apply(cell(1, 0, measures={"accuracy": SHARE, "diversity": SHARE}))
    view.apply(cell(0, 0, images=[], why="It does not fit."))
    view.apply({"kind": "state", "state": "loading", "note": "Opening Size."})  # the next cell's adapter
    view.apply({"kind": "progress", "done": 3, "total": 9, "eta_s": 12})
    board = view.board()
    assert board["status"] == {"word": "running", "text": "2 of 4 cells · 1 cannot be drawn · about 12 s left"}
    assert board["axes"][0]["tones"] == ["teacher", "student"] and board["axes"][1]["tones"] == ["", ""]
    drawn = board["cells"]["1-0"]
    assert drawn["images"] == {"0": "artifacts/cells/1-0/0.png", "3": "artifacts/cells/1-0/3.png"}
    assert drawn["figures"][:2] == [["accuracy", "50 %", "[20–80]"], ["diversity", "0.50", "[0.20–0.80]"]]
    assert board["cells"]["0-0"] == {"images": {}, "why": "It does not fit.", "figures": []}
    assert view.has((1, 0)) and not view.has((0, 0)) and not view.has((0, 1))
    view.apply({"kind": "state", "state": "done", "note": ""})
    view.finish({"cells": [], "evaluations": {"computed": 6, "reused": 2}})
    assert view.board()["status"]["text"] == "4 cells · 1 cannot be drawn · 2 of 8 network evaluations were there already"


def test_a_grid_is_saved_as_a_row_a_cell_and_as_an_experiment(tab: GridTab, jobs: Jobs) -> None:
    from studio.ui.kit.experiments import read_experiment

    view = GridView("r", GridRequest.model_validate(ASKED))
    view.apply(cell(1, 1, measures={"accuracy": SHARE}))
    view.apply(cell(0, 0, images=[], why="It does not fit."))
    heads, rows = view.table()
    assert heads[:3] == ["Arms", "Teacher steps", "pictures"]
    assert [row[:3] for row in rows] == [["teacher", "2", 0], ["student", "4", 2]]
    assert rows[0][-1] == "It does not fit." and rows[1][heads.index("accuracy")] == SHARE
    from studio.ui.kit.exports import Table

    assert "accuracy low" in csv_text([Table(heads, rows)])

    run_id = jobs.submit("grid", ASKED)
    text = saving(tab.grids.to_save)({"run": run_id, "what": "yaml"})["text"]
    file = jobs.paths.root / "grid.yaml"
    file.write_text(text)
    kind, request = read_experiment(jobs, str(file))
    assert kind == "grid" and request == jobs.spec(run_id).config
    assert tab.filled_with(kind, request)[tab.form.axes[1][1]] == "2, 4"


def test_a_cell_opens_as_a_comparison(tab: GridTab, jobs: Jobs) -> None:
    run_id = jobs.submit("grid", {**ASKED, "axes": ["arms=teacher,hybrid-9", "teacher_steps=2,4"]})
    request = tab.grids.drawn_by(run_id, (0, 1))
    assert (request["arms"], request["teacher_steps"], request["previews"]) == (["teacher"], 4, True)
    jobs.validate("compare", request)
    with pytest.raises(ValueError, match="hybrid-9 asks for 9 base steps"):
        tab.grids.drawn_by(run_id, (1, 0))
    with pytest.raises(ValueError, match="no such cell"):
        tab.grids.drawn_by(run_id, (7, 7))
