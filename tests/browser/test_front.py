"""What the browser fetches before the page can be used: the small files at once, none of them twice."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from studio.ui.kit import bundle, scripts
from tests.browser.conftest import note_faults

pytestmark = pytest.mark.browser

FETCHED = "performance.getEntriesByType('resource').map((one) => new URL(one.name).pathname)"
MOST = 30  # files until every part of the first tab is there
PLACE = "/space/a'b/"  # below which a proxy shows the page


@pytest.mark.parametrize("tab", ["compare", "scrub"])
def test_nothing_that_was_carried_is_fetched_again(visit: Any, tab: str) -> None:
    page = visit(query=f"?tab={tab}")
    first = page.evaluate(FETCHED)
    assert len([name for name in first if name.startswith(f"/{bundle.ADDRESS}/")]) == 2
    if tab == "compare":
        assert len([name for name in first if name.startswith(("/assets/", f"/{bundle.ADDRESS}/", "/ui/s"))]) < MOST
    page.wait_for_selector(f"#{tab} .runs", state="visible")
    page.get_by_role("tab", name="Lab").click()
    page.wait_for_selector("#lab .runs", state="visible")
    seen = Counter(page.evaluate(FETCHED))
    carried = page.evaluate("[...bundled].map((name) => new URL(name, new URL('assets/', document.baseURI)).pathname)")
    assert carried and not [name for name in carried if name in seen]
    assert not [name for name in seen if name.startswith(f"/{scripts.ADDRESS}/") and name.endswith("/kit/part.js")]
    assert [name for name, times in seen.items() if name.endswith((".js", ".css")) and times > 1] == []


def test_it_stands_below_another_address(chromium: Any, site: SimpleNamespace) -> None:
    page, faults = chromium.new_page(), []
    place = site.url.rstrip("/") + PLACE
    note_faults(page, faults)

    def passed(route: Any) -> None:
        said = {**route.request.headers, "x-forwarded-prefix": PLACE.rstrip("/")}
        route.continue_(url=site.url + route.request.url.split(PLACE, 1)[1], headers=said)

    page.route(lambda url: PLACE in url, passed)
    page.goto(place)
    page.wait_for_selector("html[data-page=ready]", state="attached")
    page.wait_for_selector("#run", state="visible")
    names = page.evaluate(FETCHED)
    assert [name for name in names if name.startswith(f"{PLACE}{bundle.ADDRESS}/")]
    assert not [name for name in names if name.endswith(("/kit/part.js", "/kit/later.js"))] and faults == []
    page.close()
