"""The one way to draw a plan to its end, and how many samples go through a network at once. Worker side: imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from torch import Tensor

from studio.core.family import OpenModel
from studio.sampling.hinted import with_pictures
from studio.sampling.loop import Conds, Record, sample
from studio.sampling.plan import Plan
from studio.sampling.prompts import encode_plans

BATCH = 64  # samples per network call, where nothing is shown meanwhile
BATCH_LATENTS = 64 * 16 * 16  # latent positions per network call, where somebody waits for the first picture
Between = Callable[[Record], None]  # after every network evaluation: passes the device on, may raise


def batch_size(shape: Sequence[int]) -> int:
    """Samples of this latent shape per network call."""
    return max(1, BATCH_LATENTS // (shape[-1] * shape[-2]))


def draw(
    plan: Plan,
    models: Mapping[str, Any],
    conds: Conds,
    seeds: Sequence[int],
    shape: Sequence[int],
    between: Between,
    batch: int = BATCH,
) -> Tensor:
    """Samples [N, *shape] that a plan ends with; seed i goes with row i of the conditions, or all share one row."""
    record: Record | None = None
    for record in sample(plan, models, conds, list(seeds), shape, batch_size=batch):
        between(record)
    assert record is not None
    return record.after.clone()  # an inference tensor must not wander into training


def pictures(
    plan: Plan,
    models: Mapping[str, OpenModel],
    prompts: Sequence[str],
    seeds: Sequence[int],
    between: Between,
    *,
    words: Sequence[Any] = (),
    hints: Mapping[str, Tensor] | None = None,
    batch: int = BATCH,
) -> Tensor:
    """The same decoded, [N, 3, H, W] on the CPU; prompt i goes with seed i.

    words: new words (`core.edit.Tokens`) that the models know while prompts are read. hints: what ControlNets follow, by the
    name that the plan gives each.
    """
    opened = {name: models[name] for name in plan.models}
    first = opened[plan.models[-1]]
    with ExitStack() as known:
        for model in opened.values():
            known.enter_context(model.knowing(list(words)))
        conds: Any = encode_plans([plan], opened, prompts)
    if hints:
        conds = with_pictures(conds, {name: hint.to(first.device) for name, hint in hints.items()})
    images: Tensor = first.decode(draw(plan, opened, conds, seeds, first.shape, between, batch))
    return images.cpu()
