"""The audit of what was made to forget, a part of the Unlearn tab: one button with a form folded under it, and the report.

What a person picks lives in the browser (`assets/ui/unlearn/audit_form.js`), is read when Audit is pressed, and becomes a request
of kind "audit". The run belongs to the queue; the part watches it.
"""

from __future__ import annotations

import json

import gradio as gr

from studio.core.files import Json
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import looking, parts
from studio.ui.kit.exports import saving
from studio.ui.kit.messages import problem
from studio.ui.kit.scripts import called, mounted
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Updates, Values
from studio.ui.kit.watched import Watched
from studio.ui.unlearn import audit_choices
from studio.ui.unlearn.audit_runs import Audits
from studio.ui.unlearn.audit_view import AuditView

POLL_S = 1.0  # between looks at a live run
_QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
_NONE: Json = {"adapters": [], "models": [], "attacks": [], "access": {}, "numbers": [], "recent": []}


class AuditPart(Watched[AuditView]):
    """`build_form` and `build_board` are called where they shall stand, `wire` after both."""

    def __init__(self, runs: Audits, panel: JobsPanel, header: gr.HTML):
        self.runs, self.jobs, self.panel, self.header = runs, runs.jobs, panel, header

    def build_form(self) -> None:
        with gr.Column(elem_id="unlearn-audit", elem_classes="card"):
            self.problem = parts.text("unlearn-audit-problem")
            with gr.Row(elem_classes="buttons"):
                self.start = gr.Button("Audit", size="md", min_width=90, scale=3, elem_id="unlearn-audit-start")
                self.stop = gr.Button("Stop", size="md", min_width=70, scale=1, interactive=False, elem_id="unlearn-audit-stop")
            self.form = parts.mounted_html(_NONE, "unlearn/audit_form", "unlearn-audit-form")

    def build_board(self) -> None:
        self.board = gr.HTML(
            {"run": None},
            html_template=template("unlearn/audit_board"),
            apply_default_css=False,
            elem_id="unlearn-audit-board",
            js_on_load=mounted("unlearn/audit_board", "details", "open"),
            server_functions=[saving(self.runs.to_save)],
        )

    def wire(self) -> None:
        self.asked = gr.Textbox("{}", visible="hidden", label="what is to be audited")
        self.run_id = gr.Textbox("", visible="hidden", elem_id="unlearn-audit-id", label="audit run id")
        self.timer = looking.look(POLL_S)
        self.shown = {self.board, self.run_id, self.timer, self.stop, self.problem, self.header}
        outputs = list({*self.shown, *self.panel.shown})
        self.start.click(self.submit, [self.asked], outputs, js=called("unlearn/audit_form", "readForm"), **_QUIET)
        self.stop.click(self.stopped, {self.run_id}, self.shown, **_QUIET)
        looking.on_change(self.timer, self.tick, {self.run_id}, self.shown, self.run_id)
        self.board.details(self.details, {self.run_id}, self.panel.shown, **_QUIET)
        self.board.open(self.reopen, None, self.shown, **_QUIET)

    def opened(self) -> Updates:
        """Adapters, models and attacks as they are now; what is chosen and typed stays."""
        return {self.form: {**audit_choices.options(self.jobs.paths), "recent": self.runs.recent()}}

    def put_away(self) -> Updates:
        """No audit is shown; one that goes on does so in the background."""
        return {
            self.board: {"run": None}, self.run_id: "", self.timer: looking.rest(), self.problem: "",
            self.stop: gr.Button(interactive=False),
        }  # fmt: skip

    def submit(self, form: str) -> Updates:
        try:
            run_id = self.jobs.submit("audit", audit_choices.request(json.loads(form or "{}")))
        except ValueError as error:
            return {self.problem: problem(error, "audit")}
        return self.show(run_id)

    def reopen(self, event: gr.EventData) -> Updates:
        """A run of the list."""
        return self.show(str(event.run))

    def details(self, values: Values) -> Updates:
        return self.panel.focus(values[self.run_id])
