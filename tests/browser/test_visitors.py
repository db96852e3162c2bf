"""Two browsers on one public demo: each has its own runs, also after a reload, and with cookies refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.library.stock import open_jobs
from studio.ui.app import build, launch_options
from tests.browser.conftest import PATIENCE_MS
from tests.support.method_catalogue import stock
from tests.support.scripted_compare import ScriptedWorker
from tests.support.serving import free_port

pytestmark = pytest.mark.browser
DONE = "#board .board[data-state=done]"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("STUDIO_DEMO", "1")
    jobs = open_jobs(stock(tmp_path))
    worker = ScriptedWorker(jobs, step_s=0.0)
    worker.start()
    demo = build(jobs)
    demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(jobs, "127.0.0.1", free_port(), False))
    yield demo.local_url
    demo.close()
    worker.stop()


def opened(context: Any, url: str, query: str = "") -> Any:
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url + query)
    page.wait_for_selector("html[data-page=ready]", state="attached")
    page.wait_for_selector("#board .board", state="attached")
    return page


def drawn(page: Any) -> str:
    page.fill("#seeds input, #seeds textarea", "3")
    page.click("#run")
    page.wait_for_selector(DONE)
    page.wait_for_function("[...document.querySelectorAll('.w-cell img')].some((image) => image.naturalWidth)")
    return str(page.evaluate("new URL(location).searchParams.get('run')"))


def cards(page: Any) -> list[str]:
    page.click(".runs-open")
    page.wait_for_selector(".drawer[open]")
    page.wait_for_timeout(1000)  # a list that stays empty has nothing to wait for
    return [str(card.get_attribute("data-run")) for card in page.query_selector_all(".run-card")]


def test_two_browsers_have_their_own_runs(chromium: Any, url: str) -> None:
    ada, bob = chromium.new_context(), chromium.new_context()
    hers = drawn(opened(ada, url))
    (cookie,) = [one for one in ada.cookies() if one["name"] == "studio-visitor"]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    again = opened(ada, url, f"?run={hers}")
    again.wait_for_selector(DONE)
    assert cards(again) == [hers]
    stranger = opened(bob, url, f"?run={hers}")
    stranger.wait_for_selector(f"#problem:has-text('There is no run {hers}')")
    assert cards(stranger) == []
    ada.close()
    bob.close()


def test_a_browser_that_refuses_the_cookie_draws_all_the_same(chromium: Any, url: str) -> None:
    context = chromium.new_context()

    def without(route: Any) -> None:
        route.continue_(headers={name: value for name, value in route.request.headers.items() if name != "cookie"})

    context.route("**/*", without)
    page = opened(context, url)
    context.clear_cookies()
    hers = drawn(page)
    assert context.cookies() == [] and cards(page) == [hers]
    context.close()
