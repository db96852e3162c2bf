"""Evaluate in a real browser, on the real nano models: typed prompts and their questions, a run, its worst samples, its files."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import saved_by
from tests.browser.test_control import opened
from tests.support.serving import Studio

pytestmark = pytest.mark.browser


def at_evaluate(chromium: Any, address: str, width: int, scheme: str, faults: list[str]) -> Any:
    page = opened(chromium, address, width, scheme, faults, ready="#evaluate-start")
    page.wait_for_selector(".ev-row .ev-model")
    page.wait_for_selector(".ev-prompt", state="attached")
    return page


def test_two_candidates_are_asked_question_by_question(chromium: Any, studio: Studio) -> None:
    faults: list[str] = []
    page = at_evaluate(chromium, f"{studio.address}/?tab=evaluate", 1440, "light", faults)
    page.select_option(".ev-row:nth-child(1) .ev-model", "nano/dmd2")
    page.select_option(".ev-row:nth-child(2) .ev-model", "nano/dmd2")
    page.wait_for_selector(".ev-row:nth-child(2) .line.problem:not([hidden])")
    assert "It stands here twice" in page.inner_text(".ev-row:nth-child(2) .line.problem")
    page.select_option(".ev-row:nth-child(2) .ev-arm", "hybrid-1")

    page.click("[data-source=typed]")
    page.set_input_files(".ev-file input", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"\x89PNG\xff"})
    said = "a.txt is no text in UTF-8; a plain text file with one prompt a line would fit."
    page.wait_for_function("said => document.querySelector('[data-problem=prompts]').textContent === said", arg=said)
    page.fill(".ev-prompts", "a red cat by the sea\na boat at night")
    page.fill(".ev-seeds", "2")
    page.click(".ev-trusts summary")
    page.fill(".ev-planted", "0")
    page.wait_for_function("document.querySelectorAll('.ev-prompt').length === 2")
    assert page.inner_text(".ev-prompt:first-child li:nth-child(1)") == "Is there a cat?"
    cost = "2 candidates × 2 prompts × 2 seeds: 32 network evaluations"
    page.wait_for_function(f"document.querySelector('.ev-cost').textContent === '{cost}'")

    page.reload()  # what is typed stays
    page.wait_for_function(f"document.querySelector('.ev-cost')?.textContent === '{cost}'")
    assert page.input_value(".ev-prompts") == "a red cat by the sea\na boat at night"
    assert page.input_value(".ev-row:nth-child(2) .ev-arm") == "hybrid-1"

    page.click("#evaluate-start")
    page.wait_for_selector("#evaluate-board .board:is([data-state=done], [data-state=failed])", timeout=600_000)
    assert page.get_attribute("#evaluate-board .board", "data-state") == "done", page.inner_text("#evaluate-board .b-text")
    again = at_evaluate(chromium, page.url, 390, "dark", faults)  # the address names the run, the form is that of the run
    assert again.input_value(".ev-prompts").startswith("a red cat") and again.input_value(".ev-seeds") == "2"
    for shown in (page, again):
        shown.wait_for_selector(".ev-sample")
        said = shown.inner_text("#evaluate-board .p-said")
        assert said.startswith("4 samples are too few to say which of Nano DMD2 and Hybrid (k = 1) of Nano DMD2 is better.")
        assert "of what was asked for is there" in said and "Oracle: " in shown.inner_text(".ev-judges")
        assert shown.locator(".ev-scores tbody tr").count() == 2
        assert shown.locator(".ev-sample").count() == 4 and shown.locator(".ev-sample img").count() == 8
        questions = {one.split(" a house")[0].strip() for one in shown.locator(".ev-sample li").all_inner_texts()}
        assert any(one.endswith("Is there exactly one subject?") for one in questions)
        assert shown.evaluate("document.documentElement.scrollWidth") <= shown.viewport_size["width"]
    page.click(".ev-whose [data-whose='1']")
    page.wait_for_function("document.querySelector('.ev-name span').textContent.startsWith('Hybrid')")
    assert saved_by(page, "#evaluate-board", "csv").read_text().startswith("table,row,judge,n,what was asked for,")
    assert '"model": "nano/dmd2"' in saved_by(page, "#evaluate-board", "json").read_text()
    with page.expect_download() as report:
        page.click(".ev-report")
    assert "Evaluation: Nano DMD2" in report.value.path().read_text()

    page.goto(f"{studio.address}/")  # and back from the jobs panel
    page.wait_for_selector("html[data-page=ready]", state="attached")
    page.click(".jobs-open")
    page.click(".j-actions [data-action=open]")
    page.wait_for_selector(".ev-sample", state="visible")
    assert faults == []
