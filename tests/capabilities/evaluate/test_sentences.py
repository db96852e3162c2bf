"""Sentences of an evaluation claim no more than their intervals."""

from typing import Any

from studio.capabilities.evaluate.verdict import of_candidate, of_pair, percent


def gap(value: float, low: float, high: float) -> dict[str, Any]:
    return {"a": 0, "b": 1, "difference": {"value": value, "low": low, "high": high}}


def test_a_difference_is_claimed_where_its_interval_says_so() -> None:
    assert of_pair(gap(0.06, 0.01, 0.11), ("A", "B"), 64) == (
        "A shows more of what was asked for than B, by 6.0 points [1.0 to 11.0] on the same prompts and seeds."
    )
    assert of_pair(gap(-0.06, -0.11, -0.01), ("A", "B"), 64).startswith(
        "B shows more of what was asked for than A, by 6.0 points [1.0"
    )
    assert of_pair(gap(0.02, -0.01, 0.05), ("A", "B"), 64).startswith("No difference is shown between A and B: +2.0 points")
    assert of_pair(gap(0.5, 0.4, 0.6), ("A", "B"), 8) == "8 samples are too few to say which of A and B is better."


def test_a_candidate_says_what_fails_most() -> None:
    share = {"value": 0.9, "low": 0.8, "high": 0.95}
    row = {"title": "A", "n": 64, "score": share, "all_right": share,
           "by_check": [{"wanted": "a cat", "share": {"value": 0.25, "low": 0.1, "high": 0.5}}]}  # fmt: skip
    assert of_candidate(row) == (
        "A: 90 % [80 to 95] of what was asked for is there, all of it in 90 % [80 to 95] of 64 samples; least often a cat, "
        "25 % [10 to 50]."
    )
    assert percent(None) == "–"
