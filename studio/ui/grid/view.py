"""A grid as the page shows it: pictures and figures by cell, filled in as they are drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence

from studio.capabilities.grid.request import GridRequest
from studio.core.files import Json
from studio.library.shown_measures import titled
from studio.ui.kit import arms, words
from studio.ui.kit.views import LIVE

SHOWN = {"accuracy": ("accuracy", True), "diversity": ("diversity", False), "in_distribution": ("in distribution", True)}
Cell = object


class GridView:
    """Folds the events of one run of the kind "grid"."""

    def __init__(self, run_id: str, request: GridRequest):
        self.run_id, self.request = run_id, request.model_dump(mode="json")
        self.prompt, self.seeds = request.draw.prompt, list(request.draw.seeds)
        self.axes: list[Json] = [
            {"setting": axis.setting, "title": axis.of.title, "labels": axis.labels, "tones": _tones(axis.setting, axis.values)}
            for axis in request.axes
        ]
        self.many = math.prod(len(axis["labels"]) for axis in self.axes)
        self.cells: dict[str, Json] = {}
        self.state, self.note = "queued", ""
        self.progress: Json | None = None
        self.notices: list[str] = []
        self.evaluations: Json = {}
        self.finished = False

    def apply(self, event: Json) -> None:
        """Fold one event in. Kinds this page does not know are passed over."""
        kind = event.get("kind")
        if kind == "state":
            self.state, self.note = str(event["state"]), str(event.get("note") or "")
        elif kind == "progress":
            self.progress = {k: event.get(k) for k in ("done", "total", "eta_s")}
        elif kind == "notice" and str(event["text"]) not in self.notices:
            self.notices.append(str(event["text"]))
        elif kind == "cell":
            self._cell(event)

    def _cell(self, cell: Json) -> None:
        self.cells["-".join(str(int(i)) for i in cell["at"])] = {
            "images": {str(image["seed"]): image["path"] for image in cell.get("images") or []},
            "why": str(cell.get("why") or ""),
            "nfe": cell.get("nfe"),
            "seconds": cell.get("seconds_per_image"),
            "measures": dict(cell.get("measures") or {}),
            "by": str(cell.get("figures_by") or ""),
        }

    def finish(self, result: Json | None) -> None:
        """Take what only `result.json` holds."""
        self.finished = True
        for cell in (result or {}).get("cells") or []:
            self._cell(cell)
        self.evaluations = dict((result or {}).get("evaluations") or {})

    @property
    def live(self) -> bool:
        return self.state in LIVE

    def has(self, at: Sequence[int]) -> bool:
        """Whether a cell is drawn."""
        return bool((self.cells.get("-".join(map(str, at))) or {}).get("images"))

    def board(self, ahead: int = 0) -> Json:
        """What the grid draws. `ahead`: runs that wait before this one."""
        return {
            "run": self.run_id,
            "prompt": self.prompt,
            "axes": self.axes,
            "state": self.state,
            "live": self.live,
            "status": {"word": self._word(), "text": self._text(ahead)},
            "progress": self.progress,
            "notices": self.notices,
            "cells": {name: self._shown(cell) for name, cell in self.cells.items()},
        }

    def _shown(self, cell: Json) -> Json:
        return {"images": cell["images"], "why": cell["why"], "figures": [[name, *found] for name, found in self._figures(cell)]}

    def _figures(self, cell: Json) -> list[tuple[str, tuple[str, str]]]:
        """(name, (value, interval)) of everything that is known of a cell."""
        if not cell["images"]:
            return []
        read, by = cell["measures"], f", read by {cell['by']}" if cell["by"] else ""
        found = [(f"{title}{by}", words.interval(read.get(name), percent=percent)) for name, (title, percent) in SHOWN.items()]
        further = [(f"{look['title']}{by}", words.titled(read[name], look)) for name, look in titled([read]).items()]
        costs = [("NFE", (words.evaluations(cell["nfe"]), "")), ("per image", (words.seconds(cell["seconds"]), ""))]
        return [one for one in [*found, *further, *costs] if one[1][0] != words.NO_VALUE]

    def _word(self) -> str:
        """Models are opened again and again while a grid is drawn; it runs all the same."""
        return "running" if self.state == "loading" and self.cells else self.state

    def _text(self, ahead: int) -> str:
        done, note, p = len(self.cells), self.note.rstrip("."), self.progress or {}
        refused = sum(bool(cell["why"]) for cell in self.cells.values())
        not_drawn = f"{refused} cannot be drawn" if refused else ""
        if self.state == "queued":
            return f"{words.count(ahead, 'run')} ahead" if ahead else (note or "next in line")
        if self.state == "loading" and not self.cells:
            return note or "opening models"
        if self.live:
            left = f"about {words.seconds(max(p['eta_s'], 1))} left" if isinstance(p.get("eta_s"), (int, float)) else ""
            return " · ".join(part for part in (f"{done} of {self.many} cells", not_drawn, left) if part)
        if self.state == "done":
            spared, computed = int(self.evaluations.get("reused") or 0), int(self.evaluations.get("computed") or 0)
            reused = f"{spared:,} of {spared + computed:,} network evaluations were there already" if spared else ""
            return " · ".join(part for part in (words.count(self.many, "cell"), not_drawn, reused) if part)
        return note or f"{done} of {self.many} cells are kept"

    def table(self) -> tuple[list[str], list[list[Cell]]]:
        """(heads, a row a cell) for a file."""
        further = titled(cell["measures"] for cell in self.cells.values())
        named = {name: title for name, (title, _) in SHOWN.items()} | {name: look["title"] for name, look in further.items()}
        heads = [str(axis["title"]) for axis in self.axes]
        heads += ["pictures", *named.values(), "NFE", "seconds per image", "read by", "why not"]
        rows: list[list[Cell]] = []
        for name, cell in sorted(self.cells.items(), key=lambda one: [int(i) for i in reversed(one[0].split("-"))]):
            at = [axis["labels"][int(i)] for axis, i in zip(self.axes, name.split("-"), strict=True)]
            read = [cell["measures"].get(one) for one in named]
            rows.append([*at, len(cell["images"]), *read, cell["nfe"], cell["seconds"], cell["by"] or None, cell["why"] or None])
        return heads, rows


def _tones(setting: str, values: Sequence[object]) -> list[str]:
    """Of arms their colours; the others have none."""
    return [arms.look(str(value)).slug if setting == "arms" else "" for value in values]
