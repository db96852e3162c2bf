"""The preference half of the tab without a browser: what there is to choose, the form as a request, voting, and the board."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import pytest

from studio.jobs.jobs import Jobs
from studio.library import method_cards, votes
from studio.ui.jobs.background import Background
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import parts
from studio.ui.personalize import preference_choices, voting
from studio.ui.personalize.preference import PreferencePart, PreferenceRuns
from studio.ui.personalize.preference_view import PreferenceView

SCHEMA = {"properties": {"loser": {"type": "number", "default": 0.8, "minimum": 0}}}
METHODS = {
    name: {"card": {"title": title, "how": "How.", "good_for": "it", "status": "published"}, "schema": SCHEMA, "models": models}
    for name, title, models in (
        ("ddpo", "DDPO", ["teacher", "student"]), ("dpo", "Diffusion-DPO", ["teacher", "student"]),
        ("pso-online", "PSO, online", ["student"]),
    )
}  # fmt: skip
PLAN = {"name": "student", "segments": [{"model": "nano/dmd2", "rule": "lcm", "timesteps": [999, 499]}]}
ABOUT = {"what": "Share of red", "second": "Colour: red", "base": "Nano DMD2", "percent": True, "second_percent": True}


@pytest.fixture
def stocked(jobs: Jobs) -> Jobs:
    file = jobs.paths.cache / "objectives.json"
    known = json.loads(file.read_text()) | {"version": method_cards.version()}
    file.write_text(json.dumps(known | {"preference": {"methods": METHODS, "unavailable": {}}}))
    return jobs


@pytest.fixture
def part(stocked: Jobs) -> PreferencePart:
    with gr.Blocks():
        header = parts.header([])
        return PreferencePart(PreferenceRuns(stocked), JobsPanel(Background(stocked), header), header)


def served(jobs: Jobs) -> dict[str, Any]:
    return {one.__name__: one for one in voting.served(jobs)}


def drawn(jobs: Jobs, n: int = 2, **about: Any) -> str:
    """A run that drew pairs, as a worker leaves it."""
    run_id = jobs.submit("pairs", {"model": "nano/dmd2", "n": n})
    pairs = [{"prompt": "a house", "given": {}, "seeds": [2 * i, 2 * i + 1], "files": ["a.png", "b.png"]} for i in range(n)]
    found = {"model": "nano/dmd2", "weights": "abc", "domain": "pocket", "plan": PLAN, "pairs": pairs, **about}
    (jobs.paths.run(run_id) / "result.json").write_text(json.dumps(found))
    return run_id


def test_models_come_with_what_can_be_read_of_them(part: PreferencePart) -> None:
    found = part.opened({"preference": {"methods": METHODS}})[part.options]
    student = next(one for one in found["models"] if one["id"] == "nano/dmd2")
    assert student["methods"] == ["ddpo", "dpo", "pso-online"] and student["recommended"] == "dpo"
    assert "Recommended: Diffusion-DPO" in student["why"]
    names = [one["name"] for one in found["rewards"][student["rewards"]]]
    assert names[0] == "brightness" and {"red", "prompt", "time=night", "more:size"} <= set(names)


def test_the_form_is_a_request(part: PreferencePart) -> None:
    form = {"decides": "reward", "reward": "time=night", "votes": "", "base": "nano/dmd2", "method": "dpo", "name": "",
            "steps": "40", "settings": {"loser": "0.5"}}  # fmt: skip
    catalogue = {"preference": {"methods": METHODS}}
    asked = preference_choices.request(part.jobs.paths, catalogue, form)
    assert asked == {"base": "nano/dmd2", "reward": "time=night", "settings": {"loser": 0.5}, "name": "time-night-nano-dmd2",
                     "method": "dpo", "steps": 40}  # fmt: skip
    with pytest.raises(ValueError, match="There are no votes yet; draw pairs on the right"):
        preference_choices.request(part.jobs.paths, catalogue, {**form, "decides": "votes"})
    shown = part.submit(json.dumps({**form, "steps": "many"}))[part.problem]
    assert "Training steps" in shown


def test_a_run_that_is_come_back_to_fills_the_form(part: PreferencePart) -> None:
    asked = {"name": "a", "base": "nano/dmd2", "reward": "time=night", "method": "dpo", "steps": 40, "settings": {"loser": 0.5}}
    found = part.come_back(part.jobs.submit("prefer", asked))[part.board]
    assert found["back"] and found["asked"] == {
        "decides": "reward", "reward": "time=night", "votes": "", "base": "nano/dmd2", "method": "dpo", "steps": "40",
        "settings": {"dpo": {"loser": "0.5"}}}  # fmt: skip
    (card,) = part.recent()
    assert (card["prompt"], card["pictures"], card["kind"]) == (found["title"], [], "personalize")
    assert PreferenceView("r", {"base": "nano/dmd2", "votes": "mine"}, ABOUT).asked()["decides"] == "votes"
    view = PreferenceView("r", {"base": "nano/dmd2"}, ABOUT)
    strip = {"columns": ["a", "b"], "rows": ["x"], "prompts": ["x"], "seeds": [0, 1], "count": 4, "strip": "s.jpg", "step": 3}
    view.apply({"kind": "strip", **strip})
    assert view.card() == {"prompt": view.title, "pictures": ["s.jpg"], "shows": 1 / 3}


def test_a_vote_is_kept_with_what_draws_its_pictures_again(stocked: Jobs) -> None:
    ask, run = served(stocked), drawn(stocked)
    answer = ask["vote"]({"run": run, "index": 1, "choice": "right", "name": "mine"})
    assert answer["said"] == "1 vote" and [one["name"] for one in answer["sets"]] == ["mine"]
    kept = votes.votes(stocked.paths, "mine")
    assert (kept.model, kept.weights, kept.plan.model_dump(mode="json")["segments"][0]["timesteps"]) == (
        "nano/dmd2",
        "abc",
        [999, 499],
    )
    assert kept.votes == (votes.Vote(prompt="a house", seeds=(2, 3), choice="right"),)
    again = ask["vote"]({"run": run, "index": 1, "choice": "tie", "name": "mine"})
    assert again["said"] == "1 vote, 1 of them a tie"
    following = ask["draw"]({"model": "nano/dmd2", "name": "mine"})["run"]
    assert stocked.spec(following).config["seed"] == 4  # nothing is shown twice


@pytest.mark.parametrize(
    ("what", "asked", "said"),
    [
        (
            "vote",
            {"run": "20260101-000000-000-aaaaaa", "index": 0, "choice": "left", "name": "mine"},
            "20260101-000000-000-aaaaaa",
        ),
        ("vote", {"index": 9}, "There is no pair 9"),
        ("vote", {"choice": "up"}, "Choice: input should be 'left', 'right' or 'tie'"),
        ("vote", {"name": "../mine"}, "does not fit; up to 40 lower-case letters"),
        ("draw", {"name": "mine", "model": "nano/dmd"}, "Did you mean 'nano/dmd2'?"),
        ("draw", {"name": ""}, "does not fit"),
        ("written", {"name": "mine"}, "There are no votes called 'mine'"),
        ("forget", {"name": "mine"}, "There are no votes called 'mine'"),
        ("bring", {"name": "mine", "text": "[1]"}, "The file does not fit"),
        ("look", {"run": "x"}, "x"),
    ],
)
def test_what_a_browser_may_send_is_answered_in_a_sentence(stocked: Jobs, what: str, asked: dict[str, Any], said: str) -> None:
    usual = {"run": drawn(stocked), "index": 0, "choice": "left", "name": "mine"} if what == "vote" else {}
    answer = served(stocked)[what]({**usual, **asked})
    assert said in answer["problem"] and "\n" not in answer["problem"]
    assert set(served(stocked)[what]("nonsense")) == {"problem"}


def test_votes_on_unfinished_pairs_wait(stocked: Jobs) -> None:
    run = stocked.submit("pairs", {"model": "nano/dmd2", "n": 2})
    answer = served(stocked)["vote"]({"run": run, "index": 0, "choice": "left", "name": "mine"})
    assert answer["problem"].startswith("These pairs are still being drawn")


def row(step: int, gain: tuple[float, float, float], **more: Any) -> dict[str, Any]:
    def share(value: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
        return {
            "value": value,
            "low": low if low is not None else value - 0.05,
            "high": high or value + 0.05,
            "n": 64,
            "note": "",
        }

    worth = {"before": share(0.2), "after": share(0.3), "gain": share(*gain), "spread": 0.1}
    figures = {"accuracy": share(0.9), "fd_oracle": 20.0, "n": 64}
    return {"kind": "preferred", "step": step, "arm": "nano/dmd2", "title": "Nano DMD2", "reward": worth, "second": worth,
            "before": figures, "others": figures, "moved": {"value": 0.25, "low": 0.2, "high": 0.3},
            "damage": {"kept": share(1.0), "fd": share(1.1)}, **more}  # fmt: skip


def test_the_board_says_what_rose_and_what_may_be_chance() -> None:
    view = PreferenceView("r", {"base": "nano/dmd2"}, ABOUT)
    for step in (1, 2, 3):
        log = {"winner": 0.3 - step / 100, "loser": 0.3 + step / 100, "accuracy": 0.5 + step / 10, "reward": 0.2, "other": 1.0}
        view.apply({"kind": "progress", "step": step, "done": step, "total": 3, "log": log})
    view.apply(row(3, (0.1, 0.05, 0.15)))
    board = view.board()
    assert [panel["title"] for panel in board["curves"]] == [
        "Winner and loser, error", "Pairs told apart", "Reward of what it draws"]  # fmt: skip
    assert [line["name"] for line in board["curves"][0]["lines"]] == ["winner", "loser"]
    assert board["curves"][1]["lines"][0]["points"] == [[1, 0.6], [2, 0.7], [3, 0.8]]
    assert board["said"] == [] and board["arms"] is None and board["title"] == "Share of red on Nano DMD2"
    hybrid = row(3, (0.1, -0.05, 0.15), arm="hybrid-1", title="Hybrid-1")
    view.finish({"adapter": "mine/x", "preferred": [row(3, (0.1, 0.05, 0.15)), hybrid], "voted": None})
    said = view.said()
    assert said[0] == "Share of red went from 20 % [15–25] to 30 % [25–35], by 10.0 [5.0–15.0] points: it rose."
    assert said[1].startswith("Colour: red, by which nothing was taught, went from")
    assert said[2] == "What the prompt says is right in 90 % [85–95] of the pictures; before, 90 % [85–95]."
    arms = view.arms()
    assert arms is not None and [one["tone"] for one in arms["rows"]] == ["student", "hybrid-1"]
    assert all(len(one["cells"]) == len(arms["heads"]) - 1 for one in arms["rows"])
    steps = view.steps()
    assert steps is not None and all(len(one["cells"]) == len(steps["heads"]) - 1 for one in steps["rows"])
    assert view.trial() == {"adapter": "mine/x", "word": "", "base": "nano/dmd2", "prompt": "", "mix": ""}


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [
        ((0.05, 0.15), "it rose"),
        ((-0.1, 0.1), "that may be chance"),
        ((-0.2, -0.1), "it fell"),
        ((0.0001, 0.0004), "it hardly moved"),
    ],
)
def test_a_rise_is_more_than_chance_only_where_its_interval_says_so(ends: tuple[float, float], verdict: str) -> None:
    view = PreferenceView("r", {"base": "nano/dmd2"}, ABOUT)
    view.apply(row(3, (sum(ends) / 2, *ends)))
    view.rows["nano/dmd2", 3]["reward"]["gain"] |= {"low": ends[0], "high": ends[1]}
    view.finish({"adapter": "mine/x"})
    assert view.said()[0].endswith(f": {verdict}.")


def test_a_tuning_by_votes_shows_no_reward() -> None:
    view = PreferenceView("r", {"base": "nano/dmd2"}, {**ABOUT, "what": "Votes mine"})
    found = row(3, (0.1, 0.05, 0.15))
    del found["reward"]
    view.apply(found)
    view.finish({"adapter": "mine/x", "voted": 12})
    assert view.said()[0].startswith("Colour: red, by which nothing was taught,")
    assert view.reader() == ["12 pairs with a winner decided; no reward was taught."]
    assert (view.steps() or {})["rows"][0]["cells"][0] == ("–", "")
