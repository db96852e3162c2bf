"""What the page says when a run ends: of one that nobody looks at, a line with a way to it; of one in front, nothing."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace
from typing import Any

from tests.browser.conftest import PATIENCE_MS
from tests.support.fixtures import until

LONG_S = 9  # a run that takes less was waited for (`assets/ui/kit/ended.js`)
REQUEST = {"name": "unseen", "teacher": "test/teacher", "objective": "dmd2", "steps": 60}
HIDE = """hidden => { const value = hidden ? "hidden" : "visible";
  Object.defineProperty(document, "visibilityState", { value, configurable: true });
  document.dispatchEvent(new Event("visibilitychange")); }"""
ALLOWED = """() => { globalThis.asked = 0; globalThis.sent = [];
  globalThis.Notification = class { static permission = "default";
    static requestPermission() { globalThis.asked++; this.permission = "granted"; return Promise.resolve("granted"); }
    constructor(title, options) { globalThis.sent.push([title, options.body]); } }; }"""


def running(site: SimpleNamespace, visit: Any, **of_page: Any) -> tuple[Any, str]:
    """A page that was opened while a training goes on, which ends when a test makes it quick."""
    site.trainer.step_s = 2.0
    run = site.jobs.submit("distill", REQUEST | {"name": f"unseen-{time.monotonic_ns()}"})
    page = visit(**of_page)
    page.wait_for_function("document.querySelector('.jobs-count').dataset.n === '1'")
    return page, run


def test_a_training_that_ends_unseen_is_said_and_opened(visit: Any, site: SimpleNamespace) -> None:
    page, run = running(site, visit)
    try:
        site.trainer.step_s = 0.1
        page.wait_for_selector(f".ended[data-run='{run}']", timeout=PATIENCE_MS)
    finally:
        site.trainer.step_s = 0.0
    assert page.locator(".notice-list[role=status]").count() == 1
    assert "distill done" in page.inner_text(f".ended[data-run='{run}']")
    page.click(".notice-open")
    page.wait_for_selector(f".j-panel[open] .j-run[data-run='{run}']")
    assert page.locator(".ended").count() == 0


def test_the_title_and_the_system_say_it_while_the_page_is_in_the_background(visit: Any, site: SimpleNamespace) -> None:
    page = visit()
    page.evaluate(ALLOWED)
    page.reload()
    page.wait_for_selector("html[data-page=ready]", state="attached")
    page.evaluate(ALLOWED)
    assert page.evaluate("asked") == 0  # never on load
    page.click(".jobs-open")
    page.click(".j-notify")
    page.wait_for_selector(".j-notify[aria-pressed=true]")
    assert page.evaluate("asked") == 1
    page.click(".j-panel .drawer-close")
    site.trainer.step_s = 2.0
    page.evaluate(HIDE, True)
    run = site.jobs.submit("distill", REQUEST | {"name": "hidden"})
    try:
        page.evaluate("document.querySelector('.jobs-open').click()")  # the panel learns of it, and looks
        page.wait_for_selector(f".j-run[data-run='{run}']")
        site.trainer.step_s = 0.1
        page.wait_for_function("document.title.startsWith('✓ distill done')")
    finally:
        site.trainer.step_s = 0.0
    assert page.evaluate("sent.map(([, body]) => body)") == ["distill done"]
    page.evaluate(HIDE, False)
    assert page.title() == "Distillation Studio"


def test_what_is_in_front_and_what_was_cancelled_is_not_said(visit: Any, site: SimpleNamespace) -> None:
    page, run = running(site, visit)
    try:
        page.click(".jobs-open")
        page.wait_for_selector(f".j-panel[open] .j-run[data-run='{run}'] .j-title .j-chip[data-state=running]")
        site.trainer.step_s = 0.1
        page.wait_for_selector(f".j-panel[open] .j-run[data-run='{run}'] .j-title .j-chip[data-state=done]")
        page.click(".j-panel .drawer-close")
        site.trainer.step_s = 2.0
        other = site.jobs.submit("distill", REQUEST | {"name": "other"})
        page.click(".jobs-open")
        page.click(f".j-item[data-run='{other}']")
        page.wait_for_selector(f".j-run[data-run='{other}'] [data-action=stop]")
        page.click(".j-panel .drawer-close")
        site.jobs.cancel(other)
        page.wait_for_function("document.querySelector('.jobs-count').dataset.n === ''")
        page.wait_for_timeout(5000)
    finally:
        site.trainer.step_s = 0.0
    assert page.locator(".ended").count() == 0


def test_a_long_comparison_is_said_on_another_tab(visit: Any, site: SimpleNamespace) -> None:
    site.worker.step_s = 2.0
    drawn = {"prompt": "a cat", "pair": "test/dmd2", "arms": ["teacher"], "seeds": [0, 5], "teacher_steps": 90}
    run = site.jobs.submit("compare", drawn)
    try:
        page = visit(query=f"?run={run}")
        page.wait_for_selector(".board[data-state=running]")
        page.wait_for_timeout(1000 * LONG_S)
        page.click("button[role=tab][data-tab-id=models]")
        page.wait_for_selector("#board", state="hidden")
        assert not site.jobs.get(run).final
    finally:
        site.worker.step_s = 0.0
    page.wait_for_selector(f".ended[data-run='{run}']")
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/notice.png")
    page.click(".notice-open")
    page.wait_for_selector(".board[data-state=done]")
    assert page.locator("button[role=tab][data-tab-id=compare]").get_attribute("aria-selected") == "true"


def test_of_two_quick_choices_the_last_one_is_shown(visit: Any, site: SimpleNamespace) -> None:
    site.trainer.step_s = 0.0
    runs = [site.jobs.submit("distill", REQUEST | {"name": f"quick-{i}-{time.monotonic_ns()}"}) for i in range(3)]
    until(lambda: all(site.jobs.get(run).final for run in runs))  # the panel opens on one that goes on
    page = visit()
    page.click(".jobs-open")
    page.wait_for_selector(f".j-run[data-run='{runs[2]}']")
    page.evaluate(  # the second while the first is on its way
        "(runs) => runs.forEach((run) => document.querySelector(`.j-item[data-run='${run}']`).click())", runs[:2]
    )
    page.wait_for_selector(f".j-run[data-run='{runs[1]}']")
    page.wait_for_selector(f".j-item[data-run='{runs[1]}'][aria-selected=true]")


def test_what_the_server_refuses_is_a_notice_of_its_own(visit: Any, site: SimpleNamespace) -> None:
    helper = site.jobs.submit("mixture", {})  # of the page's own making; no tab shows it
    page = visit()
    page.evaluate("run => document.dispatchEvent(new CustomEvent('studio:open-run', { detail: { run, tab: '' } }))", helper)
    page.wait_for_selector(".ended[data-refused='1']")
    assert "No tab shows a mixture job" in page.inner_text(".ended")
    assert page.locator(".notice-open").count() == 0
    page.click(".notice-close")
    page.wait_for_selector(".ended", state="detached")
