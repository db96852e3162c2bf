"""A run of any kind, on the tab that shows it: what the Gallery opens."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import gradio as gr
from gradio.blocks import Block

from studio.jobs.jobs import Jobs
from studio.ui.compare.tab import CompareTab
from studio.ui.control.tab import ControlTab
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit.runs import BACKGROUND
from studio.ui.kit.updates import Shown, Updates
from studio.ui.lab.tab import LabTab
from studio.ui.personalize.tab import PersonalizeTab
from studio.ui.scrub.tab import ScrubTab
from studio.ui.tabs import Opens, Page

Way = Callable[[gr.EventData], Updates]


class Opening:
    """ways: what shows a run, by its kind. shown: everything that they change."""

    def __init__(self, page: Page):
        self.jobs: Jobs = page.jobs
        self.panel: JobsPanel = page.panel
        self.ways: dict[str, Way] = {}
        self.shown: Shown = {page.tabs, *page.panel.shown}
        for name, tab in page.built.items():
            if isinstance(tab, Opens):
                for kind in tab.opens:
                    self._add(kind, _opened(page, name, tab), tab.opening)
            elif isinstance(tab, (ScrubTab, ControlTab)):
                self._add(tab.runs.KIND, tab.asked_for, tab.everything)
            elif isinstance(tab, CompareTab):
                self._add("compare", _on(page, name, tab.reopen), {*tab.shown, *tab.form.filled()})
            elif isinstance(tab, PersonalizeTab):
                for kind in (tab.runs.KIND, tab.preference.runs.KIND):
                    self._add(kind, tab.reopen, tab.everything)
            elif isinstance(tab, LabTab):
                self._add("study", _on(page, name, _study(tab)), {*tab.filled, *tab.shown})

    def _add(self, kind: str, way: Way, shown: Iterable[Block]) -> None:
        self.ways[kind] = way
        self.shown |= {*shown}

    def open(self, event: gr.EventData) -> Updates:
        """On its tab; a background run that has none in the panel of background runs."""
        try:
            info = self.jobs.get(str(event.run)[:80])
            if way := self.ways.get(info.kind):
                return way(event)
            if info.lane == BACKGROUND:
                return self.panel.focus(info.id)
            raise ValueError(f"No tab shows a {info.kind} job; `python -m studio runs show {info.id}` does.")
        except (ValueError, KeyError) as error:
            raise gr.Error(str(error), print_exception=False) from error


def _on(page: Page, name: str, way: Way) -> Way:
    return lambda event: {page.tabs: gr.Tabs(selected=name)} | way(event)


def _opened(page: Page, name: str, tab: Opens) -> Way:
    return _on(page, name, lambda event: tab.open(str(event.run)[:80]))


def _study(tab: LabTab) -> Way:
    return lambda event: tab.opened() | tab.open(event)
