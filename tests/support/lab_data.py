"""Results of studies without any model: the studies' own plans and conclusions, over readings that are made up.

What the page is given here has exactly the shape that the laboratory writes, because the same `conclude` wrote it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch

from studio.capabilities.lab.request import StudyRequest, study_of
from studio.capabilities.lab.studies.base import Data
from studio.core.files import plain
from studio.core.rng import generator
from studio.domains.pocket import captions, scene
from studio.jobs.paths import open_paths
from studio.library.models import Registry, load_registry
from studio.metrics.rows import Rows

PAIR = "nano/dmd2"
PROMPTS = ("a red house by day", "a blue star in the desert")
SEEDS = 6


def config(study: str, **changes: Any) -> dict[str, Any]:
    """A request as `spec.json` keeps it."""
    return StudyRequest(study=study, pair=PAIR, prompts=PROMPTS, seeds=SEEDS, **changes).model_dump(mode="json")


@cache
def registry(data_dir: Path) -> Registry:
    """The shipped models."""
    return load_registry(open_paths(data_dir))


def result(study: str, known: Registry, seeds: int = SEEDS, **changes: Any) -> dict[str, Any]:
    """`result.json` of a study after `seeds` of its seeds."""
    request = StudyRequest.model_validate(config(study, **changes))
    member = study_of(request, known)
    plans = member.plans()
    prompts = [captions.canonical(prompt) for prompt in request.prompts]
    stated = {prompt: captions.parse(prompt).stated for prompt in prompts}
    readings = {p: {plan.name: _rows(i, j, seeds, plan.steps if member.steps else 0, stated[p]) for j, plan in enumerate(plans)}
                for i, p in enumerate(prompts)}  # fmt: skip
    levels = {plan.name: [14.0 * 0.6**i for i in range(plan.steps)] for plan in plans}
    worlds = {p: {"stars": scene.frequencies("stars", time=s.get("time"))} for p, s in stated.items()}
    data = Data(readings, stated, worlds, scene.FACTORS, {plan.name: float(plan.nfe) for plan in plans}, levels,
                list(range(1000, 1000 + seeds)))  # fmt: skip
    return {
        "request": request.model_dump(mode="json"), "study": study, "title": request.title,
        "card": member.card.model_dump(mode="json"), "seeds": seeds, "prompts": prompts,
        "arms": [{"arm": plan.name, "nfe": plan.nfe} for plan in plans], "evaluations": {"computed": 900, "reused": 120},
        "models": {PAIR: {"hash": "0123456789ab", "title": "Nano DMD2"}}, "versions": {}, **plain(member.conclude(data)),
    }  # fmt: skip


def _rows(prompt: int, arm: int, n: int, steps: int, stated: Any) -> Rows:
    """Readings that vary more from arm to arm; what is stated is mostly drawn as asked."""
    draws = generator(100 * prompt + arm, "data")
    shape = (n, steps) if steps else (n,)
    labels = {}
    for name, factor in scene.FACTORS.items():
        top = min(len(factor.values), 1 + arm % 4)
        labels[name] = torch.randint(0, top, shape, generator=draws).to(torch.uint8)
        if name in stated:
            wanted = factor.values.index(stated[name])
            right = torch.rand(shape, generator=draws) < 0.9
            labels[name] = torch.where(right, wanted, labels[name]).to(torch.uint8)
    inside = torch.ones(shape, dtype=torch.bool)
    values = {name: torch.rand(shape, generator=draws) for name in ("x", "size", "horizon")}
    return Rows(labels, values, torch.randn(*shape, 5, generator=draws), inside, torch.rand(shape, generator=draws))
