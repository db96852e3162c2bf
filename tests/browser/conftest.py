"""A real browser on the real page. The pictures come from a scripted worker, so that no model is needed.

Without Chromium or playwright these tests are skipped with a sentence; under CI (CI=true) they fail instead.
`$CHROMIUM` names another browser binary.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio.library.stock import open_jobs

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before the first import of gradio

from studio.ui.app import build, launch_options
from tests.support.method_catalogue import stock
from tests.support.scripted_compare import ScriptedWorker
from tests.support.scripted_jobs import ScriptedTraining
from tests.support.serving import Studio, free_port, serving

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
PATIENCE_MS = 120_000  # a loaded machine is slow, not wrong


def missing(what: str) -> None:
    """Skip, or fail where the browser is part of the promise."""
    sentence = f"The page was not tested in a browser: {what}."
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("the package playwright is not installed (it is in the dev group of pyproject.toml)")
    if not Path(CHROMIUM).exists():
        missing(f"there is no {CHROMIUM} (on Debian: apt-get install chromium)")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def no_page_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    """A page that a test leaves open asks a studio that is gone, again and again, and slows all tests after it."""
    if "chromium" not in request.fixturenames:
        yield
        return
    browser = request.getfixturevalue("chromium")
    before = browser.contexts
    yield
    for context in browser.contexts:
        if context not in before:
            context.close()


@pytest.fixture(scope="package")  # its workers must not live on beside the tests of other folders
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The page served on a free port: `.url`, `.jobs`, and `.worker` and `.trainer`, whose `step_s` a test may change."""
    os.environ["NO_PROXY"] = "127.0.0.1,localhost"
    jobs = open_jobs(stock(tmp_path_factory.mktemp("studio")))
    worker = ScriptedWorker(jobs, step_s=0.0)
    worker.start()
    trainer = ScriptedTraining(jobs)
    trainer.start()
    demo = build(jobs)
    demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(jobs, "127.0.0.1", free_port(), False))
    yield SimpleNamespace(url=demo.local_url, jobs=jobs, worker=worker, trainer=trainer)
    demo.close()
    worker.stop()
    trainer.stop()


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """The real studio, started, on an empty data folder."""
    with serving(tmp_path) as made:
        yield made


@pytest.fixture
def visit(chromium: Any, site: SimpleNamespace) -> Iterator[Any]:
    """`visit(width, scheme, query)` opens the page as a new visitor; afterwards nothing may have gone wrong on it."""
    contexts: list[Any] = []
    faults: list[str] = []

    def open_page(width: int = 1440, scheme: str = "light", query: str = "") -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 900 if width > 600 else 844},
                                       color_scheme=scheme)  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        note_faults(page, faults)
        page.on("request", lambda request: faults.extend(foreign(request.url, site.url)))
        page.goto(site.url + query)
        page.wait_for_selector("html[data-page=ready]", state="attached")
        page.wait_for_selector("#board .board", state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def note_faults(page: Any, faults: list[str]) -> None:
    """Writes down what goes wrong in scripts, also what Gradio catches and only tells the console."""
    page.on("pageerror", lambda error: faults.append(f"error on the page: {error}"))
    page.on("console", lambda said: faults.append(said.text) if said.text.startswith("Error in ") else None)


def saved_by(page: Any, place: str, kind: str) -> Path:
    """The file that a save bar gives, by the name it is given: kind is png, csv or json."""
    with page.expect_download() as download:
        page.click(f"{place} [data-save={kind}]")
    path = Path(tempfile.mkdtemp()) / download.value.suggested_filename
    download.value.save_as(path)
    assert path.suffix == f".{kind}"
    return path


def foreign(url: str, home: str) -> list[str]:
    own = url.startswith((home, home.replace("127.0.0.1", "localhost"), "data:", "blob:"))
    return [] if own else [f"request to another host: {url}"]
