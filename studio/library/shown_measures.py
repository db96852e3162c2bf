"""Measures that say of themselves how they are shown (`metrics.measures`), as results hold them. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from studio.core.files import Json


def titled(rows: Iterable[Mapping[str, object]]) -> dict[str, Json]:
    """{name: {"title", "about", "percent", "digits", "better"}} of what any of these rows of measures has, in their order."""
    found: dict[str, Json] = {}
    for row in rows:
        for name, measure in row.items():
            if isinstance(measure, Mapping) and measure.get("title"):
                found.setdefault(name, dict(measure))
    return found


def tip(look: Mapping[str, object]) -> str:
    """What the head of a column says of it when it is pointed at."""
    better = f"{look['better']} is better" if look.get("better") else ""
    return "; ".join(filter(None, [str(look.get("about") or ""), better]))
