"""Personalize: a model is taught one thing or one style from a few pictures, and shows what it learnt and what it lost.

What a person picks and types lives in the browser (`assets/ui/personalize/form.js`), is read when Start is pressed, and becomes a
request of kind "personalize". The run belongs to the queue; the tab watches it.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import gradio as gr

from studio.core.files import Json
from studio.jobs.paths import Paths
from studio.library import picks
from studio.library.brought_pictures import Limits
from studio.library.method_cards import objectives
from studio.library.subjects import MAX_PICTURES, Kind
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import parts, trials, uploads
from studio.ui.kit.address import arrived, chosen
from studio.ui.kit.exports import saving
from studio.ui.kit.messages import problem
from studio.ui.kit.scripts import called, mounted
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Updates, Values
from studio.ui.personalize import choices, own_pictures
from studio.ui.personalize.preference import PreferencePart
from studio.ui.personalize.runs import Personalizations
from studio.ui.personalize.training_part import TrainingPart
from studio.ui.personalize.view import PersonalView
from studio.ui.tabs import TABS, Page, Tab

POLL_S = 1.0  # between looks at a live run
BROUGHT = Limits(count=MAX_PICTURES, masks=True)
_QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


class PersonalizeTab(TrainingPart[PersonalView]):
    """Builds the tab inside an open `gr.Blocks` and holds its handlers."""

    def __init__(self, runs: Personalizations, panel: JobsPanel, header: gr.HTML):
        self.runs, self.jobs, self.panel, self.header = runs, runs.jobs, panel, header
        self._build()
        self._wire()

    # -- layout ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.modes = parts.mounted_html({"mode": ""}, "personalize/modes", "personal-modes")
        with gr.Row(elem_id="personal-subject", elem_classes="shell"):
            with gr.Column(scale=0, min_width=280, elem_classes="controls"):
                with gr.Column(elem_classes="card fields"):
                    self.shelf = parts.mounted_html({"cards": [], "broken": []}, "personalize/shelf", "personal-shelf")
                    self.brought = gr.File(
                        file_count="multiple",
                        type="filepath",
                        show_label=False,
                        height=78,
                        elem_id="personal-bring",
                    )
                with gr.Column(elem_classes="card fields"):
                    begin: Json = {"models": [], "methods": {}, "base": "", "steps": choices.STEPS, "wait": ""}
                    self.options = parts.mounted_html(begin, "personalize/options", "personal-options", *self._priced())
                with gr.Column(elem_classes="actions"):
                    self.problem = parts.text("personal-problem")
                    with gr.Row(elem_classes="buttons"):
                        self.start = parts.run_button("Start", "personal-start", min_width=120, scale=3)
                        self.stop = gr.Button(
                            "Stop",
                            size="md",
                            min_width=84,
                            scale=1,
                            interactive=False,
                            elem_id="personal-stop",
                            elem_classes="cancels",
                        )
            with gr.Column(scale=1, min_width=280, elem_classes="results"):
                keeping: Json = {"pictures": [], "masks": [], "refused": [], "stamp": 0}
                self.pictures = parts.mounted_html(keeping, "personalize/pictures", "personal-pictures", *served(self.jobs.paths))
                self.board = gr.HTML(
                    {"run": None},
                    html_template=template("personalize/board"),
                    apply_default_css=False,
                    elem_id="personal-board",
                    js_on_load=mounted("personalize/board", "details", "trial", "pick"),
                    server_functions=[saving(self.runs.to_save)],
                )
        self.asked = gr.Textbox("{}", visible="hidden", label="what is personalized")
        self.stamp = gr.Number(0, visible="hidden", label="pictures brought")
        self.run_id = gr.Textbox("", visible="hidden", elem_id="personal-id", label="personalize run id")
        self.timer = gr.Timer(POLL_S, active=False)
        self.shown = {self.board, self.run_id, self.timer, self.stop, self.problem, self.header}
        self.preference = PreferencePart(self.jobs, self.panel, self.header)

    def _priced(self) -> list[Callable[[Json], Json]]:
        """What the form may ask of time and memory."""
        paths = self.jobs.paths
        return trials.served(self.jobs, "personalize", lambda form: choices.request(paths, objectives(paths) or {}, form))

    def _wire(self) -> None:
        form = called("personalize/form", "readForm")
        outputs = list({*self.shown, *self.panel.shown})
        self.start.click(self.submit, [self.asked], outputs, js=form, **_QUIET)
        self.stop.click(self.stopped, {self.run_id}, self.shown, **_QUIET)
        self.timer.tick(self.tick, {self.run_id}, self.shown, **_QUIET)
        self.brought.upload(self.bring, {self.brought, self.stamp}, {self.brought, self.stamp, self.pictures}, **_QUIET)
        self.board.pick(self.pick, {self.run_id}, self.shown, **_QUIET)
        self.board.details(self.details, {self.run_id}, self.panel.shown, **_QUIET)

    def place(self, page: Page, tab: gr.Tab) -> None:
        """When chosen: what there is now. On page load with one of its runs in the address: that run."""
        self.tabs = page.tabs
        listed = {self.shelf, self.options, self.preference.options}
        tab.select(self.opened, None, listed, js=chosen("personalize"), **_QUIET)
        asked = gr.Textbox(visible="hidden")
        outputs = {page.tabs, self.modes, *listed, *self.shown, *self.preference.shown}
        page.demo.load(self.arrive, asked, outputs, js=arrived("personalize"), **_QUIET)
        self.header.personalize(self.reopen, None, outputs, **_QUIET)

    # -- what there is ---------------------------------------------------------------------------------------------

    def opened(self) -> Updates:
        """Subjects, models and methods as they are now; what is chosen and typed stays."""
        paths, known = self.jobs.paths, objectives(self.jobs.paths)
        return {self.shelf: choices.shelf(paths), self.options: choices.options(paths, known)} | self.preference.opened(known)

    def arrive(self, words: str) -> Updates:
        tab, run, other = (str(words or "").split(" ") + ["", "", ""])[:3]
        if other and not run and (self.is_mine(other) or self.preference.is_mine(other)):
            tab, run = "personalize", other
        front = {self.tabs: gr.Tabs(selected="personalize")} | self.opened() if tab == "personalize" else {}
        if run and self.preference.is_mine(run):
            return {self.problem: "", self.modes: {"mode": "preference"}} | front | self.preference.come_back(run)
        return {self.problem: ""} | front | (self.come_back(run) if run else {})

    def recent(self) -> list[Json]:
        return [*super().recent(), *self.preference.recent()]

    def reopen(self, event: gr.EventData) -> Updates:
        """A run among Recent runs, of either half, and the form as it was for it."""
        run = str(event.run)[:80]
        part, mode = (self.preference, "preference") if self.preference.is_mine(run) else (self, "subject")
        return {self.tabs: gr.Tabs(selected="personalize"), self.modes: {"mode": mode}} | self.opened() | part.come_back(run)

    # -- pictures of one's own ---------------------------------------------------------------------------------------

    def bring(self, values: Values) -> Updates:
        """What was dropped goes to the pictures that are being captioned; each refused one is named."""
        intake = uploads.taken(values[self.brought], BROUGHT)
        stamp = int(values[self.stamp] or 0) + 1
        paths = self.jobs.paths
        found = {"pictures": own_pictures.brought(paths, intake), "masks": own_pictures.masks(paths, intake),
                 "refused": intake.refused, "stamp": stamp}  # fmt: skip
        return {self.brought: None, self.stamp: stamp, self.pictures: found}

    # -- runs ------------------------------------------------------------------------------------------------------

    def submit(self, form: str) -> Updates:
        paths = self.jobs.paths
        try:
            request = choices.request(paths, objectives(paths) or {}, json.loads(form or "{}"))
            run_id = self.jobs.submit("personalize", request)
        except ValueError as error:
            return {self.problem: problem(error, "personalize")}
        return self.show(run_id)

    def show(self, run_id: str) -> Updates:
        """And the adapters that the run kept."""
        found = super().show(run_id)
        if self.board in found:
            found[self.board] |= {"picks": self.runs.kept(run_id)}
        return found

    def pick(self, values: Values, event: gr.EventData) -> Updates:
        """The adapter becomes what it was at a step."""
        try:
            picks.pick(self.jobs, values[self.run_id], int(event.step))
        except (ValueError, TypeError) as error:
            return {self.problem: problem(error)}
        return self.show(values[self.run_id])


def served(paths: Paths) -> list[Callable[[Json], Json]]:
    """What the script of the pictures may ask for. Gradio's browser side sends anything."""

    def keep(draft: Json) -> Json:
        """{"card"} of the subject that was kept, or {"problem"}."""
        try:
            return {"card": choices.card(own_pictures.keep(paths, draft if isinstance(draft, dict) else {}))}
        except ValueError as error:
            return {"problem": str(error)}

    def edit(asked: Json) -> Json:
        """{"captions": {file: text}, "find", "replace", "kind"} -> {"captions"}, or {"problem"}."""
        try:
            captions = {str(name): str(text) for name, text in dict(asked["captions"]).items()}
            kind: Kind = "style" if asked.get("kind") == "style" else "thing"
            find = asked.get("find")
            found = own_pictures.edited(captions, None if find is None else str(find), str(asked.get("replace") or ""), kind)
            return {"captions": found}
        except (ValueError, TypeError, KeyError) as error:
            return {"problem": str(error)}

    return [keep, edit]


def _build(page: Page) -> PersonalizeTab:
    return PersonalizeTab(Personalizations(page.jobs), page.panel, page.header)


TABS.add("personalize")(Tab("personalize", "Personalize", 32, _build))
