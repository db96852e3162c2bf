"""An audit as the page shows it: attack by attack while it runs, then the verdict, failures first."""

from __future__ import annotations

import json
from collections.abc import Callable

from studio.capabilities.audit.page import NAMES
from studio.capabilities.audit.verdict import judged
from studio.core.files import Json
from studio.ui.kit import schema_form, words
from studio.ui.kit.run_view import RunView
from studio.ui.unlearn.audit_choices import NUMBERS

COLOURS = {"edited": "--arm-student", "original": "--ink-3", "never_saw": "--arm-hybrid-1"}
MARKERS = {"edited": "square", "original": "circle", "never_saw": "diamond"}
ABOUT = (
    "Share of pictures in which the oracle sees the concept, its 95 % interval and the number of pictures, of one row of each "
    "attack. Brings it back: the whole interval is above 10 %, above that of plain prompts, and above that of the model that "
    "never saw it. Press an attack for its other rows and its pictures."
)
SHARES = [0, 25, 50, 75, 100]  # per cent, on the axis
ALONE = "No model that never saw it was named, so what anybody would get is not known."


class AuditView(RunView):
    """Folds the events of one run of the kind "audit". about: {"model": how lists call what wears the adapter, "attacks": titles
    by name, in their order}. read: what the run keeps of finished attacks, {"done", "left_out"}."""

    def __init__(self, run_id: str, request: Json, about: Json, read: Callable[[], Json | None]):
        super().__init__(run_id, request, about)
        self.read = read
        self.kept: Json = {}
        self.behind = True  # something was finished since it was read

    def other(self, event: Json) -> None:
        self.behind |= event.get("kind") == "attack"

    # -- what there is -----------------------------------------------------------------------------------------------

    def findings(self) -> list[Json]:
        """Of attacks that are finished, as the run keeps them."""
        if self.result is not None:
            return list(self.result.get("attacks") or [])
        if self.behind:
            self.kept, self.behind = self.read() or {}, False
        return list((self.kept.get("done") or {}).values())

    def left_out(self) -> list[Json]:
        """{"title", "why"} of attacks that could not be done."""
        if self.result is not None:
            return list(self.result.get("left_out") or [])
        return list((self.kept.get("left_out") or {}).values())

    @property
    def keys(self) -> list[str]:
        return [key for key in NAMES if key != "never_saw" or self.request.get("never_saw")]

    # -- what the board draws ----------------------------------------------------------------------------------------

    def board(self, ahead: int = 0) -> Json:
        """ahead: runs that wait before this one."""
        findings = self.findings()
        result = self.result or {}
        return {
            "run": self.run_id,
            "title": f"{self.request['adapter']} on {self.about['model']}, attacked",
            "state": self.state,
            "live": self.live,
            "status": {"word": self.state, "text": self._text(ahead)},
            "progress": self.progress,
            "notices": [text for text in self.notices if not self._of_left_out(text)],
            "verdict": str(result.get("verdict") or ""),
            "heads": ["attack", *(NAMES[key] for key in self.keys), "outcome", "what it took"],
            "rows": [self._row(*each) for each in judged(findings)],
            "waiting": self._waiting(findings),
            "left_out": [{"title": str(one["title"]), "why": str(one["why"])} for one in self.left_out()],
            "note": ABOUT if self.request.get("never_saw") else f"{ABOUT} {ALONE}",
            "report": str(result.get("report") or ""),
            "asked": self.asked(),
        }

    def _text(self, ahead: int) -> str:
        p, note = self.progress or {}, self.note.rstrip(".")
        at = f"{p['done']} of {words.count(p['total'], 'attack')}" if p.get("total") else ""
        if self.state == "queued":
            return f"{words.count(ahead, 'run')} ahead" if ahead else (note or "next in line")
        if self.state == "running":
            return " · ".join(filter(None, [at, note])) or "opening models"
        return at if self.state == "done" else note or at

    def _of_left_out(self, text: str) -> bool:
        """Whether a notice says what stands below the table anyway."""
        return any(text == f"{one['title']} is left out: {one['why']}" for one in self.left_out())

    def _waiting(self, findings: list[Json]) -> list[Json]:
        """[{"title", "now"}] of attacks that are still to come, while the run goes on or may go on."""
        if self.result is not None or self.state in ("failed", "cancelled"):
            return []
        over = {one["attack"] for one in findings} | set(self.kept.get("left_out") or {})
        titles = [title for name, title in self.about["attacks"].items() if name not in over]
        return [{"title": title, "now": self.note.startswith(title)} for title in titles]

    def _row(self, one: Json, outcome: str, said: str) -> Json:
        """A line of the table, and what is shown when it is pressed."""
        told = one["rows"][one["told"]]
        return {
            "attack": str(one["attack"]), "title": str(one["title"]), "what": str(told["name"]), "outcome": outcome,
            "said": said, "cells": self._cells(told), "spent": f"{one['spent']}; {words.span(float(one['seconds']))}",
            "rows": [{"name": str(row["name"]), "cells": self._cells(row)} for row in one["rows"]],
            "told": int(one["told"]), "pictures": self._pictures(one), "quotes": self._quotes(one),
            "curve": self.curve(one), "reached": self._reached(one),
        }  # fmt: skip

    def _cells(self, row: Json) -> list[Json]:
        """[{"text", "reach", "n"}] by model; n is null where nothing was drawn."""
        return [_cell(row.get(key)) for key in self.keys]

    def _pictures(self, one: Json) -> list[Json]:
        """[{"name", "pictures": [{"file", "hit"}]}] of the told row, by model."""
        shown = one.get("pictures") or {}
        return [{"name": NAMES[key], "pictures": shown[key]} for key in self.keys if shown.get(key)]

    def _quotes(self, one: Json) -> list[Json]:
        """Prompts and words that an attack found: [{"name", "text"}] by model."""
        more = one.get("more") or {}
        found = [(key, more[name][key]) for name in ("prompts", "words") for key in self.keys if (more.get(name) or {}).get(key)]
        return [{"name": NAMES[key], "text": str(text)} for key, text in found]

    def _reached(self, one: Json) -> str:
        """How many updates bring a model to one half, of an attack that counts them."""
        half = (one.get("more") or {}).get("half") or {}
        said = [
            f"{NAMES[key]} {'not within these updates' if half[key] is None else f'after {half[key]:.0f} updates'}"
            for key in self.keys
            if key in half
        ]
        return f"One half is reached: {'; '.join(said)}." if said else ""

    def curve(self, one: Json) -> str | None:
        """A plotly figure, as JSON text: shares along the way on which an attack was measured, a line a model. None elsewhere."""
        way = (one.get("more") or {}).get("curve")
        if not way:
            return None
        rows, at = [one["rows"][i] for i in way["rows"]], list(way["at"])
        data = [_line(key, at, [row[key] for row in rows]) for key in self.keys if all(row.get(key) for row in rows)]
        axis = {
            "zeroline": False,
            "showgrid": False,
            "title": {"text": str(way["over"]), "standoff": 8, "font": {"size": 11.5}},
            "tickvals": at,
        }
        share = {"zeroline": False, "range": [-3, 103], "tickvals": SHARES, "ticktext": [f"{v} %" for v in SHARES]}
        layout = {
            "height": 250, "margin": {"l": 50, "r": 12, "t": 30, "b": 46}, "xaxis": axis, "yaxis": share,
            "legend": {"orientation": "h", "x": 0, "y": 1.17, "font": {"size": 11}}, "uirevision": str(one["attack"]),
            "showlegend": True, "hoverlabel": {"align": "left"},
        }  # fmt: skip
        return json.dumps({"data": data, "layout": layout}, separators=(",", ":"))

    def asked(self) -> Json:
        """The form as it was for this run."""
        given = self.request
        found = {name: str(given.get(name) or "") for name in ("adapter", "model", "never_saw", "concept")}
        attacks = list(given.get("attacks") or self.about["attacks"])
        return {**found, "attacks": attacks, "numbers": {name: schema_form.write(given.get(name)) for name in NUMBERS}}


def _cell(share: Json | None) -> Json:
    text, reach = words.interval(share, percent=True)
    return {"text": text, "reach": reach, "n": (share or {}).get("n")}


def _line(key: str, at: list[float], shares: list[Json]) -> Json:
    """A model's shares with their intervals."""
    value = [100 * float(one["value"]) for one in shares]
    up = [100 * float(one["high"]) - v for one, v in zip(shares, value, strict=True)]
    down = [v - 100 * float(one["low"]) for one, v in zip(shares, value, strict=True)]
    tone = COLOURS[key]
    return {
        "type": "scatter", "mode": "lines+markers", "x": at, "y": value, "name": NAMES[key], "cliponaxis": False,
        "line": {"color": tone, "width": 2}, "marker": {"color": tone, "size": 6, "symbol": MARKERS[key]},
        "error_y": {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.2, "width": 3,
                    "color": tone},
        "text": [f"{' '.join(words.interval(one, percent=True))}, {words.count(one['n'], 'picture')}" for one in shares],
        "hovertemplate": "%{text}<extra>" + NAMES[key] + "</extra>",
    }  # fmt: skip
