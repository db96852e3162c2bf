"""The form of Control: what is drawn, a picture it may follow, and the adapters, one of which goes over the row.

The adapters live in a component of their own (`assets/ui/control/adapters_on.js`) and are read when Draw is pressed.
"""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr
from gradio.components import Component

from studio.capabilities.control.request import STRENGTHS
from studio.core.explain import count
from studio.core.files import Json
from studio.library.models import Pair, load_registry
from studio.library.seeds import parse_seeds
from studio.sampling.plan import Plan
from studio.ui.control.control_runs import Controls
from studio.ui.control.hint_card import HintCard
from studio.ui.control.references_card import STRENGTHS as HEARD
from studio.ui.control.references_card import ReferencesCard
from studio.ui.kit.draw_form import DrawForm
from studio.ui.kit.parts import mounted_html
from studio.ui.kit.updates import Shown, Updates, Values

START = {"seeds": "4", "teacher_steps": 10, "arms": ["teacher", "student", "hybrid-1"]}
BEGIN = "size"  # of the shipped adapters, the one whose effect is seen at once


class ControlForm(DrawForm):
    """Builds its cards inside an open `gr.Blocks`."""

    times = len(STRENGTHS)

    def __init__(self, controls: Controls):
        super().__init__(controls.jobs, "control-", START)
        self.controls = controls
        with gr.Column(elem_classes="card fields"):
            self.build_prompt()
        with gr.Column(elem_classes="card fields"):
            begin = next((one["id"] for one in controls.known(self.first) if one["id"].endswith(f"/{BEGIN}")), "")
            worn = {"worn": [{"id": begin, "strength": 1.0, "on": "all"}], "vary": begin} if begin else {}
            self.worn = mounted_html(self.adapters(self.first) | worn, "control/adapters_on", "control-worn")
        with gr.Column(elem_classes="card fields"):
            self.build_pair("Rows")
            self.build_seeds()
        self.follow = HintCard(self.jobs, controls.controlnets(self.first))
        self.refer = ReferencesCard(self.jobs, self.first)
        self.build_asked(folded=True)

    def adapters(self, pair: Pair | None) -> Json:
        """What the component of the adapters is told: those that fit the pair."""
        return {"known": self.controls.known(pair)}

    # -- what it holds ---------------------------------------------------------------------------------------------

    def inputs(self) -> list[Component]:
        return [*super().inputs(), *self.follow.fields, *self.refer.fields]

    def filled(self) -> Shown:
        return {*super().filled(), self.worn}

    def request(self, values: Values) -> Json:
        """What is drawn, without its adapters."""
        draw, references = super().request(values), self.refer.references(values)
        shown = {"additions": {**draw.get("additions", {}), "references": references}} if references else {}
        return draw | {"previews": False, "hints": self.follow.hints(values)} | shown

    def asked(self, worn: Json, values: Values) -> Json:
        """The form as a request of kind "control". worn: as the component of the adapters says. ValueError in one sentence when
        something is missing or cannot be read."""
        uses, vary = [dict(use) for use in worn.get("worn") or []], str(worn.get("vary") or "")
        varied = next((use for use in uses if use.get("id") == vary), None)
        if varied is None:
            raise ValueError("No adapter is chosen to go over the row; choose one, or train one below.")
        draw = self.request(values) | {"adapters": [use for use in uses if use is not varied]}
        entry = self.controls.adapters.entries.get(vary)
        reads = entry is not None and bool(entry.card.get("attributes"))
        if self.refer.references(values) and not reads:
            raise ValueError(
                f"{vary} goes over the row and reads no reference pictures; choose an adapter that does, or take nothing of any."
            )
        return {"draw": draw, "vary": varied | {"strength": 1.0}, "strengths": list(HEARD if reads else STRENGTHS)}

    def worn_on(self, adapter: str, base: str, prompt: str) -> Json:
        """A request to begin with: this adapter over the row. base: id of a student, or of a teacher. ValueError where no pair
        has it."""
        listed = load_registry(self.jobs.paths).pairs()
        pair = next((one for one in listed if one.available and base in (one.id, one.student.id, one.teacher.id)), None)
        if pair is None:
            raise ValueError(f"No pair of a teacher and a student that can be opened has the model {base}.")
        draw: Json = {"prompt": prompt, "pair": pair.id, "arms": self.usual_arms(pair), "seeds": parse_seeds(self.start["seeds"]),
                      "teacher_steps": self.start["teacher_steps"]}  # fmt: skip
        return {"draw": draw, "vary": {"id": adapter, "strength": 1.0, "on": "all"}}

    def fill(self, request: Json) -> Updates:
        """request: of kind "control"."""
        draw = request["draw"]
        pair = self.pair_of(draw.get("pair"))
        uses, hint = [*draw.get("adapters", []), request["vary"]], (draw.get("hints") or [{}])[0]
        worn = self.adapters(pair) | {"worn": uses, "vary": request["vary"]["id"]}
        asked = self.follow.fill(self.controls.controlnets(pair), hint) | self.refer.offered(pair)
        return super().fill(draw) | asked | {self.worn: worn}

    # -- events ----------------------------------------------------------------------------------------------------

    def wire(self) -> None:
        super().wire()
        self.follow.wire()
        self.refer.wire()

    def chosen(self) -> Shown:
        return {*super().chosen(), self.follow.controlnet, *self.refer.fields, self.worn}

    def choose_pair(self, values: Values) -> Updates:
        pair = self.pair_of(values[self.pair])
        nets, net = self.controls.controlnets(pair), values[self.follow.controlnet]
        return (
            super().choose_pair(values)
            | self.refer.offered(pair)
            | {
                self.follow.controlnet: gr.Dropdown(nets, value=net if net in [name for _, name in nets] else ""),
                self.worn: self.adapters(pair),
            }
        )

    def cost_said(self, plans: Sequence[Plan], seeds: int) -> str:
        nfe = sum(plan.nfe for plan in plans) * seeds * len(STRENGTHS)
        return f"{count(len(plans) * len(STRENGTHS) * seeds, 'picture')}, at most {count(nfe, 'network evaluation')}"
