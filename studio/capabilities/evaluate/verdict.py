"""What an evaluation found, in sentences that say no more than was measured. Pure functions of figures; no torch."""

from __future__ import annotations

from collections.abc import Sequence

from studio.core.explain import count
from studio.core.files import Json

FEW = 32  # samples of a candidate below which nothing is said


def percent(found: Json | None) -> str:
    """ "91 % [84 to 95]", or a dash."""
    if not found or found.get("value") is None:
        return "–"
    value = f"{100 * float(found['value']):.0f} %"
    if found.get("low") is None or found.get("high") is None:
        return value
    return f"{value} [{100 * float(found['low']):.0f} to {100 * float(found['high']):.0f}]"


def of_candidate(row: Json) -> str:
    """One candidate: how much of what was asked is there, and what fails most."""
    said = f"{row['title']}: {percent(row['score'])} of what was asked for is there, all of it in {percent(row['all_right'])} of "
    said += count(row["n"], "sample")
    worst = next((one for one in row["by_check"] if one["share"]["value"] < 1), None)
    return said + (f"; least often {worst['wanted']}, {percent(worst['share'])}." if worst else ".")


def of_pair(row: Json, titles: Sequence[str], n: int) -> str:
    """Two candidates on the same prompts and seeds: which is better, where the interval says so."""
    a, b, gap = titles[row["a"]], titles[row["b"]], row["difference"]
    if gap["value"] is None or gap["low"] is None or n < FEW:
        return f"{count(n, 'sample')} {'is' if n == 1 else 'are'} too few to say which of {a} and {b} is better."
    value, low, high = (100 * float(gap[end]) for end in ("value", "low", "high"))
    if low <= 0 <= high:
        apart = f"{value:+.1f} points of what was asked for [{low:+.1f} to {high:+.1f}]"
        return f"No difference is shown between {a} and {b}: {apart}."
    better, other, ends = (a, b, (low, high)) if value > 0 else (b, a, (-high, -low))
    points = f"{abs(value):.1f} points [{ends[0]:.1f} to {ends[1]:.1f}]"
    return f"{better} shows more of what was asked for than {other}, by {points} on the same prompts and seeds."


def of_trust(title: str, found: Json) -> str:
    """One judge: what it catches of planted errors, and how its scores go with the truth."""
    rho, every = found["spearman"], found["all"]
    along = "" if rho["value"] is None else f" Its scores rise with the true ones: Spearman {rho['value']:.2f}"
    if along and rho["low"] is not None:
        along += f" [{rho['low']:.2f} to {rho['high']:.2f}]"
    flags = f"{title} flags {percent(every['recall'])} of {every['recall']['n']:,} planted errors"
    return f"{flags}, and {percent(every['precision'])} of what it flags is wrong.{along + '.' if along else ''}"
