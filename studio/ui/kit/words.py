"""Sentences and figures of a run, in one place: what the page says is computed here, never typed in.

A diversity is never worded without the accuracy beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from studio.core.explain import count as count
from studio.core.files import Json

NO_VALUE = "–"
FEW_FOR_DISTANCE = 32  # pictures below which no Fréchet distance is taken (`metrics.frechet.LEAST`, which needs torch)
MINUS = "\u2212"  # a hyphen before a figure is easily taken for a dash
Measure = Json | float | None  # an interval's dict, a number that stands alone, or nothing


def number(x: object, digits: int = 2, percent: bool = False) -> str:
    """0.81, 96 %, or a dash when there is no value."""
    if not isinstance(x, (int, float)):
        return NO_VALUE
    return f"{_written(100 * x, 0)} %" if percent else _written(x, digits)


def _written(x: float, digits: int) -> str:
    """With a minus sign, and without that of a zero."""
    return f"{round(x, digits) + 0.0:.{digits}f}".replace("-", MINUS)


def interval(measure: Measure, digits: int = 2, percent: bool = False) -> tuple[str, str]:
    """("0.81", "[0.74–0.88]"); ("96 %", "[89–99]"); ("–", "") when it could not be computed.

    With an end below zero it is "[−26.7 to −22.7]". Ends of shares beyond ±999 %, which say nothing more, are "[7–over 999]".
    """
    if not isinstance(measure, Mapping):
        return number(measure, digits, percent), ""
    shown = number(measure.get("value"), digits, percent)
    low, high = measure.get("low"), measure.get("high")
    if shown == NO_VALUE or not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
        return shown, ""
    ends = [_end(x, digits, percent) for x in (low, high)]
    return shown, f"[{(' to ' if MINUS in ''.join(ends) else '–').join(ends)}]"


def titled(measure: Json | None, look: Json) -> tuple[str, str]:
    """The same of a measure that says how it is written (`library.shown_measures`)."""
    return interval(measure, int(look["digits"]), bool(look["percent"]))


def _end(x: float, digits: int, percent: bool) -> str:
    if percent:
        return _written(100 * x, 0) if abs(x) < 10 else f"under {MINUS}999" if x < 0 else "over 999"
    return _written(x, digits)


def unread(n: object, of: object) -> str:
    """Why fewer pictures count than were drawn: "1 of 8 not recognised"; "" where all of them do, or nobody counted."""
    return f"{of - n} of {of} not recognised" if isinstance(n, int) and isinstance(of, int) and 0 <= n < of else ""


def no_distance(measures: Mapping[str, object]) -> str:
    """Why a Fréchet distance was not taken: "needs 32 pictures"; "" where it was."""
    n = measures.get("fd_oracle_n", measures.get("n"))
    if isinstance(measures.get("fd_oracle"), (int, float)) or not isinstance(n, (int, float)):
        return ""
    return f"needs {FEW_FOR_DISTANCE} pictures" if n < FEW_FOR_DISTANCE else "nothing to compare with"


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
