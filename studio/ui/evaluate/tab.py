"""Evaluate: how much of what prompts ask for is there, in models, hybrids and adapters, on the same prompts and seeds.

What a person types and picks lives in the browser (`assets/ui/evaluate/form.js`), is read when Start is pressed, and becomes a
request of kind "evaluate". The run belongs to the queue; the tab watches it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import gradio as gr
from gradio.components import Component

from studio.core.files import Json
from studio.jobs.paths import Paths
from studio.ui.evaluate import choices
from studio.ui.evaluate.runs import Evaluations
from studio.ui.evaluate.view import EvaluateView
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import looking, parts
from studio.ui.kit.address import arrived, chosen
from studio.ui.kit.exports import saving
from studio.ui.kit.messages import problem
from studio.ui.kit.scripts import called, mounted
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Updates, Values
from studio.ui.kit.watched import Watched
from studio.ui.tabs import TABS, Page, Tab

POLL_S = 1.0  # between looks at a live run
_QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


class EvaluateTab(Watched[EvaluateView]):
    """Builds the tab inside an open `gr.Blocks` and holds its handlers. opens: kinds of run that it shows."""

    opens = ("evaluate",)

    def __init__(self, runs: Evaluations, panel: JobsPanel, header: gr.HTML):
        self.runs, self.jobs, self.panel, self.header = runs, runs.jobs, panel, header
        self._build()
        self._wire()

    # -- layout ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        begin: Json = {"models": [], "adapters": [], "judges": [], "run": [], "most": 0, "begin": [], "example": []}
        with gr.Row(elem_id="evaluate-page", elem_classes="shell"):
            with gr.Column(scale=0, min_width=280, elem_classes="controls"):
                with gr.Column(elem_classes="card fields"):
                    self.candidates = parts.mounted_html(begin, "evaluate/candidates", "evaluate-candidates")
                with gr.Column(elem_classes="card fields"):
                    asks = {**begin, "recent": []}
                    self.asks = parts.mounted_html(asks, "evaluate/asks", "evaluate-asks", *served(self.jobs.paths))
                with gr.Column(elem_classes="actions"):
                    parts.mounted_html("", "evaluate/cost", "evaluate-cost")
                    self.problem = parts.text("evaluate-problem")
                    with gr.Row(elem_classes="buttons"):
                        self.start = parts.run_button("Start", "evaluate-start", min_width=120, scale=3)
                        self.stop = gr.Button(
                            "Stop",
                            size="md",
                            min_width=84,
                            scale=1,
                            interactive=False,
                            elem_id="evaluate-stop",
                            elem_classes="cancels",
                        )
            with gr.Column(scale=1, min_width=280, elem_classes="results"):
                self.board = gr.HTML(
                    {"run": None},
                    html_template=template("evaluate/board"),
                    apply_default_css=False,
                    elem_id="evaluate-board",
                    js_on_load=mounted("evaluate/board", "details", "open"),
                    server_functions=[saving(self.runs.to_save), self._walls()],
                )
        self.asked = gr.Textbox("{}", visible="hidden", label="what is to be evaluated")
        self.run_id = gr.Textbox("", visible="hidden", elem_id="evaluate-id", label="evaluation run id")
        self.timer = looking.look(POLL_S)
        self.shown = {self.board, self.run_id, self.timer, self.stop, self.problem, self.header}
        self.listed: set[Component] = {self.candidates, self.asks}
        self.opening: set[Component] = {*self.listed, *self.shown}

    def _walls(self) -> Callable[[Json], Json]:
        def wall(wish: Json) -> Json:
            """As `Evaluations.wall`."""
            return self.runs.wall(wish)

        return wall

    def _wire(self) -> None:
        form = called("evaluate/form", "readForm")
        outputs = list({*self.shown, *self.panel.shown})
        self.start.click(self.submit, [self.asked], outputs, js=form, **_QUIET)
        self.stop.click(self.stopped, {self.run_id}, self.shown, **_QUIET)
        looking.on_change(self.timer, self.tick, {self.run_id}, self.shown, self.run_id)
        self.board.details(self.details, {self.run_id}, self.panel.shown, **_QUIET)
        self.board.open(self.reopen, None, self.shown, **_QUIET)

    def place(self, page: Page, tab: gr.Tab) -> None:
        """When chosen: what there is now. On page load with one of its runs in the address: that run."""
        self.tabs = page.tabs
        tab.select(self.opened, None, self.listed, js=chosen("evaluate"), **_QUIET)
        asked = gr.Textbox(visible="hidden")
        page.demo.load(self.arrive, asked, {page.tabs, *self.listed, *self.shown}, js=arrived("evaluate"), **_QUIET)

    # -- what there is ---------------------------------------------------------------------------------------------

    def opened(self) -> Updates:
        """Models, adapters and judges as they are now; what is chosen and typed stays."""
        found = choices.options(self.jobs.paths)
        return {self.candidates: found, self.asks: {**found, "recent": self.runs.recent()}}

    def arrive(self, words: str) -> Updates:
        tab, run, other = (str(words or "").split(" ") + ["", "", ""])[:3]
        if other and not run and self.is_mine(other):
            tab, run = "evaluate", other
        front = {self.tabs: gr.Tabs(selected="evaluate")} | self.opened() if tab == "evaluate" else {}
        return {self.problem: ""} | front | (self.show(run) if run else {})

    def wished(self) -> Updates:
        """Somebody comes from another tab with candidates, which the browser keeps (`assets/ui/kit/wish.js`)."""
        found = self.opened()
        found[self.candidates] |= {"came": time.time()}
        return {self.tabs: gr.Tabs(selected="evaluate")} | found

    fills = ("evaluate",)

    @property
    def filling(self) -> set[Component]:
        return self.opening

    def filled_with(self, kind: str, request: Json) -> Updates:
        return self.opened() | self.filled_by(request)

    # -- runs ------------------------------------------------------------------------------------------------------

    def submit(self, form: str) -> Updates:
        try:
            given = json.loads(form or "{}")
            run_id = self.jobs.submit("evaluate", choices.request(given if isinstance(given, dict) else {}))
        except ValueError as error:
            return {self.problem: problem(error, "evaluate")}
        return self.show(run_id)

    def open(self, run_id: str) -> Updates:
        """From elsewhere on the page."""
        return self.opened() | self.show(run_id)

    def reopen(self, event: gr.EventData) -> Updates:
        """A run of the list."""
        return self.show(str(event.run))

    def details(self, values: Values) -> Updates:
        return self.panel.focus(values[self.run_id])


def served(paths: Paths) -> list[Callable[[Json], Json]]:
    """What the form asks for while somebody types. Gradio's browser side sends anything."""

    def looked(form: Json) -> Json:
        """As `choices.looked`."""
        try:
            return choices.looked(paths, form if isinstance(form, dict) else {})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return {"rows": [], "problems": {"prompts": str(error)}}

    return [looked]


def _build(page: Page) -> EvaluateTab:
    return EvaluateTab(Evaluations(page.jobs), page.panel, page.header)


ABOUT = "Engineers: models against a set of prompts, failures first."
TABS.add("evaluate")(Tab("evaluate", "Evaluate", 45, _build, about=ABOUT))
