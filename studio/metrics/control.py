"""The identity control: with the teacher as its own student nothing may change, or the machinery makes the effect.

It is the check on every other verdict: a schedule mismatch at the hand-over, unpaired noise or a miscounted step all look like
diversity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from studio.metrics.interval import LEVEL
from studio.metrics.margins import EQUIVALENT
from studio.metrics.readings import known
from studio.metrics.study import PooledArm

Json = dict[str, Any]
Arms = Mapping[str, PooledArm]


def identity_control(arms: Arms, same: Sequence[str], student: str = "student") -> Json:
    """Does the machinery make a difference where there is none? Arms of a study whose student *is* the teacher's weights.

    same: arms that must then equal `student`, e.g. the hybrids and masks (not skip-first, which takes fewer steps). Fires
    when a paired difference in diversity excludes 0 at a level shared by all arms (Bonferroni).

    {"fired", "checked", "rows": [{arm, difference}], "sentence"}; checked: every interval is narrower than ±10 % of the
    student's diversity, so that the control could have fired.
    """
    for name in (student, *same):
        known(name, arms, "arm")
    s = arms[student]
    level = 1 - (1 - LEVEL) / max(len(same), 1)
    found = {a.arm: (a.diversity - s.diversity).interval(level) for a in (arms[name] for name in same)}
    fired = [a for a, i in found.items() if i.includes(0) is False]
    wide = [
        a
        for a, i in found.items()
        if not i.known or (i.high or 0.0) - (i.low or 0.0) > 2 * EQUIVALENT * (s.diversity.value or 0.0)
    ]
    checked = bool(found) and not wide
    sentence = "Identity control: the teacher as its own student is a null, as it must be."
    if fired:
        figures = ", ".join(f"{a} {found[a].text(3)}" for a in fired)
        sentence = f"Identity control fired: with the teacher as its own student D changes ({figures}); this study is invalid."
    elif not checked:
        sentence = "Identity control: too few samples to say whether the teacher as its own student is a null."
    rows = [{"arm": a, "difference": i.to_dict()} for a, i in found.items()]
    return {"fired": bool(fired), "checked": checked, "rows": rows, "sentence": sentence}


def controlled(rows: Sequence[Json], control: Json | None) -> list[Json]:
    """Rows with `valid`: True after a control that passed, None without one (or an unchecked one), False when it fired.

    Nothing holds or fails in a study whose control fired: its verdicts become inconclusive and say so.
    """
    if control is None or not (control["fired"] or control["checked"]):
        return [{**r, "valid": None} for r in rows]
    if not control["fired"]:
        return [{**r, "valid": True} for r in rows]
    why = "The identity control fired, so this is no evidence: "
    return [{**r, "valid": False, "verdict": "inconclusive", "sentence": why + r["sentence"]} for r in rows]
