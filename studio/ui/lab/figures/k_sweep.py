"""Base steps k along x."""

from __future__ import annotations

from studio.core.files import Json
from studio.ui.lab.figures import Result, figure_of
from studio.ui.lab.plot import scaled
from studio.ui.lab.sweep import sweep


@figure_of(
    "k-sweep",
    caption="Bars are 95 % intervals; bands, those of the teacher's lines. Below each arm, network evaluations an image.",
)
def k_sweep(result: Result, narrow: bool) -> Json | None:
    swept = result["sweep"]
    if not swept["points"]:
        return None
    lines = [r for r in swept["references"] if r["arm"].startswith("teacher")]
    controls = [r for r in swept["references"] if r not in lines]
    names = [f"{p['x']:g}" if narrow else f"k = {p['x']:g}" for p in swept["points"]]
    out = sweep(swept["points"], controls, lines, names, narrow, "markers", "base steps k")
    for axis, measure, scale in (("y", "diversity", 1.0), ("y2", "accuracy", 100.0)):
        path = {"type": "scatter", "mode": "lines", "x": [p["x"] for p in swept["points"]], "yaxis": axis, "hoverinfo": "skip",
                "y": scaled([p[measure] for p in swept["points"]], scale), "line": {"color": "--line-2", "width": 2}}  # fmt: skip
        out["data"].insert(0, path)
    return out
