"""The arms of one prompt where no oracle reads: how far pictures of different seeds are apart in the features of a judge, and
where the judge reads words too, how well each picture shows the prompt.

Diversity is the mean distance of two samples (D of Gandikota & Bau 2025, arXiv 2503.10637, in the judge's features). It has no
scale of its own, so it is also given as a share of the teacher's on the same seeds. Figures of two judges are never put together:
all features of one call are of one. Accuracy is not known: nobody reads what a prompt states.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from studio.core.files import Json
from studio.metrics import diversity as dv
from studio.metrics.bootstrap import N_BOOT, multipliers
from studio.metrics.interval import TOO_SMALL, Estimate, Interval
from studio.metrics.recovered_share import recovery, relative_cost
from studio.metrics.report import TEACHER

STUDENT = "student"
NO_ACCURACY = "no oracle reads this domain's prompts"
SHARE: Json = {"title": "of the teacher's diversity", "about": "diversity over the teacher's on the same seeds", "percent": True,
               "digits": 2, "better": ""}  # fmt: skip
SCORE: Json = {"title": "CLIP text score", "about": "100 × cosine of picture and prompt", "percent": False, "digits": 1,
               "better": "higher"}  # fmt: skip


def apart(features: Tensor, per: float = 1.0, n_boot: int = N_BOOT, seed: int = 0) -> Estimate:
    """Mean Euclidean distance of two of N samples over `per`, features [N, D]; arms of equal N, n_boot and seed are paired.

    0: all are alike. Missing below two samples; two have a value and no interval.
    """
    d = dv.distances(features) / per
    n = len(d)
    if n < 2:
        return Estimate.missing(n)
    value, each = float(d.sum() / (n * (n - 1))), d.sum(1)
    if n == 2:
        return Estimate(value, n=n, bounds=(0.0, math.inf))
    without = (d.sum() - 2 * each) / ((n - 1) * (n - 2))
    return Estimate.of_influence(value, (n - 1) * (value - without), multipliers(n, n_boot, seed), n, (0.0, math.inf))


def share_of(arm: Estimate, teacher: Estimate) -> Interval:
    """An arm's diversity over the teacher's, draw by draw."""
    if arm.value is None or teacher.value is None:
        return Interval(None, n=min(arm.n, teacher.n), note=arm.note or teacher.note or TOO_SMALL)
    if teacher.value <= 0:
        return Interval(None, n=arm.n, note="the teacher's samples are all alike")
    draws = arm.draws / teacher.draws.clamp_min(1e-12)
    return Estimate(arm.value / teacher.value, draws, min(arm.n, teacher.n), (0.0, math.inf)).interval()


def mean_score(scores: Tensor) -> Interval:
    """Mean of text scores [N]."""
    mean, n = scores.double().mean(), len(scores)
    return Estimate.of_influence(float(mean), scores - mean, multipliers(n), n, (-100.0, 100.0)).interval()


def measure(diversity: Mapping[str, Estimate], scores: Mapping[str, Tensor]) -> dict[str, Json]:
    """Every figure of every arm, JSON-ready: {arm: {"n", "diversity", "accuracy", "of_teacher", "text_score"}}.

    diversity: of `apart`. scores: CLIP text score [N] by arm, {} where the judge reads no words. of_teacher: on arms that are
    not the teacher, where it was drawn too. What has a title is shown wherever measures are listed (`library.shown_measures`).
    """
    out: dict[str, Json] = {}
    for arm, found in diversity.items():
        out[arm] = {
            "n": found.n,
            "diversity": found.interval().to_dict(),
            "accuracy": Interval(None, n=found.n, note=NO_ACCURACY).to_dict(),
        }
        if TEACHER in diversity and arm != TEACHER:
            out[arm]["of_teacher"] = {**share_of(found, diversity[TEACHER]).to_dict(), **SHARE}
        if arm in scores:
            out[arm]["text_score"] = {**mean_score(scores[arm]).to_dict(), **SCORE}
    return out


def recoveries(
    diversity: Mapping[str, Estimate],
    scores: Mapping[str, Tensor],
    by: str,
    arms: Sequence[str],
    *,
    costs: Mapping[str, float],
    labels: Mapping[str, str],
) -> list[Json]:
    """One row for each of `arms` as `metrics.report.recoveries` gives them, by the diversity of a judge that the sentence names;
    no rows without both models. by: what the judge is called. costs: NFE an image, labels: words of the sentence, by arm."""
    if TEACHER not in diversity or STUDENT not in diversity:
        return []
    rows: list[Json] = []
    for arm in arms:
        trio = (diversity[one] for one in (TEACHER, STUDENT, arm))
        row = recovery(*trio, cost_ratio=relative_cost(costs, arm, STUDENT), label=labels[arm]).to_dict()
        said = f"By the {by}, {row['sentence'][0].lower()}{row['sentence'][1:]}"
        if arm in scores and STUDENT in scores:
            mine, theirs = (mean_score(scores[one]).text(1) for one in (arm, STUDENT))
            said += f" CLIP text score of the {labels[arm]}: {mine}, the student's {theirs}."
        rows.append({"arm": arm, **row, "sentence": said})
    return rows
