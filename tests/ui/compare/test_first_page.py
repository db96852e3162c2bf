"""The first page: a line for every tab of the program, and examples."""

from __future__ import annotations

import pytest

from studio.library import examples
from studio.ui.compare import first_page
from studio.ui.tabs import in_order


def test_every_tab_of_the_program_says_for_whom_it_is_and_is_linked() -> None:
    page = first_page.ways()
    for tab in in_order():
        assert tab.about.endswith(".") and len(tab.about) <= 110, tab.name
        assert f'href="?tab={tab.name}" data-go="{tab.name}"' in page
        assert tab.about in page


def test_a_finished_result_is_offered_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "data-example" in first_page.ways() and "data-prompt" in first_page.ways()
    monkeypatch.setattr(examples, "shipped", lambda: False)
    assert "data-example" not in first_page.ways()
