"""The hand-over map: diversity and accuracy over (where the base hands over, how many steps it takes to get there).

Columns are hand-over times t*, rows are numbers of base steps. Cells of equal cost in network evaluations lie on an
iso-cost line; on each the best cell is named, and every cell that cannot be told from it.
"""

from __future__ import annotations

from collections.abc import Mapping

from studio.core.files import Json
from studio.metrics.margins import ACCURACY_MARGIN
from studio.metrics.readings import known
from studio.metrics.study import PooledArm

Cell = tuple[float, int]  # (t*, base steps)


def handover_map(
    arms: Mapping[str, PooledArm],
    cells: Mapping[Cell, str],
    costs: Mapping[str, float],
    *,
    student: str | None = None,
    accuracy_margin: float = ACCURACY_MARGIN,
) -> Json:
    """JSON-ready map of `cells` {(t*, base steps): arm}; arms not measured (or not possible) are None in every matrix.

    Returns t_star (falling: the base hands over later to the right), base_steps (rising), the matrices diversity,
    accuracy and in_distribution (interval dicts), nfe and arm, each [len(base_steps)][len(t_star)], and `costs`: a row a
    cost level {nfe, cells: [[row, column]], best, ties, beats_cheaper, excluded}.

    best: the cell of the highest diversity among those that are faithful enough; a cell is `excluded` when its accuracy
    is surely more than the margin below the student's (paired). ties: other cells whose paired difference to the best
    includes 0. beats_cheaper: whether the best cell is surely more diverse than the best of every lower cost (None for
    the lowest). A best cell was chosen for its value, so its interval flatters it; its ties say how much.
    """
    if not cells:
        raise ValueError("The hand-over map has no cells; give at least one (t*, base steps) with the name of its arm.")
    if student is not None:
        known(student, arms, "arm")
    t_star = sorted({t for t, _ in cells}, reverse=True)
    steps = sorted({n for _, n in cells})
    out: Json = {"t_star": t_star, "base_steps": steps, "diversity": [], "accuracy": [], "in_distribution": [], "nfe": []}
    out |= {"arm": [], "costs": []}
    measured: dict[float, list[tuple[int, int]]] = {}
    names: dict[tuple[int, int], str] = {}
    for i, n in enumerate(steps):
        found = [cells.get((t, n)) for t in t_star]
        row = [None if a is None else arms.get(a) for a in found]
        out["diversity"].append([None if r is None else r.diversity.interval().to_dict() for r in row])
        out["accuracy"].append([None if r is None else r.accuracy.to_dict() for r in row])
        out["in_distribution"].append([None if r is None else r.in_distribution.to_dict() for r in row])
        out["nfe"].append([None if a is None else costs.get(a) for a in found])
        out["arm"].append(found)
        for j, (a, r) in enumerate(zip(found, row, strict=True)):
            if a is not None and a in costs and r is not None and r.diversity.value is not None:
                measured.setdefault(float(costs[a]), []).append((i, j))
                names[i, j] = a
    best_so_far: PooledArm | None = None
    for cost in sorted(measured):
        level, best = _level(arms, names, measured[cost], student, accuracy_margin)
        beats = None
        if best is not None and best_so_far is not None:
            low = (best.diversity - best_so_far.diversity).interval().low
            beats = None if low is None else low > 0
        out["costs"].append({"nfe": cost, **level, "beats_cheaper": beats})
        if best is not None and (best_so_far is None or _d(best) > _d(best_so_far)):
            best_so_far = best
    return out


def _level(
    arms: Mapping[str, PooledArm],
    names: Mapping[tuple[int, int], str],
    cells: list[tuple[int, int]],
    student: str | None,
    margin: float,
) -> tuple[Json, PooledArm | None]:
    """The best cell of one cost, its ties and what was excluded."""
    excluded = [c for c in cells if student is not None and _less_right(arms[names[c]], arms[student], margin)]
    fit = [c for c in cells if c not in excluded]
    row: Json = {"cells": [list(c) for c in cells], "best": None, "ties": [], "excluded": [list(c) for c in excluded]}
    if not fit:
        return row, None
    best = max(fit, key=lambda c: _d(arms[names[c]]))
    for c in fit:
        if c != best and (arms[names[best]].diversity - arms[names[c]].diversity).interval().includes(0) is not False:
            row["ties"].append(list(c))
    row["best"] = {"cell": list(best), "arm": names[best], "diversity": arms[names[best]].diversity.interval().to_dict()}
    return row, arms[names[best]]


def _less_right(arm: PooledArm, student: PooledArm, margin: float) -> bool:
    high = (arm.right - student.right).interval().high
    return high is not None and high < -margin


def _d(arm: PooledArm) -> float:
    assert arm.diversity.value is not None
    return arm.diversity.value
