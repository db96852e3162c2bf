"""axe-core on every tab, empty and with a finished run, in light and dark, wide and narrow, and on what opens over the page.

Nothing that it calls serious or critical may be there. No rule is left out.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from studio.ui.tabs import in_order
from tests.browser.conftest import missing
from tests.support.scripted_scrub import finished

pytestmark = pytest.mark.browser

GRAVE = ("serious", "critical")
WIDE, NARROW = (1440, 900), (390, 844)
LOOKS = [(WIDE, "light"), (WIDE, "dark"), (NARROW, "dark")]
ENDS = [LOOKS[0], LOOKS[2]]
HOW = {"resultTypes": ["violations"]}  # what is in order is not described, which takes most of its time
# Both are as the page does them: a tour or a drawer may be open over the button that changes the theme.
THEME = "(scheme) => document.body.classList.toggle('dark', scheme === 'dark')"
STILL = "* { transition: none !important; animation: none !important }"  # colours that fade have no contrast to be read
UNFOLD = """(tab) => {
  for (const one of document.querySelectorAll(`#${tab} details`)) one.open = true;
  for (const one of document.querySelectorAll(`#${tab} button.label-wrap:not(.open)`)) one.click();
}"""
PLOT = "#plot .main-svg"


def graves(page: Any, inside: str | None = None) -> list[str]:
    """What is serious or critical on the page as it is now: the rule, the element and what is wrong with it. inside: a selector
    of the only part that is looked at."""
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        missing("the package axe-playwright-python is not installed (it is in the dev group of pyproject.toml)")
    found = Axe().run(page, context=inside, options=HOW).response["violations"]
    return [f"{one['id']} ({one['impact']}) {node['target']}: {node['failureSummary']}"
            for one in found if one["impact"] in GRAVE for node in one["nodes"]]  # fmt: skip


def none_in(page: Any, looks: list[tuple[tuple[int, int], str]], state: str, inside: str | None = None) -> None:
    """No such fault in any of these looks."""
    page.add_style_tag(content=STILL)
    for (width, height), scheme in looks:
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate(THEME, scheme)
        assert graves(page, inside) == [], f"{state}, {width} px, {scheme}"


def test_a_serious_fault_is_found(visit: Any) -> None:
    """That the other tests can fail."""
    page = visit()
    assert graves(page) == []
    page.evaluate("document.querySelector('.tour-open').removeAttribute('aria-label')")
    page.evaluate("document.querySelector('.tour-open').replaceChildren()")
    page.evaluate("document.querySelector('.tour-open').title = ''")
    page.evaluate("document.querySelector('.brand p').style.color = '#b0ada5'")
    assert sorted(one.split()[0] for one in graves(page)) == ["button-name", "color-contrast"]


@pytest.mark.parametrize("tab", [tab.name for tab in in_order()])
def test_a_tab_without_a_run(visit: Any, tab: str) -> None:
    page = visit(query=f"?tab={tab}")
    page.wait_for_selector(f"#{tab}", state="visible")
    page.evaluate(UNFOLD, tab)
    none_in(page, ENDS, f"{tab}, unfolded", f"#{tab}")


def test_compare_with_a_run(visit: Any) -> None:
    page = visit()
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#board .board[data-state=done]")
    page.wait_for_selector(PLOT)
    none_in(page, LOOKS, "a comparison")


def test_compare_with_the_shipped_example_and_the_tour_over_it(visit: Any) -> None:
    page = visit()
    page.click(".welcome-go")
    page.wait_for_selector("#board .board[data-state=done]")
    page.wait_for_selector(".toured")
    page.wait_for_selector(PLOT)
    none_in(page, ENDS, "the tour")


def test_scrub_with_a_run(visit: Any, site: SimpleNamespace) -> None:
    page = visit(query=f"?tab=scrub&scrub={finished(site.jobs)}")
    page.wait_for_selector(".scrub[data-state=done]")
    page.wait_for_selector(".cv svg")
    none_in(page, LOOKS, "a scrub", "#scrub")


def test_the_lab_with_a_shipped_study(visit: Any) -> None:
    page = visit(query="?tab=lab")
    page.click(".lab-row:has-text('shipped') .lab-pick >> nth=0")
    page.wait_for_selector(".lab-verdict")
    page.wait_for_selector("#lab-result .main-svg")
    none_in(page, ENDS, "a study", "#lab")
