"""The form of Compare: its fields, what it says beside them, and a request made of it or put back into it."""

from __future__ import annotations

import gradio as gr
from gradio.components import Component

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library.adapter_uses import AdapterUse
from studio.library.draw_request import DEFAULT_ARMS
from studio.library.models import Pair, load_registry
from studio.library.remedies import REMEDIES
from studio.ui.kit import pairs, parts, prompt
from studio.ui.kit.draw_form import QUIET, DrawForm
from studio.ui.kit.updates import Shown, Updates, Values

# Sixteen seeds: of eight, often too few are recognised to speak of diversity.
START = {"seeds": "16", "teacher_steps": 25, "arms": DEFAULT_ARMS}
PLAIN_NOISE = 1.0
MAX_STUDENT_STEPS = 50  # as the request allows
WRITTEN = "mine/size=1.5@first"


class CompareForm(DrawForm):
    """Builds its cards inside an open `gr.Blocks`; the tab says where the line of cost goes."""

    def __init__(self, jobs: Jobs):
        super().__init__(jobs, "", START)
        with gr.Column(elem_classes="card fields"):
            self.build_prompt()
            domain = prompt.domain_for(self.first)
            self.examples = parts.chips(prompt.examples(domain))
            with gr.Accordion(
                "Words the models know", open=False, visible=bool(domain.words), elem_id="vocabulary", elem_classes=parts.IN_FULL
            ) as self.vocabulary:
                self.words = parts.words_picker(prompt.words(domain, prompt.beginning(domain)))
        with gr.Column(elem_classes="card fields"):
            self.build_pair("Arms")
            with gr.Accordion(
                pairs.remedies_label([]), open=False, elem_id="remedies-group", elem_classes=parts.IN_FULL
            ) as self.group:
                offered = pairs.remedy_choices(load_registry(jobs.paths), {"pair": self.first.id if self.first else ""})
                self.remedies = gr.CheckboxGroup(offered, value=[], show_label=False, container=False, elem_id="remedies")
            self.build_seeds()
        self._build_advanced()

    # -- what it holds ---------------------------------------------------------------------------------------------

    def inputs(self) -> list[Component]:
        return [*super().inputs(), self.remedies, self.base_guidance, self.rho, self.adapters, self.mask, self.off_recipe,
                self.student_steps, self.previews]  # fmt: skip

    def filled(self) -> Shown:
        return {*super().filled(), self.group}

    def request(self, values: Values) -> Json:
        """The form as a request of kind "compare"."""
        request = super().request(values)
        mask = str(values[self.mask] or "").strip().upper()
        arms = pairs.in_order([*request["arms"], *(values[self.remedies] or [])]) + ([f"mask-{mask}"] if mask else [])
        return request | {
            "arms": arms,
            "base_guidance": values[self.base_guidance],
            "rho": values[self.rho],
            "adapters": str(values[self.adapters] or ""),
            "student_steps": values[self.student_steps] if values[self.off_recipe] else None,
            "off_recipe": bool(values[self.off_recipe]),
            "previews": bool(values[self.previews]),
        }

    def fill(self, request: Json) -> Updates:
        masks = [arm.removeprefix("mask-") for arm in request["arms"] if arm.startswith("mask-")]
        cures = [arm for arm in request["arms"] if arm in REMEDIES]
        unlocked = bool(request.get("off_recipe"))
        pair = self.pair_of(request["pair"])
        steps = request.get("student_steps") or pairs.student_steps(pair)
        return super().fill(request) | {
            self.remedies: cures,
            self.group: gr.Accordion(pairs.remedies_label(cures), open=bool(cures)),
            self.mask: masks[0] if masks else "",
            self.base_guidance: gr.Slider(
                maximum=pairs.most_guidance(pair),
                value=request.get("base_guidance") or pairs.NO_GUIDANCE,
            ),
            self.rho: request.get("rho", PLAIN_NOISE),
            self.adapters: " ".join(str(AdapterUse.model_validate(use)) for use in request.get("adapters") or []),
            self.off_recipe: unlocked,
            self.student_steps: gr.Slider(value=steps, interactive=unlocked),
            self.previews: bool(request.get("previews", True)),
        }

    def ready(self, pair_id: str) -> Updates:
        """The form set to a pair and its default arms, ready to run. ValueError when there is no such pair."""
        pair = load_registry(self.jobs.paths).pair(pair_id)
        steps = pairs.student_steps(pair)
        return {
            self.pair: gr.Dropdown(choices=pairs.choices(load_registry(self.jobs.paths).pairs()), value=pair_id),
            self.before: pair_id,
            self.arms: gr.CheckboxGroup(pairs.arm_choices(steps), value=self.usual_arms(pair)),
            self.remedies: [],
            self.group: gr.Accordion(pairs.remedies_label([]), open=False),
            self.off_recipe: False,
            self.student_steps: gr.Slider(value=steps, interactive=False),
            self.teacher_guidance: pairs.guidance(pair),
            self.base_guidance: gr.Slider(maximum=pairs.most_guidance(pair), value=pairs.NO_GUIDANCE),
        }

    def readied(self) -> Shown:
        """Everything that `ready` changes."""
        return {self.pair, self.before, self.arms, self.remedies, self.group, self.off_recipe, self.student_steps,
                self.teacher_guidance, self.base_guidance}  # fmt: skip

    # -- events ----------------------------------------------------------------------------------------------------

    def wire(self) -> None:
        super().wire()
        typed = {"trigger_mode": "always_last", **QUIET}
        self.off_recipe.change(self.unlock, {self.pair, self.off_recipe}, {self.student_steps}, **QUIET)
        self.remedies.change(self.count_remedies, {self.remedies}, {self.group}, **typed)
        asked = [self.pair, self.seeds, self.teacher_steps, self.teacher_guidance, self.off_recipe, self.student_steps]
        gr.on([field.change for field in asked], self.offer_remedies, set(self.inputs()), {self.remedies}, **typed)
        self.examples.pick(self.pick_example, None, {self.prompt}, **QUIET)
        self.words.pick(self.pick_word, {self.prompt, self.pair}, {self.prompt}, **QUIET)

    def reads(self) -> Shown:
        return {*super().reads(), self.words}

    def read(self, text: str, pair: Pair | None) -> Updates:
        return super().read(text, pair) | {self.words: prompt.words(prompt.domain_for(pair), text)}

    def shown(self) -> Shown:
        return {*super().shown(), self.vocabulary, self.examples}

    def show_pair(self, values: Values) -> Updates:
        domain = prompt.domain_for(self.pair_of(values[self.pair]))
        return super().show_pair(values) | {
            self.vocabulary: gr.Accordion(visible=bool(domain.words)),
            self.examples: prompt.examples(domain),
        }

    def chosen(self) -> Shown:
        return {*super().chosen(), self.student_steps, self.base_guidance}

    def choose_pair(self, values: Values) -> Updates:
        pair = self.pair_of(values[self.pair])
        most = pairs.most_guidance(pair)
        return super().choose_pair(values) | {
            self.student_steps: values[self.student_steps] if values[self.off_recipe] else pairs.student_steps(pair),
            self.base_guidance: gr.Slider(maximum=most, value=min(values[self.base_guidance], most)),
        }

    def offer_remedies(self, values: Values) -> Updates:
        """What each remedy costs, or why it does not fit, as the form stands; what is ticked stays ticked."""
        try:
            form = self.request(values)
        except ValueError:  # seeds that mean nothing yet
            form = self.request({**values, self.seeds: self.start["seeds"]})
        return {self.remedies: gr.CheckboxGroup(pairs.remedy_choices(load_registry(self.jobs.paths), form))}

    def count_remedies(self, values: Values) -> Updates:
        return {self.group: gr.Accordion(pairs.remedies_label(list(values[self.remedies] or [])))}

    def unlock(self, values: Values) -> Updates:
        pair = self.pair_of(values[self.pair])
        if values[self.off_recipe]:
            return {self.student_steps: gr.Slider(interactive=True)}
        return {self.student_steps: gr.Slider(value=pairs.student_steps(pair), interactive=False)}

    def pick_example(self, event: gr.EventData) -> Updates:
        return {self.prompt: str(event.text)[:200]}

    def pick_word(self, values: Values, event: gr.EventData) -> Updates:
        domain = prompt.domain_for(self.pair_of(values[self.pair]))
        return {self.prompt: prompt.toggle(domain, values[self.prompt] or "", str(event.factor), str(event.value))}

    # -- the card of what is seldom changed ------------------------------------------------------------------------

    def _build_advanced(self) -> None:
        with gr.Accordion("Advanced", open=False, elem_id="advanced", elem_classes=["card", parts.IN_FULL]):
            self.base_guidance = gr.Slider(
                1,
                pairs.most_guidance(self.first),
                pairs.NO_GUIDANCE,
                step=0.5,
                label="Guidance of a hybrid's teacher steps",
                buttons=[],
                info="1 is none; more doubles the cost of those steps",
            )
            self.rho = gr.Slider(
                0,
                2,
                PLAIN_NOISE,
                step=0.1,
                label="Noise modulation ρ",
                buttons=[],
                info="scales the fresh noise between steps of students and hybrids; 1 is as trained",
            )
            self.adapters = gr.Textbox(
                "",
                label="Adapters",
                placeholder=WRITTEN,
                max_lines=2,
                elem_id="adapters",
                info="id=strength@steps, with spaces between; the Control tab has them as sliders",
            )
            self.mask = gr.Textbox(
                label="One more arm, as a mask",
                placeholder="for example BSSB",
                max_lines=1,
                info="one letter a step: B teacher, S student, - left out",
            )
            self.off_recipe = gr.Checkbox(False, label="Sample the student off its recipe", elem_id="unlock")
            self.student_steps = gr.Slider(
                1,
                MAX_STUDENT_STEPS,
                pairs.student_steps(self.first),
                step=1,
                label="Student steps",
                interactive=False,
                buttons=[],
                elem_id="student-steps",
            )
            self.build_asked()
            self.previews = gr.Checkbox(True, label="Show every step while drawing")
