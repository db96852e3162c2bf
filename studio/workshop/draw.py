"""The one way to draw a plan to its end, and how many samples go through a network at once. Worker side: imports torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from types import MappingProxyType

import torch
from torch import Tensor

from studio.core.denoiser import Predictor
from studio.core.domain import Domain, Said, beside
from studio.core.family import Estimates, OpenModel
from studio.sampling.hinted import with_pictures
from studio.sampling.loop import Conds, Record, sample
from studio.sampling.plan import Plan
from studio.sampling.prompts import encode_plans
from studio.workshop.projection import Project, projected

BATCH = 64  # samples per network call, where nothing is shown meanwhile
FREE_SHARE = 0.5  # of the free memory, that a network call may take
BATCH_LATENTS = 64 * 16 * 16  # latent positions per network call, where somebody waits for the first picture
Between = Callable[[Record], None]  # after every network evaluation: passes the device on, may raise


def batch_size(shape: Sequence[int], models: Iterable[OpenModel] = ()) -> int:
    """Samples of this latent shape per network call. The first axis of several is channels, the others are positions.

    On CUDA devices as many as half of the free memory holds, where every model that is asked knows what its network needs;
    guidance doubles the rows. Else always the same number of positions.
    """
    usual = max(1, BATCH_LATENTS // math.prod(shape[1:] if len(shape) > 1 else shape))
    on = list(models)
    if not on or any(model.device.type != "cuda" for model in on):
        return usual
    needed = [model.row_bytes(shape) if isinstance(model, Estimates) else None for model in on]
    known = [found for found in needed if found]
    if len(known) < len(needed):
        return usual
    return max(1, int(FREE_SHARE * free_bytes(on[0].device) / (2 * max(known))))


def free_bytes(device: torch.device) -> int:
    """Of a CUDA device: what nobody has, and what this process has and does not use."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


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
