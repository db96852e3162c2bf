"""The Unlearn tab's view of a run: arms beside each other, the matrix of each, where the concept went, what Try it opens."""

from __future__ import annotations

from typing import Any

from studio.metrics.proportion import wilson
from studio.ui.unlearn.view import ARM_HEADS, UnlearnView

REQUEST = {"base": "nano/dmd2", "forget": "cat", "becomes": "", "keep": "tree", "steps": 40, "method": "sfd", "n_prompts": 128,
           "settings": {"rank": 4}, "prompts": ["a cat => a house"], "name": "no-cat", "stop_at": 0.9}  # fmt: skip
CAT = {"words": "cat", "becomes": "house", "stated": {"subject": "cat"}, "instead": {"subject": "house"}}


def share(hits: int, n: int = 64) -> dict[str, Any]:
    return wilson(hits, n).to_dict()


def row(arm: str, step: int, hits: int, **more: Any) -> dict[str, Any]:
    part = {"before": share(60), "after": share(58), "kept": share(58, 60)}
    went = [
        {"name": "not recognised", "share": share(30)},
        {"name": "house", "share": share(20)},
        {"name": "cat", "share": share(hits)},
    ]
    return {"kind": "unlearned", "time": 1.0, "arm": arm, "title": arm.title(), "step": step, "nfe": 4, "hit": share(hits),
            "hit_before": share(44), "rest": share(60), "in_domain": part, "cross_domain": part, "unrecognised": share(30),
            "unrecognised_before": share(0), "went": went,
            "matrix": [{"part": "forgotten", "name": "cat", "n": 64, "before": share(44), "after": share(hits)}],
            **more}  # fmt: skip


def done(*rows: dict[str, Any]) -> UnlearnView:
    view = UnlearnView("r", REQUEST, {"base": "Nano DMD2"})
    view.apply({"kind": "strip", "step": 0, "strip": "artifacts/a.jpg", "count": 8, "prompts": ["a cat at sea", "a tree"],
                "seeds": [0, 1], "columns": ["untouched", "asked to forget"], "rows": ["a cat at sea", "a tree"]})  # fmt: skip
    view.apply({"kind": "state", "state": "done", "note": ""})
    view.finish({"adapter": "mine/no-cat", "concepts": [CAT], "forgotten": list(rows), "notices": []})
    return view


def test_arms_stand_beside_each_other_at_the_last_step_and_the_model_by_step() -> None:
    view = done(row("nano/dmd2", 20, 12), row("nano/dmd2", 40, 5), row("teacher", 40, 30), row("hybrid-1", 40, 20))
    arms = view.arms() or {}
    assert [(one["title"], one["tone"]) for one in arms["rows"]] == [
        ("Nano/Dmd2", "student"), ("Teacher", "teacher"), ("Hybrid-1", "hybrid-1")
    ]  # fmt: skip
    first = dict(zip(ARM_HEADS[1:], arms["rows"][0]["cells"], strict=True))
    assert (first["shown before"], first["shown now"]) == (("69 %", "[57–79]"), ("8 %", "[3–17]"))
    assert (first["not recognised"], first["evaluations"]) == (("47 %", "[35–59]"), ("4", ""))
    assert [one["title"] for one in (view.steps() or {})["rows"]] == ["20", "40"]
    parts = view.parts() or {}
    assert [one["title"] for one in parts["arms"]] == ["Nano/Dmd2", "Teacher", "Hybrid-1"] and "95 % interval" in parts["rule"]


def test_plain_words_other_words_and_clip_have_columns_where_they_were_read() -> None:
    assert not any("words" in head or "CLIP" in head for head in (done(row("a", 40, 5)).arms() or {})["heads"])
    kinds = {"plain": {"before": share(40), "after": share(17)}, "other_words": {"before": share(30), "after": share(5)}}
    view = done(row("nano/dmd2", 20, 12, **kinds), row("nano/dmd2", 40, 5, **kinds), row("teacher", 40, 30))
    for table in (view.arms() or {}, view.steps() or {}):
        cells = [dict(zip(table["heads"][1:], one["cells"], strict=True)) for one in table["rows"]]
        assert cells[0]["in plain words"] == ("27 %", "[17–38]") and cells[0]["in other words"] == ("8 %", "[3–17]")
        assert "by how prompts say the concept" in table["note"] and "CLIP" not in table["note"]
    read = {"before": share(60), "after": share(3), "reader": "tiny-clip"}
    arms = done(row("nano/dmd2", 40, 5, hit=None, by_clip=read)).arms() or {}
    cells = dict(zip(arms["heads"][1:], arms["rows"][0]["cells"], strict=True))
    assert (cells["before, read by CLIP"], cells["now, read by CLIP"]) == (("94 %", "[85–98]"), ("5 %", "[2–13]"))
    assert "that it calls nearer to the concept's words" in arms["note"]


def test_where_it_went_says_what_was_meant_and_keeps_what_nobody_knows_for_the_end() -> None:
    view = done(row("nano/dmd2", 40, 5))
    assert [(one["name"], one["kind"]) for one in view.went(view.last()[0])] == [
        ("house", "becomes"), ("cat", "concept"), ("not recognised", "unknown")
    ]  # fmt: skip
    assert view.steps() is None, "a closed form is measured once"


def test_nothing_is_said_before_the_end_and_a_run_that_nobody_measured_says_so() -> None:
    view = UnlearnView("r", REQUEST, {"base": "Nano DMD2"})
    view.apply(row("nano/dmd2", 4, 40))
    board = view.board(2)
    assert board["title"] == "Nano DMD2, asked to forget cat" and board["status"]["text"] == "2 runs ahead"
    assert board["said"] == [] and board["trial"] is None and board["arms"] and not board["steps"]
    assert done().said() == ["Nobody measured it: look at the pictures. Nothing is said about prompts that nobody tried."]
    unread = {"arm": "a", "title": "A", "step": 1, "hit": None, "forgotten": None}
    assert done(unread).parts() is None


def test_try_it_opens_the_concepts_own_prompt_with_the_adapter_on() -> None:
    assert done().trial() == {"adapter": "mine/no-cat", "base": "nano/dmd2", "prompt": "a cat at sea", "mix": ""}


def test_the_wall_has_failures_first_and_says_how_many_of_how_many() -> None:
    view = done(row("nano/dmd2", 40, 5))
    assert view.board()["wall"] is None
    kept = {"prompts": ["a cat", "a tree"], "seeds": [7000, 7001], "of": 64}
    blocks = [
        {**kept, "name": "forgotten", "strip": "artifacts/a.jpg", "wrong": [True, False], "was_wrong": [False, False],
         "failed": 1, "also_before": 0},
        {**kept, "name": "in its domain", "strip": "artifacts/b.jpg", "wrong": [True, True], "was_wrong": [False, True],
         "failed": 9, "also_before": 7},
        {**kept, "name": "across domains", "strip": "artifacts/c.jpg", "wrong": None, "was_wrong": None, "failed": None},
    ]  # fmt: skip
    view.apply({"kind": "wall", "time": 1.0, "step": 40, "blocks": blocks})
    wall = view.board()["wall"]
    assert [one["title"] for one in wall["blocks"]] == ["Asked for it", "Others of its kind", "Everything else"]
    assert wall["blocks"][0]["said"] == "1 of 64 pictures still shows it; 2 of them here"
    assert wall["blocks"][1]["said"] == "2 of 64 pictures broke, 7 were wrong before too; 2 of them here"
    assert [(one["mark"], one["bad"]) for one in wall["blocks"][1]["pairs"]] == [("broke", True), ("wrong before too", False)]
    assert wall["blocks"][2]["said"] == "2 of them here" and not any(one["mark"] for one in wall["blocks"][2]["pairs"])


def test_the_form_comes_back_as_it_was_but_for_the_name() -> None:
    asked = done().asked()
    assert (asked["forget"], asked["keep"], asked["base"], asked["method"]) == ("cat", "tree", "nano/dmd2", "sfd")
    assert asked["settings"] == {"sfd": {"rank": "4"}} and asked["prompts"] == "a cat => a house"
    assert asked["run"]["steps"] == "40" and "name" not in asked["run"]
