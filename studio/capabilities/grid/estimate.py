"""What a grid would cost, in one sentence, before it is started. Needs no torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from statistics import median

from studio.capabilities.grid.request import Cell, GridRequest, cells
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library.draw_request import plans_for
from studio.library.models import Registry, load_registry

LOOKED_AT = 6  # newest runs of a kind, for what an evaluation takes here


class Paces:
    """Seconds that a network evaluation of one picture took in the newest runs of a student; what was read of a run is kept."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs
        self._known: dict[str, tuple[str, list[float]]] = {}

    def of(self, pair: str) -> float | None:
        """None where nothing of this student was drawn here yet."""
        for kind in ("grid", "compare"):
            for info in self.jobs.list(kind=kind, limit=LOOKED_AT):
                if not info.final:
                    continue
                if info.id not in self._known:
                    self._known[info.id] = self._read(info.id)
                student, found = self._known[info.id]
                if student == pair and found:
                    return median(found)
        return None

    def _read(self, run_id: str) -> tuple[str, list[float]]:
        result = self.jobs.result(run_id) or {}
        request = result.get("request") or {}
        rows = [row for row in [*(result.get("cells") or []), *(result.get("arms") or [])] if isinstance(row, dict)]
        found = [row["seconds_per_image"] / row["nfe"] for row in rows if row.get("seconds_per_image") and row.get("nfe")]
        return str((request.get("draw") or request).get("pair") or ""), found


def estimate(jobs: Jobs, paces: Paces, asked: Json, there: Collection[str] = ()) -> str:
    """The sentence. there: cells that are drawn already, as `signature` tells them. ValueError where the request does not fit."""
    request = GridRequest.model_validate(asked)
    registry = load_registry(jobs.paths)
    found = cells(request, {"registry": registry, "home": jobs.paths})
    drawn = [cell for cell in found if cell.request is not None]
    if not drawn:
        raise ValueError(f"No cell of this grid can be drawn: {found[0].why}")
    new = [cell for cell in drawn if signature(cell) not in there]
    pictures = sum(len(cell.request.seeds) for cell in new if cell.request)
    costs = _evaluations(new, registry)
    said = (
        f"{_many(len(found), 'cell')}, {_many(pictures, 'picture')}, at most {_many(sum(costs.values()), 'network evaluation')}"
    )
    seconds = [(paces.of(pair), n) for pair, n in costs.items()]
    if costs and all(pace is not None for pace, _ in seconds):
        said += f"; about {_span(sum((pace or 0.0) * n for pace, n in seconds))} here, as these models took last"
    said += "."
    if len(new) < len(drawn):
        said += f" {_many(len(drawn) - len(new), 'cell')} of the grid below {'is' if len(drawn) - len(new) == 1 else 'are'} kept."
    if len(drawn) < len(found):
        why = next(cell.why for cell in found if cell.request is None)
        said += f" {_many(len(found) - len(drawn), 'cell')} cannot be drawn: {why}"
    return said


def signature(cell: Cell) -> str:
    """Equal for cells that draw the same."""
    return cell.request.model_dump_json() if cell.request else ""


def _evaluations(found: Collection[Cell], registry: Registry) -> dict[str, int]:
    """By student."""
    costs: dict[str, int] = defaultdict(int)
    for cell in found:
        if cell.request is not None:
            costs[cell.request.pair] += sum(plan.nfe for plan in plans_for(cell.request, registry)) * len(cell.request.seeds)
    return dict(costs)


def _many(n: int, thing: str) -> str:
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def _span(s: float) -> str:
    return f"{max(1, round(s))} s" if s < 100 else f"{s / 60:.0f} min" if s < 6000 else f"{s / 3600:.1f} h"
