"""A button that measures a few steps of what stands in the form, where nothing like it was measured on this machine."""

from __future__ import annotations

import gradio as gr

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.ui.kit import looking, messages, parts, trials
from studio.ui.kit.updates import Updates

POLL_S = 1.0


class TrialButton:
    """Builds the components; the tab says what is measured."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs
        self.button = gr.Button(trials.MEASURE, size="sm", visible=False, elem_id="measure-it", elem_classes="tool")
        self.line = parts.text("measuring")
        self.run_id = gr.Textbox("", visible="hidden", label="trial")
        self.timer = looking.look(POLL_S)
        self.shown = {self.button, self.line, self.run_id, self.timer}

    def offered(self, unknown: bool) -> Updates:
        """Where a trial would tell something."""
        return {self.button: gr.Button(visible=unknown)}

    def begin(self, asked: Json) -> Updates:
        """Start a trial of a request."""
        try:
            run_id = trials.start(self.jobs, "distill", asked)
        except ValueError as error:
            return {self.line: messages.problem(error, "distill")}
        said = parts.line("Measuring a few steps of it.", "hint")
        return {self.run_id: run_id, self.timer: looking.at(run_id), self.line: said, self.button: gr.Button(visible=False)}

    def look(self, run_id: str) -> tuple[bool, Updates]:
        """(whether it has ended, what is shown of it)."""
        try:
            ended, said = trials.state(self.jobs, run_id)
        except ValueError as error:
            ended, said = True, str(error)
        line = parts.line(said, "problem" if ended else "hint") if said else ""
        more: Updates = {self.run_id: "", self.timer: looking.rest()} if ended else {}
        return ended, {self.line: line, **more}
