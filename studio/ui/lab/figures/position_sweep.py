"""The step that the base takes along x, with the lead of the first."""

from __future__ import annotations

from studio.core.files import Json
from studio.ui.kit import words as say
from studio.ui.lab.figures import Result, figure_of
from studio.ui.lab.plot import ends, value
from studio.ui.lab.sweep import sweep


@figure_of(
    "position-sweep",
    caption="Bars: the base takes that one step. Lead: diversity of the first position minus this one's, ? where the "
    "interval includes 0.",
)
def position_sweep(result: Result, narrow: bool) -> Json | None:
    swept = result["sweep"]
    if not swept["points"]:
        return None
    names = [f"{p['x'] + 1:g}" if narrow else p["arm"] for p in swept["points"]]
    out = sweep(
        swept["points"], swept.get("controls", []), swept["references"], names, narrow, "bars", "step that the base takes"
    )
    for lead in swept.get("leads", []):
        found, at = lead["lead"], lead["position"]
        point = next(p for p in swept["points"] if p["x"] == at)
        pair = ends(point["diversity"])
        said = f"{value(found):+.2f}" if value(found) is not None else say.NO_VALUE
        sure = found.get("low") is not None and (found["low"] > 0 or found["high"] < 0)
        words = f"{'' if narrow else 'lead '}{said}{'' if sure else ' ?'}"
        out["layout"]["annotations"].append({
            "x": at, "xref": "x", "yref": "y", "y": pair[1] if pair else value(point["diversity"]) or 0, "yshift": 12,
            "showarrow": False, "bgcolor": "--card", "borderpad": 0, "text": words,
            "font": {"size": 11, "color": "--ink-2"},
            "hovertext": f"first position minus this one: {' '.join(say.interval(found))}",
        })  # fmt: skip
    return out
