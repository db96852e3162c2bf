"""The one loop: plans in, a record per step out. Preview, scrubbing, progress and cancel are consumers of the stream.

Closing the generator (or just dropping it) cancels: nothing runs between two records. Inference mode is entered inside
a step and never across a ``yield``, so it does not leak into the consumer.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from torch import Tensor

from studio.sampling.plan import Plan
from studio.sampling.record import Record
from studio.sampling.run import Conds, Run, State, check_resume
from studio.sampling.steps import Step, compiled

if TYPE_CHECKING:
    from studio.core.denoiser import Predictor
    from studio.core.family import OpenModel
    from studio.sampling.record import Recorded

__all__ = ["Conds", "Record", "finished", "sample", "sample_many"]


def sample(
    plan: Plan,
    models: Mapping[str, OpenModel | Predictor],
    cond: Conds,
    seeds: Sequence[int],
    shape: Sequence[int],
    *,
    start: Tensor | None = None,
    resume: Recorded | None = None,
    batch_size: int | None = None,
    project: Callable[[Tensor], Tensor] | None = None,
    begins: Mapping[str, Tensor] = MappingProxyType({}),
) -> Iterator[Record]:
    """Run one plan; see `sample_many`."""
    many = sample_many(
        [plan], models, cond, seeds, shape, start=start, resume=resume, batch_size=batch_size, project=project, begins=begins
    )
    return _records(many)


def _records(many: Iterator[tuple[str, Record]]) -> Iterator[Record]:
    for _, record in many:
        yield record


def sample_many(
    plans: Sequence[Plan],
    models: Mapping[str, OpenModel | Predictor],
    cond: Conds,
    seeds: Sequence[int],
    shape: Sequence[int],
    *,
    start: Tensor | None = None,
    resume: Recorded | None = None,
    batch_size: int | None = None,
    project: Callable[[Tensor], Tensor] | None = None,
    begins: Mapping[str, Tensor] = MappingProxyType({}),
    apart: bool = False,
) -> Iterator[tuple[str, Record]]:
    """Run plans one after another on the same seeds; what several ask of a network at the same state is asked once.

    models: id -> Denoiser, or an object with a ``.denoiser`` (and ``use_adapters(pairs)`` where a segment has adapters).
    cond: id -> (condition, null) for every model used; segments with a prompt of their own, and those with adapters where
        these change how prompts are read, look under `condition_key`.
    shape: of one sample, without the batch.
    start: [N, *shape] to begin from instead of noise, in the first model's scale at the first timestep.
    resume: go on from a recorded state: only the steps from its index on are run, as steps of the whole plan.
    batch_size: images per network call (None = all); guidance doubles the rows. Changes results by rounding only.
    apart: guided networks are asked for the prompt and for the null in calls of their own, so that plans share each of them
        even where guidance or remedies make of them different beliefs. Changes results by rounding only; a result is the same
        whatever plans are run beside it.
    project: the domain's projection of noise (identity where None).
    begins: clean samples [1 or N, *shape] by the names under which plans begin with them.

    Bad arguments raise here, before anything runs.
    """
    names = [plan.name for plan in plans]
    if len(set(names)) < len(names):
        raise ValueError(f"plan names {names} do not fit; each plan needs a name of its own")
    ready = [compiled(plan, models) for plan in plans]
    run = Run(models, cond, [int(s) for s in seeds], tuple(shape), batch_size, project, begins)
    for plan, (_, steps) in zip(plans, ready, strict=True):
        run.check(plan)
        if resume is not None:
            check_resume(resume, plan, steps, len(run.seeds), run.shape)
        elif start is None:
            run.check_begins(plan)
    if start is not None and resume is not None:
        raise ValueError("both a start and a recorded state were given; one of them would fit")
    if start is not None and tuple(start.shape) != (len(run.seeds), *run.shape):
        raise ValueError(f"start has shape {tuple(start.shape)}; {(len(run.seeds), *run.shape)} would fit")
    return _stream(plans, ready, run, start, resume, apart)


def _stream(
    plans: Sequence[Plan],
    ready: Sequence[tuple[float, tuple[Step, ...]]],
    run: Run,
    start: Tensor | None,
    resume: Recorded | None,
    apart: bool,
) -> Iterator[tuple[str, Record]]:
    first = resume.index if resume else 0
    paths = _prefix_tree(ready, first, given_start=start is not None, begins=[plan.begins for plan in plans])
    waiting = Counter(node for path in paths for _, *nodes in path for node in nodes)  # plans that will still come by each node
    beliefs = _Beliefs(run, paths, apart)
    states: dict[int, tuple[State, Record]] = {}
    for plan, (scale, steps), path in zip(plans, ready, paths, strict=True):
        state: State | None = None
        nfe = sum(step.nfe for step in steps[:first])
        for index, (step, (at, asked, done)) in enumerate(zip(steps[first:], path, strict=True), first):
            nfe += step.nfe
            waiting[asked] -= 1
            waiting[done] -= 1
            if done in states:
                state, record = states[done]
                record = replace(record, steps=len(steps), segment=step.segment, position=step.position, computed=0)
            else:
                if state is None:
                    state = run.resumed(resume, step) if resume else run.initial(steps[0], scale, start, plan.begins)
                x0, took, computed = beliefs.form(state.x, step, at, asked)
                believed = time.perf_counter()
                following = run.move(state, step, x0)
                record = Record(
                    index=index,
                    steps=len(steps),
                    segment=step.segment,
                    model=step.model,
                    t=step.here.t,
                    level=step.moment.level,
                    scale=step.here.scale,
                    x=state.x,
                    x0=x0,
                    after=following.x,
                    nfe=nfe,
                    seconds=took + time.perf_counter() - believed,
                    position=step.position,
                    computed=computed,
                )
                state = following
                states[done] = state, record
            if not waiting[asked]:
                beliefs.forget(asked)
            if not waiting[done]:
                del states[done]
            yield plan.name, record


class _Beliefs:
    """What was believed at states, and what networks said there, for as long as somebody waits for it."""

    def __init__(self, run: Run, paths: Sequence[Sequence[tuple[Hashable, int, int]]], apart: bool):
        self.run, self.apart = run, apart
        # beliefs to be formed at each state
        self.asking = Counter(at for at, _ in {(at, asked) for path in paths for at, asked, _ in path})
        self.answers: dict[Hashable, dict[Hashable, Tensor]] = {}  # outputs of networks at a state
        self.known: dict[int, tuple[Tensor, float]] = {}  # x̂0 and the seconds it took

    def form(self, x: Tensor, step: Step, at: Hashable, asked: int) -> tuple[Tensor, float, int]:
        """(x̂0, the seconds it took, evaluations that were run for it now). at: the state's number, asked: the belief's."""
        if asked in self.known:
            return (*self.known[asked], 0)
        begun = time.perf_counter()
        known = self.answers.setdefault(at, {}) if self.apart else None
        computed = len(set(step.asks) - set(known)) if known is not None else step.nfe
        x0 = self.run.believe(x, step, known)
        self.asking[at] -= 1
        if not self.asking[at]:
            self.answers.pop(at, None)
        self.known[asked] = x0, time.perf_counter() - begun
        return (*self.known[asked], computed)

    def forget(self, asked: int) -> None:
        self.known.pop(asked, None)


def _prefix_tree(
    ready: Iterable[tuple[float, tuple[Step, ...]]], first: int, *, given_start: bool, begins: Sequence[str]
) -> list[list[tuple[Hashable, int, int]]]:
    """(state, belief, next state) a step, from step ``first`` on: a number for every distinct question to the networks at
    every distinct state, and one for every distinct state that follows. Plans that begin alike pass through the same numbers."""
    known: dict[tuple[Hashable, ...], int] = {}
    paths = []
    for (scale, steps), name in zip(ready, begins, strict=True):
        at: Hashable = ("start", None if given_start or first else (scale, name))
        path = []
        for step in steps[first:]:
            asked = known.setdefault((at, step.asked), len(known))
            before, at = at, known.setdefault((asked, step.done), len(known))
            path.append((before, asked, at))
        paths.append(path)
    return paths


def finished(records: Iterable[Record]) -> Tensor:
    """Run to the end and return the sample [N, ...]."""
    record = None
    for record in records:  # noqa: B007 - only the last matters
        pass
    if record is None:
        raise ValueError("no record was made; a plan has at least one step")
    return record.after
