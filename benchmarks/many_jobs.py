"""1,000 short jobs in one go: which were lost, mixed up or failed, and what the server's memory did meanwhile.

    python -m benchmarks.many_jobs
    python -m benchmarks.many_jobs --jobs 1000 --write     # docs/reliability.md

The real studio is started with its workers on a data folder of its own. Clients submit positions of the mixture laboratory, the
cheapest kind of job there is, no two alike, as fast as they are taken; a full queue refuses in a sentence, and what it refused is
asked again. Other clients wait for every run at /run-state/<run> and compare the answer with what was asked.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.load import PAGE, Client, insert
from benchmarks.start import HERE, PATIENCE_S, free_port
from studio.core.files import Json
from studio.jobs.events import ACTIVE
from studio.jobs.jobs import Jobs
from studio.library.stock import open_jobs

MARK = "many-jobs"  # in the page
SUBMITTERS, READERS = 8, 8
AGAIN_S = 0.5  # after a refusal
WAIT_S = 20  # of one question for a run's end
PATIENT_S = 900.0  # for a run's end; then it counts as lost
CHECKED = 50  # one answer of so many is computed anew in this process and compared figure by figure
MIB = 2**20


@dataclass
class Told:
    """What became of the jobs. ids: run -> what was asked; memory: (jobs that had ended, bytes of server and of worker)."""

    ids: dict[str, Json] = field(default_factory=dict)
    states: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    odd: Counter[str] = field(default_factory=Counter)  # answers that are none of the above
    mixed: int = 0
    results: list[tuple[Json, Json]] = field(default_factory=list)  # some of what was asked and answered
    lost: int = 0
    memory: list[tuple[int, int, int]] = field(default_factory=list)
    seconds: float = 0.0


def positions(n: int) -> list[Json]:
    """So many different positions of the sliders, small ones first."""
    ranges = {"K": range(2, 33), "k": range(5), "beta": (0.5, 1.0, 2.0, 3.0), "D": range(2, 52)}
    every = (dict(zip(ranges, values, strict=True)) for values in itertools.product(*ranges.values()))
    return list(itertools.islice(every, n))


async def submit(port: int, left: list[Json], told: Told, waiting: asyncio.Queue[str]) -> None:
    while left:
        asked = left.pop()
        async with Client(port) as client:  # the server closes those that were silent for some seconds
            status, body = await client.ask("/gradio_api/run/mixture", {"data": [asked]})
        if status == 200:
            run = str(json.loads(body)["data"][0]["run"])
            told.ids[run] = asked
            waiting.put_nowait(run)
        elif b"are waiting" in body:
            told.refused += 1
            left.append(asked)
            await asyncio.sleep(AGAIN_S)
        else:
            told.odd[f"{status} {body[:200]!r}"] += 1


async def read(port: int, told: Told, waiting: asyncio.Queue[str], watched: Watched) -> None:
    while run := await waiting.get():
        async with Client(port) as client:
            state = await ended(client, run, told)
        told.states[str(state.get("state"))] += 1
        if result := state.get("result"):
            settings = result.get("settings") or {}
            told.mixed += any(settings.get(name) != value for name, value in told.ids[run].items())
            if len(told.results) < sum(told.states.values()) / CHECKED:
                told.results.append((told.ids[run], result))
        watched.note(sum(told.states.values()))


async def ended(client: Client, run: str, told: Told) -> Json:
    """A run's state when it has ended; {"state": "lost"} where there is none, or no end."""
    until, tag = time.monotonic() + PATIENT_S, ""
    while time.monotonic() < until:
        status, body = await client.ask(f"/run-state/{run}?seen={tag}&wait={WAIT_S}")
        if status == 200:
            state: Json = json.loads(body)
            if state["run"] != run:
                told.mixed += 1
            if state["state"] not in (*ACTIVE, "queued"):
                return state
            tag = client.tag
        elif status != 304:
            break
    told.lost += 1
    return {"state": "lost"}


def compare(told: Told) -> None:
    """Answers that were kept, with what this process computes for the same question."""
    from studio.metrics.mixture_page import lab_page  # with torch, which the clients need for nothing else

    for asked, result in told.results:
        told.mixed += json.loads(json.dumps(lab_page(**asked)["arms"])) != result["arms"]


class Watched:
    """Memory of the server and of its interactive worker, noted ten times."""

    def __init__(self, server: int, jobs: Jobs, n: int, told: Told):
        self.server, self.jobs, self.told, self.every = psutil.Process(server), jobs, told, max(1, n // 10)

    def note(self, ended: int) -> None:
        if ended % self.every == 0:
            worker = self.jobs.status().pid
            at = (self.server.memory_info().rss, psutil.Process(worker).memory_info().rss if worker else 0)
            self.told.memory.append((ended, *at))


async def all_of(port: int, asked: list[Json], told: Told, watched: Watched) -> None:
    waiting: asyncio.Queue[str] = asyncio.Queue()
    begun, left = time.monotonic(), asked[::-1]

    async def submitted() -> None:
        await asyncio.gather(*(submit(port, left, told, waiting) for _ in range(SUBMITTERS)))
        for _ in range(READERS):
            waiting.put_nowait("")

    await asyncio.gather(submitted(), *(read(port, told, waiting, watched) for _ in range(READERS)))
    told.seconds = time.monotonic() - begun


def started(port: int, data: str) -> subprocess.Popen[bytes]:
    """The studio with its workers; every process of it in one group."""
    command = [sys.executable, "app.py", "--port", str(port), "--data-dir", data, "--device", "cpu"]
    log = open(Path(data) / "server.log", "wb")  # noqa: SIM115 - the server's as long as it lives
    server = subprocess.Popen(command, cwd=HERE, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/", timeout=5).close()
            return server
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The studio did not start.")


def written(told: Told, asked: int, tracebacks: int) -> str:
    rows = ["| jobs that had ended | the server's memory | the worker's |", "|---|---|---|"]
    rows += [f"| {n:,} | {server / MIB:.0f} MiB | {worker / MIB:.0f} MiB |" for n, server, worker in thinned(told.memory)]
    done = told.states["done"]
    failed = sum(told.states.values()) - done - told.states["lost"]
    never = asked - len(told.ids)
    lines = [
        f"{asked:,} jobs of the kind `mixture`, no two alike, by {SUBMITTERS} clients as fast as the queue took them "
        f"({told.refused:,} times it was full and said so), in {told.seconds / 60:.1f} minutes "
        f"({told.seconds / asked * 1000:.0f} ms a job) on {os.cpu_count()} processor cores shared with other work "
        f"(load average {os.getloadavg()[0]:.0f} at the end):",
        f"{done:,} done, {failed} failed, {told.lost + never} lost, {told.mixed} mixed up (settings of every result, and all "
        f"figures of {len(told.results)} of them, against what was asked), {sum(told.odd.values())} other answers; {tracebacks} "
        f"tracebacks in the server's log.",
        "\n".join(rows),
    ]
    return "\n\n".join(lines)


def thinned(memory: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The first, the middle and the last."""
    return [memory[i] for i in sorted({0, len(memory) // 2, len(memory) - 1})] if memory else []


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(HERE)}; else it is printed")
    options = parser.parse_args(arguments)
    asked, told = positions(options.jobs), Told()
    with tempfile.TemporaryDirectory() as data:
        jobs, port = open_jobs(data), free_port()
        server = started(port, data)
        try:
            asyncio.run(all_of(port, [{}], Told(), Watched(server.pid, jobs, 1, told)))  # the worker is there
            asyncio.run(all_of(port, asked, told, Watched(server.pid, jobs, len(asked), told)))
        finally:
            worker = jobs.status().pid
            server.terminate()
            server.wait()
            if worker:  # it would wait for another server for a while
                psutil.Process(worker).kill()
        compare(told)
        told.memory[0] = (0, *told.memory[0][1:])
        text = written(told, len(asked), (Path(data) / "server.log").read_text(errors="replace").count("Traceback"))
    for answer, n in told.odd.items():
        print(f"{n} times {answer}", file=sys.stderr)
    if options.write:
        insert(MARK, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
