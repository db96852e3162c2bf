"""A preference: a model is tuned to a reward read from pictures, or to a person's votes. A part of the Personalize tab."""

from __future__ import annotations

import json

import gradio as gr

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library import rewards
from studio.library.method_cards import Catalogue, objectives
from studio.library.models import load_registry
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import parts
from studio.ui.kit.exports import Saved, Table, of_run, saving
from studio.ui.kit.messages import problem
from studio.ui.kit.reader import Reader
from studio.ui.kit.scripts import called, mounted
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Updates
from studio.ui.personalize import preference_choices, voting
from studio.ui.personalize.preference_view import PreferenceView
from studio.ui.personalize.training_part import TrainingPart

POLL_S = 1.0  # between looks at a live run
_QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


class PreferenceRuns(Reader[PreferenceView]):
    """Reads runs of the kind "prefer"."""

    KIND, SHOWS = "prefer", "models that were tuned to a preference"

    def _new(self, run_id: str) -> PreferenceView:
        request = self.jobs.spec(run_id).config
        entry = load_registry(self.jobs.paths).entries.get(request["base"])  # may be gone since
        known = rewards.offered(entry) if entry is not None else {}
        reward, second = request.get("reward") or "", request.get("second") or ""
        if entry is not None and not second:
            second = rewards.beside(reward, entry)
        titles = {name: known[name].title if name in known else name for name in (reward, second)}
        return PreferenceView(run_id, request, {
            "what": titles[reward] if reward else f"Votes {request.get('votes')}", "second": titles[second],
            "base": entry.title if entry else request["base"],
            "percent": reward in known and known[reward].percent, "second_percent": second in known and known[second].percent,
        })  # fmt: skip

    def to_save(self, wish: Json) -> Saved:
        """Figures, request and result of {"run"}."""
        view, _ = self.look(str(wish["run"])[:80])
        tables = [
            Table(found["heads"], [[row["title"], *row["cells"]] for row in found["rows"]], title)
            for title, found in (("arms", view.arms()), ("steps", view.steps()))
            if found is not None
        ]
        return Saved(tables, of_run(self.jobs, view.run_id, self.KIND))


class PreferencePart(TrainingPart[PreferenceView]):
    """Builds its half of the tab inside an open `gr.Blocks`, and holds its handlers."""

    def __init__(self, jobs: Jobs, panel: JobsPanel, header: gr.HTML):
        self.runs, self.jobs, self.panel, self.header = PreferenceRuns(jobs), jobs, panel, header
        self._build()
        self._wire()

    def _build(self) -> None:
        with gr.Row(elem_id="personal-preference", elem_classes="shell"):
            with gr.Column(scale=0, min_width=280, elem_classes="controls"):
                with gr.Column(elem_classes="card fields"):
                    begin: Json = {"models": [], "methods": {}, "base": "", "steps": preference_choices.STEPS, "wait": "",
                                   "rewards": {}, "sets": []}  # fmt: skip
                    self.options = parts.mounted_html(begin, "personalize/preference_form", "preference-options")
                with gr.Column(elem_classes="actions"):
                    self.problem = parts.text("preference-problem")
                    with gr.Row(elem_classes="buttons"):
                        self.start = parts.run_button("Start", "preference-start", min_width=120, scale=3)
                        self.stop = gr.Button(
                            "Stop",
                            size="md",
                            min_width=84,
                            scale=1,
                            interactive=False,
                            elem_id="preference-stop",
                            elem_classes="cancels",
                        )
            with gr.Column(scale=1, min_width=280, elem_classes="results"):
                self.votes = parts.mounted_html({}, "personalize/votes", "preference-votes", *voting.served(self.jobs))
                self.board = gr.HTML(
                    {"run": None},
                    html_template=template("personalize/preference_board"),
                    apply_default_css=False,
                    elem_id="preference-board",
                    js_on_load=mounted("personalize/preference_board", "details", "trial"),
                    server_functions=[saving(self.runs.to_save)],
                )
        self.asked = gr.Textbox("{}", visible="hidden", label="what is preferred")
        self.run_id = gr.Textbox("", visible="hidden", elem_id="preference-id", label="prefer run id")
        self.timer = gr.Timer(POLL_S, active=False)
        self.shown = {self.board, self.run_id, self.timer, self.stop, self.problem, self.header}

    def _wire(self) -> None:
        outputs = list({*self.shown, *self.panel.shown})
        self.start.click(self.submit, [self.asked], outputs, js=called("personalize/preference_form", "readForm"), **_QUIET)
        self.stop.click(self.stopped, {self.run_id}, self.shown, **_QUIET)
        self.timer.tick(self.tick, {self.run_id}, self.shown, **_QUIET)
        self.board.details(self.details, {self.run_id}, self.panel.shown, **_QUIET)

    def opened(self, known: Catalogue | None) -> Updates:
        """Models, rewards, votes and methods as they are now; what is chosen and typed stays."""
        return {self.options: preference_choices.options(self.jobs.paths, known)}

    def submit(self, form: str) -> Updates:
        paths = self.jobs.paths
        try:
            request = preference_choices.request(paths, objectives(paths) or {}, json.loads(form or "{}"))
            run_id = self.jobs.submit(self.runs.KIND, request)
        except ValueError as error:
            return {self.problem: problem(error, self.runs.KIND)}
        return self.show(run_id)
