"""What capabilities add to what is drawn (`library.additions`), done once the models are open. Worker side."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from studio.core.domain import Domain, Said
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.jobs.run import Run
from studio.library.additions import ADDITIONS
from studio.sampling.plan import Plan
from studio.workshop.loaded_adapters import Wardrobe
from studio.workshop.tools import Tools


@dataclass
class Drawing:
    """What an addition may change before anything is drawn.

    plans, said: assigned anew, as many and named as before; a plan that names an adapter has it loaded. Both are empty for a
    branch of something that was recorded, where what was done to them is recorded too. models: open, by id; what is done to one
    is undone by a callback on `wardrobe.leave`, as models stay warm for others. begins: latents [1 or N, *shape] by the names
    under which plans begin with them. shape: of a latent sample, where it is not the models' own.
    """

    plans: Sequence[Plan]
    said: Sequence[Said]
    models: Mapping[str, OpenModel]
    domain: Domain
    run: Run[Tools]
    wardrobe: Wardrobe
    begins: dict[str, Tensor] = field(default_factory=dict)
    shape: tuple[int, ...] | None = None


def add(asked: Json, drawing: Drawing) -> None:
    """Do everything that is asked for, in its order."""
    for name, value in asked.items():
        addition = ADDITIONS.get(name)
        module, _, function = addition.work.partition(":")
        before = [plan.name for plan in drawing.plans], len(drawing.said)
        getattr(importlib.import_module(module), function)(addition.adapter.validate_python(value), drawing)
        if ([plan.name for plan in drawing.plans], len(drawing.said)) != before:
            raise RuntimeError(f"The addition {name} gave other plans or prompts than it was given; as many and named alike fit.")
    if asked:
        drawing.wardrobe.open(drawing.plans, drawing.models)
