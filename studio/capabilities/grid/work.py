"""Executing a grid: cells that agree in all but arm and seeds are one session, and what was drawn before is taken from the cache.

A grid that was stopped, killed or given more values therefore draws only what is new. A cell that cannot be drawn says why, and
the others go on. Runs in a worker.
"""

from __future__ import annotations

import time
import traceback
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from studio.capabilities.grid.figures import Reading
from studio.capabilities.grid.request import Cell, GridRequest, cells
from studio.core.explain import disk_full, explain, out_of_memory
from studio.core.files import Json
from studio.domains.media.image import png_bytes
from studio.jobs.run import Cancelled, LeftOff, Run, versions
from studio.library.draw_request import CompareRequest, plans_for
from studio.sampling.plan import Plan
from studio.workshop.drawn_latents import DrawnLatents, name_of
from studio.workshop.session import Session
from studio.workshop.tools import Tools

TOGETHER = 64  # seeds of one draw
REPORT_S = 1.0  # between results that are written while cells come


@dataclass
class Group:
    """Cells that one session draws. request: of all of them, with every arm and seed."""

    request: CompareRequest
    cells: list[Cell]


@dataclass
class Part:
    """What one plan draws of a group. name: in the cache. seeds: wanted. known: latents by seed. seconds: of drawing an image."""

    plan: Plan
    name: str
    seeds: list[int]
    cells: list[Cell]
    known: dict[int, Tensor]
    seconds: float | None = None
    lacking: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        missing = [seed for seed in self.seeds if seed not in self.known]
        self.lacking = tuple(self.seeds if self.plan.coupled and missing else missing)


class Gridding:
    """One run of the kind `grid`."""

    def __init__(self, request: GridRequest, run: Run[Tools]):
        self.request, self.job = request, run
        self.cells = cells(request, run.tools.context())
        self.latents = DrawnLatents(run.home.cache)
        self.reading = Reading(run)
        self.found: dict[tuple[int, ...], Json] = {}
        self.models: Json = {}
        self.adapters: Json = {}
        self.notices: list[str] = []
        self.done = self.computed = self.reused = 0  # network evaluations: settled; run by a network; spared
        self.total, self.drawing_s, self.written_at = 0, 0.0, 0.0

    def run(self) -> Json:
        for cell in self.cells:
            if cell.request is None:
                self._refused(cell, cell.why)
            else:
                self.total += self._costs(cell.request)
        for group in grouped(self.cells):
            with self.job.gate.first(self.job.check):
                self._group(group)
            self._between()
        if self.cells and all("why" in found for found in self.found.values()):
            raise ValueError(f"No cell of this grid could be drawn: {next(iter(self.found.values()))['why']}")
        return self._result()

    def _costs(self, request: CompareRequest) -> int:
        return sum(plan.nfe for plan in plans_for(request, self.job.tools.registry)) * len(request.seeds)

    def _group(self, group: Group) -> None:
        """Draw a group. What goes wrong in it is said in its cells; a full disk ends the run, which can go on then."""
        try:
            with Session(group.request, self.job, self.notices) as session:
                self._drawn(session, group)
        except (Cancelled, LeftOff):
            raise
        except Exception as error:
            if disk_full(error):
                raise
            self.job.log(traceback.format_exc())
            why = explain(error, CompareRequest)
            if out_of_memory(error):
                traceback.clear_frames(error.__traceback__)
                why = f"{why} {self.job.tools.relieve()}"
            for cell in group.cells:
                if cell.at not in self.found:
                    self._refused(cell, why)
                    self.total -= self._costs(cell.request) if cell.request else 0

    def _drawn(self, session: Session, group: Group) -> None:
        session.open()
        self.reading.begin(session)
        session.wear()
        session.hint()
        session.add()
        self.models |= session.used()
        self.adapters |= session.wardrobe.used()
        self.job.state("running")
        parts = list(self._parts(session, group))
        lacking: dict[tuple[int, ...], list[Part]] = defaultdict(list)
        for part in parts:
            spared = part.plan.nfe * (len(part.seeds) - len(part.lacking))
            self.done, self.reused = self.done + spared, self.reused + spared
            if part.lacking:
                lacking[part.lacking].append(part)
            else:
                self._keep(session, part)
        for seeds, several in lacking.items():
            together = len(seeds) if any(part.plan.coupled for part in several) else TOGETHER
            for i in range(0, len(seeds), together):
                self._draw(session, several, list(seeds[i : i + together]), last=i + together >= len(seeds))

    def _parts(self, session: Session, group: Group) -> Iterator[Part]:
        """A part a plan; where seeds drawn together look at each other, a part a plan and the seeds of a cell."""
        for plan in list(session.plans):
            mine = [cell for cell in group.cells if cell.arm == plan.name]
            several: dict[tuple[int, ...], list[Cell]] = defaultdict(list)
            for cell in mine:
                assert cell.request is not None, "cells that cannot be drawn are in no group"
                several[cell.request.seeds if plan.coupled else ()].append(cell)
            for together, ones in several.items():
                seeds = list(dict.fromkeys(seed for cell in ones if cell.request for seed in cell.request.seeds))
                name = name_of(session, plan, together)
                yield Part(plan, name, seeds, ones, self.latents.get(name))

    def _draw(self, session: Session, parts: list[Part], seeds: list[int], last: bool) -> None:
        """Draw plans on seeds that all of them lack, and keep each as soon as it is there. last: no more of them are to come."""
        by_name = {part.plan.name: part for part in parts}
        session.plans, session.seeds = [part.plan for part in parts], seeds
        before, took, begun = 0, 0.0, time.monotonic()
        for arm, record in session.drawn():
            part, spent = by_name[arm], record.nfe - (before if record.index else 0)
            before, took = record.nfe, record.seconds + (took if record.index else 0.0)
            self.done, self.computed = self.done + spent * len(seeds), self.computed + record.computed * len(seeds)
            self.reused += (spent - record.computed) * len(seeds)
            self.drawing_s, begun = self.drawing_s + time.monotonic() - begun, time.monotonic()
            self._progress()
            if record.last:
                drawn = dict(zip(seeds, record.after.cpu(), strict=True))
                self.latents.add(part.name, drawn)
                part.known |= drawn
                part.seconds = took / len(seeds)
                if last:
                    self._keep(session, part)
                begun = time.monotonic()
            self._between()

    def _keep(self, session: Session, part: Part) -> None:
        """Pictures and figures of every cell of a part."""
        model = part.plan.segments[-1].model
        device = session.models[model].device
        for cell in part.cells:
            assert cell.request is not None, "cells that cannot be drawn are in no group"
            latents = [part.known[seed].to(device) for seed in cell.request.seeds]
            samples = session.decoded(model, torch.stack(latents))
            images = list(self._saved(session, part.plan, cell, samples))
            found = {"images": images, "nfe": part.plan.nfe, "seconds_per_image": part.seconds and round(part.seconds, 5)}
            self._said(cell, found | self.reading.of(session, part.plan.name, samples))

    def _saved(self, session: Session, plan: Plan, cell: Cell, samples: Tensor) -> Iterator[Json]:
        """Every sample of a cell; its picture says of itself how Compare draws it."""
        assert cell.request is not None, "cells that cannot be drawn are in no group"
        request = cell.request.model_dump(mode="json")
        for i, (seed, still) in enumerate(zip(cell.request.seeds, session.medium.still(samples), strict=True)):
            name = f"artifacts/cells/{cell.name}/{seed}"
            path = self.job.artifact(f"{name}.png", png_bytes(still, session.about(plan, seed, "compare", request)))
            files = [self.job.artifact(f"{name}{end}", data) for end, data in session.medium.files(samples, i).items()]
            yield {"seed": seed, "path": path, **({"files": files} if files else {})}

    # -- saying ----------------------------------------------------------------------------------------------------

    def _refused(self, cell: Cell, why: str) -> None:
        self._said(cell, {"why": why})

    def _said(self, cell: Cell, found: Json) -> None:
        self.found[cell.at] = {"at": list(cell.at), **found}
        self.job.event("cell", **self.found[cell.at])
        if time.monotonic() - self.written_at > REPORT_S:
            self._write()

    def _write(self) -> None:
        """What is finished, as a result; and as a checkpoint, by which a run whose worker died is known to have got ahead."""
        self.written_at = time.monotonic()
        self.job.result(self._result())
        (self.job.folder / "checkpoints").mkdir(exist_ok=True)
        self.job.keep("checkpoints/cells.json", {"cells": len(self.found)})

    def _progress(self) -> None:
        left = round(self.drawing_s / self.computed * (self.total - self.done), 1) if self.computed else None
        self.job.progress(self.done, self.total, unit="network evaluations", eta_s=left, cells=len(self.found))

    def _between(self) -> None:
        self.job.check()
        if (why := self.job.to_leave()) is not None:
            self._write()
            raise LeftOff(why[0], f"{why[1]} at {len(self.found)} of {len(self.cells)} cells; what was drawn is kept.")

    def _result(self) -> Json:
        axes = [{"setting": axis.setting, "title": axis.of.title, "labels": axis.labels} for axis in self.request.axes]
        return {
            "request": self.request.model_dump(mode="json"),
            "models": self.models,
            "adapters": self.adapters,
            "axes": axes,
            "cells": [self.found[cell.at] for cell in self.cells if cell.at in self.found],
            "evaluations": {"computed": self.computed, "reused": self.reused},
            "notices": list(self.notices),
            "versions": versions(),
        }


def grouped(found: Iterable[Cell]) -> list[Group]:
    """Cells that can be drawn, those that differ in arm and seeds alone together, groups of one student together."""
    groups: dict[str, list[Cell]] = defaultdict(list)
    students: list[str] = []
    for cell in found:
        if cell.request is None:
            continue
        # Additions may begin with a sample for every seed: such cells share their seeds.
        apart = {"arms"} if cell.request.additions else {"arms", "seeds"}
        groups[cell.request.model_dump_json(exclude=apart)].append(cell)
        students += [cell.request.pair] if cell.request.pair not in students else []
    return sorted((_group(cells) for cells in groups.values()), key=lambda group: students.index(group.request.pair))


def _group(ones: list[Cell]) -> Group:
    requests = [cell.request for cell in ones if cell.request is not None]
    arms = tuple(dict.fromkeys(request.arms[0] for request in requests))
    seeds = tuple(dict.fromkeys(seed for request in requests for seed in request.seeds))
    return Group(requests[0].model_copy(update={"arms": arms, "seeds": seeds}), ones)
