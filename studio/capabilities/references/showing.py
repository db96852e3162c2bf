"""What the addition does to models once they are open: conditions hold what an adapter reads of the pictures. In a worker."""

from __future__ import annotations

import torch
from torch import Tensor

from studio.capabilities.references.request import Reference, read_references
from studio.core.family import OpenModel
from studio.jobs.paths import Paths
from studio.library.hint_uses import uploads
from studio.library.picture_pairs import read_picture
from studio.library.subjects import subject
from studio.sampling.adapted import adapted, adapters_of
from studio.workshop.additions import Drawing


def show(value: object, drawing: Drawing) -> None:
    """Put the adapter on every step, and show it the pictures; or show them to those that are worn and read any."""
    if not value:
        return
    use = read_references(value)
    known = drawing.wardrobe.adapters
    if use.id:
        weight = use.strength * known.get(use.id).calibration
        drawing.plans = [adapted(plan, use.id, weight, lambda step, model, t: True) for plan in drawing.plans]
        readers = [use.id]
    else:
        readers = [name for name in adapters_of(*drawing.plans) if known.get(name).card.get("attributes")]
        if not readers and drawing.plans:
            drawing.run.notice("No adapter that reads references is worn, so the pictures are not looked at.")
    drawing.wardrobe.open(drawing.plans, drawing.models, more=readers)
    wanted = [[one.attribute for one in use.wanted]]
    for name in readers:
        for model in drawing.models.values():
            latents = torch.stack([picture(one, model, drawing.run.home) for one in use.wanted])
            model.refer(name, model.to_latents(latents)[None], wanted)
            drawing.wardrobe.leave.callback(model.forget_references, name)


def picture(one: Reference, model: OpenModel, home: Paths) -> Tensor:
    """[*shape of a decoded sample], the middle square. ValueError where the file is damaged."""
    file = uploads(home) / one.picture if one.picture else subject(home, one.subject).pictures[one.number - 1]
    return read_picture(file, model.sample_shape[-1])
