"""The Compare tab's handlers on a real job service: form, submit, look, cancel, restore."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from studio.core.recipe import Recipe, weights_hash
from studio.domains.media import image
from studio.jobs.jobs import Jobs
from studio.library.draw_request import plans_for
from studio.library.models import Pair, Registry, load_registry
from studio.library.remedies import REMEDIES
from studio.ui.compare.compare_runs import Watch
from studio.ui.compare.tab import CompareTab
from studio.ui.kit import parts
from tests.support.scripted_compare import ScriptedWorker

FIVE_SECONDS = 100  # looks, 0.05 s apart


@pytest.fixture
def tab(jobs: Jobs) -> CompareTab:
    with gr.Blocks():
        return CompareTab(Watch(jobs), parts.header([]))


def values(tab: CompareTab, **changes: Any) -> dict[Any, Any]:
    """What the page would send: every field's initial value, with some changed."""
    sent = {field: field.value for field in (*tab.form.inputs(), tab.form.before)}
    return sent | {getattr(tab.form, name): value for name, value in changes.items()}


def test_the_cost_beside_run_is_that_of_the_form_as_it_opens(tab: CompareTab) -> None:
    said = tab.form.estimate(values(tab))[tab.form.cost]
    assert tab.form.cost.value == said and "pictures" in said


def finished(tab: CompareTab, run_id: str) -> dict[Any, Any]:
    for _ in range(FIVE_SECONDS):
        updates = tab.tick({tab.run_id: run_id})
        if not updates[tab.board]["live"]:
            return updates
        time.sleep(0.05)
    raise AssertionError(f"run {run_id} is still {updates[tab.board]['state']}")


def test_run_draws_what_the_form_says(tab: CompareTab, worker: ScriptedWorker) -> None:
    started = tab.submit(values(tab, seeds="3"))
    run_id = started[tab.run_id]
    assert started[tab.timer]["runs"]
    assert not started[tab.run].interactive
    assert started[tab.cancel].interactive
    done = finished(tab, run_id)
    board = done[tab.board]
    assert board["seeds"] == [0, 1, 2]
    assert [row["arm"] for row in board["rows"]] == ["teacher", "student", "hybrid-1", "skip-first"]
    assert all(len(row["images"]) == 3 and row["figures"] for row in board["rows"])
    assert "recovers 70 %" in board["headline"]["lead"]
    assert not done[tab.timer]["runs"]
    assert done[tab.run].interactive
    assert done[tab.plot]
    assert tab.jobs.spec(run_id).config["teacher_guidance"] is None  # left at the teacher's own
    saved = tab.watch.to_save({"run": run_id})
    assert [row[0] for row in saved.tables[0].rows] == ["Teacher", "Student", "Hybrid k=1", "Skip first"]
    assert saved.document["result"]["arms"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompt": ""}, "prompt is empty"),
        ({"prompt": "house " * 2000}, "12,000 characters"),
        ({"seeds": "0"}, "No seeds"),
        ({"seeds": "10000"}, "10,000 seeds"),
        ({"seeds": "7-3"}, "backwards"),
        ({"arms": []}, "No arms"),
        ({"mask": "BSSBS"}, "mask-"),
        ({"teacher_steps": 0}, "Teacher steps: 0"),
        ({"teacher_steps": None}, "Teacher steps"),
        ({"teacher_guidance": 99}, "Teacher guidance: 99"),
        ({"pair": "pocket/teecher"}, "no model"),
        ({"off_recipe": True, "student_steps": 0}, "Student steps: 0"),
    ],
)
def test_bad_input_gets_one_sentence_and_loses_nothing(tab: CompareTab, changes: dict[str, Any], words: str) -> None:
    updates = tab.submit(values(tab, **changes))
    assert set(updates) == {tab.problem}  # nothing else of the page is touched
    assert words in updates[tab.problem]
    assert tab.jobs.list() == []


def test_a_student_off_its_recipe_is_asked_for_on_purpose(tab: CompareTab) -> None:
    request = tab.form.request(values(tab, student_steps=8))
    assert request["student_steps"] is None  # the slider counts only when unlocked
    request = tab.form.request(values(tab, student_steps=8, off_recipe=True))
    assert (request["student_steps"], request["off_recipe"]) == (8, True)


def test_the_cost_is_said_before_it_is_paid(tab: CompareTab) -> None:
    said = tab.form.estimate(values(tab, seeds="2", arms=["student", "hybrid-1", "skip-first"]))[tab.form.cost]
    assert "6 pictures, 22 network evaluations" in said  # (4 + 4 + 3) × 2
    assert tab.form.estimate(values(tab, seeds="nonsense"))[tab.form.cost] == ""


def test_remedies_are_offered_folded_and_off_with_cost_meaning_and_paper(tab: CompareTab) -> None:
    offered = tab.form.remedies.choices
    assert [arm for _, arm in offered] == list(REMEDIES)
    assert tab.form.remedies.value == [] and not tab.form.group.open
    costs = {"blend": 8, "guided-hybrid": 5, "guidance-interval": 37}
    for text, arm in offered:
        name, meaning, paper = text.split("\n")
        assert name == f"{REMEDIES[arm].title} · {costs.get(arm, 4)} NFE"
        assert (meaning, paper) == (REMEDIES[arm].meaning, REMEDIES[arm].paper)


def test_ticked_remedies_are_drawn_after_the_arms_and_counted(tab: CompareTab) -> None:
    sent = values(tab, arms=["hybrid-1", "student"], remedies=["blend", "cads"], mask="bssb")
    assert tab.form.request(sent)["arms"] == ["student", "hybrid-1", "cads", "blend", "mask-BSSB"]
    assert tab.form.count_remedies(sent)[tab.form.group].label == "Remedies, 2 chosen"
    assert tab.form.count_remedies(values(tab))[tab.form.group].label == "Remedies"
    said = tab.form.estimate(values(tab, seeds="2", arms=["student"], remedies=["blend", "cads"]))[tab.form.cost]
    assert "6 pictures, 32 network evaluations" in said  # (4 + 4 + 8) × 2


def test_a_run_fills_its_remedies_back_in_and_opens_their_group(tab: CompareTab, worker: ScriptedWorker) -> None:
    chosen = ["cads", "guidance-interval"]
    run_id = tab.submit(values(tab, seeds="2", arms=["student"], remedies=chosen))[tab.run_id]
    board = finished(tab, run_id)[tab.board]
    assert [(row["arm"], row["title"]) for row in board["rows"]][1:] == [
        ("cads", "CADS"), ("guidance-interval", "Guidance interval"),
    ]  # fmt: skip
    updates = tab.attach(f"open {run_id}")
    assert updates[tab.form.arms].value == ["student"]
    assert updates[tab.form.remedies] == chosen
    assert updates[tab.form.group].open and updates[tab.form.group].label == "Remedies, 2 chosen"
    plain = tab.form.fill({**tab.jobs.spec(run_id).config, "arms": ["student", "mask-BSSB"]})
    assert plain[tab.form.remedies] == [] and not plain[tab.form.group].open


def test_a_remedy_that_does_not_fit_says_so_where_it_is_offered_and_on_run(tab: CompareTab) -> None:
    sent = values(tab, arms=[], remedies=["guided-hybrid"], teacher_guidance=1)
    updates = tab.form.offer_remedies(sent)
    assert set(updates) == {tab.form.remedies}
    offered = {arm: text for text, arm in updates[tab.form.remedies].choices}
    sentence = "guided-hybrid needs a teacher with guidance above 1, and test/teacher is drawn with 1 here."
    assert offered["guided-hybrid"] == f"Hybrid, guided · does not fit\n{sentence}"
    assert sentence in tab.submit(sent)[tab.problem]
    assert tab.jobs.list() == []
    alone = {arm: text for text, arm in tab.form.offer_remedies(values(tab, seeds="5,"))[tab.form.remedies].choices}
    assert "2 or more would fit" in alone["particles"]
    typed = {arm: text for text, arm in tab.form.offer_remedies(values(tab, seeds="nonsense"))[tab.form.remedies].choices}
    assert typed["particles"].startswith("Particles · 4 NFE")


def test_cancel_keeps_what_is_finished(tab: CompareTab, jobs: Jobs) -> None:
    slow = ScriptedWorker(jobs, step_s=0.1)
    slow.start()
    try:
        run_id = tab.submit(values(tab, arms=["student", "teacher"], seeds="2"))[tab.run_id]
        for _ in range(FIVE_SECONDS):
            if tab.tick({tab.run_id: run_id})[tab.board]["rows"][0]["strip"]:
                break
            time.sleep(0.05)
        tab.stop({tab.run_id: run_id})
        board = finished(tab, run_id)[tab.board]
    finally:
        slow.stop()
    assert board["state"] == "cancelled"
    assert "are kept" in board["status"]["text"]


def test_a_queued_run_is_cancelled_at_once_and_the_next_one_counts_those_ahead(tab: CompareTab) -> None:
    first, second = (tab.submit(values(tab))[tab.run_id] for _ in range(2))
    assert tab.tick({tab.run_id: second})[tab.board]["status"]["text"] == "1 run ahead"
    assert tab.stop({tab.run_id: first})[tab.board]["state"] == "cancelled"
    assert tab.tick({tab.run_id: second})[tab.board]["status"]["text"] == "next in line"


def test_a_reload_finds_the_run_and_its_form_again(tab: CompareTab, worker: ScriptedWorker) -> None:
    run_id = tab.submit(values(tab, prompt="a cat", seeds="4-6", arms=["student"], mask="bssb"))[tab.run_id]
    finished(tab, run_id)
    updates = tab.attach(f"open {run_id}")
    assert updates[tab.board]["run"] == run_id
    assert updates[tab.form.prompt] == "a cat"
    assert updates[tab.form.seeds] == "4-6"
    assert updates[tab.form.arms].value == ["student"]
    assert updates[tab.form.mask] == "BSSB"
    assert tab.board not in tab.attach(f"last {run_id}")  # it has ended: a new visit starts with an empty page


def test_a_visit_comes_back_to_a_run_that_still_goes_on(tab: CompareTab) -> None:
    run_id = tab.submit(values(tab))[tab.run_id]
    assert tab.attach(f"last {run_id}")[tab.board]["run"] == run_id


@pytest.mark.parametrize("asked", ["open 20260131-093000-123-abcdef", "open ../../etc", "open "])
def test_an_address_with_a_run_that_is_not_there_says_so(tab: CompareTab, asked: str) -> None:
    updates = tab.attach(asked)
    assert tab.board not in updates
    assert asked == "open " or "problem" in updates[tab.problem]


def test_a_saved_picture_restores_the_form_and_shows_its_run(tab: CompareTab, worker: ScriptedWorker, jobs: Jobs) -> None:
    run_id = tab.submit(values(tab, prompt="a blue boat", seeds="5, 7", teacher_guidance=6))[tab.run_id]
    finished(tab, run_id)
    picture = jobs.artifact(run_id, "artifacts/student/7.png")
    updates = tab.restore_png({tab.restore: str(picture)})
    assert updates[tab.form.prompt] == "a blue boat"
    assert updates[tab.form.seeds] == "5, 7"
    assert updates[tab.form.teacher_guidance] == 6
    assert updates[tab.board]["run"] == run_id
    assert "seed 7 of Student" in updates[tab.problem]
    jobs.delete(run_id)
    assert tab.board not in tab.restore_png({tab.restore: str(picture.with_name("gone.png"))})


def test_a_picture_made_with_other_weights_says_so(tab: CompareTab, worker: ScriptedWorker, jobs: Jobs, tmp_path: Path) -> None:
    run_id = tab.submit(values(tab))[tab.run_id]
    finished(tab, run_id)
    carried = image.read_run(str(jobs.artifact(run_id, "artifacts/student/0.png")))
    weights = load_registry(jobs.paths).get("test/dmd2").folder / "unet.safetensors"
    weights.write_bytes(b"any bytes have a hash")
    now = weights_hash(weights.parent)
    said = {}
    for name, then in (("same", now), ("other", "0" * 12)):
        picture = tmp_path / f"{name}.png"
        made_with = {"test/dmd2": {"hash": then}, "gone/model": {"hash": "1"}, "odd": "no mapping"}
        picture.write_bytes(image.png_bytes(np.zeros((8, 8, 3), np.uint8), {**carried, "models": made_with}))
        said[name] = tab.restore_png({tab.restore: str(picture)})[tab.problem]
    assert "the same pixels" in said["same"]
    assert f"other weights now ({now})" in said["other"] and "same pixels" not in said["other"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("photo.jpg", b"\xff\xd8\xff\xe0 not ours", "a JPEG, not a PNG"),
        ("half.png", b"\x89PNG\r\n\x1a\n\0\0", "cut off"),
        ("empty.png", b"", "empty"),
    ],
)
def test_a_picture_that_carries_no_run_gets_one_sentence(
    tab: CompareTab, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    updates = tab.restore_png({tab.restore: str(tmp_path / name)})
    assert set(updates) == {tab.problem}
    assert words in updates[tab.problem]


def test_another_pair_brings_its_own_arms_and_guidance(tab: CompareTab) -> None:
    f = tab.form
    updates = tab.form.choose_pair(values(tab, pair="test/lcm", arms=["hybrid-9"]))
    assert updates[f.arms].value == ["teacher", "student"]
    assert updates[f.teacher_guidance] == 4.0
    assert updates[f.student_steps] == 4


def one_step(jobs: Jobs, name: str) -> None:
    """A student of the shelf takes one step from here on."""
    folder = load_registry(jobs.paths).get(name).folder
    recipe = Recipe.load(folder).model_copy(update={"timesteps": (999.0,), "valid_steps": (1,), "grids": {}})
    recipe.save(folder)


def test_a_student_of_one_step_brings_the_arms_it_can_draw(tab: CompareTab, jobs: Jobs) -> None:
    one_step(jobs, "test/lcm")
    chosen = tab.form.choose_pair(values(tab, pair="test/lcm"))[tab.form.arms]
    assert chosen.value == ["teacher", "student"]
    assert [arm for _, arm in chosen.choices] == ["teacher", "teacher-unguided", "student", "hybrid-1"]
    back = values(tab, pair="test/dmd2", arms=chosen.value, before="test/lcm")
    assert tab.form.choose_pair(back)[tab.form.arms].value == ["teacher", "student", "hybrid-1", "skip-first"]
    own = tab.form.choose_pair(values(tab, pair="test/lcm", arms=["student", "hybrid-1", "hybrid-2"]))
    assert own[tab.form.arms].value == ["student", "hybrid-1"]  # what somebody chose stays where it fits
    ready = tab.form.ready("test/lcm")[tab.form.arms]
    assert ready.value == ["teacher", "student"]
    assert jobs.submit("compare", {"prompt": "a house", "pair": "test/lcm"})  # as a program asks, without arms
    assert jobs.spec(jobs.list(kind="compare")[0].id).config["arms"] == ["teacher", "student"]


def test_another_pair_leaves_a_guidance_that_somebody_typed(tab: CompareTab) -> None:
    f = tab.form
    assert tab.form.before.value == "test/dmd2" and f.teacher_guidance.value == 4.0
    plain = tab.form.choose_pair(values(tab, pair="nano/lcm"))
    assert (plain[f.teacher_guidance], plain[tab.form.before]) == (3.0, "nano/lcm")
    typed = tab.form.choose_pair(values(tab, pair="nano/lcm", teacher_guidance=6.5))
    assert typed[f.teacher_guidance] == 6.5
    emptied = tab.form.choose_pair(values(tab, pair="nano/lcm", teacher_guidance=None))
    assert emptied[f.teacher_guidance] == 3.0


def test_recent_runs_are_listed_newest_first(tab: CompareTab, worker: ScriptedWorker) -> None:
    ids = [tab.submit(values(tab, prompt=text, seeds="1"))[tab.run_id] for text in ("a cat", "a car")]
    for run_id in ids:
        finished(tab, run_id)
    cards = tab.watch.recent()
    assert [card["prompt"] for card in cards] == ["a car", "a cat"]
    assert cards[0]["pictures"]
    assert "1 seed · 4 arms" in cards[0]["about"]


def test_size_and_negative_prompt_go_into_the_request_and_back(tab: CompareTab) -> None:
    plain = tab.form.request(values(tab))
    assert "size" not in plain and "negative" not in plain
    asked = tab.form.request(values(tab, size=" 128x64 ", negative="snow"))
    assert (asked["size"], asked["negative"]) == ("128x64", "snow")
    filled = tab.form.fill(tab.jobs.validate("compare", asked).model_dump(mode="json"))
    assert (filled[tab.form.size].value, filled[tab.form.negative].value) == ("128x64", "snow")
    empty = tab.form.fill(tab.jobs.validate("compare", plain).model_dump(mode="json"))
    assert (empty[tab.form.size].value, empty[tab.form.negative].value) == ("", "")


def test_embedded_guidance_is_asked_where_a_model_takes_it(tab: CompareTab, monkeypatch: pytest.MonkeyPatch) -> None:
    field = tab.form.taken.embedded
    assert not field.visible and "embedded_guidance" not in tab.form.request(values(tab))
    with pytest.raises(ValueError, match="Neither model of test/dmd2 takes its guidance as an input"):
        tab.jobs.validate("compare", {"prompt": "a cat", "pair": "test/dmd2", "embedded_guidance": 4})

    find = Registry.usable

    def takes(registry: Registry, id: str) -> Pair:
        pair = find(registry, id)
        return replace(pair, teacher=replace(pair.teacher, checkpoint=replace(pair.teacher.checkpoint, embeds_guidance=True)))

    monkeypatch.setattr(Registry, "usable", takes)
    request = tab.jobs.validate("compare", {"prompt": "a cat", "pair": "test/dmd2", "embedded_guidance": "4.5"})
    plans = {plan.name: plan for plan in plans_for(request, load_registry(tab.jobs.paths))}
    told = {name: [segment.embedded for segment in plan.segments] for name, plan in plans.items()}
    assert told["teacher"] == [4.5] and told["student"] == [None] and told["hybrid-1"] == [4.5, None]
    pair = load_registry(tab.jobs.paths).usable("test/dmd2")
    shown = tab.form.taken.fill(pair, request.model_dump(mode="json"))
    assert (shown[field].visible, shown[field].value) == (True, "4.5")


def test_size_and_negative_prompt_are_there_only_where_they_fit(tab: CompareTab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = values(tab, size="64x32", negative="snow", base_guidance=9)
    here = tab.form.show_pair(asked) | tab.form.choose_pair(asked)
    assert here[tab.form.size].visible is not False and here[tab.form.base_guidance].maximum == 30
    pair = tab.form.first
    assert pair is not None
    fixed = replace(pair.teacher, checkpoint=replace(pair.teacher.checkpoint, step=0, embeds_guidance=True, most_guidance=4.0))
    monkeypatch.setattr(tab.form, "pair_of", lambda _: replace(pair, teacher=fixed))
    gone = tab.form.show_pair(asked) | tab.form.choose_pair(asked)
    for field in (tab.form.size, tab.form.negative):
        assert gone[field].visible is False and gone[field].value == ""
    assert (gone[tab.form.base_guidance].maximum, gone[tab.form.base_guidance].value) == (4.0, 4.0)
