"""Guidance of the base's steps as a path between accuracy and diversity."""

from __future__ import annotations

from studio.core.files import Json
from studio.ui.lab.figures import Result, figure_of
from studio.ui.lab.pareto import UP_AND_RIGHT, pareto


@figure_of("base-guidance", caption=UP_AND_RIGHT)
def base_guidance(result: Result, narrow: bool) -> Json | None:
    swept = result["sweep"]
    rows = [*swept["points"], *swept["references"]]
    return pareto(rows, swept.get("front", []), narrow, path=[p["arm"] for p in swept["points"]])
