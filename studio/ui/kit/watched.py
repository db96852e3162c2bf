"""What starts a training from a tab and watches it, whatever it trains."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import gradio as gr

from studio.core.files import Json
from studio.ui.kit import looking
from studio.ui.kit.messages import problem
from studio.ui.kit.reader import DrawnView
from studio.ui.kit.runs import worker
from studio.ui.kit.updates import Updates, Values

if TYPE_CHECKING:
    from studio.jobs.jobs import Jobs
    from studio.ui.kit.reader import AskedReader


class BoardView(DrawnView, Protocol):
    """A view of a run that has a board."""

    def board(self, ahead: int = 0) -> Json: ...
    def asked(self) -> Json:
        """What the browser's form holds for it."""


V = TypeVar("V", bound=BoardView)


class Watched(Generic[V]):
    """runs: of its kind. The components are made by whoever stands on it."""

    runs: AskedReader[V]
    jobs: Jobs
    header: gr.HTML
    board: gr.HTML
    problem: gr.HTML
    run_id: gr.Textbox
    timer: gr.HTML
    stop: gr.Button

    def show(self, run_id: str) -> Updates:
        """Everything the tab shows of a run, as it is now."""
        try:
            view, ahead = self.runs.look(run_id[:80])
        except (ValueError, KeyError) as error:
            return {self.problem: problem(error), self.timer: looking.rest()}
        return {
            self.run_id: run_id,
            self.board: view.board(ahead),
            self.timer: looking.at(run_id, live=view.live),
            self.stop: gr.Button(interactive=view.live),
            self.problem: "",
            self.header: worker(self.jobs),
        }

    def filled_by(self, request: Json) -> Updates:
        """No run is shown, and the form becomes what a request asks for."""
        return {
            self.board: {"run": None, "asked": self.runs.made("", request).asked(), "back": time.time()},
            self.run_id: "",
            self.timer: looking.rest(),
            self.stop: gr.Button(interactive=False),
            self.problem: "",
        }

    def tick(self, values: Values) -> Updates:
        return self.show(values[self.run_id]) if values[self.run_id] else {self.timer: looking.rest()}

    def stopped(self, values: Values) -> Updates:
        """Saves where it is; the Jobs panel resumes it."""
        run_id = values[self.run_id]
        if not run_id:
            return {self.stop: gr.Button(interactive=False)}
        try:
            self.jobs.stop(run_id)
        except ValueError as error:
            return {self.problem: problem(error)}
        return self.show(run_id)

    def is_mine(self, run_id: str) -> bool:
        """Whether a run is of its kind; no for one that is not there."""
        try:
            return self.jobs.get(run_id).kind == self.runs.KIND
        except ValueError:
            return False
