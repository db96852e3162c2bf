"""The live canvas in a real browser, on the real nano models: typed on, paused, chosen anew, and taken to Compare."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_control import opened
from tests.support.serving import Studio

pytestmark = pytest.mark.browser

ALL = "document.querySelectorAll('.liv-fig[data-stale=false] img').length === {n}"


def test_it_draws_while_somebody_types_and_the_others_when_they_pause(chromium: Any, studio: Studio) -> None:
    faults: list[str] = []
    page = opened(chromium, f"{studio.address}/?tab=live", 1440, "light", faults, "#live-run")
    page.click("#live-pair input")
    page.click("[role=option]:has-text('Nano DMD2')")
    page.click("#live-prompt textarea")
    page.keyboard.press("End")
    page.keyboard.type(" by a lake", delay=60)
    page.wait_for_selector("#live-board .board[data-state=running]")
    page.wait_for_function(ALL.format(n=3))
    run = studio.jobs.list(kind="live", limit=1)[0].id
    page.wait_for_selector(".liv-texts figure")
    assert "live=" + run in page.url
    first = page.locator(".liv-wall > .liv-fig")
    assert first.get_attribute("data-arm") == "student" and "after the letter" in first.inner_text()

    source = first.locator("img").get_attribute("src")
    page.keyboard.type(" and a boat", delay=60)
    page.wait_for_function(
        "(before) => document.querySelector('.liv-wall > .liv-fig img').getAttribute('src') !== before", arg=source
    )
    page.wait_for_function(ALL.format(n=3))
    alt = first.locator("img").get_attribute("alt")
    assert alt.endswith("by a lake and a boat, student, seed 0"), alt
    assert studio.jobs.list(kind="live", limit=5)[0].id == run, "typing begins no other run"

    page.click("#live-arms label:has-text('Teacher') >> nth=0")  # takes it off
    page.wait_for_function("document.querySelectorAll('.liv-fig').length === 2")
    page.wait_for_function(ALL.format(n=2))
    assert studio.jobs.get(run).state in ("cancelled", "done")
    page.click("#live-board .liv-compare")
    page.wait_for_function("document.querySelector('#prompt textarea').value.endsWith('and a boat')")
    assert page.is_visible("#run")
    assert not faults


def test_a_run_that_has_ended_shows_what_is_kept_and_typing_begins_another(chromium: Any, studio: Studio) -> None:
    draw = {"prompt": "a cat", "pair": "nano/dmd2", "seeds": [1], "arms": ["student", "teacher"]}
    run = studio.jobs.submit("live", {"draw": draw, "idle": 1})
    faults: list[str] = []
    page = opened(chromium, f"{studio.address}/?tab=live&live={run}", 390, "dark", faults, "#live-run")
    page.wait_for_selector("#live-board .board[data-state=done]")
    page.wait_for_function("document.querySelectorAll('.liv-fig img').length === 2")
    assert "Nothing was typed for 1 second" in page.inner_text("#live-board .b-text")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no sideways scrolling"
    page.click("#live-prompt textarea")
    page.keyboard.press("End")
    page.keyboard.type(" at night")
    page.wait_for_function("(old) => !location.search.includes(old) && location.search.includes('live=')", arg=run)
    page.wait_for_function("document.querySelector('.liv-fig[data-arm=student] img')?.alt.startsWith('a cat at night')")
    assert not faults
