"""Looking at a run costs the server little: Gradio is asked when the run has changed, not because time has passed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from studio.jobs.events import EventLog
from studio.jobs.locks import identity
from studio.library.stock import open_jobs
from studio.ui.app import build, launch_options
from studio.ui.kit import looking
from tests.browser.conftest import PATIENCE_MS, note_faults
from tests.support.method_catalogue import stock
from tests.support.serving import free_port

WATCHED_S = 8.0
ME = identity()
DRAW = {"prompt": "a cat", "pair": "test/dmd2", "seeds": [0, 1]}


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A page of its own without a worker: what happens to a run, a test does."""
    jobs = open_jobs(stock(tmp_path_factory.mktemp("still")))
    demo = build(jobs)
    demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(jobs, "127.0.0.1", free_port(), False))
    ticks = {fn._id for fn in demo.fns.values() if ticks_of_look(demo, fn)}
    yield SimpleNamespace(url=demo.local_url, jobs=jobs, ticks=ticks)
    demo.close()


def ticks_of_look(demo: Any, fn: Any) -> bool:
    return any(event == "tick" and isinstance(demo.blocks[block], gr.HTML) for block, event in fn.targets)


class Seen:
    """What a page asks of the server. calls: of Gradio, for a run that it shows; looks: at a run's state."""

    def __init__(self, page: Any, ticks: set[int]):
        self.calls = self.looks = 0
        self.ticks = ticks
        page.on("request", self.heard)

    def heard(self, request: Any) -> None:
        self.looks += "/run-state/" in request.url
        if request.method == "POST" and "/gradio_api/run/" in request.url:
            self.calls += json.loads(request.post_data)["fn_index"] in self.ticks


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    faults: list[str] = []
    note_faults(page, faults)
    yield page
    context.close()
    assert faults == []


def opened(page: Any, still: SimpleNamespace, query: str, shows: str) -> Seen:
    seen = Seen(page, still.ticks)
    page.goto(f"{still.url}{query}")
    page.wait_for_selector("html[data-page=ready]", state="attached")
    page.wait_for_selector(shows)
    while not seen.calls:  # a run that is shown for the first time is asked for once more
        page.wait_for_timeout(100)
    return seen


def counted(page: Any, seen: Seen, seconds: float = WATCHED_S) -> int:
    """Calls of Gradio in so many seconds."""
    before = seen.calls
    page.wait_for_timeout(1000 * seconds)
    return seen.calls - before


def begins(still: SimpleNamespace, run: str) -> None:
    """As a worker would take it."""
    claimed = still.jobs.claim(still.jobs.get(run).lane, ME)
    assert claimed is not None and claimed.id == run
    with EventLog(still.jobs.paths.run(run) / "events.jsonl") as log:
        log.write("state", state="running", note="")


def progress(still: SimpleNamespace, run: str, done: int) -> None:
    with EventLog(still.jobs.paths.run(run) / "events.jsonl") as log:
        log.write("progress", done=done, total=100, arm="teacher", step=done, steps=100, eta_s=9.0)


def test_a_run_that_waits_is_asked_for_seldom(page: Any, still: SimpleNamespace) -> None:
    run = still.jobs.submit("compare", DRAW)
    try:
        seen = opened(page, still, f"?run={run}", ".board[data-state=queued]")
        looks = seen.looks
        assert counted(page, seen) <= 1 + WATCHED_S / looking.SLOW_S
        assert seen.looks > looks
        begins(still, run)
        page.wait_for_selector(".board[data-state=running]")
    finally:
        still.jobs.cancel(run)


def test_a_run_that_goes_on_is_asked_for_once_a_change(page: Any, still: SimpleNamespace) -> None:
    run = still.jobs.submit("compare", DRAW)
    begins(still, run)
    seen = opened(page, still, f"?run={run}", ".board[data-state=running]")
    before, begun = seen.calls, time.monotonic()
    for step in range(1, 4):
        progress(still, run, step)
        page.wait_for_timeout(2500)
    assert seen.calls > before
    assert seen.calls - before <= 3 + 1 + (time.monotonic() - begun) / looking.SLOW_S
    still.jobs.finish(run, "done", "", ME)
    page.wait_for_selector(".board[data-state=done]")
    looks = seen.looks
    page.wait_for_timeout(2000)
    assert seen.looks <= looks + 1  # what has ended is looked at no more


def test_a_run_of_a_tab_that_comes_later_is_followed_too(page: Any, still: SimpleNamespace) -> None:
    run = still.jobs.submit("grid", {"draw": DRAW, "axes": ["arms=teacher,student"]})
    try:
        opened(page, still, f"?tab=grid&grid={run}", "#grid-board .board[data-state=queued]")
        begins(still, run)
        page.wait_for_selector("#grid-board .board[data-state=running]")
    finally:
        still.jobs.cancel(run)


def test_where_a_state_cannot_be_read_the_page_asks_by_the_clock(page: Any, still: SimpleNamespace) -> None:
    page.route("**/run-state/**", lambda route: route.fulfill(status=404))
    run = still.jobs.submit("compare", DRAW)
    try:
        opened(page, still, f"?run={run}", ".board[data-state=queued]")
        begins(still, run)
        page.wait_for_selector(".board[data-state=running]")
    finally:
        still.jobs.cancel(run)
