"""Strips: small pictures side by side in one file, which say in an event what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from studio.core.files import Json
from studio.core.medium import Medium
from studio.domains.media.image import STRIP_SIDE, jpeg_strip
from studio.jobs.run import Run
from studio.workshop.tools import Tools


@dataclass(frozen=True)
class Strip:
    """columns: decoded samples, each [N, *shape], row i of all of them on one prompt and seed; a row stands side by side.
    sampling_steps: of what drew them. prompts, seeds: all that were drawn. said: what else the event says."""

    columns: Sequence[Tensor]
    sampling_steps: int
    prompts: Sequence[str]
    seeds: Sequence[int]
    said: Json = field(default_factory=dict)


def strip_name(step: int, arm: str) -> str:
    """Of the file, relative to the run directory."""
    return f"artifacts/strips/{step:08d}/{arm}.jpg"


def keep_strip(run: Run[Tools], medium: Medium, strip: Strip, arm: str, step: int, name: str = "") -> None:
    """Write the file and say so. medium: of the samples. arm: who is shown. name: of the file where it is not `strip_name`."""
    images = medium.still(torch.stack(list(strip.columns), 1).flatten(0, 1), STRIP_SIDE)
    file = run.artifact(name or strip_name(step, arm), jpeg_strip(images))
    run.event(
        "strip",
        arm=arm,
        step=step,
        sampling_steps=strip.sampling_steps,
        strip=file,
        count=len(images),
        size=images.shape[1],
        prompts=list(strip.prompts),
        seeds=list(strip.seeds),
        **strip.said,
    )
