"""A run's state for whoever looks often: a change counter, waiting for a change, and one look for all who ask."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from studio.jobs.events import EventLog
from studio.jobs.jobs import Jobs
from studio.ui import states
from studio.ui.routes import routes


@pytest.fixture
def run(jobs: Jobs) -> str:
    return jobs.submit("compare", {"prompt": "a cat", "pair": "test/dmd2"})


@pytest.fixture
def client(jobs: Jobs) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes(jobs))) as client:  # one event loop for all requests
        yield client


def progress(jobs: Jobs, run: str, done: int) -> None:
    with EventLog(jobs.paths.run(run) / "events.jsonl") as log:
        log.write("progress", done=done, total=9)


def test_a_state_says_what_there_is_and_a_counter_that_changes_with_it(jobs: Jobs, client: TestClient, run: str) -> None:
    answer = client.get(f"/run-state/{run}")
    told = answer.json()
    assert (told["lane"], told["title"]) == ("interactive", "a cat")
    assert client.head(f"/run-state/{run}").headers["run-state"] == "queued"
    assert (told["run"], told["kind"], told["state"], told["ahead"], told["result"]) == (run, "compare", "queued", 0, None)
    tag = answer.headers["etag"]
    assert client.get(f"/run-state/{run}", headers={"If-None-Match": tag}).status_code == 304
    assert client.get(f"/run-state/{run}", params={"seen": tag}).status_code == 304
    progress(jobs, run, 3)
    (jobs.paths.run(run) / "result.json").write_text(json.dumps({"path": "artifacts/a.png", "share": float("nan")}))
    time.sleep(states.LOOK_S)
    answer = client.get(f"/run-state/{run}", headers={"If-None-Match": tag})
    assert answer.status_code == 200 and answer.headers["etag"] != tag
    assert answer.json()["progress"]["done"] == 3
    assert answer.json()["result"] == {"url": f"run-file/{run}/artifacts/a.png", "share": None}
    jobs.cancel(run)
    time.sleep(states.LOOK_S)
    assert client.get(f"/run-state/{run}").json()["state"] == "cancelled"


def test_who_waits_is_answered_when_something_changes_and_not_before(jobs: Jobs, client: TestClient, run: str) -> None:
    tag = client.get(f"/run-state/{run}").headers["etag"]
    begun = time.monotonic()
    assert client.get(f"/run-state/{run}", params={"seen": tag, "wait": 0.4}).status_code == 304
    assert time.monotonic() - begun >= 0.4
    threading.Timer(0.3, progress, (jobs, run, 5)).start()
    begun = time.monotonic()
    answer = client.get(f"/run-state/{run}", params={"seen": tag, "wait": 30})
    assert answer.json()["progress"]["done"] == 5 and 0.2 < time.monotonic() - begun < 15


def test_what_does_not_fit_is_said(client: TestClient, run: str) -> None:
    for wrong in ("nan", "-1", "61", "soon", "1e999"):
        answer = client.get(f"/run-state/{run}", params={"wait": wrong})
        assert (answer.status_code, answer.json()["error"]) == (400, f"wait is {wrong!r}; seconds from 0 to 60 fit.")
    for name in ("x", "20260131-093000-123-abcdef", "%2e%2e"):
        answer = client.get(f"/run-state/{name}")
        assert answer.status_code == 404 and "run" in answer.json()["error"]


def test_sixty_four_who_ask_at_once_cost_one_look(jobs: Jobs, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    get, progress_of = jobs.get, jobs.progress
    reads: list[str] = []
    monkeypatch.setattr(jobs, "get", lambda one: (looks.append(one), get(one))[1])
    monkeypatch.setattr(jobs, "progress", lambda one: (reads.append(one), progress_of(one))[1])
    kept = states.States(jobs)

    async def ask() -> None:
        for _ in range(3):
            found = await asyncio.gather(*(kept.look(run) for _ in range(64)))
            assert len({one.tag for one in found}) == 1
            await asyncio.sleep(states.LOOK_S)

    asyncio.run(ask())
    assert len(looks) == 3 and len(reads) == 1  # looked at three times, read once: nothing had changed


def test_no_more_runs_are_kept_than_there_is_room_for(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "KEPT", 2)
    kept = states.States(jobs)
    runs = [jobs.submit("compare", {"prompt": "a cat", "pair": "test/dmd2"}) for _ in range(3)]

    async def ask() -> None:
        for run in runs:
            await kept.look(run)
        with pytest.raises(ValueError, match="There is no run"):
            await kept.look("20260131-093000-123-abcdef")

    asyncio.run(ask())
    assert list(kept._kept) == runs[1:]


def test_a_head_says_a_stamp_that_changes_with_whatever_the_run_leaves_and_reads_nothing(
    jobs: Jobs, client: TestClient, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    progress_of = jobs.progress
    monkeypatch.setattr(jobs, "progress", lambda one: (reads.append(one), progress_of(one))[1])

    def stamp() -> str:
        time.sleep(states.LOOK_S)
        answer = client.head(f"/run-state/{run}")
        assert answer.status_code == 200 and answer.content == b""
        return answer.headers["run-stamp"]

    seen = [stamp()]
    assert stamp() == seen[0]
    with EventLog(jobs.paths.run(run) / "events.jsonl") as log:
        log.write("preview", arm="teacher")  # which the body says nothing of
    seen.append(stamp())
    (jobs.paths.run(run) / "metrics.jsonl").write_text("{}\n")
    seen.append(stamp())
    jobs.cancel(run)
    seen.append(stamp())
    assert len(set(seen)) == len(seen) and reads == []
    assert client.get(f"/run-state/{run}").json()["state"] == "cancelled"
    assert client.head("/run-state/20260131-093000-123-abcdef").status_code == 404
