"""Control: adapters on teacher, student and hybrid at once, one of them over a row of strengths, and what it does to each.

The adapters of the form live in a component of their own (`assets/ui/control/adapters_on.js`) and are read when Draw is pressed.
Handlers submit jobs and look at them, as in Compare. The shelf below (`studio.ui.control.adapters`) brings adapters in and out.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.capabilities.control.request import STRENGTHS, ControlRequest
from studio.core.files import Json
from studio.library.draw_request import CompareRequest, plans_for
from studio.library.models import Pair, load_registry
from studio.library.seeds import parse_seeds
from studio.ui.control import view as controlview
from studio.ui.control.adapters import Shelf
from studio.ui.control.control_runs import Controls
from studio.ui.control.hint_card import HintCard
from studio.ui.kit import pairs, parts, prompt
from studio.ui.kit.address import arrived, chosen
from studio.ui.kit.draw_tab import DrawTab
from studio.ui.kit.exports import saving
from studio.ui.kit.runs import worker
from studio.ui.kit.scripts import called, mounted
from studio.ui.kit.seeds import write_seeds
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Updates, Values
from studio.ui.tabs import TABS, Page, Tab

POLL_S = 0.5  # between looks at a live run
START = {"seeds": "4", "teacher_steps": 10, "arms": ["teacher", "student", "hybrid-1"]}
BEGIN = "size"  # of the shipped adapters, the one whose effect is seen at once
_QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


@dataclass
class Fields:
    """The components of the form, in the order Draw reads them."""

    prompt: gr.Textbox
    pair: gr.Dropdown
    arms: gr.CheckboxGroup
    seeds: gr.Textbox
    teacher_steps: gr.Number
    teacher_guidance: gr.Number
    controlnet: gr.Dropdown
    weight: gr.Slider
    scene: gr.Number
    picture: gr.Textbox

    def inputs(self) -> list[Any]:
        return list(vars(self).values())


class ControlTab(DrawTab):
    """Builds the tab inside an open `gr.Blocks` and holds its handlers."""

    def __init__(self, controls: Controls, header: gr.HTML, shelf: Shelf):
        super().__init__(controls)
        self.controls, self.header, self.shelf = controls, header, shelf
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
                self.board = _html({"run": None}, "control/board", "control-board", saving(self.controls.to_save))
                with gr.Column(visible=False, elem_classes="card") as self.under:
                    self.plot = parts.live_plot("The response appears when the first arm is drawn.", "control-plot")
                with gr.Column(visible=False, elem_classes="card") as self.figures:
                    self.table = parts.text("control-table")
                self.shelf.build(listed)
        self.run_id = gr.Textbox(visible="hidden", elem_id="control-id", label="control run id")
        self.before = gr.Textbox(first.id if first else "", visible="hidden", label="pair before")
        self.timer = gr.Timer(POLL_S, active=False)

    def _build_form(self, listed: list[Pair], first: Pair | None) -> None:
        with gr.Column(elem_classes="card fields"):
            begin = prompt.beginning(prompt.domain_for(first))
            text = gr.Textbox(begin, label="Prompt", lines=2, max_lines=5, elem_id="control-prompt")
            self.hint = parts.text("control-prompt-line", prompt.line(first, begin))
        with gr.Column(elem_classes="card fields"):
            begin = next((one["id"] for one in self.controls.known(first) if one["id"].endswith(f"/{BEGIN}")), "")
            worn = {"worn": [{"id": begin, "strength": 1.0, "on": "all"}], "vary": begin} if begin else {}
            self.worn = _html(self._worn(first, **worn), "control/adapters_on", "control-worn")
        with gr.Column(elem_classes="card fields"):
            pair = gr.Dropdown(
                [(pairs.title(p), p.id) for p in listed],
                value=first.id if first else None,
                label="Teacher and student",
                filterable=False,
                elem_id="control-pair",
            )
            self.pair_line = parts.text("control-pair-line", pairs.line(first))
            chosen = gr.CheckboxGroup(
                pairs.arm_choices(pairs.student_steps(first)), value=START["arms"], label="Rows", elem_id="control-arms"
            )
            seeds = gr.Textbox(START["seeds"], label="Seeds", elem_id="control-seeds", max_lines=1)
            self.seeds_line = parts.text("control-seeds-line", pairs.seeds_line(START["seeds"]))
            with gr.Row(elem_classes="pair-of"):
                steps = gr.Number(
                    START["teacher_steps"], label="Teacher steps", precision=0, min_width=100, elem_id="control-steps"
                )
                guidance = gr.Number(
                    pairs.guidance(first), label="Teacher guidance", step=0.5, min_width=100, elem_id="control-guidance"
                )
        self.follow = HintCard(self.jobs, self.controls.controlnets(first))
        with gr.Column(elem_classes="actions"):
            self.problem = parts.text("control-problem")
            self.cost = parts.text("control-cost")
            with gr.Row(elem_classes="buttons"):
                self.run = parts.run_button("Draw", "control-run", min_width=120, scale=3)
                self.cancel = parts.cancel_button("control-cancel")
        self.fields = Fields(text, pair, chosen, seeds, steps, guidance, *self.follow.fields)
        self.asked = gr.Textbox("{}", visible="hidden", label="adapters")  # filled by the browser when Draw is pressed

    def _worn(self, pair: Pair | None, **more: Any) -> Json:
        return {"known": self.controls.known(pair), **more}

    # -- events ----------------------------------------------------------------------------------------------------

    def _wire(self) -> None:
        f, typed = self.fields, {"trigger_mode": "always_last", **_QUIET}
        self.shown = [self.board, self.plot, self.table, self.under, self.figures, self.run_id, self.timer, self.run, self.cancel,
                      self.problem, self.header]  # fmt: skip
        self.filled = [*f.inputs(), self.worn, self.pair_line, self.seeds_line, self.hint]
        self.run.click(self.submit, [self.asked, *f.inputs()], self.shown, js=called("control/adapters_on", "readWorn"), **_QUIET)
        self.cancel.click(self.stop, {self.run_id}, self.shown, **_QUIET)
        self.timer.tick(self.tick, {self.run_id}, self.shown, **_QUIET)
        f.prompt.change(self.read_prompt, {f.prompt, f.pair}, {self.hint}, **typed)
        f.seeds.change(lambda text: pairs.seeds_line(text), f.seeds, self.seeds_line, **typed)
        chosen = {self.pair_line, f.arms, f.teacher_guidance, f.controlnet, self.worn, self.before}
        self.follow.wire()
        f.pair.change(self.choose_pair, {f.pair, f.arms, f.teacher_guidance, f.controlnet, self.before}, chosen, **_QUIET)
        gr.on([field.change for field in f.inputs()[1:]], self.estimate, set(f.inputs()), {self.cost}, **typed)
        self.shelf.wire({f.pair}, self.worn, lambda values: self._worn(self._pair(values[f.pair])))

    def place(self, page: Page, tab: gr.Tab) -> None:
        """What happens when the tab is chosen, when the page is loaded with a control run in its address, and when one is
        chosen among Recent runs."""
        self.tabs, f = page.tabs, self.fields
        everything = {page.tabs, *self.shown, *self.filled, *self.shelf.shown}
        tab.select(self.refresh, {f.pair}, {f.pair, self.worn, *self.shelf.shown}, js=chosen("control"), **_QUIET)
        self.header.control(self.asked_for, None, everything, **_QUIET)
        asked = gr.Textbox(visible="hidden")
        page.demo.load(self.arrive, asked, everything, js=arrived("control"), **_QUIET)

    def asked_for(self, event: gr.EventData) -> Updates:
        return {self.tabs: gr.Tabs(selected="control")} | self.open(str(event.run))

    def arrive(self, asked: str) -> Updates:
        """On page load: the run of the address (?control=…, or ?run=… when that is a control run), in front when it was."""
        here, control = self.of_address(asked)
        front = {self.tabs: gr.Tabs(selected="control")} if here else {}
        return {self.problem: ""} | front | (self.open(control) if control else {})  # Gradio wants at least one

    # -- the form --------------------------------------------------------------------------------------------------

    def request(self, worn: Mapping[str, Any], values: Values) -> Json:
        """The form as a request. ValueError in one sentence when something is missing or cannot be read."""
        uses, vary = [dict(use) for use in worn.get("worn") or []], str(worn.get("vary") or "")
        varied = next((use for use in uses if use.get("id") == vary), None)
        if varied is None:
            raise ValueError("No adapter is chosen to go over the row; choose one, or train one below.")
        return {"draw": self._draw(values) | {"adapters": [use for use in uses if use is not varied]},
                "vary": varied | {"strength": 1.0}, "strengths": list(STRENGTHS)}  # fmt: skip

    def _draw(self, values: Values) -> Json:
        f = self.fields
        guidance = values[f.teacher_guidance]
        return {
            "prompt": values[f.prompt] or "", "pair": values[f.pair] or "", "arms": pairs.in_order(list(values[f.arms] or [])),
            "seeds": parse_seeds(values[f.seeds]), "teacher_steps": values[f.teacher_steps], "previews": False,
            "teacher_guidance": None if guidance == pairs.guidance(self._pair(values[f.pair])) else guidance,
            "hints": self.follow.hints(values),
        }  # fmt: skip

    def fill(self, request: Mapping[str, Any]) -> Updates:
        """Updates that put what was drawn back into the form."""
        f, draw = self.fields, request["draw"]
        pair = self._pair(draw.get("pair"))
        guidance = draw.get("teacher_guidance")
        offered = pairs.arm_choices(pairs.student_steps(pair))
        worn, hint = [*draw.get("adapters", []), request["vary"]], (draw.get("hints") or [{}])[0]
        return {
            f.prompt: draw["prompt"],
            f.pair: draw["pair"] if pair else gr.skip(),
            f.arms: gr.CheckboxGroup(offered, value=[arm for arm in draw["arms"] if arm in [name for _, name in offered]]),
            f.seeds: write_seeds(draw["seeds"]),
            f.teacher_steps: draw["teacher_steps"],
            f.teacher_guidance: guidance if guidance is not None else pairs.guidance(pair),
            self.worn: self._worn(pair, worn=worn, vary=request["vary"]["id"]),
            f.controlnet: gr.Dropdown(self.controls.controlnets(pair), value=hint.get("id", "")),
            f.weight: hint.get("weight", 1),
            f.scene: hint["scene"] if hint.get("scene") is not None else gr.skip(),
            f.picture: hint.get("picture", ""),
            self.pair_line: pairs.line(pair),
            self.seeds_line: pairs.seeds_line(write_seeds(draw["seeds"])),
            self.hint: prompt.line(pair, draw["prompt"]),
        }

    def choose_pair(self, values: Values) -> Updates:
        f, pair = self.fields, self._pair(values[self.fields.pair])
        offered = pairs.arm_choices(pairs.student_steps(pair))
        kept = [arm for arm in values[f.arms] if arm in [name for _, name in offered]] or ["teacher", "student"]
        nets, net = self.controls.controlnets(pair), values[f.controlnet]
        return {self.pair_line: pairs.line(pair), f.arms: gr.CheckboxGroup(offered, value=kept),
                f.teacher_guidance: pairs.guidance_kept(values[f.teacher_guidance], self._pair(values[self.before]), pair),
                f.controlnet: gr.Dropdown(nets, value=net if net in [name for _, name in nets] else ""),
                self.worn: self._worn(pair), self.before: values[f.pair] or ""}  # fmt: skip

    def estimate(self, values: Values) -> Updates:
        """What Draw would cost; nothing while the form does not fit (the button says why)."""
        try:
            request = CompareRequest.model_validate(self._draw(values) | {"prompt": "any"})
            plans = plans_for(request, load_registry(self.jobs.paths))
        except ValueError:
            return {self.cost: ""}
        nfe = sum(plan.nfe for plan in plans) * len(request.seeds) * len(STRENGTHS)
        many = len(plans) * len(STRENGTHS) * len(request.seeds)
        return {self.cost: parts.line(f"{many:,} pictures, at most {nfe:,} network evaluations", "hint")}

    def refresh(self, values: Values) -> Updates:
        """The pairs and adapters there are now: both are made while the page is open."""
        registry, f = load_registry(self.jobs.paths), self.fields
        choices = [(pairs.title(p), p.id) for p in registry.pairs()]
        return {f.pair: gr.Dropdown(choices=choices), self.worn: self._worn(self._pair(values[f.pair])),
                **self.shelf.show(newest=False)}  # fmt: skip

    # -- runs ------------------------------------------------------------------------------------------------------

    def submit(self, worn: str, *typed: Any) -> Updates:
        try:
            asked = json.loads(worn or "{}")
            run_id = self.jobs.submit("control", self.request(asked, dict(zip(self.fields.inputs(), typed, strict=True))))
        except ValueError as error:
            return {self.problem: parts.line(str(error), "problem")}
        return self.show(run_id)

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
        """A control run as it is, with its request in the form."""
        updates = self.show(run_id)
        try:
            request = ControlRequest.model_validate(self.jobs.spec(run_id).config).model_dump(mode="json")
        except ValueError:
            return updates
        return updates | self.fill(request)

    def show(self, run_id: str) -> Updates:
        """Everything the tab shows of a run, as it is now."""
        try:
            view, ahead = self.controls.look(run_id)
        except (ValueError, KeyError) as error:
            return {self.problem: parts.line(str(error), "problem"), self.timer: gr.Timer(active=False)}
        figure, table = view.figure(), view.table()
        return {
            self.run_id: run_id,
            self.board: view.board(ahead),
            self.plot: figure,
            self.table: table_html(table) if table else "",
            self.under: gr.Column(visible=figure is not None),
            self.figures: gr.Column(visible=table is not None),
            self.timer: gr.Timer(active=view.live),
            self.run: gr.Button("Drawing" if view.live else "Draw", interactive=not view.live),
            self.cancel: gr.Button(interactive=view.live),
            self.problem: "",
            self.header: worker(self.jobs),
        }


def table_html(table: Mapping[str, Any]) -> str:
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


def _html(value: Json, name: str, elem_id: str, *served: Callable[[Json], Json]) -> gr.HTML:
    """A component of the tab, and what its script may ask the server for."""
    js, markup = mounted(name), template(name)
    return gr.HTML(
        value, html_template=markup, js_on_load=js, apply_default_css=False, elem_id=elem_id, server_functions=list(served)
    )


def _build(page: Page) -> ControlTab:
    return ControlTab(Controls(page.jobs), page.header, Shelf(page.jobs, page.panel))


TABS.add("control")(Tab("control", "Control", 30, _build))
