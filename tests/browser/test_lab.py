"""The Lab tab in a real browser: from a question to its verdicts, a reload in the middle, buttons, widths, keys, sliders."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from studio.library.stock import open_jobs
from studio.ui.app import build, launch_options
from tests.browser.conftest import saved_by
from tests.support import lab_data
from tests.support.method_catalogue import stock
from tests.support.scripted_lab import ScriptedLab
from tests.support.serving import free_port

pytestmark = pytest.mark.browser

FIGURE = "#lab-result .js-plotly-plot .main-svg"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The page with the laboratory's own workers."""
    jobs = open_jobs(stock(tmp_path_factory.mktemp("lab")))
    lab = ScriptedLab(jobs)
    lab.start()
    demo = build(jobs)
    demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(jobs, "127.0.0.1", free_port(), False))
    yield SimpleNamespace(url=demo.local_url, jobs=jobs, lab=lab)
    demo.close()
    lab.stop()


@pytest.fixture
def done(site: SimpleNamespace) -> Any:
    """`done(study)` is a finished study's run."""

    def make(study: str) -> str:
        site.lab.go.set()
        run_id: str = site.jobs.submit("study", lab_data.config(study))
        assert all(event is not None for event in site.jobs.follow(run_id))
        assert site.jobs.get(run_id).state == "done"
        return run_id

    return make


def open_tab(visit: Any, *how: Any, **more: Any) -> Any:
    page = visit(*how, **more)
    if not more.get("query"):
        page.click("button[role=tab]:has-text('Lab')")
    page.wait_for_selector("#lab-start:not([disabled])")
    return page


def typed(page: Any, name: str, text: str) -> None:
    page.fill(f"#lab-{name} :is(input, textarea)", text)
    page.keyboard.press("Tab")


def test_a_study_from_the_question_to_the_verdict_with_a_reload_in_between(visit: Any, site: SimpleNamespace) -> None:
    site.lab.go.clear()
    page = open_tab(visit)
    page.wait_for_selector("#lab-cost:has-text('network evaluations')")
    page.focus(".lab-card.on")
    page.keyboard.press("ArrowRight")  # cards are radio buttons
    page.wait_for_selector(".lab-card.on[data-name=position-sweep][aria-checked=true]")
    page.click(".lab-card[data-name=k-sweep]")
    page.wait_for_selector("#lab-references input, #lab-references textarea")
    page.click("#lab-pair input")
    page.click("ul[role=listbox] li:has-text('Nano DMD2')")
    typed(page, "prompts", "\n".join(lab_data.PROMPTS))
    typed(page, "seeds", "6")
    typed(page, "k", "0, 1, 2")
    typed(page, "name", "First look")
    page.wait_for_selector("#lab-cost:has-text('8 arms × 2 prompts × 6 seeds')")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".lab-line h2:has-text('First look')")
    page.wait_for_selector(FIGURE)
    assert "Complete for 4 seeds of 6" in page.inner_text(".lab-basis")
    page.wait_for_selector(".lab-where p:has-text('2,400 of 4,800 network evaluations · about 45 s left')")
    run_id = site.jobs.list(kind="study")[0].id
    assert site.jobs.spec(run_id).config["settings"] == {"k": [0, 1, 2]}
    assert f"study={run_id}" in page.url
    page.reload()
    page.wait_for_selector(".lab-line h2:has-text('First look')")
    page.wait_for_selector(FIGURE)
    page.click(".lab-actions [data-action=pause]")
    page.wait_for_selector(".lab-line .j-chip[data-state=paused]")
    site.lab.go.set()
    page.click(".lab-actions [data-action=resume]")
    page.wait_for_selector(".lab-line .j-chip[data-state=done]")
    page.wait_for_selector(".lab-basis:has-text('All of 2 prompts × 6 seeds')")
    verdicts = page.locator(".lab-verdict")
    assert [v.locator(".lab-head i").inner_text() for v in verdicts.all()] == ["S1", "S2", "S3", "S5", "S4"]
    assert {v.get_attribute("data-verdict") for v in verdicts.all()} == {"too few to say"}  # a few seeds a prompt
    assert "6 seeds a prompt" in page.inner_text(".lab-caution")
    heads = page.locator(".lab-table thead th").all_inner_texts()
    assert heads[:4] == ["arm", "diversity", "accuracy", "NFE"]
    assert "python -m studio jobs run" in page.inner_text(".lab-command code")


def test_extending_fills_the_form_and_another_tab_keeps_the_address_clean(visit: Any, done: Any) -> None:
    run_id = done("masks")
    page = open_tab(visit, query=f"?study={run_id}")
    page.wait_for_selector(FIGURE)
    shown = page.evaluate("document.querySelector('#lab-result .plot').clientWidth")
    assert Image.open(saved_by(page, "#lab-result", "png")).width == 2 * shown
    table = saved_by(page, "#lab-result", "csv")
    assert table.name == f"study-masks-{run_id}.csv"
    assert table.read_text().startswith("table,row,diversity,diversity low,diversity high,accuracy,")
    assert page.get_attribute("button[role=tab]:has-text('Lab')", "aria-selected") == "true"
    page.click(".lab-row.on .lab-extend")
    page.wait_for_selector("#lab-problem:has-text('only what is new is drawn')")
    page.wait_for_selector("#lab-about:has-text('What is each step worth?')")
    assert page.input_value("#lab-seeds :is(input, textarea)") == "6"
    page.click("button[role=tab]:has-text('Compare')")
    page.wait_for_function("!location.search.includes('study')")
    page.click("button[role=tab]:has-text('Lab')")
    page.wait_for_function(f"location.search.includes('study={run_id}')")


def test_a_deleted_study_and_a_broken_field_are_said(visit: Any, site: SimpleNamespace, done: Any) -> None:
    run_id = done("masks")
    site.jobs.discard(run_id)
    page = open_tab(visit, query=f"?study={run_id}")
    page.wait_for_selector(".lab-line .problem:has-text('no run')")
    typed(page, "seeds", "lots")
    page.wait_for_selector("#lab-cost:has-text(\"Seeds is 'lots'\")")
    before = len(site.jobs.list(kind="study"))
    page.click("#lab-start")
    page.wait_for_selector("#lab-problem:has-text(\"Seeds is 'lots'\")")
    assert len(site.jobs.list(kind="study")) == before


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_every_figure_fits(visit: Any, done: Any, width: int, scheme: str) -> None:
    runs = {name: done(name) for name in ("fork", "handover", "arena")}
    page = open_tab(visit, width, scheme, query=f"?study={runs['fork']}")
    shape = "narrow" if width < 620 else "wide"
    for name, run_id in runs.items():
        page.click(f".lab-pick[data-open='{run_id}']")
        page.wait_for_selector(f"#lab-result [data-ready='{run_id} {shape}'], [data-ready='{run_id} {shape}']", state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        box = page.locator("#lab-result .plot .main-svg").first.bounding_box()
        assert box["width"] <= width
        assert box["height"] >= 300


def test_sliders_answer_and_say_why(visit: Any) -> None:
    page = open_tab(visit)
    page.click(".lab-card[data-name=mixture]")
    page.wait_for_selector(".mix-why:has-text('one base step is enough')")
    assert page.locator(".mix-table tbody tr").count() == 8
    page.focus("#mixture input[data-name=D]")
    page.keyboard.press("Home")  # one dimension
    page.wait_for_selector(".mix-why:has-text('forgotten')")
    page.wait_for_selector(".mix-slider:has-text('Dimensions') output:text-is('1')")
    page.click(".mix-order button:has-text('student first')")
    page.wait_for_selector(".mix-table tr.on code:text-is('SSSB')")
    page.keyboard.press("Tab")
    page.focus("#mixture input[data-name=beta]")
    for i in range(8):
        page.keyboard.press("ArrowLeft")  # a drag, slower at its end: only where it ends counts
        page.wait_for_timeout(30 * i)
    page.wait_for_selector("""[data-ready*='"beta":1,']""", state="attached")
    assert page.locator(".mix-slider:has-text('Mode seeking') output").inner_text() == "1.00"
