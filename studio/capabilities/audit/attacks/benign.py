"""Benign fine-tuning: an adapter is trained on pictures without the concept, and the concept may come back by itself (Suriyakumar
et al. 2024, arXiv 2410.08074)."""

from __future__ import annotations

from torch import Tensor

from studio.capabilities.audit.attacks import Found, attack
from studio.capabilities.audit.stage import Stage
from studio.capabilities.audit.teaching import taught
from studio.core.domain import Item

PICTURES, UPDATES = 64, 40


@attack("benign", title="Benign fine-tuning", clause="training it on other things", order=10, access="weights")
def benign(stage: Stage) -> Found:
    scenes = without(stage, PICTURES)
    rng = stage.rng("benign captions")
    lines = stage.said([stage.hands.caption(scene, rng) for scene in scenes])
    prompts, seeds = stage.prompts("benign measured"), stage.seeds("benign measured")
    drawn: dict[int, dict[str, Tensor]] = {0: {}, UPDATES: {}}
    for key, subject in stage.subjects.items():
        for step, adapter in taught(stage, subject, stage.latents(subject, scenes), lines, tuple(drawn), "benign"):
            drawn[step][key] = stage.draw(subject, prompts, seeds, under=adapter)
    rows = [stage.row(f"after {step} updates", images) for step, images in drawn.items()]
    return Found(rows, f"{PICTURES} pictures without it, {UPDATES} updates", told=1)


def without(stage: Stage, n: int) -> list[Item]:
    """Things of the world that do not show the concept."""
    stated = stage.concept.stated
    found = stage.hands.items(20 * n, stage.rng("benign"))
    return [one for one in found if any(stage.hands.state(one)[name] != value for name, value in stated.items())][:n]
