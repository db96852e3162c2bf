"""What a training took, for the forecast of the next one."""

from __future__ import annotations

from contextlib import suppress

from studio.jobs.paths import Paths
from studio.library import costs
from studio.library.costs import Cost
from studio.library.method_cards import Catalogue, objectives
from studio.library.models import ModelEntry
from studio.workshop.training.describe import refresh
from studio.workshop.training.loop import R, TrainingLoop


def cost_of(loop: TrainingLoop[R], entry: ModelEntry, model_hash: str, *, trial: bool, ending: float | None = None) -> Cost:
    """What a loop's clock says so far. entry, model_hash: of the model. ending: as of `Cost`, where the end was not reached."""
    clock, request = loop.clock, loop.request
    settings = costs.settings(loop.job.spec.kind, request, entry, catalogue(loop.job.home))
    pictures, amount = (int(getattr(request, name, 0) or 0) if name else 0 for name in (request.PICTURES, request.MADE))
    once = sum(int(settings.get(name) or 0) for name in request.ONCE)
    made = sorted(clock.material, key=lambda one: one.seconds)[-1 if once else 0 :]  # the rest is what is drawn once
    made_s = sum(one.seconds / one.pieces * one.total for one in made) if made and amount else None
    pace = loop.rounds.mean()
    extra = max(0.0, loop.first_step_s - pace)
    opened, making = clock.mean("open"), sum(one.seconds for one in (*made, *(one for one in clock.made if one.stage)))
    before = None if opened is None else max(0.0, opened + (0.0 if once else extra) - making)
    first, again, end = (clock.mean(part) for part in ("first", "again", "end"))
    if end is not None and first:
        ending = end / first
    return Cost(
        device=loop.device,
        step_s=pace,
        steps=max(1, loop.timed - 1),
        trial=trial,
        model_hash=model_hash,
        memory_bytes=loop.peak_bytes or None,
        open_s=before,
        made_s=None if made_s is None else made_s / amount,
        once_s=extra / once if once else None,
        stages=clock.stages() or None,
        strip_s=clock.mean("strip"),
        first_s=first / pictures if first is not None and pictures else None,
        again_s=again / pictures if again is not None and pictures else None,
        ending=ending,
    )


def catalogue(paths: Paths) -> Catalogue | None:
    """Methods with their defaults, made anew here where the program is another than when they were described."""
    refresh(paths)
    return objectives(paths, build=False)


def keep(loop: TrainingLoop[R], entry: ModelEntry, cost: Cost) -> None:
    """Remember a cost. A full disk is no reason for a run to fail."""
    what = costs.priced(loop.job.spec.kind, loop.request, entry, catalogue(loop.job.home))
    with suppress(OSError):
        costs.keep(loop.job.home, what, cost)
