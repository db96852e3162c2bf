"""The form of Compare: its fields, what it says beside them, and a request made of it or put back into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library.adapter_uses import AdapterUse
from studio.library.draw_request import DEFAULT_ARMS, CompareRequest, arms_for, plans_for
from studio.library.models import Pair, load_registry
from studio.library.remedies import REMEDIES
from studio.library.seeds import parse_seeds
from studio.ui.kit import pairs, parts, prompt
from studio.ui.kit.seeds import write_seeds
from studio.ui.kit.updates import Updates, Values

# Sixteen seeds: of eight, often too few are recognised to speak of diversity.
START = {"seeds": "16", "teacher_steps": 25}
PLAIN_NOISE = 1.0
MAX_STUDENT_STEPS = 50  # as the request allows
WRITTEN = "mine/size=1.5@first"


@dataclass
class Fields:
    """The components of the form, by the names of the request's fields."""

    prompt: gr.Textbox
    pair: gr.Dropdown
    arms: gr.CheckboxGroup
    remedies: gr.CheckboxGroup
    seeds: gr.Textbox
    teacher_steps: gr.Number
    teacher_guidance: gr.Number
    base_guidance: gr.Slider
    rho: gr.Slider
    adapters: gr.Textbox
    mask: gr.Textbox
    off_recipe: gr.Checkbox
    student_steps: gr.Slider
    previews: gr.Checkbox

    def inputs(self) -> set[Any]:
        return set(vars(self).values())


class CompareForm:
    """Builds its cards inside an open `gr.Blocks`; the tab says where the line of cost and what is hidden go."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs
        listed = load_registry(jobs.paths).pairs()
        first = next((pair for pair in listed if pair.available), listed[0] if listed else None)
        self.first = first.id if first else ""
        text = self._build_prompt(first)
        chosen = self._build_arms(listed, first)
        self.fields = Fields(text, *chosen, *_advanced(pairs.student_steps(first)))
        self.beside = {self.group, self.pair_line, self.seeds_line, self.hint, self.words}

    # -- layout ----------------------------------------------------------------------------------------------------

    def _build_prompt(self, first: Pair | None) -> gr.Textbox:
        domain = prompt.domain_for(first)
        begin = prompt.beginning(domain)
        with gr.Column(elem_classes="card fields"):
            text = gr.Textbox(begin, label="Prompt", lines=2, max_lines=5, elem_id="prompt", autofocus=False)
            self.hint = parts.text("prompt-line", prompt.line(first, begin))
            self.examples = parts.chips(prompt.examples(domain))
            known = bool(domain.words)
            with gr.Accordion("Words the models know", open=False, visible=known, elem_id="vocabulary") as self.vocabulary:
                self.words = parts.words_picker(prompt.words(domain, begin))
        return text

    def _build_arms(self, listed: list[Pair], first: Pair | None) -> tuple[Any, ...]:
        with gr.Column(elem_classes="card fields"):
            pair = gr.Dropdown(
                [(pairs.title(p), p.id) for p in listed],
                value=first.id if first else None,
                label="Teacher and student",
                filterable=False,
                elem_id="pair",
            )
            self.pair_line = parts.text("pair-line", pairs.line(first))
            arms = pairs.arm_choices(pairs.student_steps(first))
            chosen = gr.CheckboxGroup(arms, value=list(DEFAULT_ARMS), label="Arms", elem_id="arms")
            with gr.Accordion(pairs.remedies_label([]), open=False, elem_id="remedies-group") as self.group:
                offered = pairs.remedy_choices(load_registry(self.jobs.paths), {"pair": first.id if first else ""})
                remedies = gr.CheckboxGroup(offered, value=[], show_label=False, container=False, elem_id="remedies")
            seeds = gr.Textbox(START["seeds"], label="Seeds", elem_id="seeds", max_lines=1)
            self.seeds_line = parts.text("seeds-line", pairs.seeds_line(START["seeds"]))
            # No minimum or maximum here: the request's own check answers in a sentence, Gradio's in a pop-up.
            with gr.Row(elem_classes="pair-of"):
                teacher_steps = gr.Number(
                    START["teacher_steps"], label="Teacher steps", precision=0, min_width=100, elem_id="teacher-steps"
                )
                guidance = gr.Number(
                    pairs.guidance(first), label="Teacher guidance", step=0.5, min_width=100, elem_id="teacher-guidance"
                )
        return pair, chosen, remedies, seeds, teacher_steps, guidance

    def build_cost(self) -> None:
        """The line that says what a run would cost."""
        self.cost = parts.text("cost", self._cost({"prompt": "any", "pair": self.first, "seeds": parse_seeds(START["seeds"])}))

    def build_hidden(self) -> None:
        """What the form remembers and nobody sees."""
        self.before = gr.Textbox(self.first, visible="hidden", label="pair before")

    # -- events ----------------------------------------------------------------------------------------------------

    def wire(self) -> None:
        f, quiet = self.fields, {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        typed = {"trigger_mode": "always_last", **quiet}
        f.prompt.change(self.read_prompt, {f.prompt, f.pair}, {self.hint, self.words}, **typed)
        f.seeds.change(self.read_seeds, {f.seeds}, {self.seeds_line}, **typed)
        f.pair.change(
            self.choose_pair,
            {f.pair, f.prompt, f.arms, f.off_recipe, f.student_steps, f.teacher_guidance, self.before},
            {self.pair_line, f.arms, f.student_steps, f.teacher_guidance, self.before, self.hint, self.words, self.vocabulary},
            **quiet,
        )
        f.off_recipe.change(self.unlock, {f.pair, f.off_recipe}, {f.student_steps}, **quiet)
        f.remedies.change(self.count_remedies, {f.remedies}, {self.group}, **typed)
        asked = [f.pair, f.seeds, f.teacher_steps, f.teacher_guidance, f.off_recipe, f.student_steps]
        gr.on([field.change for field in asked], self.offer_remedies, f.inputs(), {f.remedies}, **typed)
        counted = [f.pair, f.arms, f.remedies, f.mask, f.seeds, f.teacher_steps, f.teacher_guidance, f.base_guidance,
                   f.off_recipe, f.student_steps]  # fmt: skip
        gr.on([field.change for field in counted], self.estimate, f.inputs(), {self.cost}, **typed)
        self.examples.pick(self.pick_example, None, {f.prompt}, **quiet)
        self.words.pick(self.pick_word, {f.prompt, f.pair}, {f.prompt}, **quiet)

    # -- handlers --------------------------------------------------------------------------------------------------

    def request(self, values: Values) -> Json:
        """The form as a request of kind "compare". ValueError in one sentence when a field cannot be read."""
        f = self.fields
        mask = str(values[f.mask] or "").strip().upper()
        chosen = [*(values[f.arms] or []), *(values[f.remedies] or [])]
        pair = values[f.pair]
        default = pairs.guidance(self._pair(pair))
        return {
            "prompt": values[f.prompt] or "",
            "pair": pair or "",
            "arms": pairs.in_order(chosen) + ([f"mask-{mask}"] if mask else []),
            "seeds": parse_seeds(values[f.seeds]),
            "teacher_steps": values[f.teacher_steps],
            "teacher_guidance": None if values[f.teacher_guidance] == default else values[f.teacher_guidance],
            "base_guidance": values[f.base_guidance],
            "rho": values[f.rho],
            "adapters": str(values[f.adapters] or ""),
            "student_steps": values[f.student_steps] if values[f.off_recipe] else None,
            "off_recipe": bool(values[f.off_recipe]),
            "previews": bool(values[f.previews]),
        }

    def fill(self, request: Mapping[str, Any]) -> Updates:
        """Updates that put a request back into the form."""
        f = self.fields
        pair = self._pair(request["pair"])
        steps = pairs.student_steps(pair)
        masks = [arm.removeprefix("mask-") for arm in request["arms"] if arm.startswith("mask-")]
        cures = [arm for arm in request["arms"] if arm in REMEDIES]
        plain = [arm for arm in request["arms"] if arm not in cures and not arm.startswith("mask-")]
        guidance = request.get("teacher_guidance")
        unlocked = bool(request.get("off_recipe"))
        return {
            f.prompt: request["prompt"],
            f.pair: request["pair"] if pair else gr.skip(),
            f.arms: gr.CheckboxGroup(pairs.arm_choices(steps), value=plain),
            f.remedies: cures,
            self.group: gr.Accordion(pairs.remedies_label(cures), open=bool(cures)),
            f.mask: masks[0] if masks else "",
            f.seeds: write_seeds(request["seeds"]),
            f.teacher_steps: request["teacher_steps"],
            f.teacher_guidance: guidance if guidance is not None else pairs.guidance(pair),
            f.base_guidance: request.get("base_guidance") or pairs.NO_GUIDANCE,
            f.rho: request.get("rho", PLAIN_NOISE),
            f.adapters: " ".join(str(AdapterUse.model_validate(use)) for use in request.get("adapters") or []),
            f.off_recipe: unlocked,
            f.student_steps: gr.Slider(value=request.get("student_steps") or steps, interactive=unlocked),
            f.previews: bool(request.get("previews", True)),
            self.pair_line: pairs.line(pair),
            self.seeds_line: pairs.seeds_line(write_seeds(request["seeds"])),
            **self._read(request["prompt"], pair),
        }

    def _pair(self, pair_id: str | None) -> Pair | None:
        return pairs.known(self.jobs.paths, pair_id)

    def read_prompt(self, values: Values) -> Updates:
        return self._read(values[self.fields.prompt] or "", self._pair(values[self.fields.pair]))

    def _read(self, text: str, pair: Pair | None) -> Updates:
        """What is said of a prompt, as a pair's models read it."""
        return {self.hint: prompt.line(pair, text), self.words: prompt.words(prompt.domain_for(pair), text)}

    def read_seeds(self, values: Values) -> Updates:
        return {self.seeds_line: pairs.seeds_line(values[self.fields.seeds])}

    def choose_pair(self, values: Values) -> Updates:
        f = self.fields
        pair = self._pair(values[f.pair])
        steps = pairs.student_steps(pair)
        offered = [arm for _, arm in pairs.arm_choices(steps)]
        kept = [arm for arm in values[f.arms] if arm in offered] or ["teacher", "student"]
        return {
            self.pair_line: pairs.line(pair),
            f.arms: gr.CheckboxGroup(pairs.arm_choices(steps), value=kept),
            f.student_steps: values[f.student_steps] if values[f.off_recipe] else steps,
            f.teacher_guidance: pairs.guidance_kept(values[f.teacher_guidance], self._pair(values[self.before]), pair),
            self.before: values[f.pair] or "",
            **self._read(values[f.prompt] or "", pair),
            self.vocabulary: gr.Accordion(visible=bool(prompt.domain_for(pair).words)),
        }

    def offer_remedies(self, values: Values) -> Updates:
        """What each remedy costs, or why it does not fit, as the form stands; what is ticked stays ticked."""
        f = self.fields
        try:
            form = self.request(values)
        except ValueError:  # seeds that mean nothing yet
            form = self.request({**values, f.seeds: START["seeds"]})
        return {f.remedies: gr.CheckboxGroup(pairs.remedy_choices(load_registry(self.jobs.paths), form))}

    def count_remedies(self, values: Values) -> Updates:
        return {self.group: gr.Accordion(pairs.remedies_label(list(values[self.fields.remedies] or [])))}

    def estimate(self, values: Values) -> Updates:
        """What pressing Run would cost; nothing while the form does not fit (Run says why)."""
        try:
            return {self.cost: self._cost(self.request(values) | {"prompt": "any"})}
        except ValueError:
            return {self.cost: ""}

    def _cost(self, fields: Mapping[str, Any]) -> str:
        try:
            request = CompareRequest.model_validate(fields)
            plans = plans_for(request, load_registry(self.jobs.paths))
        except ValueError:
            return ""
        n = len(request.seeds)
        nfe = sum(plan.nfe for plan in plans) * n
        return parts.line(f"{len(plans) * n} pictures, {nfe:,} network evaluations", "hint")

    def unlock(self, values: Values) -> Updates:
        f = self.fields
        pair = self._pair(values[f.pair])
        if values[f.off_recipe]:
            return {f.student_steps: gr.Slider(interactive=True)}
        return {f.student_steps: gr.Slider(value=pairs.student_steps(pair), interactive=False)}

    def pick_example(self, event: gr.EventData) -> Updates:
        return {self.fields.prompt: str(event.text)[:200]}

    def pick_word(self, values: Values, event: gr.EventData) -> Updates:
        f, domain = self.fields, prompt.domain_for(self._pair(values[self.fields.pair]))
        return {f.prompt: prompt.toggle(domain, values[f.prompt] or "", str(event.factor), str(event.value))}

    def refresh(self) -> Updates:
        """The pairs there are now: students are taught while the page is open."""
        return {self.fields.pair: gr.Dropdown(choices=[(pairs.title(p), p.id) for p in load_registry(self.jobs.paths).pairs()])}

    def ready(self, pair_id: str) -> Updates:
        """The form set to a pair and its default arms, ready to run. ValueError when there is no such pair."""
        pair, f = load_registry(self.jobs.paths).pair(pair_id), self.fields
        steps = pairs.student_steps(pair)
        return {
            f.pair: gr.Dropdown(choices=[(pairs.title(p), p.id) for p in load_registry(self.jobs.paths).pairs()], value=pair_id),
            f.arms: gr.CheckboxGroup(pairs.arm_choices(steps), value=[arm for arm in DEFAULT_ARMS if arm in arms_for(steps)]),
            f.remedies: [],
            self.group: gr.Accordion(pairs.remedies_label([]), open=False),
            f.off_recipe: False,
            f.student_steps: gr.Slider(value=steps, interactive=False),
            f.teacher_guidance: pairs.guidance(pair),
            self.pair_line: pairs.line(pair),
        }


def _advanced(steps: int) -> tuple[Any, ...]:
    """The card of what is seldom changed; steps: of the student's own recipe."""
    with gr.Accordion("Advanced", open=False, elem_id="advanced", elem_classes="card"):
        base = gr.Slider(
            1,
            15,
            pairs.NO_GUIDANCE,
            step=0.5,
            label="Guidance of a hybrid's teacher steps",
            buttons=[],
            info="1 is none; more doubles the cost of those steps",
        )
        rho = gr.Slider(
            0,
            2,
            PLAIN_NOISE,
            step=0.1,
            label="Noise modulation ρ",
            buttons=[],
            info="scales the fresh noise between steps of students and hybrids; 1 is as trained",
        )
        worn = gr.Textbox(
            "",
            label="Adapters",
            placeholder=WRITTEN,
            max_lines=2,
            elem_id="adapters",
            info="id=strength@steps, with spaces between; the Control tab has them as sliders",
        )
        mask = gr.Textbox(
            label="One more arm, as a mask",
            placeholder="for example BSSB",
            max_lines=1,
            info="one letter a step: B teacher, S student, - left out",
        )
        unlock = gr.Checkbox(False, label="Sample the student off its recipe", elem_id="unlock")
        student_steps = gr.Slider(
            1, MAX_STUDENT_STEPS, steps, step=1, label="Student steps", interactive=False, buttons=[], elem_id="student-steps"
        )
        previews = gr.Checkbox(True, label="Show every step while drawing")
    return base, rho, worn, mask, unlock, student_steps, previews
