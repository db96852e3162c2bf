"""Personalize in a real browser, on the real nano models: from a person's own pictures to the Control tab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.jobs.paths import ASSETS
from tests.browser.conftest import saved_by
from tests.browser.test_control import opened
from tests.support.serving import Studio

pytestmark = pytest.mark.browser

CAT = ASSETS / "subjects" / "pocket" / "two-tailed-cat" / "pictures"


def at_personalize(chromium: Any, address: str, width: int, scheme: str, faults: list[str]) -> Any:
    page = opened(chromium, address, width, scheme, faults, ready="#personal-start")
    page.wait_for_selector(".p-method", state="attached")
    return page


def test_own_pictures_are_kept_taught_and_tried(chromium: Any, studio: Studio, tmp_path: Path) -> None:
    faults: list[str] = []
    page = at_personalize(chromium, f"{studio.address}/?tab=personalize", 1440, "light", faults)
    assert "A student knows only the 4 timesteps it was distilled at" in page.inner_text(".p-why")
    (tmp_path / "notes.txt").write_text("no picture")
    page.set_input_files("#personal-bring input[type=file]", [*sorted(CAT.glob("*.png"))[:4], tmp_path / "notes.txt"])
    page.wait_for_selector(".p-row >> nth=3")
    assert page.inner_text(".p-refused").startswith("'notes.txt' is not a picture")

    page.click(".p-row:nth-child(2) .p-mark")
    box = page.locator(".p-marking").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 400, steps=4)  # the rectangle stays inside
    page.mouse.up()
    page.keyboard.press("ArrowRight")
    page.click(".p-row:nth-child(2) .p-mark")
    assert page.is_visible(".p-row:nth-child(2) .p-box")
    page.click(".p-bring .p-masks")
    assert page.is_hidden(".p-row:nth-child(2) .p-box")
    page.click("#personal-start")
    page.wait_for_selector("#personal-problem .line")
    assert page.inner_text("#personal-problem").startswith("Your pictures are not kept yet")

    page.fill(".p-row:nth-child(1) .p-caption", "in a meadow")
    page.fill(".p-title", "My cat")
    assert page.input_value(".p-word") == "<my-cat>"
    page.click(".p-keep")
    page.wait_for_selector(".p-problem:not([hidden])")
    assert page.inner_text(".p-problem").startswith("It is not said what they show")
    page.fill(".p-noun", "cat")
    page.check(".p-may")
    page.click(".p-first")
    page.wait_for_function("document.querySelector('.p-caption').value === 'a {} in a meadow'")
    page.click(".p-keep")
    page.wait_for_selector(".p-card[data-id='mine/my-cat'][aria-checked=true]")
    assert page.is_hidden(".p-bring") and "3 pictures, 1 with a mask, 1 held back" in page.inner_text("#personal-shelf .p-about")
    assert page.is_checked(".p-inside input")
    page.click(".p-sample .p-masks")
    assert page.is_visible(".p-sample .p-veil")

    page.select_option(".p-model", "nano/dmd2")
    page.click(".p-more summary")
    page.click(".p-method[data-name=random-timesteps]")
    assert "negative control" in page.inner_text(".p-method[aria-checked=true]")
    page.click(".p-method[data-name=own-timesteps]")
    page.fill(".p-steps", "none")
    page.click("#personal-start")
    page.wait_for_selector("#personal-problem .line:text(\"Training steps is 'none'; a number fits\")")
    page.fill(".p-steps", "4")
    page.wait_for_selector(".p-cost .line:text('not known yet')")
    page.click(".p-cost button")
    page.wait_for_selector(".p-cost .line:text('from 5 steps measured on this machine')", timeout=600_000)
    assert page.is_hidden(".p-cost button")
    page.click("#personal-start")
    page.wait_for_selector("#personal-board .p-grid[data-step] .p-cell")
    assert page.locator(".p-cell").count() == 12

    again = at_personalize(chromium, page.url, 390, "dark", faults)  # the address names the run
    again.wait_for_selector(".p-card[data-id='mine/my-cat'][aria-checked=true]")  # the form is that of the run
    assert (again.input_value(".p-model"), again.input_value(".p-steps")) == ("nano/dmd2", "4")
    for shown in (page, again):
        shown.wait_for_selector("#personal-board .board:is([data-state=done], [data-state=failed])", timeout=600_000)
        assert shown.get_attribute("#personal-board .board", "data-state") == "done", shown.inner_text("#personal-board .b-text")
        shown.wait_for_selector(".p-arms tbody tr >> nth=3")
        assert "of the pictures that ask for <my-cat>." in shown.inner_text(".p-said")
        assert shown.evaluate("document.documentElement.scrollWidth") <= shown.viewport_size["width"]
    page.fill(".p-time input", "0")  # from the model as it was
    page.wait_for_selector("#personal-board .p-grid[data-step='0'] .p-cell")
    assert page.inner_text(".p-steps-table tbody tr:last-child th").endswith("listed now")
    page.click(".p-steps-table tbody tr:first-child .p-pick")
    page.wait_for_selector(".p-steps-table tbody tr:first-child th small")
    assert saved_by(page, "#personal-board", "csv").read_text().startswith("table,row,recognised,recognised low,recognised high,")
    assert saved_by(page, "#personal-board", "png").stat().st_size > 5000

    page.click(".p-try")
    page.wait_for_selector("#control-run", state="visible")
    page.wait_for_function("document.querySelector('.worn-row select')?.value === 'mine/my-cat-nano-dmd2'")
    assert "<my-cat>" in page.input_value("#control-prompt textarea")
    page.wait_for_function("!document.querySelector('#control-prompt-line .notice')")
    assert faults == []


def test_votes_are_given_by_key_and_decide_a_tuning(chromium: Any, studio: Studio, tmp_path: Path) -> None:
    faults: list[str] = []
    page = at_personalize(chromium, f"{studio.address}/?tab=personalize", 1440, "light", faults)
    assert page.is_hidden("#preference-start")
    page.click("[data-mode=preference]")
    assert page.is_visible("#preference-start") and page.is_hidden("#personal-start")
    form, votes = "#preference-options", "#preference-votes"
    page.select_option(f"{form} .p-model", "nano/dmd2")
    assert "Recommended: Diffusion-DPO" in page.inner_text(f"{form} .p-why")
    page.select_option(f"{form} .p-reward", "red")
    assert page.inner_text(f"{form} .p-about") == "Share of pixels that are clearly red." and page.is_hidden(f"{votes} .p-votes")

    page.click(f"{form} [data-decides=votes]")
    page.fill(f"{votes} .p-vote-name", "Mine")
    page.click(f"{votes} .p-draw")
    page.wait_for_selector(f"{votes} .p-vote-problem:not([hidden])")
    assert page.inner_text(f"{votes} .p-vote-problem").startswith("The name 'Mine' does not fit")
    page.fill(f"{votes} .p-vote-name", "mine")
    page.click(f"{votes} .p-draw")
    page.wait_for_function("document.querySelector('.p-vote-place')?.textContent === 'pair 1 of 8'", timeout=300_000)
    page.wait_for_function("document.querySelector('.p-draw').textContent === 'Draw pairs'", timeout=60_000)
    given = (("ArrowLeft", "1 vote"), ("ArrowRight", "2 votes"), ("ArrowDown", "3 votes, 1 of them a tie"))
    for number, (key, said) in enumerate(given):
        page.press(f"{votes} .p-vote", key)
        page.wait_for_function("(said) => document.querySelector('.p-vote-said').textContent === said", arg=said)
        assert page.inner_text(f"{votes} .p-vote-place") == f"pair {number + 2} of 8"
    page.press(f"{votes} .p-vote", "ArrowUp")
    page.click(f"{votes} .p-side[data-choice=right]")  # the tie is thought over
    page.wait_for_function("document.querySelector('.p-vote-said').textContent === '3 votes'")
    assert page.inner_text(f"{form} .p-about") == "3 votes, on pictures of nano/dmd2."
    with page.expect_download() as saved:
        page.click(f"{votes} .p-export")
    saved.value.save_as(tmp_path / "mine.json")
    page.fill(f"{votes} .p-vote-name", "again")
    page.set_input_files(f"{votes} .p-import input", tmp_path / "mine.json")
    page.wait_for_function("document.querySelector('.p-vote-said').textContent === '3 votes'")

    page.click(f"{form} .p-more summary")
    page.fill(f"{form} .p-steps", "4")
    page.click("#preference-start")
    page.wait_for_selector("#preference-board .p-grid[data-step] .p-cell", timeout=300_000)
    again = opened(chromium, page.url, 390, "dark", faults, ready="#preference-start")  # the address names the run
    again.wait_for_selector(f"{form} [data-decides=votes][aria-checked=true]")  # the form is that of the run
    assert (again.input_value(f"{form} .p-model"), again.input_value(f"{form} .p-steps")) == ("nano/dmd2", "4")
    for shown in (page, again):
        shown.wait_for_selector("#preference-board .board:is([data-state=done], [data-state=failed])", timeout=600_000)
        text = shown.inner_text("#preference-board .b-text")
        assert shown.get_attribute("#preference-board .board", "data-state") == "done", text
        shown.wait_for_selector("#preference-board .p-arms tbody tr >> nth=3")
        assert "3 pairs with a winner decided" in shown.inner_text("#preference-board .p-reader")
        assert shown.evaluate("document.documentElement.scrollWidth") <= shown.viewport_size["width"]
    page.fill(f"{form} .p-steps", "99")
    page.click(".runs-open")
    page.click(".run-card[data-kind=personalize]")
    page.wait_for_function("document.querySelector('#preference-options .p-steps').value === '4'")
    page.click("#preference-board .p-try")
    page.wait_for_selector("#control-run", state="visible")
    page.wait_for_function("document.querySelector('.worn-row select')?.value === 'mine/again-nano-dmd2'")
    assert faults == []
