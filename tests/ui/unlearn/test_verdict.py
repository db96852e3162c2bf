"""The sentences of an unlearning: made from counts, with what they leave open, and never more than was counted."""

from __future__ import annotations

from typing import Any

import pytest

from studio.metrics.proportion import wilson
from studio.ui.unlearn import matrix, verdict

CAT = [{"words": "cat", "becomes": "house", "stated": {"subject": "cat"}, "instead": {"subject": "house"}}]


def share(hits: int, n: int = 64) -> dict[str, Any]:
    return wilson(hits, n).to_dict()


def row(hits: int, before: int = 43, arm: str = "nano/dmd2", **more: Any) -> dict[str, Any]:
    return {"arm": arm, "title": arm.title(), "step": 400, "hit": share(hits), "hit_before": share(before), **more}


def test_none_of_the_pictures_is_at_most_so_many() -> None:
    assert verdict.said([row(0)], CAT) == [
        "Plain prompts show it in 0 of 64 pictures, at most 5.7 % at 95 %; before in 43 of 64. Nothing is said about prompts "
        "that nobody tried."
    ]


def test_plain_words_and_other_words_are_said_apart() -> None:
    kinds = {"plain": {"before": share(43), "after": share(17)}, "other_words": {"before": share(30), "after": share(0)}}
    assert verdict.plain(row(17, **kinds)) == (
        "Prompts in plain words show it in 17 of 64 pictures, 17.3 to 38.5 % at 95 %; before in 43 of 64. In other words for it, "
        "in 0 of 64 pictures, at most 5.7 % at 95 %; before in 30 of 64. Nothing is said about prompts that nobody tried."
    )


@pytest.mark.parametrize(("becomes", "than"), [("house", "“house”"), ("", "“a picture”")])
def test_what_clip_reads_is_said_as_read_by_clip(becomes: str, than: str) -> None:
    read = {"before": share(60), "after": share(3), "reader": "tiny-clip"}
    unread = {"arm": "a", "step": 1, "hit": None, "hit_before": None, "by_clip": read}
    assert verdict.said([unread], [{"words": "cat", "becomes": becomes}]) == [
        f"Read by CLIP (tiny-clip), nearer to “cat” than to {than}: 3 of 64 pictures, 1.6 to 12.9 % at 95 %; before in 60 of 64. "
        "It can be wrong: look at them. Nothing is said about prompts that nobody tried."
    ]


def test_some_and_all_of_them_are_said_with_the_ends_that_there_are() -> None:
    assert "in 16 of 64 pictures, 16.0 to 36.8 % at 95 %;" in verdict.plain(row(16))
    assert "in 64 of 64 pictures, at least 94.3 % at 95 %;" in verdict.plain(row(64))
    assert "Plain prompts show what they are to forget in 3 of 64" in verdict.plain(row(3), several=True)


def test_a_model_that_hardly_showed_it_before_says_little() -> None:
    assert "little could go" in verdict.plain(row(0, before=10))
    assert "little could go" not in verdict.plain(row(0, before=43))


def test_what_stands_in_its_place_is_named_and_what_nobody_knows_is_counted() -> None:
    went = [{"name": "not recognised", "share": share(40)}, {"name": "house", "share": share(24)}]
    assert verdict.went(row(0, went=went, unrecognised_before=share(1))) == (
        "Its pictures now show house most, in 24 of 64; 40 of 64 show nothing that is recognised, before 1."
    )
    assert verdict.went(row(0, went=went[1:])).endswith("all of them show something that is recognised.")
    assert verdict.went(row(0, went=went[:1])) == "40 of 64 show nothing that is recognised."
    assert verdict.went(row(0)) == ""


def test_what_must_stay_stands_beside_what_it_was() -> None:
    part = {"before": share(62), "after": share(48)}
    nothing = {"before": None, "after": None, "kept": None}
    assert verdict.stays(row(0, in_domain=part, cross_domain=nothing)) == (
        "Of what must stay, pictures are right about others of its kind in 75 % [63 to 84] (97 % before)."
    )
    assert verdict.stays(row(0, in_domain=nothing)) == ""


def test_arms_on_which_the_concept_surely_comes_back_are_named_worst_first() -> None:
    own, hybrid, teacher = row(0), row(20, arm="hybrid-1"), row(40, arm="teacher")
    assert verdict.family(own, [hybrid, teacher]) == (
        "The same change does less on others of its family: Teacher 40 of 64, Hybrid-1 20 of 64."
    )
    assert verdict.family(own, [row(2, arm="teacher")]) == (
        "On the others of its family it is shown surely no more often; most on Teacher, 2 of 64."
    )
    assert verdict.family(own, []) == ""


def test_pictures_that_nobody_can_read_are_not_called_forgotten() -> None:
    unread = {"arm": "a", "step": 1, "hit": None, "hit_before": None}
    assert verdict.said([unread], CAT) == [verdict.UNREAD] and verdict.said([], CAT) == []


@pytest.mark.parametrize("hits", [0, 1, 32, 64])
def test_no_sentence_says_more_than_was_counted(hits: int) -> None:
    said = " ".join(verdict.said([row(hits, went=[{"name": "house", "share": share(9)}]), row(3, arm="teacher")], CAT)).lower()
    assert not any(word in said for word in ("erased", "removed", "safe", "gone", "unlearned"))
    assert verdict.UNTRIED.lower() in said


@pytest.mark.parametrize(
    ("part", "before", "after", "light"),
    [
        ("forgotten", share(40), share(0), "good"),
        ("forgotten", share(40), share(3), ""),  # up to 12.9 %
        ("forgotten", share(40), share(20), "bad"),
        ("in its domain", share(64), share(64), "good"),
        ("in its domain", share(8, 8), share(8, 8), ""),  # eight pictures say nothing of nine tenths
        ("in its domain", share(64), share(30), "bad"),
        ("across domains", share(0), share(0), ""),  # nothing was there to lose
        ("across domains", None, None, ""),
    ],
)
def test_a_light_stands_only_where_the_whole_interval_decides(part: str, before: Any, after: Any, light: str) -> None:
    assert matrix.light(part, before, after) == light


def test_the_matrix_has_three_parts_and_the_worst_first() -> None:
    def line(part: str, name: str, before: int, after: int) -> dict[str, Any]:
        return {"part": part, "name": name, "n": 64, "before": share(before), "after": share(after)}

    rows = [line("across domains", "colour", 60, 60), line("forgotten", "cat", 60, 0), line("forgotten", "boat", 60, 20),
            line("in its domain", "tree", 60, 61), line("in its domain", "house", 62, 12),
            {"part": "in its domain", "name": "heart", "n": 0, "before": None, "after": None}]  # fmt: skip
    found = matrix.matrix(rows)
    assert [(part["title"], [one["name"] for one in part["rows"]]) for part in found] == [
        ("Forgotten", ["boat", "cat"]), ("In its domain", ["house", "tree"]), ("Across domains", ["colour"])
    ]  # fmt: skip
    assert [one["word"] for part in found for one in part["rows"]] == ["over 10 %", "under 10 %", "lost", "kept", "kept"]
    assert found[0]["rows"][1]["after"] == {"text": "0 %", "reach": "[0–6]", "at": 0.0, "low": 0.0, "high": share(0)["high"]}
