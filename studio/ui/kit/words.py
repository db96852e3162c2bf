"""Sentences and figures of a run, in one place: what the page says is computed here, never typed in.

A diversity is never worded without the accuracy beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from studio.core.files import Json

NO_VALUE = "–"
Measure = Json | float | None  # an interval's dict, a number that stands alone, or nothing


def number(x: object, digits: int = 2, percent: bool = False) -> str:
    """0.81, 96 %, or a dash when there is no value."""
    if not isinstance(x, (int, float)):
        return NO_VALUE
    return f"{_written(100 * x, 0)} %" if percent else _written(x, digits)


def _written(x: float, digits: int) -> str:
    """Without the sign of a zero."""
    return f"{round(x, digits) + 0.0:.{digits}f}"


def interval(measure: Measure, digits: int = 2, percent: bool = False) -> tuple[str, str]:
    """("0.81", "[0.74–0.88]"); ("96 %", "[89–99]"); ("–", "") when it could not be computed.

    Ends of shares beyond ±999 %, which say nothing more, are "[7–over 999]".
    """
    if not isinstance(measure, Mapping):
        return number(measure, digits, percent), ""
    shown = number(measure.get("value"), digits, percent)
    low, high = measure.get("low"), measure.get("high")
    if shown == NO_VALUE or not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
        return shown, ""
    return shown, f"[{_end(low, digits, percent)}–{_end(high, digits, percent)}]"


def titled(measure: Json | None, look: Json) -> tuple[str, str]:
    """The same of a measure that says how it is written (`library.shown_measures`)."""
    return interval(measure, int(look["digits"]), bool(look["percent"]))


def _end(x: float, digits: int, percent: bool) -> str:
    if percent:
        return _written(100 * x, 0) if abs(x) < 10 else "under -999" if x < 0 else "over 999"
    return _written(x, digits)


def count(n: int, thing: str) -> str:
    """A number of things: "1 seed", "8 seeds"."""
    return f"{n} {thing}{'' if n == 1 else 's'}"


def seconds(s: float | None) -> str:
    """A duration: "0.08 s", "12 s", "3 min 20 s"."""
    if s is None:
        return NO_VALUE
    if s < 10:
        return f"{s:.2f} s" if s < 1 else f"{s:.1f} s"
    return f"{s:.0f} s" if s < 100 else f"{int(s) // 60} min {int(s) % 60} s"


def evaluations(nfe: float | None) -> str:
    """Network evaluations per image: a whole number where it is one."""
    return NO_VALUE if nfe is None else f"{nfe:g}"


def span(s: float) -> str:
    """A longer duration: "12 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"."""
    if s < 6000:
        return seconds(max(s, 1.0))
    hours = int(s) // 3600
    return f"{hours} h {int(s) % 3600 // 60} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def size(n_bytes: float) -> str:
    """ "61 MB", "3.4 GB", "12 kB"."""
    if n_bytes >= 1e9:
        return f"{n_bytes / 1e9:.1f} GB"
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes >= 1e6 else f"{max(1, round(n_bytes / 1e3))} kB"
