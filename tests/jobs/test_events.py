"""The event log: whole lines by byte offset, whatever happened to the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.jobs import events
from studio.jobs.events import EventLog, last_event, tail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_reading_from_an_offset_gives_every_event_once(path: Path) -> None:
    with EventLog(path) as log:
        for i in range(5):
            log.write("progress", done=i, total=5)
        first, offset = tail(path)
        log.write("state", state="done", note="Größe ✓")
        second, end = tail(path, offset)
    assert [event["n"] for event in first + second] == list(range(6))
    assert second[0]["note"] == "Größe ✓"
    assert end == path.stat().st_size
    assert tail(path, end) == ([], end)


def test_a_line_is_read_when_it_is_whole(path: Path) -> None:
    line = json.dumps({"n": 0, "time": 1.0, "kind": "notice", "text": "ü" * 10}).encode() + b"\n"
    seen, offset = [], 0
    for i in range(len(line)):
        path.write_bytes(line[: i + 1])
        found, offset = tail(path, offset)
        seen += found
        assert bool(seen) == (i + 1 == len(line))


def test_a_torn_line_is_skipped_and_numbering_goes_on(path: Path) -> None:
    with EventLog(path) as log:
        log.write("state", state="queued", note="")
    with open(path, "ab") as file:
        file.write(b'{"n":1,"time":2,"ki')
    with EventLog(path) as log:
        log.write("state", state="done", note="")
    found, _ = tail(path)
    assert [(event["n"], event["state"]) for event in found] == [(0, "queued"), (1, "done")]


def test_a_reader_that_is_behind_comes_back_for_the_rest(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "READ_LIMIT", 200)
    with EventLog(path) as log:
        for i in range(20):
            log.write("progress", done=i, total=20)
    seen, offset, reads = [], 0, 0
    while found := tail(path, offset)[0]:
        offset = tail(path, offset)[1]
        seen += found
        reads += 1
    assert [event["n"] for event in seen] == list(range(20))
    assert reads > 3


def test_the_last_event_is_found_from_the_end(path: Path) -> None:
    with EventLog(path) as log:
        log.write("state", state="running", note="x" * 70_000)
        for i in range(3000):
            log.write("progress", done=i, total=3000, arm="teacher" * 5)
    state, last = last_event(path, "state"), last_event(path)
    assert state is not None
    assert state["state"] == "running"
    assert last is not None
    assert last["done"] == 2999
    assert last_event(path, "no such") is None
    assert last_event(path.with_name("none")) is None


@pytest.mark.parametrize("offset", [-1, 1.5, "0", None, True])
def test_an_offset_that_is_none_is_refused(path: Path, offset: object) -> None:
    with pytest.raises(ValueError, match="offset"):
        tail(path, offset)  # type: ignore[arg-type]


def test_an_offset_beyond_the_end_reads_nothing(path: Path) -> None:
    with EventLog(path) as log:
        log.write("notice", text="a")
    assert tail(path, 10**12) == ([], 10**12)
    assert tail(path.with_name("none"), 5) == ([], 5)


def test_large_things_and_numbers_that_are_not_json_are_refused(path: Path) -> None:
    with EventLog(path) as log:
        with pytest.raises(ValueError, match="artifact"):
            log.write("notice", text="x" * (2 << 20))
        with pytest.raises(ValueError, match="JSON"):
            log.write("metric", loss=float("nan"))
        log.write("notice", text="fine")
    assert [event["n"] for event in tail(path)[0]] == [0]
