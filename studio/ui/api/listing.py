"""What there is: runs, kinds of job, models, adapters, ControlNets, subjects, methods."""

from __future__ import annotations

from collections.abc import Iterator

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.jobs.kinds import KINDS
from studio.library.adapters import load_adapters
from studio.library.controlnets import load_controlnets
from studio.library.method_cards import listed, objectives
from studio.library.models import load_registry
from studio.library.subjects import subjects
from studio.ui.api.answers import Kind, Listed
from studio.ui.api.checks import limit as wanted
from studio.ui.api.endpoint import Endpoint, schema
from studio.ui.api.submitting import about, result_of
from studio.ui.kit.refusals import said


class Listing:
    def __init__(self, jobs: Jobs):
        self.jobs = jobs

    def endpoints(self) -> Iterator[Endpoint]:
        things = (self.models, self.adapters, self.controlnets, self.subjects, self.methods)
        for call in (self.runs, self.background, self.kinds, *things):
            yield Endpoint(call.__name__, call)

    def runs(self, limit: int = 20, kind: str = "compare") -> list[Listed]:
        """The newest runs of a kind, newest first; "" is of every kind. In a public demo they are those of whoever asks."""
        if kind:
            said(lambda: KINDS.get(kind))
        return self._listed(kind=kind or None, limit=limit)

    def background(self, limit: int = 20) -> list[Listed]:
        """The newest background jobs, newest first."""
        return self._listed(lane="batch", limit=limit)

    def _listed(self, kind: str | None = None, lane: str | None = None, limit: int = 20) -> list[Listed]:
        found = self.jobs.list(kind=kind, lane=lane, limit=said(lambda: wanted(limit)))
        return [{"run": info.id, "kind": info.kind, "title": info.title, "state": info.state, "note": info.note,
                 "created": info.created, "progress": self.jobs.progress(info.id)} for info in found]  # fmt: skip

    def kinds(self) -> list[Kind]:
        """The kinds of job there are, with the JSON schemas of what each takes and what it leaves."""
        return [{"kind": kind.name, "title": kind.title, "about": about(kind), "lane": kind.lane,
                 "request": schema(kind.config), "result": result_of(kind)} for kind in KINDS.all()]  # fmt: skip

    def models(self) -> list[Json]:
        """The models there are: id, role, teacher, size, steps, recipe, card, and why one is not available."""
        return [entry.plain() for entry in load_registry(self.jobs.paths).entries.values()]

    def adapters(self) -> list[Json]:
        """Sliders and LoRAs there are, trained here or brought."""
        return [entry.plain() for entry in load_adapters(self.jobs.paths).entries.values()]

    def controlnets(self) -> list[Json]:
        """ControlNets there are."""
        return [entry.plain() for entry in load_controlnets(self.jobs.paths).entries.values()]

    def subjects(self) -> list[Json]:
        """Subjects that models can be personalized to."""
        return [one.plain() for one in subjects(self.jobs.paths).values()]

    def methods(self) -> list[Json]:
        """Everything that trains: objectives of distillation, and methods of sliders, subjects, preferences, unlearning and
        ControlNets, each with its card and the JSON schema of its settings."""
        known = objectives(self.jobs.paths)
        assert known is not None, "built where there was none"
        return listed(known)
