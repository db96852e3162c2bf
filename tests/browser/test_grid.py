"""The Grid tab in a real browser, on the real nano models: typed wrongly, drawn, looked at, extended, and a file dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_control import opened
from tests.browser.test_distill import write
from tests.support.serving import Studio

pytestmark = pytest.mark.browser

DROP = """([name, text]) => {
  const one = new DataTransfer();
  one.items.add(new File([text], name));
  document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: one }));
}"""
DONE = "#grid-board .board:is([data-state=done], [data-state=failed])"


def test_a_grid_is_drawn_looked_at_extended_and_comes_back_from_its_file(chromium: Any, studio: Studio, tmp_path: Path) -> None:
    faults: list[str] = []
    page = opened(chromium, f"{studio.address}/?tab=grid", 1440, "light", faults, "#grid-run")
    page.click("#grid-pair input")
    page.click("[role=option]:has-text('Nano DMD2')")
    write(page, "#grid-seeds", "2")
    write(page, "#grid-y-values", "1..3 step")
    page.wait_for_function("document.querySelector('#grid-y-line').innerText.includes('which is no number')")
    assert page.input_value("#grid-y-values textarea") == "1..3 step", "what was typed stays"
    write(page, "#grid-y-values", "1..3 step 2")
    write(page, "#grid-x-values", "teacher, student, hybrid-9")
    page.wait_for_function("document.querySelector('#grid-cost').innerText.includes('2 cells cannot be drawn')")
    assert "6 cells" in page.inner_text("#grid-cost")
    page.click("#grid-run")
    page.wait_for_selector(DONE)
    assert page.get_attribute("#grid-board .board", "data-state") == "done", page.inner_text("#grid-board .b-text")
    page.wait_for_function("document.querySelectorAll('.grd-box img').length === 4")
    assert page.locator(".grd-box[data-state=refused]").count() == 2

    page.locator(".grd-box").first.click()
    page.wait_for_selector(".grd-cell[open]")
    assert "teacher" in page.inner_text(".grd-values") and "[" in page.inner_text(".grd-figures"), "figures have intervals"
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.grd-values').innerText.includes('student')")
    with page.expect_download() as got:
        page.keyboard.press("Escape")
        page.click("#grid-board [data-save=yaml]")
    file = tmp_path / "grid.yaml"
    got.value.save_as(file)

    write(page, "#grid-x-values", "teacher, student, hybrid-1")
    page.wait_for_function("document.querySelector('#grid-cost').innerText.includes('of the grid below are kept')")
    page.click("#grid-run")
    page.wait_for_function("document.querySelectorAll('.grd-box img').length === 6")
    page.wait_for_selector(DONE)
    assert "were there already" in page.inner_text("#grid-board .b-text")
    address = page.url

    page.click("[role=tab]:has-text('Scrub')")
    page.evaluate(DROP, ["grid.yaml", file.read_text()])
    page.wait_for_function("document.querySelector('#grid-x-values textarea')?.value === 'teacher, student, hybrid-9'")
    page.wait_for_selector("#grid-run", state="visible")
    page.evaluate(DROP, ["bad.yaml", "kind: grid\ndraw: {prompt: a cat}\naxes: [teacher_stepz=1]\n"])
    page.wait_for_selector("text=Did you mean 'teacher_steps'")

    phone = opened(chromium, address, 390, "dark", faults, "#grid-run")
    phone.wait_for_function("document.querySelectorAll('.grd-box img').length >= 4")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert not faults
    for shown in (page, phone):
        shown.close()
