"""A process that dies between any two changes of a job's life: nothing is lost or half there, and what goes on is equal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from studio.core.weights import load_weights
from studio.jobs.jobs import Jobs
from studio.library import curves
from studio.library.stock import open_jobs
from tests.capabilities.distill.test_distill import assert_equal, checkpoint, here
from tests.support.fail_points import DIED, dying
from tests.support.toy_objective import request

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Processes are forked.")
FIELDS = {"steps": 4, "sample_every": 2, "trainer": {"checkpoint_every": 2}}
MOST = 600  # points of one life, surely
APART = 7  # of them, from one that is tried to the next; no divisor of what a step or a checkpoint takes


def student(jobs: Jobs, name: str) -> Path:
    (found,) = (jobs.paths.models / "mine" / name / "unet").rglob("*.safetensors")
    return found


def rows(jobs: Jobs, run_id: str) -> list[object]:
    read = curves.read(jobs.paths.run(run_id) / curves.FILE)
    return [(row["step"], row["losses"], row["log"], row["smooth"]) for row in read]


def test_a_submission_that_dies_is_there_as_a_whole_or_not_at_all(jobs: Jobs) -> None:
    died = 0
    for at in range(1, MOST):
        before = {info.id for info in jobs.list()}
        status = dying(jobs.paths.root, at, lambda: print(open_jobs(jobs.paths.root).submit("sleepy", {})))
        jobs.store.adopt_missing()  # as the next server does when it starts
        new = {info.id for info in jobs.list()} - before
        assert len(new) <= 1
        for run_id in new:
            assert (jobs.get(run_id).state, jobs.spec(run_id).kind) == ("queued", "sleepy")
            assert [event["state"] for event in jobs.tail(run_id)[0]] == ["queued"]
            jobs.cancel(run_id)
        if status == 0:
            assert new
            break
        assert status == DIED
        died += 1
    assert died >= 8
    drafts = [path.name for path in jobs.paths.runs.iterdir() if path.name.startswith(".new-")]
    assert len(drafts) <= died  # what half submissions leave is no run for anybody
    assert {info.id for info in jobs.list()} == {path.name for path in jobs.paths.runs.iterdir()} - set(drafts)


@pytest.mark.slow
def test_a_training_that_dies_at_any_point_ends_as_if_it_had_not(school: Jobs, long: bool) -> None:
    straight = school.submit("distill", request(**FIELDS))
    here(school, straight)
    points, apart = 0, 1 if long else APART
    for at in range(1, MOST, apart):
        name = f"died-at-{at}"
        run_id = school.submit("distill", request(**FIELDS, name=name))
        status = dying(school.paths.root, at, lambda run_id=run_id: print(here(school, run_id)))
        assert status in (0, DIED)
        if status == DIED:
            points += 1
            school.reconcile("batch")
            if school.get(run_id).state == "queued":
                assert here(school, run_id) == ("done", ""), at
        assert school.get(run_id).state == "done", at
        assert_equal(checkpoint(school, run_id), checkpoint(school, straight))
        assert_equal(load_weights(student(school, name))[0], load_weights(student(school, "pupil"))[0])
        assert rows(school, run_id) == rows(school, straight), at
        numbers = [event["n"] for event in school.tail(run_id)[0]]
        assert numbers == list(range(len(numbers))), at
        school.delete(run_id)
        if status == 0:
            break
    assert status == 0 and points * apart >= 90
