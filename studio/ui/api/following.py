"""What becomes of a job: how it stands, what happened, what it made, and what it is asked to do."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Iterator
from typing import cast

import anyio.to_thread

from studio.core.files import Json
from studio.domains.media import image
from studio.jobs.jobs import Jobs
from studio.ui.api.answers import Asked, File, Happened, Looked, Row, Told
from studio.ui.api.checks import fields, number
from studio.ui.api.endpoint import Endpoint
from studio.ui.compare.compare_runs import Watch
from studio.ui.compare.view import RunView
from studio.ui.control.control_runs import Controls
from studio.ui.control.view import ControlView
from studio.ui.jobs.background import Background
from studio.ui.kit.refusals import said
from studio.ui.kit.run_files import address, with_addresses
from studio.ui.scrub.scrub_runs import Scrubs
from studio.ui.scrub.view import ScrubView

View = RunView | ScrubView | ControlView
Look = Callable[[str], tuple[View, int]]
MOST_S, POLL_S = 60.0, 0.25  # that one call waits, and how often it looks


class Following:
    def __init__(self, jobs: Jobs):
        self.jobs, scrubs, controls, watch = jobs, Scrubs(jobs), Controls(jobs), Watch(jobs)
        self._looks: dict[str, Look] = {"compare": watch.look, "scrub": scrubs.look, "control": controls.look}

    def endpoints(self) -> Iterator[Endpoint]:
        for call in (self.job, self.wait, self.events, self.files, self.run_state, self.cancel, self.ask_job, self.picture):
            yield Endpoint(call.__name__, call)

    def job(self, run: str) -> Told:
        """How a job of any kind stands, and what it has made so far: everything in "result" that names a file has its "url"
        below this server's own address."""
        info = said(lambda: self.jobs.get(run))
        notices = [str(event.get("text", "")) for event in self.jobs.tail(run)[0] if event["kind"] == "notice"]
        return {"run": run, "kind": info.kind, "title": info.title, "state": info.state, "note": info.note, "ahead": info.ahead,
                "request": self.jobs.spec(run).config, "progress": self.jobs.progress(run), "notices": notices,
                "result": with_addresses(run, self.jobs.result(run))}  # fmt: skip

    async def wait(self, run: str, seconds: float = 20.0) -> Told:
        """Wait until a job has ended, at most so many seconds (60), and say how it stands, as /job does. Ask again while it goes
        on."""
        longest = said(lambda: number("seconds", seconds, f"a number up to {MOST_S:g}"))
        until = time.monotonic() + max(0.0, min(longest, MOST_S))
        while not (await anyio.to_thread.run_sync(lambda: said(lambda: self.jobs.get(run)))).final:
            if time.monotonic() >= until:
                break
            await asyncio.sleep(POLL_S)
        return await anyio.to_thread.run_sync(self.job, run)

    def events(self, run: str, after: int = 0) -> Happened:
        """What happened in a job since `after`, which the answer before gave; 0 is from its beginning. Previews, images, figures
        and losses come as events the moment they are there."""
        said(lambda: self.jobs.get(run))
        found, offset = said(lambda: self.jobs.tail(run, after))
        return {"run": run, "events": with_addresses(run, found), "after": offset}

    def files(self, run: str) -> list[File]:
        """Every file that a job made: pictures, tables, reports, weights."""
        said(lambda: self.jobs.get(run))
        folder = self.jobs.paths.run(run)
        made = sorted(path for path in (folder / "artifacts").rglob("*") if path.is_file())
        return [{"url": address(run, path.relative_to(folder).as_posix()), "bytes": path.stat().st_size} for path in made]

    def run_state(self, run: str) -> Looked:
        """How a comparison, a scrub run or a control run looks on the page. "result" holds what is finished so far: pictures
        (each with its "url", below this server's own address), cost and measures, of a comparison per arm, of a control run per
        arm and strength in "cells"."""
        view, ahead = said(lambda: self._look(run))
        state: Looked = {"run": run, "state": view.state, "note": view.note, "ahead": ahead, "progress": view.progress,
                         "notices": view.notices, "result": self.jobs.result(run)}  # fmt: skip
        if isinstance(view, ScrubView):
            shown = ("arm", "title", "branch", "steps", "strips", "noisy")
            state["rows"] = [cast(Row, {name: row[name] for name in shown}) for row in view.rows.values()]
            state["timeline"] = view.timeline
        return with_addresses(run, state)

    def _look(self, run: str) -> tuple[View, int]:
        kind = self.jobs.get(run).kind
        if kind not in self._looks:
            raise ValueError(f"Run {run} is a {kind} job; /job says how it stands.")
        return self._looks[kind](run)

    def cancel(self, run: str) -> Asked:
        """Ask a run to stop: within one step when it is drawing, at once when it waits. Keeps what is finished."""
        return {"run": run, "state": said(lambda: self.jobs.cancel(run)).state}

    def ask_job(self, wish: dict) -> Asked:
        """Ask something of a background job. `wish`: {"run": id, "action": pause, resume, stop, sample, save, cancel, up, down or
        delete}."""
        given = said(lambda: fields(wish, "run"))
        run, action = str(given.get("run", "")), str(given.get("action", ""))
        said(lambda: Background(self.jobs).act(run, action))
        gone = action == "delete" and all(info.id != run for info in self.jobs.list(lane="batch", limit=200))
        return {"run": run, "state": "deleted" if gone else self.jobs.get(run).state}

    def picture(self, png: str) -> Json:
        """What a saved PNG carries: {"request", "run", "arm", "seed", "plan", "models", "versions"}. `png` is the file as
        base64 text, so that no path of the server's is ever asked for. Feed "request" to /compare to draw it again."""
        return said(lambda: image.read_run(_decoded(png)))


def _decoded(png: str) -> bytes:
    try:
        return base64.b64decode(png, validate=True)
    except (ValueError, TypeError) as error:
        raise ValueError("The picture is not base64 text; send the PNG's bytes encoded that way.") from error
