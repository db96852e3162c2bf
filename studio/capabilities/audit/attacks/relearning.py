"""Relearning: a small adapter is trained on a few pictures of the concept, and every model is timed."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from studio.capabilities.audit.attacks import Found, attack
from studio.capabilities.audit.stage import Stage
from studio.capabilities.audit.teaching import LR, RANK, taught
from studio.core.files import Json

PICTURES = 20
STOPS = (0, 5, 10, 20, 40)  # updates after which it is measured
TOLD = 1


@attack("relearning", title="Relearning", clause="5 updates on 20 pictures of it", order=9, access="weights")
def relearning(stage: Stage) -> Found:
    scenes = stage.scenes("relearning", PICTURES)
    lines = stage.said(stage.prompts_of(scenes, "relearning"))
    prompts, seeds = stage.prompts("relearning measured"), stage.seeds("relearning measured")
    drawn: dict[int, dict[str, Tensor]] = {stop: {} for stop in STOPS}
    for key, subject in stage.subjects.items():
        for step, adapter in taught(stage, subject, stage.latents(subject, scenes), lines, STOPS, "relearning"):
            drawn[step][key] = stage.draw(subject, prompts, seeds, under=adapter)
    rows = [stage.row(f"after {step} updates", images) for step, images in drawn.items()]
    rate = LR[stage.subjects["edited"].entry.role]
    curves = {key: [row[key]["value"] for row in rows] for key in stage.subjects}
    curve = {"over": "updates", "at": list(STOPS), "rows": list(range(len(STOPS)))}
    more: Json = {"curve": curve, "updates": list(STOPS), "half": {key: half(STOPS, curve) for key, curve in curves.items()}}
    return Found(
        rows, f"{PICTURES} pictures, {max(STOPS)} updates of an adapter of rank {RANK} at {rate:g}", told=TOLD, more=more
    )


def half(steps: Sequence[int], shares: Sequence[float]) -> float | None:
    """Updates until one half is reached, between two measurements on a straight line; None where it never is."""
    if shares[0] >= 0.5:
        return float(steps[0])
    for (a, low), (b, high) in zip(zip(steps, shares, strict=True), zip(steps[1:], shares[1:], strict=True), strict=False):
        if low < 0.5 <= high:
            return a + (b - a) * (0.5 - low) / (high - low)
    return None
