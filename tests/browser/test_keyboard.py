"""By keyboard alone: the main job of Compare (the Gallery's is in test_gallery). Where the focus is can be seen."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

# What has the focus, "" where it cannot be seen: a ring round it or its label, in the part of the page that is shown.
SEEN = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect();
  const ring = [one, one.closest("label")].some((node) => {
    const { outlineStyle, outlineWidth } = node ? getComputedStyle(node) : {};
    return node && outlineStyle !== "none" && parseFloat(outlineWidth) >= 1;
  });
  const shown = box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return ring && shown ? `${one.id || one.className || one.tagName}` : "";
}"""


def has_focus(page: Any, selector: str) -> bool:
    return page.evaluate("(selector) => document.activeElement.matches(selector)", selector)


def tab_to(page: Any, selector: str, key: str = "Tab", most: int = 90) -> None:
    """Press Tab until it is there; at every stop on the way the focus can be seen."""
    for _ in range(most):
        page.keyboard.press(key)
        if has_focus(page, "input[type=date]"):  # its parts are the browser's own
            continue
        here = page.evaluate("document.activeElement.outerHTML.slice(0, 120)")
        assert page.evaluate(SEEN), f"the focus cannot be seen on {here}"
        if has_focus(page, selector):
            return
    raise AssertionError(f"{most} presses of {key} did not reach {selector}")


def chosen_seed(page: Any) -> str:
    return page.inner_text(".s-seed")


def test_a_comparison_by_keyboard_alone(visit: Any) -> None:
    page = visit()
    tab_to(page, "#prompt textarea")
    page.keyboard.press("Control+a")
    page.keyboard.type("a cat")
    tab_to(page, "#pair input")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("ul[role=listbox]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("ul[role=listbox]", state="detached")
    pair = page.input_value("#pair input")
    page.keyboard.press("Tab")
    tab_to(page, "#pair input", "Shift+Tab")  # once more, and left: nothing stays floating, nothing is chosen
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("ul[role=listbox]")
    tab_to(page, "#arms input")
    page.wait_for_selector("ul[role=listbox]", state="detached")
    assert page.input_value("#pair input") == pair
    tab_to(page, "#seeds :is(input, textarea)")
    page.keyboard.press("Control+a")
    page.keyboard.type("3")
    page.wait_for_selector("#cost:has-text('12 pictures')")
    tab_to(page, "#run")
    page.keyboard.press("Enter")
    page.wait_for_selector("#board .board[data-state=done]")
    page.wait_for_function("document.querySelectorAll('.w-cell[data-done]').length === 12")

    tab_to(page, ".w-cell")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert has_focus(page, ".w-cell") and page.evaluate(SEEN) and chosen_seed(page) == "seed 1"
    tab_to(page, ".s-handle")
    before = float(page.get_attribute(".s-handle", "aria-valuenow"))
    page.keyboard.press("ArrowLeft")
    assert float(page.get_attribute(".s-handle", "aria-valuenow")) < before

    tab_to(page, ".runs-open", "Shift+Tab", 140)
    page.keyboard.press("Enter")
    page.wait_for_selector(".drawer[open] .run-card")
    tab_to(page, ".run-card")
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.matches('.runs-open')")  # a drawer gives the focus back
    tab_to(page, ".jobs-open", "Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".j-panel[open]")
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.matches('.jobs-open')")
