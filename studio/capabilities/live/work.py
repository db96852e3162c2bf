"""Executing a live run: the newest wish is drawn, the others of its arms when no newer one comes for a while. In a worker.

It leaves the device to trainings while it waits, and ends for any run that waits for its lane: the page begins another when
somebody types again.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections import deque
from contextlib import closing
from dataclasses import replace

from studio.capabilities.live import wishes
from studio.capabilities.live.request import LiveRequest
from studio.capabilities.live.wishes import Wish
from studio.core.explain import count, explain
from studio.core.files import Json
from studio.jobs.run import Run
from studio.library.draw_request import CompareRequest, label
from studio.sampling.plan import Plan
from studio.workshop.session import Session
from studio.workshop.tools import Tools

PAUSE_S = 0.5  # without a newer wish, after which the others are drawn
LOOK_S = 0.003  # between looks at the newest wish: one `stat` each
STEP_S = 0.15  # between steps that are said
PASSING = 12  # texts typed over whose pictures are still there


class Live:
    """One run of the kind `live`."""

    def __init__(self, request: LiveRequest, run: Run[Tools]):
        self.request, self.job = request, run
        self.session = Session(request.draw, run)
        self.session.said = replace(
            self.session.said, notice=""
        )  # of half a word, when somebody types on; the canvas has its own
        self.texts: list[Json] = []
        self.took: list[float] = []  # ms of the first arm
        self.stale, self.ended = 0, ""
        self.arms: dict[str, Json] = {}  # what the canvas shows, by arm
        self.passing: deque[int] = deque()
        self.seen: wishes.Stamp | None = None  # of the file that holds the newest wish

    def run(self) -> Json:
        with self.session as session:
            session.open()
            session.wear()
            first, *others = session.plans
            self.job.state("running")
            wish: Wish | None = Wish(n=0, prompt=self.request.draw.prompt)
            while wish is not None:
                newer = self._text(wish, first, others) or self._next(wish)
                self.stale += max(0, newer.n - wish.n - 1) if newer else 0
                wish = newer
            return self._result()

    # -- wishes ----------------------------------------------------------------------------------------------------

    def _newer(self, wish: Wish) -> Wish | None:
        """The newest wish where there is one after this."""
        self.job.check()
        found = wishes.stamp(self.job.folder / wishes.WISH)
        if found is None or found == self.seen:
            return None
        newest, self.seen = wishes.newest(self.job.folder), found
        return newest if newest is not None and newest.n > wish.n else None

    def _within(self, wish: Wish, seconds: float) -> Wish | None:
        """A newer wish, as soon as it comes within this time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._leaving():
            if newer := self._newer(wish):
                return newer
            time.sleep(LOOK_S)
        return None

    def _next(self, wish: Wish) -> Wish | None:
        """The next wish; None when the run is to end."""
        with self.job.gate.lent(self.job.check):
            newer = self._within(wish, self.request.idle)
        if newer is None:
            self.ended = self._leaving() or f"Nothing was typed for {count(self.request.idle, 'second')}."
        return newer

    def _leaving(self) -> str:
        """Why the run has to end now, "" where it need not."""
        if self.job.leaving():
            return "The worker was asked to leave."
        return "Another run waited." if self.job.awaited() else ""

    # -- pictures --------------------------------------------------------------------------------------------------

    def _text(self, wish: Wish, first: Plan, others: list[Plan]) -> Wish | None:
        """Everything of one wish; the newer one that comes meanwhile. What cannot be drawn is said on the canvas."""
        try:
            request = self._asked(wish)
        except ValueError as error:
            self._show(wish, why=explain(error, CompareRequest))
            return None
        row: Json = {"wish": wish.n, "prompt": request.prompt, "arms": []}
        self._draw(wish, request, first, row, whole=True)
        self._pass(wish.n)
        if newer := self._within(wish, PAUSE_S):
            return newer
        for plan in others:
            if self._leaving():
                break
            if newer := self._draw(wish, request, plan, row):
                return newer
        self._keep(row)
        return None

    def _asked(self, wish: Wish) -> CompareRequest:
        """The request with this text, checked, and the session that draws it."""
        fields = self.request.draw.model_dump(mode="json") | {"prompt": wish.prompt}
        request = CompareRequest.model_validate(fields, context=self.job.tools.context())
        self.session.ask(request.prompt)
        return request

    def _draw(self, wish: Wish, request: CompareRequest, plan: Plan, row: Json, whole: bool = False) -> Wish | None:
        """One arm of a text, unless a newer wish comes meanwhile. whole: to its end all the same, so that something is seen while
        people type on."""
        begun = said = time.monotonic()
        self.session.plans = [plan]
        with closing(self.session.drawn()) as stream:
            for _, record in stream:
                if not whole and (newer := self._newer(wish)):
                    return newer
                if record.last:
                    samples = self.session.decoded(record.model, record.after)
                elif time.monotonic() - said > STEP_S:
                    said = time.monotonic()
                    self._show(wish, doing={"arm": plan.name, "step": record.index + 1, "steps": record.steps})
        folder, about = f"live/{wish.n}/{plan.name}", request.model_dump(mode="json")
        images = list(self.session.kept(plan, samples, "compare", about, folder))
        ms = round(1000 * (time.monotonic() - begun), 1)
        arm = {"arm": plan.name, "label": label(plan.name), "nfe": plan.nfe, "ms": ms, "images": images}
        row["arms"].append(arm)
        if whole:
            self.took.append(ms)
        self.arms[plan.name] = {**arm, "wish": wish.n, "prompt": request.prompt}
        self._show(wish)
        return None

    def _show(self, wish: Wish, why: str = "", doing: Json | None = None) -> None:
        said = {"wish": wish.n, "prompt": wish.prompt, "arms": list(self.arms.values()), "why": why, "doing": doing}
        wishes.show(self.job.folder, said | {"notice": self.session.said.notice or ""})

    def _pass(self, n: int) -> None:
        """Pictures of texts that were typed over go after a while: the canvas has others."""
        kept = {row["wish"] for row in self.texts}
        self.passing.append(n)
        while len(self.passing) > PASSING:
            old = self.passing.popleft()
            shown = {arm["wish"] for arm in self.arms.values()}
            if old in shown:
                self.passing.append(old)
                break
            if old not in kept:
                shutil.rmtree(self.job.folder / "artifacts" / "live" / str(old), ignore_errors=True)

    def _keep(self, row: Json) -> None:
        """A text at which typing paused stays in the run."""
        self.texts.append(row)
        self.job.event("text", **row)
        self.job.result(self._result())

    def _result(self) -> Json:
        session = self.session
        return {
            "request": self.request.model_dump(mode="json"), "models": session.used(), "adapters": session.wardrobe.used(),
            "notices": session.notices, "versions": session.versions, "texts": self.texts, "drawn": len(self.took),
            "stale": self.stale, "ms": round(statistics.median(self.took), 1) if self.took else None, "ended": self.ended,
        }  # fmt: skip
