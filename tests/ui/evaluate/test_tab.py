"""The Evaluate tab without a browser: what there is to choose from, questions while one types, the form as a request, files."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import gradio as gr
import pytest

from studio.jobs.jobs import Jobs
from studio.ui.evaluate import choices
from studio.ui.evaluate.runs import Evaluations
from studio.ui.evaluate.tab import EvaluateTab, served
from studio.ui.jobs.background import Background
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import parts
from studio.ui.kit.exports import saving
from tests.ui.evaluate.made import REQUEST, result


@pytest.fixture
def tab(jobs: Jobs) -> EvaluateTab:
    with gr.Blocks():
        header = parts.header([])
        made = EvaluateTab(Evaluations(jobs), JobsPanel(Background(jobs), header), header)
    made.tabs = gr.Tabs()
    return made


def form(**changes: Any) -> dict[str, Any]:
    rows = [choices.row("nano/dmd2"), choices.row("nano/dmd2", "hybrid-1")]
    return {"candidates": rows, "source": "own", "prompts": "", "seeds": "4", "judges": [], "run": {}, **changes}


def looked(tab: EvaluateTab, **changes: Any) -> dict[str, Any]:
    (ask,) = served(tab.jobs.paths)
    return ask(form(**changes))


def test_models_come_with_the_arms_of_their_pair_and_the_adapters_that_fit(tab: EvaluateTab) -> None:
    found = choices.options(tab.jobs.paths)
    models = {one["id"]: one for one in found["models"]}
    arms = [one["arm"] for one in models["nano/dmd2"]["arms"]]
    assert arms[0] == "" and {"teacher", "hybrid-1", "hybrid-4", "skip-first", "cads"} < set(arms) and "hybrid-5" not in arms
    assert [one["arm"] for one in models["nano/teacher"]["arms"]] == [""]
    assert "nano/size" in models["nano/dmd2"]["adapters"] and "pocket/size" not in models["nano/dmd2"]["adapters"]
    assert [(one["model"], one["arm"]) for one in found["example"]] == [
        ("nano/dmd2", ""), ("nano/teacher", ""), ("nano/dmd2", "hybrid-1")
    ]  # fmt: skip
    assert found["judges"][0]["about"] and [one["name"] for one in found["run"]] == list(choices.RUN)


def test_a_prompt_shows_its_questions_while_one_types(tab: EvaluateTab) -> None:
    found = looked(tab, source="typed", prompts="a red cat\n\n# a note\na purple zebra\na red cat")
    assert found["problems"] == {} and [one["text"] for one in found["prompts"]] == ["a red cat", "a purple zebra"]
    assert [one["question"] for one in found["prompts"][0]["asks"]] == [
        "Is there a cat?", "Is the colour red?", "Is there exactly one subject?"
    ]  # fmt: skip
    assert "zebra" in found["prompts"][1]["notice"] and found["prompts"][1]["read_as"] == "a purple"
    assert (found["count"], found["questions"]) == (2, 5)
    made = looked(tab, run={"n_prompts": "5"})
    assert made["count"] == 5 and all(one["asks"] for one in made["prompts"])


def test_what_it_costs_is_said_before_the_start(tab: EvaluateTab) -> None:
    found = looked(tab, run={"n_prompts": "8"})
    assert found["cost"] == "2 candidates × 8 prompts × 4 seeds: 256 network evaluations"
    assert found["why"] == "Network evaluations: Nano DMD2 128; Hybrid (k = 1) of Nano DMD2 128."
    assert [row["nfe"] for row in found["rows"]] == ["4", "4"]
    teacher = looked(tab, candidates=[choices.row("nano/dmd2", "teacher")], run={"teacher_steps": "10", "n_prompts": "1"})
    assert teacher["rows"][0]["nfe"] == "20"


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"seeds": "many"}, "seeds", "is not a seed"),
        ({"run": {"n_prompts": "900"}}, "n_prompts", "Prompts made: 900; at most 256 fits."),
        ({"run": {"planted": "x"}}, "planted", "Planted errors is 'x'; a number fits"),
        ({"run": {"teacher_steps": "0"}}, "teacher_steps", "Teacher steps: 0; at least 1 fits."),
        ({"source": "typed", "prompts": "a" * 2400}, "prompts", "has 2,400 characters"),
    ],
)
def test_what_does_not_fit_is_one_sentence_at_its_field(tab: EvaluateTab, changes: dict[str, Any], field: str, said: str) -> None:
    problems = looked(tab, **changes)["problems"]
    assert list(problems) == [field] and said in problems[field]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (choices.row("nano/dmd2"), "It stands here twice"),
        (choices.row("pocket/dmd2"), "draw different things and cannot be compared"),
        (choices.row("nano/dmd2", "hybrid-9"), "the student takes 4"),
        (choices.row("nano/dmd3"), "There is no model 'nano/dmd3'"),
        (choices.row("nano/lcm", "", [{"id": "nano/size", "strength": "much"}]), "Strength: 'much'; a number fits."),
        (choices.row("nano/lcm", "", [{"id": "pocket/size", "strength": "1"}]), "pixels"),
    ],
)
def test_a_candidate_that_does_not_fit_says_so_in_its_row(tab: EvaluateTab, row: dict[str, Any], said: str) -> None:
    rows = looked(tab, candidates=[choices.row("nano/dmd2"), row])["rows"]
    assert rows[0]["problem"] == "" and said in rows[1]["problem"]


def test_the_best_judge_is_named_with_who_it_is_and_one_that_cannot_judge_with_why(tab: EvaluateTab) -> None:
    found = looked(tab)
    assert found["judge"].startswith("Oracle, the best there is here: ") and found["judges"][0]["why"] == ""
    blind = looked(tab, candidates=[choices.row("test/dmd2")], judges=["oracle"])
    assert blind["judges"][0]["why"].startswith("There is no oracle for what")
    assert "There is no oracle" in blind["problems"]["judges"]


@pytest.mark.parametrize("asked", [[1], {}, {"candidates": [3, {"model": None, "adapters": [7]}], "run": 4, "judges": 0}])
def test_whatever_a_browser_sends_is_answered(tab: EvaluateTab, asked: Any) -> None:
    (ask,) = served(tab.jobs.paths)
    assert "problems" in ask(asked)


def test_the_form_becomes_a_run_that_a_reload_finds(tab: EvaluateTab) -> None:
    rows = [choices.row("nano/dmd2", "", [{"id": "nano/size", "strength": "−0,5"}]), choices.row("nano/teacher")]
    given = form(candidates=rows, source="typed", prompts="a red cat\na boat", seeds="2", run={"planted": "0"})
    shown = tab.submit(json.dumps(given))
    run_id = shown[tab.run_id]
    request = tab.jobs.spec(run_id).config
    assert [one["model"] for one in request["candidates"]] == ["nano/dmd2", "nano/teacher"]
    assert request["candidates"][0]["adapters"][0]["strength"] == -0.5
    assert (list(request["prompts"]), list(request["seeds"]), request["planted"]) == (["a red cat", "a boat"], [0, 1], 0)
    assert shown[tab.board]["live"] and shown[tab.board]["titles"][1] == "Nano teacher"
    assert shown[tab.board]["asked"]["candidates"][0]["adapters"][0]["strength"] == "-0.5"
    assert tab.runs.recent()[0]["id"] == run_id
    assert tab.arrive(f"evaluate {run_id} ")[tab.run_id] == run_id
    assert tab.tabs in tab.arrive(f"  {run_id}") and tab.arrive("  ") == {tab.problem: ""}
    panel = tab.panel.background
    panel.opened = set(tab.opens)
    assert panel.detail(run_id)["actions"][0] == ["open", "Open on its tab"]
    assert tab.open(run_id)[tab.run_id] == run_id
    assert tab.stopped({tab.run_id: run_id})[tab.board]["state"] == "stopped"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"candidates": []}, "No candidates were named"),
        ({"source": "typed", "prompts": " \n"}, "No prompt is typed yet"),
        ({"candidates": [choices.row("nano/dmd2"), choices.row("pocket/dmd2")]}, "draw different things"),
        ({"judges": ["nobody"]}, "There is no judge"),
        ({"run": {"planted": "900"}}, "Planted errors: 900; at most 512 fits."),
    ],
)
def test_what_does_not_fit_is_said_when_start_is_pressed(tab: EvaluateTab, changes: dict[str, Any], said: str) -> None:
    found = tab.submit(json.dumps(form(**changes)))
    assert list(found) == [tab.problem] and said in found[tab.problem]


def test_figures_are_saved_with_their_intervals_and_who_judged(tab: EvaluateTab) -> None:
    run_id = tab.jobs.submit("evaluate", REQUEST)
    folder = tab.jobs.paths.run(run_id)
    assert tab.runs.wall({"run": run_id}) == {"problem": "This run has no result yet."}
    view, _ = tab.runs.look(run_id)
    view.finish(result())
    save = saving(tab.runs.to_save)
    rows = list(csv.DictReader(io.StringIO(save({"run": run_id, "what": "csv"})["text"])))
    assert {row["table"] for row in rows} == {"scores", "pairs", "questions", "classical", "samples"}
    assert all(row["judge"] for row in rows) and all(row["n"] for row in rows if row["table"] in ("scores", "questions"))
    cat = next(row for row in rows if row["row"] == "Is there a cat?")
    assert (cat["yes"], cat["seen instead"]) == ("0", "a house (2)") and float(cat["yes high"]) > 0.5
    assert json.loads(save({"run": run_id, "what": "json"})["text"])["request"]["prompts"] == REQUEST["prompts"]
    assert tab.runs.wall({"run": run_id, "candidate": 0, "beside": 1})["total"] == 4
    assert "problem" in tab.runs.wall({"run": folder.name, "candidate": 9}) and "problem" in tab.runs.wall({"run": "../x"})
