"""A control run as the page shows it: pictures by arm, strength and seed, the response of every arm, and its figures."""

from __future__ import annotations

import json

from studio.core.files import Json
from studio.ui.kit import arms, words
from studio.ui.kit.views import LIVE


class ControlView:
    """Folds the events of one run of the kind "control"."""

    pair = ""  # its two models by name

    def __init__(self, run_id: str, request: Json, title: str, attribute: Json | None):
        """title: of the adapter that is varied; attribute: what it moves (title, low, high, unit), where that can be read."""
        draw = request["draw"]
        self.run_id, self.request, self.title = run_id, dict(request), title
        self.attribute = dict(attribute) if attribute else None
        self.prompt, self.seeds = str(draw["prompt"]), [int(seed) for seed in draw["seeds"]]
        self.strengths = [float(s) for s in request["strengths"]]
        self.rows = {arm: {"arm": arm, "title": arms.title(arm), "tone": arms.look(arm).slug, "meaning": arms.meaning(arm)}
                     for arm in draw["arms"]}  # fmt: skip
        self.cells: dict[tuple[str, float], Json] = {}
        self.measured: Json = {}
        self.state, self.note = "queued", ""
        self.progress: Json | None = None
        self.notices: list[str] = []
        self.finished = False
        self.hint = ""  # picture that a ControlNet follows

    def apply(self, event: Json) -> None:
        """Fold one event in. Kinds this page does not know are passed over."""
        kind = event.get("kind")
        if kind == "state":
            self.state, self.note = str(event["state"]), str(event.get("note") or "")
        elif kind == "progress":
            self.progress = {k: event.get(k) for k in ("done", "total", "arm", "step", "steps", "eta_s")}
        elif kind == "notice" and str(event["text"]) not in self.notices:
            self.notices.append(str(event["text"]))
        elif kind == "hint":
            self.hint = str(event["path"])
        elif kind == "cell":
            self._cell(event)

    def _cell(self, cell: Json) -> None:
        if cell.get("images"):
            self.cells[str(cell["arm"]), float(cell["strength"])] = {
                "images": {str(image["seed"]): image["path"] for image in cell["images"]},
                "amounts": dict(zip(map(str, self.seeds), cell.get("amounts") or [], strict=False)),
                "accuracy": cell.get("accuracy"),
            }

    def finish(self, result: Json | None) -> None:
        """Take what only `result.json` holds."""
        self.finished = True
        for cell in (result or {}).get("cells") or []:
            self._cell(cell)
        self.measured = dict((result or {}).get("measured") or {})
        self.attribute = (result or {}).get("attribute") or self.attribute

    @property
    def live(self) -> bool:
        return self.state in LIVE

    def board(self, ahead: int = 0) -> Json:
        """What the grid draws. `ahead`: runs that wait before this one."""
        rows = [
            row | {"cells": [self._shown(arm, s) for s in self.strengths], "figures": self._figures(arm)}
            for arm, row in self.rows.items()
        ]
        return {"run": self.run_id, "prompt": self.prompt, "pair": self.pair,
                "seeds": self.seeds, "strengths": self.strengths, "rows": rows,
                "title": self.title, "attribute": self.attribute, "state": self.state, "live": self.live,
                "status": {"word": self.state, "text": self._text(ahead)}, "progress": self.progress,
                "notices": self.notices, "hint": self.hint}  # fmt: skip

    def _shown(self, arm: str, strength: float) -> Json | None:
        cell = self.cells.get((arm, strength))
        if cell is None:
            return None
        return {"images": cell["images"], "amounts": {seed: f"{v:.2f}" for seed, v in cell["amounts"].items()}}

    def _figures(self, arm: str) -> str:
        """One line under an arm's name."""
        found = self.measured.get(arm)
        if not found:
            return ""
        reader = (self.attribute or {}).get("reader")
        return f"slope {words.interval(found['slope'], 3)[0]}" + (f", read by {reader}" if reader else "")

    def _text(self, ahead: int) -> str:
        done, total = len(self.cells), len(self.rows) * len(self.strengths)
        note, p = self.note.rstrip("."), self.progress or {}
        if self.state == "queued":
            return f"{words.count(ahead, 'run')} ahead" if ahead else (note or "next in line")
        if self.state == "loading":
            return note or "opening models"
        if self.state == "running":
            left = f"about {words.seconds(max(p['eta_s'], 1))} left" if isinstance(p.get("eta_s"), (int, float)) else ""
            return " · ".join(part for part in (f"{done} of {words.count(total, 'cell')}", left) if part)
        if self.state == "done":
            return f"{words.count(len(self.rows), 'arm')} at {words.count(len(self.strengths), 'strength')}"
        return note or f"{done} of {total} cells are kept"

    # -- figures -----------------------------------------------------------------------------------------------------

    def figure(self) -> str | None:
        """What is read at every strength, with intervals where they were computed; plotly's JSON, None while too early."""
        if self.attribute is None:
            return None
        data: list[Json] = []
        for arm, row in self.rows.items():
            points = self._points(arm)
            if points:
                data.append(_trace(row, arms.look(arm).marker, points))
        if not data:
            return None
        title = {"standoff": 8, "font": {"size": 12}}
        head = f"<b>{self.attribute['title']}</b>, {self.attribute['unit']}"
        layout = {
            "uirevision": "control", "margin": {"l": 46, "r": 12, "t": 26, "b": 42}, "showlegend": False,
            "hoverlabel": {"align": "left"},
            "xaxis": {"title": title | {"text": f"strength of {self.title}"}, "zeroline": True, "zerolinecolor": "--line-2",
                      "tickvals": self.strengths},
            "yaxis": {"zeroline": False, "nticks": 6},
            "annotations": [{"xref": "paper", "x": 0, "yref": "paper", "y": 1.01, "xanchor": "left", "yanchor": "bottom",
                             "showarrow": False, "font": {"size": 12, "color": "--ink-2"}, "text": head}],
        }  # fmt: skip
        return json.dumps({"data": data, "layout": layout}, separators=(",", ":"))

    def _points(self, arm: str) -> list[tuple[float, float, float | None, float | None]]:
        """(strength, mean, low, high); without an interval until the run is measured as a whole."""
        found = self.measured.get(arm)
        if found:
            return [(s, m["value"], m.get("low"), m.get("high")) for s, m in zip(found["strengths"], found["means"], strict=True)]
        cells = [(s, list(self.cells[arm, s]["amounts"].values())) for s in self.strengths if (arm, s) in self.cells]
        return [(s, sum(values) / len(values), None, None) for s, values in cells if values]

    def table(self) -> Json | None:
        """{"heads", "rows"} of what the adapter does to every arm, in the form that `tables.html` draws."""
        rows = []
        for arm, found in self.measured.items():
            row, drift = self.rows[arm], found["drift"]
            rho = found["spearman"]
            rows.append({"title": row["title"], "tone": row["tone"], "cells": [
                words.interval(found["slope"], 3), words.interval(found["retention"], percent=True),
                (words.NO_VALUE if rho is None else f"{rho:.2f}", ""), (f"{found['even'][0]:g} to {found['even'][1]:g}", ""),
                words.interval(drift["others"], percent=True), words.interval(drift["kept"], percent=True),
                _change(found["accuracy"]),
            ]})  # fmt: skip
        return {"heads": HEADS, "rows": rows} if rows else None


HEADS = ["arm", "slope a unit", "retention", "Spearman", "even from", "other factors changed", "identity kept", "accuracy at ±1"]
NOTE = (
    "Slope: change of the attribute a unit of strength, over strengths of at most 1. Retention: that slope over the slope on "
    "the model the adapter was trained on. Even from: strengths over which the response follows its line within a quarter. "
    "Other factors changed and identity kept: readings at strength ±1 against 0, the side that disturbs more. Accuracy: stated "
    "factors that the adapter is not to move, worst of both sides. Brackets are 95 % intervals over seeds. "
    "A dash: only an oracle could say it, or there is too little to say it from."
)


def _change(accuracy: Json) -> tuple[str, str]:
    """The lower accuracy at −1 and 1, and what it is without the adapter."""
    ends = [found for s, found in accuracy.items() if found and abs(float(s)) == 1.0]
    if not ends:
        return words.NO_VALUE, ""
    worst = min(ends, key=lambda found: found["value"])
    still = accuracy.get("0")
    return words.number(worst["value"], 0, True), f"without: {words.number(still['value'], 0, True)}" if still else ""


def _trace(row: Json, marker: str, points: list[tuple[float, float, float | None, float | None]]) -> Json:
    color = f"--arm-{row['tone']}"
    known = all(low is not None and high is not None for _, _, low, high in points)
    trace: Json = {
        "type": "scatter", "mode": "lines+markers", "x": [p[0] for p in points], "y": [p[1] for p in points],
        "line": {"color": color, "width": 2}, "marker": {"color": color, "symbol": marker, "size": 9}, "cliponaxis": False,
        "hovertemplate": f"<b>{row['title']}</b><br>strength %{{x:+}}: %{{y:.3f}}<extra></extra>",
    }  # fmt: skip
    if known:
        trace["error_y"] = {"type": "data", "symmetric": False, "array": [(high or 0) - v for _, v, _, high in points],
                            "arrayminus": [v - (low or 0) for _, v, low, _ in points], "color": color, "thickness": 1.4,
                            "width": 4}  # fmt: skip
    return trace
