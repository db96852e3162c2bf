"""Executing a study: open the models, draw what no study has drawn before, conclude while it fills up. Runs in a worker.

Cells (`workshop.sample_cache`) are kept after every prompt and block of seeds, so a run that was killed, paused or extended
goes on from there, and steps that arms of one block have in common are computed once. `result.json` always holds what
follows from the blocks of seeds that are complete for every prompt and arm.

The identity control comes first, where a study has one: the same drawing with the teacher's weights under the student's name.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studio.capabilities.lab import witness
from studio.capabilities.lab.request import StudyRequest, study_of
from studio.capabilities.lab.studies.base import Data
from studio.core.denoiser import Cond
from studio.core.domain import beside
from studio.core.family import OpenModel
from studio.core.files import Json, plain
from studio.domains import domain_of
from studio.domains.media import medium_of
from studio.jobs.run import Run, versions
from studio.metrics.rows import Rows, joined, over_steps, taken
from studio.sampling.adapted import adapters_of
from studio.sampling.cost import bill
from studio.sampling.loop import sample_many
from studio.sampling.plan import Plan
from studio.sampling.prompts import encode_plans
from studio.sampling.record import Record
from studio.sampling.steps import compiled
from studio.workshop.additions import Drawing, add
from studio.workshop.draw import batch_size
from studio.workshop.loaded_adapters import Wardrobe
from studio.workshop.placed_models import PlacedModels
from studio.workshop.projection import projected
from studio.workshop.sample_cache import Cells
from studio.workshop.tools import Tools
from studio.workshop.witness import open_installed

if TYPE_CHECKING:
    from torch import Tensor

    from studio.families.efficientnet_lite import Witness
    from studio.workshop.judge import Judge

BLOCK = 32  # seeds that are drawn together
REPORT_S = 0.5  # between progress events
CONTROL_BOOT = 200  # resamples behind differences that are 0 unless something is broken
CONCLUDE_SHARE = 0.1  # of the time that concluding may take while drawing goes on


@dataclass
class Arms:
    """Plans, and whose weights go under the names in them."""

    plans: Sequence[Plan]
    steps: bool = False  # whether every step is read
    models: dict[str, OpenModel] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)  # hash by name of what decides a reading
    always: dict[str, str] = field(default_factory=dict)  # hashes that belong to every cell's name, whatever its plan uses


class Laboratory:
    """One run of the kind `study`."""

    def __init__(self, request: StudyRequest, run: Run[Tools]):
        self.request, self.job = request, run
        self.study = study_of(request, run.tools.registry, run.home)
        self.arms = Arms(self.study.plans(), self.study.steps)
        self.controls = Arms(self.study.control() if request.control else [])
        self.domain = domain_of(self.study.setting.student.domain)
        self.begins: dict[str, Tensor] = {}  # latents by the names under which plans begin with them
        self.shape: tuple[int, ...] | None = None  # of a latent sample, where it is not the models' own
        self.said = {said.text: said for said in (self.domain.read(prompt, given=request.given) for prompt in request.prompts)}
        self.prompts = list(self.said)
        self.blocks = [request.seed_list[i : i + BLOCK] for i in range(0, request.seeds, BLOCK)]
        self.cells = Cells(run.home.cache / "cells")
        self.done = self.computed = self.reused = 0  # evaluations: settled; run by a network; spared by cells or shared steps
        self.concluding_s, self.drawing_s, self.said_at = 0.0, 0.0, 0.0
        self._conclusion: dict[str, Any] = {}
        self.control: dict[str, Any] | None = None
        self.complete = 0  # blocks that every prompt and arm has
        self.placed = PlacedModels(run, run.notice)
        self.wardrobe = Wardrobe(self.study.setting.adapters, run)
        self.oracle: Any = None
        self.judge: Judge | None = None  # stands in for it
        self.witness: Witness | None = None  # reads beside it

    @property
    def total(self) -> int:
        """Network evaluations of all arms and of the control, each plan on its own."""
        own = bill(self.arms.plans).alone * self.request.seeds + bill(self.controls.plans).alone * len(self.control_seeds)
        return own * len(self.prompts)

    @property
    def control_seeds(self) -> list[int]:
        return self.request.seed_list[: self.request.control]

    def run(self) -> Json:
        self.job.gate.enter(self.job.check)
        with self.placed, self.wardrobe:
            return self._run()

    def _run(self) -> Json:
        self._open()
        self.job.state("running")
        self.control = self._controlled()
        for number, block in enumerate(self.blocks):
            for prompt in self.prompts:
                self._fill(self.arms, prompt, block)
            self.complete = number + 1
            if number + 1 == len(self.blocks) or self.concluding_s <= CONCLUDE_SHARE * self.drawing_s:
                self._conclude()
        self._say(force=True)
        if self.witness is not None:
            data = self.data(self.arms, self.blocks)
            shape = next(iter(self.arms.models.values())).sample_shape
            self._conclusion["witness"] = witness.table(data, self.witness, self.domain, shape)
        return self._result(self._conclusion)

    def _open(self) -> None:
        arms, controls = self.arms, self.controls
        ids = dict.fromkeys(model for plan in arms.plans for model in plan.models)
        arms.models = self.placed.open(map(self.job.tools.registry.get, ids))
        reader = self._open_reader()
        arms.weights = {**{name: model.hash for name, model in arms.models.items()}, "oracle": reader}
        self.wardrobe.open(arms.plans, arms.models)
        arms.weights |= {f"adapter {name}": digest for name, digest in self.wardrobe.hashes.items()}
        if controls.plans:
            teacher, student = self.study.setting.teacher.id, self.study.setting.student.id
            controls.models = {**arms.models, student: arms.models[teacher]}
            controls.weights = {**arms.weights, student: arms.weights[teacher]}
            # also plans without the student get cells of their own: all are drawn together, and on the same few seeds
            controls.always = {"student is": arms.weights[teacher]}
        if self.request.additions:
            casts, plans = (arms, controls), [*arms.plans, *controls.plans]
            drawing = Drawing(plans, list(self.said.values()), arms.models, self.domain, self.job, self.wardrobe)
            _add(self.request.additions, casts, drawing)
            self.begins, self.shape = drawing.begins, drawing.shape
            self.said = dict(zip(self.prompts, drawing.said, strict=True))

    def _open_reader(self) -> str:
        """Open who reads what is drawn: the oracle, or a judge where there is none. What tells readings of others apart."""
        student = self.study.setting.student
        if student.has_oracle:
            self.oracle = self.job.tools.models.oracle(student)
            seen = not self.arms.steps and medium_of(self.domain).pictures
            self.witness = open_installed(self.job.tools.models) if seen else None
            beside = f" {self.witness.key}" if self.witness is not None else ""
            return f"{self.oracle.key}{beside}"
        from studio.workshop.judge import open_judge

        assert not self.study.needs_oracle, "checked when the request was made"
        self.oracle = self.judge = open_judge(self.job.tools.models)
        if self.judge.notice:
            self.job.notice(self.judge.notice)
        return self.judge.key

    # -- drawing ---------------------------------------------------------------------------------------------------

    def _name(self, cast: Arms, plan: Plan, prompt: str, block: Sequence[int]) -> str:
        adapters = (f"adapter {name}" for name in adapters_of(plan))
        used = {name: cast.weights[name] for name in (*plan.models, "oracle", *adapters)} | cast.always
        group = block if plan.coupled else ()
        said = self.said[prompt]
        asked = f"{prompt} {json.dumps(said.given, sort_keys=True)}" if said.given else prompt
        return self.cells.name(plan, asked, used, steps=cast.steps, group=group)

    def _fill(self, cast: Arms, prompt: str, block: Sequence[int]) -> None:
        """Draw what the cells of one prompt lack of these seeds."""
        lacking: dict[tuple[int, ...], list[Plan]] = defaultdict(list)
        for plan in cast.plans:
            known = set(self.cells.get(self._name(cast, plan, prompt, block))[0])
            missing = tuple(seed for seed in block if seed not in known)
            if missing:
                lacking[missing].append(plan)
            spared = plan.nfe * (len(block) - len(missing))
            self.done, self.reused = self.done + spared, self.reused + spared
        for missing, arms in lacking.items():
            begun = time.monotonic()
            self._draw(cast, prompt, block, missing, arms)
            self.drawing_s += time.monotonic() - begun

    def _draw(self, cast: Arms, prompt: str, block: Sequence[int], seeds: tuple[int, ...], arms: Sequence[Plan]) -> None:
        shape = self.shape or next(iter(cast.models.values())).shape
        said = self.said[prompt]
        cond = encode_plans(arms, cast.models, [said], self.job.tools.models.prompts)
        plans = {plan.name: plan for plan in arms}
        before = 0
        trail: list[Rows] = []
        given = beside([said])
        how: Json = {
            "project": projected(self.domain, [said]),
            "batch_size": batch_size(shape, cast.models.values()),
            "begins": self.begins,
        }
        stream = sample_many(arms, cast.models, cond, list(seeds), shape, apart=True, **how)
        try:
            for name, record in stream:
                spent = record.nfe - (before if record.index else 0)
                before = record.nfe
                self._count(spent * len(seeds), record.computed * len(seeds))
                if cast.steps:
                    trail.append(self._read(cast, record, given, final=False))
                if record.last:
                    rows = over_steps(trail) if cast.steps else self._read(cast, record, given, final=True)
                    self.cells.add(self._name(cast, plans[name], prompt, block), seeds, rows)
                    trail = []
                self._between()
        finally:
            stream.close()  # type: ignore[attr-defined]

    def _read(self, cast: Arms, record: Record, given: Cond, final: bool) -> Rows:
        images = cast.models[record.model].decode(record.after if final else record.x0, given)
        return taken(self.oracle.read(images), None if self.witness is None else self.witness.read(images))

    def _count(self, evaluations: int, computed: int) -> None:
        self.done, self.computed, self.reused = (
            self.done + evaluations,
            self.computed + computed,
            self.reused + evaluations - computed,
        )
        self._say()

    def _between(self) -> None:
        self.job.between(lambda: f" at {self.done:,} of {self.total:,} network evaluations; what was drawn is kept.")

    def _say(self, force: bool = False) -> None:
        now = time.monotonic()
        if force or now - self.said_at >= REPORT_S:
            self.said_at = now
            pace = self.drawing_s / self.computed if self.computed and self.drawing_s else 0.0
            left = round(pace * (self.total - self.done), 1) if pace else None
            self.job.progress(
                self.done,
                self.total,
                unit="network evaluations",
                eta_s=left,
                computed=self.computed,
                reused=self.reused,
                device=self.job.tools.models.device,
            )

    # -- concluding ------------------------------------------------------------------------------------------------

    def data(self, cast: Arms, blocks: Sequence[Sequence[int]]) -> Data:
        """What was read of all plans of a cast, all prompts and these blocks of seeds, which are complete."""
        readings: dict[str, dict[str, Rows]] = {}
        for prompt in self.prompts:
            readings[prompt] = {}
            for plan in cast.plans:
                parts = [self.cells.rows(self._name(cast, plan, prompt, block), block) for block in blocks]
                assert all(part is not None for part in parts), "a complete block has every cell"
                readings[prompt][plan.name] = joined([part for part in parts if part is not None])
        stated = {prompt: self.domain.read(prompt).stated if self.judge is None else {} for prompt in self.prompts}
        worlds = {prompt: self.domain.world(said) for prompt, said in stated.items()}
        levels = {plan.name: [step.here.noise for step in compiled(plan, cast.models)[1]] for plan in cast.plans}
        factors = self.domain.factors if self.judge is None else {}
        return Data(
            readings,
            stated,
            worlds,
            factors,
            {plan.name: float(plan.nfe) for plan in cast.plans},
            levels,
            [seed for block in blocks for seed in block],
            self.judge,
        )

    def _controlled(self) -> Json | None:
        """The identity control on its few seeds, with what it costs in network evaluations (`metrics.control`)."""
        from studio.metrics.identity_control import identity_control

        plans, seeds = self.controls.plans, self.control_seeds
        if not plans:
            return None
        for prompt in self.prompts:
            self._fill(self.controls, prompt, seeds)
        data = self.data(self.controls, [seeds])
        cost = bill(plans).together * len(seeds) * len(self.prompts)
        pooled = data.pooled(n_boot=CONTROL_BOOT)
        return {**identity_control(data.readings, pooled, plans[0].name), "evaluations": cost}

    def _conclude(self) -> None:
        from studio.metrics.identity_control import controlled

        begun = time.monotonic()
        data = self.data(self.arms, self.blocks[: self.complete])
        found = self.study.conclude(data)
        self._conclusion = {**found, "verdicts": controlled(found["verdicts"], self.control), **data.measures(self.study.steps)}
        self.job.result(self._result(self._conclusion))
        self.concluding_s += time.monotonic() - begun
        self.job.event("concluded", seeds=sum(len(b) for b in self.blocks[: self.complete]), of=self.request.seeds)

    def _result(self, conclusion: dict[str, Any]) -> Json:
        return {
            "request": self.request.model_dump(mode="json"), "study": self.request.study, "title": self.request.title,
            "card": self.study.card.model_dump(mode="json"), "seeds": sum(len(b) for b in self.blocks[: self.complete]),
            "prompts": self.prompts, "arms": [{"arm": plan.name, "nfe": plan.nfe} for plan in self.arms.plans],
            "control": self.control, "evaluations": {"computed": self.computed, "reused": self.reused},
            "models": {name: {"hash": hash, "title": self.job.tools.registry.get(name).title}
                       for name, hash in self.arms.weights.items() if name in self.arms.models},
            "versions": versions(), **plain(conclusion),
        }  # fmt: skip


def _add(asked: Json, casts: Sequence[Arms], drawing: Drawing) -> None:
    """Do what capabilities add to the plans of all casts; what is read of them then has a name of its own."""
    add(asked, drawing)
    plans = iter(drawing.plans)
    for cast in casts:
        cast.plans = [next(plans) for _ in cast.plans]
        cast.weights |= {f"adapter {name}": digest for name, digest in drawing.wardrobe.hashes.items()}
        cast.always = {**cast.always, "additions": json.dumps(asked, sort_keys=True)}
