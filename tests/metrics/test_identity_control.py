import json

import pytest

from studio.metrics.identity_control import controlled, identity_control
from studio.metrics.study import pooled_arms
from studio.metrics.verdicts import s1
from tests.support.synthetic_readings import arms


@pytest.fixture
def control(factors):
    def judged(per_prompt, student="student"):
        pooled = pooled_arms(per_prompt, {p: {"kind": "dog"} for p in per_prompt}, factors, n_boot=50)
        return identity_control(per_prompt, pooled, student)

    return judged


def test_the_same_samples_are_a_null_at_any_n(readings, control):
    for n in (1, 2, 64):
        prompts = {f"p{i}": {a: readings(n, seed=i) for a in ("student", "hybrid-1", "SBSS")} for i in range(4)}
        found = control(prompts)
        json.dumps(found, allow_nan=False)
        assert found["checked"] and found["exact"] and not found["fired"]
        assert found["n"] == 4 * n and [row["same"] for row in found["rows"]] == [4 * n, 4 * n]
        assert all(row["difference"]["value"] in (0, None) for row in found["rows"])
        assert "every reading equal" in found["sentence"]


def test_unpaired_noise_is_caught_though_every_mean_stays(readings, control):
    """Other noise in one arm: the same distribution, so no difference in diversity would show it."""
    prompts = {f"p{i}": {"student": readings(64, seed=i), "hybrid-1": readings(64, seed=i),
                         "hybrid-2": readings(64, seed=100 + i)} for i in range(8)}  # fmt: skip
    found = control(prompts)
    by_arm = {row["arm"]: row for row in found["rows"]}
    assert by_arm["hybrid-2"]["difference"]["low"] < 0 < by_arm["hybrid-2"]["difference"]["high"]
    assert found["fired"] and "hybrid-2" in found["sentence"] and "hybrid-1" not in found["sentence"]
    assert by_arm["hybrid-1"]["same"] == 512


def test_rounding_is_said_and_is_no_alarm(readings, control):
    tipped = readings(64, seed=0)
    tipped.labels["mood"][3] = (tipped.labels["mood"][3] + 1) % 3
    found = control({"p": {"student": readings(64, seed=0), "hybrid-1": tipped}})
    assert not found["fired"] and not found["exact"] and "1 tipped by rounding" in found["sentence"]
    moved = readings(64, seed=0)
    moved.features += 1e-6
    found = control({"p": {"student": readings(64, seed=0), "hybrid-1": moved}})
    assert not found["fired"] and not found["exact"] and found["rows"][0]["same"] == 64


def test_a_control_without_arms_checks_nothing(readings, control):
    found = control({"p": {"student": readings(8)}})
    assert not found["checked"] and not found["fired"] and "nothing to compare" in found["sentence"]


def test_a_fired_control_takes_every_verdict_back(readings, control):
    rows = [s1(arms(teacher=0.7, student=0.4))]
    assert rows[0]["verdict"] == "holds"
    fired = control({"p": {"student": readings(64, seed=0), "hybrid-1": readings(64, seed=1)}})
    (row,) = controlled(rows, fired)
    assert row["verdict"] == "inconclusive" and row["valid"] is False and "no evidence" in row["sentence"]
    passed = control({"p": {"student": readings(64, seed=0), "hybrid-1": readings(64, seed=0)}})
    assert controlled(rows, passed) == [{**rows[0], "valid": True}]
    assert controlled(rows, None)[0]["valid"] is None
