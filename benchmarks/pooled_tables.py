"""Tables of runs that were done over several training seeds: a row for each of what was compared, its figures pooled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from studio.core.files import Json
from studio.metrics.interval import Interval
from studio.metrics.proportion import wilson

OVER_SEEDS = (
    "Of several training seeds the mean is shown, the 95 % interval of pooled pictures for shares and the widest of the seeds' "
    "intervals for the rest, and behind it what each seed came to."
)
Group = tuple[tuple[str, str, str], list[tuple[Json, Json]]]


def grouped(rows: Iterable[tuple[str, str, str, Json, Json]]) -> list[Group]:
    """By the first three, in the order of their first appearance."""
    groups: dict[tuple[str, str, str], list[tuple[Json, Json]]] = {}
    for subject, what, model, one, row in rows:
        groups.setdefault((subject, what, model), []).append((one, row))
    return list(groups.items())


def over_seeds(figures: Sequence[Json]) -> Interval | None:
    """One figure of several training seeds: shares of counted pictures are pooled, of others the mean stands in the widest
    interval about any of them. None of none."""
    known = [Interval.from_dict({k: one[k] for k in ("value", "low", "high", "n", "note")}) for one in figures]
    known = [one for one in known if one.value is not None]
    if not known:
        return None
    if all(one.low is not None and one.low >= 0 and one.high is not None and one.high <= 1 and _counted(one) for one in known):
        return wilson(sum(round((one.value or 0) * one.n) for one in known), sum(one.n for one in known))
    mean = sum(one.value or 0 for one in known) / len(known)
    if any(one.low is None or one.high is None for one in known):
        return Interval(mean, n=sum(one.n for one in known))
    return Interval(mean, min(one.low or 0 for one in known), max(one.high or 0 for one in known), sum(one.n for one in known))


def _counted(one: Interval) -> bool:
    """Whether it is Wilson's interval of a count."""
    exact = wilson(round((one.value or 0) * one.n), one.n)
    return abs((exact.low or 0) - (one.low or 0)) < 1e-9 and abs((exact.high or 0) - (one.high or 0)) < 1e-9


def cell(figures: Sequence[Json | None], percent: bool) -> str:
    known = [one for one in figures if isinstance(one, Mapping) and one["value"] is not None]
    whole = over_seeds(known)
    if whole is None:
        return "–"
    each = [f"{100 * one['value']:.0f}" if percent else f"{one['value']:.2f}" for one in known]
    return whole.text(2, percent=percent) + (f" ({' · '.join(each)})" if len(each) > 1 else "")


def effort(rows: Sequence[tuple[Json, Json]]) -> list[str]:
    """Updates, and minutes of process time on one thread with all that is measured and drawn: the mean of the seeds."""
    return [str(rows[0][0]["steps"]), f"{sum(one['seconds'] for one, _ in rows) / len(rows) / 60:.1f}"]


Cells = Callable[[Sequence[tuple[Json, Json]]], list[str]]


def table(heads: Sequence[str], groups: Sequence[Group], *cells_of: Cells) -> list[str]:
    """Lines of markdown. cells_of: what follows the group's names and its number of seeds."""
    cells = [[*key, str(len(rows)), *(one for make in cells_of for one in make(rows))] for key, rows in groups]
    return [f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *cells)]
