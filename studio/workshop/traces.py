"""What a sampling run believed at every step, kept while it samples, so that it can be replayed and continued from any step.

One safetensors file an arm, `trace/<arm>.safetensors` of the run directory: the (guided) x̂0 [S, N, *shape] of its steps,
packed (`lossless`), with everything else in its header (`trace_header`). The states x_t are not stored: noise is a function of
(seed, step) and an update is a linear function of x_t, x̂0 and noise, so they follow from the beliefs without any network,
to the last bit. Whatever a remedy did to a belief is in the belief. Steps that an arm has in common with an earlier one,
and the past of a branch, are in the earlier arm's file alone. Worker side: imports torch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors import SafetensorError
from torch import Tensor

from studio.core.domain import Said
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.process import noising
from studio.core.rng import INITIAL
from studio.core.weights import load_weights, save_weights
from studio.library.trace_header import Header, Moment, read_header, trace_file, traced
from studio.sampling.plan import Plan
from studio.sampling.record import Record
from studio.sampling.steps import compiled, denoiser_of
from studio.workshop.lossless import packed, unpacked
from studio.workshop.projection import Project

BEGUN = "begun"  # beside the beliefs: the sample that an arm began with
EXACT_BYTES = 64 << 20  # of one arm; a larger one is kept in half precision: what continues from it is near, not equal


@dataclass(frozen=True)
class Trace:
    """The beliefs of an arm, and the states that follow from them."""

    header: Header

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one state."""
        return self.header.shape or read_header(self.header.folder, self.header.moments[0].arm).shape

    def beliefs(self, index: int) -> Tensor:
        """x̂0 [N, *shape] at step `index`, float32."""
        moment = self.header.moments[index]
        file = trace_file(self.header.folder, moment.arm)
        return _opened(file, file.stat().st_mtime_ns)[moment.row].float()

    def states(self, models: Mapping[str, OpenModel], project: Project) -> Iterator[Tensor]:
        """x_t [N, *shape] when each step began, in the scale of the model that took it; no network is evaluated.

        models: id -> Denoiser or an object with a `.denoiser`, as for the loop; their processes decide the arithmetic.
        project: of noise, as the run was drawn (`workshop.projection.projected` of the header's `said`).
        Equal to the states of the run bit for bit where `header.exact`, on the device the run was made on.
        """
        header, device = self.header, device_of(models)
        begun, steps = compiled(header.plan, models)
        first = 0
        if header.parent is None:
            process = denoiser_of(models[steps[0].model]).process
            first_draw = project(process.draw(header.seeds, INITIAL, self.shape).to(device))
            if header.plan.begins:
                x = noising(process).noised(self._begun().to(device), first_draw, steps[0].here)
            else:
                x = process.start(first_draw, begun)
        else:
            arm, first = header.parent
            parent = open_trace(header.folder, arm)
            for index, x in enumerate(parent.states(models, project)):
                if index == first:
                    break
                yield x
            left = compiled(parent.header.plan, models)[1][first].here  # as the loop does when it goes on from a recorded state
            x = denoiser_of(models[steps[first].model]).process.passed_on(x, left.scale, steps[first].here)
        yield x
        before = self.beliefs(first - 1).to(device) if first else None
        for index in range(first, len(steps) - 1):
            step, x0 = steps[index], self.beliefs(index).to(device)
            process = denoiser_of(models[step.model]).process
            z = project(process.draw(header.seeds, step.position, self.shape).to(device)) if step.weights.noise else None
            x = process.move(step.weights, x, x0, before, z)
            before = x0
            yield x

    def _begun(self) -> Tensor:
        """The sample that the plan begins with, [1 or N, *shape]. ValueError where it was not kept."""
        tensors, _ = load_weights(trace_file(self.header.folder, self.header.arm))
        if BEGUN not in tensors:
            raise ValueError(f"What {self.header.arm} began with was not kept; run it again to scrub it.")
        return tensors[BEGUN]

    def state(self, index: int, models: Mapping[str, OpenModel], project: Project) -> Tensor:
        """x_t [N, *shape] when step `index` began; see `states`."""
        for at, x in enumerate(self.states(models, project)):
            if at == index:
                return x
        raise ValueError(f"{self.header.arm} has no step {index}; 0 to {len(self.header.moments) - 1} would fit")


class Recorder:
    """Takes the records of `sample_many`, writes an arm's file when its last step is there."""

    def __init__(
        self,
        folder: Path,
        plans: Mapping[str, Plan],
        seeds: Sequence[int],
        said: Said,
        begins: Mapping[str, Tensor] = MappingProxyType({}),
        negative: str = "",
    ):
        self.folder, self.plans, self.seeds, self.said, self.begins = folder, plans, list(seeds), said, begins
        self.negative = negative
        self._order = len(traced(folder))
        self._kept: dict[int, tuple[Tensor, Moment]] = {}  # id of x̂0 -> (x̂0, so that the id stays its own; its step)
        self._arm = ""
        self._x0: list[Tensor] = []
        self._moments: list[Moment] = []
        self._parent: tuple[str, int] | None = None
        self._shape: tuple[int, ...] = ()  # of one state

    def branch(self, arm: str, parent: Header, index: int) -> None:
        """The next records are those of a branch: what came before step `index` is the parent's."""
        self._begin(arm)
        self._moments, self._parent = list(parent.moments[:index]), (parent.arm, index)

    def _begin(self, arm: str) -> None:
        self._arm, self._x0, self._moments, self._parent = arm, [], [], None

    def add(self, arm: str, record: Record) -> Moment:
        """The step as it is kept; the arm is written with its last one."""
        if arm != self._arm:
            self._begin(arm)
        known = self._kept.get(id(record.x0))  # a step that several arms share comes with the same tensor
        where = known[1] if known else None
        self._shape = tuple(record.x.shape[1:])
        level = record.level if math.isfinite(record.level) else None
        moment = Moment(
            record.index,
            record.t,
            level,
            record.model,
            record.segment,
            record.nfe,
            where.arm if where else arm,
            where.at if where else record.index,
            where.row if where else len(self._x0),
        )
        if known is None:
            self._kept[id(record.x0)] = (record.x0, moment)
            self._x0.append(record.x0.detach().cpu())
        self._moments.append(moment)
        if record.last:
            self._write(arm)
        return moment

    def _write(self, arm: str) -> None:
        x0 = torch.stack(self._x0) if self._x0 else torch.zeros(0)
        exact = x0.numel() * x0.element_size() <= EXACT_BYTES
        header = {"arm": arm, "plan": self.plans[arm].model_dump(mode="json"), "seeds": self.seeds, "prompt": self.said.text,
                  "moments": [asdict(moment) for moment in self._moments], "exact": exact, "order": self._order,
                  "parent": self._parent, "shape": list(x0.shape)}  # fmt: skip
        if self._x0 and self._shape != tuple(x0.shape[2:]):  # a belief that is no sample: how likely each token is, say
            header["state"] = list(self._shape)
        if self.said.given:
            header["given"] = self.said.given
        if self.negative:
            header["negative"] = self.negative
        data = packed(x0.float() if exact else x0.half())
        with_it = self.plans[arm].begins if self._parent is None else ""
        begun = {BEGUN: self.begins[with_it].cpu()} if with_it else {}
        save_weights(trace_file(self.folder, arm), {"x0": data, **begun}, {"trace": json.dumps(header)})
        self._order += 1


@lru_cache(maxsize=4)
def _opened(file: Path, stamp: int) -> Tensor:
    """x̂0 [S, N, *shape] of the arm's own steps. ValueError in one sentence when the file is damaged."""
    try:
        tensors, texts = load_weights(file)
        header = json.loads(texts["trace"])
        return unpacked(tensors["x0"], header["shape"], torch.float32 if header["exact"] else torch.float16)
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise ValueError(f"The states of {file.stem} are damaged ({error}); run it again to scrub it.") from error


def open_trace(folder: Path, arm: str) -> Trace:
    """The trace of an arm of a run directory. ValueError in one sentence when it was not kept."""
    return Trace(read_header(folder, arm))


def scheduled(plan: Plan, models: Mapping[str, OpenModel]) -> list[Json]:
    """Every step of a plan before it is drawn: {"t", "level", "model", "segment", "nfe"}, as `Moment` has them."""
    out, nfe = [], 0
    for step in compiled(plan, models)[1]:
        nfe += step.nfe
        level = step.here.noise if math.isfinite(step.here.noise) else None
        out.append({"t": step.here.t, "level": level, "model": step.model, "segment": step.segment, "nfe": nfe})
    return out


def device_of(models: Mapping[str, OpenModel]) -> torch.device:
    """Where the models are; bare denoisers are on the CPU."""
    return next((model.device for model in models.values() if hasattr(model, "device")), torch.device("cpu"))
