"""What the two additions do to plans, once the models are open. In a worker."""

from __future__ import annotations

import torch
from torch import Tensor

from studio.capabilities.editing.request import read_begin, read_mix, source_of
from studio.core.family import OpenModel
from studio.core.medium import with_parts
from studio.domains.media import medium_of
from studio.library.picture_pairs import read_picture, read_whole
from studio.library.subjects import subject
from studio.sampling.one_picture import begun_with, mixes, with_mix
from studio.workshop.additions import Drawing


def mix(value: object, drawing: Drawing) -> None:
    """What models say of one picture, mixed into the early steps of every plan."""
    if not value or not drawing.plans:
        return
    use = read_mix(value)
    entry = drawing.wardrobe.adapters.get(use.id)
    worn, source = ((entry.id, entry.calibration),), source_of(entry, use)
    drawing.plans = [with_mix(plan, source, use.beta, worn, use.above) for plan in drawing.plans]
    if use.beta and not any(map(mixes, drawing.plans)):
        drawing.run.notice(f"No step of what is drawn lies above K = {use.above or 0:g}, so nothing of {entry.id} is mixed in.")
    model = _any(drawing)
    if entry.card.get("mode") != "patches" and drawing.shape not in (None, tuple(model.shape)):
        raise ValueError(
            f"{entry.id} was taught on the whole picture, which it knows in one size alone; the models' own would fit."
        )
    if use.size:
        parts = with_parts(medium_of(drawing.domain))
        drawing.shape = parts.sized(use.size, model.sample_shape, model.shape)
        for name in drawing.begins:  # pictures that were encoded in the models' own shape
            begun = read_begin(name)
            drawing.begins[name] = _latents(drawing, begun.subject, begun.number)


def begin(value: object, drawing: Drawing) -> None:
    """Every plan begins with a noised picture instead of with noise alone."""
    if not value or not drawing.plans:
        return
    use = read_begin(value)
    drawing.begins[str(use)] = _latents(drawing, use.subject, use.number)
    drawing.plans = [begun_with(plan, str(use), use.t) for plan in drawing.plans]


def _latents(drawing: Drawing, id: str, number: int) -> Tensor:
    """[1, *shape] of a subject's picture: its middle, or all of it where another shape is drawn."""
    model, file = _any(drawing), subject(drawing.run.home, id).pictures[number - 1]
    if drawing.shape in (None, tuple(model.shape)):
        return model.to_latents(read_picture(file, model.sample_shape[-1])[None])
    parts, whole = with_parts(medium_of(drawing.domain)), read_whole(file)
    assert drawing.shape is not None
    sides = zip(drawing.shape[1:], model.shape[1:], model.sample_shape[1:], strict=True)
    shape = (model.sample_shape[0], *(ours * side // own for ours, own, side in sides))
    box = torch.tensor([[0.0, end] for end in parts.extent(whole)])
    return model.to_latents(parts.part(whole, box, shape)[None])


def _any(drawing: Drawing) -> OpenModel:
    """Models of one drawing have latents of one shape and kind."""
    return next(iter(drawing.models.values()))
