"""Scrubbing in a real browser: how fast, by what means, and that it goes on where it was."""

from __future__ import annotations

import statistics
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio.jobs.spec_file import read_spec_file
from studio.library.trace_header import read_header
from tests.browser.conftest import note_faults, saved_by
from tests.support.scripted_scrub import finished, level

pytestmark = pytest.mark.browser

MEDIAN_MS, P95_MS = 16.0, 33.0  # from the input to the frame that shows it
ROWS = ["teacher", "student", "hybrid-1"]

# Moves the slider 60 times at random, each after the frame before was seen; the time from the input event to the animation
# frame in which every row's canvas holds the pixels of the new step. Each row's middle pixel of a still picture is its own
# at every step, so the pixels say which step is shown.
LATENCY = """async (count) => {
  const slider = document.querySelector('.sc-slider'), canvases = [...document.querySelectorAll('.sc-lane canvas')];
  const pixel = (c) => c.getContext('2d').getImageData(c.height / 2, c.height / 2, 1, 1).data.join();
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const move = (tick) => { slider.value = tick; slider.dispatchEvent(new Event('input', { bubbles: true })); };
  const known = [];
  const now = () => canvases.map(pixel).join('|');
  for (let tick = 0; tick <= +slider.max; tick++) { move(tick); await frame(); await frame(); known.push(now()); }
  const times = [];
  let seed = 7, at = +slider.max;
  while (times.length < count) {
    seed = (seed * 48271) % 2147483647;
    const to = seed % (+slider.max + 1);
    if (known[to] === known[at]) continue;
    const wait = seed % 17;  // inputs come at any moment between two frames
    await new Promise((done) => setTimeout(done, wait));
    const began = performance.now();
    move(to);
    for (await frame(); now() !== known[to]; await frame()) if (performance.now() - began > 2000) return null;
    times.push(performance.now() - began);
    at = to;
  }
  return times;
}"""


def open_scrub(visit: Any, run_id: str, width: int = 1440, scheme: str = "light") -> Any:
    page = visit(width, scheme, f"?tab=scrub&scrub={run_id}")
    page.wait_for_selector(".scrub[data-state=done]")
    return page


def all_there(page: Any, steps: int) -> None:
    page.wait_for_function(f"+document.querySelector('.scrub')?.dataset.ready >= {steps}")


def rows(page: Any) -> list[str]:
    return page.eval_on_selector_all(".sc-at", "all => all.map((node) => node.textContent)")


@pytest.fixture(scope="module")
def long_run(site: SimpleNamespace) -> str:
    """Three rows of fifty steps on eight seeds."""
    long = ["teacher", "teacher-unguided", "student"]
    return finished(site.jobs, teacher_steps=50, arms=long, student_steps=50, off_recipe=True)


@pytest.fixture(scope="module")
def short_run(site: SimpleNamespace) -> str:
    return finished(site.jobs)


def test_a_frame_is_on_screen_at_once(visit: Any, long_run: str) -> None:
    """The goal is 16 ms in the middle and 33 ms at the 95th percentile; the test fails above twice that."""
    page = open_scrub(visit, long_run)
    all_there(page, 150)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.evaluate(LATENCY, 5)
    times = page.evaluate(LATENCY, 60)
    assert times is not None, "a frame did not come within two seconds"
    middle, p95 = statistics.median(times), sorted(times)[int(0.95 * len(times))]
    print(f"scrubbing latency: median {middle:.1f} ms, 95th percentile {p95:.1f} ms, worst {max(times):.1f} ms")
    assert middle <= 2 * MEDIAN_MS, times
    assert p95 <= 2 * P95_MS, times
    assert not [url for url in requests if "run-file" in url], "scrubbing asks no server"


def test_slider_keys_wheel_and_drag_move_all_rows_together(visit: Any, short_run: str) -> None:
    page = open_scrub(visit, short_run)
    all_there(page, 20)
    assert rows(page) == ["step 12 of 12", "step 4 of 4", "step 4 of 4"]  # opens at the end
    page.keyboard.press("Home")
    said(page, ["not begun", "step 1 of 4", "step 1 of 4"])  # the student's first step lies above the teacher's
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    said(page, ["step 2 of 12", "step 1 of 4", "step 1 of 4"])
    lane = page.locator(".sc-lane").first.bounding_box()
    page.mouse.move(lane["x"] + 200, lane["y"] + 20)
    page.mouse.wheel(0, 40)
    said(page, ["step 2 of 12", "step 2 of 4", "step 2 of 4"])
    page.mouse.wheel(0, -40)
    said(page, ["step 2 of 12", "step 1 of 4", "step 1 of 4"])
    page.mouse.down()
    page.mouse.move(lane["x"] + 200 + lane["width"] / 2, lane["y"] + 20, steps=6)
    page.mouse.up()
    page.wait_for_function("/step ([789]|10) of 12/.test(document.querySelector('.sc-at').textContent)")
    assert page.locator(".sc-cell.on").get_attribute("data-seed") == "0"  # a drag chooses nothing
    track = page.locator(".sc-schedule").bounding_box()
    page.mouse.click(track["x"] + track["width"] - 10, track["y"] + 8)
    said(page, ["step 12 of 12", "step 4 of 4", "step 4 of 4"])
    page.mouse.wheel(0, 400)  # at the end the page scrolls again
    page.wait_for_function("scrollY > 0")


def said(page: Any, texts: list[str]) -> None:
    page.wait_for_function(
        "texts => [...document.querySelectorAll('.sc-at')].map((node) => node.textContent).join() === texts.join()", arg=texts
    )


def teacher_levels(site: SimpleNamespace, run_id: str) -> list[float | None]:
    return [moment.level for moment in read_header(site.jobs.paths.run(run_id), "teacher").moments]


def test_rows_stand_beside_each_other_by_noise_or_by_step(visit: Any, site: SimpleNamespace, short_run: str) -> None:
    page = open_scrub(visit, short_run)
    all_there(page, 20)
    page.click("[data-sync=step]")
    assert page.get_attribute(".sc-slider", "max") == "11"
    page.keyboard.press("Home")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    said(page, ["step 3 of 12", "step 3 of 4", "step 3 of 4"])
    page.keyboard.press("End")
    said(page, ["step 12 of 12", "step 4 of 4", "step 4 of 4"])
    page.click("[data-sync=noise]")
    levels = {*teacher_levels(site, short_run), *map(level, (999, 749, 499, 249))}
    assert int(page.get_attribute(".sc-slider", "max")) == len(levels) - 1  # the students' four beside the teacher's twelve
    assert page.locator(".sch-over").count() == 1  # the hybrid's hand-over


def test_play_goes_through_all_steps_and_begins_again(visit: Any, short_run: str) -> None:
    page = open_scrub(visit, short_run)
    all_there(page, 20)
    page.select_option(".sc-speed", "30")
    page.locator(".sc-title").click()
    page.keyboard.press("Space")
    assert page.get_attribute(".sc-play", "aria-pressed") == "true"
    page.wait_for_function("document.querySelector('.sc-slider').value === '3'")
    page.wait_for_function("document.querySelector('.sc-slider').value === document.querySelector('.sc-slider').max")
    page.wait_for_function("+document.querySelector('.sc-slider').value < 8")  # from the beginning again
    page.keyboard.press("Space")
    at = page.input_value(".sc-slider")
    page.wait_for_timeout(200)
    assert page.input_value(".sc-slider") == at


PIXEL = """row => { const c = document.querySelectorAll('.sc-lane canvas')[row];
  return [...c.getContext('2d').getImageData(c.height / 2, c.height / 2, 1, 1).data]; }"""


def pixel(page: Any, row: int) -> list[int]:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.evaluate(PIXEL, row)


def test_flicker_holds_a_moment_against_the_end_a_pinned_one_or_another_row(visit: Any, short_run: str) -> None:
    page = open_scrub(visit, short_run)
    all_there(page, 20)
    end, student_end = pixel(page, 0), pixel(page, 1)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    first = pixel(page, 0)
    assert first != end
    page.keyboard.down("f")
    assert pixel(page, 0) == end
    page.keyboard.up("f")
    assert pixel(page, 0) == first
    page.keyboard.press("p")  # hold the first moment against others
    page.keyboard.press("End")
    assert pixel(page, 0) == end
    page.keyboard.down("f")
    assert pixel(page, 0) == first
    page.keyboard.up("f")
    page.select_option(".sc-against", "student")
    page.locator(".sc-title").click()
    page.keyboard.down("f")
    assert pixel(page, 0) == student_end
    page.keyboard.up("f")
    assert pixel(page, 0) == end


def test_the_difference_to_the_last_picture_is_black_at_the_end(visit: Any, short_run: str) -> None:
    page = open_scrub(visit, short_run)
    all_there(page, 20)
    page.keyboard.press("d")
    assert pixel(page, 0)[:3] == [0, 0, 0]
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert sum(pixel(page, 0)[:3]) > 30
    page.keyboard.press("d")
    page.keyboard.press("End")
    assert sum(pixel(page, 0)[:3]) > 0


def test_a_click_enlarges_a_seed_and_says_what_is_read_there(visit: Any, short_run: str) -> None:
    page = open_scrub(visit, short_run)
    all_there(page, 20)
    page.click(".sc-cell[data-arm='hybrid-1'][data-seed='5']")
    assert page.inner_text(".sc-seed") == "5"
    assert page.locator(".sc-one.on").get_attribute("data-arm") == "hybrid-1"
    page.wait_for_function("document.querySelector('.sc-reads').textContent.includes('Hybrid k=1')")
    page.keyboard.press("ArrowUp")
    assert page.locator(".sc-one.on").get_attribute("data-arm") == "student"
    page.keyboard.press("]")
    assert page.inner_text(".sc-seed") == "6"
    with page.expect_download() as download:
        page.click(".sc-save")
    assert download.value.suggested_filename == "studio-student-seed-6-step-4.png"


def test_what_was_lost_on_the_way_is_one_click_from_its_frame(visit: Any, short_run: str) -> None:
    page = open_scrub(visit, short_run)
    all_there(page, 20)
    page.wait_for_selector(".cv")
    assert page.locator(".cv").count() == 6
    assert "Wilson" in page.inner_text(".sc-note")
    assert "a bird" in page.inner_text(".sc-item")
    page.click(".sc-item")
    assert page.inner_text(".sc-seed") == "7"
    page.wait_for_function("document.querySelector('.sc-at').textContent === 'step 4 of 12'")
    page.click(".sc-more")
    assert page.locator(".cv").count() == 13


def test_a_branch_is_a_new_row_and_nothing_is_fetched_twice(visit: Any, site: SimpleNamespace, short_run: str) -> None:
    page = open_scrub(visit, short_run)
    all_there(page, 20)
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.click(".sc-cell[data-arm='teacher'][data-seed='2']")
    page.click("[data-sync=step]")
    page.keyboard.press("Home")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.sc-from').textContent.includes('step 5 of 12 of Teacher')")
    page.select_option(".sc-branch select", "test/dmd2")
    page.fill(".sc-branch [name=noise]", "many")
    page.click(".sc-go")
    page.wait_for_selector(".sc-branch .sc-problem:has-text('noise is')")
    page.fill(".sc-branch [name=noise]", "")
    page.click(".sc-go")
    page.wait_for_function("document.querySelectorAll('.sc-lane').length === 4")
    page.wait_for_selector(".scrub[data-state=done]")
    all_there(page, 28)
    assert "Teacher from step 5" in page.inner_text(".sc-about >> nth=3")
    strips = [url.rsplit("/artifacts/", 1)[1] for url in fetched if "/step-" in url]
    assert len(strips) == 8  # twelve steps, four of them the parent's
    assert all(name.startswith("branch-") for name in strips)
    assert page.locator(".sc-meta[aria-pressed=true]").get_attribute("data-arm").startswith("branch-")
    run_id = page.evaluate("new URL(location.href).searchParams.get('scrub')")
    assert site.jobs.spec(run_id).config["source"] == short_run
    page.reload()
    page.wait_for_function("document.querySelectorAll('.sc-lane').length === 4")


def test_noisy_states_are_made_when_asked_for(visit: Any, short_run: str) -> None:
    page = open_scrub(visit, short_run)
    all_there(page, 20)
    page.click("[data-show=noisy]")
    page.wait_for_function("document.querySelector('[data-show=noisy]').title === 'The noisy state itself'")
    page.wait_for_selector(".scrub[data-state=done]")
    page.click("[data-show=noisy]")
    all_there(page, 40)
    page.keyboard.press("Home")
    assert page.get_attribute("[data-show=noisy]", "aria-checked") == "true"


def test_it_is_usable_while_it_fills_in_and_after_a_reload_in_the_middle(visit: Any, site: SimpleNamespace) -> None:
    site.worker.step_s = 0.3
    try:
        page = visit(1440, "light", "?tab=scrub")
        page.fill("#scrub-prompt textarea", "a green boat")
        page.fill("#scrub-seeds input, #scrub-seeds textarea", "3")
        page.wait_for_function("document.querySelector('#scrub-seeds-line').innerText.startsWith('3 seeds')")
        page.keyboard.press("Control+Enter")
        page.wait_for_function("+document.querySelector('.scrub')?.dataset.ready >= 4")
        assert page.get_attribute(".scrub", "data-state") == "running"
        page.locator(".sc-title").click()
        page.keyboard.press("Home")
        site.worker.step_s = 2.0  # a busy machine takes its time to load the page, and the run must still go on then
        page.reload()
        page.wait_for_function("+document.querySelector('.scrub')?.dataset.ready >= 6")
        assert page.get_attribute(".scrub", "data-state") == "running"
        assert page.input_value("#scrub-prompt textarea") == "a green boat"
        site.worker.step_s = 0.0
        page.wait_for_selector(".scrub[data-state=done]")
    finally:
        site.worker.step_s = 0.0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_fits_and_follows_the_theme(visit: Any, short_run: str, width: int, scheme: str) -> None:
    page = open_scrub(visit, short_run, width, scheme)
    all_there(page, 20)
    page.wait_for_selector(".cv")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_attribute(".scrub", "data-lines") == ("1" if width == 1440 else "2")
    wide = page.eval_on_selector_all(".sc-lane canvas", "all => all.map((node) => node.getBoundingClientRect().right)")
    assert max(wide) <= width


def test_compare_and_recent_runs_lead_to_it(visit: Any) -> None:
    page = visit()
    page.fill("#seeds input, #seeds textarea", "2")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".board[data-state=done]")
    run_id = page.evaluate("new URL(location.href).searchParams.get('run')")
    page.click(".b-scrub")
    page.wait_for_selector("#scrub-problem .problem")  # the scripted comparison keeps no states, and says so
    assert "were not kept" in page.inner_text("#scrub-problem")
    page.click(".runs-open")
    page.wait_for_selector(f".run-scrub[data-run='{run_id}']")


def test_a_scrub_run_is_found_by_its_address_and_in_the_drawer(visit: Any, short_run: str) -> None:
    page = visit(1440, "light", f"?run={short_run}")  # as any run's address
    page.wait_for_selector(".scrub[data-state=done]")
    assert page.locator(".scrub").is_visible()
    assert page.locator("#problem .problem").count() == 0
    page.click("button[role=tab]:has-text('Compare')")
    page.click(".runs-open")
    page.click(".run-card[data-kind=scrub] >> nth=0")
    page.wait_for_selector(".scrub:visible")


def test_the_exported_page_scrubs_from_disk_with_no_network(
    chromium: Any, visit: Any, site: SimpleNamespace, short_run: str, tmp_path: Path
) -> None:
    page = open_scrub(visit, short_run)
    all_there(page, 20)
    with page.expect_download() as download:
        page.click(".tk-group:has-text('offline') button")
    file = tmp_path / "scrub.html"
    download.value.save_as(file)
    context = chromium.new_context(viewport={"width": 1200, "height": 900}, offline=True)
    faults, asked = [], []
    alone = context.new_page()
    note_faults(alone, faults)
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto(file.as_uri())
    alone.wait_for_function("+document.querySelector('.scrub')?.dataset.ready >= 20")
    end = pixel(alone, 0)
    alone.keyboard.press("Home")
    alone.keyboard.press("ArrowRight")
    assert pixel(alone, 0) != end
    said(alone, ["step 1 of 12", "step 1 of 4", "step 1 of 4"])
    alone.wait_for_selector(".cv")
    assert not alone.locator(".sc-branch-card").is_visible()
    assert not alone.locator(".sc-exports").is_visible()
    times = alone.evaluate(LATENCY, 20)
    assert statistics.median(times) <= 2 * MEDIAN_MS
    assert faults == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()


def test_moving_pictures_and_a_contact_sheet_are_saved(visit: Any, short_run: str) -> None:
    page = open_scrub(visit, short_run)
    all_there(page, 20)
    for group, kind, name in (("chosen picture", "WebP", "webp"), ("whole wall", "GIF", "gif"), ("contact sheet", "PNG", "png")):
        with page.expect_download() as download:
            page.click(f".tk-group:has-text('{group}') button:has-text('{kind}')")
        assert download.value.suggested_filename.endswith(name)
    experiment = read_spec_file(saved_by(page, ".tk-group.save-bar", "yaml"))
    assert experiment[0] == "scrub" and experiment[1]["draw"]["prompt"]
