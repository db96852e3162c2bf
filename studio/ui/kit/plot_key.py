"""The key below a figure: names for which there is no room beside their marks, each with its mark."""

from __future__ import annotations

from collections.abc import Sequence

from studio.core.files import Json

LINE_PX, LETTERS = 20, 44  # height of a line of the key, and letters that fit into one on a phone
MARK = 6  # letters that a mark and the room around it take


def add(data: Sequence[Json], layout: Json, left_out: Sequence[tuple[Json, str]]) -> None:
    """left_out: traces of `data` without a name beside their mark, and these names; nothing changes where there are none."""
    if not left_out:
        return
    for trace in data:
        trace["showlegend"] = False
    lines, used = 1, 0
    for trace, name in left_out:
        trace |= {"name": name, "showlegend": True}
        used += len(name) + MARK
        if used > LETTERS:
            lines, used = lines + 1, len(name) + MARK
    layout["showlegend"] = True
    layout["legend"] = {
        "orientation": "h", "x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom",
        "itemclick": False, "itemdoubleclick": False, "font": {"size": 12, "color": "--ink-2"}, "bgcolor": "rgba(0,0,0,0)",
    }  # fmt: skip
    layout["margin"]["b"] += lines * LINE_PX
    if "height" in layout:
        layout["height"] += lines * LINE_PX
