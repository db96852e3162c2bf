"""A run that learned one picture, as the Personalize tab shows it, and the way to Compare."""

from __future__ import annotations

from typing import Any

from studio.ui.personalize.view import PersonalView

ABOUT = {"subject": "Mug", "word": "<mug>", "base": "Nano teacher"}
REQUEST = {"method": "sine", "base": "nano/teacher", "subject": "mine/mug"}


def measure(value: float) -> dict[str, Any]:
    return {"value": value, "low": value / 2, "high": min(1, 2 * value), "n": 32, "note": ""}


def row(step: int, arm: str = "teacher", right: float | None = 0.5) -> dict[str, Any]:
    ways = {"prompt": 0.2, "noised": 0.05, "mixed": 0.04}
    edits = [
        {"prompt": "a red car", "way": way, "nfe": 20, "background": measure(apart),
         "attributes": None if right is None else measure(right)}
        for way, apart in ways.items()
    ]  # fmt: skip
    return {"step": step, "arm": arm, "title": arm.title(), "model": "nano/teacher", "steps": 10, "nfe": 20, "edits": edits}


def view(rows: list[dict[str, Any]], **result: Any) -> PersonalView:
    found = PersonalView("r", REQUEST, ABOUT)
    for one in rows:
        found.apply({"kind": "edited", **one})
    found.finish({"adapter": "mine/mug-sine", "word": "<mug>", "ways": {"beta": 0.7, "above": None}, "edited": rows, **result})
    return found


def test_edits_stand_beside_one_another_and_nothing_is_said_of_recognising() -> None:
    board = view([row(2, right=0.9), row(4), row(4, "nano/dmd2")]).board()
    assert board["steps"] is None and board["arms"] is None
    edits = board["edits"]
    assert [one["cells"][0] for one in edits["rows"]] == [
        (way, arm) for arm in ("Teacher", "Nano/Dmd2") for way in ("text to image", "image to image", "SINE")
    ]
    assert [one["tone"] for one in edits["rows"]] == ["teacher"] * 3 + ["student"] * 3
    assert edits["rows"][2]["cells"][1][0] == "50 %" and edits["rows"][2]["cells"][2][0] == "0.040"
    assert "0.20 times as far from the picture as text to image does, image to image 0.25 times" in board["said"][0]
    assert board["said"][1].startswith("50 % of its pictures show") and "noised picture" in board["grid_note"]


def test_what_nobody_reads_or_draws_is_said() -> None:
    unread = view([row(4, right=None)]).board()
    assert len(unread["said"]) == 1 and unread["edits"]["rows"][0]["cells"][1][0] == "–"
    assert view([]).board()["said"] == ["No edit was drawn: name some in the settings, or try one."]
    assert view([]).board()["edits"] is None


def test_try_it_mixes_the_adapter_in_and_wears_no_other() -> None:
    assert view([row(4)]).trial() == {"adapter": "mine/mug-sine", "word": "<mug>", "base": "nano/teacher",
                                      "mix": "mine/mug-sine=0.7", "prompt": "a red car"}  # fmt: skip
    told = view([], ways={"beta": 0.5, "above": 200.0}, source="a <mug>").trial()
    assert told is not None and (told["mix"], told["prompt"]) == ("mine/mug-sine=0.5@200", "a <mug>")
    plain = PersonalView("r", {**REQUEST, "method": "dreambooth"}, ABOUT)
    plain.finish({"adapter": "mine/mug", "word": "<mug>"})
    assert plain.trial()["mix"] == ""  # type: ignore[index]
