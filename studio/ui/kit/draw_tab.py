"""What tabs that draw runs of one kind have in common."""

from __future__ import annotations

from typing import Protocol

import gradio as gr

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library.models import Pair
from studio.ui.kit import pairs, prompt
from studio.ui.kit.updates import Updates, Values


class Runs(Protocol):
    """Reads the runs of a tab (`kit.reader.Reader`)."""

    KIND: str
    jobs: Jobs

    def recent(self) -> list[Json]: ...


class Form(Protocol):
    @property
    def prompt(self) -> gr.Textbox: ...
    @property
    def pair(self) -> gr.Dropdown: ...
    @property
    def seeds(self) -> gr.Textbox: ...


class DrawTab:
    """fields: the form. hint, seeds_line: the lines under its prompt and its seeds."""

    fields: Form
    hint: gr.HTML
    seeds_line: gr.HTML

    def __init__(self, runs: Runs):
        self.runs, self.jobs = runs, runs.jobs

    def recent(self) -> list[Json]:
        """Cards of the newest runs for the drawer."""
        return self.runs.recent()

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

    def _pair(self, pair_id: str | None) -> Pair | None:
        return pairs.known(self.jobs.paths, pair_id)

    def read_prompt(self, values: Values) -> Updates:
        return {self.hint: prompt.line(self._pair(values[self.fields.pair]), values[self.fields.prompt] or "")}

    def read_seeds(self, values: Values) -> Updates:
        return {self.seeds_line: pairs.seeds_line(values[self.fields.seeds])}
