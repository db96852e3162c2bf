"""The Personalize tab without a browser: subjects and models to choose from, pictures that are kept, the form as a request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from studio.capabilities.personalize.request import PersonalizeRequest
from studio.jobs.jobs import Jobs
from studio.library import costs, method_cards
from studio.library.models import load_registry
from studio.library.subjects import subject
from studio.ui.jobs.background import Background
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import parts, trials
from studio.ui.personalize import choices
from studio.ui.personalize.runs import Personalizations
from studio.ui.personalize.tab import PersonalizeTab, served

SCHEMA = {"properties": {"rank": {"type": "integer", "default": 8, "minimum": 1}, "replay": {"type": "number", "default": 1.0}}}
METHODS = {
    name: {"card": {"title": title, "how": "How.", "good_for": "it", "status": status}, "schema": SCHEMA, "models": [role]}
    for name, title, status, role in (
        ("dreambooth", "DreamBooth", "published recipe", "teacher"),
        ("dreambooth-replay", "DreamBooth and replay", "our formulation", "teacher"),
        ("own-timesteps", "Own timesteps", "our formulation", "student"),
        ("random-timesteps", "Random timesteps", "negative control", "student"),
    )
}  # fmt: skip


@pytest.fixture
def stocked(jobs: Jobs) -> Jobs:
    file = jobs.paths.cache / "objectives.json"
    known = json.loads(file.read_text()) | {"version": method_cards.version()}
    file.write_text(json.dumps(known | {"personalize": {"methods": METHODS, "unavailable": {}}}))
    return jobs


@pytest.fixture
def tab(stocked: Jobs) -> PersonalizeTab:
    with gr.Blocks():
        header = parts.header([])
        return PersonalizeTab(Personalizations(stocked), JobsPanel(Background(stocked), header), header)


def brought(tab: PersonalizeTab, folder: Path, n: int = 4) -> list[dict[str, Any]]:
    folder.mkdir()
    for i in range(n):
        Image.new("RGB", (64, 48), (40 * i, 90, 10)).save(folder / f"cat{i}.png")
    (folder / "notes.txt").write_text("no picture")
    found = tab.bring({tab.brought: [str(file) for file in sorted(folder.iterdir())], tab.stamp: 0})[tab.pictures]
    assert [one["name"] for one in found["pictures"]] == [f"cat{i}.png" for i in range(n)]
    assert found["refused"] == ["'notes.txt' is not a picture that can be read; a PNG, JPEG or WebP would fit."]
    return [{"file": one["file"], "name": one["name"], "caption": "a {} at home", "held": False} for one in found["pictures"]]


def draft(given: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    return {"pictures": given, "kind": "thing", "noun": "Cat", "title": "My cat", "word": "<my-cat>", "consent": True,
            "base": "nano/dmd2", **changes}  # fmt: skip


def test_own_pictures_become_a_subject(tab: PersonalizeTab, tmp_path: Path) -> None:
    keep, _ = served(tab.jobs.paths)
    given = brought(tab, tmp_path / "given")
    given[3]["held"], given[0]["caption"] = True, ""
    card = keep(draft(given))["card"]
    assert (card["id"], card["own"], card["about"]) == ("mine/my-cat", True, "3 pictures, 1 held back to check with")
    one = subject(tab.jobs.paths, "mine/my-cat")
    assert (one.title, one.noun, one.word, one.domain, one.consent) == ("My cat", "cat", "<my-cat>", "pocket", True)
    assert list(one.captions.values()) == ["a {}", "a {} at home", "a {} at home", "a {} at home"]
    assert [card["id"] for card in choices.shelf(tab.jobs.paths)["cards"]][-1] == "mine/my-cat"
    assert "There is a subject mine/my-cat already" in keep(draft(given))["problem"]


def test_masks_are_brought_or_marked_and_shown(tab: PersonalizeTab, tmp_path: Path) -> None:
    keep, _ = served(tab.jobs.paths)
    given = brought(tab, tmp_path / "given")
    white = Image.new("L", (64, 48))
    white.paste(255, (0, 0, 32, 48))
    white.save(tmp_path / "cat0.mask.png")
    Image.new("L", (48, 48), 255).save(tmp_path / "dog.mask.png")
    came = tab.bring({tab.brought: [str(file) for file in sorted(tmp_path.glob("*.mask.png"))], tab.stamp: 1})[tab.pictures]
    assert (came["pictures"], [one["of"] for one in came["masks"]]) == ([], ["cat0", "dog"])
    brought_mask, strange = (one["file"] for one in came["masks"])
    given[0]["mask"], given[1]["box"] = brought_mask, [0, 0.5, 0.5, 1]
    card = keep(draft(given))["card"]
    assert (card["masked"], card["about"]) == (True, "4 pictures, 2 with a mask")
    assert [bool(one) for one in card["masks"]] == [True, True, False, False]
    one = subject(tab.jobs.paths, "mine/my-cat")
    with Image.open(one.masks["1.png"]) as first, Image.open(one.masks["2.png"]) as second:
        assert first.getbbox() == (0, 0, 32, 48)
        assert second.getbbox() == (8, 24, 32, 48)  # of the middle square, 48 wide from 8 on
    wrong = draft([{**given[0], "mask": strange}], word="<other>")
    assert "The mask of 'cat0.png' is 48 × 48 pixels, and the picture 64 × 48" in keep(wrong)["problem"]
    for box in ([0, 0, 2, 1], [0.5, 0, 0.5, 1], "all", [0, 0, 1]):
        assert "What is marked in 'cat1.png' is no" in keep(draft([{**given[1], "box": box}], word="<other>"))["problem"]
    assert "'cat0.png' is no longer here" in keep(draft([{**given[0], "mask": "gone.png"}], word="<other>"))["problem"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pictures": []}, "There are no pictures yet"),
        ({"noun": " "}, "It is not said what they show"),
        ({"noun": "4!"}, "a plain word for what it is one of would"),
        ({"title": ""}, "It has no name yet"),
        ({"word": "cat"}, "The word 'cat' does not fit"),
        ({"consent": "yes"}, "Nobody said yet that these pictures may be used"),
        ({"base": "nano/dmd3"}, "Did you mean 'nano/dmd2'?"),
    ],
)
def test_what_is_missing_is_one_sentence(tab: PersonalizeTab, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    keep, _ = served(tab.jobs.paths)
    found = keep(draft(brought(tab, tmp_path / "given"), **changes))
    assert list(found) == ["problem"] and said in found["problem"] and "\n" not in found["problem"]


def test_pictures_are_told_apart_in_what_is_wrong_with_them(tab: PersonalizeTab, tmp_path: Path) -> None:
    keep, _ = served(tab.jobs.paths)
    given = brought(tab, tmp_path / "given")
    assert "The caption of 'cat1.png' has no {}" in keep(draft([given[0], {**given[1], "caption": "at home"}]))["problem"]
    assert "'cat0.png': The caption" in keep(draft([{**given[0], "caption": "{} {}"}]))["problem"]
    assert "All pictures are held back" in keep(draft([{**given[0], "held": True}]))["problem"]
    assert "'cat0.png' is no longer here" in keep(draft([{**given[0], "file": "../../subject.json"}]))["problem"]
    assert keep([1, 2])["problem"]  # type: ignore[arg-type]


def test_captions_are_edited_all_at_once(tab: PersonalizeTab) -> None:
    _, edit = served(tab.jobs.paths)
    captions = {"1": "at home", "2": "a {} at home", "3": ""}
    assert edit({"captions": captions, "kind": "thing"}) == {"captions": {"1": "a {} at home", "2": "a {} at home", "3": "a {}"}}
    found = edit({"captions": captions, "find": "home", "replace": "sea"})
    assert found == {"captions": {"1": "at sea", "2": "a {} at sea", "3": ""}}
    assert "Nothing was given to find" in edit({"captions": captions, "find": " "})["problem"]
    assert edit({})["problem"]


def test_every_model_recommends_a_method_that_it_takes(tab: PersonalizeTab) -> None:
    found = choices.options(tab.jobs.paths, method_cards.objectives(tab.jobs.paths))
    models = {model["id"]: model for model in found["models"]}
    assert models[found["base"]]["role"] == "student"
    assert models["nano/teacher"]["methods"] == ["dreambooth", "dreambooth-replay"]
    assert models["nano/dmd2"]["methods"] == ["own-timesteps", "random-timesteps"]
    assert all(model["recommended"] in model["methods"] for model in models.values())
    assert "the 4 timesteps it was distilled at (999, " in models["nano/dmd2"]["why"]
    assert found["methods"]["random-timesteps"]["negative"] and not found["methods"]["dreambooth"]["negative"]
    assert choices.options(tab.jobs.paths, None)["wait"]


def form(**changes: Any) -> str:
    return json.dumps({"subject": "pocket/two-tailed-cat", "base": "nano/dmd2", "method": "own-timesteps", "name": "",
                       "steps": "120", "settings": {"rank": "4"}, **changes})  # fmt: skip


def test_the_form_becomes_a_run_that_a_reload_finds(tab: PersonalizeTab) -> None:
    shown = tab.submit(form())
    run_id = shown[tab.run_id]
    request = tab.jobs.spec(run_id).config
    assert (request["name"], request["steps"], request["settings"]) == ("two-tailed-cat-nano-dmd2", 120, {"rank": 4})
    assert shown[tab.board]["title"] == "Two-tailed cat on Nano DMD2" and shown[tab.board]["live"]
    pending = tab.submit(form(pending=3))[tab.problem]
    assert "Your pictures are not kept yet; press Keep below them first" in pending
    tab.tabs = gr.Tabs()
    assert tab.arrive(f"personalize {run_id} ")[tab.run_id] == run_id
    assert tab.tabs in tab.arrive(f"  {run_id}")
    assert tab.arrive("  ") == {tab.problem: ""}
    (card,) = tab.recent()
    assert (card["id"], card["kind"], card["prompt"]) == (run_id, "personalize", "Two-tailed cat on Nano DMD2")
    back = tab.reopen(gr.EventData(None, {"run": run_id}))
    assert back[tab.run_id] == run_id and back[tab.modes] == {"mode": "subject"} and back[tab.board]["back"]
    assert back[tab.board]["asked"]["settings"] == {"own-timesteps": {"rank": "4"}}
    stopped = tab.stopped({tab.run_id: run_id})
    assert stopped[tab.board]["state"] == "stopped"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subject": ""}, "No subject is chosen yet"),
        ({"steps": "many"}, "Training steps is &#x27;many&#x27;"),
        ({"steps": "0"}, "Steps: 0; at least 1 fits."),
        ({"settings": {"rank": "0"}}, "Adapter rank: 0; at least 1 fits."),
        ({"method": "dreambooth"}, "is the negative control; it is called random-timesteps there"),
        ({"base": "test/gone"}, "test/gone"),
    ],
)
def test_what_does_not_fit_is_said_in_the_words_of_the_form(tab: PersonalizeTab, changes: dict[str, Any], said: str) -> None:
    found = tab.submit(form(**changes))
    assert list(found) == [tab.problem] and said in found[tab.problem]


def test_the_form_says_what_it_would_take_and_measures_it_where_nothing_is_known(stocked: Jobs) -> None:
    jobs, paths, catalogue = stocked, stocked.paths, method_cards.objectives(stocked.paths) or {}
    price, measure, measured = trials.served(jobs, "personalize", lambda form: choices.request(paths, catalogue, form))
    form = {"subject": "pocket/ink", "base": "nano/dmd2", "method": "own-timesteps", "steps": "300", "stop_at": "0.9"}
    assert price(form) == {
        "said": "How long it takes is not known yet: nothing like it was measured on this machine.", "measure": True
    }  # fmt: skip
    assert price({**form, "steps": "many"}) == {"said": "", "measure": False}
    assert measure({**form, "base": "nano/none"})["problem"].startswith("There is no model")
    run = measure(form)["run"]
    assert jobs.spec(run).config["request"]["stop_at"] == 0.9
    assert measured({"run": run, "form": form}) == {"run": run, "said": "Measuring a few steps of it."}
    jobs.cancel(run)
    assert measured({"run": run, "form": form})["problem"].startswith("It could not be measured: Cancelled")
    asked = PersonalizeRequest.model_validate(choices.request(paths, catalogue, form))
    what = costs.priced("personalize", asked, load_registry(paths).get("nano/dmd2"), catalogue)
    costs.keep(paths, what, costs.Cost("cpu", 2.0, 5, True))
    assert price(form) == {
        "said": "About 10 min here, from 5 steps measured on this machine: 10 min of training.", "measure": False
    }  # fmt: skip
