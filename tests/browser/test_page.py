"""What a person does on the page, in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tests.browser.conftest import saved_by

pytestmark = pytest.mark.browser

DONE = ".board[data-state=done]"


def run(page: Any) -> str:
    """Press Ctrl+Enter and wait until the run is there; its id."""
    page.keyboard.press("Control+Enter")
    page.wait_for_function("new URL(location.href).searchParams.get('run')")
    return page.evaluate("new URL(location.href).searchParams.get('run')")


def write(page: Any, selector: str, text: str) -> None:
    page.locator(f"{selector} textarea, {selector} input").first.fill(text)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_fits_and_follows_the_theme(visit: Any, width: int, scheme: str) -> None:
    page = visit(width, scheme)
    page.wait_for_selector(".e-row img")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
    red, *_ = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (red < 60) == (scheme == "dark")
    assert page.locator("#run").is_visible()
    page.wait_for_function("document.fonts.check('14px Inter')")  # it may still be on its way


def test_what_is_pressed_before_the_jobs_panel_is_there_opens_it(chromium: Any, site: SimpleNamespace) -> None:
    page, late = chromium.new_page(), []
    page.route("**/ui/first/*.js", lambda route: route.abort())  # every module is fetched by its own address
    page.route("**/jobs/jobs.js", lambda route: late.append(route))
    page.goto(site.url)
    page.wait_for_selector("#header[data-mounted], #header [data-mounted]", state="attached")
    page.wait_for_function("document.querySelector('.jobs-open')")
    page.click(".jobs-open")
    assert page.get_attribute("html", "data-page") != "ready"
    while not late:
        page.wait_for_timeout(20)
    late[0].continue_()
    page.wait_for_selector(".j-panel[open]")
    page.wait_for_selector("html[data-page=ready]", state="attached")
    assert page.get_attribute(".jobs-open", "aria-expanded") == "true"
    page.close()


def test_a_run_fills_the_wall_and_is_measured(visit: Any) -> None:
    page = visit()
    run(page)
    page.wait_for_selector(DONE)
    page.wait_for_function("document.querySelectorAll('.w-cell[data-done]').length === 64")
    headline = page.inner_text(".b-headline").replace("\u00a0", " ")
    assert "recovers 70 % [57–82]" in headline
    assert "at 1.00× its cost" in headline
    figures = page.locator(".w-meta").first.inner_text()
    assert "diversity" in figures
    assert "accuracy" in figures  # never one without the other
    assert page.locator(".figures tbody tr").count() == 4
    page.wait_for_selector("#plot .main-svg")
    assert page.get_attribute(".w-cell img >> nth=0", "alt") == "Teacher, seed 0: a red house at night"
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440

    saved = {kind: saved_by(page, "#board", kind) for kind in ("png", "csv", "json")}
    assert Image.open(saved["png"]).width > 16 * 112 and saved["png"].name.startswith("compare-2")
    assert saved["csv"].read_text().startswith("arm,diversity,diversity low,diversity high,accuracy,")
    assert json.loads(saved["json"].read_text())["request"]["prompt"] == "a red house at night"

    page.click(".w-cell[data-arm='hybrid-1'][data-seed='5']")  # any two arms on that seed
    page.wait_for_function("document.querySelector('.s-right').src.endsWith('artifacts/hybrid-1/5.png')")
    assert page.get_attribute(".s-left", "src").endswith("artifacts/teacher/5.png")
    page.select_option(".s-pick-left", "student")
    page.wait_for_function("document.querySelector('.s-left').src.endsWith('artifacts/student/5.png')")
    page.keyboard.down("f")
    assert page.evaluate("getComputedStyle(document.querySelector('.s-left')).visibility") == "hidden"
    page.keyboard.up("f")
    assert page.evaluate("getComputedStyle(document.querySelector('.s-left')).visibility") == "visible"
    page.keyboard.press("]")
    assert page.inner_text(".s-seed") == "seed 6"
    with page.expect_download() as download:
        page.click(".s-save-right")
    assert download.value.suggested_filename == "studio-hybrid-1-seed-6.png"


def test_a_reload_in_the_middle_loses_nothing_and_cancel_keeps_what_is_there(visit: Any, site: SimpleNamespace) -> None:
    site.worker.step_s = 1.5  # it must not end before a slow machine has the page again
    try:
        page = visit()
        write(page, "#seeds", "3-5")
        page.wait_for_function("document.querySelector('#seeds-line').innerText.startsWith('3 seeds')")
        run_id = run(page)
        page.wait_for_selector(".w-cell[data-preview]")
        page.reload()
        page.wait_for_selector(".board[data-state=running]")
        assert page.evaluate("new URL(location.href).searchParams.get('run')") == run_id
        assert page.input_value("#seeds input, #seeds textarea") == "3-5"
        page.wait_for_selector(".w-cell[data-preview]")  # it goes on by itself
        page.wait_for_selector("html[data-page=ready]", state="attached")
        page.keyboard.press("Escape")
        page.wait_for_selector(".board[data-state=cancelled]")
        assert "are kept" in page.inner_text(".b-text")
        page.wait_for_selector("#run:not([disabled])")
    finally:
        site.worker.step_s = 0.0


def test_words_the_model_does_not_know_are_named_while_typing(visit: Any) -> None:
    page = visit()
    write(page, "#prompt", "a purple zebra")
    page.wait_for_selector("#prompt-line .notice")
    assert "zebra" in page.inner_text("#prompt-line")
    page.click("#examples button >> nth=1")
    page.wait_for_selector("#prompt-line .hint")
    page.click("#vocabulary button.label-wrap")
    page.click(".words button[data-value=sea]")
    page.wait_for_function("document.querySelector('#prompt textarea').value.includes('by the sea')")


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [("#seeds", "10000", "10,000 seeds"), ("#prompt", "", "prompt is empty"), ("#teacher-steps", "0", "Teacher steps: 0")],
)
def test_bad_input_gets_one_sentence_and_loses_nothing(visit: Any, field: str, text: str, words: str) -> None:
    page = visit()
    write(page, field, text)
    page.wait_for_timeout(300)
    page.click("#run")
    page.wait_for_selector("#problem .problem")
    assert words in page.inner_text("#problem")
    assert page.input_value(f"{field} textarea, {field} input") == text


def drop(page: Any, path: Path) -> None:
    """Drop a file onto the middle of the page."""
    data = page.evaluate_handle(
        "([name, bytes]) => { const t = new DataTransfer(); t.items.add(new File([new Uint8Array(bytes)], name)); return t; }",
        [path.name, list(path.read_bytes())],
    )
    page.dispatch_event("#board", "drop", {"dataTransfer": data})


def test_a_dropped_picture_restores_the_form_or_says_why_not(visit: Any, site: SimpleNamespace, tmp_path: Path) -> None:
    first = visit()
    write(first, "#prompt", "a green boat at sunset")
    write(first, "#seeds", "4, 9")
    first.wait_for_function("document.querySelector('#seeds-line').innerText.startsWith('2 seeds')")
    run_id = run(first)
    first.wait_for_selector(DONE)

    page = visit()
    drop(page, site.jobs.artifact(run_id, "artifacts/hybrid-1/9.png"))
    page.wait_for_function("document.querySelector('#prompt textarea').value === 'a green boat at sunset'")
    assert page.input_value("#seeds input, #seeds textarea") == "4, 9"
    page.wait_for_selector(DONE)
    assert "seed 9 of Hybrid" in page.inner_text("#problem")

    whole = site.jobs.artifact(run_id, "artifacts/hybrid-1/9.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    drop(page, tmp_path / "half.png")
    page.wait_for_selector("#problem .problem")
    assert "cut off" in page.inner_text("#problem")
    assert page.input_value("#prompt textarea") == "a green boat at sunset"


def test_recent_runs_are_reopened_from_the_drawer(visit: Any) -> None:
    first = visit()
    run_id = run(first)
    first.wait_for_selector(DONE)
    page = visit(390)
    page.click(".runs-open")
    page.click(f".run-card[data-run='{run_id}']")
    page.wait_for_selector(DONE)
    page.wait_for_function("document.querySelectorAll('.w-cell[data-done]').length === 64")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".drawer[open]").count() == 0


@pytest.mark.parametrize("width", [390, 1440])
def test_a_drawer_moves_nothing_and_gives_the_focus_back(visit: Any, width: int) -> None:
    page = visit(width)
    places = "['.brand', '#tabs', '#run'].map((part) => document.querySelector(part).getBoundingClientRect().toJSON())"
    before = page.evaluate(places)

    def opened(opener: str) -> None:
        page.click(opener)
        page.wait_for_selector(".drawer[open]")
        assert page.evaluate(places) == before
        assert page.evaluate("Boolean(document.activeElement.closest('.drawer[open]'))")
        page.wait_for_function("w => document.querySelector('.drawer[open]').getBoundingClientRect().right === w", arg=width)

    def closed(opener: str) -> None:
        page.wait_for_function("!document.querySelector('.drawer[open]')")
        page.wait_for_function("opener => document.activeElement.matches(opener)", arg=opener)

    for opener in (".jobs-open", ".runs-open"):
        opened(opener)
        page.keyboard.press("Escape")
        closed(opener)
        opened(opener)
        page.click(".drawer[open] .drawer-close")
        closed(opener)
        if width > 1000:
            opened(opener)
            page.mouse.click(100, 400)
            closed(opener)
    assert page.get_attribute(".jobs-open", "aria-expanded") == "false"


@pytest.mark.parametrize("width", [390, 1440])
def test_a_term_is_explained_on_hover_focus_and_tap_one_at_a_time(visit: Any, width: int) -> None:
    page = visit(width)
    label, said = "#teacher-guidance [data-term=guidance]", "#glossary:popover-open"
    page.wait_for_selector(label)
    assert page.locator("[data-term=teacher]:visible").count() == 1  # the first in a card alone
    page.locator(label).scroll_into_view_if_needed()
    page.wait_for_timeout(100)  # what scrolling sends has come
    page.hover(label)
    page.wait_for_selector(f"{said}:has-text('asks the network twice')")
    box = page.locator("#glossary").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width
    page.focus("#seeds :is(input, textarea)")
    page.keyboard.press("Shift+Tab")
    page.wait_for_selector(f"{said}:has-text('equal seeds')")
    assert page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "glossary"
    page.keyboard.press("Escape")
    page.wait_for_selector("#glossary:not(:popover-open)", state="attached")
    page.locator(label).dispatch_event("click")  # a tap
    page.wait_for_selector(f"{said}:has-text('asks the network twice')")
    assert page.locator(said).count() == 1
