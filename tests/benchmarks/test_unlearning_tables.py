"""What the benchmark of unlearning says of its runs."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.unlearning_tables import page, verdicts
from studio.metrics.proportion import wilson


def run(shown: int, kept: tuple[float, float], *, seed: int = 0, model: str = "dmd2", n: int = 256) -> dict[str, Any]:
    """shown: of n pictures, afterwards."""
    share = wilson(shown, n).to_dict()
    low, high = kept
    part = {"before": wilson(200, n).to_dict(), "after": wilson(190, n).to_dict(), "kept": None}
    row = {
        "title": "Nano DMD2", "hit": share, "hit_before": wilson(200, n).to_dict(), "forgotten": wilson(n - shown, n).to_dict(),
        "rest": None, "in_domain": part, "cross_domain": part,
        "damage": {"kept": {"value": (low + high) / 2, "low": low, "high": high, "n": n, "note": ""}, "fd": None},
    }  # fmt: skip
    case = {"size": "nano", "model": model, "method": "sfd", "concept": "cat", "seed": seed}
    return {"case": case, "steps": 80, "seconds": 90.0, "rows": [row, {**row, "title": "Nano LCM"}]}


@pytest.mark.parametrize(
    ("shown", "kept", "said"),
    [
        (0, (0.95, 1.02), ["pictures holds", "90% holds"]),
        (40, (0.7, 0.8), ["pictures does not hold", "90% does not hold"]),
        (10, (0.85, 0.95), ["pictures is open", "90% is open"]),
    ],
)
def test_a_verdict_says_no_more_than_its_interval(shown: int, kept: tuple[float, float], said: list[str]) -> None:
    (line,) = verdicts([run(shown, kept)])
    assert all(part in line for part in said) and line.endswith("1 run.")


def test_seeds_of_one_method_are_one_row_with_each_of_them_behind() -> None:
    lines = page([run(0, (0.9, 1.0)), run(8, (0.9, 1.0), seed=1)], missing=3, planned=5)
    assert "3 of 5 runs are still to come." in lines
    rows = [line for line in lines if line.startswith("| cat")]
    assert len(rows) == 2 and "(100 · 97)" in rows[0] and rows[0].endswith("| 80 | 1.5 |")
