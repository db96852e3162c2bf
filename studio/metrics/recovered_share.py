"""The first step in one sentence: which share of the diversity that the student lost does an arm give back?

Claims S1–S3 of the hybrid (arXiv 2503.10637) as a computed verdict: "holds", "does not hold", "inconclusive", or "too few to
say" below a stated number of samples (`metrics.margins`). The sentence never says more than the interval beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from studio.core.files import Json
from studio.metrics.interval import LEVEL, TOO_SMALL, Estimate, Interval, tail
from studio.metrics.margins import EQUIVALENT, MIN_COMPARED, NEGLIGIBLE, WIDEST_SHARE

Verdict = Literal["holds", "does not hold", "inconclusive", "too few to say"]
TOO_FEW: Verdict = "too few to say"


@dataclass(frozen=True)
class Recovery:
    """`share`: (D_h − D_s)/(D_t − D_s), 1 = all of the loss; `loss` = D_t − D_s and `gain` = D_h − D_s, paired.
    `change`: (D_s − D_t)/D_t, of the teacher's diversity what the student has more or less."""

    share: Interval
    loss: Interval
    gain: Interval
    change: Interval
    verdict: Verdict
    sentence: str

    def to_dict(self) -> Json:
        """The row of a result file: value, low, high, holds, sentence, and the two differences behind them."""
        return {
            "value": self.share.value,
            "low": self.share.low,
            "high": self.share.high,
            "holds": self.verdict,
            "sentence": self.sentence,
            "loss": self.loss.to_dict(),
            "gain": self.gain.to_dict(),
            "change": self.change.to_dict(),
        }


def recovery(
    teacher: Estimate,
    student: Estimate,
    hybrid: Estimate,
    *,
    cost_ratio: float | None = None,
    label: str = "hybrid",
    fidelity: tuple[Interval, Interval] | None = None,
    level: float = LEVEL,
    least: int = MIN_COMPARED,
) -> Recovery:
    """Share of the lost diversity that `hybrid` recovers, with a paired bootstrap interval and a sentence.

    Args:
        teacher, student, hybrid: diversity of the three arms on the same seeds, with the same resamples.
        cost_ratio: cost of the arm over the student's (network evaluations or seconds), for the sentence.
        label: the arm's name in the sentence, e.g. "hybrid (k = 1)".
        fidelity: accuracy of (student, arm); the sentence then carries both, and says when the arm's is lower.
        least: samples an arm below which there is no verdict.
    """
    loss, gain = teacher - student, hybrid - student
    lost, gained = loss.interval(level), gain.interval(level)
    unknown = Interval(None, n=lost.n, note="the student lost nothing that could be recovered")

    arms = (("teacher", teacher), ("student", student), (label, hybrid))
    figures = ", ".join(f"{name} {arm.interval(level).text()}" for name, arm in arms)
    seen = f"On the {lost.n} samples that count the diversity is {figures}"
    seen += f"; {least} or more may tell what was lost and what comes back."

    def result(share: Interval, verdict: Verdict, sentence: str) -> Recovery:
        if lost.n < least and share.value is not None:
            verdict, sentence = TOO_FEW, _few(label, share, lost.n) or seen
        changed = _change(loss, teacher, level)
        return Recovery(share, lost, gained, changed, verdict, sentence + _fidelity_text(label, fidelity))

    if not lost.known or teacher.value is None or student.value is None:
        why = loss.note if loss.value is None and loss.note else TOO_SMALL
        few = f"Too few samples to say what the student lost or the {label} recovers; run more seeds."
        none = f"There is no diversity to compare here: {why}."
        return result(Interval(None, n=lost.n, note=why), *((TOO_FEW, few) if why == TOO_SMALL else ("inconclusive", none)))
    if lost.includes(0) or teacher.value <= student.value:
        if lost.n < least:
            return result(unknown, TOO_FEW, seen)
        figures = (
            f"teacher {teacher.interval(level).text()}, student {student.interval(level).text()}, "
            f"difference {lost.text()}, n = {lost.n}"
        )
        settled = lost.high is not None and lost.high <= EQUIVALENT * abs(teacher.value)
        if settled:
            nothing = f"The student did not lose diversity here ({figures}), so there is nothing to recover."
            return result(unknown, "does not hold", nothing)
        unsure = f"Whether the student lost diversity here cannot be told from these samples ({figures})"
        return result(unknown, "inconclusive", f"{unsure}; more seeds may tell.")
    if not gained.known or hybrid.value is None:
        few = f"Too few samples to say what the {label} recovers; run more seeds."
        return result(Interval(None, n=gained.n, note=TOO_SMALL), TOO_FEW, few)
    share = _share(loss, gain, level)
    verdict = _verdict(share, gained)
    return result(share, verdict, _sentence(label, share, verdict, cost_ratio))


def relative_cost(costs: Mapping[str, float] | None, arm: str, student: str) -> float | None:
    """Cost of an arm over the student's; None where either is unknown or the student's is 0."""
    base = (costs or {}).get(student)
    return costs[arm] / base if costs and base and arm in costs else None


def _share(loss: Estimate, gain: Estimate, level: float) -> Interval:
    """Percentile interval of the ratio of paired draws.

    A draw in which the student lost nothing has no share: it is the limit of an ever smaller loss, ±∞ by the sign of
    the gain, and counts as such among the order statistics. An end that lands there is None.
    """
    assert loss.value is not None and gain.value is not None
    finite = loss.draws.isfinite() & gain.draws.isfinite()
    lost, gained = loss.draws[finite], gain.draws[finite]
    infinite = torch.where(gained >= 0, math.inf, -math.inf).double()
    ordered: Tensor = torch.where(lost > 0, gained / lost.clamp_min(1e-300), infinite).sort().values
    value = gain.value / loss.value
    end = tail(loss.independent, level)
    low = min(float(ordered[math.floor(end * (len(ordered) - 1))]), value)
    high = max(float(ordered[math.ceil((1 - end) * (len(ordered) - 1))]), value)
    note = "" if math.isfinite(low) and math.isfinite(high) else "the loss is too close to 0 to bound the share"
    low_end, high_end = (x if math.isfinite(x) else None for x in (low, high))
    return Interval(value, low_end, high_end, loss.n, note)


def _change(loss: Estimate, teacher: Estimate, level: float) -> Interval:
    """Percentile interval of −loss/teacher over paired draws; unknown where the teacher's diversity may be none."""
    if loss.value is None or not teacher.value or not loss.interval(level).known:
        return Interval(None, n=loss.n, note=loss.note or TOO_SMALL)
    ratio = -loss.draws / teacher.draws
    ordered = ratio[ratio.isfinite() & (teacher.draws > 0)].sort().values
    value, end = -loss.value / teacher.value, tail(loss.independent, level)
    if len(ordered) < len(ratio):
        return Interval(value, n=loss.n, note="the teacher's diversity is too close to 0 to bound the share")
    low, high = (float(ordered[round(at * (len(ordered) - 1))]) for at in (end, 1 - end))
    return Interval(value, min(low, value), max(high, value), loss.n)


def _verdict(share: Interval, gained: Interval) -> Verdict:
    if gained.low is not None and gained.low > 0:
        return "holds"
    if gained.high is not None and gained.high < 0:
        return "does not hold"
    return "does not hold" if share.high is not None and share.high < NEGLIGIBLE else "inconclusive"


def _sentence(label: str, share: Interval, verdict: Verdict, cost_ratio: float | None) -> str:
    assert share.value is not None
    cost = "" if cost_ratio is None else f", at {cost_ratio:.2f}× its cost"
    figure = share.text(percent=True)
    if verdict == "holds":
        if share.low is None or share.high is None or share.high - share.low > WIDEST_SHARE:
            said = f"The {label} recovers some of the diversity the student lost{cost}; how much is not settled"
            return f"{said}{_between(share)}. Run more seeds."
        return f"The {label} recovers {figure} of the diversity the student lost{cost}."
    if verdict == "does not hold":
        less = share.high is not None and share.high < 0
        what = "is less diverse still than the student" if less else "recovers none of the diversity the student lost"
        return f"The {label} {what} ({figure} of the loss){cost}."
    unsure = f"Whether the {label} recovers diversity the student lost is inconclusive"
    return f"{unsure} ({figure} of the loss){cost}; run more seeds."


def _between(share: Interval) -> str:
    """The ends of an interval that is too wide for its middle to be named."""
    if share.low is None or share.high is None:
        return ""
    return f": between {100 * share.low:.0f} % and {100 * share.high:.0f} % of the loss"


def _few(label: str, share: Interval, n: int) -> str:
    """What a few samples show; nothing where they bound the share too little to name it."""
    if share.low is None or share.high is None or share.high - share.low > WIDEST_SHARE:
        return ""
    figure = share.text(percent=True)
    return (
        f"On the {n} samples that count the {label} gives back {figure} of the diversity the student lost; too few to say more."
    )


def _fidelity_text(label: str, fidelity: tuple[Interval, Interval] | None) -> str:
    """Accuracy beside the diversity figure; a drop beyond the noise is said as one."""
    if fidelity is None or fidelity[0].value is None or fidelity[1].value is None:
        return ""
    student, arm = fidelity
    figures = f"{arm.text(percent=True)}, the student's {student.text(percent=True)}"
    if arm.apart(student) and fidelity[1].value < fidelity[0].value:
        return f" Its accuracy is lower: {figures}, so part of the diversity may be error."
    return f" Accuracy of the {label}: {figures}."
