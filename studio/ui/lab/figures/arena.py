"""Remedies between accuracy and diversity."""

from __future__ import annotations

from studio.core.files import Json
from studio.ui.lab.figures import Result, figure_of
from studio.ui.lab.pareto import UP_AND_RIGHT, pareto


@figure_of("arena", caption=UP_AND_RIGHT)
def arena(result: Result, narrow: bool) -> Json | None:
    return pareto(result["rows"], result.get("front", []), narrow)
