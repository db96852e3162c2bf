import json
from types import SimpleNamespace

import pytest
import torch

from studio.core.domain import Factor
from studio.metrics.vanished import detours, vanished

FACTORS = {
    "subject": Factor(name="subject", values=("dog", "cat", "boat"), probabilities=(0.4, 0.3, 0.3), stated=True),
    "companion": Factor(name="companion", values=("none", "bird"), probabilities=(0.5, 0.5), stated=True),
}


def beliefs(subject, companion=None, inside=None, **extra):
    """Readings by step from rows [steps][n] of labels; extra: confidence or score, [steps][n]."""
    subject = torch.tensor(subject)
    companion = torch.zeros_like(subject) if companion is None else torch.tensor(companion)
    inside = torch.ones_like(subject, dtype=torch.bool) if inside is None else torch.tensor(inside)
    rows = []
    for i in range(len(subject)):
        row = SimpleNamespace(labels={"subject": subject[i], "companion": companion[i]}, in_distribution=inside[i])
        if "score" in extra:
            row.score = torch.tensor(extra["score"][i])
        if "confidence" in extra:
            row.confidence = {"subject": torch.tensor(extra["confidence"][i]), "companion": torch.ones(len(subject[i]))}
        rows.append(row)
    return rows


def test_the_cat_on_the_sofa():
    rows = vanished(beliefs([[1, 0], [1, 0], [0, 0], [0, 0]], score=[[0.5, 1], [2.0, 1], [3, 3], [3, 3]]), factors=FACTORS)
    json.dumps(rows, allow_nan=False)
    assert rows == [{"sample": 0, "factor": "subject", "value": "cat", "end": "dog", "first": 0, "last": 1, "strongest": 1,
                     "strength": 2.0}]  # fmt: skip


def test_absence_does_not_vanish_but_a_bird_does():
    found = vanished(beliefs([[0, 0]] * 3, [[0, 1], [0, 1], [1, 0]]), factors=FACTORS)
    assert [(r["sample"], r["value"], r["end"]) for r in found] == [(1, "bird", "none")]
    numbers = vanished(beliefs([[0, 0]] * 3, [[0, 1], [0, 1], [1, 0]]))
    assert [(r["sample"], r["value"]) for r in numbers] == [(0, "0"), (1, "1")]  # without names nothing means absence


def test_what_is_out_of_distribution_was_not_seen():
    subject = [[1], [1], [0]]
    assert vanished(beliefs(subject, inside=[[False], [False], [True]]), factors=FACTORS) == []
    assert vanished(beliefs(subject, inside=[[True], [True], [False]]), factors=FACTORS) == []  # the end itself is unclear


def test_confidence_decides_where_there_is_one():
    subject, sure = [[1], [1], [0]], [[0.3], [0.9], [0.9]]
    (row,) = vanished(beliefs(subject, confidence=sure), factors=FACTORS)
    assert (row["first"], row["strongest"], row["strength"]) == (1, 1, pytest.approx(0.9))
    assert vanished(beliefs(subject, confidence=sure), factors=FACTORS, min_confidence=0.95) == []


def test_a_flicker_in_a_long_run_is_not_a_thing():
    subject = [[0, 1]] * 4 + [[1, 1]] + [[0, 0]] * 5
    found = vanished(beliefs(subject), factors=FACTORS)
    assert [(r["sample"], r["first"], r["last"], r["strongest"], r["strength"]) for r in found] == [(1, 0, 4, 2, None)]
    assert len(vanished(beliefs(subject), factors=FACTORS, min_steps=1)) == 2


def test_two_visits_are_two_rows_and_the_final_value_is_none():
    found = vanished(beliefs([[1], [0], [1], [2], [2]]), factors=FACTORS, names=["subject"])
    assert sorted((r["value"], r["first"]) for r in found) == [("cat", 0), ("cat", 2), ("dog", 1)]


def test_nothing_to_see():
    assert vanished(beliefs([[1]]), factors=FACTORS) == []
    with pytest.raises(ValueError, match="at least 1"):
        vanished(beliefs([[1], [1]]), min_steps=0)


def test_a_detour_by_features_alone():
    along = torch.tensor([[0.0, 0.8, 0.3, 1.0], [0.0, 0.3, 0.8, 1.0], [0.0, 0.5, 0.4, 1.0]]).T
    rows = detours(along[..., None] * torch.ones(4))
    json.dumps(rows, allow_nan=False)
    assert [(r["sample"], r["near"], r["strongest"]) for r in rows] == [(0, 1, 2)]
    assert rows[0]["size"] == pytest.approx(0.5)
    assert detours(torch.zeros(4, 3, 2)) == [] and detours(torch.rand(2, 3, 2)) == []
    assert len(detours(along[..., None] * torch.ones(4), least=0.05)) == 2
