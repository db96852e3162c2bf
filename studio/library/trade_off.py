"""The sentence an engineer needs of a comparison: how much faster the student is, what that costs, and what to choose.

Computed from a result's own seconds and figures, every figure with its interval. Nothing where it was not measured; where an
interval includes no difference, no difference is claimed. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studio.core.files import Json

TEACHER, STUDENT, HYBRID = "teacher", "student", "hybrid-1"
HERE = "on this machine"
ALIKE = 1.15  # two times nearer than this ratio are called the same


def sentences(arms: Sequence[Json], recovery: Sequence[Json], where: str = HERE, by: str = "") -> list[str]:
    """None to two: what was measured of teacher and student, and what to choose by it.

    arms, recovery: of a result. where: where its seconds were taken. by: who read the diversity, where no oracle does.
    """
    rows = {str(row.get("arm")): row for row in arms}
    teacher, student = rows.get(TEACHER), rows.get(STUDENT)
    if teacher is None or student is None:
        return []
    found = {str(row.get("arm")): row for row in recovery}
    of = found.get(HYBRID) or next((row for arm, row in found.items() if arm.startswith("hybrid")), None)
    lost = of or next(iter(found.values()), None)
    said = [one for one in (_speed(teacher, student, where), _lost(lost, by)) if one]
    if not said:
        return []
    choice = _choice(rows.get(str((of or {}).get("arm"))), student, of, lost)
    return [f"{_capital(', '.join(said))}.", *([choice] if choice else [])]


def _speed(teacher: Json, student: Json, where: str) -> str:
    slow, fast = _seconds(teacher), _seconds(student)
    if not slow or not fast:
        return ""
    ratio = slow / fast
    told = (
        f"the student is {ratio:.1f} × faster"
        if ratio >= ALIKE
        else (f"the student is {1 / ratio:.1f} × slower" if ratio <= 1 / ALIKE else "the student takes about as long")
    )
    return f"{told}, {_span(fast)} against {_span(slow)} a picture {where}"


def _lost(row: Json | None, by: str) -> str:
    """The student's diversity beside the teacher's, as a share of it where that is known."""
    change, loss = (row or {}).get("change") or {}, (row or {}).get("loss") or {}
    read = f" by the {by}" if by else ""
    if _known(change):
        return f"diversity {100 * change['value']:+.0f} % [{_ends(change, 100, 0)}]{read}".replace("+0 %", "0 %").replace(
            "-0 %", "0 %"
        )
    return f"diversity lower by {loss['value']:.2f} [{_ends(loss, 1, 2)}]{read}" if _known(loss) else ""


def _choice(hybrid: Json | None, student: Json, row: Json | None, lost: Json | None) -> str:
    loss = (lost or {}).get("loss") or {}
    if not _known(loss):
        return ""
    if (lost or {}).get("holds") == "too few to say":
        return "These are too few samples to choose by: more seeds make the interval narrower."
    if loss["low"] <= 0 <= loss["high"]:
        return "Choose the student: no difference in diversity is seen here, which is not proof of none."
    if loss["high"] < 0:
        return "Choose the student: it is no less diverse here."
    if hybrid is None or row is None:
        return "Choose the teacher if variety over seeds matters more than time; a hybrid was not drawn."
    gain, name = row.get("gain") or {}, _name(hybrid)
    if not _known(gain) or gain["low"] <= 0:
        return (
            f"Choose the teacher if variety over seeds matters more than time: whether the {name} gives any back is not settled."
        )
    what = f"it gives back {_share(row)}{_price(hybrid, student)}{_worse(hybrid, student)}"
    return f"Choose the {name} if variety over seeds matters: {what}."


def _share(row: Json) -> str:
    low, high = row.get("low"), row.get("high")
    if not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
        return "some of what was lost, how much is not settled"
    return f"{100 * low:.0f} to {100 * high:.0f} % of what was lost"


def _price(hybrid: Json, student: Json) -> str:
    """Of a hybrid beside its student, in seconds; in evaluations where no seconds are known."""
    own, other = _seconds(hybrid), _seconds(student)
    if own and other:
        if own / other < ALIKE:
            return f" at the student's time ({_span(own)} a picture)"
        return f" for {own / other:.1f} × the student's time ({_span(own)} a picture)"
    return f" for {hybrid['nfe']:g} NFE a picture" if hybrid.get("nfe") else ""


def _worse(hybrid: Json, student: Json) -> str:
    """A lower accuracy, where the intervals are apart."""
    own, other = (dict((row.get("measures") or {}).get("accuracy") or {}) for row in (hybrid, student))
    if not _known(own) or not _known(other) or own["high"] >= other["low"]:
        return ""
    return f"; its accuracy is lower, {100 * own['value']:.0f} % [{_ends(own, 100, 0)}] against {100 * other['value']:.0f} %"


def _name(row: Json) -> str:
    return "hybrid" if row.get("arm") == HYBRID else str(row.get("label") or row.get("title") or row.get("arm"))


def _seconds(row: Json) -> float | None:
    found = row.get("seconds_per_image", row.get("seconds"))
    return float(found) if isinstance(found, (int, float)) and found > 0 else None


def _known(measure: Mapping[str, object]) -> bool:
    return all(isinstance(measure.get(end), (int, float)) for end in ("value", "low", "high"))


def _ends(measure: Json, scale: float, digits: int) -> str:
    low, high = (f"{measure[end] * scale:.{digits}f}" for end in ("low", "high"))
    return f"{low} to {high}" if low.startswith("-") or high.startswith("-") else f"{low}–{high}"


def _span(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
