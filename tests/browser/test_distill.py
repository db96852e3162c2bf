"""Teaching a student from the page, in a real browser; the training itself is scripted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.browser


def write(page: Any, selector: str, text: str) -> None:
    page.locator(f"{selector} textarea, {selector} input").first.fill(text)


def open_tab(page: Any) -> None:
    page.click("button[role=tab]:has-text('Distill')")
    page.wait_for_selector("#settings-batch")
    page.wait_for_selector("#start:not([disabled])")


def test_from_the_form_to_compare_with_a_reload_and_a_pause_between(visit: Any, site: SimpleNamespace) -> None:
    site.trainer.step_s = 0.05
    page = visit()
    open_tab(page)
    write(page, "#name", "first")
    write(page, "#steps", "many")
    page.click("#start")
    page.wait_for_selector("#distill-problem .problem")
    assert "Training steps is 'many'" in page.inner_text("#distill-problem")
    assert page.input_value("#name input, #name textarea") == "first"  # nothing typed is lost
    write(page, "#steps", "3000")
    write(page, "#settings-guidance", "7.5")
    page.wait_for_selector("#estimate:has-text('network evaluations per sample and step')")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".j-run:not([hidden]) .plot[data-figure=loss][data-ready]")
    assert "surrogate" in page.inner_text(".j-caution >> nth=0")
    page.wait_for_function("document.querySelector('.j-teacher').naturalWidth > 0")
    assert page.get_attribute(".j-teacher", "alt").startswith("Teacher: “")
    assert "1 running" in page.inner_text(".jobs-count")

    page.reload()  # the tab, the panel and the run are where they were
    page.wait_for_selector("[data-action=pause]")
    assert "first" in page.inner_text(".j-title h3")
    page.wait_for_selector(".o-card.on[data-name=dmd2]")
    page.click("[data-action=pause]")
    page.wait_for_selector("[data-action=resume]")
    site.trainer.step_s = 0.0
    page.click("[data-action=resume]")
    page.wait_for_selector("[data-action=compare]")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    page.click("[data-action=compare]")
    page.wait_for_selector("#problem:has-text('first is chosen')")
    assert page.input_value("#pair input") == "first"
    assert page.locator("#arms input:checked").count() == 4
    spec = site.jobs.spec(site.jobs.list(kind="distill")[0].id).config
    assert (spec["steps"], spec["settings"]["guidance"]) == (3000, 7.5)


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1440, "dark")])
def test_form_and_panel_fit_and_keep_what_was_typed_by_objective(visit: Any, width: int, scheme: str) -> None:
    page = visit(width, scheme)
    open_tab(page)
    write(page, "#settings-guidance", "6.5")
    page.fill(".o-search", "LCM clean")
    assert page.locator(".o-card:visible").count() == 1
    page.fill(".o-search", "")
    page.click(".o-card[data-name=lcm] .o-pick")
    page.wait_for_selector("#about:has-text('LCM')")
    page.wait_for_function("!document.querySelector('#settings-inputs')")
    page.click(".o-card[data-name=dmd2] .o-pick")
    page.wait_for_selector("#settings-inputs")
    assert page.input_value("#settings-guidance input, #settings-guidance textarea") == "6.5"
    page.click(".jobs-open")
    page.wait_for_selector(".j-panel:not([hidden])")
    assert page.get_attribute(".jobs-open", "aria-expanded") == "true"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.focus(".j-close")
    page.keyboard.press("Escape")
    page.wait_for_selector(".j-panel[hidden]", state="attached")
