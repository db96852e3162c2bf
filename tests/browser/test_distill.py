"""Teaching a student from the page, in a real browser; the training itself is scripted."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from studio.jobs.spec_file import read_spec_file
from studio.ui.distill import objective_form
from tests.browser.conftest import saved_by
from tests.support.serving import to_tab

pytestmark = pytest.mark.browser


def write(page: Any, selector: str, text: str) -> None:
    page.locator(f"{selector} textarea, {selector} input").first.fill(text)


def open_tab(page: Any) -> None:
    to_tab(page, "Distill")
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
    assert "surrogate" in page.inner_text(".j-plots .j-caution >> nth=0")
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
    page.wait_for_selector(".j-panel[open]")
    assert page.get_attribute(".jobs-open", "aria-expanded") == "true"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.keyboard.press("Escape")
    page.wait_for_selector(".j-panel:not([open])", state="attached")


def test_the_panel_shows_what_goes_wrong_what_is_believed_and_the_numbers(visit: Any, site: SimpleNamespace) -> None:
    site.trainer.step_s = 0.0
    run = site.jobs.submit("distill", {"name": "looked-at", "teacher": "test/teacher", "objective": "dmd2", "steps": 200})
    page = visit()
    page.click(".jobs-open")
    page.click(f".j-item[data-run='{run}']")
    page.wait_for_selector(".j-title h3:has-text('looked-at')")
    page.wait_for_selector("[data-action=compare]")
    assert page.inner_text(".j-symptoms span") == "step 100"
    assert "The hybrid gives part of it back" in page.inner_text(".j-symptoms b")

    page.wait_for_selector(".j-sheet[data-ready][aria-label^='After 200 training steps, “']")
    assert page.locator(".j-block").count() == 2
    assert page.locator(".j-block >> nth=0").locator(".j-cell").count() == 1 + 3 * 3  # x once, then three rows of levels
    newest = page.get_attribute(".j-student >> nth=0", "src")
    page.locator(".j-time[data-of=beliefs] input").fill("0")  # one moment for both
    page.wait_for_selector(".j-sheet[aria-label^='After 0 training steps']")
    assert page.inner_text(".j-time[data-of=strips] output") == "step 0"
    page.wait_for_function("before => document.querySelector('.j-student').src !== before", arg=newest)

    for number in ("gradients", "normaliser", "direction", "discriminator_right", "contrast"):
        page.wait_for_selector(f".plot[data-number={number}][data-ready]")
    page.click("summary:has-text('Files')")
    assert f"runs/{run}/spec.json" in page.inner_text(".j-files")
    with page.expect_popup() as popup:
        page.click(".j-files a:has-text('pictures of beliefs')")
    popup.value.wait_for_load_state()
    assert popup.value.url.endswith("/artifacts/beliefs/00000200.jpg")
    popup.value.close()

    kind, request = read_spec_file(saved_by(page, ".j-save", "yaml"))
    assert (kind, request["name"], request["steps"]) == ("distill", "looked-at", 200)
    assert saved_by(page, ".j-save[data-of=loss]", "svg").read_text().startswith("<svg")
    page.wait_for_selector(".j-save[data-of=measures]")


def test_the_beliefs_fit_a_phone(visit: Any, site: SimpleNamespace) -> None:
    site.trainer.step_s = 0.0
    run = site.jobs.submit("distill", {"name": "on-a-phone", "teacher": "test/teacher", "objective": "dmd2", "steps": 40})
    page = visit(390)
    page.click(".jobs-open")
    page.click(f".j-item[data-run='{run}']")
    page.wait_for_selector(".j-sheet[data-ready]")
    inside = page.evaluate("""() => { const panel = document.querySelector('.j-panel').getBoundingClientRect();
        return [...document.querySelectorAll('.j-cell, .j-symptoms li, .j-number, .j-time')]
            .every((node) => !node.offsetParent || node.getBoundingClientRect().right <= panel.right); }""")
    assert inside
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".j-block .j-row-name:visible").count() == 6  # every row says whose it is


def test_nothing_starts_while_fields_of_another_objective_are_drawn(visit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = objective_form.draw

    def slowly(*given: Any) -> Any:
        time.sleep(1)
        return drawing(*given)

    page = visit()
    open_tab(page)
    monkeypatch.setattr(objective_form, "draw", slowly)
    page.click(".o-card[data-name=lcm] .o-pick")
    page.wait_for_selector("#start:disabled")
    page.wait_for_selector("#start:not([disabled])")
    assert page.query_selector("#settings-batch")
