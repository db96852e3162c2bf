"""Distill: teach a student of one's own, in the background.

The form is a request of kind "distill". What an objective can be told is drawn from its JSON schema when it is chosen;
what stands in the fields is kept, by objective, when another is looked at. Running is the jobs panel's business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.services.kinds.distill import FAMILY, DistillRequest
from studio.services.models import ModelEntry
from studio.services.objectives import objectives
from studio.ui import estimate, parts, recipes, settings
from studio.ui.background import Background
from studio.ui.theme import script, template

Updates = dict[Any, Any]
Json = dict[str, Any]
FAMILIES: dict[str, tuple[str, str]] = {
    "trajectory": ("Trajectory", "Follow the teacher's own path in fewer steps."),
    "distribution": ("Distribution", "Match what the teacher draws, not how it gets there."),
    "plain": ("Plain", "Baselines to beat."),
}
FIRST = "dmd2"  # chosen when there is no wish
WAIT = "The objectives are being listed; this takes some seconds, once."
NO_PRESET = "none"
NAME_LETTERS = 40


@dataclass
class Fields:
    """The components that are always there; the objective's own are drawn on choice."""

    teacher: gr.Dropdown
    preset: gr.Dropdown
    name: gr.Textbox
    steps: gr.Textbox

    def inputs(self) -> set[Any]:
        return set(vars(self).values())


class DistillTab:
    """Builds the tab and holds its handlers. `started(run_id)` gives the updates that show a run; `shown` are its outputs."""

    def __init__(self, background: Background, started: Callable[[str], Updates], shown: set[Any]):
        self.background, self.jobs = background, background.jobs
        self.started, self.shown = started, shown
        self._build()
        self._wire()

    # -- layout ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        with gr.Row(elem_classes="shell distill-shell"):
            with gr.Column(scale=0, min_width=280, elem_classes="controls"):
                with gr.Column(elem_classes="card fields"):
                    teacher = gr.Dropdown(
                        [], label="Teacher", interactive=True, filterable=False, elem_id="teacher", elem_classes="drop"
                    )
                    self.teacher_line = parts.text("teacher-line")
                    preset = gr.Dropdown([("None", NO_PRESET)], value=NO_PRESET, label="Preset", interactive=True,
                                         filterable=False, elem_id="preset", elem_classes="drop")  # fmt: skip
                with gr.Column(elem_classes="card fields"):
                    self.about = parts.text("about")
                    name = gr.Textbox(
                        "", label="Name of the student", max_lines=1, interactive=True, elem_id="name", elem_classes="figure"
                    )
                    steps = gr.Textbox(
                        "", label="Training steps", max_lines=1, interactive=True, elem_id="steps", elem_classes="figure"
                    )
                self.drawn_here = gr.Column(elem_classes="drawn")
                with gr.Column(elem_classes="actions"):
                    self.problem = parts.text("distill-problem")
                    self.cost = parts.text("estimate")
                    self.start = gr.Button("Start", variant="primary", size="md", elem_id="start", interactive=False)
            with gr.Column(scale=1, min_width=280, elem_classes="results"):
                self.picker = objectives_html({"families": [], "chosen": "", "wait": WAIT})
        # What is drawn, as JSON: {"objective", "settings", "trainer", "run", "name", "kept": {objective: settings}}.
        self.form = gr.Textbox("", visible="hidden", label="form", elem_id="distill-form")
        self.fields = Fields(teacher, preset, name, steps)
        self.filled = self.fields.inputs() | {self.form, self.picker, self.teacher_line, self.about, self.problem,
                                               self.cost, self.start}  # fmt: skip

    def _wire(self) -> None:
        with self.drawn_here:
            gr.render(inputs=[self.form], triggers=[self.form.change], queue=False, show_progress="hidden")(self.draw)

    def draw(self, text: str) -> None:
        """The settings of the chosen objective; also everything that happens with them."""
        form = json.loads(text or "{}")
        catalogue = objectives(self.jobs.paths, build=False)
        if catalogue is None or form.get("objective") not in catalogue["objectives"]:
            return
        groups = self.groups(catalogue, form["objective"])
        drawn: dict[tuple[str, str], Any] = {}

        def add(scope: str, field: settings.Field) -> None:
            value = form.get(scope, {}).get(field.name, field.default)
            drawn[scope, field.name] = settings.component(field, value, scope)

        with gr.Column(elem_classes="card fields"):
            for field in groups["settings"]:
                if field.simple:
                    add("settings", field)
        with gr.Accordion("Advanced", open=False, elem_id="distill-advanced", elem_classes="card fields"):
            for scope, title in (("settings", "Objective"), ("trainer", "Trainer"), ("run", "Run")):
                rest = [field for field in groups[scope] if scope != "settings" or not field.simple]
                if rest:
                    parts.text(f"of-{scope}", f'<h4 class="group">{title}</h4>')
                for field in rest:
                    add(scope, field)
        self._wire_drawn(text, drawn)

    def _wire_drawn(self, text: str, drawn: dict[tuple[str, str], Any]) -> None:
        """Handlers that read drawn fields can only be attached where these are drawn."""
        f, form = self.fields, json.loads(text)
        quiet: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        inputs = f.inputs() | set(drawn.values())

        def now(values: Mapping[Any, Any]) -> Json:
            """The form as it stands."""
            typed: Json = {"settings": {}, "trainer": {}, "run": {}}
            for (scope, name), field in drawn.items():
                typed[scope][name] = values[field]
            return {**form, **typed}

        def submit(values: Mapping[Any, Any]) -> Updates:
            return self.submit(values, now(values))

        def count(values: Mapping[Any, Any]) -> Updates:
            return self.estimate(values, now(values))

        def pick(values: Mapping[Any, Any], event: gr.EventData) -> Updates:
            return self.pick(values, now(values), str(event.name))

        def choose_preset(values: Mapping[Any, Any]) -> Updates:
            return self.choose_preset(values, now(values))

        def choose_teacher(values: Mapping[Any, Any]) -> Updates:
            return self.choose_teacher(values, now(values))

        self.start.click(submit, inputs, {self.problem, *self.filled, *self.shown}, **quiet)
        self.picker.pick(pick, inputs, self.filled, **quiet)
        f.preset.input(choose_preset, inputs, self.filled, **quiet)
        f.teacher.input(choose_teacher, inputs, self.filled, **quiet)
        counted = [f.steps, f.teacher, *(field for (scope, _), field in drawn.items() if scope == "settings")]
        # Not on self.form: a listener attached here would take the place of the one that draws this.
        gr.on([field.change for field in counted], count, inputs, {self.cost}, trigger_mode="always_last", **quiet)

    def groups(self, catalogue: Json, objective: str) -> dict[str, list[settings.Field]]:
        """Fields of the objective, of the trainer, and of the run itself."""
        schema = DistillRequest.model_json_schema()
        own = {name: schema["properties"][name] for name in settings.RUN_FIELDS}
        return {
            "settings": settings.fields(catalogue["objectives"][objective]["schema"]),
            "trainer": settings.fields(catalogue["trainer"]),
            "run": settings.fields({"properties": own}),
        }

    # -- filling the form ------------------------------------------------------------------------------------------

    def opened(self, form: str = "", wish: Json | None = None) -> Updates:
        """The tab is shown: teachers as they are now, and a form when there is none yet. `wish` is a request to show."""
        teachers = [entry for entry in self.jobs.registry().entries.values() if entry.role == "teacher"]
        choices = [(entry.title if entry.available else f"{entry.title}, missing", entry.id) for entry in teachers]
        if form and wish is None:
            return {self.fields.teacher: gr.Dropdown(choices=choices)}
        first = next((entry.id for entry in teachers if entry.available), None)
        request = wish or {"teacher": first, "objective": FIRST}
        try:
            updates: Updates = {self.fields.teacher: gr.Dropdown(choices=choices, value=request["teacher"])}
            return updates | self.fill(request)
        except ValueError as error:
            return {self.problem: parts.line(str(error), "problem"),
                    self.picker: {"families": [], "chosen": "", "wait": "There is nothing to choose from."}}  # fmt: skip

    def fill(self, request: Mapping[str, Any]) -> Updates:
        """Updates that put a request into the form; what it leaves out is default. Builds the catalogue when it must."""
        catalogue = objectives(self.jobs.paths)
        assert catalogue is not None
        known = catalogue["objectives"]
        objective = (
            request.get("objective") if request.get("objective") in known else FIRST if FIRST in known else next(iter(known), "")
        )
        teacher = request.get("teacher") or ""
        ready = self._preset_like(teacher, objective) if "settings" not in request else None
        name = self.free_name(str(request.get("name") or f"{teacher.split('/')[0]}-{ready.name if ready else objective}"))
        form = {
            "objective": objective, "settings": dict(request.get("settings") or (ready.settings if ready else {})),
            "trainer": dict(request.get("trainer") or (ready.trainer if ready else {})),
            "run": {key: request[key] for key in settings.RUN_FIELDS if key in request}, "name": name, "kept": {},
        }  # fmt: skip
        steps = request.get("steps") or (ready.steps if ready else 1000)
        return self._show(teacher, form, catalogue, ready.name if ready else NO_PRESET, steps) | {
            self.fields.name: name,
            self.problem: "",
            self.start: gr.Button(interactive=True),
        }

    def _show(self, teacher: str, form: Json, catalogue: Json, preset: str, steps: Any) -> Updates:
        """Everything that follows from the teacher and the form; `steps` as in the field."""
        entry = self.jobs.registry().entries.get(teacher)
        choices = [("None: the objective's own defaults", NO_PRESET), *((p.title, p.name) for p in recipes.presets(teacher))]
        return {
            self.form: json.dumps(form),
            self.picker: {"families": families(catalogue), "chosen": form["objective"], "wait": ""},
            self.about: about(catalogue["objectives"].get(form["objective"])),
            self.teacher_line: teacher_line(entry, teacher),
            self.fields.preset: gr.Dropdown(choices=choices, value=preset),
            self.fields.steps: settings.write(steps),
            **self.estimate({self.fields.teacher: teacher, self.fields.steps: steps, self.fields.name: form["name"]}, form),
        }

    def _preset_like(self, teacher: str, objective: str) -> recipes.Preset | None:
        """The preset that is simply this objective, if there is one."""
        found = [p for p in recipes.presets(teacher) if p.objective == objective]
        return next((p for p in found if p.name == objective), found[0] if found else None)

    def _renamed(self, values: Mapping[Any, Any], form: Json, wished: str) -> Updates:
        """The name follows the choice until somebody writes one."""
        if values[self.fields.name] not in ("", form.get("name")):
            return {}
        form["name"] = self.free_name(wished)
        return {self.fields.name: form["name"]}

    def pick(self, values: Mapping[Any, Any], form: Json, objective: str) -> Updates:
        """Another objective: what was typed for it before, else its preset for this teacher, else its defaults."""
        catalogue = objectives(self.jobs.paths)
        assert catalogue is not None
        if objective not in catalogue["objectives"] or objective == form["objective"]:
            return {self.problem: ""}
        teacher, kept = values[self.fields.teacher] or "", {**form.get("kept", {}), form["objective"]: form["settings"]}
        ready = self._preset_like(teacher, objective)
        new = {**form, "objective": objective, "kept": kept,
               "settings": kept.get(objective) or (ready.settings if ready else {})}  # fmt: skip
        renamed = self._renamed(values, new, f"{teacher.split('/')[0]}-{ready.name if ready else objective}")
        steps = values[self.fields.steps]
        if ready and objective not in form.get("kept", {}):
            steps, new["trainer"] = ready.steps, {**form["trainer"], **ready.trainer}
        return self._show(teacher, new, catalogue, ready.name if ready else NO_PRESET, steps) | renamed | {self.problem: ""}

    def choose_preset(self, values: Mapping[Any, Any], form: Json) -> Updates:
        teacher, steps = values[self.fields.teacher] or "", values[self.fields.steps]
        ready = recipes.preset(teacher, values[self.fields.preset])
        catalogue = objectives(self.jobs.paths)
        assert catalogue is not None
        if ready is None:
            return self._show(teacher, {**form, "settings": {}, "trainer": {}}, catalogue, NO_PRESET, steps)
        new = {**form, "objective": ready.objective, "settings": ready.settings, "trainer": ready.trainer,
               "kept": {**form.get("kept", {}), form["objective"]: form["settings"]}}  # fmt: skip
        renamed = self._renamed(values, new, f"{teacher.split('/')[0]}-{ready.name}")
        return self._show(teacher, new, catalogue, ready.name, ready.steps) | renamed | {self.problem: ""}

    def choose_teacher(self, values: Mapping[Any, Any], form: Json) -> Updates:
        """Presets are made for a size: the same objective's for this teacher, where there is one."""
        teacher = values[self.fields.teacher] or ""
        catalogue = objectives(self.jobs.paths)
        assert catalogue is not None
        wished = next((p for p in (recipes.preset(teacher, values[self.fields.preset]),
                                   self._preset_like(teacher, form["objective"])) if p), None)  # fmt: skip
        if wished is None or values[self.fields.preset] == NO_PRESET:
            return self._show(teacher, form, catalogue, NO_PRESET, values[self.fields.steps])
        new = {**form, "settings": wished.settings, "trainer": wished.trainer, "kept": {}}
        renamed = self._renamed(values, new, f"{teacher.split('/')[0]}-{wished.name}")
        return self._show(teacher, new, catalogue, wished.name, wished.steps) | renamed

    def duplicate(self, run_id: str) -> Updates:
        """The form as it was for a run, under a name that is free."""
        return self.opened(wish=self.jobs.spec(run_id).config)

    def free_name(self, wished: str) -> str:
        """`wished`, or with a number behind it that no student and no waiting or running job has."""
        base = re.sub(r"[^a-z0-9._-]", "-", wished.lower()).strip("-._")[: NAME_LETTERS - 4] or "student"
        base = re.sub(r"-\d+$", "", base)
        taken = {name.removeprefix(f"{FAMILY}/") for name in self.jobs.registry().entries if name.startswith(f"{FAMILY}/")}
        for info in self.jobs.list(kind="distill", states=("queued", "loading", "running", "paused"), limit=200):
            taken.add(info.title.split(":")[0])
        return next(name for name in (base, *(f"{base}-{i}" for i in range(2, 10_000))) if name not in taken)

    # -- reading it ------------------------------------------------------------------------------------------------

    def request(self, values: Mapping[Any, Any], form: Json) -> Json:
        """The form as a request of kind "distill". ValueError in one sentence when a field cannot be read."""
        catalogue = objectives(self.jobs.paths)
        assert catalogue is not None
        groups = self.groups(catalogue, form["objective"])
        f, steps = self.fields, settings.Field("steps", "Training steps", "whole", 1000, "")
        count = settings.read(steps, values[f.steps])
        if count is None:
            raise ValueError("Training steps is empty; a whole number fits, like 400.")
        return {
            "name": str(values[f.name] or "").strip(),
            "teacher": values[f.teacher] or "",
            "objective": form["objective"],
            "steps": count,
            "settings": settings.read_all(groups["settings"], form["settings"]),
            "trainer": settings.read_all(groups["trainer"], form["trainer"]),
            **settings.read_all(groups["run"], form["run"]),
        }

    def submit(self, values: Mapping[Any, Any], form: Json) -> Updates:
        try:
            run_id = self.jobs.submit("distill", self.request(values, form))
        except ValueError as error:
            return {self.problem: parts.line(str(error), "problem")}
        name = self.free_name(values[self.fields.name])
        said = parts.line("It is in the queue and shown above; it goes on when this page is closed.", "hint")
        # The next student's name is suggested at once; all else stays for the next variation.
        return {self.problem: said, self.fields.name: name} | self.started(run_id)

    def estimate(self, values: Mapping[Any, Any], form: Json) -> Updates:
        """What pressing Start would cost; nothing while the form does not fit (Start says why)."""
        try:
            request = self.request(values, form)
            catalogue = objectives(self.jobs.paths, build=False) or {"objectives": {}}
            schema = catalogue["objectives"][request["objective"]]["schema"]
            whole = {name: prop.get("default") for name, prop in schema["properties"].items()} | request["settings"]
            said = estimate.sentences(self.jobs, request["teacher"], request["objective"], whole, request["steps"])
        except (ValueError, KeyError, TypeError):
            return {self.cost: ""}
        return {self.cost: "".join(parts.line(sentence, "hint") for sentence in said)}


# -- what the tab shows --------------------------------------------------------------------------------------------------


def objectives_html(value: Json) -> gr.HTML:
    """The objectives by family, searchable. Triggers "pick" with {"name"}."""
    js, markup = script("objectives"), template("objectives")
    return gr.HTML(value, html_template=markup, js_on_load=js, apply_default_css=False, elem_id="objectives")


def families(catalogue: Json) -> list[Json]:
    """The objectives as cards, by family, in the families' order; those that cannot be used stand last, with their reason."""
    found: dict[str, list[Json]] = {name: [] for name in FAMILIES}
    for name, entry in catalogue["objectives"].items():
        card = entry["card"]
        item = {key: card.get(key, "") for key in ("title", "how", "good_for", "status")}
        found.setdefault(card.get("family", ""), []).append(item | {"name": name, "papers": papers(card.get("paper", ""))})
    shown: list[Json] = []
    for family, items in found.items():
        title, note = FAMILIES.get(family, (family.capitalize() or "Other", ""))
        if items:
            shown.append({"title": title, "note": note, "items": sorted(items, key=_title)})
    return shown


def _title(item: Json) -> str:
    return str(item["title"]).lower()


def papers(cited: str) -> list[list[str]]:
    """[text, address] for every arXiv number of a card."""
    return [[f"arXiv {number}", f"https://arxiv.org/abs/{number}"] for number in re.findall(r"\d{4}\.\d{4,5}", cited)]


def about(entry: Json | None) -> str:
    """The chosen objective, above its settings."""
    if entry is None:
        return ""
    card = entry["card"]
    title = parts.html.escape(card["title"])
    return f'<div class="chosen"><small>Objective</small><b>{title}</b>{parts.line(card.get("how", ""), "hint")}</div>'


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
