"""`python app.py` as a person starts it: its own process, a real worker, real (tiny, untrained) diffusers models."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.services.jobs import Jobs
from studio.services.paths import ROOT
from tests.browser.conftest import PATIENCE_MS
from tests.services.conftest import list_models, weights  # noqa: F401 - a fixture

pytestmark = pytest.mark.browser


@pytest.fixture
def started(tmp_path: Path, weights: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:  # noqa: F811
    """(address, process) of the studio on a data folder whose shelf also holds the tiny pair."""
    list_models(Jobs(tmp_path / "data"), weights)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port), "--device", "cpu", "--data-dir", str(tmp_path / "data")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, process)
        yield address, process
    finally:
        process.terminate()
        process.wait(30)


def wait_for(address: str, process: subprocess.Popen[str], seconds: float = 120) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"app.py ended: {process.communicate()[0]}")
        try:
            opener.open(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"nothing answered at {address}")


def test_the_whole_studio_from_one_command(chromium: Any, started: tuple[str, subprocess.Popen[str]]) -> None:
    address, process = started
    page = chromium.new_page()
    page.set_default_timeout(3 * PATIENCE_MS)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    page.wait_for_selector("html[data-page=ready]", state="attached")

    page.click("#pair input")
    page.click("[role=option]:has-text('Tiny student')")
    page.wait_for_function("!document.querySelector('#pair-line')?.innerText.includes('missing')")
    page.fill("#seeds input, #seeds textarea", "3")
    page.fill("#teacher-steps input", "5")
    page.wait_for_selector("#cost:has-text('12 pictures')")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".board:is([data-state=done], [data-state=failed])")
    assert page.get_attribute(".board", "data-state") == "done", page.inner_text(".b-text")
    page.wait_for_function("document.querySelectorAll('.w-cell img').length === 12")
    sides = page.evaluate("[...document.querySelectorAll('.w-cell img')].map((image) => image.naturalWidth)")
    assert sides == [16] * 12
    assert page.locator(".figures tbody tr").count() == 4
    assert page.inner_text(".b-headline")
    page.wait_for_selector(".worker[data-state=ready]")
    page.close()
    assert faults == []
    if os.path.exists(f"/proc/{process.pid}/maps"):
        assert "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text()  # models live in the worker only
