"""A disk that fills up below a server with runs going: who is told what, and that it goes on once there is room."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.jobs.jobs import Jobs
from studio.jobs.supervisor import Supervisor
from studio.library.stock import open_jobs
from tests.support.fixtures import until
from tests.support.method_catalogue import stock
from tests.support.no_room import small_disk
from tests.ui.test_malformed import Site

FULL = "The disk is full; free some space and try again."
DISK_KIB = 4096


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server whose data folder is a disk of its own."""
    monkeypatch.setenv("STUDIO_KINDS", "tests.support.sleepy_kind")
    with small_disk(tmp_path / "data", DISK_KIB):
        made = Site(open_jobs(stock(tmp_path / "data")))
        try:
            yield made
        finally:
            made.http.close()
            made.demo.close()


def fill(path: Path) -> None:
    """Until nothing fits."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC


@pytest.mark.slow
def test_a_full_disk_is_said_in_a_sentence_and_the_page_lives(
    site: Site, supervise: Callable[..., Supervisor], capfd: pytest.CaptureFixture[str]
) -> None:
    jobs: Jobs = site.jobs
    supervise(jobs=jobs)
    run = site.call("start_job", {"kind": "sleepy", "steps": 1000, "seconds": 0.05}).json()["data"][0]["run"]

    def state() -> dict[str, Any]:
        answer = site.http.get(f"/run-state/{run}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    until(lambda: (state()["progress"] or {}).get("done", 0) > 3)
    ballast = jobs.paths.root / "ballast"
    fill(ballast)
    ended = until(lambda: [event for event in jobs.tail(run)[0] if event.get("state") == "failed"])
    assert [event["note"] for event in ended] == [FULL], "the run says it itself, in what was left of its last block"
    assert state()["state"] == "running", "the index hears of it when it can be written"
    assert site.http.get("/").status_code == site.http.get("/config").status_code == 200
    refused = site.call("start_job", {"kind": "sleepy"})
    assert (refused.status_code, refused.json()["error"]) == (503, FULL)
    assert [info.id for info in jobs.list(lane="interactive")] == [run], "nothing is left of what was refused"
    assert [path.name for path in jobs.paths.runs.iterdir() if path.is_dir()] == [run]

    ballast.unlink()
    until(lambda: state()["state"] == "failed")
    assert state()["note"] == FULL
    again = site.call("start_job", {"kind": "sleepy", "steps": 2}).json()["data"][0]["run"]
    until(lambda: jobs.get(again).state == "done")
    told = capfd.readouterr()
    assert "Traceback" not in told.err + told.out
