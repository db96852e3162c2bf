"""Many clients at once: how long the state of a run takes to read, and what became of everything that was asked.

    python -m benchmarks.load
    python -m benchmarks.load --clients 64 --minutes 5 --write     # docs/reliability.md

A studio is started on a data folder of its own, without workers. A comparison's files grow while clients ask for its state as
fast as they are answered and others submit runs; before that one client does so alone. Two ways are measured: the endpoint
/run_state, as programs call it, and the address /run-state/<run>, which is answered from memory while nothing has changed. Then
all wait for a change (long polling): how long after it the last of them knows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.start import HERE, PATIENCE_S, free_port
from studio.jobs.events import EventLog
from studio.jobs.jobs import Jobs
from studio.library.stock import open_jobs

PAGE = HERE / "docs" / "reliability.md"
MARK = "load"  # in the page
SERVE = """
import sys
from studio.library.stock import open_jobs
from studio.ui.app import build, launch_options
jobs = open_jobs(sys.argv[2])
build(jobs).launch(quiet=True, **launch_options(jobs, "127.0.0.1", int(sys.argv[1]), False))
"""
SUBMITTERS, PAUSE_S = 4, 1.0  # clients that submit a run, and how long they wait after it
GROWS_S = 0.25  # between two events of the run that is watched
DRAW = {"prompt": "a red house at night", "pair": "pocket/dmd2", "seeds": [0, 1, 2, 3]}
GOAL_S = 0.3  # at the median


@dataclass
class Took:
    """Seconds of every answer, and how many there were of each status."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def at(self, share: float) -> float:
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(share * len(self.seconds)))]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


class Client:
    """One kept connection; as little work as there can be, because server and clients share the processor."""

    def __init__(self, port: int):
        self.port, self.tag = port, ""  # tag: the change counter of the last answer

    async def __aenter__(self) -> Client:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def ask(self, path: str, body: object = None) -> tuple[int, bytes]:
        """(status, body) of one request: a GET, or a POST of this as JSON."""
        sent = b"" if body is None else json.dumps(body).encode()
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
        self.writer.write(head.encode() + sent)
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        self.tag = headers.get("etag", "").strip('"')
        if headers.get("transfer-encoding") == "chunked":
            parts = []
            while size := int(await self.reader.readline(), 16):
                parts.append((await self.reader.readexactly(size + 2))[:-2])
            await self.reader.readline()
            return int(lines[0].split()[1]), b"".join(parts)
        return int(lines[0].split()[1]), await self.reader.readexactly(int(headers.get("content-length", 0)))


async def poll(port: int, run: str, by_address: bool, until: float, took: Took) -> None:
    async with Client(port) as client:
        while time.monotonic() < until:
            begun = time.perf_counter()
            if by_address:
                status, _ = await client.ask(f"/run-state/{run}")
            else:
                status, _ = await client.ask("/gradio_api/run/run_state", {"data": [run]})
            took.seconds.append(time.perf_counter() - begun)
            took.statuses[status] += 1


async def submit(port: int, until: float, took: Took, ids: list[str]) -> None:
    async with Client(port) as client:
        while time.monotonic() < until:
            begun = time.perf_counter()
            status, body = await client.ask("/gradio_api/run/compare", {"data": [DRAW]})
            took.seconds.append(time.perf_counter() - begun)
            took.statuses[status] += 1
            if status == 200:
                ids.append(json.loads(body)["data"][0]["run"])
            await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def growing(jobs: Jobs, run: str) -> AsyncIterator[None]:
    """The run's events come while this goes on, as a worker would write them."""

    async def grow() -> None:
        with EventLog(jobs.paths.run(run) / "events.jsonl") as log:
            log.write("state", state="running", note="")
            for step in range(10**9):
                log.write("progress", done=step, total=10**9, arm="teacher", step=step, steps=10**9, eta_s=1.0)
                await asyncio.sleep(GROWS_S)

    task = asyncio.create_task(grow())
    yield
    task.cancel()


async def waited(port: int, jobs: Jobs, run: str, clients: int) -> float:
    """Seconds from a change until the last of all who wait for it knows of it."""
    async with Client(port) as one:
        await one.ask(f"/run-state/{run}")
        seen = one.tag
    knew: list[float] = []

    async def wait() -> None:
        async with Client(port) as client:
            status, _ = await client.ask(f"/run-state/{run}?seen={seen}&wait=20")
            assert status == 200, status
            knew.append(time.perf_counter())

    tasks = [asyncio.create_task(wait()) for _ in range(clients)]
    await asyncio.sleep(2.0)
    changed = time.perf_counter()
    with EventLog(jobs.paths.run(run) / "events.jsonl") as log:
        log.write("progress", done=-1, total=1, arm="teacher", step=0, steps=1, eta_s=0.0)
    await asyncio.gather(*tasks)
    return max(knew) - changed


@dataclass
class Load:
    """What one round of one way gave. lost: runs that were submitted and are not there."""

    clients: int
    alone: Took
    many: Took
    submitted: Took
    lost: int


async def loaded(port: int, jobs: Jobs, run: str, by_address: bool, clients: int, seconds: float) -> Load:
    alone, many, submitted, ids = Took(), Took(), Took(), list[str]()
    async with growing(jobs, run):
        await poll(port, run, by_address, time.monotonic() + min(seconds, 10.0), alone)
        until = time.monotonic() + seconds
        polling = [poll(port, run, by_address, until, many) for _ in range(clients)]
        await asyncio.gather(*polling, *(submit(port, until, submitted, ids) for _ in range(SUBMITTERS)))
    lost = sum(not jobs.paths.run(one).is_dir() for one in ids)
    for one in ids:  # so that the next round finds a queue with room
        jobs.cancel(one)
    return Load(clients, alone, many, submitted, lost)


def started(port: int, data: str) -> subprocess.Popen[bytes]:
    env = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "PYTHONPATH": str(HERE)}
    log = open(Path(data) / "server.log", "wb")  # noqa: SIM115 - the server's as long as it lives
    server = subprocess.Popen([sys.executable, "-c", SERVE, str(port), data], cwd=HERE, env=env, stdout=log, stderr=log)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/", timeout=5).close()
            return server
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The studio did not start.")


WAYS = {"the endpoint /run_state": False, "the address /run-state/…": True}


def told(loads: dict[str, Load], last: float, tracebacks: int) -> str:
    """The table and the sentences below it."""
    rows = [
        "| asked by | answers | not 200 | median, of one client's | 95 %, of one client's | median | 95 % |",
        "|---|---|---|---|---|---|---|",
    ]
    for way, load in loads.items():
        odd = sum(n for status, n in load.many.statuses.items() if status != 200)
        one = load.alone.median
        rows.append(
            f"| {way} | {len(load.many.seconds):,} | {odd} | {load.many.median / one:.1f} × | {load.many.at(0.95) / one:.1f} × "
            f"| {load.many.median * 1000:,.0f} ms | {load.many.at(0.95) * 1000:,.0f} ms |"
        )
    first = next(iter(loads.values()))
    submitted = sum(load.submitted.statuses[200] for load in loads.values())
    refused = sum(n for load in loads.values() for status, n in load.submitted.statuses.items() if status != 200)
    best = min(load.many.median for load in loads.values())
    lines = [
        f"{first.clients} clients that ask for the state of one growing run as fast as they are answered, {SUBMITTERS} more that "
        f"submit runs, {os.cpu_count()} processor cores that server and clients share with whatever else "
        f"runs there (load average {os.getloadavg()[0]:.0f} at the end, of which one or two are theirs):",
        "\n".join(rows),
        f"{submitted} runs were submitted meanwhile, {refused} refused in a sentence (the queue was full), "
        f"{sum(load.lost for load in loads.values())} lost; {tracebacks} tracebacks in the server's log. "
        f"Of {first.clients} clients that waited for a change the last knew of it after {last:.2f} s. "
        f"The goal of {GOAL_S:g} s at the median is {'met' if best <= GOAL_S else 'not met'} by the better way.",
    ]
    return "\n\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=0.5, help="of each of the two ways")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(HERE)}; else it is printed")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as data:
        jobs, port = open_jobs(data), free_port()
        server = started(port, data)
        try:
            loads = {}
            for way, by_address in WAYS.items():
                run = jobs.submit("compare", DRAW)
                loads[way] = asyncio.run(loaded(port, jobs, run, by_address, options.clients, options.minutes * 60))
            last = asyncio.run(waited(port, jobs, run, options.clients))
        finally:
            server.terminate()
            server.wait()
        text = told(loads, last, (Path(data) / "server.log").read_text(errors="replace").count("Traceback"))
    if options.write:
        insert(MARK, text)
    else:
        print(text)


def insert(mark: str, text: str) -> None:
    """Into the page, between the two comments of this name."""
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, found, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    if not found or end not in rest:
        raise ValueError(f"{PAGE.name} has no place {begin} … {end}.")
    PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
