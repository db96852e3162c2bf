"""The tabs of the page, a folder each: `tab.py` adds one to `TABS`, found by scanning and in `$STUDIO_TABS`.

    TABS.add("compare")(Tab("compare", "Compare", 10, lambda page: CompareTab(Watch(page.jobs), page.header)))

A style sheet `assets/ui/<name>/<name>.css` is picked up by the name; a tab from elsewhere gives its own as text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Protocol, runtime_checkable

import gradio as gr
from gradio.components import Component

from studio.core.files import Json
from studio.core.registry import Registry
from studio.jobs.jobs import Jobs
from studio.ui.jobs.background import Background
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit.updates import Updates


class Built(Protocol):
    """A tab on a page."""

    def place(self, page: Page, tab: gr.Tab) -> None:
        """Once all tabs are built: what happens when it is chosen, and when the page is loaded with its name in the address."""


@runtime_checkable
class Lists(Protocol):
    """A tab whose runs stand among Recent runs."""

    def recent(self) -> list[Json]:
        """Cards of the newest runs for the drawer: {"id", "kind", "state", "prompt", "about", "pictures", "shows"}. shows: of a
        strip, which part of it from 0 on the left to 1."""


@runtime_checkable
class Opens(Protocol):
    """A tab on which runs are opened from the panel of background runs. opens: their kinds. opening: components that change."""

    opens: Sequence[str]
    opening: set[Component]

    def open(self, run_id: str) -> Updates:
        """Shows a run of one of these kinds."""


@runtime_checkable
class Fills(Protocol):
    """A tab whose form takes requests from experiment files. fills: their kinds. filling: components that change."""

    fills: Sequence[str]

    @property
    def filling(self) -> set[Component]: ...

    def filled_with(self, kind: str, request: Json) -> Updates:
        """The form with a request of one of these kinds, which was checked. ValueError in one sentence where it does not fit."""


@dataclass
class Page:
    """What the tabs of one page share. built: those that are there already, by name."""

    jobs: Jobs
    demo: gr.Blocks
    tabs: gr.Tabs
    header: gr.HTML
    background: Background
    panel: JobsPanel
    built: dict[str, Built] = field(default_factory=dict)


@dataclass(frozen=True)
class Tab:
    """name: in addresses and ids. order: from left to right. build: makes its components, inside the tab. css: of a tab whose
    style sheet is not among the assets. about: for whom it is, and for what, in a line of the first page and of the tour."""

    name: str
    title: str
    order: int
    build: Callable[[Page], Built]
    css: str = ""
    about: str = ""


TABS: Registry[Tab] = Registry("studio.ui", "tab", variable="STUDIO_TABS", module="tab")


def in_order() -> list[Tab]:
    """ImportError where one of the program's own cannot be imported; those from elsewhere are passed over then."""
    found = TABS.all()
    for name, why in TABS.unavailable.items():
        if find_spec(f"studio.ui.{name}") is not None:
            raise ImportError(f"the tab {name} cannot be imported: {why}")
    return sorted(found.values(), key=lambda tab: (tab.order, tab.name))
