"""How a run stands, for whoever looks often: /run-state/<run>, plain JSON, answered from memory while nothing has changed.

    GET /run-state/<run>                         what /job says without the request; ETag: its change counter
    GET /run-state/<run>?seen=<ETag>&wait=20     the next that differs, or 304 after so many seconds
    HEAD /run-state/<run>                        Run-Stamp, which changes when anything of the run does, and Run-State

However many ask, a run's files are looked at ten times a second at most, and read only when they have grown.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from studio.core.files import plain
from studio.jobs.info import RunInfo
from studio.jobs.jobs import Jobs
from studio.jobs.paths import check_run_id
from studio.ui.kit.run_files import with_addresses

ADDRESS = "run-state"  # below the address of the page
LOOK_S = 0.1  # seconds that a look is good for, and between looks of those who wait
MOST_S = 60.0  # that somebody may wait
KEPT = 256  # runs whose state is kept
STAMP, STATE = "Run-Stamp", "Run-State"
FILES = ("events.jsonl", "result.json", "metrics.jsonl", "measures.json", "")  # of a run; the last is its folder
Stamp = tuple[object, ...]


@dataclass
class Kept:
    """A run as it was looked at last. tag: of the body; read: the stamp that the body has."""

    state: str = ""
    stamp: Stamp = ()
    read: Stamp = ()
    tag: str = ""
    body: bytes = b""
    looked: float = -1.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class States:
    """Answers from the server's own event loop alone."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    async def answer(self, request: Request) -> Response:
        run, seen = (
            request.path_params["run_id"],
            request.query_params.get("seen", "") or request.headers.get("if-none-match", ""),
        )
        try:
            until = time.monotonic() + _seconds(request.query_params.get("wait", "0"))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        try:
            if request.method == "HEAD":
                kept = await self.look(run, read=False)
                said = {STAMP: _digest(repr(kept.stamp).encode()), STATE: kept.state}
                return Response(headers={**said, "Cache-Control": "no-cache"})
            kept = await self.look(run)
            while kept.tag == seen.strip('"') and time.monotonic() < until:
                await asyncio.sleep(LOOK_S)
                if await request.is_disconnected():
                    break
                kept = await self.look(run)
        except ValueError as error:  # there is none, or no longer
            return JSONResponse({"error": str(error)}, 404)
        headers = {"ETag": f'"{kept.tag}"', "Cache-Control": "no-cache"}
        if kept.tag == seen.strip('"'):
            return Response(status_code=304, headers=headers)
        return Response(kept.body, media_type="application/json", headers=headers)

    async def look(self, run: str, read: bool = True) -> Kept:
        """A run as it was within the last `LOOK_S` seconds. read: its body too. ValueError where there is none."""
        kept = self._kept.get(run) or self._kept.setdefault(check_run_id(run), Kept())
        if not self._fresh(kept, read):
            async with kept.lock:  # of those who come at once the first looks
                if not self._fresh(kept, read):
                    try:
                        await to_thread.run_sync(self._read, run, kept, read)
                    except ValueError:
                        self._kept.pop(run, None)
                        raise
                    kept.looked = time.monotonic()
        if run in self._kept:
            self._kept.move_to_end(run)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return kept

    def _fresh(self, kept: Kept, read: bool) -> bool:
        return time.monotonic() - kept.looked < LOOK_S and not (read and kept.read != kept.stamp)

    def _read(self, run: str, kept: Kept, read: bool) -> None:
        info = self.jobs.get(run)
        kept.state, kept.stamp = info.state, self._stamp(info)
        if not read or kept.read == kept.stamp:
            return
        told = {"run": run, "kind": info.kind, "lane": info.lane, "title": info.title, "state": info.state, "note": info.note,
                "ahead": info.ahead, "progress": self.jobs.progress(run),
                "result": with_addresses(run, self.jobs.result(run))}  # fmt: skip
        kept.body = json.dumps(plain(told), separators=(",", ":")).encode()
        kept.read, kept.tag = kept.stamp, _digest(kept.body)

    def _stamp(self, info: RunInfo) -> Stamp:
        """What differs as soon as a run stands differently."""
        folder = self.jobs.paths.run(info.id)
        return (info.state, info.note, info.ahead, *(_of_file(folder / name) for name in FILES))


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def _of_file(path: os.PathLike[str]) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def _seconds(given: str) -> float:
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_S:
        raise ValueError(f"wait is {given[:20]!r}; seconds from 0 to {MOST_S:g} fit.")
    return seconds
