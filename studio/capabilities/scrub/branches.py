"""Other endings of a recorded arm: the plan of a branch, and drawing it from the state its parent had. Worker side.

A branch is a plan of the whole way, past and future, and only its future is computed: the state comes from the parent's
trace, by replay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from torch import Tensor

from studio.capabilities.scrub.request import Branch
from studio.core.domain import Domain
from studio.core.family import OpenModel
from studio.core.recipe import Recipe
from studio.domains import domain_of
from studio.library.adapter_uses import AdapterUse, dressed, words_of
from studio.library.adapters import Adapters
from studio.library.models import ModelEntry, Registry
from studio.library.trace_header import Header, Moment
from studio.sampling.adapted import adapters_of
from studio.sampling.branch import branched
from studio.sampling.hinted import with_pictures
from studio.sampling.loop import sample
from studio.sampling.plan import Plan
from studio.sampling.prompts import Encodings, encode_plans
from studio.sampling.record import Record, Recorded
from studio.sampling.steps import compiled, denoiser_of
from studio.workshop.draw import batch_size
from studio.workshop.loaded_adapters import level_of
from studio.workshop.projection import projected
from studio.workshop.traces import Recorder, Trace

NEAR = 0.95  # a student's own point this near to the state's noise level, as a ratio, is the state's own


def plan_of(
    branch: Branch, parent: Header, models: Mapping[str, OpenModel], registry: Registry, adapters: Adapters, name: str
) -> Plan:
    """The plan of a branch. ValueError in one sentence where its steps do not fit."""
    now = parent.moments[branch.step]
    entry = registry.get(branch.model or now.model)
    other = entry.id != now.model
    changes: dict[str, object] = {}
    if other:
        changes["model"] = entry.id
    if other and entry.role == "student":
        recipe = Recipe.model_validate(entry.recipe)
        changes |= {"rule": recipe.rule, "eta": recipe.eta, "guidance": recipe.guidance}
    elif other and branch.steps:
        changes |= {"rule": entry.sampling.rule, "guidance": entry.guidance}
    changes |= {"guidance": branch.guidance} if branch.guidance is not None else {}
    changes |= {"eta": branch.eta} if branch.eta is not None else {}
    if branch.prompt:
        words = words_brought(branch, parent, adapters)
        changes["prompt"] = domain_of(entry.domain).read(branch.prompt, words).text
    if branch.adapters is not None:
        changes["adapters"] = ()
    timesteps, positions = _points(branch, parent, models, entry, other)
    if positions:
        changes["positions"] = positions
    plan = branched(parent.plan, branch.step, name, redraw=branch.noise, timesteps=timesteps, **changes)
    level = partial(level_of, models)
    return dressed([plan], branch.adapters or (), registry, adapters, level, start=branch.step)[0]


def words_brought(branch: Branch, parent: Header, adapters: Adapters) -> tuple[str, ...]:
    """New words that prompts of a branch may use: those of its adapters, or of its parent's where it keeps them."""
    kept = [AdapterUse(id=name) for name in adapters_of(parent.plan)] if branch.adapters is None else branch.adapters
    return words_of(kept, adapters)


def _points(
    branch: Branch, parent: Header, models: Mapping[str, OpenModel], entry: ModelEntry, other: bool
) -> tuple[tuple[float, ...] | None, tuple[int, ...]]:
    """(timesteps of what is left, in the time of the model that goes on; their noise positions); (None, ()) keeps all."""
    now = parent.moments[branch.step]
    ours, theirs = (denoiser_of(models[name]).process for name in (now.model, entry.id))
    level = ours.level(now.t).noise
    same = ours is theirs or (theirs.level(now.t).noise == level and ours.t_max == theirs.t_max)
    here = now.t if same else float(theirs.time_of(level))
    if branch.steps:
        n = branch.steps
        points = tuple(here if i == 0 else float(round(here * (1 - i / n))) for i in range(n))
        if len(set(points)) < n:
            raise ValueError(f"{n} steps do not fit between t = {here:g} and the end; at most {max(1, int(here))} would.")
        return points, ()
    if other and entry.role == "student":
        grid = Recipe.model_validate(entry.recipe).timesteps
        below = [i for i, t in enumerate(grid) if theirs.level(t).noise < NEAR * level]
        first = below[0] - 1 if below else len(grid) - 1
        positions = tuple(range(first, first + len(below) + 1)) if first >= 0 and not _drawn_before(branch, parent) else ()
        return (here, *(grid[i] for i in below)), positions  # at a point of its grid it gets the noise it always gets there
    if other and not same:
        left = parent.moments[branch.step :]
        processes = [denoiser_of(models[moment.model]).process for moment in left]
        levels = [process.level(moment.t).noise for process, moment in zip(processes, left, strict=True)]
        return tuple(float(theirs.time_of(at)) for at in levels), tuple(parent.plan.positions()[branch.step :])
    return None, ()


def _drawn_before(branch: Branch, parent: Header) -> bool:
    """Whether the past drew fresh noise: a student's own positions could then use the same draws again."""
    return any(segment.noisy for segment in parent.plan.split(branch.step)[0])


def drawn(
    plan: Plan,
    branch: Branch,
    parent: Trace,
    models: Mapping[str, OpenModel],
    folder: Path,
    pictures: Mapping[str, Tensor],
    domain: Domain,
    kept: Encodings | None = None,
) -> Iterator[tuple[Record, Moment]]:
    """Draw a branch from its parent's state, recording it; (record, step as it is kept) of every step that is computed.

    pictures: that its ControlNets follow, by their id. kept: prompts that were read before.
    """
    header, index = parent.header, branch.step
    project = projected(domain, [header.said])
    before = compiled(header.plan, models)[1][index].here.scale
    own = denoiser_of(models[header.moments[index].model]).process
    state = Recorded(
        index,
        parent.state(index, models, project),
        own.level(header.moments[index].t).noise,
        before,
        parent.beliefs(index - 1) if index else None,
    )
    cond = with_pictures(encode_plans([plan], models, [header.said], kept, negative=header.negative), pictures)
    recorder = Recorder(folder, {plan.name: plan}, header.seeds, header.said, negative=header.negative)
    recorder.branch(plan.name, header, index)
    batch = batch_size(parent.shape, [models[name] for name in plan.models])
    stream = sample(plan, models, cond, header.seeds, parent.shape, resume=state, batch_size=batch, project=project)
    try:
        for record in stream:
            yield record, recorder.add(plan.name, record)
    finally:
        stream.close()  # type: ignore[attr-defined]
