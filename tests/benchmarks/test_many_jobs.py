"""What the benchmark of many jobs asks, and what it calls lost, failed and mixed up."""

from __future__ import annotations

import json

from benchmarks import many_jobs
from studio.capabilities.mixture.request import MixtureRequest


def test_all_jobs_are_different_and_fit() -> None:
    asked = many_jobs.positions(1000)
    assert len({json.dumps(one) for one in asked}) == 1000
    assert all(MixtureRequest(**one).model_dump().items() >= one.items() for one in asked)


def test_a_job_that_never_got_a_number_is_lost_and_one_without_an_end_too() -> None:
    told = many_jobs.Told(ids={"a": {}, "b": {}, "c": {}}, lost=1)
    told.states.update(done=1, failed=1, lost=1)
    assert "1 done, 1 failed, 2 lost, 0 mixed up" in many_jobs.written(told, 4, 0)
