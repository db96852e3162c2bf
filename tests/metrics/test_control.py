import json

from studio.metrics.control import controlled, identity_control
from studio.metrics.study import pooled_arms
from studio.metrics.verdicts import s1
from tests.metrics.synthetic import arm, arms


def test_the_same_samples_are_a_null(readings, factors):
    prompts = {f"p{i}": dict.fromkeys(("student", "hybrid-1", "SBSS"), readings(64, seed=i)) for i in range(8)}
    pooled = pooled_arms(prompts, {p: {"kind": "dog"} for p in prompts}, factors, n_boot=50)
    control = identity_control(pooled, ["hybrid-1", "SBSS"])
    json.dumps(control, allow_nan=False)
    assert not control["fired"] and control["checked"] and "is a null" in control["sentence"]
    assert [r["difference"]["value"] for r in control["rows"]] == [0, 0]


def test_a_machine_that_makes_diversity_is_caught():
    """An unpaired or mismatched hand-over would look like this: one arm differs although nothing was swapped."""
    control = identity_control(arms(student=0.4, hybrid_1=0.4, hybrid_2=0.47), ["hybrid-1", "hybrid-2"])
    assert control["fired"] and "hybrid-2 0.070" in control["sentence"] and "hybrid-1" not in control["sentence"]


def test_a_control_that_could_not_fire_is_no_control():
    vague = {n: arm(n, 0.4, sd=0.2) for n in ("student", "hybrid-1")}
    control = identity_control(vague, ["hybrid-1"])
    assert not control["fired"] and not control["checked"] and "too few samples" in control["sentence"]
    assert not identity_control(vague, [])["checked"]


def test_a_fired_control_takes_every_verdict_back():
    rows = [s1(arms(teacher=0.7, student=0.4))]
    assert rows[0]["verdict"] == "holds"
    fired = identity_control(arms(student=0.4, hybrid_1=0.6), ["hybrid-1"])
    (row,) = controlled(rows, fired)
    assert row["verdict"] == "inconclusive" and row["valid"] is False and "no evidence" in row["sentence"]
    passed = identity_control(arms(student=0.4, hybrid_1=0.4), ["hybrid-1"])
    assert controlled(rows, passed) == [{**rows[0], "valid": True}]
    assert controlled(rows, None)[0]["valid"] is None
