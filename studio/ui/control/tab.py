"""Control: adapters on teacher, student and hybrid at once, one of them over a row of strengths, and what it does to each.

Handlers submit jobs and look at them, as in Compare. The shelf below (`studio.ui.control.adapters`) brings adapters in and out.
"""

from __future__ import annotations

import html
import json
from typing import Any

import gradio as gr

from studio.capabilities.control.request import ControlRequest
from studio.core.files import Json
from studio.ui.control import view as controlview
from studio.ui.control.adapters import Shelf
from studio.ui.control.control_runs import Controls
from studio.ui.control.form import ControlForm
from studio.ui.kit import looking, parts
from studio.ui.kit.draw_form import QUIET
from studio.ui.kit.draw_tab import DrawTab
from studio.ui.kit.exports import saving
from studio.ui.kit.messages import problem
from studio.ui.kit.runs import worker
from studio.ui.kit.scripts import called
from studio.ui.kit.updates import Shown, Updates, Values
from studio.ui.tabs import TABS, Page, Tab

POLL_S = 0.5  # between looks at a live run


class ControlTab(DrawTab):
    """Builds the tab inside an open `gr.Blocks` and holds its handlers."""

    form: ControlForm

    def __init__(self, controls: Controls, header: gr.HTML, shelf: Shelf):
        super().__init__(controls, header)
        self.controls, self.shelf = controls, shelf
        self._build()
        self._wire()

    # -- layout ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        with gr.Row(elem_classes="shell"):
            with gr.Column(scale=0, min_width=280, elem_classes="controls"):
                self.form = ControlForm(self.controls)
                self.build_actions("Draw", "control-", "control-run")
            with gr.Column(scale=1, min_width=280, elem_classes="results"):
                self.board = parts.mounted_html({"run": None}, "control/board", "control-board", saving(self.controls.to_save))
                with gr.Column(visible=False, elem_classes="card") as self.under:
                    self.plot = parts.live_plot("The response appears when the first arm is drawn.", "control-plot")
                with gr.Column(visible=False, elem_classes="card") as self.figures:
                    self.table = parts.text("control-table")
                self.shelf.build(self.form.listed)
        self.asked = gr.Textbox("{}", visible="hidden", label="adapters")  # filled by the browser when Draw is pressed
        self.build_hidden(POLL_S, "control-id", "control run id")

    # -- events ----------------------------------------------------------------------------------------------------

    def _wire(self) -> None:
        form = self.form
        self.shown = {self.board, self.plot, self.table, self.under, self.figures, self.run_id, self.timer, self.run, self.cancel,
                      self.problem, self.anew, self.header}  # fmt: skip
        self.wire()
        worn = called("control/adapters_on", "readWorn")
        self.run.click(self.submit, [self.asked, *form.inputs()], list(self.shown), js=worn, **QUIET)
        self.anew.click(self.draw_anew, [self.asked, *form.inputs()], list(self.shown), js=worn, **QUIET)
        self.shelf.wire({form.pair}, form.worn, lambda values: form.adapters(form.pair_of(values[form.pair])))

    def renewed(self) -> Shown:
        return {self.form.worn, self.form.follow.controlnet, *self.shelf.shown}

    def refresh(self, values: Values) -> Updates:
        pair = self.form.pair_of(values[self.form.pair])
        nets = gr.Dropdown(choices=self.form.controls.controlnets(pair))
        now = {self.form.worn: self.form.adapters(pair), self.form.follow.controlnet: nets}
        return super().refresh(values) | now | self.shelf.show(newest=False)

    # -- runs ------------------------------------------------------------------------------------------------------

    def submit(self, worn: str, *typed: Any) -> Updates:
        values = dict(zip(self.form.inputs(), typed, strict=True))
        return self.start(lambda: self.form.asked(json.loads(worn or "{}"), values))

    def draw_anew(self, worn: str, *typed: Any) -> Updates:
        values = dict(zip(self.form.inputs(), typed, strict=True))
        return self.start(lambda: self.form.asked(json.loads(worn or "{}"), values), anew=True)

    def open(self, run_id: str) -> Updates:
        updates = self.show(run_id)
        try:
            request = ControlRequest.model_validate(self.jobs.spec(run_id).config).model_dump(mode="json")
        except ValueError:
            return updates
        return updates | self.form.fill(request)

    fills = ("control",)

    @property
    def filling(self) -> Shown:
        return {*self.form.filled(), self.problem}

    def filled_with(self, kind: str, request: Json) -> Updates:
        return self.form.fill(request)

    def ready(self, adapter: str, base: str, prompt: str) -> Updates:
        """The form with this adapter over the row, on the pair of the model it was taught to. ValueError where there is none."""
        return self.form.fill(self.form.worn_on(adapter, base, prompt))

    def show(self, run_id: str) -> Updates:
        """Everything the tab shows of a run, as it is now."""
        try:
            view, ahead = self.controls.look(run_id)
        except (ValueError, KeyError) as error:
            return {self.problem: problem(error), self.timer: looking.rest()}
        figure, table = view.figure(), view.table()
        return {
            self.run_id: run_id,
            self.board: view.board(ahead),
            self.plot: figure,
            self.table: table_html(table) if table else "",
            self.under: gr.Column(visible=figure is not None),
            self.figures: gr.Column(visible=table is not None),
            self.timer: looking.at(run_id, live=view.live),
            self.run: gr.Button("Drawing" if view.live else "Draw", interactive=not view.live),
            self.cancel: gr.Button(interactive=view.live),
            self.problem: "",
            self.anew: gr.Button(visible=False),
            self.header: worker(self.jobs),
        }


def table_html(table: Json) -> str:
    """What the adapter does to every arm."""
    heads = "".join(f'<th scope="col">{head}</th>' for head in table["heads"])
    body = ""
    for row in table["rows"]:
        cells = "".join(
            f'<td data-label="{head}"><b>{value}</b>{f" <small>{reach}</small>" if reach else ""}</td>'
            for head, (value, reach) in zip(table["heads"][1:], row["cells"], strict=True)
        )
        name = f'<th scope="row" style="--tone:var(--arm-{row["tone"]})"><i></i>{html.escape(row["title"])}</th>'
        body += f"<tr>{name}{cells}</tr>"
    return (
        f'<table class="figures"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'
        f'<p class="table-note">{controlview.NOTE}</p>'
    )


def _build(page: Page) -> ControlTab:
    return ControlTab(Controls(page.jobs), page.header, Shelf(page.jobs, page.panel))


ABOUT = "Artists: sliders, LoRAs and pictures to follow, on teacher and student alike."
TABS.add("control")(Tab("control", "Control", 30, _build, about=ABOUT))
