"""What somebody finds who was never here: the tour, the first page, examples at one click, a simple form."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

TITLES = ["Teacher, student, hybrid", "Read the wall", "Read the figures", "Scrub", "Where to go next"]


def in_view(page: Any, selector: str) -> bool:
    """Whether a part of it can be seen above the tour's card."""
    return page.evaluate(
        """(selector) => { const box = document.querySelector(selector).getBoundingClientRect();
           return box.top < innerHeight && box.bottom > 0 && box.right <= innerWidth + 1 && box.left >= -1; }""", selector
    )  # fmt: skip


@pytest.mark.parametrize("width", [1440, 390])
def test_the_tour_is_walked_by_keyboard_alone_on_the_shipped_result(visit: Any, width: int) -> None:
    page = visit(width)
    page.wait_for_selector(".welcome")
    page.focus(".welcome-go")
    page.keyboard.press("Enter")
    page.wait_for_selector("#board .board[data-state=done]")
    page.wait_for_function("document.querySelectorAll('.w-cell[data-done]').length === 48")
    assert "came with the program" in page.inner_text("#board .b-notices")
    assert not page.is_visible(".welcome") and not page.is_visible("#board .b-scrub")
    assert page.evaluate("!document.querySelector(':modal') && document.querySelector('.tour').contains(document.activeElement)")
    said = []
    for step in range(5):
        page.wait_for_function(f"document.querySelector('.tour-count').textContent === '{step + 1} of 5'")
        page.wait_for_selector(".toured")
        said.append(page.inner_text(".tour-title"))
        page.wait_for_function("(() => { const box = document.querySelector('.toured').getBoundingClientRect();"
                               "return box.top < innerHeight && box.bottom > 0; })()")  # fmt: skip
        assert in_view(page, ".tour") and page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("ArrowRight")
    assert said == TITLES and not page.is_visible(".tour")  # right at the last step ends it

    page.wait_for_function("document.activeElement.matches('.tour-open')")
    page.keyboard.press("Enter")  # from the header, again
    page.wait_for_selector(".tour")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text(".tour-title") == TITLES[0]
    page.keyboard.press("Escape")
    assert not page.is_visible(".tour") and page.locator(".toured").count() == 0

    page.reload()
    page.wait_for_selector("html[data-page=ready]", state="attached")
    assert not page.is_visible(".welcome")


def test_the_first_page_says_for_whom_each_tab_is_and_leads_there(visit: Any) -> None:
    page = visit()
    assert page.locator(".e-tabs li").count() >= 9
    page.click(".e-for summary")
    page.wait_for_timeout(200)
    page.reload()
    page.wait_for_selector("html[data-page=ready]", state="attached")
    page.wait_for_selector(".e-row img")
    assert not page.is_visible(".e-tabs")  # put away
    page.click(".e-for summary")
    page.click(".e-tabs [data-go=lab]")
    page.wait_for_selector("#lab", state="visible")
    page.wait_for_selector(".lab-row:has-text('shipped')")
    page.click(".lab-row:has-text('shipped') .lab-pick >> nth=0")
    page.wait_for_selector(".lab-basis:has-text('It came with the program')")
    page.wait_for_selector(".lab-verdict")


def test_examples_draw_or_open_at_one_click(visit: Any) -> None:
    page = visit()
    page.click(".welcome-no")
    page.wait_for_selector(".e-try")
    page.click("[data-prompt='a cat']")
    page.wait_for_selector("#board .board[data-state=done]")
    assert page.input_value("#prompt textarea") == "a cat"
    assert "× faster, 0.11 s against 1.3 s a picture on this machine" in page.inner_text("#board .b-rest").replace("\u00a0", " ")
    page.fill("#seeds input, #seeds textarea", "4")
    page.wait_for_selector("#cost:has-text('on this machine by the last run of this pair')")


def test_a_simple_form_hides_and_keeps(visit: Any) -> None:
    page = visit()
    page.fill("#teacher-steps input", "12")
    page.click("#compare .simple-switch")
    for hidden in ("#arms", "#teacher-steps", "#advanced", "#remedies-group", "#restore"):
        assert not page.is_visible(hidden), hidden
    for shown in ("#prompt textarea", "#pair", "#seeds", "#run"):
        assert page.is_visible(shown), shown
    page.reload()
    page.wait_for_selector("html[data-page=ready]", state="attached")
    page.wait_for_selector("#compare .simple-switch[aria-checked=true]")
    assert not page.is_visible("#arms")
    page.click("#compare .simple-switch")
    assert page.is_visible("#arms")
    page.wait_for_function("document.querySelector('#teacher-steps input').value === '12'")
