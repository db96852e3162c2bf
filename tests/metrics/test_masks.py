import json
from itertools import permutations

import pytest
import torch

from studio.metrics.interval import Estimate
from studio.metrics.masks import all_masks, effects, mask_study, shapley
from tests.support.properties import given, settings, st
from tests.support.synthetic_readings import arm, estimate


def additive(n, gains, sd=0.0):
    """v(mask) = 0.3 + the gains of the base's positions."""
    return {
        m: estimate(0.3 + sum(g for g, letter in zip(gains, m, strict=True) if letter == "B"), sd, seed=i)
        for i, m in enumerate(all_masks(n))
    }


def test_additive_gains_are_every_kind_of_effect():
    gains = (0.2, 0.08, 0.01, -0.02)
    out = effects(additive(4, gains))
    json.dumps(out, allow_nan=False)
    for row, gain in zip(out["positions"], gains, strict=True):
        assert [row[k]["value"] for k in ("shapley", "main", "alone", "last")] == pytest.approx([gain] * 4)
    assert out["total"]["value"] == pytest.approx(sum(gains)) and len(out["masks"]) == 16


def test_a_gain_that_needs_two_steps_is_shared_between_them():
    values = {m: Estimate(1.0 if m[:2] == "BB" else 0.0, torch.zeros(8).double(), 64) for m in all_masks(3)}
    first, second, third = effects(values)["positions"]
    assert first["shapley"]["value"] == second["shapley"]["value"] == 0.5 and third["shapley"]["value"] == 0
    assert first["alone"]["value"] == 0 and first["last"]["value"] == 1 and first["main"]["value"] == 0.5


@settings(deadline=None, derandomize=True, max_examples=20)
@given(st.integers(1, 5), st.integers(0, 10**6))
def test_shapley_values_sum_to_the_total_in_every_draw(n, seed):
    g = torch.Generator().manual_seed(seed)
    values = {m: Estimate(float(d[0]), d[1:], 64) for m in all_masks(n) for d in [torch.rand(9, generator=g).double()]}
    parts = shapley(values)
    total = values["B" * n] - values["S" * n]
    assert sum(p.value for p in parts) == pytest.approx(total.value)
    assert torch.allclose(torch.stack([p.draws for p in parts]).sum(0), total.draws)


def test_shapley_is_the_mean_over_all_orders():
    g = torch.Generator().manual_seed(5)
    values = {m: Estimate(float(torch.rand(1, generator=g)), torch.zeros(4).double(), 64) for m in all_masks(4)}
    gains = torch.zeros(4).double()
    for order in permutations(range(4)):
        mask = ["S"] * 4
        for i in order:
            before = values["".join(mask)].value
            mask[i] = "B"
            gains[i] += (values["".join(mask)].value - before) / 24
    assert [p.value for p in shapley(values)] == pytest.approx(gains.tolist())


def test_interval_of_a_shapley_value():
    """Independent errors of sd σ in 16 masks give σ √(2 Σ w²) for each position, whatever they have in common."""
    out = effects(additive(4, (0.2, 0.1, 0.0, 0.0), sd=0.01))
    weights = [1 / 4, 1 / 12, 1 / 12, 1 / 12, 1 / 12, 1 / 12, 1 / 12, 1 / 4]
    sd = 0.01 * (2 * sum(w**2 for w in weights)) ** 0.5
    row = out["positions"][0]["shapley"]
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.96 * sd, rel=0.2)


def test_a_study_waits_for_all_masks():
    arms = {m: arm(m, 0.4 + 0.1 * m.count("B"), 0.9) for m in all_masks(2)} | {"teacher": arm("teacher", 0.8)}
    out = mask_study(arms)
    assert out["n"] == 2 and out["missing"] == []
    assert out["diversity"]["total"]["value"] == pytest.approx(0.2)
    assert out["accuracy"]["total"]["value"] == pytest.approx(0.0, abs=1e-9)
    named = mask_study({f"mask {m}": arms[m] for m in all_masks(2)}, {m: f"mask {m}" for m in all_masks(2)})
    assert named["diversity"]["total"] == out["diversity"]["total"]
    del arms["SB"]
    partial = mask_study(arms)
    assert partial["missing"] == ["SB"] and partial["diversity"] is None


def test_errors():
    with pytest.raises(ValueError, match="SB missing"):
        shapley({m: estimate(0.5) for m in ("SS", "BS", "BB")})
    with pytest.raises(ValueError, match="1 to 5 do"):
        all_masks(6)
    with pytest.raises(ValueError, match="no masks"):
        mask_study({"teacher": arm("teacher", 0.5)})
    with pytest.raises(ValueError, match="'BBB' does not fit"):
        mask_study({m: arm(m, 0.5) for m in ("SS", "BBB")})
