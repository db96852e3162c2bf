"""A student is taught from the page while everything around the training goes away: the page, the worker, the server.

The real studio with the built-in nano teacher; ``STUDIO_SURVIVAL=pocket`` takes the pocket teacher (minutes).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from studio.jobs.events import FINAL
from studio.jobs.jobs import Jobs
from tests.browser.conftest import PATIENCE_MS
from tests.browser.test_distill import open_tab, write
from tests.support.serving import Studio

pytestmark = [pytest.mark.browser, pytest.mark.learning]

SIZE = os.environ.get("STUDIO_SURVIVAL", "nano")
STEPS = 24
PATIENCE_S = 300 if SIZE == "nano" else 3600


def until(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come in {PATIENCE_S} s")


def step_of(jobs: Jobs, run_id: str) -> int:
    return max((event.get("done", 0) for event in jobs.tail(run_id)[0] if event["kind"] == "progress"), default=0)


def test_a_student_comes_of_it_whatever_goes_away(chromium: Any, studio: Studio) -> None:
    page = chromium.new_page()
    page.set_default_timeout(3 * PATIENCE_MS)
    page.goto(studio.address)
    page.wait_for_selector("html[data-page=ready]", state="attached")
    open_tab(page)
    page.click("#teacher input")
    page.click(f"[role=option]:has-text('{SIZE.title()} teacher')")
    # another teacher brings another name; what is typed before that has come would go
    page.wait_for_function("(size) => document.querySelector('#name :is(input, textarea)').value.startsWith(size)", arg=SIZE)
    page.wait_for_selector("#start:not([disabled])")
    page.click(".o-card[data-name=dmd2]")
    page.wait_for_selector(".o-card.on[data-name=dmd2]")
    write(page, "#name", "survivor")
    write(page, "#steps", str(STEPS))
    page.wait_for_selector("#start:not([disabled])")
    page.click("#start")
    page.wait_for_selector(".j-title h3:has-text('survivor')")
    page.close()  # nobody looks on

    jobs = studio.jobs
    run_id = jobs.list(kind="distill")[0].id
    until(lambda: step_of(jobs, run_id) >= STEPS // 4, "a quarter of the training")
    os.kill(studio.worker("batch"), signal.SIGKILL)
    until(lambda: step_of(jobs, run_id) >= STEPS // 2, "the training after its worker was killed")
    studio.kill()
    assert jobs.get(run_id).state not in FINAL
    studio.start()
    until(lambda: jobs.get(run_id).state in FINAL, "the end")
    assert jobs.get(run_id).state == "done", jobs.get(run_id).note

    page = chromium.new_page()
    page.set_default_timeout(3 * PATIENCE_MS)
    page.goto(f"{studio.address}/?job={run_id}")
    page.wait_for_selector("html[data-page=ready]", state="attached")
    page.click(".jobs-open")
    page.click(f"[data-run='{run_id}']")
    page.click("[data-action=compare]")
    page.wait_for_selector("#problem:has-text('survivor is chosen')")
    write(page, "#seeds", "2")
    page.click("#run")
    page.wait_for_selector(".board:is([data-state=done], [data-state=failed])")
    assert page.get_attribute(".board", "data-state") == "done", page.inner_text(".b-text")
    assert page.input_value("#pair input") == "survivor"
    page.close()
