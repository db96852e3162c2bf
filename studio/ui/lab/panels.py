"""Small panels, one a factor, that share their ranges."""

from __future__ import annotations

from collections.abc import Sequence

from studio.core.files import Json
from studio.ui.lab.plot import MUTED, layout

ROW_PX, TOP_PX, BOTTOM_PX, HEAD_PX = 132, 44, 42, 24
NAMES = {"color": "colour", "time": "time of day", "": "all factors"}
MOST = 17  # panels


def title(factor: str) -> str:
    """A factor as a person says it."""
    return NAMES.get(factor, factor.replace("_", " ")).capitalize()


def legend(arm: str) -> str:
    return arm[:1].upper() + arm[1:]


class Grid:
    """n panels in rows, wide enough to be read; all share ranges, so that they can be compared at a glance."""

    def __init__(self, n: int, narrow: bool):
        self.n, self.columns = n, 2 if narrow else min(4, n)
        self.rows = -(-n // self.columns)
        self.height = TOP_PX + BOTTOM_PX + self.rows * (ROW_PX + HEAD_PX)

    def axes(self, i: int) -> Json:
        tail = "" if i == 0 else str(i + 1)
        return {"xaxis": f"x{tail}", "yaxis": f"y{tail}"}

    def layout(self) -> Json:
        return layout(self.height, margin={"l": 46, "r": 10, "t": TOP_PX, "b": BOTTOM_PX})

    def finish(self, drawn: Json, titles: Sequence[str], across: str, x: Json) -> None:
        """Place the panels, name them, and name what is across."""
        inner = self.rows * (ROW_PX + HEAD_PX)
        gap = 0.05 if self.columns > 2 else 0.1
        width = (1 - gap * (self.columns - 1)) / self.columns
        for i in range(self.n):
            row, column = divmod(i, self.columns)
            top = 1 - (row * (ROW_PX + HEAD_PX) + HEAD_PX) / inner
            left = column * (width + gap)
            tail = "" if i == 0 else str(i + 1)
            last = i + self.columns >= self.n
            drawn[f"xaxis{tail}"] = {**x, "domain": [left, left + width], "anchor": f"y{tail}", "zeroline": False,
                                     "showticklabels": last}  # fmt: skip
            bottom = max(0.0, top - (ROW_PX - 14) / inner)
            drawn[f"yaxis{tail}"] = {
                "domain": [bottom, top], "anchor": f"x{tail}", "zeroline": False, "range": [-4, 104], "tickvals": [0, 50, 100],
                "ticktext": ["0", "50 %", "100 %"], "showticklabels": column == 0,
            }  # fmt: skip
            drawn["annotations"].append({
                "xref": "paper", "yref": "paper", "x": left, "y": top, "yshift": 2, "xanchor": "left", "yanchor": "bottom",
                "showarrow": False, "text": f"<b>{titles[i]}</b>" if i == 0 else titles[i],
                "font": {"size": 12, "color": "--ink-2"},
            })  # fmt: skip
        drawn["annotations"].append({
            "xref": "paper", "yref": "paper", "x": 0.5, "y": 0, "yshift": -BOTTOM_PX + 2, "yanchor": "bottom",
            "showarrow": False, "text": across, "font": {"size": 12, "color": MUTED},
        })  # fmt: skip
        drawn |= {"uirevision": "panels", "showlegend": True,
                  "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "yref": "paper",
                             "font": {"size": 12}, "itemclick": "toggle"}}  # fmt: skip
        drawn["legend"]["y"] = 1 + 4 / max(inner, 1)
