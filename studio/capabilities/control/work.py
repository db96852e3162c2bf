"""Executing a control run: every arm at every strength of one adapter, then what it did to each arm. Runs in a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio.capabilities.control.request import ControlRequest, name
from studio.core.files import Json, plain
from studio.jobs.run import Run
from studio.library.adapter_effects import moved
from studio.library.adapter_uses import unused
from studio.library.draw_request import label
from studio.library.meant import meant
from studio.metrics.proportion import wilson
from studio.metrics.readings import correct
from studio.metrics.response import NEAR
from studio.metrics.transfer import board
from studio.sampling.plan import Plan
from studio.workshop.comparison import NO_ORACLE
from studio.workshop.judge import Judge, Measure, Sight, open_judge
from studio.workshop.session import Session
from studio.workshop.tools import Tools

if TYPE_CHECKING:
    from studio.core.domain import Factor, Oracle, Readings


class Controlling:
    """One run of the kind `control`."""

    def __init__(self, request: ControlRequest, run: Run[Tools]):
        self.request, self.job = request, run
        self.session = Session(request.draw, run)
        self.entry = self.session.wardrobe.adapters.get(request.vary.id)
        self.session.words = (*self.session.words, *self.entry.words)
        self.attribute = moved(self.entry) if self.session.domain.has_world else None
        self.oracle: Oracle | None = None
        self.readings: dict[str, Readings] = {}  # by cell
        self.cells: dict[str, Json] = {}
        self.measured: Json = {}
        self.judge: Judge | None = None  # reads where there is no oracle
        self.measure: Measure | None = None
        self.sights: dict[str, Sight] = {}

    def run(self) -> Json:
        with self.session as session:
            session.open()
            if session.readable:
                self.oracle = session.open_oracle()
            else:
                self._without_oracle()
            self._wear()
            session.hint()
            session.add()
            self.job.state("running")
            plans = {plan.name: plan for plan in session.plans}
            for arm, record in session.drawn():
                plan = plans[arm]
                session.count(plan, record)
                where = {"arm": arm, "step": record.index + 1, "steps": record.steps}
                self.job.progress(session.done, session.total, **where, eta_s=session.eta())
                if record.last:
                    self._cell(plan, session.decoded(record.model, record.after))
            self._conclude()
            return self._result()

    def _without_oracle(self) -> None:
        """Where no world is known a judge reads what the adapter does."""
        notice = self.session.notice
        if self.session.domain.has_world:
            notice(NO_ORACLE)
            return
        self.judge = open_judge(self.job.tools.models)
        self.measure = self.judge.measure(meant(self.entry.card))
        what = ", how much it changes and not what" if self.measure.blind else f", toward {self.measure.title}"
        notice(f"What {self.entry.title} does is read by {self.measure.name} instead{what}.")
        if self.judge.notice:
            notice(self.judge.notice)

    def _wear(self) -> None:
        """Every arm at every strength, strengths of one arm together."""
        vary, strengths = self.request.vary, self.request.strengths
        session, draw = self.session, self.request.draw
        held = session.worn(session.plans, draw.adapters)
        out: list[Plan] = []
        for plan in held:
            for strength in strengths:
                use = vary.model_copy(update={"strength": strength})
                named = plan.model_copy(update={"name": name(plan.name, strengths, strength)})
                self.cells[named.name] = {"arm": plan.name, "strength": strength}
                out += session.worn([named], [use])
        for sentence in unused([vary], out) if any(strengths) else ():
            session.notice(sentence)
        session.plans, session.total = out, sum(plan.nfe for plan in out) * len(session.seeds)
        session.put_on([*draw.adapters, vary])

    def _cell(self, plan: Plan, images: Tensor) -> None:
        """Save one arm at one strength, and read it."""
        cell, request = self.cells[plan.name], self.request.model_dump(mode="json")
        cell |= {"images": list(self.session.kept(plan, images, "control", request)), "nfe": plan.nfe}
        if self.oracle is not None:
            self.readings[plan.name] = self.oracle.read(images)
            cell |= self._read(plan.name)
        elif self.judge is not None:
            self.sights[plan.name] = self.judge.read(images)
        self.job.event("cell", name=plan.name, **cell)
        self.job.result(self._result())

    def _read(self, cell: str) -> Json:
        """Mean amount of the attribute, and accuracy of what the prompt states and the adapter is not to move."""
        seen = self.readings[cell]
        found: Json = {}
        if self.attribute is not None:
            found["amounts"] = [round(v, 4) for v in self.attribute.read(seen).tolist()]
        moved = self.attribute.factors if self.attribute is not None else ()
        stated = {factor: value for factor, value in self.session.said.stated.items() if factor not in moved}
        if stated:
            right = torch.stack(list(correct(seen, stated, self.session.domain.factors).values())).all(0)
            found["accuracy"] = wilson(int(right.sum()), len(right)).to_dict()
        return found

    def _conclude(self) -> None:
        """What the adapter does to every arm; nothing where its attribute cannot be read or strengths are too few."""
        strengths = self.request.strengths
        near = [s for s in strengths if abs(s) <= NEAR]
        if self.measure is None and (self.oracle is None or self.attribute is None):
            if self.oracle is not None:
                self.session.notice(f"{self.entry.title} names no attribute that the oracle reads, so it has no slope.")
            return
        if 0.0 not in strengths or len(near) < 3:
            self.session.notice("A slope needs strength 0 and two more of at most 1.")
            return
        if self.measure is not None:
            self._judge(self.measure)
            return
        assert self.attribute is not None, "looked at above"
        if stated := [factor for factor in self.attribute.factors if factor in self.session.said.stated]:
            said = f"The prompt itself states {' and '.join(stated)}, which {self.entry.title} moves"
            self.session.notice(f"{said}; on prompts that leave it open it has more room.")
        self._board({"attribute": self.attribute}, self.readings, dict(self.session.said.stated), self.session.domain.factors)

    def _judge(self, measure: Measure) -> None:
        """The same by what a judge saw: amounts of every cell, and a row of the board."""
        strengths = self.request.strengths
        for cell, about in self.cells.items():
            still = self.sights[name(about["arm"], strengths, 0.0)]
            found = measure.amounts(self.sights[cell].features, still.features, about["strength"])
            about["amounts"] = [round(v, 4) for v in found.tolist()]
        self._board(measure.slider(), self.sights, {}, {})

    def _board(
        self, read: Json, seen: Mapping[str, Readings | Sight], stated: dict[str, str], factors: Mapping[str, Factor]
    ) -> None:
        """A row of the transfer board, of this adapter on every arm. read: what is measured; seen: by arm and strength."""
        strengths = self.request.strengths
        arms, at = (
            list(self.request.draw.arms),
            {self.session.pair.teacher.id: "teacher", self.session.pair.student.id: "student"},
        )
        cells = {arm: {s: {"": seen[name(arm, strengths, s)]} for s in strengths} for arm in arms}
        slider = {"id": self.entry.id, "title": self.entry.title, "base": at.get(self.entry.base, ""), "prompts": [""],
                  "kind": self.entry.card.get("kind", "slider"), **read, "cells": cells}  # fmt: skip
        row = board([slider], arms, {"": stated}, factors, self.session.domain.identity)["board"]["rows"][0]
        self.measured = plain(row["cells"])

    def _result(self) -> Json:
        what, session = self.attribute, self.session
        known = None if what is None else {"title": what.title, "low": what.low, "high": what.high, "unit": what.unit}
        return {
            "request": self.request.model_dump(mode="json"), "models": session.used(), "adapters": session.wardrobe.used(),
            "adapter": {"id": self.entry.id, "title": self.entry.title, "base": self.entry.base},
            "attribute": known if self.measure is None else self.measure.plain(),
            "labels": {arm: label(arm) for arm in self.request.draw.arms}, "cells": list(self.cells.values()),
            "measured": self.measured, "notices": session.notices, "versions": session.versions,
        }  # fmt: skip
