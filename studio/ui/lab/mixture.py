"""The sliders of the exact Gaussian-mixture laboratory. Answers come from the interactive worker and are kept here."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict

import gradio as gr

from studio.capabilities.mixture.request import N_STEPS, MixtureRequest
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.ui.kit import looking, words
from studio.ui.kit.scripts import mounted
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Updates, Values

WAIT_S = 0.9  # a handler waits so long for an answer before it lets the page ask again
POLL_S = 0.25
LOOK_S = 0.012
KEPT = 256  # positions
TONES = {"base": "teacher", "base grid": "teacher-unguided", "student": "student", "skip-first": "skip-first",
         "student-first": "student-first", "chosen": "other"}  # fmt: skip


class MixtureCard:
    """Builds the component inside an open `gr.Blocks` and holds its handlers."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs
        self._known: OrderedDict[str, Json] = OrderedDict()
        self._lock = threading.Lock()
        value = {"sliders": sliders(), "page": None, "note": ""}
        self.html = gr.HTML(
            value,
            html_template=template("lab/mixture"),
            js_on_load=mounted("lab/mixture", "ask"),
            apply_default_css=False,
            elem_id="mixture",
        )
        self.waiting = gr.Textbox("", visible="hidden", label="position")  # a run that is awaited, and its position
        self.timer = looking.look(POLL_S)
        quiet: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        self.shown = {self.html, self.waiting, self.timer}
        self.html.ask(self.ask, {self.waiting}, self.shown, trigger_mode="multiple", **quiet)  # "once" would drop the last move
        looking.on_change(self.timer, self.tick, {self.waiting}, self.shown)

    def ask(self, values: Values, event: gr.EventData) -> Updates:
        """The sliders have moved: the answer, or the promise of one."""
        asked = {name: getattr(event, name, None) for name in MixtureRequest.model_fields}
        try:
            request = self.jobs.validate("mixture", {k: v for k, v in asked.items() if v is not None})
            position = request.model_dump_json()
            if (known := self._known.get(position)) is not None:
                return self._answer(known)
            self._drop(values[self.waiting])
            run_id = self.jobs.submit("mixture", request)
        except ValueError as error:
            return self._answer(None, str(error))
        return self._wait(run_id, position)

    def tick(self, values: Values) -> Updates:
        run_id, _, position = str(values[self.waiting] or "").partition(" ")
        return self._wait(run_id, position) if run_id else {self.timer: looking.rest()}

    def _wait(self, run_id: str, position: str) -> Updates:
        """Look for the answer for a moment; a run that has been read is deleted."""
        until = time.monotonic() + WAIT_S
        try:
            while not (info := self.jobs.get(run_id)).final:
                if time.monotonic() > until:
                    note = self.jobs.status().note if self.jobs.status().state != "ready" else "Computing."
                    waiting: Updates = {self.waiting: f"{run_id} {position}", self.timer: looking.at(run_id)}
                    return {self.html: {"sliders": sliders(), "page": None, "note": note, "pending": True}, **waiting}
                time.sleep(LOOK_S)
            found = self.jobs.result(run_id)
            self._drop(run_id)
        except ValueError:  # deleted: a later question took its place
            return {self.timer: looking.rest()}
        if found is None:
            return self._answer(None, info.note or "The worker gave no answer; the log of its lane says why.")
        page = shown(found)
        with self._lock:
            self._known[position] = page
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return self._answer(page)

    def _answer(self, page: Json | None, note: str = "") -> Updates:
        value = {"sliders": sliders(), "page": page, "note": note, "pending": False}
        return {self.html: value, self.waiting: "", self.timer: looking.rest()}

    def _drop(self, waiting: object) -> None:
        """Forget a run: its answer is kept here, or nobody wants it any more."""
        if run_id := str(waiting or "").partition(" ")[0]:
            with contextlib.suppress(ValueError):  # it is gone already
                self.jobs.discard(run_id)


def sliders() -> list[Json]:
    """Name, words, range and start of every slider. D runs over powers of two."""
    schema = MixtureRequest.model_json_schema()["properties"]
    steps = {"D": "log2", "beta": 0.25, "K": 1, "k": 1}
    out = []
    for name, step in steps.items():
        p = schema[name]
        out.append({"name": name, "label": p["title"], "info": p["description"], "low": p["minimum"], "high": p["maximum"],
                    "step": step, "value": p["default"]})  # fmt: skip
    return out


def shown(page: Json) -> Json:
    """`metrics.gmm_page.lab_page` in words and figures for the browser."""
    arms = []
    for arm in page["arms"]:
        modes, reach = words.interval(arm["modes"], 1)
        distance, distance_ci = words.interval(arm["distance"])
        arms.append({
            "name": arm["name"], "mask": arm["mask"] or "", "nfe": arm["nfe"], "modes": modes, "modes_ci": reach,
            "distance": distance, "distance_ci": distance_ci, "share": [round(s, 4) for s in arm["share"]],
            "recovered": words.number(arm["recovered"], percent=True) if arm["recovered"] is not None else "",
            "tone": TONES.get(arm["name"], arm["name"]), "chosen": arm["chosen"],
            "level": (arm["modes"]["value"] or 0) / page["settings"]["K"],
        })  # fmt: skip
    return {
        "settings": {k: page["settings"][k] for k in MixtureRequest.model_fields},
        "grid": [{"t": step["t"], "kappa": step["kappa"], "noise": step["noise_level"]} for step in page["grid"]],
        "weights": page["weights"], "arms": arms, "regime": page["regime"], "sentence": page["sentence"],
        "why": why(page), "steps": N_STEPS,
    }  # fmt: skip


def why(page: Json) -> str:
    """The regime in one sentence, from κ alone."""
    first, second = (page["grid"][i]["kappa"] for i in (0, 1))
    opened, kept = page["regime"]["first_open"], page["regime"]["second_kept"]
    if opened and kept:
        return (
            f"κ is small at the first step ({first:.2g}): x carries little evidence, so whoever takes this step decides by its "
            f"prior. It is large at the second ({second:.2g}): the decision is read off x and kept. So one base step is enough."
        )
    if opened:
        return (
            f"κ is still small at the second step ({second:.2g}): the student decides anew by its own prior, and a base step "
            "before it is forgotten. More dimensions raise κ."
        )
    return (
        f"κ is large at the first step already ({first:.2g}): the noise itself carries the decision, the prior hardly matters, "
        "and there is little to lose or to give back."
    )
