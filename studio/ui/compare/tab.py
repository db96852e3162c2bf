"""Compare: the same seeds drawn by teacher, student, hybrids and remedies, measured underneath.

Handlers do three things: read the form, submit a job, return updates. What is shown is read from the run
(`studio.ui.compare.compare_runs`); closing the page ends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.domains.media import image
from studio.domains.pocket import captions
from studio.library.adapter_uses import AdapterUse
from studio.library.draw_request import DEFAULT_ARMS, CompareRequest, arms_for, plans_for
from studio.library.models import Pair, load_registry
from studio.library.provenance import changed_models, hashes
from studio.library.remedies import REMEDIES
from studio.library.seeds import parse_seeds
from studio.ui.compare import plot
from studio.ui.compare.compare_runs import Watch
from studio.ui.compare.components import board, empty_board, figures_table, stage
from studio.ui.kit import arms, pairs, parts, prompt
from studio.ui.kit.runs import worker
from studio.ui.kit.seeds import write_seeds

POLL_S = 0.4  # between looks at a live run
WATCH_S, IDLE_S = 1.0, 5.0  # between looks at the worker while its models open, and afterwards
START = {"prompt": captions.EXAMPLES[0], "seeds": "8", "teacher_steps": 25}
PLAIN_NOISE = 1.0
MAX_STUDENT_STEPS = 50  # as the request allows
WRITTEN = "pocket/size=1.5@first"
SHORT = 20  # characters of an example that fits two to a line

Updates = dict[Any, Any]


@dataclass
class Fields:
    """The components of the form, by the names of the request's fields."""

    prompt: gr.Textbox
    pair: gr.Dropdown
    arms: gr.CheckboxGroup
    remedies: gr.CheckboxGroup
    mask: gr.Textbox
    seeds: gr.Textbox
    teacher_steps: gr.Number
    teacher_guidance: gr.Number
    base_guidance: gr.Slider
    rho: gr.Slider
    adapters: gr.Textbox
    off_recipe: gr.Checkbox
    student_steps: gr.Slider
    previews: gr.Checkbox

    def inputs(self) -> set[Any]:
        return set(vars(self).values())


class CompareTab:
    """Builds the tab inside an open `gr.Blocks` and holds its handlers."""

    def __init__(self, watch: Watch, header: gr.HTML):
        self.watch, self.jobs, self.header = watch, watch.jobs, header
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
                self.board = board(empty_board())
                with gr.Row(visible=False, elem_classes="under") as self.under:
                    with gr.Column(scale=1, min_width=300, elem_classes="card"):
                        stage()
                    with gr.Column(scale=1, min_width=300, elem_classes="card"):
                        self.plot = parts.live_plot("The figure appears when the first arm is measured.")
                with gr.Column(visible=False, elem_classes="card") as self.figures:
                    self.table = parts.text("table")
        self.run_id = gr.Textbox(visible="hidden", elem_id="run-id", label="run id")
        self.before = gr.Textbox(first.id if first else "", visible="hidden", label="pair before")
        self.timer = gr.Timer(POLL_S, active=False)
        self.pulse = gr.Timer(WATCH_S, active=True)

    def _build_form(self, listed: list[Pair], first: Pair | None) -> None:
        steps = pairs.student_steps(first)
        self.words_value = {"groups": prompt.groups(), "stated": prompt.read(START["prompt"])[2]}
        with gr.Column(elem_classes="card fields"):
            text = gr.Textbox(START["prompt"], label="Prompt", lines=2, max_lines=5, elem_id="prompt", autofocus=False)
            self.hint = parts.text("prompt-line", parts.line(prompt.read(START["prompt"])[1], "hint"))
            self.examples = parts.chips([text for text in captions.EXAMPLES if len(text) <= SHORT][:4])
            with gr.Accordion("Words the models know", open=False, elem_id="vocabulary"):
                self.words = parts.words_picker(self.words_value)
        with gr.Column(elem_classes="card fields"):
            pair = gr.Dropdown(
                [(pairs.title(p), p.id) for p in listed],
                value=first.id if first else None,
                label="Teacher and student",
                filterable=False,
                elem_id="pair",
            )
            self.pair_line = parts.text("pair-line", pairs.line(first))
            chosen = gr.CheckboxGroup(pairs.arm_choices(steps), value=list(DEFAULT_ARMS), label="Arms", elem_id="arms")
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
        with gr.Column(elem_classes="actions"):
            self.problem = parts.text("problem")
            self.cost = parts.text("cost", self._cost({"prompt": "any", "pair": first.id if first else ""}))
            with gr.Row(elem_classes="buttons"):
                self.run = gr.Button("Run", variant="primary", size="md", min_width=120, scale=3, elem_id="run")
                self.cancel = gr.Button("Cancel", size="md", min_width=84, scale=1, interactive=False, elem_id="cancel")
        self.restore = gr.UploadButton("Restore a run from a saved PNG", size="sm", elem_id="restore", type="filepath")
        self.fields = Fields(
            text, pair, chosen, remedies, mask, seeds, teacher_steps, guidance, base, rho, worn, unlock, student_steps, previews
        )

    # -- events ----------------------------------------------------------------------------------------------------

    def _wire(self) -> None:
        f, quiet = self.fields, {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        self.shown = {self.board, self.plot, self.table, self.under, self.figures, self.run_id, self.timer, self.run,
                      self.cancel, self.problem, self.header}  # fmt: skip
        self.filled = f.inputs() | {self.group, self.pair_line, self.seeds_line, self.hint, self.words}
        typed = {"trigger_mode": "always_last", **quiet}
        self.run.click(self.submit, f.inputs(), self.shown, **quiet)
        self.cancel.click(self.stop, {self.run_id}, self.shown, **quiet)
        self.timer.tick(self.tick, {self.run_id}, self.shown, **quiet)
        self.pulse.tick(self.beat, None, {self.header, self.pulse}, **quiet)
        f.prompt.change(self.read_prompt, {f.prompt}, {self.hint, self.words}, **typed)
        f.seeds.change(self.read_seeds, {f.seeds}, {self.seeds_line}, **typed)
        f.pair.change(
            self.choose_pair,
            {f.pair, f.arms, f.off_recipe, f.student_steps, f.teacher_guidance, self.before},
            {self.pair_line, f.arms, f.student_steps, f.teacher_guidance, self.before},
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
        self.words.pick(self.pick_word, {f.prompt}, {f.prompt}, **quiet)
        self.restore.upload(self.restore_png, {self.restore}, self.shown | self.filled, **quiet)
        self.header.reopen(self.reopen, None, self.shown | self.filled, **quiet)

    def opened(self, demo: gr.Blocks) -> None:
        """On page load: show the run of the address (?run=…), else re-attach to one of ours that still goes on."""
        asked = gr.Textbox(visible="hidden")
        js = """() => {
  const given = new URLSearchParams(location.search).get("run");
  let last = "";
  try { last = localStorage.getItem("studio:run") ?? ""; } catch { /* private mode */ }
  return given ? `open ${given}` : `last ${last}`;
}"""
        outputs = self.shown | self.filled
        demo.load(self.attach, asked, outputs, js=js, queue=False, show_progress="hidden", api_visibility="private")

    # -- the form --------------------------------------------------------------------------------------------------

    def request(self, values: Mapping[Any, Any]) -> dict[str, Any]:
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
        kind, message, stated = prompt.read(request["prompt"])
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
            self.hint: parts.line(message, kind),
            self.words: self.words_value | {"stated": stated},
        }

    def _pair(self, pair_id: str | None) -> Pair | None:
        try:
            return load_registry(self.jobs.paths).pair(pair_id) if pair_id else None
        except ValueError:
            return None

    def read_prompt(self, values: Mapping[Any, Any]) -> Updates:
        kind, message, stated = prompt.read(values[self.fields.prompt] or "")
        return {self.hint: parts.line(message, kind), self.words: self.words_value | {"stated": stated}}

    def read_seeds(self, values: Mapping[Any, Any]) -> Updates:
        return {self.seeds_line: pairs.seeds_line(values[self.fields.seeds])}

    def choose_pair(self, values: Mapping[Any, Any]) -> Updates:
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
        }

    def offer_remedies(self, values: Mapping[Any, Any]) -> Updates:
        """What each remedy costs, or why it does not fit, as the form stands; what is ticked stays ticked."""
        f = self.fields
        try:
            form = self.request(values)
        except ValueError:  # seeds that mean nothing yet
            form = self.request({**values, f.seeds: START["seeds"]})
        return {f.remedies: gr.CheckboxGroup(pairs.remedy_choices(load_registry(self.jobs.paths), form))}

    def count_remedies(self, values: Mapping[Any, Any]) -> Updates:
        return {self.group: gr.Accordion(pairs.remedies_label(list(values[self.fields.remedies] or [])))}

    def estimate(self, values: Mapping[Any, Any]) -> Updates:
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

    def unlock(self, values: Mapping[Any, Any]) -> Updates:
        f = self.fields
        pair = self._pair(values[f.pair])
        if values[f.off_recipe]:
            return {f.student_steps: gr.Slider(interactive=True)}
        return {f.student_steps: gr.Slider(value=pairs.student_steps(pair), interactive=False)}

    def pick_example(self, event: gr.EventData) -> Updates:
        return {self.fields.prompt: str(event.text)[:200]}

    def pick_word(self, values: Mapping[Any, Any], event: gr.EventData) -> Updates:
        return {self.fields.prompt: prompt.toggle(values[self.fields.prompt] or "", str(event.factor), str(event.value))}

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
            self.problem: parts.line(f"{pair.title} is chosen with its teacher, a hybrid and the student without its first step; "
                                     "Run draws them on the same seeds." if steps > 1 else
                                     f"{pair.title} is chosen with its teacher; Run draws them on the same seeds.", "hint"),
        }  # fmt: skip

    # -- runs ------------------------------------------------------------------------------------------------------

    def submit(self, values: Mapping[Any, Any]) -> Updates:
        try:
            run_id = self.jobs.submit("compare", self.request(values))
        except ValueError as error:
            return {self.problem: parts.line(str(error), "problem")}
        return self.show(run_id)

    def stop(self, values: Mapping[Any, Any]) -> Updates:
        run_id = values[self.run_id]
        if not run_id:
            return {self.cancel: gr.Button(interactive=False)}
        try:
            self.jobs.cancel(run_id)
        except ValueError as error:
            return {self.problem: parts.line(str(error), "problem")}
        return self.show(run_id)

    def tick(self, values: Mapping[Any, Any]) -> Updates:
        return self.show(values[self.run_id]) if values[self.run_id] else {self.timer: gr.Timer(active=False)}

    def beat(self) -> Updates:
        """State of the worker, often until its models are open and now and then afterwards."""
        chip = worker(self.jobs)
        return {self.header: chip, self.pulse: gr.Timer(IDLE_S if chip["state"] == "ready" else WATCH_S)}

    def attach(self, asked: str) -> Updates:
        """See `opened`; `asked` is "open <run>" or "last <run>"."""
        how, _, run_id = str(asked or "").partition(" ")
        if not run_id:
            return {self.header: worker(self.jobs)}
        try:
            if self.jobs.get(run_id).kind == "scrub":  # another tab's; the address names no comparison then
                return {self.header: worker(self.jobs)}
            view, _ = self.watch.look(run_id)
        except (ValueError, KeyError) as error:
            problem = parts.line(str(error), "problem") if how == "open" else ""
            return {self.problem: problem, self.header: worker(self.jobs)}
        if how == "last" and not view.live:
            return {self.header: worker(self.jobs)}
        return self.fill(view.request) | self.show(run_id)

    def reopen(self, event: gr.EventData) -> Updates:
        return self.attach(f"open {event.run}")

    def restore_png(self, values: Mapping[Any, Any]) -> Updates:
        """Put the request a saved picture carries into the form, and show its run when this studio still has it."""
        try:
            carried = image.read_run(values[self.restore])
            request = self.jobs.validate("compare", carried["request"]).model_dump(mode="json")
        except ValueError as error:
            return {self.problem: parts.line(str(error), "problem")}
        which = f"seed {str(carried.get('seed'))[:12]} of {arms.title(str(carried.get('arm'))[:40])}"
        made_with = {str(k)[:80]: v for k, v in (carried.get("models") or {}).items() if isinstance(v, dict)}
        changed = changed_models(made_with, hashes(made_with, load_registry(self.jobs.paths)))
        if changed:
            said = parts.line(f"The form is as it was for {which}. {' '.join(changed)}", "problem")
        else:
            said = parts.line(f"The form is as it was for {which}; Run gives the same pixels.", "hint")
        updates = self.fill(request)
        try:
            self.watch.look(str(carried.get("run")))
        except (ValueError, KeyError):  # made elsewhere, or deleted here: the form is what counts
            return updates | {self.problem: said}
        return updates | self.show(str(carried["run"])) | {self.problem: said}

    def show(self, run_id: str) -> Updates:
        """Everything the page shows of a run, as it is now."""
        try:
            view, ahead = self.watch.look(run_id)
        except (ValueError, KeyError) as error:
            return {self.problem: parts.line(str(error), "problem"), self.timer: gr.Timer(active=False)}
        rows, (drawn, _) = list(view.rows.values()), view.pictures
        return {
            self.run_id: run_id,
            self.board: view.board(ahead),
            self.plot: plot.cost_figure(rows),
            self.table: figures_table(rows),
            self.under: gr.Row(visible=drawn > 0),
            self.figures: gr.Column(visible=drawn > 0),
            self.timer: gr.Timer(active=view.live),
            self.run: gr.Button("Running" if view.live else "Run", interactive=not view.live),
            self.cancel: gr.Button(interactive=view.live),
            self.problem: "",
            self.header: worker(self.jobs),
        }
