"""What people say of runs and throw away: in the run's folder, so that a rebuilt index and another process know it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from studio.core.files import read_json
from studio.jobs import history
from studio.jobs.jobs import Jobs
from studio.jobs.locks import identity
from studio.jobs.notes import Notes, read_notes
from studio.jobs.trash import KEPT_DAYS, STAMP_FILE
from studio.library.stock import open_jobs
from tests.support.method_catalogue import stock

ASKED = {"prompt": "a cat", "pair": "test/dmd2", "seeds": [4]}


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return open_jobs(stock(tmp_path))


@pytest.fixture
def ended(jobs: Jobs) -> str:
    return jobs.cancel(jobs.submit("compare", ASKED)).id


def test_what_is_said_of_a_run_lies_in_its_folder(jobs: Jobs, ended: str) -> None:
    jobs.note(ended, name="  the   good one ", tags=("Cats", "cats", "to show"))
    jobs.note(ended, favourite=True)
    folder = jobs.paths.run(ended)
    assert read_json(folder / "notes.json") == {"name": "the good one", "tags": ["cats", "to show"], "favourite": True}
    jobs.paths.db.unlink()
    assert read_notes(open_jobs(jobs.paths.root).paths.run(ended)) == Notes("the good one", ("cats", "to show"), True)
    jobs.note(ended, name="", tags=(), favourite=False)
    assert not (folder / "notes.json").exists()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"name": "n" * 121}, "A name of 121 characters is too long; at most 120 fit."),
        ({"tags": ("a/b",)}, "'a/b' is no tag"),
        ({"tags": tuple(map(str, range(13)))}, "13 tags are too many for one run; at most 12 fit."),
    ],
)
def test_what_does_not_fit_changes_nothing(jobs: Jobs, ended: str, said: dict[str, object], why: str) -> None:
    jobs.note(ended, name="before")
    with pytest.raises(ValueError, match=why):
        jobs.note(ended, **said)
    assert read_notes(jobs.paths.run(ended)) == Notes("before")


def test_a_file_that_was_spoiled_by_hand_says_nothing(jobs: Jobs, ended: str) -> None:
    for text in ("{", "[]", '{"name": 3, "tags": "a"}', json.dumps({"tags": ["/" * 4]})):
        (jobs.paths.run(ended) / "notes.json").write_text(text)
        assert read_notes(jobs.paths.run(ended)) == Notes()


def test_a_deleted_run_comes_back_as_it_was(jobs: Jobs, ended: str) -> None:
    jobs.note(ended, tags=("kept",))
    before = {path.name: path.read_bytes() for path in jobs.paths.run(ended).iterdir() if path.is_file()}
    history.delete_run(jobs, ended)
    with pytest.raises(ValueError, match="it may have been deleted"):
        jobs.get(ended)
    jobs.paths.db.unlink()
    assert jobs.list() == []  # nor does a rebuilt index know it
    assert [(one.id, one.title) for one in jobs.trash.listed()] == [(ended, "a cat")]
    assert jobs.trash.listed()[0].days == pytest.approx(KEPT_DAYS, abs=0.1)
    assert history.restore_run(jobs, ended).state == "cancelled"
    assert {path.name: path.read_bytes() for path in jobs.paths.run(ended).iterdir() if path.is_file()} == before
    assert jobs.trash.listed() == []
    with pytest.raises(ValueError, match="in the trash"):
        jobs.restore(ended)


def test_the_trash_is_emptied_by_days_and_by_hand(jobs: Jobs, ended: str) -> None:
    other = jobs.cancel(jobs.submit("compare", ASKED)).id
    for run in (ended, other):
        history.delete_run(jobs, run)
    stamp = jobs.paths.trash / ended / STAMP_FILE
    stamp.write_text(json.dumps({"time": time.time() - KEPT_DAYS * 86_400 - 5}))
    assert [one.id for one in jobs.trash.listed()] == [other]
    assert history.empty_trash(jobs) == [other]
    assert list(jobs.paths.trash.iterdir()) == []


def test_a_run_that_goes_on_is_not_deleted(jobs: Jobs) -> None:
    run = jobs.submit("compare", ASKED)
    with pytest.raises(ValueError, match=f"{run} is queued and has not ended; cancel it first, then delete it."):
        history.delete_run(jobs, run)
    assert jobs.get(run).state == "queued"


def test_a_run_that_is_to_go_when_it_ends_goes_to_the_trash_then(jobs: Jobs) -> None:
    run, me = jobs.submit("compare", ASKED), identity()
    jobs.claim("interactive", me)
    jobs.discard(run, to_trash=True)
    assert jobs.get(run).state == "loading" and jobs.trash.listed() == []
    jobs.finish(run, "cancelled", "", me)
    assert [one.id for one in jobs.trash.listed()] == [run]
    assert jobs.restore(run).state == "cancelled"
    assert jobs.asked(run) is None and not (jobs.paths.run(run) / "delete").exists()


def test_a_public_demo_deletes_nothing(jobs: Jobs, ended: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_DEMO", "1")
    for asked in (history.delete_run, history.restore_run):
        with pytest.raises(ValueError, match="nothing is removed"):
            asked(jobs, ended)
    with pytest.raises(ValueError, match="nothing is removed"):
        history.empty_trash(jobs)
    assert jobs.get(ended)
