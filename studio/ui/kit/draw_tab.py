"""What tabs that draw runs of one kind have in common: a form, a run that is watched, and its place in the address."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

import gradio as gr

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.ui.kit import looking, parts, same_request
from studio.ui.kit.address import arrived, chosen
from studio.ui.kit.draw_form import QUIET, DrawForm
from studio.ui.kit.messages import problem
from studio.ui.kit.updates import Shown, Updates, Values
from studio.ui.tabs import Page


class Runs(Protocol):
    """Reads the runs of a tab (`kit.reader.Reader`)."""

    KIND: str
    jobs: Jobs

    def recent(self) -> list[Json]: ...


class DrawTab(ABC):
    """form: what is asked for. shown: everything that `show` changes."""

    form: DrawForm
    shown: Shown
    header: gr.HTML
    run_id: gr.Textbox
    timer: gr.HTML
    run: gr.Button
    cancel: gr.Button
    problem: gr.HTML
    anew: gr.Button  # there while a run is shown that was asked for a second time

    def __init__(self, runs: Runs, header: gr.HTML):
        self.runs, self.jobs, self.header = runs, runs.jobs, header

    @abstractmethod
    def show(self, run_id: str) -> Updates:
        """Everything the tab shows of a run, as it is now."""

    @abstractmethod
    def open(self, run_id: str) -> Updates:
        """A run as it is, with its request in the form."""

    # -- layout ----------------------------------------------------------------------------------------------------

    def build_actions(self, word: str, scope: str, run: str) -> None:
        """What goes wrong, what it costs, and the two buttons. word: on the one that starts; run: its id."""
        with gr.Column(elem_classes="actions"):
            self.problem = parts.text(f"{scope}problem")
            self.anew = gr.Button("Draw it anew", size="sm", visible=False, elem_id=f"{scope}anew", elem_classes="anew")
            self.form.build_cost()
            with gr.Row(elem_classes="buttons"):
                self.run = parts.run_button(word, run, min_width=120, scale=3)
                self.cancel = parts.cancel_button(f"{scope}cancel")

    def build_hidden(self, poll_s: float, run_id: str, label: str) -> None:
        self.run_id = gr.Textbox(visible="hidden", elem_id=run_id, label=label)
        self.timer = looking.look(poll_s)

    # -- events ----------------------------------------------------------------------------------------------------

    def wire(self) -> None:
        self.form.wire()
        self.cancel.click(self.stop, {self.run_id}, self.shown, **QUIET)
        looking.on_change(self.timer, self.tick, {self.run_id}, self.shown, self.run_id)

    def start(self, request: Callable[[], Json], anew: bool = False) -> Updates:
        """Submits what the form asks for, and shows it; one sentence under the form where it does not fit. A finished run of the
        very same request is shown instead, unless it is to be drawn `anew`."""
        try:
            asked = request()
            twin = None if anew else same_request.finished(self.jobs, self.runs.KIND, asked)
            run_id = twin.id if twin else self.jobs.submit(self.runs.KIND, asked)
        except ValueError as error:
            return {self.problem: problem(error, self.runs.KIND)}
        if twin is None:
            return self.show(run_id)
        said = parts.line(same_request.said(twin), "hint")
        return self.show(run_id) | {self.problem: said, self.anew: gr.Button(visible=True)}

    def stop(self, values: Values) -> Updates:
        run_id = values[self.run_id]
        if not run_id:
            return {self.cancel: gr.Button(interactive=False)}
        try:
            self.jobs.cancel(run_id)
        except ValueError as error:
            return {self.problem: problem(error)}
        return self.show(run_id)

    def tick(self, values: Values) -> Updates:
        return self.show(values[self.run_id]) if values[self.run_id] else {self.timer: looking.rest()}

    def recent(self) -> list[Json]:
        """Cards of the newest runs for the drawer."""
        return self.runs.recent()

    # -- addresses -------------------------------------------------------------------------------------------------

    def place(self, page: Page, tab: gr.Tab) -> None:
        """What happens when the tab is chosen, when the page is loaded with one of its runs in the address, and when one is
        chosen among Recent runs."""
        self.tabs, name = page.tabs, self.runs.KIND
        self.everything = {page.tabs, *self.shown, *self.form.filled(), *self.renewed()}
        tab.select(self.refresh, {self.form.pair}, {self.form.pair, *self.renewed()}, js=chosen(name), **QUIET)
        getattr(self.header, name)(self.asked_for, None, self.everything, **QUIET)
        asked = gr.Textbox(visible="hidden")
        page.demo.load(self.arrive, asked, self.everything, js=arrived(name), **QUIET)

    def renewed(self) -> Shown:
        """What `refresh` changes besides the pairs."""
        return set()

    def refresh(self, values: Values) -> Updates:
        """What there is now: models and adapters are made while the page is open."""
        return self.form.refresh()

    def asked_for(self, event: gr.EventData) -> Updates:
        return {self.tabs: gr.Tabs(selected=self.runs.KIND)} | self.open(str(event.run))

    def arrive(self, asked: str) -> Updates:
        """On page load: the run of the address (?scrub=…, or ?run=… when that is a scrub run), in front when it was."""
        here, run = self.of_address(asked)
        front = {self.tabs: gr.Tabs(selected=self.runs.KIND)} if here else {}
        return {self.problem: ""} | front | (self.open(run) if run else {})  # Gradio wants at least one

    def of_address(self, words: str) -> tuple[bool, str]:
        """(whether the tab is to be in front, the run to open or "") of what `kit.address.arrived` sends; ?run=… counts where
        it is of this kind."""
        tab, own, run = (str(words or "").split(" ") + ["", "", ""])[:3]
        if run and not own and self._is_mine(run):
            tab, own = self.runs.KIND, run
        return tab == self.runs.KIND, own

    def _is_mine(self, run_id: str) -> bool:
        try:
            return self.jobs.get(run_id).kind == self.runs.KIND
        except ValueError:
            return False
