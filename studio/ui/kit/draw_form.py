"""What every tab that draws asks for: prompt, what stands beside it, pair, arms, seeds, and the teacher's steps and guidance.

A tab opens its cards and calls the build methods inside them; a form that asks for more overrides `request` and `fill`.
"""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr
from gradio.components import Component

from studio.core import demo
from studio.core.explain import count
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library import draw_costs
from studio.library.adapters import load_adapters
from studio.library.draw_request import CompareRequest, default_arms, plans_for
from studio.library.models import Pair, load_registry
from studio.library.seeds import parse_seeds
from studio.sampling.plan import Plan
from studio.ui.kit import pairs, parts, prompt
from studio.ui.kit.asked_fields import AskedFields
from studio.ui.kit.beside_text import AddedFields, BesideText
from studio.ui.kit.seeds import write_seeds
from studio.ui.kit.updates import Shown, Updates, Values

QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


class DrawForm:
    """scope: of the components' ids. start: what the form begins with: "seeds", "teacher_steps", "arms". times: how often a run
    draws every arm."""

    times = 1

    def __init__(self, jobs: Jobs, scope: str, start: Json):
        self.jobs, self.scope = jobs, scope
        drawn = parse_seeds(start["seeds"])
        most = demo.limits().seeds if demo.on() else len(drawn)
        self.start = {**start, "seeds": write_seeds(drawn[:most])}
        self.listed = load_registry(jobs.paths).pairs()
        self.first = next((pair for pair in self.listed if pair.available), self.listed[0] if self.listed else None)

    # -- layout ----------------------------------------------------------------------------------------------------

    def build_prompt(self) -> None:
        parts.simple_switch()
        begin = prompt.beginning(prompt.domain_for(self.first))
        self.prompt = gr.Textbox(begin, label="Prompt", lines=2, max_lines=5, elem_id=f"{self.scope}prompt", autofocus=False)
        self.prompt_line = parts.text(f"{self.scope}prompt-line", prompt.line(self.first, begin))
        self.beside_text = BesideText(self.first, self.scope)

    def build_pair(self, arms: str) -> None:
        """arms: what the tab calls them."""
        first = self.first.id if self.first else None
        self.pair = gr.Dropdown(
            pairs.choices(self.listed),
            value=first,
            label="Teacher and student",
            filterable=False,
            elem_id=f"{self.scope}pair",
            elem_classes="drop",
        )
        self.before = gr.Textbox(first or "", visible="hidden", label="pair before")
        self.pair_line = parts.text(f"{self.scope}pair-line", pairs.line(self.first))
        choices = pairs.arm_choices(pairs.student_steps(self.first))
        self.arms = self.arms_field(choices, self.usual_arms(self.first), arms)

    def arms_field(self, choices: Sequence[tuple[str, str]], value: Sequence[str], label: str) -> Component:
        """The field in which arms are chosen, drawn where it is called."""
        return gr.CheckboxGroup(choices, value=list(value), label=label, elem_id=f"{self.scope}arms", elem_classes=parts.IN_FULL)

    def build_seeds(self) -> None:
        self.seeds = gr.Textbox(
            self.start["seeds"], label="Seeds", elem_id=f"{self.scope}seeds", elem_classes="figure", max_lines=1
        )
        self.seeds_line = parts.text(f"{self.scope}seeds-line", pairs.seeds_line(self.start["seeds"]))
        # No minimum or maximum here: the request's own check answers in a sentence, Gradio's in a pop-up.
        with gr.Row(elem_classes=["pair-of", parts.IN_FULL]):
            self.teacher_steps = gr.Number(
                self.start["teacher_steps"],
                label="Teacher steps",
                precision=0,
                min_width=100,
                elem_id=f"{self.scope}teacher-steps",
                elem_classes="figure",
            )
            self.teacher_guidance = gr.Number(
                pairs.guidance(self.first),
                label="Teacher guidance",
                step=0.5,
                min_width=100,
                elem_id=f"{self.scope}teacher-guidance",
                elem_classes="figure",
            )

        self.added = AddedFields(self.scope)

    def build_asked(self, folded: bool = False) -> None:
        """What only some models take: a negative prompt and a size. folded: in a card of their own."""
        self.taken = AskedFields(self.first, self.scope, folded)
        self.negative, self.size = self.taken.negative, self.taken.size

    def build_cost(self) -> None:
        """The line that says what a run would cost."""
        self.cost = parts.text(f"{self.scope}cost", self._cost(self.asked_of("any")))

    # -- what it holds ---------------------------------------------------------------------------------------------

    def inputs(self) -> list[Component]:
        """Everything that a request is made of."""
        return [self.prompt, self.pair, self.arms, self.seeds, self.teacher_steps, self.teacher_guidance,
                *self.beside_text.components, *self.added.components, *self.taken.components]  # fmt: skip

    def counted(self) -> Shown:
        """Everything that `estimate` looks at."""
        return set(self.inputs())

    def filled(self) -> Shown:
        """Everything that `fill` changes."""
        return {*self.inputs(), self.before, self.seeds_line, *self.shown()}

    def request(self, values: Values) -> Json:
        """The form as a request that draws. ValueError in one sentence where a field cannot be read."""
        pair, guidance = self.pair_of(values[self.pair]), values[self.teacher_guidance]
        given, added = self.beside_text.given(pair, values), self.added.asked(values)
        return {
            "prompt": values[self.prompt] or "",
            "pair": values[self.pair] or "",
            "arms": pairs.in_order(list(values[self.arms] or [])),
            "seeds": parse_seeds(values[self.seeds]),
            "teacher_steps": values[self.teacher_steps],
            "teacher_guidance": None if guidance == pairs.guidance(pair) else guidance,
            **({"given": given} if given else {}),
            **({"additions": added} if added else {}),
            **self.taken.asked(values),
        }

    def asked_of(self, text: str) -> Json:
        """What this prompt asks for where nothing else was changed."""
        return {"prompt": text, "pair": self.first.id if self.first else "", "arms": self.usual_arms(self.first),
                "seeds": parse_seeds(self.start["seeds"]), "teacher_steps": self.start["teacher_steps"]}  # fmt: skip

    def fill(self, request: Json) -> Updates:
        """Updates that put a request that draws back into the form."""
        pair = self.pair_of(request.get("pair"))
        guidance = request.get("teacher_guidance")
        offered = pairs.arm_choices(pairs.student_steps(pair))
        seeds = write_seeds(request["seeds"])
        return {
            self.prompt: request["prompt"],
            self.pair: request["pair"] if pair else gr.skip(),
            self.before: request["pair"] if pair else gr.skip(),
            self.arms: gr.CheckboxGroup(offered, value=[arm for arm in request["arms"] if arm in _names(offered)]),
            self.seeds: seeds,
            self.teacher_steps: request["teacher_steps"],
            self.teacher_guidance: guidance if guidance is not None else pairs.guidance(pair),
            self.pair_line: pairs.line(pair),
            self.seeds_line: pairs.seeds_line(seeds),
            **self.beside_text.fill(pair, request.get("given") or {}),
            **self.added.fill(request.get("additions") or {}),
            **self.taken.fill(pair, request),
            **self.read(request["prompt"], pair),
        }

    def usual_arms(self, pair: Pair | None) -> list[str]:
        """Those that are ticked unless somebody chooses others: of the tab's own, what a pair's student can draw."""
        return list(default_arms(pairs.student_steps(pair), self.start["arms"]))

    def pair_of(self, pair_id: str | None) -> Pair | None:
        return pairs.known(self.jobs.paths, pair_id)

    # -- events ----------------------------------------------------------------------------------------------------

    def wire(self) -> None:
        typed = {"trigger_mode": "always_last", **QUIET}
        self.prompt.change(self.read_prompt, {self.prompt, self.pair}, self.reads(), **typed)
        self.seeds.change(lambda text: pairs.seeds_line(text), self.seeds, self.seeds_line, **typed)
        # A request that is put into the form changes the pair too, and says itself what is ticked.
        self.pair.input(self.choose_pair, set(self.inputs()) | {self.before}, self.chosen(), **QUIET)
        self.pair.change(self.show_pair, {self.prompt, self.pair}, self.shown(), **QUIET)
        counted = [component for component in self.inputs() if component is not self.prompt]
        gr.on([component.change for component in counted], self.estimate, self.counted(), {self.cost}, **typed)

    def reads(self) -> Shown:
        """Everything that `read` changes."""
        return {self.prompt_line}

    def read(self, text: str, pair: Pair | None) -> Updates:
        """What is said of a prompt, as a pair's models read it."""
        return {self.prompt_line: prompt.line(pair, text, self.brought(text))}

    def brought(self, text: str) -> tuple[str, ...]:
        """Words that adapters bring; none are looked for where the text has none."""
        if "<" not in text:
            return ()
        return tuple(word for entry in load_adapters(self.jobs.paths).entries.values() for word in entry.words)

    def read_prompt(self, values: Values) -> Updates:
        return self.read(values[self.prompt] or "", self.pair_of(values[self.pair]))

    def shown(self) -> Shown:
        """Everything that `show_pair` changes."""
        return {self.pair_line, *self.beside_text.groups, *self.taken.shown, *self.reads()}

    def show_pair(self, values: Values) -> Updates:
        """What is said and offered of the pair that stands in the form, however it came there."""
        pair = self.pair_of(values[self.pair])
        return {
            self.pair_line: pairs.line(pair),
            **self.beside_text.show(pair),
            **self.taken.show(pair),
            **self.read(values[self.prompt] or "", pair),
        }

    def chosen(self) -> Shown:
        """Everything that `choose_pair` changes."""
        return {self.arms, self.teacher_guidance, self.before}

    def choose_pair(self, values: Values) -> Updates:
        """What a person who chooses another pair finds set for it: what they had not changed, and what does not fit it."""
        pair = self.pair_of(values[self.pair])
        offered = pairs.arm_choices(pairs.student_steps(pair))
        before = self.pair_of(values[self.before])
        kept = [arm for arm in values[self.arms] if arm in _names(offered)] or ["teacher", "student"]
        if before and set(values[self.arms]) == set(self.usual_arms(before)):
            kept = self.usual_arms(pair)
        return {
            self.arms: gr.CheckboxGroup(offered, value=kept),
            self.teacher_guidance: pairs.guidance_kept(values[self.teacher_guidance], before, pair),
            self.before: values[self.pair] or "",
        }

    def refresh(self) -> Updates:
        """The pairs there are now: students are taught while the page is open."""
        return {self.pair: gr.Dropdown(choices=pairs.choices(load_registry(self.jobs.paths).pairs()))}

    def estimate(self, values: Values) -> Updates:
        """What drawing would cost; nothing while the form does not fit (the button says why)."""
        try:
            return {self.cost: self._cost(self.request(values) | {"prompt": "any"})}
        except ValueError:
            return {self.cost: ""}

    def _cost(self, fields: Json) -> str:
        try:
            request = CompareRequest.model_validate(fields)
            plans = plans_for(request, load_registry(self.jobs.paths))
        except ValueError:
            return ""
        pictures = len(request.seeds) * self.times
        time = draw_costs.said(self.jobs, request.pair, {plan.name: plan.nfe for plan in plans}, pictures, request.size)
        return parts.line(self.cost_said(plans, len(request.seeds)) + time, "hint")

    def cost_said(self, plans: Sequence[Plan], seeds: int) -> str:
        """What it costs to draw these plans, each on so many seeds."""
        return f"{count(len(plans) * seeds, 'picture')}, {count(sum(plan.nfe for plan in plans) * seeds, 'network evaluation')}"


def _names(offered: Sequence[tuple[str, str]]) -> list[str]:
    return [name for _, name in offered]
