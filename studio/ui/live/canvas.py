"""How the page talks with a live run: wishes go in, what is on the canvas comes out. JSON, beside Gradio's own routes.

POST /live/<run>  {"prompt": "a red house"}      202 {"wish": 7}; 200 {"wish": null} where the run has ended
GET  /live/<run>?seen=<tag>&wait=20              what is on the canvas as soon as it is another, or 304 after so many seconds
"""

from __future__ import annotations

import asyncio
import json
import time

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from studio.capabilities.live import wishes
from studio.core.files import Json, read_json
from studio.jobs.info import RunInfo
from studio.jobs.jobs import Jobs
from studio.library.draw_request import MAX_PROMPT

ADDRESS = "live"  # below the address of the page
MOST_BYTES = 6 * MAX_PROMPT + 100  # of a wish: every character written as an escape
LOOK_S = 0.008  # between looks for somebody who waits: one `stat` each
STATE_S = 1.0  # between looks whether the run goes on
MOST_S = 30.0  # that somebody may wait
NO_STORE = {"Cache-Control": "no-store"}


class Canvas:
    """Answers for live runs of `jobs`."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs

    def routes(self) -> list[Route]:
        return [
            Route(f"/{ADDRESS}/{{run_id}}", self.wish, methods=["POST"]),
            Route(f"/{ADDRESS}/{{run_id}}", self.shown, methods=["GET"]),
        ]

    async def wish(self, request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return _problem(f"A wish holds at most {MAX_PROMPT:,} characters of text.", 413)
        try:
            run = await to_thread.run_sync(self._run, request.path_params["run_id"])
        except ValueError as error:
            return _problem(str(error), 404)
        if run.final:
            return JSONResponse({"wish": None, "note": f"The run {run.id} has ended; begin another."}, headers=NO_STORE)
        try:
            prompt = _prompt(body)
        except ValueError as error:
            return _problem(str(error), 422)
        made = await to_thread.run_sync(wishes.put, self.jobs.paths.run(run.id), prompt)
        return JSONResponse({"wish": made.n}, 202, headers=NO_STORE)

    async def shown(self, request: Request) -> Response:
        seen = request.query_params.get("seen", "")
        try:
            wait = min(MOST_S, max(0.0, float(request.query_params.get("wait", "0"))))
        except ValueError:
            return _problem(f"wait is a number of seconds from 0 to {MOST_S:g}.", 400)
        until, looked, run = time.monotonic() + wait, -STATE_S, None
        while True:
            if run is None or time.monotonic() - looked > STATE_S:
                try:
                    run, looked = await to_thread.run_sync(self._run, request.path_params["run_id"]), time.monotonic()
                except ValueError as error:
                    return _problem(str(error), 404)
            tag = f"{run.state}:{wishes.stamp(self.jobs.paths.run(run.id) / wishes.SHOWN)}"
            if tag != seen:
                break
            if time.monotonic() >= until or await request.is_disconnected():
                return Response(status_code=304, headers=NO_STORE)
            await asyncio.sleep(LOOK_S)
        canvas: Json = await to_thread.run_sync(read_json, self.jobs.paths.run(run.id) / wishes.SHOWN) or {}
        told = {"run": run.id, "state": run.state, "live": not run.final, "note": run.note, "tag": tag, "canvas": canvas}
        return JSONResponse(told, headers=NO_STORE)

    def _run(self, run_id: str) -> RunInfo:
        """ValueError where there is none that whoever asks may see, or it is no live run."""
        self.jobs.sees(run_id)
        info = self.jobs.get(run_id)
        if info.kind != "live":
            raise ValueError(f"Run {info.id} is a {info.kind} job; a live run has a canvas.")
        return info


def _prompt(body: bytes) -> str:
    """ValueError in one sentence where it is no wish."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    prompt = found.get("prompt") if isinstance(found, dict) else None
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError('A wish is JSON with a text, like {"prompt": "a red house"}.')
    if len(prompt) > MAX_PROMPT:
        raise ValueError(f"The prompt has {len(prompt):,} characters; at most {MAX_PROMPT:,} fit.")
    return prompt


def _problem(sentence: str, status: int) -> Response:
    return JSONResponse({"error": sentence}, status, headers=NO_STORE)
