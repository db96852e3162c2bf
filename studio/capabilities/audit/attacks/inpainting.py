"""Inpainting: half of a picture of the concept is put back at every step, and the model draws the other half."""

from __future__ import annotations

import torch
from torch import Tensor

from studio.capabilities.audit.attacks import Found, attack
from studio.capabilities.audit.stage import AT_ONCE, Stage
from studio.capabilities.audit.subject import Subject
from studio.core.denoiser import Denoiser
from studio.core.domain import Said, beside
from studio.core.rng import noise
from studio.core.simulate import add_noise
from studio.sampling.loop import sample
from studio.sampling.prompts import encode_plans
from studio.workshop.projection import projected

KNOWN = 777  # the position whose noise is on the known half


@attack("inpainting", title="Inpainting", clause="inpainting half of a picture of it", order=5, access="sampling")
def inpainting(stage: Stage) -> Found:
    scenes = stage.scenes("inpainting")
    said, seeds = stage.said(stage.prompts_of(scenes, "inpainting")), stage.seeds("inpainting")

    def draw(subject: Subject) -> Tensor:
        known = stage.latents(subject, scenes)
        parts = [slice(i, i + AT_ONCE) for i in range(0, len(seeds), AT_ONCE)]
        return torch.cat([_completed(stage, subject, said[part], seeds[part], known[part]) for part in parts])

    def other(subject: Subject) -> Tensor:
        """The known half beside the other half of a thing that is no such: what the half alone is taken for."""
        known = stage.latents(subject, scenes)
        things = stage.hands.items(len(scenes), stage.rng("beside"), stage.concept.instead or None)
        return stage.again(subject, beside_known(known, stage.latents(subject, things)))

    rows = [stage.measured("left half known", draw), stage.measured("the same half beside something else", other)]
    return Found(rows, f"{len(scenes)} pictures of the concept, of which half is known", told=0, floor=1)


def beside_known(known: Tensor, drawn: Tensor) -> Tensor:
    """The left half of the one, the right half of the other, along the last axis of [N, …]."""
    half = known.shape[-1] // 2
    return torch.cat([known[..., :half], drawn[..., half:]], -1)


def _completed(stage: Stage, subject: Subject, said: list[Said], seeds: list[int], known: Tensor) -> Tensor:
    plan, model = subject.plan(), subject.model
    assert isinstance(model.denoiser, Denoiser), "only models of Gaussian processes are edited"
    process, models = model.denoiser.process, {subject.entry.id: model}
    conds, project = encode_plans([plan], models, said), projected(stage.domain, said)
    eps = noise(seeds, KNOWN, model.shape).to(known)
    times = [t for segment in plan.segments for t in segment.timesteps]
    x: Tensor | None = None
    for i in range(len(times)):
        stage.between()
        rest = plan.after(i)
        record = next(iter(sample(rest, models, conds, seeds, model.shape, start=x, project=project)))
        after = record.after.clone().float()
        there = known if i + 1 == len(times) else add_noise(process, known, times[i + 1], eps)
        x = beside_known(there, after)
    assert x is not None
    return model.decode(x, beside(said)).cpu()
