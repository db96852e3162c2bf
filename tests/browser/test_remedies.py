"""Remedies on the page: folded away until asked for, ticked, drawn beside the arms, and found again after a reload."""

from __future__ import annotations

from typing import Any

import pytest

from studio.library.remedies import REMEDIES

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_remedies_are_unfolded_ticked_drawn_and_found_again(visit: Any, width: int, scheme: str) -> None:
    page = visit(width, scheme)
    ticks = page.locator("#remedies input")
    assert not page.locator("#remedies").is_visible()
    page.click("#remedies-group .label-wrap")
    page.wait_for_selector("#remedies label", state="visible")
    assert [ticks.nth(i).get_attribute("name") for i in range(ticks.count())] == list(REMEDIES)
    assert page.locator("#remedies input:checked").count() == 0
    assert "Blend · 8 NFE" in page.locator("#remedies").inner_text()
    page.fill("#seeds :is(input, textarea)", "2")
    for arm in ("blend", "cads"):
        page.check(f'#remedies input[name="{arm}"]')
    page.wait_for_function("document.querySelector('#remedies-group .label-wrap').innerText.includes('2 chosen')")
    tone = page.eval_on_selector('#remedies input[name="cads"]', "e => getComputedStyle(e).backgroundColor")
    other = page.eval_on_selector('#remedies input[name="blend"]', "e => getComputedStyle(e).backgroundColor")
    assert tone != other, "each in its arm's colour"
    page.click("#run")
    page.wait_for_selector(".board[data-state=done]")
    names = [row.inner_text() for row in page.locator(".w-name b").all()]
    assert names[-2:] == ["CADS", "Blend"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.reload()
    page.wait_for_selector("#remedies input:checked", state="visible")
    assert page.locator("#remedies input:checked").count() == 2
