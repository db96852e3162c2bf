"""The Unlearn tab without a browser: what there is to choose from, prompts made while one types, the form as a request."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import pytest

from studio.jobs.jobs import Jobs
from studio.library import method_cards
from studio.ui.jobs.background import Background
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import parts
from studio.ui.unlearn import choices
from studio.ui.unlearn.runs import Unlearnings
from studio.ui.unlearn.tab import UnlearnTab, served

SCHEMA = {"properties": {"rank": {"type": "integer", "default": 8, "minimum": 1, "description": "Rank of the change"},
                         "refine": {"type": "boolean", "default": True}}}  # fmt: skip
METHODS = {
    name: {
        "card": {"title": name.upper(), "how": "How.", "good_for": "it", "status": "published"},
        "schema": SCHEMA,
        "models": roles,
    }
    for name, roles in (("esd", ["teacher", "student"]), ("sfd", ["student"]), ("uce", ["teacher", "student"]))
}


@pytest.fixture
def stocked(jobs: Jobs) -> Jobs:
    file = jobs.paths.cache / "objectives.json"
    known = json.loads(file.read_text()) | {"version": method_cards.version()}
    file.write_text(json.dumps(known | {"unlearn": {"methods": METHODS, "unavailable": {}}}))
    return jobs


@pytest.fixture
def tab(stocked: Jobs) -> UnlearnTab:
    with gr.Blocks():
        header = parts.header([])
        return UnlearnTab(Unlearnings(stocked), JobsPanel(Background(stocked), header), header)


def form(**changes: Any) -> dict[str, Any]:
    return {"forget": "cat", "becomes": "", "keep": "", "prompts": "", "base": "nano/dmd2", "method": "sfd", "settings": {},
            "run": {}, **changes}  # fmt: skip


def test_every_model_has_the_recommended_method_first_and_why(tab: UnlearnTab) -> None:
    found = choices.options(tab.jobs.paths, method_cards.objectives(tab.jobs.paths))
    models = {model["id"]: model for model in found["models"]}
    assert models[found["base"]]["role"] == "student"
    assert models["nano/dmd2"]["methods"] == ["sfd", "esd", "uce"] and models["nano/teacher"]["methods"] == ["uce", "esd"]
    assert "student's own pictures" in models["nano/dmd2"]["why"] and "in one update" in models["nano/teacher"]["why"]
    assert found["methods"]["sfd"]["fields"][0]["info"] == "Rank of the change"
    assert [field["name"] for field in found["run"]] == list(choices.RUN) and all(field["info"] for field in found["run"])
    subjects = found["words"]["pocket"]["groups"][0]
    assert ["cat", "cat"] in subjects["words"]
    assert choices.options(tab.jobs.paths, None)["wait"]


def test_prompts_are_made_from_the_words_while_one_types(tab: UnlearnTab) -> None:
    (made,) = served(tab.jobs.paths)
    found = made(form(run={"n_prompts": "12"}))
    lines = found["prompts"].splitlines()
    assert found["problems"] == {} and found["becomes"] == "house" and found["count"] == 12
    assert 1 < len(lines) <= 12 and all(" => " in line for line in lines) and "house" in lines[0].split("=>")[1]
    assert "12 prompts of what must stay" in found["said"] and "cat" not in found["said"]
    assert made(form(becomes="boat"))["prompts"].splitlines()[0].split("=>")[1].count("boat") == 1
    assert made(form(forget=" "))["problems"] == {}, "nothing is wrong with a form in which nothing is typed"
    assert made(form(run={"n_prompts": "many"}))["count"] == choices.MADE
    assert made([1])["problems"] == {}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"forget": "zebra"}, "forget", "names nothing that Pocket World knows"),
        ({"becomes": "cat"}, "becomes", "which is the same; another would fit."),
        ({"becomes": "boat, car"}, "becomes", "were to become 2 things"),
        ({"keep": "cat"}, "keep", "is to be forgotten and to be kept"),
        ({"keep": "zebra"}, "keep", "names nothing that Pocket World knows"),
        ({"prompts": "a cat by day"}, "prompts", "is no pair of prompts"),
    ],
)
def test_what_does_not_fit_is_one_sentence_at_its_field(tab: UnlearnTab, changes: dict[str, Any], field: str, said: str) -> None:
    (made,) = served(tab.jobs.paths)
    problems = made(form(**changes))["problems"]
    assert list(problems) == [field] and said in problems[field] and problems[field].count(". ") == 0


def test_a_model_that_is_not_there_is_a_sentence_too(tab: UnlearnTab) -> None:
    (made,) = served(tab.jobs.paths)
    assert "nano/dmd3" in made(form(base="nano/dmd3"))["problems"]["forget"]


def test_the_form_becomes_a_run_that_a_reload_finds(tab: UnlearnTab) -> None:
    given = form(
        settings={"rank": "4", "refine": "False"}, run={"steps": "40"}, prompts="a cat => a house\n\n a red cat => a red house "
    )
    shown = tab.submit(json.dumps(given))
    run_id = shown[tab.run_id]
    request = tab.jobs.spec(run_id).config
    assert (request["name"], request["steps"], request["method"]) == ("no-cat-nano-dmd2", 40, "sfd")
    assert request["settings"] == {"rank": 4, "refine": False}
    assert list(request["prompts"]) == ["a cat => a house", "a red cat => a red house"]
    assert shown[tab.board]["title"] == "Nano DMD2, asked to forget cat" and shown[tab.board]["live"]
    assert tab.runs.recent()[0]["id"] == run_id
    tab.tabs = gr.Tabs()
    assert tab.arrive(f"unlearn {run_id} ")[tab.run_id] == run_id
    assert tab.tabs in tab.arrive(f"  {run_id}")
    assert tab.arrive("  ") == {tab.problem: ""}
    assert tab.stopped({tab.run_id: run_id})[tab.board]["state"] == "stopped"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"forget": ""}, "Nothing was named that should be forgotten"),
        ({"run": {"steps": "many"}}, "Steps is &#x27;many&#x27;"),
        ({"run": {"stop_at": "2"}}, "2"),
        ({"settings": {"rank": "0"}}, "Adapter rank: 0; at least 1 fits."),
        ({"base": "nano/teacher"}, "sfd is for distilled students"),
        ({"base": "test/gone"}, "test/gone"),
    ],
)
def test_what_does_not_fit_is_said_when_start_is_pressed(tab: UnlearnTab, changes: dict[str, Any], said: str) -> None:
    found = tab.submit(json.dumps(form(**changes)))
    assert list(found) == [tab.problem] and said in found[tab.problem]
