"""The one loop: plans in, a record per step out. Preview, scrubbing, progress and cancel are consumers of the stream.

Closing the generator (or just dropping it) cancels: nothing runs between two records. Inference mode is entered inside
a step and never across a ``yield``, so it does not leak into the consumer.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from studio.core.denoiser import Cond, to_x0
from studio.core.rng import INITIAL, noise
from studio.sampling.guidance import guide, is_plain, rows, stacked
from studio.sampling.plan import Plan
from studio.sampling.rules import Weights
from studio.sampling.steps import Step, compiled, denoiser_of

Conds = Mapping[str, tuple[Cond, Cond | None]]  # per model id: (condition, null), each with 1 row or one a seed


@dataclass(frozen=True)
class Record:
    """One step, for all seeds. Tensors stay on the device and are [N, ...].

    x, x0: the state at time t in this model's scale, and the (guided) belief about the clean sample there.
    after: the state the step leaves, in the next model's scale; of the last record it is the sample.
    level: sigma / alpha at t. nfe: network evaluations per image so far, counting shared steps, which is what the
    plan costs on its own. seconds: this step's wall time, measured once where it is shared.
    """

    index: int
    steps: int
    segment: int
    model: str
    t: float
    level: float
    x: Tensor
    x0: Tensor
    after: Tensor
    nfe: int
    seconds: float
    position: int
    shared: bool = False

    @property
    def last(self) -> bool:
        return self.index == self.steps - 1


def sample(
    plan: Plan, models: Mapping[str, Any], cond: Conds, seeds: Sequence[int], shape: Sequence[int], *,
    start: Tensor | None = None, batch_size: int | None = None, project: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[Record]:  # fmt: skip
    """Run one plan; see `sample_many`."""
    many = sample_many([plan], models, cond, seeds, shape, start=start, batch_size=batch_size, project=project)
    return _records(many)


def _records(many: Iterator[tuple[str, Record]]) -> Iterator[Record]:
    for _, record in many:
        yield record


def sample_many(
    plans: Sequence[Plan], models: Mapping[str, Any], cond: Conds, seeds: Sequence[int], shape: Sequence[int], *,
    start: Tensor | None = None, batch_size: int | None = None, project: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[tuple[str, Record]]:  # fmt: skip
    """Run plans one after another on the same seeds; steps that several begin with are run once.

    models: id -> Denoiser, or an object with a ``.denoiser`` (and ``use_adapters(pairs)`` where a segment has adapters).
    cond: id -> (condition, null) for every model used. shape: of one sample, without the batch.
    start: [N, *shape] to begin from instead of noise, in the first model's scale at the first timestep.
    batch_size: images per network call (None = all); guidance doubles the rows. Changes results by rounding only.
    project: the domain's projection of noise (identity where None).

    Bad arguments raise here, before anything runs.
    """
    names = [plan.name for plan in plans]
    if len(set(names)) < len(names):
        raise ValueError(f"plan names {names} do not fit; each plan needs a name of its own")
    ready = [compiled(plan, models) for plan in plans]
    run = _Run(models, cond, [int(s) for s in seeds], tuple(shape), batch_size, project)
    for plan in plans:
        run.check(plan)
    if start is not None and tuple(start.shape) != (len(run.seeds), *run.shape):
        raise ValueError(f"start has shape {tuple(start.shape)}; {(len(run.seeds), *run.shape)} would fit")
    return _stream(names, ready, run, start)


@dataclass(frozen=True)
class _State:
    x: Tensor
    previous: Tensor | None  # x̂0 of the step before, for multistep rules


def _stream(
    names: Sequence[str], ready: Sequence[tuple[float, tuple[Step, ...]]], run: _Run, start: Tensor | None
) -> Iterator[tuple[str, Record]]:
    paths = _prefix_tree(ready, start is not None)
    waiting = Counter(node for path in paths for node in path)  # plans that still need the state after each node
    kept: dict[int, tuple[_State, Record]] = {}
    for name, (scale, steps), path in zip(names, ready, paths, strict=True):
        state: _State | None = None
        nfe = 0
        for index, (step, node) in enumerate(zip(steps, path, strict=True)):
            nfe += step.nfe
            waiting[node] -= 1
            if node in kept:
                state, record = kept[node] if waiting[node] else kept.pop(node)
                record = replace(record, steps=len(steps), segment=step.segment, shared=True)
            else:
                state = run.initial(scale, start) if state is None else state
                state, record = run.advance(state, step, index, len(steps), nfe)
                if waiting[node]:
                    kept[node] = state, record
            yield name, record


def _prefix_tree(ready: Iterable[tuple[float, tuple[Step, ...]]], given_start: bool) -> list[list[int]]:
    """A number for every distinct prefix of steps; plans that begin alike pass through the same numbers."""
    children: dict[tuple[Any, ...], int] = {}
    paths = []
    for scale, steps in ready:
        at: Any = ("start", None if given_start else scale)
        path = []
        for step in steps:
            at = children.setdefault((at, step), len(children))
            path.append(at)
        paths.append(path)
    return paths


class _Run:
    """What all plans of one request have in common: seeds, conditions, device, batches."""

    def __init__(
        self, models: Mapping[str, Any], cond: Conds, seeds: list[int], shape: tuple[int, ...], batch_size: int | None,
        project: Callable[[Tensor], Tensor] | None,
    ):  # fmt: skip
        if not seeds:
            raise ValueError("no seeds were given; at least one is needed")
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"a batch of {batch_size} does not fit; 1 or more would")
        self.models, self.cond, self.seeds, self.shape, self.project = models, cond, seeds, shape, project
        size = min(batch_size or len(seeds), len(seeds))
        self.batches = [(low, min(low + size, len(seeds))) for low in range(0, len(seeds), size)]
        tensors = [value for pair in cond.values() for value in pair[0].values()]
        self.device = tensors[0].device if tensors else torch.device("cpu")
        self._stacked: dict[tuple[str, bool, int, int], Cond] = {}

    def check(self, plan: Plan) -> None:
        for segment in plan.segments:
            if segment.model not in self.cond:
                raise ValueError(f"model {segment.model!r} has no condition; give one for each of {', '.join(plan.models)}")
            given, null = self.cond[segment.model]
            if not is_plain(segment.guidance) and null is None:
                raise ValueError(
                    f"guidance {segment.guidance:g} of {segment.model!r} needs a null condition; guidance 1 does not"
                )
            for tree in (given, null or {}):
                rows(tree, len(self.seeds), 0, 1)
            if segment.adapters and not hasattr(self.models[segment.model], "use_adapters"):
                raise ValueError(f"model {segment.model!r} takes no adapters; leave them out of its segment")

    def noise(self, position: int) -> Tensor:
        z = noise(self.seeds, position, self.shape).to(self.device)
        return self.project(z) if self.project else z

    def initial(self, scale: float, start: Tensor | None) -> _State:
        x = start.to(self.device) if start is not None else self.noise(INITIAL) * scale
        return _State(x, None)

    def condition(self, step: Step, low: int, high: int) -> Cond:
        """Rows for one network call; the same object at every step, so that it is built once."""
        plain, n = is_plain(step.guidance), len(self.seeds)
        key = (step.model, plain, low, high)
        if key not in self._stacked:
            given, null = self.cond[step.model]
            null_rows = None if plain or null is None else rows(null, n, low, high)
            self._stacked[key] = stacked(rows(given, n, low, high), null_rows, step.guidance)
        return self._stacked[key]

    def output(self, step: Step, x: Tensor) -> Tensor:
        """The guided prediction F [N, ...] at this step."""
        model = self.models[step.model]
        if hasattr(model, "use_adapters"):  # always said, as two ids may be one network with and without its LoRA
            model.use_adapters(step.adapters)
        parts = []
        for low, high in self.batches:
            part = x[low:high]
            if not is_plain(step.guidance):
                part = torch.cat([part, part])
            F, _, _ = denoiser_of(model).output(part, step.here.t, self.condition(step, low, high))
            parts.append(F if is_plain(step.guidance) else guide(F, step.guidance))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    @torch.inference_mode()
    def advance(self, state: _State, step: Step, index: int, steps: int, nfe: int) -> tuple[_State, Record]:
        begun = time.perf_counter()
        x = state.x
        here = step.here
        alpha, sigma = torch.tensor(here.alpha, dtype=torch.float64), torch.tensor(here.sigma, dtype=torch.float64)
        x0 = to_x0(denoiser_of(self.models[step.model]).prediction, self.output(step, x), x, alpha, sigma)
        z = self.noise(step.position) if step.weights.noise else None
        after = updated(step.weights, x, x0, state.previous, z)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        record = Record(
            index=index, steps=steps, segment=step.segment, model=step.model, t=here.t, level=here.noise, x=x, x0=x0,
            after=after, nfe=nfe, seconds=time.perf_counter() - begun, position=step.position,
        )  # fmt: skip
        return _State(after, x0), record


def updated(w: Weights, x: Tensor, x0: Tensor, previous: Tensor | None, z: Tensor | None) -> Tensor:
    """x_s = w.x x_t + w.x0 x̂0 + w.previous x̂0_before + w.noise z."""
    if (w.x, w.x0, w.previous, w.noise) == (0.0, 1.0, 0.0, 0.0):
        return x0
    after = x0 * w.x0
    if w.x:
        after = torch.add(after, x, alpha=w.x)
    if w.previous:
        assert previous is not None, "a multistep rule looks back only after a step of its own"
        after = torch.add(after, previous, alpha=w.previous)
    if w.noise:
        assert z is not None
        after = torch.add(after, z, alpha=w.noise)
    return after


def finished(records: Iterable[Record]) -> Tensor:
    """Run to the end and return the sample [N, ...]."""
    record = None
    for record in records:  # noqa: B007 - only the last matters
        pass
    if record is None:
        raise ValueError("no record was made; a plan has at least one step")
    return record.after
