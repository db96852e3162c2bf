"""Beliefs built from known commit steps: until then a label differs from its end, from then on it does not."""

import json
from types import SimpleNamespace

import pytest
import torch

from studio.metrics.timeline import distance_curve, factor_curve, moments, timeline, typical_distance
from tests.metrics.conftest import FACTORS

LEVELS = (14.6, 4.1, 1.6, 0.7)


def labels(commit, end, steps=4):
    """[steps, n] of two classes: the other one before the commit step."""
    commit, end = torch.as_tensor(commit), torch.as_tensor(end)
    return torch.stack([torch.where(i >= commit, end, 1 - end) for i in range(steps)])


def readings(labels_by_factor, features, inside=None):
    steps, n = features.shape[:2]
    inside = torch.ones(steps, n, dtype=torch.bool) if inside is None else inside
    return [
        SimpleNamespace(labels={k: v[i] for k, v in labels_by_factor.items()}, values={}, features=features[i],
                        in_distribution=inside[i]) for i in range(steps)
    ]  # fmt: skip


def approach(ends, shares):
    """Features [steps, n, D] that start at the origin and have gone `shares` [steps] of the way to their ends [n, D]."""
    return torch.tensor(shares)[:, None, None] * ends[None]


def test_equal_settled_and_chance():
    commit, end = [0, 1, 1, 3], [0, 0, 1, 1]
    curve = factor_curve([labels(commit, end)], LEVELS)
    json.dumps(curve, allow_nan=False)
    assert [row["value"] for row in curve["equal"]] == [0.25, 0.75, 0.75, 1.0]
    assert [row["value"] for row in curve["settled"]] == [0.25, 0.75, 0.75, 1.0]
    assert curve["commit"]["steps"] == commit and curve["commit"]["histogram"] == [1, 2, 0, 1]
    assert curve["commit"]["fraction"]["q50"]["value"] == 0.5 and curve["commit"]["level"]["q50"]["value"] == 4.1
    # step 0 shows 0 1 0 0, the ends are 0 0 1 1: of the three ends of others, 1, 2, 2 and 2 are what a sample shows
    assert curve["chance"][0] == pytest.approx((1 + 2 + 2 + 2) / 12)
    assert curve["chance"][-1] == pytest.approx(4 / 12)


def test_a_label_that_comes_and_goes_settles_late():
    rows = torch.tensor([[1], [0], [1], [1]])
    curve = factor_curve([rows], LEVELS)
    assert [r["value"] for r in curve["equal"]] == [1, 0, 1, 1] and [r["value"] for r in curve["settled"]] == [0, 0, 1, 1]
    assert curve["commit"]["steps"] == [2] and curve["chance"] == [None] * 4


def test_a_collapsed_arm_agrees_by_chance():
    curve = factor_curve([torch.zeros(4, 30, dtype=torch.int64)], LEVELS)
    assert curve["chance"] == [1.0] * 4 and curve["commit"]["first"]["value"] == 1.0


def test_moments_with_exact_intervals():
    commit = torch.tensor([0] * 20 + [2] * 60 + [3] * 20)
    out = moments(commit, LEVELS)
    assert out["fraction"]["q50"] == {"value": 0.75, "low": 0.75, "high": 0.75, "n": 100, "note": ""}
    assert out["fraction"]["q25"]["low"] == 0.25 and out["fraction"]["q25"]["high"] == 0.75
    assert out["level"]["q25"]["low"] == 1.6 and out["level"]["q25"]["high"] == 14.6  # noise falls: the ends swap
    assert out["first"]["value"] == 0.2 and out["first"]["low"] == pytest.approx(0.133, abs=0.001)


def test_an_infinite_first_level_is_none():
    out = moments(torch.tensor([0, 0, 1]), (float("inf"), 1.0))
    json.dumps(out, allow_nan=False)
    assert out["level"]["q50"]["value"] is None and "no signal" in out["level"]["q50"]["note"]


def test_distances_by_both_definitions():
    g = torch.Generator().manual_seed(0)
    ends = torch.randn(40, 8, generator=g).double()
    x = approach(ends, [0.0, 0.4, 0.7, 1.0])
    curve = distance_curve([x], LEVELS)
    json.dumps(curve, allow_nan=False)
    assert curve["own_scale"] and curve["commit_own"]["steps"] == [2] * 40  # 0.3 of the first distance is left at step 2
    assert curve["area"]["value"] == pytest.approx((0.5 * 1 + 0.6 + 0.3) / 3)
    middle = float(ends.norm(dim=1).median()) / typical_distance(ends)
    assert curve["curve"][0]["q50"]["value"] == pytest.approx(middle, rel=0.05) and curve["curve"][-1]["q75"]["value"] == 0
    shared = distance_curve([x], LEVELS, [1e6])
    assert not shared["own_scale"] and shared["commit"]["first"]["value"] == 1.0


def test_an_arm_that_begins_at_its_end_commits_at_once_only_by_the_common_yardstick():
    """A student moves half of what little way it had left: its own first distance says late, the yardstick says at once."""
    g = torch.Generator().manual_seed(0)
    ends = torch.randn(30, 8, generator=g).double()
    student = approach(ends, [0.9, 0.93, 0.96, 1.0])
    curve = distance_curve([student], LEVELS, [typical_distance(ends)])
    assert curve["commit"]["first"]["value"] == 1.0 and curve["commit_own"]["first"]["value"] == 0.0


def test_going_away_again_uncommits():
    x = torch.tensor([0.0, 0.9, 0.2, 1.0])[:, None, None] * torch.ones(1, 1, 3).double()
    curve = distance_curve([x], LEVELS, [1.732])
    assert curve["commit"]["steps"] == [3] and curve["commit_own"]["steps"] == [1]


def test_whole_timeline_over_prompts():
    g = torch.Generator().manual_seed(0)
    inside = torch.ones(4, 12, dtype=torch.bool)
    inside[0] = False
    beliefs = {}
    for i, prompt in enumerate(("a", "b")):
        rows = {"kind": labels([i + 1] * 12, [0, 1] * 6), "mood": labels([0] * 12, [0] * 12)}
        beliefs[prompt] = readings(rows, approach(torch.randn(12, 5, generator=g), [0, 0.5, 0.9, 1]), inside)
    out = timeline(beliefs, LEVELS, factors=FACTORS, scales={"a": 1.0, "b": 1.0})
    json.dumps(out, allow_nan=False)
    assert out["n"] == 24 and out["accepted"][0]["value"] == 0 and out["accepted"][1]["value"] == 1
    assert [s["fraction"] for s in out["steps"]] == [0.25, 0.5, 0.75, 1.0] and out["steps"][1]["level"] == 4.1
    assert out["factors"]["kind"]["commit"]["histogram"] == [0, 12, 12, 0] and out["factors"]["kind"]["values"] == ["dog", "cat"]
    assert not out["distance"]["own_scale"] and len(out["distance"]["commit"]["steps"]) == 24
    assert timeline(beliefs, LEVELS, names=["mood"])["factors"].keys() == {"mood"}


def test_without_an_oracle():
    x = approach(torch.randn(8, 4, generator=torch.Generator().manual_seed(1)), [0, 1])
    out = timeline({"": readings({}, x)}, (5.0, 1.0))
    assert out["factors"] == {} and out["distance"]["commit"]["fraction"]["q50"]["value"] == 1.0


def test_one_step_and_one_sample():
    out = timeline({"": readings({"kind": labels([0], [1], 1)}, torch.ones(1, 1, 3))}, (14.6,))
    json.dumps(out, allow_nan=False)
    assert out["factors"]["kind"]["commit"]["first"]["value"] == 1.0 and out["distance"]["area"]["value"] is None
    assert out["distance"]["curve"][0]["q50"]["value"] is None  # one sample gives no yardstick


def test_errors():
    with pytest.raises(ValueError, match="nothing to read"):
        timeline({}, LEVELS)
    rows = readings({"kind": labels([0], [1])}, torch.ones(4, 1, 3))
    with pytest.raises(ValueError, match="4 steps and there are 2"):
        timeline({"a": rows}, (1.0, 0.5))
    with pytest.raises(ValueError, match="no factor 'sky'"):
        timeline({"a": rows}, LEVELS, names=["sky"])
    with pytest.raises(ValueError, match="same ones at every step"):
        timeline({"a": [*rows[:3], readings({}, torch.ones(1, 2, 3))[0]]}, LEVELS)
