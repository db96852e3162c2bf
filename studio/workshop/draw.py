"""The one way to draw a plan to its end, and how many samples go through a network at once. Worker side: imports torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import MappingProxyType

from torch import Tensor

from studio.core.denoiser import Predictor
from studio.core.domain import Domain, Said, beside
from studio.core.family import OpenModel
from studio.sampling.hinted import with_pictures
from studio.sampling.loop import Conds, Record, sample
from studio.sampling.plan import Plan
from studio.sampling.prompts import encode_plans
from studio.workshop.projection import Project, projected

BATCH = 64  # samples per network call, where nothing is shown meanwhile
BATCH_LATENTS = 64 * 16 * 16  # latent positions per network call, where somebody waits for the first picture
Between = Callable[[Record], None]  # after every network evaluation: passes the device on, may raise


def batch_size(shape: Sequence[int]) -> int:
    """Samples of this latent shape per network call. The first axis of several is channels, the others are positions."""
    return max(1, BATCH_LATENTS // math.prod(shape[1:] if len(shape) > 1 else shape))


def draw(
    plan: Plan,
    models: Mapping[str, OpenModel | Predictor],
    conds: Conds,
    seeds: Sequence[int],
    shape: Sequence[int],
    between: Between,
    project: Project,
    batch: int = BATCH,
    begins: Mapping[str, Tensor] = MappingProxyType({}),
) -> Tensor:
    """Samples [N, *shape] that a plan ends with; seed i goes with row i of the conditions, or all share one row.

    project: of noise, by what is asked for (`workshop.projection.projected`).
    """
    record: Record | None = None
    for record in sample(plan, models, conds, list(seeds), shape, batch_size=batch, project=project, begins=begins):
        between(record)
    assert record is not None
    return record.after.clone()  # an inference tensor must not wander into training


def samples(
    plan: Plan,
    models: Mapping[str, OpenModel],
    domain: Domain,
    said: Sequence[Said],
    seeds: Sequence[int],
    between: Between,
    *,
    words: Sequence[Mapping[str, Tensor]] = (),
    hints: Mapping[str, Tensor] | None = None,
    batch: int = BATCH,
    begins: Mapping[str, Tensor] = MappingProxyType({}),
) -> Tensor:
    """The same decoded, [N, *sample shape] on the CPU; what is said i-th goes with seed i.

    words: new words (`core.edit.Tokens`) that the models know while prompts are read. hints: what ControlNets follow, by the
    name that the plan gives each. begins: latents [1 or N, *shape] by the names under which plans begin with them.
    """
    opened = {name: models[name] for name in plan.models}
    first = opened[plan.models[-1]]
    with ExitStack() as known:
        for model in opened.values():
            known.enter_context(model.knowing(list(words)))
        conds: Conds = encode_plans([plan], opened, said)
    if hints:
        conds = with_pictures(conds, {name: hint.to(first.device) for name, hint in hints.items()})
    drawn = draw(plan, opened, conds, seeds, first.shape, between, projected(domain, said), batch, begins)
    return first.decode(drawn, beside(said)).cpu()
