"""Live: type, and the student draws while you do; teacher and hybrid follow when you pause.

Typing asks Gradio for nothing: the canvas talks with the run by `ui.live.canvas`. Handlers begin runs and look at them.
"""

from __future__ import annotations

import gradio as gr

from studio.capabilities.live.request import LiveRequest
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.ui.kit import looking, messages
from studio.ui.kit.draw_form import QUIET, DrawForm
from studio.ui.kit.draw_tab import DrawTab
from studio.ui.kit.parts import _html
from studio.ui.kit.reader import Reader
from studio.ui.kit.runs import when, worker
from studio.ui.kit.scripts import mounted
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Shown, Updates, Values
from studio.ui.live.view import LiveView
from studio.ui.tabs import TABS, Tab

POLL_S = 1.0  # between looks at the run as a whole
START = {"seeds": "1", "teacher_steps": 25, "arms": ["student", "hybrid-1", "teacher"]}


class Canvases(Reader[LiveView]):
    """Reads runs of the kind "live"."""

    KIND, SHOWS = "live", "live runs"

    def _new(self, run_id: str) -> LiveView:
        return LiveView(run_id, LiveRequest.model_validate(self.jobs.spec(run_id).config))

    def recent(self) -> list[Json]:
        """The newest for the drawer."""
        cards = []
        for info, view in self.newest():
            cards.append({"id": info.id, "kind": self.KIND, "prompt": view.prompt, "state": info.state,
                          "about": f"{when(info.created)} · live", "pictures": view.pictures[:4]})  # fmt: skip
        return cards


class LiveTab(DrawTab):
    """Builds the tab inside an open `gr.Blocks` and holds its handlers."""

    def __init__(self, jobs: Jobs, header: gr.HTML):
        self.canvases = Canvases(jobs)
        super().__init__(self.canvases, header)
        self._build()
        self._wire()

    # -- layout ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.form = DrawForm(self.jobs, "live-", START)
        with gr.Row(elem_classes="shell liv-shell"):
            with gr.Column(scale=0, min_width=280, elem_classes="controls"):
                with gr.Column(elem_classes="card fields"):
                    self.form.build_pair("The student while you type, the others when you pause")
                    self.form.build_seeds()
                self.form.build_asked(folded=True)
                self.build_actions("Begin", "live-", "live-run")
            with gr.Column(scale=1, min_width=280, elem_classes="results"):
                with gr.Column(elem_classes="card fields liv-prompt"):
                    self.form.build_prompt()
                self.board = _html(
                    {"run": None},
                    html_template=template("live/board"),
                    js_on_load=mounted("live/board", "begin", "compare"),
                    elem_id="live-board",
                )
        self.build_hidden(POLL_S, "live-id", "live run id")

    # -- events ----------------------------------------------------------------------------------------------------

    def _wire(self) -> None:
        self.shown = {self.board, self.run_id, self.timer, self.run, self.cancel, self.problem, self.anew,
                      self.header}  # fmt: skip
        self.wire()
        for event in (self.run.click, self.board.begin):
            event(self.begin, set(self.form.inputs()), self.shown, **QUIET)
        for chosen in (self.form.pair, self.form.arms, self.form.seeds):
            chosen.change(self.again, {*self.form.inputs(), self.run_id}, self.shown, trigger_mode="always_last", **QUIET)

    fills = ("live",)

    @property
    def filling(self) -> Shown:
        return {*self.form.filled(), self.problem}

    def filled_with(self, kind: str, request: Json) -> Updates:
        return self.form.fill(request["draw"])

    # -- runs ------------------------------------------------------------------------------------------------------

    def begin(self, values: Values) -> Updates:
        return self.start(lambda: {"draw": self.request(values)}, anew=True)

    def request(self, values: Values) -> Json:
        """The form, the student first and the teachers last."""
        request = self.form.request(values)
        return request | {"arms": sorted(request["arms"], key=lambda arm: (arm != "student", arm.startswith("teacher")))}

    def again(self, values: Values) -> Updates:
        """What is chosen counts at once for a canvas that is live."""
        try:
            info = self.jobs.get(values[self.run_id] or "")
            prompt = self.canvases.look(info.id)[0].prompt
            draw = self.jobs.validate("live", {"draw": self.request(values) | {"prompt": prompt}}).model_dump(mode="json")["draw"]
            if info.final or draw == self.jobs.spec(info.id).config["draw"]:
                return {self.problem: gr.skip()}
            self.jobs.cancel(info.id)
        except ValueError:
            return {self.problem: gr.skip()}  # none is live, or the form does not fit yet, which Begin would say
        return self.begin(values)

    def open(self, run_id: str) -> Updates:
        updates = self.show(run_id)
        try:
            return updates | self.form.fill(self.jobs.spec(run_id).config["draw"])
        except (ValueError, KeyError):
            return updates

    def show(self, run_id: str) -> Updates:
        """Everything the tab shows of a run, as it is now."""
        try:
            view, ahead = self.canvases.look(run_id)
        except (ValueError, KeyError) as error:
            return {self.problem: messages.problem(error), self.timer: looking.rest()}
        return {
            self.run_id: run_id,
            self.board: view.board(ahead),
            self.timer: looking.at(run_id, live=view.live),
            self.run: gr.Button("Live" if view.live else "Begin", interactive=not view.live),
            self.cancel: gr.Button(interactive=view.live),
            self.problem: "",
            self.anew: gr.Button(visible=False),
            self.header: worker(self.jobs),
        }


ABOUT = "Whoever looks for a prompt: the student draws while you type."
TABS.add("live")(Tab("live", "Live", 15, lambda page: LiveTab(page.jobs, page.header), about=ABOUT))
