"""Unlearn: a model is told what it must no longer draw, and shows what is left of it, what stayed and where it went.

What a person types and picks lives in the browser (`assets/ui/unlearn/form.js`), is read when Start is pressed, and becomes a
request of kind "unlearn". The run belongs to the queue; the tab watches it.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import gradio as gr
from gradio.components import Component

from studio.core.files import Json
from studio.jobs.paths import Paths
from studio.library.method_cards import objectives
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import looking, parts, trials
from studio.ui.kit.address import arrived, chosen
from studio.ui.kit.exports import saving
from studio.ui.kit.messages import problem
from studio.ui.kit.scripts import called, mounted
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Updates, Values
from studio.ui.kit.watched import Watched
from studio.ui.tabs import TABS, Page, Tab
from studio.ui.unlearn import choices
from studio.ui.unlearn.audit_part import AuditPart
from studio.ui.unlearn.audit_runs import Audits
from studio.ui.unlearn.runs import Unlearnings
from studio.ui.unlearn.view import UnlearnView

POLL_S = 1.0  # between looks at a live run
_QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


class UnlearnTab(Watched[UnlearnView]):
    """Builds the tab inside an open `gr.Blocks` and holds its handlers. opens: kinds of run that it shows."""

    opens = ("unlearn", "audit")

    def __init__(self, runs: Unlearnings, panel: JobsPanel, header: gr.HTML):
        self.runs, self.jobs, self.panel, self.header = runs, runs.jobs, panel, header
        self.audit = AuditPart(Audits(runs.jobs), panel, header)
        self._build()
        self._wire()

    # -- layout ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        begin: Json = {"models": [], "methods": {}, "run": [], "words": {}, "base": "", "wait": "", "recent": []}
        with gr.Row(elem_id="unlearn-page", elem_classes="shell"):
            with gr.Column(scale=0, min_width=280, elem_classes="controls"):
                with gr.Column(elem_classes="card fields"):
                    self.words = parts.mounted_html({"words": {}}, "unlearn/words", "unlearn-words", *served(self.jobs.paths))
                with gr.Column(elem_classes="card fields"):
                    self.options = parts.mounted_html(begin, "unlearn/options", "unlearn-options", *self._priced())
                with gr.Column(elem_classes="actions"):
                    self.problem = parts.text("unlearn-problem")
                    with gr.Row(elem_classes="buttons"):
                        self.start = parts.run_button("Start", "unlearn-start", min_width=120, scale=3)
                        self.stop = gr.Button(
                            "Stop",
                            size="md",
                            min_width=84,
                            scale=1,
                            interactive=False,
                            elem_id="unlearn-stop",
                            elem_classes="cancels",
                        )
            with gr.Column(scale=1, min_width=280, elem_classes="results"):
                self.audit.build_form()
                self.audit.build_board()
                self.board = gr.HTML(
                    {"run": None, "recent": []},
                    html_template=template("unlearn/board"),
                    apply_default_css=False,
                    elem_id="unlearn-board",
                    js_on_load=mounted("unlearn/board", "details", "trial", "evaluate", "open"),
                    server_functions=[saving(self.runs.to_save)],
                )
        self.asked = gr.Textbox("{}", visible="hidden", label="what is to be forgotten")
        self.run_id = gr.Textbox("", visible="hidden", elem_id="unlearn-id", label="unlearn run id")
        self.timer = looking.look(POLL_S)
        self.shown = {self.board, self.run_id, self.timer, self.stop, self.problem, self.header, self.audit.form}
        self.audit.wire()
        self.opening = {*self.shown, *self.audit.shown, self.words, self.options}

    def _priced(self) -> list[Callable[[Json], Json]]:
        """What the form may ask of time and memory."""
        paths = self.jobs.paths
        return trials.served(self.jobs, "unlearn", lambda form: choices.request(paths, objectives(paths) or {}, form))

    def _wire(self) -> None:
        form = called("unlearn/form", "readForm")
        both = {*self.shown, *self.audit.shown}
        outputs = list({*both, *self.panel.shown})
        self.start.click(self.submit, [self.asked], outputs, js=form, **_QUIET)
        self.stop.click(self.stopped, {self.run_id}, self.shown, **_QUIET)
        looking.on_change(self.timer, self.tick, {self.run_id}, self.shown, self.run_id)
        self.board.details(self.details, {self.run_id}, self.panel.shown, **_QUIET)
        self.board.open(self.reopen, None, both, **_QUIET)

    def place(self, page: Page, tab: gr.Tab) -> None:
        """When chosen: what there is now. On page load with one of its runs in the address: that run."""
        self.tabs = page.tabs
        listed = {self.words, self.options, self.audit.form}
        tab.select(self.opened, None, listed, js=chosen("unlearn"), **_QUIET)
        asked = gr.Textbox(visible="hidden")
        page.demo.load(self.arrive, asked, {page.tabs, *listed, *self.shown}, js=arrived("unlearn"), **_QUIET)
        audited = gr.Textbox(visible="hidden")
        page.demo.load(self.arrive_audit, audited, {page.tabs, *self.opening}, js=arrived("audit"), **_QUIET)

    # -- what there is ---------------------------------------------------------------------------------------------

    def opened(self) -> Updates:
        """Models, methods and words as they are now; what is chosen and typed stays."""
        found = choices.options(self.jobs.paths, objectives(self.jobs.paths))
        listed = {self.options: {**found, "recent": self.runs.recent()}, self.words: {"words": found["words"]}}
        return listed | self.audit.opened()

    def arrive(self, words: str) -> Updates:
        tab, run, other = (str(words or "").split(" ") + ["", "", ""])[:3]
        if other and not run and self.is_mine(other):
            tab, run = "unlearn", other
        front = {self.tabs: gr.Tabs(selected="unlearn")} | self.opened() if tab == "unlearn" else {}
        return {self.problem: ""} | front | (self.show(run) if run else {})

    def arrive_audit(self, words: str) -> Updates:
        """On page load: the audit that the address names, by its kind or by ?run=…"""
        _, run, other = (str(words or "").split(" ") + ["", "", ""])[:3]
        run = run or (other if other and self.audit.is_mine(other) else "")
        if not run:
            return {self.audit.problem: ""}
        return {self.tabs: gr.Tabs(selected="unlearn")} | self.opened() | self.audit.show(run)

    def open(self, run_id: str) -> Updates:
        """A run of one of its kinds, from elsewhere on the page."""
        if self.audit.is_mine(run_id):
            return self.opened() | self.audit.show(run_id)
        return self.opened() | self.audit.put_away() | self.show(run_id)

    fills = ("unlearn", "audit")

    @property
    def filling(self) -> set[Component]:
        return self.opening

    def filled_with(self, kind: str, request: Json) -> Updates:
        if kind == "audit":
            return self.opened() | self.audit.filled_by(request)
        return self.opened() | self.audit.put_away() | self.filled_by(request)

    # -- runs ------------------------------------------------------------------------------------------------------

    def show(self, run_id: str) -> Updates:
        """And what there is to audit, once it has an adapter."""
        found = super().show(run_id)
        trial = (found.get(self.board) or {}).get("trial")
        return found | (self.audit.opened() if trial else {})

    def submit(self, form: str) -> Updates:
        paths = self.jobs.paths
        try:
            request = choices.request(paths, objectives(paths) or {}, json.loads(form or "{}"))
            run_id = self.jobs.submit("unlearn", request)
        except ValueError as error:
            return {self.problem: problem(error, "unlearn")}
        return self.audit.put_away() | self.show(run_id)

    def reopen(self, event: gr.EventData) -> Updates:
        """A run of the list."""
        return self.audit.put_away() | self.show(str(event.run))

    def details(self, values: Values) -> Updates:
        return self.panel.focus(values[self.run_id])


def served(paths: Paths) -> list[Callable[[Json], Json]]:
    """What the script of the words asks for while somebody types. Gradio's browser side sends anything."""

    def made(form: Json) -> Json:
        """As `choices.made`."""
        try:
            return choices.made(paths, form if isinstance(form, dict) else {})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return {"problems": {"forget": str(error)}}

    return [made]


def _build(page: Page) -> UnlearnTab:
    return UnlearnTab(Unlearnings(page.jobs), page.panel, page.header)


ABOUT = "Whoever ships a model: make it forget something, and audit what is left."
TABS.add("unlearn")(Tab("unlearn", "Unlearn", 33, _build, about=ABOUT))
