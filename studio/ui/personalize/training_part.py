"""A part of the tab that starts runs of one kind and watches one: what is alike for subjects and for preferences."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, TypeVar

import gradio as gr

from studio.core.files import Json
from studio.library.method_cards import Catalogue, objectives
from studio.ui.kit import looking, parts, trials
from studio.ui.kit.exports import saving
from studio.ui.kit.messages import problem
from studio.ui.kit.runs import RECENT, when
from studio.ui.kit.scripts import called, mounted
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Updates, Values
from studio.ui.kit.watched import Watched
from studio.ui.personalize.view import PersonalView

if TYPE_CHECKING:
    from studio.ui.jobs.panel import JobsPanel
    from studio.ui.personalize.runs import TrainedRuns

POLL_S = 1.0  # between looks at a live run
QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
V = TypeVar("V", bound=PersonalView)


class TrainingPart(Watched[V], ABC):
    """ROW: id of the half. HALF: what ids of its components begin with. BOARD: name of its board's script, WORDS: of what the
    board says before there is a run, EVENTS: its events besides those of both. FORM: of the script whose `readForm` says what is
    asked for."""

    ROW: ClassVar[str]
    HALF: ClassVar[str]
    BOARD: ClassVar[str]
    WORDS: ClassVar[str]
    FORM: ClassVar[str]
    EVENTS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, runs: TrainedRuns[V], panel: JobsPanel, header: gr.HTML):
        self.runs, self.jobs, self.panel, self.header = runs, runs.jobs, panel, header
        with gr.Row(elem_id=self.ROW, elem_classes="shell"):
            with gr.Column(scale=0, min_width=280, elem_classes="controls"):
                self.build_form()
                self._build_actions()
            with gr.Column(scale=1, min_width=280, elem_classes="results"):
                self.build_above()
                words = template("personalize/board").replace("<!-- words -->", template(f"personalize/{self.WORDS}"))
                self.board = gr.HTML(
                    {"run": None},
                    html_template=words,
                    apply_default_css=False,
                    elem_id=f"{self.HALF}-board",
                    js_on_load=mounted(f"personalize/{self.BOARD}", "details", "trial", "evaluate", *self.EVENTS),
                    server_functions=[saving(runs.to_save)],
                )
        kind = self.runs.KIND
        self.asked = gr.Textbox("{}", visible="hidden", label=f"what to {kind}")
        self.run_id = gr.Textbox("", visible="hidden", elem_id=f"{self.HALF}-id", label=f"{kind} run id")
        self.timer = looking.look(POLL_S)
        self.shown = {self.board, self.run_id, self.timer, self.stop, self.problem, self.header}
        outputs = list({*self.shown, *self.panel.shown})
        self.start.click(self.submit, [self.asked], outputs, js=called(f"personalize/{self.FORM}", "readForm"), **QUIET)
        self.stop.click(self.stopped, {self.run_id}, self.shown, **QUIET)
        looking.on_change(self.timer, self.tick, {self.run_id}, self.shown, self.run_id)
        self.board.details(self.details, {self.run_id}, self.panel.shown, **QUIET)

    def _build_actions(self) -> None:
        with gr.Column(elem_classes="actions"):
            self.problem = parts.text(f"{self.HALF}-problem")
            with gr.Row(elem_classes="buttons"):
                self.start = parts.run_button("Start", f"{self.HALF}-start", min_width=120, scale=3)
                self.stop = gr.Button(
                    "Stop",
                    size="md",
                    min_width=84,
                    scale=1,
                    interactive=False,
                    elem_id=f"{self.HALF}-stop",
                    elem_classes="cancels",
                )

    # -- what a half does by itself --------------------------------------------------------------------------------

    @abstractmethod
    def build_form(self) -> None:
        """The cards above Start."""

    def build_above(self) -> None:
        """What stands above the board."""

    @abstractmethod
    def request(self, known: Catalogue | None, form: Json) -> Json:
        """Of what the form holds. ValueError in one sentence."""

    # ----------------------------------------------------------------------------------------------------------------

    def priced(self) -> list[Callable[[Json], Json]]:
        """What the form may ask of time and memory."""
        return trials.served(self.jobs, self.runs.KIND, lambda form: self.request(objectives(self.jobs.paths), form))

    def submit(self, form: str) -> Updates:
        try:
            asked = json.loads(form or "{}")
            self.check(asked)
            run_id = self.jobs.submit(self.runs.KIND, self.request(objectives(self.jobs.paths), asked))
        except ValueError as error:
            return {self.problem: problem(error, self.runs.KIND)}
        return self.show(run_id)

    def check(self, form: Json) -> None:
        """Before a start. ValueError in one sentence."""

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

    def details(self, values: Values) -> Updates:
        return self.panel.focus(values[self.run_id])
