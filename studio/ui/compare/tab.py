"""Compare: the same seeds drawn by teacher, student, hybrids and remedies, measured underneath.

Handlers do three things: read the form, submit a job, return updates. What is shown is read from the run
(`studio.ui.compare.compare_runs`); closing the page ends nothing.
"""

from __future__ import annotations

import gradio as gr

from studio.core.files import Json
from studio.domains.media import image
from studio.library import examples
from studio.library.models import load_registry
from studio.library.provenance import changed_models, hashes
from studio.ui.compare import first_page, plot
from studio.ui.compare.compare_runs import Watch
from studio.ui.compare.components import board, empty_board, figures_table, stage
from studio.ui.compare.form import CompareForm
from studio.ui.kit import arms, looking, messages, pairs, parts
from studio.ui.kit.address import chosen
from studio.ui.kit.draw_form import QUIET
from studio.ui.kit.draw_tab import DrawTab
from studio.ui.kit.experiments import is_experiment
from studio.ui.kit.runs import worker
from studio.ui.kit.scripts import called
from studio.ui.kit.updates import Shown, Updates, Values
from studio.ui.tabs import TABS, Page, Tab

POLL_S = 0.4  # between looks at a live run
WATCH_S, IDLE_S = 1.0, 5.0  # between looks at the worker while its models open, and afterwards


class CompareTab(DrawTab):
    """Builds the tab inside an open `gr.Blocks` and holds its handlers."""

    def __init__(self, watch: Watch, header: gr.HTML):
        super().__init__(watch, header)
        self.watch = watch
        self._build()
        self._wire()

    # -- layout ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        with gr.Row(elem_classes="shell"):
            with gr.Column(scale=0, min_width=280, elem_classes="controls"):
                self.form = CompareForm(self.jobs)
                self._build_actions()
            with gr.Column(scale=1, min_width=280, elem_classes="results"):
                self.board = board(empty_board(), self.watch.to_save, first_page.ways())
                with gr.Row(visible=False, elem_classes="under") as self.under:
                    with gr.Column(scale=1, min_width=300, elem_classes="card"):
                        stage()
                    with gr.Column(scale=1, min_width=300, elem_classes="card"):
                        self.plot = parts.live_plot("The figure appears when the first arm is measured.")
                with gr.Column(visible=False, elem_classes="card") as self.figures:
                    self.table = parts.text("table")
        self.build_hidden(POLL_S, "run-id", "run id")
        self.pulse = gr.Timer(WATCH_S, active=True)

    def _build_actions(self) -> None:
        self.build_actions("Run", "", "run")
        self.restore = gr.UploadButton(
            "Restore a run from a saved PNG or YAML", size="sm", elem_id="restore", elem_classes=parts.IN_FULL, type="filepath"
        )

    # -- events ----------------------------------------------------------------------------------------------------

    def _wire(self) -> None:
        self.shown = {self.board, self.plot, self.table, self.under, self.figures, self.run_id, self.timer, self.run,
                      self.cancel, self.problem, self.anew, self.header}  # fmt: skip
        filled = self.form.filled()
        self.readied = {*self.form.readied(), self.problem}
        self.wire()
        self.run.click(self.submit, set(self.form.inputs()), self.shown, **QUIET)
        self.anew.click(self.draw_anew, set(self.form.inputs()), self.shown, **QUIET)
        self.pulse.tick(self.beat, None, {self.header, self.pulse}, **QUIET)
        self.restore.upload(self.restore_png, {self.restore}, self.shown | filled, **QUIET)
        self.board.draw(self.draw_example, None, self.shown | filled, **QUIET)
        self.header.reopen(self.reopen, None, self.shown | filled, **QUIET)

    def place(self, page: Page, tab: gr.Tab) -> None:
        """When chosen: the pairs there are now. On page load: show the run of the address (?run=…), else re-attach to one of ours
        that still goes on."""
        tab.select(self.form.refresh, None, {self.form.pair}, js=chosen("compare"), **QUIET)
        asked = gr.Textbox(visible="hidden")
        page.demo.load(self.attach, asked, self.shown | self.form.filled(), js=called("kit/address", "ofRun"), **QUIET)

    # -- the form --------------------------------------------------------------------------------------------------

    def ready(self, pair_id: str) -> Updates:
        """The form set to a pair and its default arms, ready to run. ValueError when there is no such pair."""
        updates, pair = self.form.ready(pair_id), load_registry(self.jobs.paths).pair(pair_id)
        beside = ", a hybrid and the student without its first step" if pairs.student_steps(pair) > 1 else ""
        said = f"{pair.title} is chosen with its teacher{beside}; Run draws them on the same seeds."
        return updates | {self.problem: parts.line(said, "hint")}

    def mixing(self, base: str, prompt: str, mix: str) -> Updates:
        """The form ready to edit one picture: what its adapter says mixed into teacher and student. ValueError where no pair has
        the model."""
        listed = load_registry(self.jobs.paths).pairs()
        pair = next((one for one in listed if one.available and base in (one.student.id, one.teacher.id)), None)
        if pair is None:
            raise ValueError(f"No pair of a teacher and a student that can be opened has the model {base}.")
        asked = {"prompt": prompt, "pair": pair.id, "arms": ["teacher", "student"], "additions": {"sine": mix}}
        request = self.jobs.validate("compare", asked).model_dump(mode="json")
        said = f"{mix} is mixed into every early step, under More to draw with; change the prompt, and Run."
        return self.form.fill(request) | {self.problem: parts.line(said, "hint")}

    fills = ("compare",)

    @property
    def filling(self) -> Shown:
        return {*self.form.filled(), self.problem}

    def filled_with(self, kind: str, request: Json) -> Updates:
        return self.form.fill(request)

    # -- runs ------------------------------------------------------------------------------------------------------

    def submit(self, values: Values) -> Updates:
        return self.start(lambda: self.form.request(values))

    def draw_anew(self, values: Values) -> Updates:
        return self.start(lambda: self.form.request(values), anew=True)

    def open(self, run_id: str) -> Updates:
        return self.attach(f"open {run_id}")

    def example(self, fill: bool) -> Updates:
        """The finished comparison that is shipped. fill: whether its request goes into the form."""
        try:
            run_id = examples.opened(self.jobs)
            return self.open(run_id) if fill else self.show(run_id)
        except (ValueError, OSError) as error:
            return {self.problem: messages.problem(error)}

    def draw_example(self, event: gr.EventData) -> Updates:
        """One of the first page's prompts, drawn as the form stands at first."""
        try:
            request = self.jobs.validate("compare", self.form.asked_of(str(event.prompt)[:300]))
        except ValueError as error:
            return {self.problem: messages.problem(error, "compare")}
        return self.form.fill(request.model_dump(mode="json")) | self.start(lambda: request.model_dump(mode="json"))

    def beat(self) -> Updates:
        """State of the worker, often until its models are open and now and then afterwards; a run that goes on tells it too."""
        chip = worker(self.jobs)
        return {self.header: chip, self.pulse: gr.Timer(IDLE_S if chip["state"] in ("ready", "busy") else WATCH_S)}

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
            problem = messages.problem(error) if how == "open" else ""
            return {self.problem: problem, self.header: worker(self.jobs)}
        if how == "last" and not view.live:
            return {self.header: worker(self.jobs)}
        return self.form.fill(view.request) | self.show(run_id)

    def reopen(self, event: gr.EventData) -> Updates:
        return self.open(str(event.run))

    def restore_png(self, values: Values) -> Updates:
        """Put the request a saved picture carries into the form, and show its run when this studio still has it."""
        if is_experiment(values[self.restore]):  # `links` opens it on the tab it is of
            return {self.run_id: gr.skip()}
        try:
            carried = image.read_run(values[self.restore])
            request = self.jobs.validate("compare", carried["request"]).model_dump(mode="json")
        except ValueError as error:
            return {self.problem: messages.problem(error)}
        which = f"seed {str(carried.get('seed'))[:12]} of {arms.title(str(carried.get('arm'))[:40])}"
        made_with = {str(k)[:80]: v for k, v in (carried.get("models") or {}).items() if isinstance(v, dict)}
        changed = changed_models(made_with, hashes(made_with, load_registry(self.jobs.paths), self.jobs.paths.hashes))
        if changed:
            said = parts.line(f"The form is as it was for {which}. {' '.join(changed)}", "problem")
        else:
            said = parts.line(f"The form is as it was for {which}; Run gives the same pixels.", "hint")
        updates = self.form.fill(request)
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
            return {self.problem: messages.problem(error), self.timer: looking.rest()}
        rows, (drawn, _) = list(view.rows.values()), view.pictures
        return {
            self.run_id: run_id,
            self.board: view.board(ahead),
            self.plot: plot.cost_figure(rows),
            self.table: figures_table(rows),
            self.under: gr.Row(visible=drawn > 0),
            self.figures: gr.Column(visible=drawn > 0),
            self.timer: looking.at(run_id, live=view.live),
            self.run: gr.Button("Running" if view.live else "Run", interactive=not view.live),
            self.cancel: gr.Button(interactive=view.live),
            self.problem: "",
            self.anew: gr.Button(visible=False),
            self.header: worker(self.jobs),
        }


ABOUT = "Everybody: a teacher, its student and hybrids on the same seeds, with what each keeps and costs."
TABS.add("compare")(Tab("compare", "Compare", 10, lambda page: CompareTab(Watch(page.jobs), page.header), about=ABOUT))
