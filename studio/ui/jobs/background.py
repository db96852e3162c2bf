"""What the page asks about background runs: the list, one run in detail, and what may be asked of it.

What a run shows is put together in `strips`, `curves` and `numbers`, what it leaves behind in `files`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from studio.core import demo
from studio.core.files import Json
from studio.jobs.commands import is_resumable
from studio.jobs.events import ACTIVE
from studio.jobs.info import RunInfo
from studio.jobs.jobs import Jobs
from studio.jobs.paths import DOWNLOADS
from studio.library import picks
from studio.library.curves import Follower
from studio.library.method_cards import GROUPS, objectives
from studio.ui.jobs import curves, files, numbers, picks_table, slider_table, with_without_table
from studio.ui.jobs import strips as pictures
from studio.ui.jobs.view import JobView
from studio.ui.kit import looking, words
from studio.ui.kit.runs import BACKGROUND as LANE
from studio.ui.kit.runs import counted, when
from studio.ui.kit.views import Views, finish
from studio.ui.kit.words import size as size
from studio.ui.kit.words import span

LISTED = 60  # runs in the panel
LOG_LINES = 40
LOG_BYTES = 6000  # of log.txt

ACTIONS = {  # name -> words on its button
    "open": "Open on its tab",
    "compare": "Compare", "evaluate": "Evaluate", "resume": "Resume", "pause": "Pause",
    "stop": "Stop", "sample": "Sample now", "save": "Save now",
    "up": "Move up", "down": "Move down", "cancel": "Cancel", "duplicate": "Duplicate with changes", "delete": "Delete",
}  # fmt: skip
ASKED = {  # file in the run directory -> what the page says until it has happened
    "delete": "deleting after this step", "cancel": "cancelling after this step", "stop": "saving, then stopping",
    "pause": "saving, then pausing",
}  # fmt: skip
TRAINS = {group.kind for group in GROUPS.values()}
_ORDER = {"running": 0, "loading": 0, "queued": 1, "paused": 2}


class Background:
    """Reads runs of the batch lane, and passes on what a person asks of them."""

    def __init__(self, jobs: Jobs):
        """opened: kinds of run that a tab of the page shows."""
        self.jobs = jobs
        self.opened: set[str] = set()
        self._views: Views[JobView] = Views(jobs.tail)
        self._drawn: tuple[Any, Json] = (None, {})  # figures of the run looked at last, drawn again when something is new
        self._ended: dict[tuple[str, str], Json] = {}  # (run, state) -> its last progress, which no longer changes

    # -- looking ---------------------------------------------------------------------------------------------------

    def look(self, run_id: str) -> tuple[JobView, RunInfo]:
        """A run as it is now. ValueError when there is none, or when it is no background run."""
        info = self.jobs.get(run_id)
        if info.lane != LANE:
            raise ValueError(f"Run {run_id} is a {info.kind} of the page, no background run; Recent runs lists it.")
        view = self._views.look(run_id, lambda: self._new(run_id), lambda: self.jobs.result(run_id))
        view.rows = view.read()
        if info.state not in ACTIVE:  # the index knows the end first when a worker was killed
            if info.final and view.live:
                finish(view, self.jobs.result(run_id))
            view.state, view.note = info.state, info.note
        return view, info

    def _new(self, run_id: str) -> JobView:
        return JobView(run_id, self.jobs.spec(run_id).config, Follower(self.jobs.paths.run(run_id)).look)

    def panel(self, chosen: str = "") -> Json:
        """What the panel draws: {"jobs", "asked", "chosen", "detail", "counts"}. `chosen` is a run, "first", or "" when it is
        closed; it comes back as "asked"."""
        asked = chosen
        infos = sorted(self.jobs.list(lane=LANE, limit=LISTED), key=_place)
        if chosen == "first" or (chosen and all(info.id != chosen for info in infos)):
            chosen = infos[0].id if infos else ""
        downloads = self.jobs.list(lane=DOWNLOADS, states=(*ACTIVE, "queued"), limit=LISTED)
        return {
            "jobs": [self.card(info) for info in infos],
            "asked": asked,
            "chosen": chosen,
            "detail": self.detail(chosen) if chosen else None,
            "counts": counted(infos),
            "downloads": counted(downloads),
            "going": [info.id for info in (*infos, *downloads) if info.state in (*ACTIVE, "queued")][: looking.MOST],
        }

    def card(self, info: RunInfo) -> Json:
        """A line of the list."""
        p = self._progress(info)
        return {"id": info.id, "title": info.title, "state": _state(info, p), "text": self._text(info, p, info.note, short=True),
                "percent": _percent(p, info.state), "when": when(info.created)}  # fmt: skip

    def detail(self, run_id: str) -> Json:
        """Everything about one run; {"run", "problem"} when it cannot be read."""
        try:
            view, info = self.look(run_id)
        except (ValueError, KeyError, TypeError) as error:
            return {"run": run_id, "problem": str(error)}
        p, family = view.progress or self._progress(info), self._family(view)
        teaches = info.kind == "distill"
        return {
            "run": run_id,
            "title": info.title,
            "state": _state(info, p, view),
            "text": self._text(info, p, view.note),
            "percent": _percent(p, info.state),
            "actions": [[name, ACTIONS[name]] for name in self.allowed(info, view)],
            "facts": facts(info, p),
            "symptoms": [{k: s[k] for k in ("step", "seen", "remedy")} for s in view.symptoms.values()],
            "notices": view.notices,
            "teaches": teaches,
            "warning": curves.caution(family, str(view.request.get("objective", ""))),
            **self._figures(view, family),
            "few": "; the thinner ones are the teacher in as few steps as the student" if view.teacher_few else "",
            "response": slider_table.table(view) or with_without_table.table(view, info.kind),
            "response_title": with_without_table.heading(info.kind),
            "response_wait": slider_table.waiting(view, info.kind) or with_without_table.waiting(view, info.kind),
            "measuring": teaches and bool(view.request.get("measure_every") != 0),
            "picks": picks_table.table(self.jobs, info) if info.kind in TRAINS else None,
            "strips": pictures.strips(view),
            "beliefs": pictures.beliefs(view),
            "log": [f"{datetime.fromtimestamp(at):%H:%M:%S}  {text}" for at, text in view.log[-LOG_LINES:]],
            "text_log": self._text_log(run_id),
            "files": files.listed(self.jobs.paths, view),
            "student": view.student,
            "settings": settings(view.request),
        }

    def _figures(self, view: JobView, family: str) -> Json:
        """The plots of a run, which are looked at every second and change less often."""
        newest = view.rows[-1]["step"] if view.rows else 0
        pictures = [max(by) for by in (*view.strips.values(), *view.measures.values())]
        seen = (len(view.sides), len(view.teacher_few), view.teacher_measures is None)
        key = (view.run_id, family, newest, len(view.rows), pictures, seen)
        if self._drawn[0] != key:
            figures = {"loss": curves.loss_figure(view, family), "measures": curves.measures_figure(view)}
            self._drawn = key, {"figures": figures, "numbers": numbers.numbers(view)}
        return self._drawn[1]

    def _progress(self, info: RunInfo) -> Json:
        key = (info.id, info.state)
        if not info.final:
            return self.jobs.progress(info.id) or {}
        if key not in self._ended:
            self._ended[key] = self.jobs.progress(info.id) or {}
        return self._ended[key]

    def _family(self, view: JobView) -> str:
        """Family of the run's objective: trajectory, distribution, plain, or "" when it is not known.

        What the run says counts; the catalogue knows before it does, unless it is just being made anew.
        """
        if view.family:
            return view.family
        catalogue = objectives(self.jobs.paths, build=False) or {"distill": {"methods": {}}}
        entry = catalogue["distill"]["methods"].get(view.request.get("objective")) or {"card": {}}
        return str(entry["card"].get("family", ""))

    def _asked(self, run_id: str) -> str:
        folder = self.jobs.paths.run(run_id)
        return next((said for name, said in ASKED.items() if (folder / name).exists()), "")

    def _text(self, info: RunInfo, p: Mapping[str, Any], note: str, short: bool = False) -> str:
        """Where a run is, in words."""
        done, total, unit = p.get("done"), p.get("total"), str(p.get("unit") or "steps")
        counted = isinstance(done, int) and isinstance(total, int)
        at = "" if not counted else f"step {done:,} of {total:,}" if unit == "steps" else f"{done:,} of {total:,} {unit}"
        if info.state == "queued":
            place = f"{words.count(info.ahead, 'run')} ahead" if info.ahead else "next in line"
            return " · ".join(filter(None, [place, f"at {at}" if done else "", "" if short else note.rstrip(".")]))
        if info.state in ACTIVE:
            asked = self._asked(info.id)
            left = "" if asked or not p.get("eta_s") else f"about {span(p['eta_s'])} left"
            return " · ".join(filter(None, [at or note.rstrip(".") or "opening models", asked, left]))
        if info.state == "done":
            took = f"in {span(info.finished - info.started)}" if info.finished and info.started else ""
            return " ".join(filter(None, [f"{total:,} {unit}" if isinstance(total, int) else "", took]))
        return at if short else (note or at)

    def _text_log(self, run_id: str) -> str:
        """The end of the run's log.txt, where errors are written in full."""
        path = self.jobs.paths.run(run_id) / "log.txt"
        try:
            with open(path, "rb") as file:
                file.seek(max(0, path.stat().st_size - LOG_BYTES))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    # -- asking ----------------------------------------------------------------------------------------------------

    def allowed(self, info: RunInfo, view: JobView) -> list[str]:
        """What may be asked of a run in its state, in the order of the buttons."""
        keeps = is_resumable(info.kind)
        if info.state in ACTIVE:
            # a study keeps what it draws as it draws it
            trains = ["sample", "save"] if info.kind in TRAINS else []
            first = ["pause", "stop", *trains] if keeps and not self._asked(info.id) else []
            if not keeps:
                first = ["cancel"]
            elif (self.jobs.paths.run(info.id) / "pause").exists():
                first = ["resume"]
        elif info.state == "queued":
            first = ["up", "down", *(["pause"] if keeps else []), "cancel"]
        else:
            first = ["resume"] if self.jobs.resumable(info.id) else []
            first = ["compare", "evaluate"] if info.state == "done" and view.student else first
        shown = ["open"] if info.kind in self.opened else []
        return [*shown, *first, *(["duplicate"] if info.kind == "distill" else []), "delete"]

    def act(self, run_id: str, action: str, step: int | None = None) -> None:
        """Do what a button says. step: of the adapter that is picked. ValueError in one sentence when it does not fit the run's
        state."""
        demo.check("steer")
        jobs = self.jobs
        if action == "pick" and step is not None:
            picks.pick(jobs, run_id, step)
            return
        doing = {"pause": jobs.pause, "resume": jobs.resume, "stop": jobs.stop, "cancel": jobs.cancel,
                 "sample": jobs.sample_now, "save": jobs.save_now, "delete": lambda run: jobs.discard(run, to_trash=True),
                 "up": lambda run: jobs.move(run, "up"), "down": lambda run: jobs.move(run, "down")}  # fmt: skip
        if action not in doing:
            raise ValueError(f"Nothing here is called {action[:40]!r}; {', '.join(doing)} are.")
        doing[action](run_id)
        if action == "delete":
            self._views.forget(run_id)


# -- words and figures ---------------------------------------------------------------------------------------------------


def _place(info: RunInfo) -> tuple[int, float]:
    """Going on first, then the queue in its order, then what is paused, then the newest."""
    return _ORDER.get(info.state, 3), info.ahead if info.state == "queued" else -info.created


def _state(info: RunInfo, p: Mapping[str, Any], view: JobView | None = None) -> str:
    """The index may be a moment behind: a run that made steps is running, whatever it says."""
    if info.state in ACTIVE and (p.get("done") or (view is not None and view.state == "running")):
        return "running"
    return info.state


def _percent(p: Mapping[str, Any], state: str) -> float:
    return 100.0 if state == "done" else round(100 * p["done"] / p["total"], 1) if p.get("total") else 0.0


def facts(info: RunInfo, p: Mapping[str, Any]) -> list[list[str]]:
    """Name and value of what is known about speed and device."""
    found: list[list[str]] = []
    if pace := p.get("seconds_per_step"):
        found.append(["speed", f"{pace:.3g} s a step" if pace >= 0.1 else f"{1 / pace:.0f} steps a second"])
    if p.get("eta_s") and info.state in ACTIVE:
        found.append(["left", f"about {span(p['eta_s'])}"])
    if info.state == "queued":
        found.append(["place in the queue", f"{info.ahead + 1}"])
    if info.executor != "local":
        found.append(["executor", info.executor])
    if p.get("device"):
        found.append(["device", str(p["device"]).upper()])
    if p.get("memory_bytes"):
        found.append(["memory", size(p["memory_bytes"])])
    if (p.get("waited_s") or 0) >= 1:
        found.append(["waited for the page", span(p["waited_s"])])
    if p.get("skipped"):
        found.append(["updates left out, not finite", f"{p['skipped']:,}"])
    return found


def settings(request: Mapping[str, Any]) -> list[list[str]]:
    """The request as name and value, the objective's and the trainer's own settings named as such."""
    flat: list[list[str]] = []
    for name, value in request.items():
        if isinstance(value, Mapping):
            flat += [[f"{name}.{inner}", _shown(v)] for inner, v in value.items()]
        elif value is not None and value != []:
            flat.append([name, _shown(value)])
    return flat


def _shown(value: Any) -> str:
    return ", ".join(map(_shown, value)) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else str(value)
