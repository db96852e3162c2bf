"""Distill: teach a student of one's own, in the background, and see how it stands beside the others.

The form is a request of kind "distill" (`studio.ui.distill.draft`). What an objective can be told is drawn from its JSON schema
when it is chosen (`studio.ui.distill.objective_form`). Running is the jobs panel's business.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import gradio as gr
from gradio.components import Component

from studio.capabilities.distill.cautions import cautions
from studio.core.files import Json
from studio.jobs.executors import AWAY, LOCAL, check_executor
from studio.library.method_cards import objectives
from studio.library.models import ModelEntry, load_registry
from studio.ui.distill import budget, estimate, objective_form, presets
from studio.ui.distill.draft import NO_PRESET, Draft, Drafts, groups, of_text
from studio.ui.distill.leaderboard import Leaderboard
from studio.ui.distill.objective_cards import WAIT, about, families, objectives_html
from studio.ui.distill.student import StudentCard
from studio.ui.distill.trial_button import TrialButton
from studio.ui.jobs.background import Background
from studio.ui.kit import looking, messages, parts, trials
from studio.ui.kit.drawn import draws
from studio.ui.kit.scripts import called
from studio.ui.kit.updates import Updates, Values
from studio.ui.tabs import TABS, Page, Tab

__all__ = ["NO_PRESET", "DistillTab"]


@dataclass
class Fields:
    """The components that are always there; the objective's own are drawn on choice."""

    teacher: gr.Dropdown
    preset: gr.Dropdown
    name: gr.Textbox
    steps: gr.Textbox
    executor: gr.Dropdown

    def inputs(self) -> set[gr.components.Component]:
        return set(vars(self).values())


class DistillTab:
    """Builds the tab and holds its handlers. `started(run_id)` gives the updates that show a run; `shown` are its outputs."""

    def __init__(self, background: Background, started: Callable[[str], Updates], shown: set[gr.components.Component]):
        self.background, self.jobs = background, background.jobs
        self.started, self.shown = started, shown
        self.drafts = Drafts(self.jobs)
        self._build()
        self._wire()

    def place(self, page: Page, tab: gr.Tab) -> None:
        """When chosen: the form as it was left. On page load with its name in the address: in front."""
        self.tabs = page.tabs
        quiet: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        tab.select(self.open_tab, {self.form, self.left_text}, self.filled, js=called("kit/drafts", "again", "distill"), **quiet)
        asked = [gr.Textbox(visible="hidden"), self.left_text]
        here = called("kit/drafts", "arrived", "distill")
        page.demo.load(self.arrive, asked, {page.tabs, *self.filled}, js=here, **quiet)
        self.live.change(None, self.live, None, js=called("kit/drafts", "keepDraft", "distill"), **quiet)

    def arrive(self, words: str, before: str = "") -> Updates:
        if str(words or "").split(" ")[0] != "distill":
            return {self.problem: ""}
        return {self.tabs: gr.Tabs(selected="distill")} | self.opened(before=before or "")

    def open_tab(self, values: Values) -> Updates:
        return self.opened(values[self.form] or "", before=values[self.left_text] or "")

    # -- layout ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        with gr.Row(elem_classes="shell distill-shell"):
            with gr.Column(scale=0, min_width=280, elem_classes="controls"):
                with gr.Column(elem_classes="card fields"):
                    teacher = gr.Dropdown([], label="Teacher", elem_id="teacher", **_DROP)
                    self.teacher_line = parts.text("teacher-line")
                    preset = gr.Dropdown([("None", NO_PRESET)], value=NO_PRESET, label="Preset", elem_id="preset", **_DROP)
                with gr.Column(elem_classes="card fields"):
                    self.about = parts.text("about")
                    name = gr.Textbox("", label="Name of the student", elem_id="name", **_LINE)
                    steps = gr.Textbox("", label="Training steps", info=budget.INFO, elem_id="steps", **_LINE)
                    places = executors()
                    executor = gr.Dropdown(
                        places, value=LOCAL, label="Where it runs", visible=len(places) > 1, elem_id="executor", **_DROP
                    )
                self.student = StudentCard(self.jobs)
                self.drawn_here = gr.Column(elem_classes="drawn")
                with gr.Column(elem_classes="actions"):
                    self.problem = parts.text("distill-problem")
                    self.cost = parts.text("estimate")
                    self.trial = TrialButton(self.jobs)
                    self.start = parts.run_button("Start", "start", interactive=False)
            with gr.Column(scale=1, min_width=280, elem_classes="results"):
                self.leaderboard = Leaderboard(self.jobs, teacher)
                self.picker = objectives_html({"families": [], "chosen": "", "wait": WAIT})
        self.form = gr.Textbox("", visible="hidden", label="form", elem_id="distill-form")  # `Draft.text` of what is drawn
        self.live = gr.Textbox("", visible="hidden", label="typed")  # the same with what was typed since
        self.left_text = gr.Textbox("", visible="hidden", label="left")  # in this browser tab, before the page was loaded
        self.fields = Fields(teacher, preset, name, steps, executor)
        self.inputs = self.fields.inputs() | self.student.inputs()
        self.filled = (
            self.inputs
            | self.student.shown
            | self.leaderboard.shown
            | {self.form, self.live, self.picker, self.teacher_line, self.about, self.problem, self.cost, self.trial.button}
        )

    def _wire(self) -> None:
        counted = [field.change for field in (self.fields.steps, *self.student.inputs())]
        gr.on(
            counted, self.count, {*self.inputs, self.live}, {self.cost, self.trial.button}, trigger_mode="always_last", **_QUIET
        )
        trial, asked = self.trial, {*self.inputs, self.live}
        trial.button.click(self.measure, asked, trial.shown, **_QUIET)
        looking.on_change(trial.timer, self.measured, {*asked, trial.run_id}, {*trial.shown, self.cost})
        draws(self.drawn_here, self.form, self.start, self.draw)

    def draw(self, text: str) -> None:
        """The settings of the chosen objective; also everything that happens with them."""
        catalogue = objectives(self.jobs.paths, build=False)
        if not text or catalogue is None or (draft := of_text(text)).objective not in catalogue["distill"]["methods"]:
            return
        self._wire_drawn(text, objective_form.draw(draft, groups(catalogue, draft.objective)))

    def _wire_drawn(self, text: str, fields: objective_form.Drawn) -> None:
        """Handlers that read drawn fields can only be attached where these are drawn."""
        f, inputs = self.fields, self.inputs | set(fields.values())

        def now(values: Values) -> Json:
            return {**json.loads(text), **objective_form.typed(fields, values)}

        def submit(values: Values) -> Updates:
            return self.submit(values, now(values))

        def count(values: Values) -> Updates:
            return self.estimate(values, now(values)) | {self.live: json.dumps(now(values))}

        def pick(values: Values, event: gr.EventData) -> Updates:
            return self.pick(values, now(values), str(event.name))

        def choose_preset(values: Values) -> Updates:
            return self.choose_preset(values, now(values))

        def choose_teacher(values: Values) -> Updates:
            return self.choose_teacher(values, now(values))

        self.start.click(submit, inputs, {self.problem, *self.filled, *self.shown}, **_QUIET)
        self.picker.pick(pick, inputs, self.filled, **_QUIET)
        f.preset.input(choose_preset, inputs, self.filled, **_QUIET)
        f.teacher.input(choose_teacher, inputs, self.filled, **_QUIET)
        # A listener attached here takes the place of one of the tab's own for the same event of the same component.
        counted = [component.change for (scope, _), component in fields.items() if scope != "run"]
        gr.on(counted, count, inputs, {self.cost, self.live, self.trial.button}, trigger_mode="always_last", **_QUIET)

    # -- between the fields and a draft ----------------------------------------------------------------------------

    def draft(self, values: Values, form: Json) -> Draft:
        """The form as it stands: `form` is what is drawn, `values` the fields that are always there."""
        f = self.fields
        typed = {"teacher": values[f.teacher] or "", "preset": values[f.preset], "name": str(values[f.name] or ""),
                 "steps": str(values[f.steps] or ""), "executor": values.get(f.executor) or LOCAL}  # fmt: skip
        student = {**form.get("student", {}), **self.student.typed(values)}
        return of_text(json.dumps(form), **typed, student=student)

    def show(self, draft: Draft, before: Draft | None = None) -> Updates:
        """Updates that put a draft into the form; a name that stays as it was in `before` is left alone."""
        catalogue = self.drafts.catalogue()
        entry = load_registry(self.jobs.paths).entries.get(draft.teacher)
        ready = [(preset.title, preset.name) for preset in presets.presets(draft.teacher)]
        return {
            self.form: draft.text(),
            self.live: draft.text(),
            self.picker: {"families": families(catalogue), "chosen": draft.objective, "wait": ""},
            self.about: about(catalogue["distill"]["methods"].get(draft.objective)),
            self.teacher_line: teacher_line(entry, draft.teacher),
            self.fields.preset: gr.Dropdown([("None: the objective's own defaults", NO_PRESET), *ready], value=draft.preset),
            self.fields.steps: draft.steps,
            self.problem: "",
            **({} if before is not None and before.name == draft.name else {self.fields.name: draft.name}),
            **self.student.show(draft),
            **self._estimated(draft),
        }

    # -- handlers --------------------------------------------------------------------------------------------------

    def opened(self, form: str = "", wish: Json | None = None, before: str = "") -> Updates:
        """The tab is shown: teachers as they are now, and a form when there is none yet. wish: a request to show. before: the
        text of a draft that was left here."""
        teachers = [entry for entry in load_registry(self.jobs.paths).entries.values() if entry.role == "teacher"]
        choices = [(entry.title if entry.available else f"{entry.title}, missing", entry.id) for entry in teachers]
        if form and wish is None:
            return {self.fields.teacher: gr.Dropdown(choices=choices)} | self.leaderboard.show(of_text(form).teacher)
        first = next((entry.id for entry in teachers if entry.available), None)
        try:
            left = None if wish is not None else self.drafts.left(before)
            draft = left or self.drafts.of_request(wish or {"teacher": first})
        except ValueError as error:
            return {self.problem: messages.problem(error),
                    self.picker: {"families": [], "chosen": "", "wait": "There is nothing to choose from."}}  # fmt: skip
        updates: Updates = {self.fields.teacher: gr.Dropdown(choices=choices, value=draft.teacher or None)}
        return updates | self.show(draft) | self.leaderboard.show(draft.teacher)

    def duplicate(self, run_id: str) -> Updates:
        """The form as it was for a run, under a name that is free."""
        return self.opened(wish=self.jobs.spec(run_id).config)

    fills = ("distill",)

    @property
    def filling(self) -> set[Component]:
        return self.filled

    def filled_with(self, kind: str, request: Json) -> Updates:
        return self.opened(wish=request)

    def pick(self, values: Values, form: Json, objective: str) -> Updates:
        draft = self.draft(values, form)
        if objective == draft.objective or objective not in self.drafts.catalogue()["distill"]["methods"]:
            return {self.problem: ""}
        return self.show(self.drafts.picked(draft, objective), draft)

    def choose_preset(self, values: Values, form: Json) -> Updates:
        draft = self.draft(values, form)
        if draft.preset == form["preset"]:
            return self.left()
        return self.show(self.drafts.with_preset(draft, draft.preset), draft)

    def choose_teacher(self, values: Values, form: Json) -> Updates:
        draft = self.draft(values, form)
        if draft.teacher == form["teacher"]:
            return self.left()
        return self.show(self.drafts.with_teacher(draft, draft.teacher), draft) | self.leaderboard.show(draft.teacher)

    def left(self) -> Updates:
        """A dropdown was only opened or passed over: Gradio calls that input as well, whenever one loses the focus."""
        return {self.problem: gr.skip()}

    def submit(self, values: Values, form: Json) -> Updates:
        draft = self.draft(values, form)
        try:
            run_id = self.jobs.submit("distill", self.drafts.request(draft), executor=draft.executor)
        except ValueError as error:
            return {self.problem: messages.problem(error, "distill")}
        name = self.drafts.free_name(draft.name)
        said = parts.line("It is in the queue and shown above; it goes on when this page is closed.", "hint")
        # The next student's name is suggested at once; all else stays for the next variation.
        return {self.problem: said, self.fields.name: name} | self.started(run_id)

    def count(self, values: Values) -> Updates:
        """One of the fields that are always there has changed."""
        return self.estimate(values, json.loads(values[self.live])) if values[self.live] else {self.cost: ""}

    def measure(self, values: Values) -> Updates:
        """A trial of what stands in the form."""
        try:
            draft = self.draft(values, json.loads(values[self.live]))
            if budget.seconds(draft.steps) is not None:  # a time, which becomes steps once they are measured
                draft = replace(draft, steps=str(trials.STEPS))
            asked = self.drafts.request(draft)
        except (ValueError, KeyError, TypeError) as error:
            return {self.trial.line: messages.problem(error, "distill")}
        return self.trial.begin(asked)

    def measured(self, values: Values) -> Updates:
        """How far the trial is; at its end, what the form says now."""
        if not (run_id := values[self.trial.run_id]):
            return {self.trial.timer: looking.rest()}
        ended, updates = self.trial.look(run_id)
        return updates | (self.count(values) if ended else {})

    def estimate(self, values: Values, form: Json) -> Updates:
        return self._estimated(self.draft(values, form))

    def _estimated(self, draft: Draft) -> Updates:
        """What pressing Start would cost; nothing while the form does not fit (Start says why)."""
        try:
            request = self.drafts.request(draft)
            whole = self.drafts.whole(draft, request["settings"])
            said = estimate.sentences(self.jobs, draft.teacher, draft.objective, whole, request["steps"], request)
            turned = budget.said(draft.steps, request["steps"], self.drafts.pace(draft, request))
        except (ValueError, KeyError, TypeError) as error:
            asked_time = isinstance(error, ValueError) and budget.seconds(draft.steps) is not None
            return {self.cost: parts.line(str(error), "notice") if asked_time else ""} | self.trial.offered(asked_time)
        warned = cautions(draft.objective, request["settings"], request["trainer"], self.drafts.schema(draft.objective))
        lines = [parts.line(sentence, "notice") for sentence in warned]
        shown = "".join([*lines, *(parts.line(sentence, "hint") for sentence in filter(None, [turned, *said]))])
        return {self.cost: shown} | self.trial.offered(not estimate.taken(self.jobs, request).same)


_DROP: Json = {"interactive": True, "filterable": False, "elem_classes": "drop"}
_LINE: Json = {"interactive": True, "max_lines": 1, "elem_classes": "figure"}
_QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


_PLACES = {LOCAL: "This machine", "ray": "A Ray cluster", "hf-jobs": "Hugging Face Jobs"}


def executors() -> list[tuple[str, str]]:
    """Where a run may go from here: this machine, and what is installed and set up beside it."""
    found = [LOCAL]
    for name in AWAY:
        with contextlib.suppress(ValueError):  # a package or a setting is missing
            check_executor(name)
            found.append(name)
    return [(_PLACES.get(name, name), name) for name in found]


def teacher_line(entry: ModelEntry | None, asked: str) -> str:
    """One line below the teacher: what it is, or what is wrong with it."""
    if entry is None:
        said = (
            f"There is no teacher {asked} here."
            if asked
            else "No teacher is listed; presets/models names where they are looked for."
        )
        return parts.line(said, "problem")
    return parts.line(entry.reason, "notice") if not entry.available else parts.line(entry.summary, "hint")


def _build(page: Page) -> DistillTab:
    return DistillTab(page.background, page.panel.focus, page.panel.shown)


ABOUT = "Engineers: teach a student of your own, and compare all students of a teacher."
TABS.add("distill")(Tab("distill", "Distill", 40, _build, about=ABOUT))
