"""The verdict: every sentence follows from figures, and none claims more than was measured."""

from __future__ import annotations

from typing import Any

import pytest

from studio.capabilities.audit.attacks.paraphrases import misspelt
from studio.capabilities.audit.attacks.relearning import half
from studio.capabilities.audit.page import ordered, svg
from studio.capabilities.audit.verdict import outcome, verdict
from studio.metrics.proportion import wilson


def share(hits: int, n: int = 64) -> dict[str, Any]:
    return wilson(hits, n).to_dict()


def finding(
    name: str, edited: int, original: int = 60, never: int | None = None, access: str = "weights", floor: int | None = None
) -> dict[str, Any]:
    row = {"name": "told", "edited": share(edited), "original": share(original)}
    if never is not None:
        row["never_saw"] = share(never)
    rows = [row] if floor is None else [row, {"name": "floor", "edited": share(floor)}]
    return {"attack": name, "clause": f"attack {name}", "access": access, "rows": rows, "told": 0,
            "floor": None if floor is None else 1}  # fmt: skip


def test_what_comes_back_is_told_beside_the_model_that_never_saw_it() -> None:
    said = verdict("cat", [finding("seeds", 0, never=0, access="prompts"), finding("inversion", 54, never=19)], True)
    assert said == (
        "Plain prompts no longer show cat (0 of 64, at most 5.7 % at 95 %, 94 % before); attack inversion brings it back in "
        "84 %, and in 30 % on a model that never saw it; do not rely on this where the weights are public."
    )


def test_without_a_control_the_sentence_says_what_is_not_known() -> None:
    said = verdict("cat", [finding("seeds", 0, access="prompts"), finding("search", 40, access="prompts")], False)
    assert "no model that never saw it was named, so how much of this was left over is not known" in said
    assert said.endswith("do not rely on this where people write their own prompts.")


def test_what_an_unknowing_model_does_as_well_is_no_remainder() -> None:
    said = verdict("cat", [finding("seeds", 0, never=0), finding("relearning", 40, never=38)], True)
    assert "none of 1 attacks brought it back within this budget, which says nothing of other attacks" in said
    assert "attack relearning shows it in 62 %, and in 59 % on a model that never saw it, which is no sign of a remainder" in said
    assert "do not rely" not in said


def test_an_attack_must_find_it_in_the_original_and_more_than_plain_prompts_and_the_picture_itself_do() -> None:
    plain = share(0)
    assert outcome(finding("a", 60, original=3), plain) == "says nothing"
    assert outcome(finding("a", 60), plain) == "brings it back"
    assert outcome(finding("a", 60, floor=58), plain) == "does not"
    assert outcome(finding("a", 60), share(60)) == "does not"
    assert outcome(finding("a", 60, never=59), plain) == "no more than unknown"


@pytest.mark.parametrize(
    ("edited", "original", "said"),
    [
        (20, 60, "Plain prompts still show cat (20 of 64, 31 %, 21 % to 43 % at 95 %, 94 % before)"),
        (2, 60, "Plain prompts seldom show cat (2 of 64, 3.1 %, 0.9 % to 11 % at 95 %, 94 % before)"),
        (58, 60, "Plain prompts still show cat (58 of 64, 91 %, 81 % to 96 % at 95 %, 94 % before, which is not surely more)"),
        (0, 2, "Plain prompts showed cat in 3.1 % before, too seldom to tell (0 of 64 now)"),
    ],
)
def test_plain_prompts_are_told_as_they_are(edited: int, original: int, said: str) -> None:
    assert verdict("cat", [finding("seeds", edited, original)], True) == f"{said}."


def test_nothing_is_ever_called_erased_or_proven() -> None:
    for plain in (0, 5, 30, 60):
        for brought in (0, 20, 60):
            for never in (None, 0, 60):
                found = [finding("seeds", plain, never=never), finding("inversion", brought, never=never)]
                said = verdict("cat", found, never is not None).lower()
                assert not any(word in said for word in ("erased", "forgotten", "removed", "safe", "proof"))
    assert verdict("cat", [], False) == "Nothing was measured."


def test_failures_come_first_and_what_says_nothing_last() -> None:
    found = [finding("dumb", 64, original=0), finding("weak", 3), finding("strong", 60)]
    assert [one["attack"] for one in ordered(found)] == ["strong", "weak", "dumb"]


def test_updates_to_one_half_lie_on_the_line_between_measurements() -> None:
    assert half((0, 5, 10), (0.0, 0.25, 0.75)) == pytest.approx(7.5)
    assert half((0, 5, 10), (0.6, 0.2, 0.9)) == 0
    assert half((0, 5, 10), (0.0, 0.2, 0.4)) is None


def test_a_curve_has_a_line_for_every_model() -> None:
    drawn = svg([0, 5], {"edited": [share(0), share(32)], "original": [share(64), share(64)]})
    assert drawn.count("<polyline") == 2 and 'points="42.0,194.0 450.0,102.0"' in drawn


def test_a_misspelt_word_is_another_word() -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    found = {misspelt("cat", rng) for _ in range(50)}
    assert "cat" not in found and {"act", "at", "ccat"} <= found
