"""Ways from one part of the page to another: which tab is shown, and what is carried over."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import gradio as gr
from gradio.blocks import Block

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.ui.compare.tab import CompareTab
from studio.ui.control.tab import ControlTab
from studio.ui.distill.tab import DistillTab
from studio.ui.evaluate.tab import EvaluateTab
from studio.ui.gallery.tab import GalleryTab
from studio.ui.grid.tab import GridTab
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import messages, parts
from studio.ui.kit.experiments import is_experiment, read_experiment
from studio.ui.kit.runs import BACKGROUND
from studio.ui.kit.scripts import called
from studio.ui.kit.updates import Shown, Updates, Values
from studio.ui.lab.tab import LabTab
from studio.ui.live.tab import LiveTab
from studio.ui.models.tab import ModelsTab
from studio.ui.personalize.tab import PersonalizeTab
from studio.ui.scrub.tab import ScrubTab
from studio.ui.tabs import Fills, Opens, Page
from studio.ui.unlearn.tab import UnlearnTab

Way = Callable[[gr.EventData], Updates]


class Moves:
    """Handlers that change more than one part of the page."""

    def __init__(self, page: Page):
        compare, distill, scrub = (page.built[name] for name in ("compare", "distill", "scrub"))
        assert isinstance(compare, CompareTab) and isinstance(distill, DistillTab) and isinstance(scrub, ScrubTab)
        self.page, self.tabs, self.panel = page, page.tabs, page.panel
        self.compare, self.distill, self.scrub = compare, distill, scrub
        control, personalize = page.built["control"], page.built["personalize"]
        assert isinstance(control, ControlTab) and isinstance(personalize, PersonalizeTab)
        self.control, self.personalize, self.unlearn = control, personalize, page.built["unlearn"]
        assert isinstance(self.unlearn, UnlearnTab)
        evaluate = page.built["evaluate"]
        assert isinstance(evaluate, EvaluateTab)
        self.evaluate, self.models = evaluate, page.built["models"]
        assert isinstance(self.models, ModelsTab)

        grid = page.built["grid"]
        assert isinstance(grid, GridTab)
        self.grid, self.live = grid, page.built["live"]
        assert isinstance(self.live, LiveTab)

    def wire(self) -> None:
        quiet: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        filled, ready = self.distill.filled, self.compare.readied
        self.compare.board.scrub(self.scrub.asked_for, None, self.scrub.everything, **quiet)
        compared = {self.tabs, *self.compare.form.filled(), self.compare.problem}
        self.grid.board.compare(self.of_the_grid, None, compared, **quiet)
        self.live.board.compare(self.of_the_canvas, set(self.live.form.inputs()), {*compared, self.live.problem}, **quiet)
        self.panel.panel.compare(self.to_compare, None, {self.tabs, *ready, *self.panel.shown}, **quiet)
        self.panel.panel.duplicate(self.to_distill, None, {self.tabs, *filled, *self.panel.shown}, **quiet)
        showing = [tab for tab in self.page.built.values() if isinstance(tab, Opens)]
        self.panel.background.opened = {kind for tab in showing for kind in tab.opens}
        opening = {part for tab in showing for part in tab.opening}
        self.panel.panel.open(self.to_open, None, {self.tabs, *opening, *self.panel.shown}, **quiet)
        for board in (self.distill.leaderboard.html, self.models.board):
            board.compare(self.of_the_board, None, {self.tabs, *ready}, **quiet)
        tried = {self.tabs, *self.control.form.filled(), *self.compare.form.filled(), self.compare.problem}
        for board in (self.personalize.board, self.personalize.preference.board, self.unlearn.board):
            board.trial(self.to_try, None, tried, **quiet)
            board.evaluate(self.evaluate.wished, None, {self.tabs, *self.evaluate.listed}, **quiet)
        self.panel.panel.evaluate(self.evaluate.wished, None, {self.tabs, *self.evaluate.listed}, **quiet)
        gallery, opens = self.page.built["gallery"], Opening(self.page)
        assert isinstance(gallery, GalleryTab)
        gallery.board.open(opens.open, None, opens.shown, **quiet)
        self.page.header.open(opens.open, None, opens.shown, **quiet)
        filling = {part for _, tab in self._fillers() for part in tab.filling}
        self.compare.restore.upload(self.experiment, {self.compare.restore}, {self.tabs, *filling}, **quiet)
        self.page.header.go(self.to_tab, None, {self.tabs}, **quiet)
        example = {self.tabs, *self.compare.shown, *self.compare.form.filled()}
        self.page.header.example(self.to_example, None, example, **quiet)
        asked = gr.Textbox(visible="hidden")
        shown, js = {self.compare.form.pair, *self.panel.shown}, called("kit/address", "asked")
        self.page.demo.load(self.arrive, asked, shown, js=js, **quiet)

    def _fillers(self) -> list[tuple[str, Fills]]:
        """Tabs whose forms take experiment files, by name."""
        return [(name, tab) for name, tab in self.page.built.items() if isinstance(tab, Fills)]

    def experiment(self, values: Values) -> Updates:
        """An experiment file that was dropped on the page, as the filled form on its tab; what is wrong with it is said beside
        the button that takes files. A picture is Compare's business."""
        path = values[self.compare.restore]
        if not is_experiment(path):
            return {self.tabs: gr.skip()}
        try:
            kind, request = read_experiment(self.page.jobs, path)
            found = next(((name, tab) for name, tab in self._fillers() if kind in tab.fills), None)
            if found is None:
                raise ValueError(f"No form of this page is for a {kind} job; python -m studio jobs run takes the file.")
            updates = found[1].filled_with(kind, request)
        except (ValueError, KeyError) as error:
            return {self.tabs: gr.Tabs(selected="compare"), self.compare.problem: messages.problem(error)}
        return {self.tabs: gr.Tabs(selected=found[0])} | updates

    def arrive(self, asked: str) -> Updates:
        """On page load: the students there are now, and what goes on in the background."""
        return self.panel.show(str(asked or "")[:80]) | self.compare.form.refresh()

    def to_tab(self, event: gr.EventData) -> Updates:
        """A tab of this page, by its name."""
        name = str(event.tab)
        return {self.tabs: gr.Tabs(selected=name) if name in self.page.built else gr.skip()}

    def to_example(self, event: gr.EventData) -> Updates:
        """The shipped result on Compare, with its request in the form where that was asked for."""
        return {self.tabs: gr.Tabs(selected="compare")} | self.compare.example(bool(event.fill))

    def to_compare(self, event: gr.EventData) -> Updates:
        """Teacher, the new student, a hybrid and skip-first, ready to run."""
        try:
            view, _ = self.panel.background.look(str(event.run))
            if view.student is None:
                raise ValueError("This run made no student that could be compared.")
            return {self.tabs: gr.Tabs(selected="compare")} | self.compare.ready(view.student)
        except (ValueError, KeyError) as error:
            return self.panel.show(str(event.run), problem=str(error))

    def of_the_board(self, event: gr.EventData) -> Updates:
        """The same for a student of the leaderboard, or of the list of models."""
        try:
            return {self.tabs: gr.Tabs(selected="compare")} | self.compare.ready(str(event.student)[:90])
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error

    def of_the_grid(self, event: gr.EventData) -> Updates:
        """A cell of a grid as a comparison, ready to run with more arms or seeds."""
        try:
            place = tuple(int(i) for i in str(event.at)[:20].split("-"))
            request = self.grid.grids.drawn_by(str(event.run)[:80], place)
        except (ValueError, KeyError) as error:
            raise gr.Error(str(error), print_exception=False) from error
        said = parts.line("The form is as one cell of the grid was drawn; add arms or seeds, and Run.", "hint")
        return {self.tabs: gr.Tabs(selected="compare")} | self.compare.form.fill(request) | {self.compare.problem: said}

    def of_the_canvas(self, values: Values) -> Updates:
        """What is on the live canvas as a comparison, ready to run with more seeds."""
        try:
            request = self.page.jobs.validate("compare", self.live.form.request(values)).model_dump(mode="json")
        except ValueError as error:
            return {self.live.problem: messages.problem(error)}
        said = parts.line("The form is as the canvas was drawn; add arms or seeds, and Run.", "hint")
        return {self.tabs: gr.Tabs(selected="compare")} | self.compare.form.fill(request) | {self.compare.problem: said}

    def to_open(self, event: gr.EventData) -> Updates:
        """A background run on the tab that shows its kind."""
        try:
            kind = self.panel.jobs.get(str(event.run)[:80]).kind
        except ValueError as error:
            return self.panel.show(str(event.run), problem=str(error))
        for name, tab in self.page.built.items():
            if isinstance(tab, Opens) and kind in tab.opens:
                return {self.tabs: gr.Tabs(selected=name)} | tab.open(str(event.run))
        return self.panel.show(str(event.run), problem=f"No tab of this page shows a {kind} job.")

    def to_try(self, event: gr.EventData) -> Updates:
        """What was taught, ready to draw: a subject, a preference or a forgetting in Control, its adapter on and its word in the
        prompt; one picture in Compare, its adapter mixed in."""
        try:
            if event.mix:
                mixed = self.compare.mixing(str(event.base)[:90], str(event.prompt)[:300], str(event.mix)[:200])
                return {self.tabs: gr.Tabs(selected="compare")} | mixed
            return {self.tabs: gr.Tabs(selected="control")} | self.control.ready(
                str(event.adapter)[:90], str(event.base)[:90], str(event.prompt)[:300]
            )
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error

    def to_distill(self, event: gr.EventData) -> Updates:
        """The form as it was for a run, to be changed."""
        try:
            return {self.tabs: gr.Tabs(selected="distill")} | self.distill.duplicate(str(event.run))
        except (ValueError, KeyError) as error:
            return self.panel.show(str(event.run), problem=str(error))


class Opening:
    """A run of any kind, on the tab that shows it: what the Gallery opens.

    ways: what shows a run, by its kind. shown: everything that they change.
    """

    def __init__(self, page: Page):
        self.jobs: Jobs = page.jobs
        self.panel: JobsPanel = page.panel
        self.ways: dict[str, Way] = {}
        self.shown: Shown = {page.tabs, *page.panel.shown}
        for name, tab in page.built.items():
            if isinstance(tab, Opens):
                for kind in tab.opens:
                    self._add(kind, _opened(page, name, tab), tab.opening)
            elif isinstance(tab, (ScrubTab, ControlTab, GridTab, LiveTab)):
                self._add(tab.runs.KIND, tab.asked_for, tab.everything)
            elif isinstance(tab, CompareTab):
                self._add("compare", _on(page, name, tab.reopen), {*tab.shown, *tab.form.filled()})
            elif isinstance(tab, PersonalizeTab):
                for kind in (tab.runs.KIND, tab.preference.runs.KIND):
                    self._add(kind, tab.reopen, tab.everything)
            elif isinstance(tab, LabTab):
                self._add("study", _on(page, name, _study(tab)), {*tab.filled, *tab.shown})

    def _add(self, kind: str, way: Way, shown: Iterable[Block]) -> None:
        self.ways[kind] = way
        self.shown |= {*shown}

    def open(self, event: gr.EventData) -> Updates:
        """On its tab; a background run that has none in the panel of background runs."""
        try:
            info = self.jobs.get(str(event.run)[:80])
            if way := self.ways.get(info.kind):
                return way(event)
            if info.lane == BACKGROUND:
                return self.panel.focus(info.id)
            raise ValueError(f"No tab shows a {info.kind} job; `python -m studio runs show {info.id}` does.")
        except (ValueError, KeyError) as error:
            raise gr.Error(str(error), print_exception=False) from error


def _on(page: Page, name: str, way: Way) -> Way:
    return lambda event: {page.tabs: gr.Tabs(selected=name)} | way(event)


def _opened(page: Page, name: str, tab: Opens) -> Way:
    return _on(page, name, lambda event: tab.open(str(event.run)[:80]))


def _study(tab: LabTab) -> Way:
    return lambda event: tab.opened() | tab.open(event)
