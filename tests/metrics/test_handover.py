import json

import pytest

from studio.metrics.handover import handover_map
from tests.support.synthetic_readings import arm

CELLS = {(t, n): f"{t}-{n}" for t in (759, 499) for n in (1, 2)}
COSTS = {"759-1": 4, "759-2": 5, "499-1": 3, "499-2": 4, "student": 4}


def arms(**changes):
    values = {"student": (0.4, 0.96), "759-1": (0.60, 0.96), "759-2": (0.62, 0.96), "499-1": (0.5, 0.96), "499-2": (0.52, 0.95)}
    return {name: arm(name, *(changes.get("_" + name.replace("-", "_")) or value)) for name, value in values.items()}


def test_matrices_and_iso_costs():
    out = handover_map(arms(), CELLS, COSTS, student="student")
    json.dumps(out, allow_nan=False)
    assert out["t_star"] == [759, 499] and out["base_steps"] == [1, 2]
    assert out["arm"] == [["759-1", "499-1"], ["759-2", "499-2"]] and out["nfe"] == [[4, 3], [5, 4]]
    assert out["diversity"][1][0]["value"] == pytest.approx(0.62) and out["accuracy"][0][0]["n"] == 512
    assert [c["nfe"] for c in out["costs"]] == [3, 4, 5]
    assert out["costs"][1]["cells"] == [[0, 0], [1, 1]] and out["costs"][1]["best"]["arm"] == "759-1"
    assert [c["beats_cheaper"] for c in out["costs"]] == [None, True, False]  # 0.62 is not surely more than 0.60


def test_cells_that_cannot_be_told_apart_are_ties():
    out = handover_map(arms(_499_2=(0.595, 0.96)), CELLS, COSTS)
    assert out["costs"][1]["ties"] == [[1, 1]]


def test_diversity_bought_with_errors_is_not_the_best():
    out = handover_map(arms(_759_1=(0.7, 0.8)), CELLS, COSTS, student="student")
    assert out["costs"][1]["best"]["arm"] == "499-2" and out["costs"][1]["excluded"] == [[0, 0]]
    everyone = handover_map(arms(_759_1=(0.7, 0.8)), CELLS, COSTS)
    assert everyone["costs"][1]["best"]["arm"] == "759-1"


def test_holes_stay_holes():
    measured = arms()
    del measured["499-2"]
    out = handover_map(measured, {k: v for k, v in CELLS.items() if k != (759, 2)}, COSTS)
    assert out["diversity"][1] == [None, None] and out["nfe"][1] == [None, 4] and out["arm"][1] == [None, "499-2"]
    assert [c["nfe"] for c in out["costs"]] == [3, 4]


def test_errors():
    with pytest.raises(ValueError, match="no cells"):
        handover_map(arms(), {}, COSTS)
    with pytest.raises(ValueError, match="no arm 'pupil'"):
        handover_map(arms(), CELLS, COSTS, student="pupil")
