"""Personalize: a model is taught one thing or one style from a few pictures, and shows what it learnt and what it lost.

What a person picks and types lives in the browser (`assets/ui/personalize/form.js`), is read when Start is pressed, and becomes a
request of kind "personalize". The run belongs to the queue; the tab watches it.
"""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr
from gradio.components import Component

from studio.core.files import Json
from studio.jobs.paths import Paths
from studio.library import picks
from studio.library.brought_pictures import Limits
from studio.library.method_cards import Catalogue, objectives
from studio.library.subjects import MAX_PICTURES, Kind
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import parts, uploads
from studio.ui.kit.address import arrived, chosen
from studio.ui.kit.messages import problem
from studio.ui.kit.updates import Updates, Values
from studio.ui.personalize import choices, own_pictures
from studio.ui.personalize.preference import PreferencePart, PreferenceRuns
from studio.ui.personalize.runs import Personalizations
from studio.ui.personalize.training_part import QUIET, TrainingPart
from studio.ui.personalize.view import PersonalView
from studio.ui.tabs import TABS, Page, Tab

BROUGHT = Limits(count=MAX_PICTURES, masks=True)


class PersonalizeTab(TrainingPart[PersonalView]):
    """Builds the tab inside an open `gr.Blocks` and holds its handlers."""

    HALF, ROW, FORM = "personal", "personal-subject", "form"
    BOARD, WORDS, EVENTS = "board", "subject_words", ("pick",)
    runs: Personalizations

    def __init__(self, runs: Personalizations, panel: JobsPanel, header: gr.HTML):
        self.modes = parts.mounted_html({"mode": ""}, "personalize/modes", "personal-modes")
        super().__init__(runs, panel, header)
        self.preference = PreferencePart(PreferenceRuns(self.jobs), panel, header)
        self.stamp = gr.Number(0, visible="hidden", label="pictures brought")
        self.brought.upload(self.bring, {self.brought, self.stamp}, {self.brought, self.stamp, self.pictures}, **QUIET)
        self.board.pick(self.pick, {self.run_id}, self.shown, **QUIET)

    # -- layout ----------------------------------------------------------------------------------------------------

    def build_form(self) -> None:
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
            self.options = parts.mounted_html(begin, "personalize/options", "personal-options", *self.priced())

    def build_above(self) -> None:
        keeping: Json = {"pictures": [], "masks": [], "refused": [], "stamp": 0}
        self.pictures = parts.mounted_html(keeping, "personalize/pictures", "personal-pictures", *served(self.jobs.paths))

    def request(self, known: Catalogue | None, form: Json) -> Json:
        return choices.request(self.jobs.paths, known or {}, form)

    def check(self, form: Json) -> None:
        if form.get("pending"):
            raise ValueError("Your pictures are not kept yet; press Keep below them first, or Discard.")

    def place(self, page: Page, tab: gr.Tab) -> None:
        """When chosen: what there is now. On page load with one of its runs in the address: that run."""
        self.tabs = page.tabs
        listed = {self.shelf, self.options, self.preference.options}
        tab.select(self.opened, None, listed, js=chosen("personalize"), **QUIET)
        asked = gr.Textbox(visible="hidden")
        self.everything = {page.tabs, self.modes, *listed, *self.shown, *self.preference.shown}
        page.demo.load(self.arrive, asked, self.everything, js=arrived("personalize"), **QUIET)
        self.header.personalize(self.reopen, None, self.everything, **QUIET)

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

    fills = ("personalize", "prefer")

    @property
    def filling(self) -> set[Component]:
        listed = {self.modes, self.shelf, self.options, self.preference.options}
        return {*listed, *self.shown, *self.preference.shown}

    def filled_with(self, kind: str, request: Json) -> Updates:
        part, mode = (self.preference, "preference") if kind == "prefer" else (self, "subject")
        return {self.modes: {"mode": mode}} | self.opened() | part.filled_by(request)

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


ABOUT = "Artists: teach a model your own subject or style, or what you prefer."
TABS.add("personalize")(Tab("personalize", "Personalize", 32, _build, about=ABOUT))
