"""The Personalize tab's view of a run: pictures, figures by step and by arm, and sentences, all with their intervals."""

from __future__ import annotations

from typing import Any

from studio.ui.personalize.view import PersonalView

ABOUT = {"subject": "My cat", "word": "<my-cat>", "base": "Nano DMD2"}
REQUEST = {"subject": "mine/my-cat", "base": "nano/dmd2", "steps": 400}
STRIP = {"kind": "strip", "arm": "personalize", "count": 12, "prompts": ["a <my-cat> at night", "a cat at night", "a star"],
         "seeds": [0, 1], "columns": ["untouched", "with the subject"],
         "rows": ["subject", "class", "another prompt"]}  # fmt: skip


def share(value: float) -> dict[str, Any]:
    return {"value": value, "low": max(0.0, value - 0.03), "high": min(1.0, value + 0.02), "n": 64}


def row(arm: str, step: int, hit: float, **more: Any) -> dict[str, Any]:
    def other(accuracy: float, fd: float) -> dict[str, Any]:
        return {"n": 80, "accuracy": share(accuracy), "fd_oracle": fd}

    return {"kind": "personal", "time": 1.0, "arm": arm, "title": arm.title(), "step": step, "hit": share(hit),
            "leak": share(0.01), "stated": share(0.9), "distance": {"value": 1.04, "low": 0.9, "high": 1.2},
            "moved": {"value": 0.08, "low": 0.07, "high": 0.1},
            "others": other(0.95, 12.5), "before": other(0.97, 10.0),
            "damage": {"kept": share(0.96), "fd": {"value": 1.25, "low": 1.1, "high": 1.4}}, **more}  # fmt: skip


def done(*rows: dict[str, Any], **result: Any) -> PersonalView:
    view = PersonalView("r", REQUEST, ABOUT)
    view.apply({"kind": "state", "state": "done", "note": ""})
    reader = {"features": "the world's oracle", "found": share(0.8), "mistaken": share(0.02), "held": 5}
    view.finish(
        {"adapter": "mine/my-cat-nano", "word": "<my-cat>", "reader": reader, "rows": list(rows), "notices": [], **result}
    )
    return view


def test_pictures_begin_with_step_0_and_follow() -> None:
    view = PersonalView("r", REQUEST, ABOUT)
    assert view.board()["strips"] is None and view.board(2)["status"] == {"word": "queued", "text": "2 runs ahead"}
    view.apply({"kind": "state", "state": "running", "note": ""})
    view.apply({**STRIP, "step": 50, "strip": "artifacts/b.jpg"})
    view.apply({**STRIP, "step": 0, "strip": "artifacts/a.jpg"})
    view.apply({"kind": "progress", "done": 60, "total": 400, "eta_s": 34})
    board = view.board()
    assert board["status"]["text"] == "step 60 of 400 · about 34 s left"
    assert board["strips"]["steps"] == [{"step": 0, "strip": "artifacts/a.jpg"}, {"step": 50, "strip": "artifacts/b.jpg"}]
    assert board["strips"]["rows"] == STRIP["rows"] and board["trial"] is None and board["said"] == []


def test_figures_of_the_model_itself_stand_by_step_with_intervals() -> None:
    view = PersonalView("r", REQUEST, ABOUT)
    for one in (
        row("nano/dmd2", 200, 0.5),
        row("nano/dmd2", 400, 0.98),
        row("nano/dmd2", 200, 0.6),
    ):  # measured again after a pause
        view.apply(one)
    steps = view.steps() or {}
    assert [one["title"] for one in steps["rows"]] == ["200", "400"]
    assert steps["rows"][0]["cells"][0] == ("60 %", "[57–62]")
    assert dict(zip(steps["heads"][1:], steps["rows"][1]["cells"], strict=True)) == {
        "recognised": ("98 %", "[95–100]"), "without the word": ("1 %", "[0–3]"), "as the prompt says": ("90 %", "[87–92]"),
        "distance": ("1.04", "[0.90–1.20]"), "other pictures moved": ("0.08", "[0.07–0.10]"),
        "other prompts, before": ("97 %", "[94–99]"),
        "other prompts, with it": ("95 %", "[92–97]"),
    }  # fmt: skip
    assert view.arms() is None, "the family is measured at the end"


def test_what_it_came_to_is_said_with_intervals_and_the_readers_own_errors() -> None:
    view = done(row("nano/dmd2", 200, 0.5), row("nano/dmd2", 400, 0.98), row("teacher", 400, 0.4))
    assert view.said() == [
        "My cat is recognised in 98 % [95–100] of the pictures that ask for <my-cat>.",
        "Without the word it appears in 1 % [0–3] of the pictures of its class.",
        "What the prompt says besides is right in 90 % [87–92] of its pictures.",
        "Other prompts are right in 95 % [92–97] of their pictures; without the subject 97 % [94–99], so 96 % [93–98] of before.",
        "Its pictures lie 1.04 [0.90–1.20] times as far from yours as pictures held back do.",
    ]
    assert "80 % [77–82] of the 5 pictures held back, and takes 2 % [0–4] of other pictures" in view.reader()[0]
    arms = view.arms() or {}
    assert [(one["title"], one["tone"]) for one in arms["rows"]] == [("Nano/Dmd2", "student"), ("Teacher", "teacher")]
    assert arms["rows"][1]["cells"] == [("40 %", "[37–42]"), ("1 %", "[0–3]"), ("97 %", "[94–99]"), ("95 %", "[92–97]"),
                                        ("96 %", "[93–98]"), ("1.25", "[1.10–1.40]"), ("64", "and 80 others")]  # fmt: skip


def test_what_nobody_could_read_is_left_out() -> None:
    unread = {"n": 80, "accuracy": None, "fd_oracle": None}
    view = done(row("sd/turbo", 400, 0.9, stated=None, others=unread, before=unread), reader=None)
    assert [sentence.split()[0] for sentence in view.said()] == ["My", "Without", "Its"] and view.reader() == []
    assert done().said() == ["Nobody measured it: look at the pictures."]
    assert done(row("nano/dmd2", 400, 0.9), adapter=None).said() == []


def test_trying_it_puts_the_word_into_the_prompt() -> None:
    view = done(row("nano/dmd2", 400, 0.98))
    known = {"adapter": "mine/my-cat-nano", "word": "<my-cat>", "base": "nano/dmd2", "mix": ""}
    assert view.trial() == {**known, "prompt": "a <my-cat>"}
    view.apply({**STRIP, "step": 0, "strip": "artifacts/a.jpg"})
    assert (view.trial() or {})["prompt"] == "a <my-cat> at night"


def test_a_run_that_is_come_back_to_brings_its_form() -> None:
    asked = PersonalView("r", {**REQUEST, "method": "pso", "settings": {"batch": 2}}, ABOUT).board()["asked"]
    assert (asked["subject"], asked["base"], asked["method"], asked["steps"]) == ("mine/my-cat", "nano/dmd2", "pso", "400")
    assert asked["settings"] == {"pso": {"batch": "2"}}
