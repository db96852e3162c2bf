"""One download as a run: it reports bytes, can be paused between chunks, and goes on inside a file when it is run again."""

from __future__ import annotations

import json
import time

from studio.capabilities.models.request import FetchRequest
from studio.core.files import Json, atomic_write
from studio.jobs.run import LeftOff, Run
from studio.library.bringing import Left
from studio.library.hub import fetch
from studio.library.hub_files import Progress, told_bytes
from studio.library.listed_sources import listed_source
from studio.library.tickets import take
from studio.workshop.tools import Tools

TELL_S = 1.0  # between two events of progress


class Fetching:
    """One run of the kind `fetch_model`; `result.json` names the commit, the files with their hashes, and bytes."""

    def __init__(self, request: FetchRequest, run: Run[Tools]):
        self.request, self.job = request, run
        self.last = Progress(0, 0, 0.0)
        self._said = 0.0

    def run(self) -> Json:
        listed = listed_source(self.job.home, self.request.model)
        self.job.state("running")
        began, token = time.monotonic(), take(self.job.home, self.request.ticket)
        try:
            got = fetch(listed.source, self._progress, self._to_stop, token, self.job.notice)
        except Left:
            state, word = self.job.to_leave() or ("queued", "The worker was asked to leave")
            raise LeftOff(state, f"{word}; {self._arrived()}") from None
        self._tell()
        return {
            "model": listed.id,
            "hub": listed.source.hub,
            "commit": got.commit,
            "files": [{"path": file.path, "bytes": file.size, "hash": file.hash} for file in got.files],
            "bytes": got.bytes,
            "moved": got.moved,
            "seconds": round(time.monotonic() - began, 1),
        }

    def _to_stop(self) -> bool:
        self.job.check()
        return self.job.to_leave() is not None

    def _progress(self, at: Progress) -> None:
        first, self.last = self.last.total == 0, at
        if first or time.monotonic() - self._said >= TELL_S:
            self._tell()

    def _tell(self) -> None:
        at, self._said = self.last, time.monotonic()
        left = round((at.total - at.done) / at.rate, 1) if at.rate > 0 else None
        self.job.progress(at.done, at.total, unit="bytes", rate=round(at.rate), file=at.file, eta_s=left)
        # what `jobs.recovery` looks at, to see whether a run gets ahead between two deaths of its worker
        checkpoints = self.job.folder / "checkpoints"
        checkpoints.mkdir(exist_ok=True)
        atomic_write(checkpoints / "arrived.json", json.dumps({"bytes": at.done, "of": at.total}), durable=False)

    def _arrived(self) -> str:
        return f"{told_bytes(self.last.done)} of {told_bytes(self.last.total)} have arrived and are kept."
