"""The paper's statements S1–S7 (arXiv 2503.10637, as the research notes put them to the test) judged from measured arms.

Every function returns a JSON-ready row {id, statement, expected, verdict, effect, interval, unit, n, sentence, cautions}: the
verdict is "holds", "does not hold" or "inconclusive", the effect is the number it rests on, with its 95 % interval. Margins are
those of `metrics.margins`. "Does not hold" needs evidence too: an effect surely of the other sign, or surely too small to
matter. Anything else is inconclusive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log

from studio.core.explain import count
from studio.core.files import Json
from studio.metrics.interval import Estimate, Interval, difference_of
from studio.metrics.margins import (
    ACCURACY_MARGIN,
    BASE_COMMITS,
    EQUIVALENT,
    MIN_ACCURACY,
    MIN_JUDGED,
    MIN_PROMPTS,
    MIN_SEEDS,
    NEGLIGIBLE,
)
from studio.metrics.readings import known
from studio.metrics.recovered_share import TOO_FEW, Verdict, recovery
from studio.metrics.study import PooledArm, claim, judged

Arms = Mapping[str, PooledArm]


def s1(arms: Arms, teacher: str = "teacher", student: str = "student") -> Json:
    """The student is less diverse than the teacher, at equal accuracy (`study.claim`)."""
    t, s = _arms(arms, teacher, student)
    found = claim(s, t)
    expected = "holds for mode-seeking students (guided teacher, reverse KL, adversarial), not for unguided consistency"
    unit = f"D({teacher}) − D({student})"
    return verdict_row(
        "S1",
        "The student is less diverse than its teacher",
        expected,
        found["verdict"],
        Interval.from_dict(found["difference"]),
        unit,
        found["sentence"],
        (t, s),
        s,
    )


def s2(arms: Arms, hybrid: str, student: str = "student", teacher: str | None = "teacher") -> Json:
    """One base step makes it more diverse than the student, at equal accuracy; with the teacher, the recovered share."""
    h, s = _arms(arms, hybrid, student)
    found = claim(s, h)
    sentence = found["sentence"]
    if teacher is not None and teacher in arms:
        share = recovery(arms[teacher].diversity, s.diversity, h.diversity, label=hybrid, least=MIN_JUDGED)
        sentence += " " + share.sentence
    expected = "holds where κ is small at the first step and large at the second"
    difference, unit = Interval.from_dict(found["difference"]), f"D({hybrid}) − D({student})"
    verdict: Verdict = found["verdict"]
    return verdict_row("S2", "One base step gives diversity back", expected, verdict, difference, unit, sentence, (h, s), s)


def s3(arms: Arms, hybrid: str, teacher: str = "teacher") -> Json:
    """The hybrid is as diverse as the teacher: within ±10 % of it (two one-sided tests, each at 2.5 %)."""
    h, t = _arms(arms, hybrid, teacher)
    ratio = relative(h.diversity, t.diversity).interval()
    verdict = judged(equivalent(ratio, EQUIVALENT), h, t)
    sentence = (
        f"D({hybrid}) ≈ D({teacher}): {verdict} ({h.diversity.interval().text()} against {t.diversity.interval().text()}, "
        f"a difference of {ratio.text(percent=True)} of the teacher's; equal is within ±{100 * EQUIVALENT:.0f} %)."
    )
    expected = "about equal; more than the teacher's is not to be expected"
    return verdict_row(
        "S3",
        "With one base step it is as diverse as the teacher",
        expected,
        verdict,
        ratio,
        f"D({hybrid}) / D({teacher}) − 1",
        sentence,
        (h, t),
    )


def s4(arms: Arms, by_position: Mapping[int, str], student: str = "student", teacher: str | None = "teacher") -> Json:
    """A base step at the first position gains more than at any other.

    Holds: its lead over every other position is surely positive. Does not hold: some other position surely gains more, or
    the first one's gain or its lead over the best rival is at most a tenth of what the student lost (of D(student) without
    a teacher). effect: the lead over the best rival.
    """
    if len(by_position) < 2:
        raise ValueError(f"{len(by_position)} positions do not fit; the first and at least one other do.")
    first, *others = [_arms(arms, by_position[p])[0] for p in sorted(by_position)]
    (s,) = _arms(arms, student)
    lost = arms[teacher].diversity - s.diversity if teacher is not None and teacher in arms else s.diversity
    others_gain = {o.arm: o.diversity - s.diversity for o in others}
    verdict, rival, lead = leads(first.diversity - s.diversity, others_gain, EQUIVALENT * abs(lost.value or 0.0))
    verdict = judged(verdict, first, *others, s)
    gains = ", ".join(f"{a.arm} {(a.diversity - s.diversity).interval().text()}" for a in (first, *others))
    sentence = f"The first position gains most: {verdict} (gain over {student}: {gains}; lead over {rival} {lead.text()})."
    return verdict_row(
        "S4",
        "Of all positions the first gives most diversity",
        "first > second > …",
        verdict,
        lead,
        f"D({first.arm}) − D({rival})",
        sentence,
        (first, *others, s),
        s,
    )


def leads(gain: Estimate, others: Mapping[str, Estimate], least: float) -> tuple[Verdict, str, Interval]:
    """(verdict, best rival, lead over it): is `gain` positive and above every other one? See `s4`; least: what counts as none."""
    found = {name: (gain - other).interval() for name, other in others.items()}
    own = gain.interval()
    rival, lead = min(found.items(), key=lambda item: item[1].value if item[1].value is not None else 0.0)
    verdict: Verdict = "inconclusive"
    if all(i.known for i in (*found.values(), own)):
        lows, highs = zip(*((i.low or 0.0, i.high or 0.0) for i in found.values()), strict=True)
        if min(highs) < 0 or nothing(own, least) or nothing(lead, least):
            verdict = "does not hold"
        elif min(lows) > 0 and (own.low or 0.0) > 0:
            verdict = "holds"
    return verdict, rival, lead


def s4_reverse(arms: Arms, reverse: str, teacher: str = "teacher", student: str = "student") -> Json:
    """The reverse order (student first, base later) recovers nothing: surely less than a quarter of the loss."""
    r, t, s = _arms(arms, reverse, teacher, student)
    found = recovery(t.diversity, s.diversity, r.diversity, label=reverse, fidelity=(s.accuracy, r.accuracy), least=MIN_JUDGED)
    turned: dict[Verdict, Verdict] = {"holds": "does not hold", "does not hold": "holds"}
    # without a loss there is no share, and a statement about it says nothing either way
    verdict: Verdict = turned.get(found.verdict, "inconclusive") if found.share.value is not None else "inconclusive"
    if verdict == "does not hold" and found.share.high is not None and found.share.high < NEGLIGIBLE:
        verdict = "holds"  # surely more than the student, and surely next to nothing
    verdict = judged(verdict, r, t, s)
    sentence = f"Student first, then the base, recovers nothing: {verdict}. {found.sentence}"
    return verdict_row(
        "S4",
        "The reverse order gives nothing back",
        "reverse ≈ student",
        verdict,
        found.share,
        "share of the loss",
        sentence,
        (r, t, s),
        s,
    )


def s5(arms: Arms, skip: str, hybrid: str) -> Json:
    """Skipping the first step is as diverse as the hybrid (±10 %), but less accurate.

    Less accurate: the paired difference is surely below 0; surely not so: it is surely above 0, or lies within five points
    either way and includes 0.
    Holds only if both parts do, does not hold as soon as one of them surely does not.
    """
    k, h = _arms(arms, skip, hybrid)
    ratio = relative(k.diversity, h.diversity).interval()
    fidelity = (k.right - h.right).interval()
    less: Verdict = "inconclusive"
    if fidelity.low is not None and fidelity.high is not None:
        equal = fidelity.low >= -ACCURACY_MARGIN and fidelity.high <= ACCURACY_MARGIN
        less = "holds" if fidelity.high < 0 else "does not hold" if fidelity.low > 0 or equal else "inconclusive"
    verdict = judged(_both(equivalent(ratio, EQUIVALENT), less), k, h)
    sentence = (
        f"{skip} is as diverse as {hybrid} and less accurate: {verdict} (diversity differs by {ratio.text(percent=True)} of "
        f"{hybrid}'s, equal is within ±{100 * EQUIVALENT:.0f} %; accuracy by {points(fidelity)}; "
        f"in distribution {k.in_distribution.text(percent=True)} against {h.in_distribution.text(percent=True)})."
    )
    statement, expected = (
        "Skipping the first step is as diverse as the hybrid, at lower fidelity",
        "equal diversity, lower fidelity",
    )
    return verdict_row("S5", statement, expected, verdict, ratio, f"D({skip}) / D({hybrid}) − 1", sentence, (k, h))


def s6(trend: Json | None, n: int | None = None) -> Json:
    """Guidance of the base lowers diversity, monotonely; `trend` of `sweep.guidance_sweep`.

    Holds: the slope is surely negative and no neighbouring pair surely rises. Does not hold: the slope is surely positive,
    some pair surely rises, or the fall from end to end is surely below a tenth of the diversity at the lowest guidance.
    """
    statement, expected, unit = "Guidance of the base step lowers diversity", "monotone down", "slope of D per unit of w"
    if trend is None:
        few = Interval(None, n=n or 0, note="fewer than three measured values of guidance")
        return verdict_row(
            "S6", statement, expected, "inconclusive", few, unit, "Too few values of guidance to speak of a trend.", ()
        )
    slope, change, start = (Interval.from_dict(trend[k]) for k in ("slope", "change", "start"))
    verdict: Verdict = "inconclusive"
    if slope.low is not None and slope.high is not None and change.low is not None:
        flat = slope.high >= 0 and change.low >= -EQUIVALENT * (start.value or 0.0)
        if slope.low > 0 or trend["rises"] or flat:
            verdict = "does not hold"
        elif slope.high < 0:
            verdict = "holds"
    verdict = TOO_FEW if slope.n < MIN_JUDGED else verdict
    up = "; ".join(f"rises from w = {r['from']:g} to {r['to']:g}" for r in trend["rises"])
    sentence = (
        f"Base guidance lowers diversity: {verdict} (slope {slope.text(3)} per unit of w, from end to end {change.text()}, "
        f"rank correlation {Interval.from_dict(trend['spearman']).text()}{'; ' + up if up else ''})."
    )
    return verdict_row("S6", statement, expected, verdict, slope, unit, sentence, ())


def s7(student: Json, teacher: Json, scale: str = "teacher samples") -> Json:
    """The student's x̂0 commits at its first step, the base's at about 30 % of its steps; `timeline.timeline` of both.

    Committed: within half the distance of two teacher samples of its end, and staying there (`timeline.distance_curve`, given
    the teacher's `scales`). Holds: more than half of the student's samples commit at step one, and the median base sample
    within 15–45 % of its steps. Does not hold as soon as one of the two is surely false.
    """
    first = Interval.from_dict(student["distance"]["commit"]["first"])
    median = Interval.from_dict(teacher["distance"]["commit"]["fraction"]["q50"])
    low, high = BASE_COMMITS
    at_once: Verdict = "inconclusive"
    if first.low is not None and first.high is not None:
        at_once = "holds" if first.low > 0.5 else "does not hold" if first.high < 0.5 else "inconclusive"
    later: Verdict = "inconclusive"
    if median.low is not None and median.high is not None:
        outside = median.high < low or median.low > high
        later = "does not hold" if outside else "holds" if median.low >= low and median.high <= high else "inconclusive"
    verdict = _both(at_once, later)
    sentence = (
        f"The student commits at its first step and the base at about 30 %: {verdict} ({first.text(percent=True)} of the "
        f"student's samples at step one; the median base sample after {median.text(percent=True)} of its steps)."
    )
    own = student["distance"]["own_scale"] or teacher["distance"]["own_scale"]
    cautions = ["the arms were measured with their own yardsticks, not with one of " + scale] if own else []
    expected = "student at step one, base at about 30 % of its steps"
    return {
        **verdict_row(
            "S7",
            "The student's x̂0 commits at once, the base's later",
            expected,
            verdict,
            first,
            "share of student samples committed at step one",
            sentence,
            (),
        ),
        "cautions": cautions,
    }


def s7_fork(student: Json, teacher: Json) -> Json:
    """After one student step more is decided than in the base at the same noise level; `fork.fork_series` of both.

    Compared by all factors together, or by features without an oracle, at the base's fork nearest (in log noise level) to the
    level after the student's first step. The two series are independent, so the interval of their difference is put
    together from theirs.
    """
    kind = "all" if student.get("all") and teacher.get("all") else "features"
    here = next((i for i, s in enumerate(student["steps"]) if s["after"] == 1), None)
    statement, expected = "After its first step the student has decided more than the base at that noise", "student > base"
    unit = "difference in the share decided"
    if here is None or not student.get(kind) or not teacher.get(kind):
        none = Interval(None, note="no fork after the student's first step")
        return verdict_row(
            "S7", statement, expected, "inconclusive", none, unit, "There is no fork after the student's first step.", ()
        )
    level = student["steps"][here]["level"]
    there = min(range(len(teacher["steps"])), key=lambda i: _apart(teacher["steps"][i]["level"], level))
    a, b = Interval.from_dict(student[kind]["share"][here]), Interval.from_dict(teacher[kind]["share"][there])
    gap = difference_of(a, b)
    verdict: Verdict = "inconclusive"
    if gap.low is not None and gap.high is not None:
        verdict = "holds" if gap.low > 0 else "does not hold" if gap.high < EQUIVALENT else "inconclusive"
    sentence = (
        f"After its first step the student has decided more: {verdict} ({a.text(percent=True)} of the variance of "
        f"{'the factors' if kind == 'all' else 'the features'}, the base {b.text(percent=True)} at σ/α = "
        f"{teacher['steps'][there]['level']:.2g}; student's {level:.2g})."
    )
    return verdict_row("S7", statement, expected, verdict, gap, unit, sentence, ())


def _arms(arms: Arms, *names: str) -> list[PooledArm]:
    for name in names:
        known(name, arms, "arm")
    return [arms[name] for name in names]


def relative(a: Estimate, b: Estimate) -> Estimate:
    """a/b − 1, paired."""
    n = min(a.n, b.n)
    if a.value is None or b.value is None or b.value <= 0:
        return Estimate.missing(n, a.note or b.note or "there is no diversity to compare with")
    if len(a.draws) != len(b.draws):
        return Estimate(a.value / b.value - 1, n=n)
    units = min(a.independent, b.independent)
    return Estimate(a.value / b.value - 1, (a.draws / b.draws.clamp_min(1e-9)) - 1, n, units=units)


def equivalent(interval: Interval, margin: float) -> Verdict:
    if interval.low is None or interval.high is None:
        return "inconclusive"
    if interval.low >= -margin and interval.high <= margin:
        return "holds"
    return "does not hold" if interval.low > margin or interval.high < -margin else "inconclusive"


def nothing(interval: Interval, least: float) -> bool:
    """Surely not more than `least`, and perhaps nothing at all."""
    return interval.low is not None and interval.high is not None and interval.low <= 0 and interval.high <= least


def _both(a: Verdict, b: Verdict) -> Verdict:
    if "does not hold" in (a, b):
        return "does not hold"
    return "holds" if a == b == "holds" else "inconclusive"


def points(share: Interval) -> str:
    """A difference of two shares in percentage points: '-1.2 points [-3.0 to 0.5]'."""
    value, low, high = (None if x is None else 100 * x for x in (share.value, share.low, share.high))
    scaled = Interval(value, low, high, share.n, share.note)
    figure, _, ends = scaled.text(1).partition(" [")
    return f"{figure} points [{ends}" if ends else figure if share.value is None else f"{figure} points"


def _apart(a: float | None, b: float | None) -> float:
    """Distance of two noise levels on a log scale; an unknown (infinite) one counts as very high."""
    return abs(log(max(a if a is not None else 1e9, 1e-9)) - log(max(b if b is not None else 1e9, 1e-9)))


def verdict_row(
    id: str,
    statement: str,
    expected: str,
    verdict: Verdict,
    interval: Interval,
    unit: str,
    sentence: str,
    arms: Sequence[PooledArm],
    student: PooledArm | None = None,
) -> Json:
    cautions = []
    if arms:
        seeds, prompts = min(a.n / a.prompts for a in arms), min(a.prompts_used for a in arms)
        if seeds < MIN_SEEDS:
            cautions.append(
                f"{count(round(seeds), 'seed')} a prompt; at least {MIN_SEEDS} are needed to see the effects looked for"
            )
        if prompts < MIN_PROMPTS:
            cautions.append(f"{count(prompts, 'prompt')}; fewer than {MIN_PROMPTS} say little about others")
        if student is not None and student.accuracy.value is not None and student.accuracy.value < MIN_ACCURACY:
            low = student.accuracy.text(percent=True)
            cautions.append(f"the student is right in {low} only; below {100 * MIN_ACCURACY:.0f} % its diversity may be error")
    return {
        "id": id, "statement": statement, "expected": expected, "verdict": verdict, "effect": interval.value,
        "interval": interval.to_dict(), "unit": unit, "n": interval.n, "sentence": sentence, "cautions": cautions,
    }  # fmt: skip
