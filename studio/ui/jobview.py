"""A background run as the jobs panel shows it: events folded into curves, strips, figures and a log.

A pure reducer like `studio.ui.view.RunView`, and kept by the same `Views`. A run that continues from a checkpoint
writes some steps again; what was folded from that step on is then replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from studio.ui import say

LIVE = ("queued", "loading", "running")
MAX_POINTS = 4000  # of a curve; a longer one keeps every second point
MAX_LINES = 200  # of the log
Json = dict[str, Any]


class Point(NamedTuple):
    """A loss at a step: as it was, and smoothed; None where it was not finite."""

    step: int
    raw: float | None
    smooth: float | None


class JobView:
    """Folds the events of one background run. `request` is its configuration as it was submitted."""

    def __init__(self, run_id: str, request: Mapping[str, Any]):
        self.run_id, self.request = run_id, dict(request)
        self.state, self.note = "queued", ""
        self.finished = False  # whether `finish` has been told the result
        self.progress: Json = {}
        self.curves: dict[str, list[Point]] = {}
        self.strips: dict[int, dict[int, Json]] = {}  # sampling steps -> training step -> {"strip", "count"}
        self.teacher: Json | None = None  # the teacher's strip
        self.measures: dict[int, dict[int, Json]] = {}  # sampling steps -> training step -> figures
        self.teacher_measures: Json | None = None
        self.notices: list[str] = []
        self.log: list[tuple[float, str]] = []
        self.student: str | None = None
        self.result: Json | None = None

    @property
    def live(self) -> bool:
        return self.state in LIVE

    def apply(self, event: Mapping[str, Any]) -> None:
        """Fold one event in; kinds this page does not know are passed over."""
        fold = getattr(self, f"_on_{event.get('kind')}", None)
        if fold is not None:
            fold(event)

    def finish(self, result: Mapping[str, Any] | None) -> None:
        """Take what only `result.json` holds."""
        self.finished = True
        if result:
            self.result = dict(result)
            self.student = result.get("student") or self.student
            for text in result.get("notices") or []:
                self._notice(str(text))

    def _say(self, event: Mapping[str, Any], text: str) -> None:
        self.log.append((float(event.get("time") or 0), text))
        del self.log[:-MAX_LINES]

    def _notice(self, text: str) -> bool:
        new = text not in self.notices
        if new:
            self.notices.append(text)
        return new

    def _on_state(self, event: Mapping[str, Any]) -> None:
        self.state, self.note = str(event["state"]), str(event.get("note") or "")
        if self.state == "loading" and self.log and self.log[-1][1].startswith("loading"):
            self.log.pop()  # preparing material says how far it is every second
        self._say(event, f"{self.state}: {self.note}" if self.note else self.state)

    def _on_progress(self, event: Mapping[str, Any]) -> None:
        self.progress = {k: v for k, v in event.items() if k not in ("n", "kind", "time")}
        step, smooth = int(event.get("step") or event["done"]), event.get("smooth") or {}
        for name, raw in (event.get("losses") or {}).items():
            curve = self.curves.setdefault(str(name), [])
            while curve and curve[-1].step >= step:
                curve.pop()
            curve.append(Point(step, raw, smooth.get(name)))
            if len(curve) > MAX_POINTS:
                del curve[1:-1:2]

    def _on_notice(self, event: Mapping[str, Any]) -> None:
        if self._notice(str(event["text"])):
            self._say(event, str(event["text"]))

    def _on_strip(self, event: Mapping[str, Any]) -> None:
        found = {k: event.get(k) for k in ("strip", "count", "sampling_steps", "prompts", "seeds")}
        if event.get("arm") == "teacher":
            self.teacher = found
        else:
            self.strips.setdefault(int(event["sampling_steps"]), {})[int(event["step"])] = found

    def _on_measure(self, event: Mapping[str, Any]) -> None:
        figures = dict(event.get("measures") or {})
        if event.get("arm") == "teacher":
            self.teacher_measures = figures
            self._say(event, f"the teacher: {said_figures(figures)}")
        else:
            self.measures.setdefault(int(event["sampling_steps"]), {})[int(event["step"])] = figures
            steps = say.count(int(event["sampling_steps"]), "step")
            self._say(event, f"step {event['step']:,}, the student in {steps}: {said_figures(figures)}")

    def _on_saved(self, event: Mapping[str, Any]) -> None:
        self._say(event, f"step {event.get('step', 0):,}: a checkpoint is saved")

    def _on_student(self, event: Mapping[str, Any]) -> None:
        self.student = str(event["id"])
        self._say(event, f"the student is listed as {self.student}")


def said_figures(measures: Mapping[str, Any]) -> str:
    """Accuracy, diversity and FD-oracle in one clause, with their intervals."""
    accuracy = " ".join(filter(None, say.interval(measures.get("accuracy"), percent=True)))
    diversity = " ".join(filter(None, say.interval(measures.get("diversity"))))
    distance = say.number(measures.get("fd_oracle"), 1)
    return f"accuracy {accuracy}, diversity {diversity}, FD-oracle {distance}"
