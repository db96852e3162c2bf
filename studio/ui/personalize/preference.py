"""A preference: a model is tuned to a reward read from pictures, or to a person's votes. A part of the Personalize tab."""

from __future__ import annotations

import gradio as gr

from studio.core.files import Json
from studio.library import rewards
from studio.library.method_cards import Catalogue
from studio.library.models import load_registry
from studio.ui.kit import parts
from studio.ui.kit.updates import Updates
from studio.ui.personalize import preference_choices, voting
from studio.ui.personalize.preference_view import PreferenceView
from studio.ui.personalize.runs import TrainedRuns
from studio.ui.personalize.training_part import TrainingPart


class PreferenceRuns(TrainedRuns[PreferenceView]):
    """Reads runs of the kind "prefer"."""

    KIND, SHOWS = "prefer", "models that were tuned to a preference"

    def made(self, run_id: str, request: Json) -> PreferenceView:
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


class PreferencePart(TrainingPart[PreferenceView]):
    """Builds its half of the tab inside an open `gr.Blocks`, and holds its handlers."""

    HALF, ROW, FORM = "preference", "personal-preference", "preference_form"
    BOARD, WORDS = "preference_board", "preference_words"

    def build_form(self) -> None:
        with gr.Column(elem_classes="card fields"):
            begin: Json = {"models": [], "methods": {}, "base": "", "steps": preference_choices.STEPS, "wait": "",
                           "rewards": {}, "sets": []}  # fmt: skip
            self.options = parts.mounted_html(begin, "personalize/preference_form", "preference-options", *self.priced())

    def build_above(self) -> None:
        self.votes = parts.mounted_html({}, "personalize/votes", "preference-votes", *voting.served(self.jobs))

    def request(self, known: Catalogue | None, form: Json) -> Json:
        return preference_choices.request(self.jobs.paths, known or {}, form)

    def opened(self, known: Catalogue | None) -> Updates:
        """Models, rewards, votes and methods as they are now; what is chosen and typed stays."""
        return {self.options: preference_choices.options(self.jobs.paths, known)}
