"""A training run as a tab shows it: how far it is, its strips of pictures, and rows of figures by arm and step."""

from __future__ import annotations

from typing import ClassVar

from studio.core.files import Json
from studio.ui.kit import words
from studio.ui.kit.run_view import RunView


class TrainingView(RunView):
    """Folds the events of one run that trains. ROWS: kinds of event that say figures, and their keys in the result."""

    ROWS: ClassVar[dict[str, str]]

    def __init__(self, run_id: str, request: Json, about: Json):
        super().__init__(run_id, request, about)
        self.strips: dict[int, Json] = {}
        self.rows: dict[tuple[str, int], Json] = {}

    def other(self, event: Json) -> None:
        kind = event.get("kind")
        if kind == "strip" and event.get("columns"):
            names = ("strip", "count", "prompts", "seeds", "columns", "rows")
            self.strips[int(event["step"])] = {name: event.get(name) for name in names}
        elif kind in self.ROWS:
            self._row(event)

    def found(self, result: Json) -> None:
        for row in (row for name in self.ROWS.values() for row in result.get(name) or []):
            self._row(row)

    def _row(self, row: Json) -> None:
        self.rows[str(row["arm"]), int(row["step"])] = {k: v for k, v in row.items() if k not in ("kind", "time")}

    # -- what boards draw ------------------------------------------------------------------------------------------

    def begun(self, title: str, ahead: int = 0) -> Json:
        """What every board says first. ahead: runs that wait before this one."""
        return {
            "run": self.run_id,
            "title": title,
            "state": self.state,
            "live": self.live,
            "status": {"word": self.state, "text": self._text(ahead)},
            "progress": self.progress,
            "notices": self.notices,
            "strips": self.pictures(),
        }

    def _text(self, ahead: int) -> str:
        p, note = self.progress or {}, self.note.rstrip(".")
        at = f"step {p['done']:,} of {p['total']:,}" if p.get("total") else ""
        if self.state == "queued":
            return f"{words.count(ahead, 'run')} ahead" if ahead else (note or "next in line")
        if self.state == "running":
            left = f"about {words.span(p['eta_s'])} left" if p.get("eta_s") else ""
            return " · ".join(filter(None, [note or at, left])) or "opening the model"
        return at if self.state == "done" else note or at

    def pictures(self) -> Json | None:
        """{"rows", "columns", "seeds", "prompts", "steps": [{"step", "strip"}]}: of every row its seeds side by side, of every
        seed its columns. None before the first."""
        if not self.strips:
            return None
        newest = self.strips[max(self.strips)]
        return {k: list(newest[k] or []) for k in ("rows", "columns", "seeds", "prompts")} | {
            "steps": [{"step": step, "strip": self.strips[step]["strip"]} for step in sorted(self.strips)]
        }

    def own(self) -> list[tuple[int, Json]]:
        """Rows of the model that was taught, by step: the arm that was measured first."""
        arm = next(iter(self.rows), ("", 0))[0]
        return sorted((step, row) for (name, step), row in self.rows.items() if name == arm)

    def last(self) -> list[Json]:
        """Rows of the last step, an arm each, the model that was taught first."""
        end = max((step for _, step in self.rows), default=0)
        return [row for (_, step), row in self.rows.items() if step == end]
