"""Seconds that drawing takes on this machine, by comparisons drawn here; what was never measured is not known. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from statistics import median

from studio.core.files import Json, read_json
from studio.jobs.jobs import Jobs
from studio.library.costs import span

LOOKED = 12  # newest comparisons
Rates = tuple[tuple[str, float], ...]


def said(jobs: Jobs, pair: str, nfe: Mapping[str, float], pictures: int, size: object = None) -> str:
    """ ", about 40 s on this machine by the last run of this pair", or "". nfe: of a picture, by arm. pictures: of each arm."""
    rates = dict(_newest(jobs, pair, size))
    if not rates or not nfe:
        return ""
    usual = median(rates.values())
    seconds = sum(pictures * n * rates.get(arm, usual) for arm, n in nfe.items())
    return f", about {span(seconds)} on this machine by the last run of this pair"


def of_evaluations(jobs: Jobs, pair: str, evaluations: int) -> str:
    """The same of so many network evaluations, whoever asks them."""
    rates = dict(_newest(jobs, pair, None))
    return f", about {span(evaluations * median(rates.values()))} on this machine by the last run of this pair" if rates else ""


def _newest(jobs: Jobs, pair: str, size: object) -> Rates:
    """Seconds an evaluation, by arm, of the newest comparison of a pair that was drawn here in this size."""
    for info in jobs.list(kind="compare", states=("done",), limit=LOOKED):
        file = jobs.paths.run(info.id) / "result.json"
        try:
            found = _read(str(file), file.stat().st_mtime_ns)
        except OSError:  # deleted meanwhile
            continue
        if found is not None and found[0] == pair and found[1] == str(size or "") and _is_here(jobs, info.id):
            return found[2]
    return ()


def _is_here(jobs: Jobs, run_id: str) -> bool:
    try:
        return not jobs.spec(run_id).executor
    except ValueError:
        return False


@lru_cache(maxsize=256)
def _read(file: str, stamp: int) -> tuple[str, str, Rates] | None:
    """(pair, size, rates) of a result; None of one that came with the program. stamp: of what the file holds now."""
    result: Json = read_json(Path(file)) or {}
    request = result.get("request") or {}
    if result.get("shipped") or request.get("adapters"):
        return None
    rates = [
        (str(row["arm"]), row["seconds_per_image"] / row["nfe"])
        for row in result.get("arms") or []
        if row.get("nfe") and row.get("seconds_per_image")
    ]
    return (str(request.get("pair")), str(request.get("size") or ""), tuple(rates)) if rates else None
