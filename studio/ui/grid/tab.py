"""Grid: one request with up to three of its settings over lists of values, a table of what each combination draws.

Handlers submit jobs and look at them, as in Compare. A grid is extended by adding values and pressing Draw again.
"""

from __future__ import annotations

import gradio as gr

from studio.capabilities.grid.request import GridRequest
from studio.core.files import Json
from studio.ui.grid.form import GridForm
from studio.ui.grid.grid_runs import Grids
from studio.ui.kit import looking, messages
from studio.ui.kit.draw_form import QUIET
from studio.ui.kit.draw_tab import DrawTab
from studio.ui.kit.exports import saving
from studio.ui.kit.parts import _html
from studio.ui.kit.runs import worker
from studio.ui.kit.scripts import mounted
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Shown, Updates, Values
from studio.ui.tabs import TABS, Tab

POLL_S = 1.0  # between looks at a live run


class GridTab(DrawTab):
    """Builds the tab inside an open `gr.Blocks` and holds its handlers."""

    form: GridForm

    def __init__(self, grids: Grids, header: gr.HTML):
        super().__init__(grids, header)
        self.grids = grids
        self._build()
        self._wire()

    # -- layout ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        with gr.Row(elem_classes="shell"):
            with gr.Column(scale=0, min_width=280, elem_classes="controls"):
                self.form = GridForm(self.grids)
                self.build_actions("Draw", "grid-", "grid-run")
            with gr.Column(scale=1, min_width=280, elem_classes="results"):
                self.board = _html(
                    {"run": None},
                    html_template=template("grid/board"),
                    js_on_load=mounted("grid/board", "compare"),
                    elem_id="grid-board",
                    server_functions=[saving(self.grids.to_save)],
                )
        self.build_hidden(POLL_S, "grid-id", "grid run id")
        self.grids.shown = self.run_id

    # -- events ----------------------------------------------------------------------------------------------------

    def _wire(self) -> None:
        self.shown = {self.board, self.run_id, self.timer, self.run, self.cancel, self.problem, self.header}
        self.wire()
        self.run.click(self.submit, set(self.form.inputs()), self.shown, **QUIET)
        for changed in (self.run_id.change, self.form.prompt.change):
            changed(self.form.estimate, self.form.counted(), {self.form.cost}, trigger_mode="always_last", **QUIET)

    fills = ("grid",)

    @property
    def filling(self) -> Shown:
        return {*self.form.filled(), self.problem}

    def renewed(self) -> Shown:
        return {setting for setting, _, _ in self.form.axes}

    def refresh(self, values: Values) -> Updates:
        found = self.form.choices(self.form.pair_of(values[self.form.pair]))
        return super().refresh(values) | {setting: gr.Dropdown(choices=found) for setting, _, _ in self.form.axes}

    # -- runs ------------------------------------------------------------------------------------------------------

    def submit(self, values: Values) -> Updates:
        return self.start(lambda: self.form.asked(values))

    def open(self, run_id: str) -> Updates:
        updates = self.show(run_id)
        try:
            request = GridRequest.model_validate(self.jobs.spec(run_id).config).model_dump(mode="json")
        except ValueError:
            return updates
        return updates | self.form.fill(request)

    def filled_with(self, kind: str, request: Json) -> Updates:
        return self.form.fill(request)

    def show(self, run_id: str) -> Updates:
        """Everything the tab shows of a run, as it is now."""
        try:
            view, ahead = self.grids.look(run_id)
        except (ValueError, KeyError) as error:
            return {self.problem: messages.problem(error), self.timer: looking.rest()}
        return {
            self.run_id: run_id,
            self.board: view.board(ahead),
            self.timer: looking.at(run_id, live=view.live),
            self.run: gr.Button("Drawing" if view.live else "Draw", interactive=not view.live),
            self.cancel: gr.Button(interactive=view.live),
            self.problem: "",
            self.header: worker(self.jobs),
        }


ABOUT = "Whoever tunes settings: any two or three of them against each other, on the same seeds."
TABS.add("grid")(Tab("grid", "Grid", 25, lambda page: GridTab(Grids(page.jobs), page.header), about=ABOUT))
