"""The Gallery in a browser: a run of days ago is found, named, deleted and taken back, and a search is an address."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from studio.domains.media.image import png_bytes
from tests.browser.test_keyboard import SEEN, has_focus
from tests.support.many_runs import fill

PICTURE = png_bytes(np.full((8, 8, 3), 90, np.uint8), {})


@pytest.fixture(scope="module")
def runs(site: SimpleNamespace) -> list[str]:
    return list(fill(site.jobs, 130, PICTURE, now=1.7e9))


def test_a_run_of_days_ago_is_found_named_deleted_and_taken_back(visit: Any, site: SimpleNamespace, runs: list[str]) -> None:
    page = visit(query="?tab=gallery&find=red+boat&until=2023-12-01")
    page.wait_for_selector(".g-card")
    assert page.locator(".g-card").count() == page.locator(".g-card b", has_text="red boat").count() > 0
    assert page.input_value(".g-find") == "red boat"
    page.fill(".g-find", "yellow tree")
    page.wait_for_function("new URL(location).searchParams.get('find') === 'yellow tree'")
    page.wait_for_selector(".g-card b:has-text('yellow tree')")
    page.wait_for_function("[...document.querySelectorAll('.g-card b')].every((one) => one.textContent.includes('yellow tree'))")
    page.locator(".g-open").first.focus()
    run = page.locator(".g-card").first.get_attribute("data-run")
    page.keyboard.press("e")
    page.fill(".g-form input[name=tags]", "kept, paper")
    page.keyboard.press("Enter")
    page.wait_for_selector(f".g-card[data-run='{run}'] .g-tag:has-text('paper')")
    assert (Path(site.jobs.paths.run(run)) / "notes.json").exists()
    page.locator(f".g-card[data-run='{run}'] .g-open").focus()
    page.keyboard.press("Delete")
    page.wait_for_selector(f".g-card[data-run='{run}']", state="detached")
    assert not site.jobs.paths.run(run).exists()
    page.click(".g-undo .tool")
    page.wait_for_selector(f".g-card[data-run='{run}'] .g-tag:has-text('paper')")
    assert site.jobs.get(run).final
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_two_runs_stand_side_by_side_and_one_opens_on_its_tab(visit: Any, runs: list[str]) -> None:
    page = visit(query="?tab=gallery&kind=compare&until=2023-12-01&order=oldest")
    page.wait_for_selector(".g-card")
    for i in (0, 1):
        page.locator(".g-choose").nth(i).click()
    page.click(".g-hold")
    page.wait_for_selector(".g-names")
    assert "student · diversity" in page.inner_text(".g-two") and page.locator(".g-pictures figure").count() > 0
    page.keyboard.press("Escape")
    page.locator(".g-open").first.click()
    page.wait_for_function(f"new URL(location).searchParams.get('run') === '{runs[0]}'")
    assert page.locator("button[role=tab][aria-selected=true]").inner_text() == "Compare"


def test_by_keyboard_alone_a_run_is_found_set_beside_another_and_opened(visit: Any, runs: list[str]) -> None:
    page = visit(query="?tab=gallery&kind=compare&until=2023-12-01&order=oldest")
    page.wait_for_selector(".g-card")
    page.keyboard.press("/")
    assert has_focus(page, ".g-find")
    page.keyboard.press("ArrowDown")
    assert has_focus(page, f".g-card[data-run='{runs[0]}'] .g-open") and page.evaluate(SEEN)
    page.keyboard.press("f")
    page.wait_for_selector(f".g-card[data-run='{runs[0]}'] .g-star[aria-pressed=true]")
    for key in ("c", "ArrowRight", "c"):  # a card that is drawn anew keeps the focus
        assert has_focus(page, ".g-open") and page.evaluate(SEEN)
        page.keyboard.press(key)
    page.wait_for_selector(".g-chosen:not([hidden])")
    assert page.locator(".g-card[data-chosen=true]").count() == 2
    page.keyboard.press("b")
    page.wait_for_selector(".g-beside[open] .g-names")
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.matches('.g-open')")  # a drawer gives the focus back
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_function(f"new URL(location).searchParams.get('run') === '{runs[0]}'")
