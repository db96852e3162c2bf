import json

import pytest

from studio.metrics.study import collapse_claims, collapse_table, pooled_arms

PROMPTS = [f"prompt {i}" for i in range(8)]
STATED = {p: {"kind": "dog"} for p in PROMPTS}


@pytest.fixture
def study(readings):
    """Eight prompts × 64 seeds: the student collapses, the hybrid comes back, lcm loses nothing."""
    powers = {"teacher": 1.0, "student": 3.0, "hybrid-1": 1.4, "lcm": 1.0}
    return {
        p: {a: readings(64, seed=10 * i, power=power, wrong=3 if a == "student" else 2) for a, power in powers.items()}
        for i, p in enumerate(PROMPTS)
    }


def test_the_claims_of_the_study(study, factors):
    rows = collapse_claims(study, STATED, factors, n_boot=200)
    assert [r["claim"] for r in rows] == ["D(student) < D(teacher)", "D(student) < D(hybrid-1)"]
    for row in rows:
        assert row["verdict"] == "holds" and row["apart"] and row["accuracy_within"]
        assert row["difference"]["low"] > 0
        assert row["accuracy_difference"]["value"] == pytest.approx(1 / 64)
        assert "intervals apart" in row["sentence"] and "+1.6 points" in row["sentence"]


def test_no_collapse_is_reported_as_such(study, factors):
    row = collapse_claims(study, STATED, factors, [("lcm", "teacher")], n_boot=200)[0]
    assert row["verdict"] == "does not hold" and not row["apart"]


def test_diversity_bought_with_errors_does_not_hold(study, factors, readings):
    for i, p in enumerate(PROMPTS):
        study[p]["hybrid-1"] = readings(64, seed=10 * i, power=1.2, wrong=20)
    row = collapse_claims(study, STATED, factors, [("student", "hybrid-1")], n_boot=100)[0]
    assert row["verdict"] == "does not hold" and not row["accuracy_within"] and row["difference"]["low"] > 0


def test_table_has_fidelity_beside_diversity_and_recovery(study, factors):
    costs = {"teacher": 50, "student": 4, "hybrid-1": 5, "lcm": 4}
    rows = {r["arm"]: r for r in collapse_table(study, STATED, factors, costs=costs, n_boot=200)}
    json.dumps(rows, allow_nan=False)
    assert rows["student"]["n"] == 512 and rows["student"]["prompts_used"] == 8
    assert rows["student"]["accuracy"]["value"] == pytest.approx(61 / 64)
    assert rows["student"]["recovery"] is None and rows["teacher"]["recovery"] is None
    assert rows["hybrid-1"]["recovery"]["low"] > 0.5 and "1.25×" in rows["hybrid-1"]["recovery"]["sentence"]
    assert rows["student"]["diversity"]["high"] < rows["hybrid-1"]["diversity"]["low"]


def test_pooling_is_the_mean_over_prompts_and_narrower_than_one(study, factors):
    arms = pooled_arms(study, STATED, factors, n_boot=200)
    one = pooled_arms({p: study[p] for p in PROMPTS[:1]}, STATED, factors, n_boot=200)
    pooled, single = arms["teacher"].diversity.interval(), one["teacher"].diversity.interval()
    assert pooled.high - pooled.low < 0.6 * (single.high - single.low)


def test_prompts_that_share_noise_keep_their_common_error(readings, factors):
    """Eight copies of one prompt's samples hold no more information than one."""
    copies = {p: {"a": readings(64, seed=0)} for p in PROMPTS}
    tied = pooled_arms(copies, STATED, factors, n_boot=300)["a"].diversity.interval()
    loose = pooled_arms(copies, STATED, factors, n_boot=300, shared_seeds=False)["a"].diversity.interval()
    assert loose.high - loose.low < 0.5 * (tied.high - tied.low)


def test_a_prompt_one_arm_cannot_answer_is_left_out_of_all(study, factors):
    study[PROMPTS[0]]["student"].in_distribution[:] = False
    arms = pooled_arms(study, STATED, factors, n_boot=20)
    rest = pooled_arms({p: study[p] for p in PROMPTS[1:]}, STATED, factors, n_boot=20)
    assert arms["teacher"].prompts_used == 7 and arms["teacher"].prompts == 8
    assert arms["teacher"].diversity.value == pytest.approx(rest["teacher"].diversity.value)
    assert arms["student"].n == 512 and arms["student"].in_distribution.value == pytest.approx(7 / 8)


def test_prompts_that_state_nothing_have_no_accuracy(study, factors):
    nothing = {p: {} for p in PROMPTS}
    rows = collapse_table(study, nothing, factors, n_boot=20)
    assert rows[0]["accuracy"]["value"] is None
    assert collapse_claims(study, nothing, factors, n_boot=20)[0]["verdict"] == "inconclusive"


def test_errors(study, factors):
    with pytest.raises(ValueError, match="no prompts"):
        pooled_arms({}, STATED, factors)
    with pytest.raises(ValueError, match="hybrid-1"):
        collapse_claims(study, STATED, factors, [("student", "hybrid-2")], n_boot=5)
    del study[PROMPTS[3]]["lcm"]
    with pytest.raises(ValueError, match="prompt 3"):
        pooled_arms(study, STATED, factors)
