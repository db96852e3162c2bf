"""What is typed into the forms stays there while dropdowns are opened, passed over with the Tab key, and chosen from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.browser.test_page import write

pytestmark = pytest.mark.browser

QUIET_MS = 300  # without a request to the server: what was asked is answered and drawn
READY = {"Compare": "#run", "Scrub": "#scrub-run", "Control": "#control-run", "Distill": "#settings-batch", "Lab": "#lab-cost p"}
FIELDS = """() => [...document.querySelectorAll('[role=tabpanel] :is(input, textarea)')].filter((node) => node.offsetParent
  && !node.readOnly && !node.disabled && ['text', 'number', 'textarea'].includes(node.type) && node.closest('[id]')?.id)"""
TYPE = f"""() => {{ for (const node of ({FIELDS})()) {{
  const proto = node.tagName === 'TEXTAREA' ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(proto.prototype, 'value').set.call(node, node.closest('[id*=prompt]') ? 'a boat' : '6');
  node.dispatchEvent(new Event('input', {{ bubbles: true }}));
}} }}"""
SHOWN = f"() => Object.fromEntries(({FIELDS})().map((node) => [node.closest('[id]').id, node.value]))"
TIMESTEPS = "document.querySelector('#settings-timesteps :is(input, textarea)')?.value"
DROPS = "[role=tabpanel] input[role=combobox]:visible"


def dropdown(page: Any, label: str) -> Any:
    return page.locator(f'{DROPS}[aria-label="{label}"]')


def unfold(page: Any) -> None:
    while (folds := page.locator("[role=tabpanel] button.label-wrap:visible:not(.open)")).count():
        folds.first.click()
        page.wait_for_timeout(QUIET_MS)


def opened(visit: Any, tab: str) -> tuple[Any, Any]:
    """(the page with every fold of a tab open, a function that waits until the server has nothing left to answer)."""
    page, pending = visit(), set()
    page.on("request", lambda request: pending.add(request) if "/run/predict" in request.url else None)
    page.on("requestfinished", lambda request: pending.discard(request))
    page.on("requestfailed", lambda request: pending.discard(request))

    def settle() -> None:
        page.wait_for_timeout(QUIET_MS)
        while pending:
            page.wait_for_timeout(QUIET_MS)

    page.click(f"button[role=tab]:has-text('{tab}')")
    page.wait_for_selector(READY[tab])
    settle()
    unfold(page)
    settle()
    return page, settle


@pytest.mark.parametrize("tab", list(READY))
def test_what_is_typed_stays(visit: Any, tab: str) -> None:
    page, settle = opened(visit, tab)
    page.evaluate(TYPE)
    settle()
    typed = page.evaluate(SHOWN)
    assert {"6"} <= set(typed.values()) <= {"6", "a boat"}

    labels = [drop.get_attribute("aria-label") for drop in page.locator(DROPS).all()]
    for label in labels:
        dropdown(page, label).click()
        page.keyboard.press("Escape")
        dropdown(page, label).blur()
        settle()
        assert page.evaluate(SHOWN) == typed, label

    page.evaluate(f"({FIELDS})()[0].focus()")
    for _ in range(80):
        page.keyboard.press("Tab")
    settle()
    assert page.evaluate(SHOWN) == typed

    for label in labels:
        if label == "Preset":  # is there to fill the form
            continue
        unfold(page)
        dropdown(page, label).focus()
        for key in ("ArrowDown", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        settle()
        shown = page.evaluate(SHOWN)  # some fields go with what was chosen, none changes
        assert {name: typed.get(name, text) for name, text in shown.items()} == shown, label


def test_what_is_typed_is_what_is_trained(visit: Any, site: SimpleNamespace) -> None:
    page, settle = opened(visit, "Distill")
    typed = {"#name": "typed", "#steps": "321", "#settings-guidance": "6.5", "#settings-batch": "7", "#trainer-warmup": "3",
             "#run-seed": "9"}  # fmt: skip
    for field, text in typed.items():
        page.fill(f"{field} :is(input, textarea)", text)
    for field in ("#teacher", "#preset", "#student-start"):
        page.click(f"{field} input")
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        settle()
    page.click("#settings-inputs input")
    page.click("[role=option]:has-text('noised data')")
    settle()
    assert {field: page.input_value(f"{field} :is(input, textarea)") for field in typed} == typed
    page.click("#start")
    page.wait_for_selector("#distill-problem:has-text('in the queue')")
    asked = next(site.jobs.spec(info.id).config for info in site.jobs.list(kind="distill") if info.title.startswith("typed"))
    assert (asked["steps"], asked["trainer"]["warmup"], asked["seed"]) == (321, 3, 9)
    assert {name: asked["settings"][name] for name in ("guidance", "batch", "inputs")} == {
        "guidance": 6.5, "batch": 7, "inputs": "noised data"}  # fmt: skip


def test_another_teacher_brings_its_preset_and_leaves_what_was_typed(visit: Any) -> None:
    page, settle = opened(visit, "Distill")
    for field, option in (("#teacher", "Nano teacher"), ("#preset", "DMD2, four steps, strongly guided")):
        page.click(f"{field} input")
        page.click(f"[role=option]:has-text('{option}')")
        settle()
    page.wait_for_function(f"{TIMESTEPS} === '999, 599, 399, 199'")
    unfold(page)  # they were drawn anew
    for field in ("#steps", "#settings-batch", "#trainer-warmup"):
        page.fill(f"{field} :is(input, textarea)", "77")
    page.click("#teacher input")
    page.click("[role=option]:has-text('Pocket teacher')")
    page.wait_for_function(f"{TIMESTEPS} === '999, 749, 499, 249'")
    settle()
    for field in ("#steps", "#settings-batch", "#trainer-warmup"):
        assert page.input_value(f"{field} :is(input, textarea)") == "77", field


def test_what_is_chosen_survives_a_reload_where_it_is_still_offered(visit: Any) -> None:
    page, settle = opened(visit, "Compare")
    first = dropdown(page, "Teacher and student").input_value()
    dropdown(page, "Teacher and student").click()
    other = page.locator("[role=option]").filter(has_not_text=first).first
    chosen = other.get_attribute("aria-label")
    other.click()
    settle()
    page.uncheck("#arms input[name=teacher]")
    page.check("#unlock input")
    page.wait_for_selector("#student-steps input[type=range]:not([disabled])")
    page.locator("#student-steps input[type=range]").press("ArrowRight")
    steps = page.input_value("#student-steps input[type=number]")
    settle()
    page.evaluate("""() => sessionStorage.setItem("studio:typed", JSON.stringify(
      { ...JSON.parse(sessionStorage["studio:typed"]), "compare/arms/gone=": "true" }))""")

    page.reload()
    page.wait_for_function("(title) => document.querySelector('#pair input')?.value === title", arg=chosen)
    page.wait_for_selector("#arms input[name=teacher]:not(:checked)")
    unfold(page)
    page.wait_for_selector("#unlock input:checked")
    page.wait_for_function("(n) => document.querySelector('#student-steps input[type=number]')?.value === n", arg=steps)
    settle()
    assert not page.is_checked("#arms input[name=teacher]") and page.is_checked("#arms input[name=student]")

    page.goto(page.url.split("?")[0] + "?run=20260131-093000-123-abcdef")  # the address names a run: the form is the run's
    page.wait_for_selector("html[data-page=ready]", state="attached")
    settle()
    page.wait_for_timeout(1000)
    assert dropdown(page, "Teacher and student").input_value() == first


def test_what_is_typed_survives_a_reload_unless_the_address_names_a_run(visit: Any) -> None:
    page = visit()
    page.locator("#prompt textarea").fill("a blue boat by day")
    write(page, "#seeds", "5, 9")
    page.click("button[role=tab]:has-text('Lab')")
    page.wait_for_selector("#lab-start:not([disabled])")
    write(page, "#lab-name", "half typed")
    page.reload()
    page.wait_for_function("document.querySelector('#lab-name :is(input, textarea)')?.value === 'half typed'")
    page.click("button[role=tab]:has-text('Compare')")
    page.wait_for_selector("#seeds-line:has-text('2 seeds')")
    assert page.input_value("#prompt textarea") == "a blue boat by day"
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".board[data-state=done]")
    page.locator("#prompt textarea").fill("something else")
    page.reload()
    page.wait_for_selector(".board[data-state=done]")
    page.wait_for_function("document.querySelector('#prompt textarea')?.value === 'a blue boat by day'")


def test_a_choice_among_cards_and_its_settings_survive_a_reload(visit: Any) -> None:
    page = visit()
    page.click("button[role=tab]:has-text('Distill')")
    page.wait_for_selector("#start:not([disabled])")
    page.click(".o-card[data-name=lcm] .o-pick")
    page.wait_for_selector(".o-card.on[data-name=lcm]")
    page.wait_for_selector("#start:not([disabled])")
    unfold(page)
    write(page, "#settings-batch", "77")
    page.wait_for_function("(sessionStorage['studio:draft/distill'] ?? '').includes('77')")
    page.click("button[role=tab]:has-text('Lab')")
    page.wait_for_selector("#lab-start:not([disabled])")
    page.click(".lab-card[data-name=handover]")
    page.wait_for_function("(sessionStorage['studio:draft/lab'] ?? '').includes('handover')")
    page.reload()  # the address names the Lab
    page.wait_for_selector(".lab-card[data-name=handover][aria-checked=true]")
    page.wait_for_selector("#lab-start:not([disabled])")
    page.click("button[role=tab]:has-text('Distill')")
    page.wait_for_selector(".o-card.on[data-name=lcm]")
    page.wait_for_selector("#start:not([disabled])")
    unfold(page)
    assert page.input_value("#settings-batch :is(input, textarea)") == "77"


def test_a_press_counts_though_the_button_moves_away_under_it(visit: Any) -> None:
    page = visit()
    page.wait_for_selector("#run:not([disabled])")
    page.evaluate("() => document.querySelector('#run').addEventListener('click', (event) => {"
                  "  document.body.dataset.pressed = 'yes'; event.stopImmediatePropagation(); }, true)")  # fmt: skip
    move = "() => document.querySelector('#run').style.transform = 'translateY(-90px)'"
    box = page.locator("#run").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 90)  # a hand that thinks better of it
    page.mouse.up()
    assert page.evaluate("document.body.dataset.pressed") is None
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(move)
    page.mouse.up()
    assert page.evaluate("document.body.dataset.pressed") == "yes"
