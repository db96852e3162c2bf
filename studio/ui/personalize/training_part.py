"""A part of the tab that starts runs of one kind and watches one: what is alike for subjects and for preferences."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, TypeVar

import gradio as gr

from studio.core.files import Json
from studio.ui.kit.messages import problem
from studio.ui.kit.runs import RECENT, when, worker
from studio.ui.kit.updates import Updates, Values
from studio.ui.personalize.view import PersonalView

if TYPE_CHECKING:
    from studio.jobs.jobs import Jobs
    from studio.ui.jobs.panel import JobsPanel
    from studio.ui.kit.reader import Reader

V = TypeVar("V", bound=PersonalView)


class TrainingPart(Generic[V]):
    """runs: of its kind. The components are made by whoever stands on it."""

    runs: Reader[V]
    jobs: Jobs
    panel: JobsPanel
    header: gr.HTML
    board: gr.HTML
    problem: gr.HTML
    run_id: gr.Textbox
    timer: gr.Timer
    stop: gr.Button

    def show(self, run_id: str) -> Updates:
        """Everything the tab shows of a run, as it is now."""
        try:
            view, ahead = self.runs.look(run_id[:80])
        except (ValueError, KeyError) as error:
            return {self.problem: problem(error), self.timer: gr.Timer(active=False)}
        return {
            self.run_id: run_id,
            self.board: view.board(ahead),
            self.timer: gr.Timer(active=view.live),
            self.stop: gr.Button(interactive=view.live),
            self.problem: "",
            self.header: worker(self.jobs),
        }

    def come_back(self, run_id: str) -> Updates:
        """The same, and the form as it was for the run."""
        found = self.show(run_id)
        if self.board in found:
            found[self.board] |= {"back": time.time()}
        return found

    def recent(self) -> list[Json]:
        """Cards of the newest runs for the drawer."""
        cards = []
        for info in self.jobs.list(kind=self.runs.KIND, limit=RECENT):
            try:
                view, _ = self.runs.look(info.id)
            except (ValueError, KeyError):
                continue  # a folder somebody edited by hand is not worth losing the list
            about = " · ".join(filter(None, [when(info.created), str(view.request.get("method") or "")]))
            cards.append({"id": info.id, "kind": "personalize", "state": info.state, "about": about, **view.card()})
        return cards

    def tick(self, values: Values) -> Updates:
        return self.show(values[self.run_id]) if values[self.run_id] else {self.timer: gr.Timer(active=False)}

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

    def details(self, values: Values) -> Updates:
        return self.panel.focus(values[self.run_id])

    def is_mine(self, run_id: str) -> bool:
        """Whether a run is of its kind; no for one that is not there."""
        try:
            return self.jobs.get(run_id).kind == self.runs.KIND
        except ValueError:
            return False
