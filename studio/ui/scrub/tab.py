"""Scrub: every step of a run under one slider, branches from any of them, and when each part was decided.

Scrubbing itself asks no server: the page has the pictures. Handlers submit jobs and look at them, as in Compare.
"""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from studio.core.explain import count
from studio.core.files import Json
from studio.sampling.plan import Plan
from studio.ui.kit import looking, messages
from studio.ui.kit.draw_form import QUIET, DrawForm
from studio.ui.kit.draw_tab import DrawTab
from studio.ui.kit.runs import worker
from studio.ui.kit.updates import Shown, Updates, Values
from studio.ui.scrub.scrub_runs import Scrubs
from studio.ui.scrub.scrubber import scrubber
from studio.ui.tabs import TABS, Tab

POLL_S = 0.5  # between looks at a live run
START = {"seeds": "8", "teacher_steps": 25, "arms": ["teacher", "student", "hybrid-1"]}
NUMBERS = {"guidance": float, "steps": int, "noise": int, "eta": float}  # what a branch's fields are read as


class ScrubForm(DrawForm):
    def cost_said(self, plans: Sequence[Plan], seeds: int) -> str:
        nfe, steps = sum(plan.nfe for plan in plans) * seeds, sum(plan.steps for plan in plans)
        return f"{count(nfe, 'network evaluation')}, pictures of {count(steps, 'step')}"


class ScrubTab(DrawTab):
    """Builds the tab inside an open `gr.Blocks` and holds its handlers."""

    def __init__(self, scrubs: Scrubs, header: gr.HTML):
        super().__init__(scrubs, header)
        self.scrubs = scrubs
        self._build()
        self._wire()

    # -- layout ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.form = ScrubForm(self.jobs, "scrub-", START)
        with gr.Row(elem_classes="shell"):
            with gr.Column(scale=0, min_width=280, elem_classes="controls"):
                with gr.Column(elem_classes="card fields"):
                    self.form.build_prompt()
                with gr.Column(elem_classes="card fields"):
                    self.form.build_pair("Rows")
                    self.form.build_seeds()
                self.form.build_asked(folded=True)
                self.build_actions("Draw and scrub", "scrub-", "scrub-run")
            with gr.Column(scale=1, min_width=280, elem_classes="results"):
                self.scrubber = scrubber(self.jobs)
        self.build_hidden(POLL_S, "scrub-id", "scrub run id")

    # -- events ----------------------------------------------------------------------------------------------------

    def _wire(self) -> None:
        self.shown = {self.scrubber, self.run_id, self.timer, self.run, self.cancel, self.problem, self.anew,
                      self.header}  # fmt: skip
        self.wire()
        self.run.click(self.submit, set(self.form.inputs()), self.shown, **QUIET)
        self.anew.click(self.draw_anew, set(self.form.inputs()), self.shown, **QUIET)
        self.scrubber.branch(self.branch, None, self.shown, **QUIET)
        self.scrubber.states(self.states, None, self.shown, **QUIET)

    # -- runs ------------------------------------------------------------------------------------------------------

    def submit(self, values: Values) -> Updates:
        return self.start(lambda: {"draw": self.form.request(values)})

    def draw_anew(self, values: Values) -> Updates:
        return self.start(lambda: {"draw": self.form.request(values)}, anew=True)

    def branch(self, event: gr.EventData) -> Updates:
        """Another ending of a row, as a new run that shares what is there."""
        run_id = str(event.run)
        try:
            wish = {"arm": str(event.arm), "step": int(event.step), "model": str(event.model or ""),
                    "prompt": str(event.prompt or ""), "adapters": _worn(event), **_numbers(event)}  # fmt: skip
            new = self.jobs.submit("scrub", {"source": run_id, "branches": [wish]}, parent=run_id)
        except ValueError as error:
            return self.show(run_id, problem=str(error))
        return self.show(new)

    def states(self, event: gr.EventData) -> Updates:
        """The noisy states of every step of a run as pictures."""
        run_id = str(event.run)
        try:
            return self.show(self.jobs.submit("scrub", {"source": run_id, "states": True}, parent=run_id))
        except ValueError as error:
            return self.show(run_id, problem=str(error))

    def open(self, run_id: str) -> Updates:
        """Any run, scrubbed: the run itself, or the one that looks at it, made when there is none."""
        try:
            found = self.scrubs.of(run_id)
            config = self.jobs.spec(found).config
            updates = self.show(found)
        except (ValueError, KeyError) as error:
            return {self.problem: messages.problem(error)}
        drawn = config.get("draw") or self.scrubs.drawn(config.get("source"))
        return updates | (self.form.fill(drawn) if drawn else {})

    fills = ("scrub",)

    @property
    def filling(self) -> Shown:
        return {*self.form.filled(), self.problem}

    def filled_with(self, kind: str, request: Json) -> Updates:
        """What it draws; of one that looks at a run, what that run drew."""
        drawn = request.get("draw") or self.scrubs.drawn(request.get("source"))
        if drawn is None:
            raise ValueError(f"The run {request.get('source')} that it looks at is not here.")
        return self.form.fill(drawn)

    def show(self, run_id: str, problem: str = "") -> Updates:
        """Everything the page shows of a run, as it is now. `problem` stands beside the branch that was asked for."""
        try:
            board = self.scrubs.board(run_id) | {"problem": problem}
        except (ValueError, KeyError) as error:
            return {self.problem: messages.problem(error), self.timer: looking.rest()}
        return {
            self.run_id: run_id,
            self.scrubber: board,
            self.timer: looking.at(run_id, live=board["live"]),
            self.run: gr.Button("Drawing" if board["live"] else "Draw and scrub", interactive=not board["live"]),
            self.cancel: gr.Button(interactive=board["live"]),
            self.problem: "",
            self.anew: gr.Button(visible=False),
            self.header: worker(self.jobs),
        }


def _worn(event: gr.EventData) -> list[str] | None:
    """The adapters of a branch as they are written in requests; None keeps those of its parent."""
    given = str(getattr(event, "adapters", "") or "").split()
    return (None if not given else []) if given in ([], ["none"]) else given


def _numbers(event: gr.EventData) -> Json:
    """The number fields of a branch. ValueError in one sentence when one holds something else; empty ones are left out."""
    found: Json = {}
    for name, kind in NUMBERS.items():
        text = str(getattr(event, name, "") or "").strip().replace(",", ".")
        if text:
            try:
                found[name] = kind(text)
            except ValueError as error:
                what = "a whole number" if kind is int else "a number"
                raise ValueError(f"{name} is {text[:20]!r}; {what} fits, or nothing.") from error
    return found


ABOUT = "Researchers: every step of a run, and when each part of a picture was decided."
TABS.add("scrub")(Tab("scrub", "Scrub", 20, lambda page: ScrubTab(Scrubs(page.jobs), page.header), about=ABOUT))
