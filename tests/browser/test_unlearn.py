"""Unlearn in a real browser, on the real nano models: from a word to the matrix, and on to the Control tab."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import saved_by
from tests.browser.test_control import opened
from tests.support.serving import Studio

pytestmark = pytest.mark.browser


def at_unlearn(chromium: Any, address: str, width: int, scheme: str, faults: list[str]) -> Any:
    page = opened(chromium, address, width, scheme, faults, ready="#unlearn-start")
    page.wait_for_selector(".u-methods .p-method")
    return page


def test_a_word_is_forgotten_measured_and_tried(chromium: Any, studio: Studio) -> None:
    faults: list[str] = []
    page = at_unlearn(chromium, f"{studio.address}/?tab=unlearn", 1440, "light", faults)
    page.select_option(".u-model", "nano/dmd2")
    assert page.inner_text(".u-methods .p-method:first-child").startswith("SFD\nrecommended")
    page.click("#unlearn-start")
    page.wait_for_selector("#unlearn-problem .line")
    assert page.inner_text("#unlearn-problem").startswith("Nothing was named that should be forgotten")

    page.fill(".u-forget", "zebra")
    page.wait_for_selector("[data-problem=forget]:not([hidden])")
    assert "names nothing that Pocket World knows" in page.inner_text("[data-problem=forget]")
    page.fill(".u-forget", "")
    page.click(".u-known summary")
    page.click(".u-words .words button:text-is('cat')")
    page.wait_for_function("document.querySelector('.u-prompts').value.includes(' => ')")
    assert page.input_value(".u-forget") == "cat" and page.get_attribute(".u-becomes", "placeholder") == "house"
    assert page.is_hidden("[data-problem=forget]") and page.inner_text(".u-count") == "128 pairs"
    page.click(".u-becomes")
    page.click(".u-words .words button:text-is('boat')")
    page.wait_for_function("document.querySelector('.u-prompts').value.includes('boat')")

    page.reload()  # what is typed stays
    page.wait_for_function("document.querySelector('.u-forget')?.value === 'cat'")
    page.wait_for_function("document.querySelector('.u-prompts').value.includes('boat')")
    page.select_option(".u-model", "nano/dmd2")

    page.click(".u-methods .p-method[data-name=uce]")
    page.click(".p-more:has(.u-run) summary")
    page.fill(".u-of-n_prompts", "16")
    page.fill(".u-of-measure_seeds", "8")
    page.click(".u-pairs summary")
    page.wait_for_function("document.querySelector('.u-count').textContent === '16 pairs'")
    page.click("#unlearn-start")
    page.wait_for_selector("#unlearn-board .p-grid[data-step] .p-cell", timeout=600_000)
    assert page.locator("#unlearn-board .p-cell").count() == 16

    again = at_unlearn(chromium, page.url, 390, "dark", faults)  # the address names the run, the form is that of the run
    again.wait_for_function("document.querySelector('.u-forget').value === 'cat'")
    assert again.input_value(".u-becomes") == "boat" and again.input_value(".u-of-measure_seeds") == "8"
    for shown in (page, again):
        shown.wait_for_selector("#unlearn-board .board:is([data-state=done], [data-state=failed])", timeout=600_000)
        assert shown.get_attribute("#unlearn-board .board", "data-state") == "done", shown.inner_text("#unlearn-board .b-text")
        said = shown.inner_text("#unlearn-board .p-said").replace("\u00a0", " ")
        assert (
            said.startswith("Prompts in plain words show it in ")
            and "In other words for it, in " in said
            and "Nothing is said about prompts that nobody tried." in said
        )
        assert shown.locator(".u-arms tbody tr").count() == 4
        titles = [one.split(" pictures")[0].strip() for one in shown.locator(".u-part").all_inner_texts()]
        assert titles == ["Forgotten", "In its domain", "Across domains"]
        assert shown.evaluate("document.documentElement.scrollWidth") <= shown.viewport_size["width"]
    page.click(".u-pick [data-arm='1']")
    assert page.get_attribute(".u-pick [data-arm='1']", "aria-checked") == "true"
    assert page.locator(".u-gone").count() > 0
    assert saved_by(page, "#unlearn-board", "csv").read_text().startswith("table,row,shown before,shown before low,")
    assert saved_by(page, "#unlearn-board", "png").stat().st_size > 5000
    assert '"forget": "cat"' in saved_by(page, "#unlearn-board", "json").read_text()

    page.click("#unlearn-board .p-try")
    page.wait_for_selector("#control-run", state="visible")
    page.wait_for_function("document.querySelector('.worn-row select')?.value === 'mine/no-cat-nano-dmd2'")
    assert faults == []


def test_a_forgetting_is_audited_from_the_page(chromium: Any, studio: Studio) -> None:
    """Two cheap attacks on few pictures: the form, the way there, the verdict, and the form again after a reload."""
    faults: list[str] = []
    asked = {"name": "no-cat", "base": "nano/teacher", "forget": "cat", "method": "uce", "n_prompts": 16, "measure_seeds": 8}
    made = studio.jobs.submit("unlearn", asked)
    page = at_unlearn(chromium, f"{studio.address}/?tab=unlearn&unlearn={made}", 1440, "light", faults)
    assert page.is_hidden("#unlearn-audit"), "there is nothing to audit before there is an adapter"
    page.wait_for_selector("#unlearn-board .board:is([data-state=done], [data-state=failed])", timeout=600_000)
    page.wait_for_selector("#unlearn-board .u-block .u-pair")
    page.click("#unlearn-board .u-audit")
    page.wait_for_selector(".a-attacks input[name=seeds]")
    page.click(".a-all")
    assert page.inner_text(".a-cost").endswith("No attack is chosen.")
    page.check(".a-attacks input[name=seeds]")
    page.check(".a-attacks input[name=paraphrases]")
    page.fill(".a-pictures", "4")
    assert "2 attacks on three models; 4 pictures for every figure, 16 of plain prompts." in page.inner_text(".a-cost")

    page.reload()
    page.wait_for_function("document.querySelector('.a-pictures')?.value === '4'")
    page.wait_for_function("document.querySelector('.a-cost').textContent.includes('2 attacks')")
    page.click("#unlearn-audit-start")
    page.wait_for_selector("#unlearn-audit-board .board:is([data-state=done], [data-state=failed])", timeout=600_000)
    assert page.inner_text(".a-verdict").startswith("Plain prompts ")
    assert page.locator(".a-table tbody tr").count() == 2 and page.locator("figure.a-pictures").count() == 3
    page.click(".a-pick[data-attack=paraphrases]")
    assert page.locator(".a-rows tbody tr").count() > 2
    with page.context.expect_page() as opened_report:
        page.click(".a-report")
    assert opened_report.value.inner_text("h1") == "Audit: cat"
    assert saved_by(page, "#unlearn-audit-board", "csv").read_text().startswith("table,row,what,edited,edited low,")
    run = studio.jobs.list(kind="audit")[0].id

    page.click(".jobs-open")
    page.click(f".j-item[data-run='{run}']")
    page.click("[data-action=open]")
    page.wait_for_selector("#unlearn-audit-board .board[data-state=done]")
    again = at_unlearn(chromium, f"{studio.address}/?run={run}", 390, "dark", faults)
    again.wait_for_selector("#unlearn-audit-board .board[data-state=done]")
    assert again.evaluate("document.documentElement.scrollWidth") <= 390
    assert faults == []
