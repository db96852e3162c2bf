"""Runs of one kind, read for the page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from typing import ClassVar, Generic, Protocol, TypeVar

from studio.core.files import Json
from studio.jobs.info import RunInfo
from studio.jobs.jobs import Jobs
from studio.ui.kit.runs import RECENT
from studio.ui.kit.views import View, Views, finish


class DrawnView(View, Protocol):
    """A view of a run that a tab draws; `note` says how it ended."""

    state: str
    note: str


V = TypeVar("V", bound=DrawnView)


class Reader(ABC, Generic[V]):
    """Reads the runs of a tab; never changes one. KIND: of its runs. SHOWS: what the tab says it shows."""

    KIND: ClassVar[str]
    SHOWS: ClassVar[str]

    def __init__(self, jobs: Jobs):
        self.jobs = jobs
        self._views: Views[V] = Views(jobs.tail)

    def look(self, run_id: str) -> tuple[V, int]:
        """(the run as it is now, runs ahead of it). ValueError when there is no such run or it is of another kind."""
        info = self.jobs.get(run_id)
        if info.kind != self.KIND:
            raise ValueError(f"Run {run_id} is a {info.kind} job; this tab shows {self.SHOWS}.")
        view = self._views.look(run_id, lambda: self._new(run_id), lambda: self.jobs.result(run_id))
        if info.final and view.live:  # the index knows the end before the log does when a worker was killed
            view.state, view.note = info.state, info.note
            finish(view, self.jobs.result(run_id))
        return view, info.ahead

    def newest(self) -> Iterator[tuple[RunInfo, V]]:
        """The newest runs with their views; a folder that somebody edited by hand is not worth losing the others."""
        for info in self.jobs.list(kind=self.KIND, limit=RECENT):
            with suppress(ValueError, KeyError):
                yield info, self.look(info.id)[0]

    @abstractmethod
    def _new(self, run_id: str) -> V:
        """The view of a run before its first event."""


class AskedReader(Reader[V]):
    """Reads runs whose views follow from what was asked for, which may come from elsewhere than a run."""

    def _new(self, run_id: str) -> V:
        return self.made(run_id, self.jobs.spec(run_id).config)

    @abstractmethod
    def made(self, run_id: str, request: Json) -> V:
        """The view of a request before its first event. run_id: "" where no run has it."""
