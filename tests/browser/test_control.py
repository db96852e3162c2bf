"""Control in a real browser, on the real nano models: a slider on three arms, seed by seed, enlarged, and found again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import PATIENCE_MS, note_faults
from tests.browser.test_distill import write
from tests.support.serving import Studio

pytestmark = pytest.mark.browser

STRENGTHS = ["−3", "−2", "−1", "0", "+1", "+2", "+3"]


def opened(chromium: Any, address: str, width: int, scheme: str, faults: list[str], ready: str = "#control-run") -> Any:
    page = chromium.new_page(viewport={"width": width, "height": 900 if width > 600 else 844}, color_scheme=scheme)
    page.set_default_timeout(3 * PATIENCE_MS)
    note_faults(page, faults)
    page.goto(address)
    page.wait_for_selector("html[data-page=ready]", state="attached")
    page.wait_for_selector(ready, state="visible")
    return page


def test_a_slider_is_drawn_on_three_arms_and_found_again(chromium: Any, studio: Studio) -> None:
    faults: list[str] = []
    page = opened(chromium, f"{studio.address}/?tab=control", 1440, "light", faults)
    page.click("#control-pair input")
    page.click("[role=option]:has-text('Nano DMD2')")
    page.wait_for_function("document.querySelector('.worn-row select')?.value === 'nano/size'")
    write(page, "#control-seeds", "2")
    page.click("#control-run")
    page.wait_for_selector("#control-board .board:is([data-state=done], [data-state=failed])")
    assert page.get_attribute("#control-board .board", "data-state") == "done", page.inner_text("#control-board .b-text")
    assert [head.inner_text() for head in page.locator(".ctl-strength").all()] == STRENGTHS
    page.wait_for_function("document.querySelectorAll('.ctl-cell img').length === 21")

    amounts = [cell.inner_text() for cell in page.locator(".ctl-amount").all()[:7]]
    assert float(amounts[0]) <= float(amounts[3]) <= float(amounts[6]) and amounts[0] < amounts[6], (
        "sizes read off the teacher's row"
    )
    page.click(".ctl-next")
    page.wait_for_function("document.querySelector('.ctl-seed').innerText === 'seed 1'")
    assert page.locator(".ctl-cell img").first.get_attribute("alt") == "Teacher at strength −3, seed 1"
    page.locator(".ctl-cell").nth(6).click()
    assert "Size +3, seed 1" in page.inner_text(".ctl-large figcaption")
    page.wait_for_function("document.querySelectorAll('.figures tbody tr').length >= 3")

    phone = opened(chromium, page.url, 390, "dark", faults)  # the address names the run
    phone.wait_for_selector("#control-board .board[data-state=done]")
    phone.wait_for_function("document.querySelectorAll('.ctl-cell img').length === 21")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    for shown in (page, phone):  # every strength stands over its pictures
        middles = "[...document.querySelectorAll('%s')].slice(0, 7).map((e) => e.offsetLeft + e.offsetWidth / 2)"
        heads, cells = (shown.evaluate(middles % kind) for kind in (".ctl-strength", ".ctl-cell"))
        assert max(abs(a - b) for a, b in zip(heads, cells, strict=True)) < 2
        shown.close()
    assert faults == []
