"""The API: every action of the page as a named endpoint that takes and returns JSON objects.

    from gradio_client import Client
    studio = Client("http://127.0.0.1:7860")
    run = studio.predict({"prompt": "a red house at night", "seeds": [0, 1, 2]}, api_name="/compare")["run"]
    studio.predict(run, api_name="/run_state")  # what it drew has an "url" below studio.src

A request is the typed request of the job kind, the same object that `spec.json`, the command line and a saved PNG
hold; there are no positional lists of form values.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr

from studio.core import demo
from studio.domains.media import image
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.ui.compare.compare_runs import Watch
from studio.ui.control.control_runs import Controls
from studio.ui.jobs.background import Background
from studio.ui.models import downloads, form
from studio.ui.models.tab import removed
from studio.ui.scrub.scrub_runs import Scrubs
from studio.ui.scrub.view import ScrubView

T = TypeVar("T")
_FILE = re.compile(r"artifacts(/[A-Za-z0-9][A-Za-z0-9._-]*)+")  # how runs name what they made


class Endpoints:
    """Every action of the page as a method; names, docstrings and arguments are what callers see."""

    def __init__(self, watch: Watch, scrubs: Scrubs, controls: Controls):
        self.jobs = watch.jobs
        self._looks = {"compare": watch.look, "scrub": scrubs.look, "control": controls.look}

    def _look(self, run: str) -> Any:
        kind = self.jobs.get(run).kind
        if kind not in self._looks:
            raise ValueError(f"Run {run} is a {kind} job; /job says how it stands.")
        return self._looks[kind](run)

    def compare(self, request: dict) -> dict:
        """Queue a comparison. `request`: {"prompt", "pair", "arms", "seeds", "teacher_steps", "teacher_guidance",
        "base_guidance", "rho", "student_steps", "adapters", "hints", "off_recipe", "previews"}; only "prompt" is needed. "arms"
        are teacher, teacher-unguided, student, hybrid-1, skip-first, student-first, mask-BSSB and the remedies of the arena:
        cads, particles, prompt-noise, blend, more-re-noise, guided-hybrid, guidance-interval; left out, they are what the
        student can draw of teacher, student, hybrid-1 and skip-first. "adapters" are {"id", "strength", "on"} or text like
        mine/size=1.5@first; "hints" are {"id", "weight", "on", "scene"} or text; "additions" are what capabilities add, by
        name. Returns {"run": id}."""
        return {"run": _said(lambda: self.jobs.submit("compare", request))}

    def run_state(self, run: str) -> dict:
        """How a comparison, a scrub run or a control run stands: {"run", "state", "note", "ahead", "progress", "notices",
        "result"}. "result" holds what is finished so far: pictures (each with its "url", below this server's own address),
        cost and measures, of a comparison per arm, of a control run per arm and strength in "cells". Of a scrub run there are
        also "rows", per arm or branch its "steps" and the addresses of their pictures, all seeds side by side: "strips" of
        what was believed, "noisy" of the states where asked for, "" where there is none (yet); and "timeline", the address of
        what was read at every step."""
        view, ahead = _said(lambda: self._look(run))
        state = {"run": run, "state": view.state, "note": view.note, "ahead": ahead, "progress": view.progress,
                 "notices": view.notices, "result": self.jobs.result(run)}  # fmt: skip
        if isinstance(view, ScrubView):
            shown = ("arm", "title", "branch", "steps", "strips", "noisy")
            state |= {"rows": [{k: row[k] for k in shown} for row in view.rows.values()], "timeline": view.timeline}
        return with_addresses(run, state)

    def cancel(self, run: str) -> dict:
        """Ask a run to stop: within one step when it is drawing, at once when it waits. Keeps what is finished."""
        return {"run": run, "state": _said(lambda: self.jobs.cancel(run)).state}

    def runs(self, limit: int = 20) -> list:
        """The newest comparisons: [{"run", "title", "state", "created"}], newest first.
        In a public demo there are none: whoever drew a run knows its id."""
        if demo.on():
            return []
        found = self.jobs.list(kind="compare", limit=max(1, min(int(limit), 200)))
        return [{"run": info.id, "title": info.title, "state": info.state, "created": info.created} for info in found]

    def models(self) -> list:
        """The models there are: id, role, teacher, size, steps, recipe, card, and why one is not available."""
        return [entry.plain() for entry in load_registry(self.jobs.paths).entries.values()]

    def picture(self, png: str) -> dict:
        """What a saved PNG carries: {"request", "run", "arm", "seed", "plan", "models", "versions"}. `png` is the file as
        base64 text, so that no path of the server's is ever asked for. Feed "request" to /compare to draw it again."""
        return _said(lambda: image.read_run(_decoded(png)))

    def start_job(self, job: dict) -> dict:
        """Queue a job of any kind. `job`: {"kind": "distill", …} with the fields of that kind's request beside it, as in a
        spec file; scrub and control too. Returns {"run": id, "ahead": how many wait before it}."""
        fields = dict(job) if isinstance(job, dict) else {}
        kind = fields.pop("kind", "distill")
        run = _said(lambda: self.jobs.submit(kind, fields))
        return {"run": run, "ahead": self.jobs.get(run).ahead}

    def background(self, limit: int = 20) -> list:
        """The newest background jobs: [{"run", "kind", "title", "state", "note", "progress"}], newest first."""
        if demo.on():
            return []
        found = self.jobs.list(lane="batch", limit=max(1, min(int(limit), 200)))
        return [{"run": info.id, "kind": info.kind, "title": info.title, "state": info.state, "note": info.note,
                 "progress": self.jobs.progress(info.id)} for info in found]  # fmt: skip

    def job(self, run: str) -> dict:
        """A job of any kind: {"run", "kind", "state", "note", "ahead", "request", "progress", "result"}; files that the
        result names have addresses as in /run_state."""
        info = _said(lambda: self.jobs.get(run))
        result = with_addresses(run, self.jobs.result(run))
        return {"run": run, "kind": info.kind, "state": info.state, "note": info.note, "ahead": info.ahead,
                "request": self.jobs.spec(run).config, "progress": self.jobs.progress(run), "result": result}  # fmt: skip

    def ask_job(self, wish: dict) -> dict:
        """Ask something of a background job. `wish`: {"run": id, "action": pause, resume, stop, sample, save, cancel, up,
        down or delete}. Returns {"run", "state"} as it is now; a running job does it after its current step."""
        given = wish if isinstance(wish, dict) else {}
        run, action = str(given.get("run", "")), str(given.get("action", ""))
        _said(lambda: Background(self.jobs).act(run, action))
        gone = action == "delete" and all(info.id != run for info in self.jobs.list(lane="batch", limit=200))
        return {"run": run, "state": "deleted" if gone else self.jobs.get(run).state}


class ModelEndpoints:
    """What the Models tab does. A token is handed to the download or the request it is given with, and kept nowhere."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs

    def search_models(self, text: str) -> list:
        """Models on the Hugging Face Hub whose name holds a text: [{"id", "about"}], most downloaded first."""
        return _said(lambda: form.search(text))

    def add_model(self, request: dict) -> dict:
        """List a model from elsewhere; nothing of its weights is downloaded. `request`: {"place": owner/name or a path of the
        server's, "holds", "file", "base", "like", "role", "teacher", "variant", "revision", "size", "id", "token", "recipe":
        {"timesteps", "rule", "guidance", "eta", "prediction"} of a student}. Returns {"id"}."""
        return {"id": _said(lambda: form.add(self.jobs.paths, request))}

    def look_at_model(self, wish: dict) -> dict:
        """What a download would take. `wish`: {"model": id, "token"}. Returns {"text", "licence", "gated", "page"}."""
        return _said(lambda: downloads.look(self.jobs, *_texts(wish, "model", "token")))

    def download_model(self, wish: dict) -> dict:
        """Begin a download, or go on with it. `wish`: {"model": id, "token"}. Returns {"downloads": by model, those that go on};
        /ask_job pauses and resumes them by their "run"."""
        _said(lambda: downloads.start(self.jobs, *_texts(wish, "model", "token")))
        return {"downloads": downloads.going(self.jobs)}

    def remove_model(self, wish: dict) -> dict:
        """Take a model off the list. `wish`: {"model": id, "files": whether what was downloaded goes too}. Returns {"said"}."""
        return _said(lambda: removed(self.jobs, _texts(wish, "model")[0], bool(wish.get("files"))))


def add_api(jobs: Jobs) -> None:
    """Register the endpoints in the open Blocks."""
    e = Endpoints(Watch(jobs), Scrubs(jobs), Controls(jobs))
    for endpoint in (e.compare, e.run_state, e.cancel, e.runs, e.models, e.picture, e.start_job, e.background, e.job, e.ask_job):
        gr.api(endpoint, api_name=endpoint.__name__, queue=False)
    m = ModelEndpoints(jobs)
    for action in (m.search_models, m.add_model, m.look_at_model, m.download_model, m.remove_model):
        gr.api(action, api_name=action.__name__, queue=False)


def _decoded(png: str) -> bytes:
    try:
        return base64.b64decode(png, validate=True)
    except (ValueError, TypeError) as error:
        raise ValueError("The picture is not base64 text; send the PNG's bytes encoded that way.") from error


def with_addresses(run: str, value: object) -> Any:
    """The same with addresses below this server's own in place of the names of the run's files.

    A picture's "path" becomes its "url": of an object with a "path" gradio_client believes that Gradio serves the file, asks
    for it at once, and is refused with 403.
    """
    if isinstance(value, dict):
        return {"url" if name == "path" else name: with_addresses(run, found) for name, found in value.items()}
    if isinstance(value, (list, tuple)):
        return [with_addresses(run, found) for found in value]
    return f"run-file/{run}/{value}" if isinstance(value, str) and _FILE.fullmatch(value) else value


def _texts(wish: dict, *names: str) -> list[str]:
    return [str(wish.get(name) or "") for name in names]


def _said(action: Callable[[], T]) -> T:
    """A person's mistake reaches the caller as its one sentence."""
    try:
        return action()
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from error
