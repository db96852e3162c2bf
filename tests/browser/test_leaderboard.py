"""The leaderboard in a real browser: unfolding, the plot, sorting, and the way to Compare. Figures are made up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from studio.capabilities.leaderboard import kept_figures
from tests.support.serving import to_tab
from tests.ui.distill.test_leaderboard import FOUND

pytestmark = pytest.mark.browser


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Figures by arm, which a test may take away; shelf models have no weights to be measured by."""
    found = dict(FOUND)
    monkeypatch.setattr(kept_figures, "unmeasurable", lambda teacher: "")
    monkeypatch.setattr(kept_figures, "counts", lambda paths, arm: {256} if arm.id in found else set())
    monkeypatch.setattr(kept_figures, "kept", lambda paths, arm, samples: found.get(arm.id))
    return found


def open_tab(visit: Any, *how: Any) -> Any:
    page = visit(*how)
    to_tab(page, "Distill")
    page.wait_for_selector("#start:not([disabled])")
    return page


def names(page: Any) -> list[str]:
    found: list[str] = page.locator(".l-table tbody .l-open, .l-table tbody .l-plain").all_inner_texts()
    return [name for name in found if name.startswith(("Test", "Hybrid of Test"))]


def test_from_the_plot_to_a_sorted_table_to_compare(visit: Any, site: SimpleNamespace, measured: Any) -> None:
    page = open_tab(visit)
    # students that other tests taught on this site may stand there too, without figures
    page.wait_for_selector(".l-sum:has-text('rows measured')")
    assert page.locator(".l-two").is_hidden()  # folded: the objectives come first
    page.click(".l-box > summary")
    page.wait_for_selector("#leaderboard .js-plotly-plot .scatterlayer .trace path.point")
    assert "No less diverse than the teacher (0.70 at accuracy 80 %, 50 NFE)" in page.inner_text(".l-said")
    assert names(page)[:2] == ["Test teacher", "Test lcm"]  # the most diverse first
    page.click(".l-th[data-by=fd_oracle]")
    assert names(page)[0] == "Test teacher"
    assert page.get_attribute("th:has(.l-th[data-by=fd_oracle])", "aria-sort") == "ascending"
    page.click(".l-th[data-by=accuracy]")
    assert names(page)[0] == "Test dmd2"
    page.click(".l-th[data-by=accuracy]")
    assert names(page)[0] == "Hybrid of Test lcm"
    page.click(".l-choices button:has-text('NFE')")
    page.wait_for_selector("#leaderboard .xtitle:has-text('network evaluations per image')")
    page.click(".l-open:text-is('Hybrid of Test dmd2')")
    page.wait_for_selector("#problem:has-text('Test dmd2 is chosen')")
    assert page.input_value("#pair input") == "Test dmd2"
    assert page.locator("#arms input:checked").count() == 4


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1440, "dark")])
def test_it_fits_and_offers_to_measure_what_lacks_figures(visit: Any, measured: Any, width: int, scheme: str) -> None:
    for arm in ("test/lcm", "test/lcm+hybrid-1"):
        del measured[arm]
    page = open_tab(visit, width, scheme)
    page.click(".l-box > summary")
    page.wait_for_selector("#leaderboard .js-plotly-plot .scatterlayer .trace path.point")
    assert page.is_enabled(".l-measure")
    assert "rows lack figures: 256 pictures each" in page.inner_text(".l-about")
    assert "Not measured yet" in page.inner_text(".l-said")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width < 600:
        page.select_option(".l-sort", "accuracy")
        assert names(page)[0] == "Test dmd2"
    last = page.locator(".l-table tbody tr").last
    assert "not measured yet" in last.inner_text()  # rows without figures stand last
