"""Lab: studies of what a distilled model loses and what gives it back, and the exact laboratory that explains them.

A study is a background run (kind "study"): pressing Start submits it, the page looks at it, and closing the page ends
nothing. What is shown of a run is made in `studio.ui.lab.result`, the form in `studio.ui.lab.form`.
"""

from __future__ import annotations

import html
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from studio.core.explain import explain
from studio.core.files import Json
from studio.library.models import Pair, load_registry
from studio.ui.jobs.background import Background
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import looking, messages, parts, schema_form
from studio.ui.kit.drawn import draws
from studio.ui.kit.exports import saving
from studio.ui.kit.scripts import called, mounted
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Updates, Values
from studio.ui.lab import form as lab_form
from studio.ui.lab.mixture import MixtureCard
from studio.ui.lab.result import Studies
from studio.ui.tabs import TABS, Page, Tab

POLL_S = 1.0
FIRST = "k-sweep"
_QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
_LINE: Json = {"interactive": True, "max_lines": 1, "elem_classes": "figure"}


def _html(name: str, value: Json, *events: str, served: Sequence[Callable[[Json], Json]] = ()) -> gr.HTML:
    """A component of the tab: markup, script and element id share the name. served: what the script may ask for."""
    file = name.replace("-", "/")
    js, markup = mounted(file, *events), template(file)
    return gr.HTML(
        value, html_template=markup, js_on_load=js, apply_default_css=False, elem_id=name, server_functions=list(served)
    )


@dataclass
class Fields:
    """The components that every study has; its own settings are drawn on choice."""

    pair: gr.Dropdown
    prompts: gr.Textbox
    seeds: gr.Textbox
    teacher_steps: gr.Textbox
    name: gr.Textbox

    def inputs(self) -> set[gr.components.Component]:
        return set(vars(self).values())


class LabTab:
    """Builds the tab inside an open `gr.Blocks` and holds its handlers."""

    def __init__(self, background: Background, panel: JobsPanel):
        self.background, self.panel, self.jobs = background, panel, background.jobs
        self.studies = Studies(self.jobs)
        self._build()
        self._wire()

    # -- layout ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        with gr.Row(elem_classes="lab-shell"):
            self.cards = _html("lab-cards", {"cards": []}, "pick")
            with gr.Column(min_width=280, elem_classes="controls lab-form"):
                with gr.Column(elem_classes="card fields"):
                    self.about = parts.text("lab-about")
                    pair = gr.Dropdown(
                        [],
                        label="Student",
                        info="Its teacher comes with it.",
                        interactive=True,
                        filterable=False,
                        elem_classes="drop",
                        elem_id="lab-pair",
                    )
                    prompts = gr.Textbox(
                        "",
                        label="Prompts",
                        info="One a line; the same for every arm.",
                        lines=8,
                        max_lines=16,
                        interactive=True,
                        elem_id="lab-prompts",
                    )
                    with gr.Row(elem_classes="pair-of"):
                        seeds = gr.Textbox("", label="Seeds", min_width=100, elem_id="lab-seeds", **_LINE)
                        steps = gr.Textbox("", label="Teacher steps", min_width=100, elem_id="lab-teacher-steps", **_LINE)
                    name = gr.Textbox(
                        "",
                        label="Name",
                        placeholder="the study and the student",
                        interactive=True,
                        max_lines=1,
                        elem_id="lab-name",
                    )
                self.drawn_here = gr.Column(elem_classes="drawn")
                with gr.Column(elem_classes="actions"):
                    self.problem = parts.text("lab-problem")
                    self.cost = parts.text("lab-cost")
                    self.start = parts.run_button("Start", "lab-start", interactive=False)
            with gr.Column(min_width=280, elem_classes="results"):
                self.saved = _html("lab-saved", {"studies": []}, "open", "extend")
                self.line = _html("lab-line", {"run": ""}, "act")
                self.result = _html("lab-result", {"study": ""}, served=[saving(self.studies.to_save)])
                self.mixture = MixtureCard(self.jobs)
        self.form = gr.Textbox("", visible="hidden", label="form", elem_id="lab-form")  # the request that is drawn
        self.run_id = gr.Textbox("", visible="hidden", label="study", elem_id="lab-run")
        self.live = gr.Textbox("", visible="hidden", label="typed")  # the request with what was typed since
        self.left_text = gr.Textbox("", visible="hidden", label="left")  # in this browser tab, before the page was loaded
        self.seen = gr.Textbox("", visible="hidden", label="seen")  # stamp of what is shown of it
        self.timer = looking.look(POLL_S)
        self.fields = Fields(pair, prompts, seeds, steps, name)
        self.inputs = self.fields.inputs()
        self.filled = self.inputs | {self.form, self.about, self.cards, self.problem, self.cost, self.live}
        self.shown = {self.saved, self.line, self.result, self.run_id, self.seen, self.timer}

    def _wire(self) -> None:
        every = self.inputs | {self.form}
        self.cards.pick(self.pick, every, self.filled, **_QUIET)
        self.saved.open(self.open, None, self.shown | {self.problem}, **_QUIET)
        self.saved.extend(self.extend, None, self.filled | self.shown, **_QUIET)
        self.line.act(self.act, {self.run_id, self.panel.chosen}, self.shown | self.panel.shown | {self.problem}, **_QUIET)
        looking.on_change(self.timer, self.tick, {self.run_id, self.seen}, self.shown, self.run_id)
        draws(self.drawn_here, self.form, self.start, self.draw)

    def place(self, page: Page, tab: gr.Tab) -> None:
        """What happens when the tab is chosen, and when the page is loaded with its name, or a study, in the address."""
        self.tabs = page.tabs
        again, here = (called("kit/drafts", name, "lab") for name in ("again", "arrived"))
        tab.select(self.open_tab, {self.form, self.run_id, self.left_text}, self.filled | {self.saved}, js=again, **_QUIET)
        asked = [gr.Textbox(visible="hidden"), self.left_text]
        page.demo.load(self.arrive, asked, self.filled | self.shown | {page.tabs}, js=here, **_QUIET)
        self.live.change(None, self.live, None, js=called("kit/drafts", "keepDraft", "lab"), **_QUIET)

    def draw(self, text: str) -> None:
        """The settings of the chosen study, from its schema; also what happens with them."""
        if not text:
            return
        request = json.loads(text)
        drawn: dict[str, gr.components.Component] = {}
        known = lab_form.fields(request["study"])
        if known:
            with gr.Column(elem_classes="card fields"):
                for field in known:
                    value = request["settings"].get(field.name, field.default)
                    drawn[field.name] = schema_form.component(field, value, "lab")
        inputs = self.inputs | set(drawn.values())

        def asked(values: Values) -> Json:
            given = {name: values[component] for name, component in drawn.items()}
            return self.request(request["study"], values, given)

        def submit(values: Values) -> Updates:
            return self.submit(asked, values)

        def count(values: Values) -> Updates:
            return self.count(asked, values)

        self.start.click(submit, inputs | {self.panel.chosen}, {self.problem, *self.shown, *self.panel.shown}, **_QUIET)
        changes = [component.change for component in (*drawn.values(), *self.inputs)]
        gr.on(changes, count, inputs, {self.cost, self.live}, trigger_mode="always_last", **_QUIET)

    # -- the form --------------------------------------------------------------------------------------------------

    def request(self, study: str, values: Values, given: Json) -> Json:
        typed = {name: values[component] for name, component in vars(self.fields).items()}
        return lab_form.request({**typed, "study": study}, given)

    def pairs(self) -> list[Pair]:
        """Students that a study can be made of, those with an oracle first: the transfer board alone does without."""
        return sorted(load_registry(self.jobs.paths).pairs(), key=lambda pair: pair.student.oracle is None)

    def open_tab(self, values: Values) -> Updates:
        return self.opened(values[self.form] or "", values[self.run_id] or "", values[self.left_text] or "")

    def opened(self, form: str = "", run_id: str = "", before: str = "") -> Updates:
        """The tab is shown: students as they are now, the saved studies, and a form when there is none: what was left here."""
        pairs = self.pairs()
        choices = [(pair.title if pair.available else f"{pair.title}, missing", pair.id) for pair in pairs]
        dropdown: Updates = {self.fields.pair: gr.Dropdown(choices=choices), self.saved: {"studies": self.studies.saved(run_id)}}
        if form:
            return dropdown
        first = next((pair.id for pair in pairs if pair.available), None)
        if first is None:
            said = "There is no student here yet; presets/models lists where they are."
            return dropdown | {self.problem: parts.line(said, "problem")}
        wanted = lab_form.left(before, {pair.id for pair in pairs if pair.available}) or lab_form.blank(FIRST, first)
        return dropdown | self.fill(wanted) | {self.fields.pair: gr.Dropdown(choices=choices, value=wanted["pair"])}

    def fill(self, request: Json) -> Updates:
        """Updates that put a request into the form."""
        f, study = self.fields, str(request["study"])
        card = next((c for c in lab_form.cards(study) if c["chosen"]), None)
        # the moment makes it another text, so that fields are drawn anew where somebody typed into them
        text = json.dumps({"study": study, "settings": request.get("settings") or {}, "at": time.time_ns()})
        return {
            self.form: text, self.cards: {"cards": lab_form.cards(study)}, self.about: about(card), self.problem: "",
            f.pair: request["pair"], f.prompts: "\n".join(request["prompts"]), f.seeds: str(request["seeds"]),
            f.teacher_steps: str(request["teacher_steps"]), f.name: request.get("name", ""),
            self.cost: self._cost(request), self.live: json.dumps({**request, "prompts": "\n".join(request["prompts"])}),
        }  # fmt: skip

    def pick(self, values: Values, event: gr.EventData) -> Updates:
        """Another study; pair, prompts and seeds stay as they are typed, the name goes. The one that is chosen stays as it is."""
        study = str(event.name)[:60]
        if study == json.loads(values[self.form] or "{}").get("study"):
            return {self.problem: gr.skip()}
        if all(card["name"] != study for card in lab_form.cards("")) or study == lab_form.MIXTURE:
            return {self.problem: ""}
        typed = {name: values[component] for name, component in vars(self.fields).items()}
        blank = lab_form.blank(study, typed["pair"] or "")
        prompts = [line for line in str(typed["prompts"] or "").splitlines() if line.strip()]
        kept = {"prompts": prompts or blank["prompts"], "seeds": typed["seeds"], "teacher_steps": typed["teacher_steps"]}
        return self.fill(blank | {k: v for k, v in kept.items() if v})

    def count(self, asked: Callable[[Values], Json], values: Values) -> Updates:
        try:
            request = asked(values)
            return {self.cost: self._cost(request), self.live: json.dumps(request)}
        except ValueError as error:
            return {self.cost: parts.line(str(error), "notice")}

    def _cost(self, request: Json) -> str:
        try:
            return parts.line(lab_form.cost(self.jobs, request), "hint")
        except ValueError as error:
            return parts.line(explain(error), "notice")

    def submit(self, asked: Callable[[Values], Json], values: Values) -> Updates:
        try:
            run_id = self.jobs.submit("study", asked(values))
        except ValueError as error:
            return {self.problem: messages.problem(error, "study")}
        said = parts.line("It runs in the background and goes on when this page is closed.", "hint")
        open_panel = self.panel.show(values[self.panel.chosen]) if values[self.panel.chosen] else {}
        return {self.problem: said} | open_panel | self.show(run_id)

    # -- studies ---------------------------------------------------------------------------------------------------

    def show(self, run_id: str) -> Updates:
        """A study with all that belongs to it."""
        line = self.studies.line(run_id)
        return {
            self.line: line, self.result: self.studies.body(run_id) | {"run": run_id}, self.run_id: run_id,
            self.seen: self.studies.stamp(run_id), self.saved: {"studies": self.studies.saved(run_id)},
            self.timer: looking.at(run_id, live=line["live"]),
        }  # fmt: skip

    def open(self, event: gr.EventData) -> Updates:
        return self._shown(str(event.run)[:80]) | {self.problem: ""}

    def _shown(self, run_id: str) -> Updates:
        try:
            return self.show(run_id)
        except (ValueError, KeyError) as error:
            return self._gone(str(error))

    def _gone(self, why: str) -> Updates:
        """Nothing is open; the list is as it is now."""
        return {self.line: {"run": "", "problem": why}, self.result: {"study": ""}, self.run_id: "", self.seen: "",
                self.saved: {"studies": self.studies.saved()}, self.timer: looking.rest()}  # fmt: skip

    def extend(self, event: gr.EventData) -> Updates:
        """The form as it was for a study, to ask for more seeds or values; what is drawn already is taken over."""
        try:
            request = self.jobs.validate("study", self.studies.config(str(event.run)[:80])).model_dump(mode="json")
        except (ValueError, KeyError) as error:
            return {self.problem: messages.problem(error)}
        said = "As this study was asked for. More seeds, prompts or values: only what is new is drawn."
        return self.fill(request) | {self.problem: parts.line(said, "hint")} | self._shown(str(event.run)[:80])

    def act(self, values: Values, event: gr.EventData) -> Updates:
        run_id, chosen = str(event.run)[:80], values[self.panel.chosen] or ""
        try:
            self.background.act(run_id, str(event.action))
        except ValueError as error:
            return {self.problem: messages.problem(error)} | self._shown(run_id)
        open_panel = self.panel.show(chosen) if chosen else {}
        return self._shown(run_id) | open_panel | {self.timer: looking.at(run_id), self.problem: ""}

    def tick(self, values: Values) -> Updates:
        """Never sets which study is open: somebody may have opened another one while this was on its way."""
        run_id = values[self.run_id] or ""
        if not run_id:
            return {self.timer: looking.rest()}
        updates = self._shown(run_id)
        updates.pop(self.run_id)
        if updates.get(self.seen) and updates[self.seen] == values[self.seen]:
            del updates[self.result], updates[self.seen]
        return updates

    def arrive(self, asked: str, before: str = "") -> Updates:
        """On page load: the tab and the study of the address; see `place`."""
        where, _, run_id = str(asked or "").partition(" ")
        if where != "lab" and not run_id:
            return {self.problem: ""}
        updates = self._shown(run_id[:80]) if run_id else {}
        return self.opened(before=before or "") | updates | ({self.tabs: gr.Tabs(selected="lab")} if where == "lab" else {})


class FilledLab(LabTab):
    """The same, whose form takes studies from experiment files."""

    fills = ("study",)

    @property
    def filling(self) -> set[Component]:
        return {*self.filled, self.saved}

    def filled_with(self, kind: str, request: Json) -> Updates:
        return self.opened("there is one") | self.fill(request)


def about(card: Json | None) -> str:
    """The chosen study, above its fields."""
    if card is None:
        return ""
    title, how = html.escape(card["title"]), parts.line(card["how"], "hint")
    return f'<div class="chosen"><small>Study</small><b>{title}</b>{how}</div>'


ABOUT = "Researchers: studies with verdicts, such as how many teacher steps give diversity back."
TABS.add("lab")(Tab("lab", "Lab", 50, lambda page: FilledLab(page.background, page.panel), about=ABOUT))
