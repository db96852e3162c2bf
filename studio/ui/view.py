"""A run as the page shows it: events folded into one JSON-ready picture of the moment.

`RunView` is a pure reducer (events in, dict out); `Views` keeps one per run and feeds it from a byte offset,
so that ten browsers watching one run read its event file once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from studio.ui import arms, say

LIVE = ("queued", "loading", "running")
KEPT_VIEWS = 64
READS_PER_LOOK = 64  # a reader that is behind catches up in blocks; this bounds one look at about 256 MB

Json = dict[str, Any]
Tail = Callable[[str, int], tuple[Sequence[Mapping[str, Any]], int]]


class RunView:
    """Folds the events of one run. `request` is the run's configuration as it was submitted."""

    def __init__(self, run_id: str, request: Mapping[str, Any], student_steps: int):
        self.run_id, self.request = run_id, dict(request)
        self.seeds = [int(seed) for seed in self.request["seeds"]]
        self.state, self.note = "queued", ""
        self.began_s: float | None = None  # unix time of the first step
        self.took_s: float | None = None
        self.progress: Json | None = None
        self.notices: list[str] = []
        self.recovery: list[Json] = []
        self.finished = False  # whether `finish` has been told the result
        self.student_steps = int(self.request.get("student_steps") or student_steps)
        self.rows = {arm: self._row(arm) for arm in self.request["arms"]}

    def _row(self, arm: str) -> Json:
        return {
            "arm": arm,
            "title": arms.title(arm),
            "tone": arms.look(arm).slug,
            "meaning": arms.meaning(arm),
            "glyph": arms.glyph(arm, self.student_steps, int(self.request.get("teacher_steps") or 0)),
            "images": {},
            "strip": None,
            "nfe": None,
            "seconds": None,
            "measures": {},
        }

    def apply(self, event: Mapping[str, Any]) -> None:
        """Fold one event in. Kinds and arms this page does not know are passed over."""
        kind, row = event.get("kind"), self.rows.get(str(event.get("arm")))
        if kind == "state":
            self._changed(str(event["state"]), str(event.get("note") or ""), float(event.get("time") or 0))
        elif kind == "progress":
            self.progress = {k: event.get(k) for k in ("done", "total", "arm", "step", "steps", "eta_s")}
        elif kind == "notice":
            text = str(event["text"])
            if text not in self.notices:
                self.notices.append(text)
        elif kind == "preview" and row is not None:
            row["strip"] = {k: event.get(k) for k in ("strip", "count", "step", "steps", "model")}
        elif kind == "image" and row is not None:
            row["images"][str(event["seed"])] = event["path"]
        elif kind == "arm" and row is not None:
            self._measured(row, event)

    def _changed(self, state: str, note: str, time_s: float) -> None:
        self.state, self.note = state, note
        if state == "running" and self.began_s is None:
            self.began_s = time_s
        if state not in LIVE and self.began_s is not None:
            self.took_s = max(0.0, time_s - self.began_s)

    def _measured(self, row: Json, arm: Mapping[str, Any]) -> None:
        row["nfe"], row["seconds"] = arm.get("nfe"), arm.get("seconds_per_image")
        row["measures"] = dict(arm.get("measures") or {})

    def finish(self, result: Mapping[str, Any] | None) -> None:
        """Take what only `result.json` holds: the recovery sentences, and arms measured again on all of them."""
        self.finished = True
        if not result:
            return
        self.recovery = [dict(entry) for entry in result.get("recovery") or []]
        for arm in result.get("arms") or []:
            row = self.rows.get(str(arm.get("arm")))
            if row is not None:
                self._measured(row, arm)
                row["images"].update({str(i["seed"]): i["path"] for i in arm.get("images") or []})
        for text in result.get("notices") or []:
            if text not in self.notices:
                self.notices.append(text)

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def pictures(self) -> tuple[int, int]:
        """(finished, asked for)."""
        return sum(len(row["images"]) for row in self.rows.values()), len(self.rows) * len(self.seeds)

    def board(self, ahead: int = 0) -> Json:
        """What the seed wall draws. `ahead`: how many runs wait before this one."""
        rows = [
            {k: row[k] for k in ("arm", "title", "tone", "meaning", "glyph", "images", "strip", "nfe")}
            | {"figures": say.row_figures(row)}
            for row in self.rows.values()
        ]
        done, total = self.pictures
        return {
            "run": self.run_id,
            "prompt": self.request["prompt"],
            "seeds": self.seeds,
            "state": self.state,
            "live": self.live,
            "status": say.status(self, ahead, done, total),
            "progress": self.progress,
            "headline": say.headline(self),
            "notices": self.notices,
            "rows": rows,
        }


class View(Protocol):
    """What `Views` keeps up to date: `RunView` here, `JobView` for background runs."""

    finished: bool

    @property
    def live(self) -> bool: ...
    def apply(self, event: Mapping[str, Any]) -> None: ...
    def finish(self, result: Mapping[str, Any] | None) -> None: ...


V = TypeVar("V", bound=View)


class Views(Generic[V]):
    """One view per run, kept for the most recently watched. Safe to call from many threads."""

    def __init__(self, tail: Tail):
        self._tail = tail
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[threading.Lock, V, list[int]]] = OrderedDict()

    def look(self, run_id: str, make: Callable[[], V], result: Callable[[], Json | None]) -> V:
        """The view of a run brought up to its newest event; `make` builds it on first sight."""
        with self._lock:
            entry = self._entries.get(run_id) or (threading.Lock(), make(), [0])
            self._entries[run_id] = entry
            self._entries.move_to_end(run_id)
            while len(self._entries) > KEPT_VIEWS:
                self._entries.popitem(last=False)
        lock, view, offset = entry
        with lock:
            was_live = view.live
            for _ in range(READS_PER_LOOK):
                events, new = self._tail(run_id, offset[0])
                for event in events:
                    view.apply(event)
                if new == offset[0]:
                    break
                offset[0] = new
            if not view.live and (was_live or not view.finished):
                view.finish(result())
        return view

    def forget(self, run_id: str) -> None:
        with self._lock:
            self._entries.pop(run_id, None)
