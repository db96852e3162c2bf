"""Symptoms and cautions in a real run: said once, kept in the result, and not said again by whoever continues it."""

from __future__ import annotations

from studio.jobs.jobs import Jobs
from tests.capabilities.distill.test_distill import here, of_kind
from tests.support.toy_objective import request


def test_a_symptom_is_said_once_and_kept_with_the_run(school: Jobs) -> None:
    settings, trainer = {"nan_from": 30}, {"max_bad_steps": 20, "checkpoint_every": 10}
    run_id = school.submit("distill", request(steps=40, sample_every=10, settings=settings, trainer=trainer))
    assert here(school, run_id) == ("done", "")
    (said,) = of_kind(school, run_id, "notice")
    assert said["symptom"] == "not finite"
    assert said["text"] == f"At step {said['step']:,}: {said['seen']} {said['remedy']}"
    result = school.result(run_id)
    assert result is not None
    assert result["notices"] == [said["text"]]
    assert [(s["name"], s["step"]) for s in result["symptoms"]] == [("not finite", said["step"])]
    # a worker that died before the index knew the end: another one continues, and says nothing twice
    assert school.store.move(run_id, "queued", "", only=("done",))
    (school.paths.run(run_id) / "result.json").unlink()
    assert here(school, run_id) == ("done", "")
    assert len(of_kind(school, run_id, "notice")) == 1
    again = school.result(run_id)
    assert again is not None and again["notices"] == [said["text"]] and again["symptoms"] == result["symptoms"]


def test_a_caution_stands_at_the_beginning(school: Jobs) -> None:
    settings = {"batch": 2, "timesteps": [999, 499], "inputs": "noised data", "guidance": 4.0}
    run_id = school.submit("distill", request(objective="dmd2", steps=2, sample_every=0, settings=settings))
    assert here(school, run_id) == ("done", "")
    (notice,) = of_kind(school, run_id, "notice")
    assert notice["text"].startswith("Inputs from noised data with a guidance of 4")
    progress = of_kind(school, run_id, "progress")
    assert not progress or notice["n"] < progress[0]["n"]
    assert of_kind(school, run_id, "method")[0]["family"] == "distribution"
