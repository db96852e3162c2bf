"""What all plans of one request have in common (seeds, conditions, device, batches), and how a step is carried out."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.process import Process, noising
from studio.core.rng import INITIAL
from studio.sampling.guidance import guided, is_plain, rows, stacked, told
from studio.sampling.hinted import check_hints
from studio.sampling.plan import Plan
from studio.sampling.segment import condition_key
from studio.sampling.steps import Call, Step, denoiser_of

if TYPE_CHECKING:
    from studio.core.denoiser import Predictor
    from studio.core.family import OpenModel
    from studio.sampling.record import Recorded

Conds = Mapping[str, tuple[Cond, Cond | None]]  # per condition key: (condition, null), each with 1 row or one a seed
Answers = MutableMapping[Hashable, Tensor]  # at one state: what a network was asked (`Step.questions`) -> its output [N, ...]

Mixed = Sequence[tuple[Call, float]]  # of a step: what else a network is asked, and its weight


@dataclass(frozen=True)
class State:
    x: Tensor
    previous: Tensor | None  # x̂0 of the step before, for multistep rules


class Run:
    """One request to the loop."""

    def __init__(
        self,
        models: Mapping[str, OpenModel | Predictor],
        cond: Conds,
        seeds: list[int],
        shape: tuple[int, ...],
        batch_size: int | None,
        project: Callable[[Tensor], Tensor] | None,
        begins: Mapping[str, Tensor],
    ):
        if not seeds:
            raise ValueError("no seeds were given; at least one is needed")
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"a batch of {batch_size} does not fit; 1 or more would")
        self.models, self.cond, self.seeds, self.shape, self.project = models, dict(cond), seeds, shape, project
        self.begins = begins
        size = min(batch_size or len(seeds), len(seeds))
        self.batches = [(low, min(low + size, len(seeds))) for low in range(0, len(seeds), size)]
        tensors = [value for pair in cond.values() for value in pair[0].values()]
        self.device = tensors[0].device if tensors else torch.device("cpu")
        self._stacked: dict[tuple[str, bool, int, int, float | None], Cond] = {}
        self._groups: dict[str, list[list[int]]] = {}
        self._short = False  # memory ran out where null and prompt were asked together

    def check(self, plan: Plan) -> None:
        for segment in plan.segments:
            guidances = [segment.guidance, *([segment.blend.guidance] if segment.blend else []), *(1.0 for _ in segment.mix)]
            for needed, guidance in zip(segment.conditions, guidances, strict=True):
                model, own, adapters = needed
                if adapters and not hasattr(self.models[model], "use_adapters"):
                    raise ValueError(f"model {model!r} takes no adapters; leave them out of its segment")
                plain = condition_key(model, own)
                if plain in self.cond:  # where no adapter changes how prompts are read, one reading is enough
                    self.cond.setdefault(condition_key(*needed), self.cond[plain])
                self._check(condition_key(*needed), model, guidance, plan)
                check_hints(self.models[model], model, segment.hints, *self.cond[condition_key(*needed)])

    def check_begins(self, plan: Plan) -> None:
        """ValueError where a plan cannot begin with the sample it names."""
        if not plan.begins:
            return
        if (given := self.begins.get(plan.begins)) is None:
            raise ValueError(f"plan {plan.name!r} begins with the sample {plan.begins!r}, which was not given")
        if tuple(given.shape) not in ((1, *self.shape), (len(self.seeds), *self.shape)):
            raise ValueError(f"the sample {plan.begins!r} has shape {tuple(given.shape)}; {(1, *self.shape)} would fit")
        noising(denoiser_of(self.models[plan.segments[0].model]).process)

    def _check(self, key: str, model: str, guidance: float, plan: Plan) -> None:
        if key not in self.cond:
            needed = ", ".join(condition_key(*triple) for triple in plan.conditions)
            what = f"model {model!r} has no condition" if key == model else f"there is no condition {key!r}"
            raise ValueError(f"{what}; give one for each of {needed}")
        given, null = self.cond[key]
        if not is_plain(guidance) and null is None:
            raise ValueError(f"guidance {guidance:g} of {model!r} needs a null condition; guidance 1 does not")
        for tree in (given, null or {}):
            rows(tree, len(self.seeds), 0, 1)

    # -- states ----------------------------------------------------------------------------------------------------

    def noise(self, process: Process, position: int) -> Tensor:
        z = process.draw(self.seeds, position, self.shape).to(self.device)
        return self.project(z) if self.project else z

    def initial(self, first: Step, begun: float, start: Tensor | None, begins: str) -> State:
        """start: given instead of noise. begins: the sample that is noised to where the first step stands."""
        process = self._process(first)
        if start is not None:
            return State(start.to(self.device), None)
        z = self.noise(process, INITIAL)
        if begins:
            return State(noising(process).noised(self.begins[begins].to(self.device), z, first.here), None)
        return State(process.start(z, begun), None)

    def resumed(self, recorded: Recorded, step: Step) -> State:
        """A recorded state in the scale of the model that goes on from it."""
        x, previous = recorded.x.to(self.device), recorded.previous
        x = self._process(step).passed_on(x, recorded.scale, step.here)
        return State(x, None if previous is None else previous.to(self.device))

    def _process(self, step: Step) -> Process:
        return denoiser_of(self.models[step.model]).process

    # -- one step --------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def believe(self, x: Tensor, step: Step, answers: Answers | None = None) -> Tensor:
        """x̂0 [N, ...] of one step: networks, guidance, blend and remedies. answers: to questions at this state; see `_apart`."""
        x0 = self._asked(step.call, x, step, answers, step.mix)
        if step.blend is not None:
            other, weight = step.blend
            x0 = torch.lerp(x0, self._asked(other, x if other.scale == 1 else x * other.scale, step, answers), weight)
        for remedy in step.remedies:
            x0 = remedy.belief(x0, self.groups(step.call.condition), step.moment)
        self._wait()
        return x0

    @torch.inference_mode()
    def move(self, state: State, step: Step, x0: Tensor) -> State:
        process = self._process(step)
        z = self.noise(process, step.position) if step.weights.noise else None
        after = process.move(step.weights, state.x, x0, state.previous, z)
        self._wait()
        return State(after, x0)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _asked(self, call: Call, x: Tensor, step: Step, answers: Answers | None, mix: Mixed = ()) -> Tensor:
        """The guided x̂0 of one network, in batches. mix: of the step, for its first network."""
        null, given = self._said(call, x, step, answers)
        if mix:
            given = given * (1 - sum(weight for _, weight in mix))
            for other, weight in mix:
                given = torch.add(given, self._said(other, x, step, answers)[1], alpha=weight)
        F = given if null is None else guided(null, given, call.guidance)
        denoiser = denoiser_of(self.models[call.model])
        return denoiser.process.believe(denoiser.prediction, F, x, call.here)

    def _said(self, call: Call, x: Tensor, step: Step, answers: Answers | None) -> tuple[Tensor | None, Tensor]:
        """(what the network says to the null, where it is guided; what it says to the prompt), each [N, ...]."""
        model = self.models[call.model]
        if hasattr(model, "use_adapters"):  # always said, as two ids may be one network with and without its LoRA
            model.use_adapters(call.adapters)
        if hasattr(model, "use_controls"):
            model.use_controls(call.hints)
        return self._together(call, x, step) if answers is None else self._apart(call, x, step, answers)

    def _together(self, call: Call, x: Tensor, step: Step) -> tuple[Tensor | None, Tensor]:
        """As `_said`; null and prompt go through the network side by side."""
        denoiser, plain = denoiser_of(self.models[call.model]), is_plain(call.guidance)
        parts: tuple[list[Tensor], list[Tensor]] = ([], [])
        for low, high in self.batches:
            part = x[low:high] if plain else torch.cat([x[low:high], x[low:high]])
            F = self._predicted(denoiser, part, call.here.t, self._condition(call, step, low, high), halves=not plain)
            for kept, half in zip(parts[1:] if plain else parts, (F,) if plain else F.chunk(2), strict=True):
                kept.append(half)
        return (joined(parts[0]) if parts[0] else None), joined(parts[1])

    def _predicted(self, denoiser: Predictor, x: Tensor, t: float, cond: Cond, halves: bool) -> Tensor:
        """What a network says to rows; to null and prompt one after the other once both together were too many."""
        if not (halves and self._short):
            try:
                return denoiser.predict(x, t, cond)
            except (MemoryError, torch.OutOfMemoryError):
                if not halves:
                    raise
                self._short = True  # the rest is asked below, where what was held for the failed call is let go
        n = len(x) // 2
        one, other = ({name: value[low : low + n] for name, value in cond.items()} for low in (0, n))
        return torch.cat([denoiser.predict(x[:n], t, one), denoiser.predict(x[n:], t, other)])

    def _apart(self, call: Call, x: Tensor, step: Step, answers: Answers) -> tuple[Tensor | None, Tensor]:
        """As `_said`; the network is asked only what `answers` lacks, and these are added to it."""
        denoiser, bare = denoiser_of(self.models[call.model]), replace(call, guidance=1.0)
        own, *null = step.questions(call)
        if own not in answers:
            answers[own] = joined(
                [denoiser.predict(x[low:high], call.here.t, self._condition(bare, step, low, high)) for low, high in self.batches]
            )
        if not null:
            return None, answers[own]
        if null[0] not in answers:
            nothing = self.cond[call.condition][1]
            assert nothing is not None, "checked before anything ran"
            answers[null[0]] = joined(
                [
                    denoiser.predict(x[low:high], call.here.t, told(rows(nothing, len(self.seeds), low, high), call.embedded))
                    for low, high in self.batches
                ]
            )
        return answers[null[0]], answers[own]

    def _condition(self, call: Call, step: Step, low: int, high: int) -> Cond:
        """Rows for one network call; where no remedy touches them the same object at every step, so built once."""
        plain, n = is_plain(call.guidance), len(self.seeds)
        key = (call.condition, plain, low, high, call.embedded)
        known = self._stacked.get(key)
        if known is not None and not step.remedies:
            return known
        given, null = self.cond[call.condition]
        own = untouched = rows(given, n, low, high)
        for remedy in step.remedies:
            own = remedy.condition(own, self.seeds[low:high], step.moment)
        if own is untouched and known is not None:
            return known
        null_rows = None if plain or null is None else rows(null, n, low, high)
        tree = told(stacked(own, null_rows, call.guidance), call.embedded)
        if own is untouched:
            self._stacked[key] = tree
        return tree

    def groups(self, key: str) -> list[list[int]]:
        """Rows of all seeds, those with equal conditions together."""
        if key not in self._groups:
            found: dict[tuple[bytes, ...], list[int]] = {}
            trees = [value for value in self.cond[key][0].values() if value.shape[0] > 1]
            for i in range(len(self.seeds)):
                name = tuple(value[i].detach().cpu().float().contiguous().numpy().tobytes() for value in trees)
                found.setdefault(name, []).append(i)
            self._groups[key] = list(found.values())
        return self._groups[key]


def joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def check_resume(recorded: Recorded, plan: Plan, steps: Sequence[Step], n: int, shape: tuple[int, ...]) -> None:
    """ValueError in one sentence where a plan cannot go on from a recorded state."""
    if recorded.index >= len(steps):
        raise ValueError(f"step {recorded.index} does not exist in {plan.name!r}; 0 to {len(steps) - 1} would fit")
    step = steps[recorded.index]
    if not math.isclose(step.moment.level, recorded.level, rel_tol=1e-6):
        raise ValueError(
            f"step {recorded.index} of plan {plan.name!r} begins at noise level {step.moment.level:.4g} and the recorded "
            f"state is at {recorded.level:.4g}; the time of that level in {step.model!r} would fit"
        )
    if step.weights.previous and recorded.previous is None:
        raise ValueError(f"step {recorded.index} of plan {plan.name!r} looks back; give the x̂0 of the step before as previous")
    for tensor in (recorded.x, recorded.previous):
        if tensor is not None and tuple(tensor.shape[: 1 + len(shape)]) != (n, *shape):  # beliefs may be of more
            raise ValueError(f"a recorded state has shape {tuple(tensor.shape)}; {(n, *shape)} would fit")
