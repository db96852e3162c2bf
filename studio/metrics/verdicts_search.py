"""Verdicts that search among several arms, or among positions: the paper's S2, S4 and S5 where a study has many candidates.

Rows are those of `metrics.verdicts`. The best of m candidates flatters itself, so every interval here is at a level shared by
all m (Bonferroni), and a statement fails only when every candidate surely fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from studio.core.files import Json
from studio.metrics.interval import LEVEL, Interval
from studio.metrics.margins import ACCURACY_MARGIN, EQUIVALENT
from studio.metrics.masks import shapley
from studio.metrics.readings import known
from studio.metrics.recovered_share import Verdict
from studio.metrics.study import PooledArm, judged
from studio.metrics.verdicts import leads, nothing, points, relative, verdict_row

Arms = Mapping[str, PooledArm]


def s2_best(arms: Arms, candidates: Sequence[str], student: str = "student", what: str = "hand-over") -> Json:
    """Some candidate is surely more diverse than the student and within five points of its accuracy.

    Does not hold when each one's gain is surely negative or surely less than a tenth of the student's diversity, or its
    accuracy is surely more than five points below the student's. effect: the best gain among those that are faithful.
    """
    statement = f"At the student's cost some {what} gives diversity back"
    expected = "holds where κ is small at the first step and large at the second"
    rows = _compared(arms, candidates, student)
    if not rows:
        return _none("S2", statement, expected, f"D({what}) − D({student})", f"No {what} was measured at the student's cost.")
    s = arms[student]
    least = EQUIVALENT * (s.diversity.value or 0.0)
    each = {
        name: _worse(fidelity)
        or ("holds" if _above(gain, 0.0) and (fidelity.value or 0.0) >= -ACCURACY_MARGIN else _small(gain, least))
        for name, (gain, _, fidelity) in rows.items()
    }
    best = _best(rows, each)
    verdict = judged(_any(each), arms[best], s)
    gain, _, fidelity = rows[best]
    sentence = (
        f"At the student's cost some {what} is more diverse: {verdict} ({best}: "
        f"{arms[best].diversity.interval().text()} against {s.diversity.interval().text()}, gain {gain.text()}{_of(rows)}, "
        f"accuracy differs by {points(fidelity)})."
    )
    return verdict_row("S2", statement, expected, verdict, gain, f"D({best}) − D({student})", sentence, (arms[best], s), s)


def s5_any(arms: Arms, candidates: Sequence[str], hybrid: str) -> Json:
    """Some remedy that costs no more than the hybrid is as diverse (at most 10 % below it) and as accurate (five points).

    Holds when one surely is both; does not hold when each is surely less diverse or surely less accurate than that.
    """
    statement = "Some remedy of the hybrid's cost does as well"
    expected = "skip-first in diversity, at lower fidelity; of the others the paper says nothing"
    rows = _compared(arms, candidates, hybrid)
    if not rows:
        return _none("S5", statement, expected, f"D(remedy) / D({hybrid}) − 1", f"No other remedy costs what {hybrid} costs.")
    each: dict[str, Verdict] = {}
    for name, (_, ratio, fidelity) in rows.items():
        as_diverse = ratio.low is not None and ratio.low >= -EQUIVALENT
        as_right = fidelity.low is not None and fidelity.low >= -ACCURACY_MARGIN
        less = ratio.high is not None and ratio.high < -EQUIVALENT
        each[name] = _worse(fidelity) or ("does not hold" if less else "holds" if as_diverse and as_right else "inconclusive")
    best = _best(rows, each)
    verdict = judged(_any(each), arms[best], arms[hybrid])
    _, ratio, fidelity = rows[best]
    sentence = (
        f"Some remedy that costs no more than {hybrid} is as diverse and as accurate: {verdict} ({best}: diversity differs by "
        f"{ratio.text(percent=True)} of {hybrid}'s, accuracy by {points(fidelity)}{_of(rows)}; as diverse is at most "
        f"{100 * EQUIVALENT:.0f} % below, as accurate at most {100 * ACCURACY_MARGIN:.0f} points)."
    )
    unit = f"D({best}) / D({hybrid}) − 1"
    return verdict_row("S5", statement, expected, verdict, ratio, unit, sentence, (arms[best], arms[hybrid]))


def s4_shapley(arms: Arms, masks: Mapping[str, str], teacher: str = "teacher") -> Json:
    """Over all arrangements a base step is worth most at the first position: its Shapley value leads all others.

    Margins as in `verdicts.s4`: a value or a lead of at most a tenth of what the student lost counts as none. masks: mask
    -> arm, all of them.
    """
    values = shapley({mask: arms[arm].diversity for mask, arm in masks.items()})
    statement, expected = "Over all arrangements the first position is worth most", "first > second > …"
    n = len(values)
    used = [arms[arm] for arm in masks.values()]
    if n < 2:
        return _none("S4", statement, expected, "lead in Shapley value", "One position leads no other.")
    s = arms[masks["S" * n]]
    lost = arms[teacher].diversity - s.diversity if teacher in arms else s.diversity
    others = {f"position {i + 1}": value for i, value in enumerate(values) if i > 0}
    verdict, rival, lead = leads(values[0], others, EQUIVALENT * abs(lost.value or 0.0))
    verdict = judged(verdict, *used)
    worth = ", ".join(f"{i + 1}: {value.interval().text()}" for i, value in enumerate(values))
    sentence = f"{statement}: {verdict} (Shapley values of the positions, {worth}; lead over {rival} {lead.text()})."
    unit = f"Shapley value of position 1 − {rival}"
    return verdict_row("S4", statement, expected, verdict, lead, unit, sentence, used, s)


def _compared(arms: Arms, candidates: Sequence[str], with_: str) -> dict[str, tuple[Interval, Interval, Interval]]:
    """(gain, relative gain, accuracy difference) of every candidate, paired, at a level that all share."""
    for name in (with_, *candidates):
        known(name, arms, "arm")
    level, b = 1 - (1 - LEVEL) / max(len(candidates), 1), arms[with_]
    return {
        name: (
            (arms[name].diversity - b.diversity).interval(level),
            relative(arms[name].diversity, b.diversity).interval(level),
            (arms[name].right - b.right).interval(level),
        )
        for name in candidates
    }


def _worse(fidelity: Interval) -> Verdict | None:
    """ "does not hold" for an accuracy surely more than the margin below."""
    return "does not hold" if fidelity.high is not None and fidelity.high < -ACCURACY_MARGIN else None


def _above(gain: Interval, least: float) -> bool:
    return gain.low is not None and gain.low > least


def _small(gain: Interval, least: float) -> Verdict:
    return "does not hold" if nothing(gain, least) or (gain.high is not None and gain.high < 0) else "inconclusive"


def _any(each: Mapping[str, Verdict]) -> Verdict:
    if "holds" in each.values():
        return "holds"
    return "does not hold" if set(each.values()) == {"does not hold"} else "inconclusive"


def _best(rows: Mapping[str, tuple[Interval, Interval, Interval]], each: Mapping[str, Verdict]) -> str:
    """The most diverse of those with the best verdict."""
    rank = {"holds": 2, "inconclusive": 1, "does not hold": 0}
    return max(rows, key=lambda name: (rank[each[name]], rows[name][0].value if rows[name][0].value is not None else -1.0))


def _of(rows: Mapping[str, Any]) -> str:
    return f", best of {len(rows)} at a level they share" if len(rows) > 1 else ""


def _none(id: str, statement: str, expected: str, unit: str, sentence: str) -> Json:
    return verdict_row(id, statement, expected, "inconclusive", Interval(None, note="nothing to compare"), unit, sentence, ())
