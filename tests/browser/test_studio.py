"""`python app.py` as a person starts it: its own process, a real worker, real (tiny, untrained) diffusers models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.library.stock import open_jobs
from tests.browser.conftest import PATIENCE_MS, note_faults
from tests.support.fixtures import list_models, weights  # noqa: F401 - a fixture
from tests.support.serving import Studio, serving


@pytest.fixture
def studio(tmp_path: Path, weights: Path) -> Iterator[Studio]:  # noqa: F811
    """The studio on a data folder whose shelf also holds the tiny pair."""
    list_models(open_jobs(tmp_path), weights)
    with serving(tmp_path) as made:
        yield made


def test_the_whole_studio_from_one_command(chromium: Any, studio: Studio) -> None:
    page = chromium.new_page()
    page.set_default_timeout(3 * PATIENCE_MS)
    faults: list[str] = []
    note_faults(page, faults)
    page.goto(studio.address)
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
    if os.path.exists(f"/proc/{studio.process.pid}/maps"):
        assert "libtorch" not in Path(f"/proc/{studio.process.pid}/maps").read_text()  # models live in the worker only
