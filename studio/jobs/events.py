"""The append-only event log of a run: one JSON object a line, read from a byte offset.

One writer at a time (the process that holds the run), any number of readers. A line is written by one `write`, so
readers either see it whole or not at all; a line torn by a full disk or a power cut is skipped and said in the log.
"""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

from studio.core.files import Json

STATES = ("queued", "loading", "running", "paused", "done", "failed", "cancelled", "stopped", "interrupted")
FINAL = ("done", "failed", "cancelled", "stopped", "interrupted")  # nothing more happens unless somebody asks for it
ACTIVE = ("loading", "running")
READ_LIMIT = 4 << 20  # bytes per `tail`; a reader that is behind comes back for the rest
LINE_LIMIT = 1 << 20  # bytes per event: larger things are artifacts
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would turn newlines into two bytes


class EventLog:
    """Appends events to `path`. Opens where the file ends, numbering on from the last whole line."""

    def __init__(self, path: Path):
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _BINARY, 0o660)
        self._next = 0
        size = os.fstat(self._fd).st_size
        if size:
            last = last_event(path)
            self._next = last["n"] + 1 if last else 0
            if not _ends_with_newline(path, size):
                os.write(self._fd, b"\n")  # ends a torn line, which readers then skip

    def write(self, kind: str, **fields: object) -> Json:
        event = {"n": self._next, "time": round(time.time(), 3), "kind": kind, **fields}
        if "n" in fields or "time" in fields:
            raise ValueError(f"An event of kind {kind} has a field of its own called n or time; another name would fit.")
        line = json.dumps(event, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        if len(line) > LINE_LIMIT:
            raise ValueError(f"An event of kind {kind} has {len(line):,} bytes; write an artifact and name it instead.")
        size = os.fstat(self._fd).st_size
        written = os.write(self._fd, line)
        if written < len(line):
            os.ftruncate(self._fd, size)  # what comes next must not be glued to half a line
            raise OSError(errno.ENOSPC, "The disk is full", str(self.path))
        self._next += 1
        return event

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def tail(path: Path, offset: int = 0) -> tuple[list[Json], int]:
    """(events after byte `offset`, new offset). Reads whole lines only; the new offset is the start of the next."""
    if isinstance(offset, bool) or not isinstance(offset, int) or offset < 0:
        raise ValueError(f"An offset into the events is a whole number from 0, not {str(offset)[:40]!r}.")
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            raw = file.read(READ_LIMIT)
    except FileNotFoundError:
        return [], offset
    end = raw.rfind(b"\n") + 1
    events = (_parse(line) for line in raw[:end].splitlines())
    return [event for event in events if event is not None], offset + end


def last_event(path: Path, kind: str | None = None) -> Json | None:
    """The newest whole event (of one kind), reading backwards from the end in blocks."""
    try:
        with open(path, "rb") as file:
            position, rest = file.seek(0, os.SEEK_END), b""
            while position > 0:
                step = min(1 << 16, position)
                position -= step
                file.seek(position)
                lines = (file.read(step) + rest).split(b"\n")
                rest = lines.pop(0) if position > 0 else b""
                for line in reversed(lines):
                    event = _parse(line)
                    if event is not None and (kind is None or event["kind"] == kind):
                        return event
    except FileNotFoundError:
        pass
    return None


def _parse(line: bytes) -> Json | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("n"), int) or not isinstance(event.get("kind"), str):
        return None
    if event["kind"] == "state" and (event.get("state") not in STATES or not isinstance(event.get("time"), (int, float))):
        return None
    return event


def _ends_with_newline(path: Path, size: int) -> bool:
    with open(path, "rb") as file:
        file.seek(size - 1)
        return file.read(1) == b"\n"
