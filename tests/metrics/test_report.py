import json
import math

import pytest
import torch

from studio.metrics import diversity as dv
from studio.metrics.report import diversity_estimate, free_factors, measure, recoveries, world_diversity

STATED = {"kind": "dog"}


def everything_finite(node):
    """No nan and no infinity anywhere: json with allow_nan=False raises otherwise."""
    json.dumps(node, allow_nan=False)


def test_lead_number_is_the_mean_normalised_entropy(factors, readings):
    arm = readings(200)
    expected = (dv.entropy(arm.labels["mood"], 3) / math.log(3) + dv.entropy(arm.labels["tone"], 4) / math.log(4)) / 2
    out = measure({"teacher": arm}, STATED, factors, n_boot=100)["teacher"]
    assert out["diversity"]["value"] == pytest.approx(expected)
    assert out["diversity"]["low"] < expected < out["diversity"]["high"]
    assert out["factors"]["mood"]["entropy"]["value"] == pytest.approx(dv.entropy(arm.labels["mood"], 3) / math.log(3))
    assert out["factors"]["mood"]["world"] == pytest.approx(dv.world_entropy([0.6, 0.3, 0.1]) / math.log(3))
    assert sum(out["factors"]["tone"]["counts"]) == 200
    assert out["world_diversity"] == pytest.approx(sum(f["world"] for f in out["factors"].values()) / 2)
    everything_finite(out)


def test_samples_of_the_world_reach_the_worlds_figure(factors, readings):
    values = [diversity_estimate(readings(64, seed=s), STATED, factors, n_boot=2).value for s in range(100)]
    assert sum(values) / 100 == pytest.approx(world_diversity(STATED, factors), abs=0.01)


def test_stated_and_fixed_factors_are_not_free(factors):
    assert free_factors({}, factors) == ["kind", "mood", "tone"]
    assert free_factors({"kind": "cat", "tone": "peak"}, factors) == ["mood"]
    assert free_factors(STATED, factors, {"mood": {"calm": 1.0}}) == ["tone"]
    with pytest.raises(ValueError, match="Did you mean 'mood'"):
        free_factors({"moood": "calm"}, factors)


def test_frequencies_under_the_prompt_replace_the_worlds(factors, readings):
    world = {"mood": {"wild": 0.5, "sad": 0.5}}
    out = measure({"a": readings(20)}, STATED, factors, world=world, n_boot=20)["a"]
    assert out["factors"]["mood"]["frequencies"] == [0.0, 0.5, 0.5]
    assert out["factors"]["mood"]["world_effective"] == pytest.approx(2.0)
    with pytest.raises(ValueError, match="it has 3 values"):
        measure({"a": readings(20)}, STATED, factors, world={"mood": [0.5, 0.5]})


def test_junk_is_gated_out_of_diversity_but_shown(factors, readings):
    arm = readings(60, power=6, outside=20)
    arm.labels["mood"][-20:] = torch.arange(20) % 3  # what an oracle reads into noise looks varied
    arm.labels["tone"][-20:] = torch.arange(20) % 4
    out = measure({"a": arm}, STATED, factors, n_boot=50)["a"]
    assert out["n"] == 60 and out["n_accepted"] == 40
    assert out["in_distribution"]["value"] == pytest.approx(2 / 3)
    assert out["diversity"]["value"] < 0.5 * out["diversity_all"]["value"]
    only = readings(60, power=6, outside=20)  # the same accepted samples without the junk's varied labels
    clean = measure({"a": only}, STATED, factors, n_boot=50)["a"]["diversity"]
    assert out["diversity"] == clean  # value and interval alike
    assert out["diversity"]["n"] == 40 and out["diversity_all"]["n"] == 60


def test_accuracy_needs_every_stated_factor(factors, readings):
    arm = readings(50, wrong=10)
    out = measure({"a": arm}, {"kind": "dog"}, factors, n_boot=10)["a"]
    assert out["accuracy"]["value"] == pytest.approx(0.8)
    arm.labels["mood"][:] = 1
    arm.labels["mood"][-5:] = 0
    out = measure({"a": arm}, {"kind": "dog", "mood": "wild"}, factors, n_boot=10)["a"]
    assert out["accuracy"]["value"] == pytest.approx(0.7)
    assert out["accuracy_by_factor"]["mood"]["value"] == pytest.approx(0.9)
    assert measure({"a": arm}, {}, factors, n_boot=10)["a"]["accuracy"]["value"] is None
    with pytest.raises(ValueError, match="Did you mean 'dog'"):
        measure({"a": arm}, {"kind": "dogg"}, factors)


def test_spread_is_the_standard_deviation_of_accepted_samples(factors, readings):
    arm = readings(40, outside=10)
    arm.values["x"] += 5  # far from 0, so that forgetting the mean shows
    arm.values["x"][-10:] = 1e6
    out = measure({"a": arm}, STATED, factors, n_boot=200)["a"]["spread"]
    expected = float(arm.values["x"][:30].double().std())
    assert out["x"]["value"] == pytest.approx(expected)
    assert out["x"]["high"] - out["x"]["low"] == pytest.approx(4 * expected / math.sqrt(2 * 29), rel=0.35)  # normal theory
    stated = measure({"a": arm}, {"tone": "low", "mood": "calm"}, factors, value_factors={"x": "mood"}, n_boot=10)
    assert stated["a"]["spread"] == {}


def test_a_collapsed_arm_is_below_a_diverse_one_everywhere(factors, readings):
    out = measure({"teacher": readings(64), "student": readings(64, power=5)}, STATED, factors, n_boot=100)
    for name in ("diversity", "diversity_all", "pairwise", "vendi"):
        assert out["student"][name]["high"] < out["teacher"][name]["low"], name


def test_reference_gives_fidelity_figures(factors, readings):
    reference = readings(300, seed=9).features
    far = readings(64, seed=2)
    far.features = far.features + 10
    out = measure({"near": readings(64, seed=1), "far": far}, STATED, factors, reference, n_boot=20)
    assert out["near"]["fd_oracle"] < 2 and out["far"]["fd_oracle"] > 500
    assert out["near"]["precision"]["value"] > 0.6 and out["far"]["precision"]["value"] == 0.0
    assert out["near"]["recall"]["value"] > 0.6 and out["far"]["recall"]["value"] == 0.0
    bare = measure({"a": readings(64)}, STATED, factors, n_boot=20)["a"]
    assert bare["fd_oracle"] is None and bare["precision"]["note"] == "no reference samples"


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("outside", [False, True])
def test_any_number_of_seeds_is_measured(factors, readings, n, outside):
    arm = readings(n, outside=n if outside else 0)
    out = measure({"a": arm, "b": readings(n)}, STATED, factors, readings(40).features, n_boot=20)
    everything_finite(out)
    if n < 2 or outside:
        assert out["a"]["diversity"]["value"] is None and "too small" in out["a"]["diversity"]["note"]
    if n == 1:
        assert out["a"]["accuracy"]["value"] == 1.0 and out["a"]["accuracy"]["low"] < 0.3
    rows = recoveries({"teacher": arm, "student": arm, "hybrid-1": arm}, STATED, factors, n_boot=20)
    everything_finite(rows)
    assert rows[0]["holds"] != "holds"


def test_broken_features_leave_the_rest_measured(factors, readings):
    arm = readings(40, outside=3)
    arm.features[-1] = math.nan
    out = measure({"a": arm}, STATED, factors, readings(60).features, n_boot=20)["a"]
    assert out["fd_oracle"] is None and "not finite" in out["precision"]["note"] and out["vendi"]["value"] > 1
    everything_finite(out)


def test_recoveries_are_paired_and_priced(factors, readings):
    arms = {"teacher": readings(128), "student": readings(128, power=5), "hybrid-1": readings(128, power=1.6)}
    costs = {"teacher": 50, "student": 4, "hybrid-1": 5}
    rows = recoveries(arms, STATED, factors, costs=costs, labels={"hybrid-1": "hybrid (k = 1)"}, n_boot=300)
    assert [row["arm"] for row in rows] == ["hybrid-1"]
    row = rows[0]
    assert row["holds"] == "holds" and 0.4 < row["low"] < row["value"] < row["high"] < 1.1
    assert row["sentence"].startswith("The hybrid (k = 1) recovers") and "at 1.25× its cost" in row["sentence"]
    assert "Accuracy of the hybrid (k = 1): 100 %" in row["sentence"]
    assert recoveries({"student": arms["student"]}, STATED, factors) == []


def test_arms_cut_short_are_not_compared(factors, readings):
    arms = {"teacher": readings(16), "student": readings(16), "hybrid-1": readings(9)}
    row = recoveries(arms, STATED, factors, n_boot=20)[0]
    assert row["holds"] == "inconclusive" and row["value"] is None and "16, 16 and 9" in row["sentence"]


def test_measures_repeat_exactly(factors, readings):
    arms = {"a": readings(32), "b": readings(32, power=3)}
    first, again = (measure(arms, STATED, factors, n_boot=50) for _ in range(2))
    assert first == again
    alone = measure({"b": arms["b"]}, STATED, factors, n_boot=50)["b"]
    assert alone["diversity"] == first["b"]["diversity"]  # other arms change nothing
