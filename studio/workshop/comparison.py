"""Executing a comparison: draw all arms from one stream, save, measure, and say what was recovered. Runs in a worker."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from studio.core.domain import Domain, Oracle, Stated
from studio.core.files import Json, plain
from studio.jobs.run import Run
from studio.library.draw_request import CompareRequest, label
from studio.library.remedies import REMEDIES
from studio.library.trace_header import Moment
from studio.metrics import report
from studio.metrics.measures import MEASURES, manifold
from studio.sampling.loop import Record
from studio.sampling.plan import Plan
from studio.workshop.frames import Frames
from studio.workshop.judge import open_judge
from studio.workshop.judged_arms import JudgedArms
from studio.workshop.session import Session
from studio.workshop.tools import Tools
from studio.workshop.traces import Recorder, scheduled

if TYPE_CHECKING:
    from studio.core.domain import Readings

ALL_PREVIEWS = 8  # up to so many steps every step is previewed, beyond it every third and the last
PROMPT_RENDERS = 512  # samples of the world under the same prompt, for FD-oracle, precision and recall
NO_ORACLE = "There is no oracle for this kind of picture, so nothing is measured."
JUDGED = "No oracle reads these pictures: diversity is the"


class Comparison:
    """One run of the kind `compare`. Arms are finished one after another, in the order they were asked for."""

    def __init__(self, request: CompareRequest, run: Run[Tools]):
        self.request, self.job = request, run
        self.session = Session(request, run)
        self.frames = Frames(run, self.session.medium)
        self.readings: dict[str, Readings] = {}
        self.rows: list[Json] = []
        self.recovery: list[Json] = []
        self.domain = self.session.domain
        self.oracle: Oracle | None = None
        self.judged: JudgedArms | None = None  # reads where there is no oracle

    def run(self) -> Json:
        with self.session as session:
            session.open()
            if session.readable:
                self.oracle = self.frames.oracle = session.open_oracle()
                MEASURES.all()
                for sentence in MEASURES.problems():
                    session.notice(sentence)
            session.wear()
            session.hint()
            session.add()
            if self.oracle is None:
                self._without_oracle()
            self.job.state("running")
            plans = {plan.name: plan for plan in session.plans}
            recorder = Recorder(self.job.folder, plans, session.seeds, session.said, session.begins, session.away.text)
            for plan in session.plans:
                self.job.event("steps", arm=plan.name, steps=scheduled(plan, session.models))
            seconds = 0.0
            for arm, record in session.drawn():
                seconds = record.seconds + (seconds if record.index else 0.0)
                self._step(plans[arm], record, recorder.add(arm, record), seconds)
            self._conclude()
            return self._result()

    def _without_oracle(self) -> None:
        """A judge of pictures reads, and is named; samples of other media are not measured."""
        notice = self.session.notice
        if not self.session.medium.pictures:
            notice(NO_ORACLE)
            return
        judge = open_judge(self.job.tools.models)
        self.judged = JudgedArms(judge, self.session.text)
        words = self.judged.about.get("text")
        notice(f"{JUDGED} {judge.name} from seed to seed{f', and the prompt is read by the {words}' if words else ''}.")
        if judge.notice:
            notice(judge.notice)

    # -- while drawing ---------------------------------------------------------------------------------------------

    def _step(self, plan: Plan, record: Record, moment: Moment, seconds: float) -> None:
        """Report one step of one arm; on the last one, save and measure the arm."""
        self.session.count(plan, record)
        images = None
        if record.last:
            begun = time.perf_counter()
            images = self.session.decoded(record.model, record.after)
            seconds += time.perf_counter() - begun
        if self.request.previews and _previewed(record):
            self._preview(plan.name, record, moment, images)
        where = {"arm": plan.name, "step": record.index + 1, "steps": record.steps}
        self.job.progress(self.session.done, self.session.total, **where, eta_s=self.session.eta())
        if images is not None:
            self._finish(plan, images, seconds)

    def _preview(self, arm: str, record: Record, moment: Moment, images: Tensor | None) -> None:
        """Show a step; one that an earlier arm shares was decoded then."""
        if not self.frames.has(moment):
            self.frames.add(moment, self._believed(record) if images is None else images)
        self.job.event(
            "preview",
            arm=arm,
            step=record.index + 1,
            steps=record.steps,
            t=moment.t,
            level=moment.level,
            model=moment.model,
            strip=moment.strip,
            size=self.frames.side(moment),
            count=len(self.session.seeds),
        )

    def _believed(self, record: Record) -> Tensor:
        """What an oracle reads is drawn by the full autoencoder."""
        tiny = None if self.oracle is not None else self.session.tiny.preview(record.model, record.x0)
        return self.session.decoded(record.model, record.x0) if tiny is None else tiny

    def _finish(self, plan: Plan, images: Tensor, seconds: float) -> None:
        """Save the arm's pictures, measure them, keep what is finished in `result.json`."""
        arm, request = plan.name, self.request.model_dump(mode="json")
        saved = []
        for one in self.session.kept(plan, images, "compare", request):
            self.job.event("image", arm=arm, **one)
            saved.append(one)
        row = {"arm": arm, "label": label(arm), "plan": plan.model_dump(mode="json"), "nfe": plan.nfe,
               "seconds": round(seconds, 4), "seconds_per_image": round(seconds / len(self.session.seeds), 5),
               "images": saved, "measures": {}}  # fmt: skip
        self.rows.append(row)
        if self.oracle is not None:
            self.readings[arm] = self.oracle.read(images)
            row["measures"] = plain(self._measure({arm: self.readings[arm]})[arm])
        elif self.judged is not None:
            self.judged.read(arm, images)
            row |= {"measures": plain(self.judged.measured()[arm]), "figures_by": self.judged.judge.name}
        self.frames.save()
        keys = ("arm", "label", "nfe", "seconds_per_image", "measures", "figures_by")
        self.job.event("arm", **{key: row[key] for key in keys if key in row})
        self.job.result(self._result())

    # -- measuring -------------------------------------------------------------------------------------------------

    def _measure(self, readings: Mapping[str, Readings]) -> dict[str, Json]:
        return report.measure(
            readings,
            self.session.said.stated,
            self.domain.factors,
            self._reference(),
            world=self.domain.world(self.session.said.stated),
            value_factors={factor.reading: name for name, factor in self.domain.factors.items() if factor.reading},
        )

    def _reference(self) -> Tensor | None:
        """Oracle features of the world's own samples under the same prompt; only where there are seeds enough to use them."""
        if len(self.session.seeds) < manifold.LEAST:
            return None
        oracle, domain, stated = self.oracle, self.domain, self.session.said.stated
        assert oracle is not None, "measuring needs one"
        key, size_bytes = f"reference:{domain.name}:{oracle.shape}:{sorted(stated.items())}", 4 * PROMPT_RENDERS * 512
        return self.job.tools.models.keep(key, (id(oracle),), lambda: reference_features(oracle, domain, stated), size_bytes)

    def _conclude(self) -> None:
        """Measure all arms together and compute the sentences."""
        if self.oracle is None and self.judged is None:
            return
        measured = self._measure(self.readings) if self.judged is None else self.judged.measured()
        for row in self.rows:
            row["measures"] = plain(measured[row["arm"]])
        costs = {row["arm"]: row["nfe"] for row in self.rows}
        arms = [arm for arm in costs if not _reference(arm)]
        self.recovery = plain(self._recovered(arms, costs) if self.judged is None else self.judged.recovered(arms, costs))

    def _recovered(self, arms: Sequence[str], costs: Mapping[str, float]) -> list[Json]:
        stated = self.session.said.stated
        return report.recoveries(
            self.readings,
            stated,
            self.domain.factors,
            world=self.domain.world(stated),
            costs=costs,
            labels={arm: label(arm) for arm in self.readings},
            arms=arms,
        )

    def _result(self) -> Json:
        session = self.session
        return {
            "request": self.request.model_dump(mode="json"), "models": session.used(), "adapters": session.wardrobe.used(),
            "hints": [use.model_dump(mode="json") for use in self.request.hints], "arms": self.rows,
            "recovery": self.recovery, "notices": session.notices, "versions": session.versions,
            "dtypes": session.precisions(), "residency": session.placed.plan.sentence if session.placed.plan else "",
            **session.tiny.about,
            **({"additions": self.request.additions} if self.request.additions else {}),
            **({"figures_by": self.judged.about} if self.judged is not None else {}),
        }  # fmt: skip


def reference_features(oracle: Oracle, domain: Domain, stated: Stated, n: int = PROMPT_RENDERS) -> Tensor:
    """Oracle features [n, D] of `n` samples of the world in which only what the prompt states is pinned."""
    hands = domain.hands()
    return oracle.read(hands.samples(hands.items(n, 0, stated), oracle.shape)).features


def _reference(arm: str) -> bool:
    """Arms that recover nothing: the student, and teachers whatever their guidance."""
    return arm in ("teacher", "teacher-unguided", "student") or (arm in REMEDIES and REMEDIES[arm].on == "teacher")


def _previewed(record: Record) -> bool:
    return record.steps <= ALL_PREVIEWS or record.last or record.index % 3 == 0
