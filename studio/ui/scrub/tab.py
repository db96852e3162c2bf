"""Scrub: every step of a run under one slider, branches from any of them, and when each part was decided.

Scrubbing itself asks no server: the page has the pictures. Handlers submit jobs and look at them, as in Compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.core.files import Json
from studio.library.draw_request import CompareRequest, plans_for
from studio.library.models import Pair, load_registry
from studio.library.seeds import parse_seeds
from studio.ui.kit import pairs, parts, prompt
from studio.ui.kit.address import arrived, chosen
from studio.ui.kit.draw_tab import DrawTab
from studio.ui.kit.runs import worker
from studio.ui.kit.seeds import write_seeds
from studio.ui.kit.updates import Updates, Values
from studio.ui.scrub.scrub_runs import Scrubs
from studio.ui.scrub.scrubber import scrubber
from studio.ui.tabs import TABS, Page, Tab

POLL_S = 0.5  # between looks at a live run
START = {"seeds": "8", "teacher_steps": 25, "arms": ["teacher", "student", "hybrid-1"]}
NUMBERS = {"guidance": float, "steps": int, "noise": int, "eta": float}  # what a branch's fields are read as
_QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


@dataclass
class Fields:
    """The components of the form, by the names of the request's fields."""

    prompt: gr.Textbox
    pair: gr.Dropdown
    arms: gr.CheckboxGroup
    seeds: gr.Textbox
    teacher_steps: gr.Number
    teacher_guidance: gr.Number

    def inputs(self) -> set[Any]:
        return set(vars(self).values())


class ScrubTab(DrawTab):
    """Builds the tab inside an open `gr.Blocks` and holds its handlers."""

    def __init__(self, scrubs: Scrubs, header: gr.HTML):
        super().__init__(scrubs)
        self.scrubs, self.header = scrubs, header
        self._build()
        self._wire()

    # -- layout ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        listed = load_registry(self.jobs.paths).pairs()
        first = next((pair for pair in listed if pair.available), listed[0] if listed else None)
        with gr.Row(elem_classes="shell"):
            with gr.Column(scale=0, min_width=280, elem_classes="controls"):
                self._build_form(listed, first)
            with gr.Column(scale=1, min_width=280, elem_classes="results"):
                self.scrubber = scrubber(self.jobs)
        self.run_id = gr.Textbox(visible="hidden", elem_id="scrub-id", label="scrub run id")
        self.before = gr.Textbox(first.id if first else "", visible="hidden", label="pair before")
        self.timer = gr.Timer(POLL_S, active=False)

    def _build_form(self, listed: list[Pair], first: Pair | None) -> None:
        with gr.Column(elem_classes="card fields"):
            begin = prompt.beginning(prompt.domain_for(first))
            text = gr.Textbox(begin, label="Prompt", lines=2, max_lines=5, elem_id="scrub-prompt")
            self.hint = parts.text("scrub-prompt-line", prompt.line(first, begin))
        with gr.Column(elem_classes="card fields"):
            pair = gr.Dropdown(
                [(pairs.title(p), p.id) for p in listed],
                value=first.id if first else None,
                label="Teacher and student",
                filterable=False,
                elem_id="scrub-pair",
            )
            self.pair_line = parts.text("scrub-pair-line", pairs.line(first))
            chosen = gr.CheckboxGroup(
                pairs.arm_choices(pairs.student_steps(first)), value=START["arms"], label="Rows", elem_id="scrub-arms"
            )
            seeds = gr.Textbox(START["seeds"], label="Seeds", elem_id="scrub-seeds", max_lines=1)
            self.seeds_line = parts.text("scrub-seeds-line", pairs.seeds_line(START["seeds"]))
            with gr.Row(elem_classes="pair-of"):
                steps = gr.Number(
                    START["teacher_steps"], label="Teacher steps", precision=0, min_width=100, elem_id="scrub-steps"
                )
                guidance = gr.Number(
                    pairs.guidance(first), label="Teacher guidance", step=0.5, min_width=100, elem_id="scrub-guidance"
                )
        with gr.Column(elem_classes="actions"):
            self.problem = parts.text("scrub-problem")
            self.cost = parts.text("scrub-cost")
            with gr.Row(elem_classes="buttons"):
                self.run = parts.run_button("Draw and scrub", "scrub-run", min_width=120, scale=3)
                self.cancel = parts.cancel_button("scrub-cancel")
        self.fields = Fields(text, pair, chosen, seeds, steps, guidance)

    # -- events ----------------------------------------------------------------------------------------------------

    def _wire(self) -> None:
        f, typed = self.fields, {"trigger_mode": "always_last", **_QUIET}
        self.shown = {self.scrubber, self.run_id, self.timer, self.run, self.cancel, self.problem, self.header}
        self.filled = f.inputs() | {self.pair_line, self.seeds_line, self.hint}
        self.run.click(self.submit, f.inputs(), self.shown, **_QUIET)
        self.cancel.click(self.stop, {self.run_id}, self.shown, **_QUIET)
        self.timer.tick(self.tick, {self.run_id}, self.shown, **_QUIET)
        self.scrubber.branch(self.branch, None, self.shown, **_QUIET)
        self.scrubber.states(self.states, None, self.shown, **_QUIET)
        f.prompt.change(self.read_prompt, {f.prompt, f.pair}, {self.hint}, **typed)
        f.seeds.change(self.read_seeds, {f.seeds}, {self.seeds_line}, **typed)
        f.pair.change(
            self.choose_pair,
            {f.pair, f.arms, f.teacher_guidance, self.before},
            {self.pair_line, f.arms, f.teacher_guidance, self.before},
            **_QUIET,
        )
        counted = [f.pair, f.arms, f.seeds, f.teacher_steps, f.teacher_guidance]
        gr.on([field.change for field in counted], self.estimate, f.inputs(), {self.cost}, **typed)

    def place(self, page: Page, tab: gr.Tab) -> None:
        """What happens when the tab is chosen, when the page is loaded with a scrub run in its address, and when a run is to
        be scrubbed from Recent runs."""
        self.tabs = page.tabs
        self.everything = everything = self.shown | self.filled | {page.tabs}
        tab.select(self.refresh, None, {self.fields.pair}, js=chosen("scrub"), **_QUIET)
        self.header.scrub(self.asked_for, None, everything, **_QUIET)
        asked = gr.Textbox(visible="hidden")
        page.demo.load(self.arrive, asked, everything, js=arrived("scrub"), **_QUIET)

    def asked_for(self, event: gr.EventData) -> Updates:
        return {self.tabs: gr.Tabs(selected="scrub")} | self.open(str(event.run))

    def arrive(self, asked: str) -> Updates:
        """On page load: the run of the address (?scrub=…, or ?run=… when that is a scrub run), in front when it was."""
        here, scrub = self.of_address(asked)
        front = {self.tabs: gr.Tabs(selected="scrub")} if here else {}
        return front | self.refresh() | (self.open(scrub) if scrub else {})

    # -- the form --------------------------------------------------------------------------------------------------

    def request(self, values: Values) -> Json:
        """The form as the `draw` of a request. ValueError in one sentence when a field cannot be read."""
        f = self.fields
        guidance = values[f.teacher_guidance]
        return {
            "prompt": values[f.prompt] or "",
            "pair": values[f.pair] or "",
            "arms": pairs.in_order(list(values[f.arms] or [])),
            "seeds": parse_seeds(values[f.seeds]),
            "teacher_steps": values[f.teacher_steps],
            "teacher_guidance": None if guidance == pairs.guidance(self._pair(values[f.pair])) else guidance,
        }

    def fill(self, request: Mapping[str, Any]) -> Updates:
        """Updates that put what was drawn back into the form."""
        f, pair = self.fields, self._pair(request.get("pair"))
        guidance = request.get("teacher_guidance")
        offered = pairs.arm_choices(pairs.student_steps(pair))
        known = [arm for _, arm in offered]
        return {
            f.prompt: request["prompt"],
            f.pair: request["pair"] if pair else gr.skip(),
            f.arms: gr.CheckboxGroup(offered, value=[arm for arm in request["arms"] if arm in known]),
            f.seeds: write_seeds(request["seeds"]),
            f.teacher_steps: request["teacher_steps"],
            f.teacher_guidance: guidance if guidance is not None else pairs.guidance(pair),
            self.pair_line: pairs.line(pair),
            self.seeds_line: pairs.seeds_line(write_seeds(request["seeds"])),
            self.hint: prompt.line(pair, request["prompt"]),
        }

    def choose_pair(self, values: Values) -> Updates:
        f, pair = self.fields, self._pair(values[self.fields.pair])
        offered = pairs.arm_choices(pairs.student_steps(pair))
        kept = [arm for arm in values[f.arms] if arm in [name for _, name in offered]] or ["teacher", "student"]
        return {self.pair_line: pairs.line(pair), f.arms: gr.CheckboxGroup(offered, value=kept),
                f.teacher_guidance: pairs.guidance_kept(values[f.teacher_guidance], self._pair(values[self.before]), pair),
                self.before: values[f.pair] or ""}  # fmt: skip

    def estimate(self, values: Values) -> Updates:
        """What Draw would cost; nothing while the form does not fit (the button says why)."""
        try:
            request = CompareRequest.model_validate(self.request(values) | {"prompt": "any"})
            plans = plans_for(request, load_registry(self.jobs.paths))
        except ValueError:
            return {self.cost: ""}
        nfe, steps = sum(plan.nfe for plan in plans) * len(request.seeds), sum(plan.steps for plan in plans)
        return {self.cost: parts.line(f"{nfe:,} network evaluations, pictures of {steps} steps", "hint")}

    def refresh(self) -> Updates:
        """The pairs there are now: students are taught while the page is open."""
        return {self.fields.pair: gr.Dropdown(choices=[(pairs.title(p), p.id) for p in load_registry(self.jobs.paths).pairs()])}

    # -- runs ------------------------------------------------------------------------------------------------------

    def submit(self, values: Values) -> Updates:
        try:
            run_id = self.jobs.submit("scrub", {"draw": self.request(values)})
        except ValueError as error:
            return {self.problem: parts.line(str(error), "problem")}
        return self.show(run_id)

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

    def stop(self, values: Values) -> Updates:
        run_id = values[self.run_id]
        if not run_id:
            return {self.cancel: gr.Button(interactive=False)}
        try:
            self.jobs.cancel(run_id)
        except ValueError as error:
            return {self.problem: parts.line(str(error), "problem")}
        return self.show(run_id)

    def tick(self, values: Values) -> Updates:
        return self.show(values[self.run_id]) if values[self.run_id] else {self.timer: gr.Timer(active=False)}

    def open(self, run_id: str) -> Updates:
        """Any run, scrubbed: the run itself, or the one that looks at it, made when there is none."""
        try:
            found = self.scrubs.of(run_id)
            config = self.jobs.spec(found).config
            updates = self.show(found)
        except (ValueError, KeyError) as error:
            return {self.problem: parts.line(str(error), "problem")}
        drawn = config.get("draw") or self._drawn(config.get("source"))
        return updates | (self.fill(drawn) if drawn else {})

    def _drawn(self, run_id: str | None) -> Json | None:
        """The request that drew what a run looks at; None when that run has gone."""
        try:
            config = self.jobs.spec(str(run_id)).config
        except ValueError:
            return None
        return config if "prompt" in config else config.get("draw") or self._drawn(config.get("source"))

    def show(self, run_id: str, problem: str = "") -> Updates:
        """Everything the page shows of a run, as it is now. `problem` stands beside the branch that was asked for."""
        try:
            board = self.scrubs.board(run_id) | {"problem": problem}
        except (ValueError, KeyError) as error:
            return {self.problem: parts.line(str(error), "problem"), self.timer: gr.Timer(active=False)}
        return {
            self.run_id: run_id,
            self.scrubber: board,
            self.timer: gr.Timer(active=board["live"]),
            self.run: gr.Button("Drawing" if board["live"] else "Draw and scrub", interactive=not board["live"]),
            self.cancel: gr.Button(interactive=board["live"]),
            self.problem: "",
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


TABS.add("scrub")(Tab("scrub", "Scrub", 20, lambda page: ScrubTab(Scrubs(page.jobs), page.header)))
