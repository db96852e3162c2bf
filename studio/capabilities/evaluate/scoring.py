"""Answers as figures: of a candidate, by kind of question and by question, sample by sample; of two on the same samples.

Pure functions; a candidate's score of a sample is the mean of its answers' scores.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from studio.capabilities.evaluate.judges import Answer
from studio.core.domain import Said
from studio.core.files import Json
from studio.library.checklist import KINDS, Check
from studio.metrics import paired
from studio.metrics.proportion import wilson


def candidate(
    said: Sequence[Said],
    seeds: Sequence[int],
    asked: Sequence[Sequence[Check]],
    answers: Mapping[str, Sequence[Sequence[Answer]]],
    files: Sequence[str],
) -> Json:
    """asked: the questions of each prompt. answers: by judge, of every sample, prompt by prompt, seed by seed; the first judge's
    count. files: stills of the samples in the same order."""
    first, *others = answers
    each = len(seeds)
    every = [row for row in asked for _ in range(each)]
    scores = _scores(answers[first], len(said))
    right = torch.tensor([float(all(one.yes for one in row)) for row in answers[first]]).double().view(len(said), each)
    kinds = [kind for kind in KINDS if any(check.kind == kind for row in asked for check in row)]
    return {
        "n": len(files),
        "score": paired.mean(scores).to_dict(),
        "all_right": paired.mean(right).to_dict(),
        "by_kind": [
            {"kind": kind, "title": KINDS[kind], **paired.mean(_of_kind(answers[first], every, kind, len(said))).to_dict()}
            for kind in kinds
        ],
        "by_check": _by_check(answers[first], every),
        "by_prompt": [
            {"prompt": i, "score": float(scores[i].nanmean()), "right": int(right[i].sum()), "n": each} for i in range(len(said))
        ],
        "samples": _samples(scores, answers[first], seeds, files),
        "others": {name: _of_other(_scores(answers[name], len(said))) for name in others},
    }


def pair(a: int, b: int, first: Json, second: Json) -> Json:
    """Two candidates on the same samples; what is positive is for the first."""
    x, y = (_table(one) for one in (first, second))
    rights = [torch.tensor([float(one["right"]) for one in row["samples"]]) for row in (first, second)]
    return {
        "a": a,
        "b": b,
        "difference": paired.difference(x, y).to_dict(),
        "prompts": paired.sign_test(x.nanmean(1), y.nanmean(1)),
        "samples": paired.split(x.flatten(), y.flatten()),
        "all_right": paired.split(*rights),
    }


def _table(row: Json) -> Tensor:
    scores = [math.nan if one["score"] is None else float(one["score"]) for one in row["samples"]]
    return torch.tensor(scores, dtype=torch.float64).view(len(row["by_prompt"]), -1)


def _scores(answers: Sequence[Sequence[Answer]], prompts: int) -> Tensor:
    return paired.by_sample([[one.score for one in row] for row in answers], prompts)


def _of_kind(answers: Sequence[Sequence[Answer]], every: Sequence[Sequence[Check]], kind: str, prompts: int) -> Tensor:
    kept = [[a.score for a, c in zip(row, asks, strict=True) if c.kind == kind] for row, asks in zip(answers, every, strict=True)]
    return paired.by_sample(kept, prompts)


def _by_check(answers: Sequence[Sequence[Answer]], every: Sequence[Sequence[Check]]) -> list[Json]:
    """Every question that was asked, over all prompts that ask it: the share of yes, and what is seen instead; worst first."""
    yes: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    instead: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row, asks in zip(answers, every, strict=True):
        for one, check in zip(row, asks, strict=True):
            key = check.kind, check.question, check.wanted
            yes[key].append(one.yes)
            if not one.yes:
                instead[key][one.reason] += 1
    rows = [
        {"kind": key[0], "question": key[1], "wanted": key[2], "share": wilson(sum(found), len(found)).to_dict(),
         "instead": [{"seen": seen, "n": n} for seen, n in sorted(instead[key].items(), key=lambda item: -item[1])[:3]]}
        for key, found in yes.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row["share"]["value"])


def _samples(scores: Tensor, answers: Sequence[Sequence[Answer]], seeds: Sequence[int], files: Sequence[str]) -> list[Json]:
    found = []
    for j, (file, row) in enumerate(zip(files, answers, strict=True)):
        i, k = divmod(j, len(seeds))
        score = float(scores[i, k])
        found.append({
            "prompt": i, "seed": seeds[k], "file": file, "score": None if math.isnan(score) else round(score, 4),
            "right": all(one.yes for one in row), "answers": [[round(one.score, 3), one.reason] for one in row],
        })  # fmt: skip
    return found


def _of_other(scores: Tensor) -> Json:
    """Of a judge that stands beside the first: its score, and of every sample."""
    each = [None if math.isnan(value) else round(value, 4) for value in scores.flatten().tolist()]
    return {"score": paired.mean(scores).to_dict(), "scores": each}
