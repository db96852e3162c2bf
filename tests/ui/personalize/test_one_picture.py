"""A run that learned one picture, as the Personalize tab shows it, and the way to Compare."""

from __future__ import annotations

from typing import Any

from studio.ui.personalize.view import PersonalView

ABOUT = {"subject": "Mug", "word": "<mug>", "base": "Nano teacher"}
REQUEST = {"method": "sine", "base": "nano/teacher", "subject": "mine/mug"}


def measure(value: float) -> dict[str, Any]:
    return {"value": value, "low": value / 2, "high": min(1, 2 * value), "n": 32, "note": ""}


def row(step: int, arm: str = "teacher", right: float | None = 0.5) -> dict[str, Any]:
    ways = [("prompt", None, 0.2, 1.0), ("noised", None, 0.05, 0.9), ("mixed", 0.3, 0.1, 1.0), ("mixed", 0.7, 0.04, 0.5)]
    edits = [
        {"prompt": "a red car", "way": way, "beta": beta, "nfe": 20, "background": measure(apart),
         "attributes": None if right is None else measure(right * share)}
        for way, beta, apart, share in ways
    ]  # fmt: skip
    return {"step": step, "arm": arm, "title": arm.title(), "model": "nano/teacher", "steps": 10, "nfe": 20, "edits": edits}


def view(rows: list[dict[str, Any]], **result: Any) -> PersonalView:
    found = PersonalView("r", REQUEST, ABOUT)
    for one in rows:
        found.apply({"kind": "edited", **one})
    found.finish(
        {"adapter": "mine/mug-sine", "word": "<mug>", "ways": {"betas": [0.3, 0.7], "above": None}, "edited": rows, **result}
    )
    return found


def test_edits_stand_beside_one_another_and_nothing_is_said_of_recognising() -> None:
    board = view([row(2, right=0.9), row(4), row(4, "nano/dmd2")]).board()
    assert board["steps"] is None and board["arms"] is None
    edits = board["edits"]
    assert [one["cells"][0] for one in edits["rows"]] == [
        (way, arm)
        for arm in ("Teacher", "Nano/Dmd2")
        for way in ("text to image", "image to image", "SINE, β 0.3", "SINE, β 0.7")
    ]
    assert [one["tone"] for one in edits["rows"]] == ["teacher"] * 4 + ["student"] * 4
    assert edits["rows"][3]["cells"][1][0] == "25 %" and edits["rows"][3]["cells"][2][0] == "0.040"
    assert board["said"][0] == "Text to image shows all that the edits say in 50 % of its pictures."
    assert board["said"][3] == (
        "SINE, β 0.7 shows all that the edits say in 25 % of its pictures and lies 0.20 times as far from the picture as text to "
        "image."
    )
    assert "noised picture" in board["grid_note"]


def test_what_nobody_reads_or_draws_is_said() -> None:
    unread = view([row(4, right=None)]).board()
    assert len(unread["said"]) == 3 and unread["edits"]["rows"][0]["cells"][1][0] == "–"
    assert view([]).board()["said"] == ["No edit was drawn: name some in the settings, or try one."]
    assert view([]).board()["edits"] is None


def test_try_it_mixes_the_adapter_in_and_wears_no_other() -> None:
    assert view([row(4)]).trial() == {"adapter": "mine/mug-sine", "word": "<mug>", "base": "nano/teacher",
                                      "mix": "mine/mug-sine=0.3", "prompt": "a red car"}  # fmt: skip
    assert view([row(2, right=0.0), row(4)]).trial() == view([row(4)]).trial()  # as it is at the end
    told = view([], ways={"betas": [0.5], "above": 200.0}, source="a <mug>").trial()
    assert told is not None and (told["mix"], told["prompt"]) == ("mine/mug-sine=0.5@200", "a <mug>")
    plain = PersonalView("r", {**REQUEST, "method": "dreambooth"}, ABOUT)
    plain.finish({"adapter": "mine/mug", "word": "<mug>"})
    assert plain.trial()["mix"] == ""  # type: ignore[index]
