"""The Scrub tab's handlers on a real job service: draw, branch, look, come back."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from studio.jobs.jobs import Jobs
from studio.ui.app import assembled
from studio.ui.compare.compare_runs import Watch
from studio.ui.kit.runs import together
from studio.ui.scrub.scrub_runs import Scrubs
from studio.ui.scrub.tab import ScrubTab
from tests.support.scripted_compare import ScriptedWorker
from tests.support.scripted_scrub import finished

FIVE_SECONDS = 100  # looks, 0.05 s apart


@pytest.fixture
def tab(jobs: Jobs) -> ScrubTab:
    return assembled(jobs).scrub


def values(tab: ScrubTab, **changes: Any) -> dict[Any, Any]:
    sent = {field: field.value for field in tab.form.inputs()}
    return sent | {getattr(tab.form, name): value for name, value in changes.items()}


def ended(tab: ScrubTab, run_id: str) -> dict[str, Any]:
    for _ in range(FIVE_SECONDS):
        board = tab.tick({tab.run_id: run_id})[tab.scrubber]
        if not board["live"]:
            return board
        time.sleep(0.05)
    raise AssertionError(f"run {run_id} is still {board['state']}")


def branch(**given: Any) -> SimpleNamespace:
    """What the page sends."""
    empty = {"model": "", "prompt": "", "guidance": "", "steps": "", "noise": "", "eta": ""}
    return SimpleNamespace(**{**empty, **given})


def test_draw_shows_every_step_of_every_row(tab: ScrubTab, worker: ScriptedWorker) -> None:
    started = tab.submit(values(tab, seeds="3", teacher_steps=6))
    assert started[tab.timer]["runs"]
    assert started[tab.cancel].interactive
    board = ended(tab, started[tab.run_id])
    assert [(row["title"], len(row["strips"])) for row in board["rows"]] == [("Teacher", 6), ("Student", 4), ("Hybrid k=1", 4)]
    assert all(all(row["strips"]) for row in board["rows"])
    assert board["seeds"] == [0, 1, 2]
    assert board["timeline"] == "artifacts/timeline.json"
    assert board["status"]["text"] == "14 steps of 3 rows on 3 seeds"
    assert {"test/teacher", "test/dmd2", "test/lcm"} <= {name for name, model in board["models"].items() if model["goes"]}


def test_a_branch_is_a_run_of_its_own_that_keeps_the_rows(tab: ScrubTab, worker: ScriptedWorker, jobs: Jobs) -> None:
    first = finished(jobs, seeds=[1, 2], teacher_steps=6)
    updates = tab.branch(branch(run=first, arm="teacher", step=2, model="test/dmd2", guidance="3,5", noise="0"))
    second = updates[tab.run_id]
    assert second != first
    assert jobs.spec(second).parent == first
    assert jobs.spec(second).config["branches"][0]["guidance"] == 3.5
    board = ended(tab, second)
    assert (board["root"], board["prompt"], board["seeds"]) == (first, "a red house at night", [1, 2])
    row = board["rows"][-1]
    assert row["title"] == "Branch 1"
    assert row["about"] == "Teacher from step 3: by test/dmd2, w = 3.5"
    assert row["branch"] == {"arm": "teacher", "step": 2}
    assert row["strips"][:2] == board["rows"][0]["strips"][:2]  # the parent's own files
    assert row["strips"][2].startswith("artifacts/branch-")
    tones = [row["tone"] for row in board["rows"]]
    assert len(set(tones)) == 4
    third = tab.branch(branch(run=second, arm=row["arm"], step=4, prompt="a boat"))[tab.run_id]
    assert ended(tab, third)["rows"][-1]["about"] == "Branch 1 from step 5: “a boat”"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"arm": "teacher", "step": 2, "noise": "1"}, "nothing of teacher is random"),
        ({"arm": "teacher", "step": 99}, "has no step 99"),
        ({"arm": "nobody", "step": 0}, "no arm 'nobody'"),
        ({"arm": "teacher", "step": 2, "steps": "a few"}, "steps is 'a few'; a whole number fits"),
        ({"arm": "teacher", "step": 2, "guidance": "1e9"}, "at most 50"),
        ({"arm": "teacher", "step": 2, "guidance": "nan"}, "finite"),
        ({"arm": "teacher", "step": 2, "model": "test/none"}, "no model 'test/none'"),
        ({"arm": "teacher", "step": 2, "prompt": "x" * 2900}, "at most 2,000"),
    ],
)
def test_a_branch_that_does_not_fit_is_one_sentence_beside_its_form(
    tab: ScrubTab, jobs: Jobs, given: dict[str, Any], words: str
) -> None:
    run_id = finished(jobs, seeds=[1, 2], teacher_steps=6)
    updates = tab.branch(branch(run=run_id, **given))
    assert words in updates[tab.scrubber]["problem"]
    assert updates[tab.scrubber]["run"] == run_id  # what is shown stays
    assert [info.id for info in jobs.list(kind="scrub")] == [run_id]


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"prompt": ""}, "prompt is empty"), ({"seeds": "10000"}, "10,000 seeds"), ({"teacher_steps": 0}, "Teacher steps: 0"),
     ({"arms": []}, "No arms"), ({"seeds": "64", "teacher_steps": 100}, "6,912 pictures")],
)  # fmt: skip
def test_bad_input_gets_one_sentence_and_loses_nothing(tab: ScrubTab, changes: dict[str, Any], words: str) -> None:
    updates = tab.submit(values(tab, **changes))
    assert set(updates) == {tab.problem}
    assert words in updates[tab.problem]
    assert tab.jobs.list() == []


def test_the_cost_is_said_before_it_is_paid(tab: ScrubTab) -> None:
    said = tab.form.estimate(values(tab, seeds="2", teacher_steps=10))[tab.form.cost]
    assert "56 network evaluations, pictures of 18 steps" in said  # (20 + 4 + 4) × 2
    assert tab.form.estimate(values(tab, seeds="nonsense"))[tab.form.cost] == ""


def test_a_reload_finds_the_run_and_its_form_again(tab: ScrubTab, jobs: Jobs) -> None:
    run_id = finished(jobs, prompt="a blue boat", seeds=[4, 5, 6], teacher_steps=6, arms=["student", "hybrid-2"])
    for asked in (f"scrub {run_id} ", f"  {run_id}"):  # by its own name, and as any run's address
        updates = tab.arrive(asked)
        assert updates[tab.tabs].selected == "scrub"
        assert updates[tab.scrubber]["run"] == run_id
        assert updates[tab.form.prompt] == "a blue boat"
        assert updates[tab.form.seeds] == "4-6"
        assert updates[tab.form.arms].value == ["student", "hybrid-2"]
    assert tab.tabs not in tab.arrive(f"compare {run_id} ")  # known, but another tab is in front
    assert tab.arrive(f"compare {run_id} ")[tab.scrubber]["run"] == run_id
    assert tab.scrubber not in tab.arrive("compare  20260131-093000-123-abcdef")
    assert "There is no run" in tab.arrive("scrub 20260131-093000-123-abcdef ")[tab.problem]


def test_a_comparison_is_scrubbed_once_however_often_it_is_asked_for(
    tab: ScrubTab, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scripted comparison keeps no states; a scrub run's own stand in for them."""
    scrub = finished(jobs, seeds=[1], teacher_steps=6)
    compared = jobs.submit("compare", {"prompt": "a cat", "pair": "test/dmd2", "seeds": [1]})
    assert "still being drawn" in tab.open(compared)[tab.problem]
    jobs.cancel(compared)
    assert "were not kept" in tab.open(compared)[tab.problem]
    (jobs.paths.run(scrub) / "trace").rename(jobs.paths.run(compared) / "trace")
    first = tab.open(compared)[tab.run_id]
    assert jobs.spec(first).config["source"] == compared
    assert tab.open(compared)[tab.run_id] == first
    assert tab.open(first)[tab.run_id] == first
    jobs.cancel(first)
    assert tab.open(compared)[tab.run_id] != first  # one that came to nothing does not count


def test_cancel_keeps_what_is_finished(tab: ScrubTab, jobs: Jobs) -> None:
    slow = ScriptedWorker(jobs, step_s=0.1)
    slow.start()
    try:
        run_id = tab.submit(values(tab, seeds="2", teacher_steps=20))[tab.run_id]
        for _ in range(FIVE_SECONDS):
            if sum(map(bool, tab.tick({tab.run_id: run_id})[tab.scrubber]["rows"][0]["strips"])) > 1:
                break
            time.sleep(0.05)
        tab.stop({tab.run_id: run_id})
        board = ended(tab, run_id)
    finally:
        slow.stop()
    assert board["state"] == "cancelled"
    assert any(board["rows"][0]["strips"])


def test_recent_runs_hold_both_kinds_and_only_the_last_of_a_chain(tab: ScrubTab, worker: ScriptedWorker, jobs: Jobs) -> None:
    old = finished(jobs, prompt="a cat", seeds=[1, 2], teacher_steps=6)
    compared = jobs.submit("compare", {"prompt": "a car", "pair": "test/dmd2", "seeds": [1]})
    first = finished(jobs, seeds=[1, 2], teacher_steps=6)
    second = tab.branch(branch(run=first, arm="student", step=1))[tab.run_id]
    ended(tab, second)
    cards = together(Watch(jobs).recent(), tab.scrubs.recent())
    assert [card["id"] for card in cards] == [second, compared, old]
    assert cards[0]["about"].endswith("scrub · 2 seeds · 4 rows · 1 branch")
    assert cards[0]["prompt"] == "a red house at night"
    assert cards[2]["pictures"]
    assert cards[0]["kind"] == "scrub"
    assert "kind" not in cards[1]


def test_a_run_whose_source_was_deleted_is_still_shown(tab: ScrubTab, worker: ScriptedWorker, jobs: Jobs) -> None:
    first = finished(jobs, seeds=[1, 2], teacher_steps=6)
    second = tab.branch(branch(run=first, arm="student", step=1))[tab.run_id]
    ended(tab, second)
    jobs.delete(first)
    board = Scrubs(jobs).board(second)
    assert len(board["rows"]) == 4
    assert all(jobs.artifact(second, name).is_file() for row in board["rows"] for name in row["strips"])


def test_size_and_negative_prompt_go_into_what_is_drawn_and_back(tab: ScrubTab, jobs: Jobs) -> None:
    form = tab.form
    plain = form.request(values(tab))
    assert "size" not in plain and "negative" not in plain
    run_id = tab.submit(values(tab, size=" 128x64 ", negative="snow"))[tab.run_id]
    draw = jobs.spec(run_id).config["draw"]
    assert (draw["size"], draw["negative"]) == ("128x64", "snow")
    filled = tab.open(run_id)
    assert (filled[form.size].value, filled[form.negative].value) == ("128x64", "snow")
    assert filled[form.taken.group].open and form.taken.group in form.filled()
    refused = tab.submit(values(tab, size="large"))
    assert tab.scrubber not in refused and "does not fit; width × height" in refused[tab.problem]


def test_they_are_there_only_where_a_model_takes_them(tab: ScrubTab, monkeypatch: pytest.MonkeyPatch) -> None:
    form = tab.form
    pair = form.first
    assert pair is not None and form.size.visible and form.negative.visible and form.taken.group.visible
    fixed = replace(pair.teacher, checkpoint=replace(pair.teacher.checkpoint, step=0, embeds_guidance=True))
    monkeypatch.setattr(form, "pair_of", lambda _: replace(pair, teacher=fixed))
    gone = form.show_pair(values(tab, size="64x32", negative="snow"))
    assert set(gone) <= form.shown()
    assert [(gone[field].visible, gone[field].value) for field in (form.size, form.negative)] == [(False, "")] * 2
    assert gone[form.taken.embedded].visible is True and gone[form.taken.group].visible is True
