"""An endpoint for every kind of job, which queues one; kinds from elsewhere have theirs too."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.jobs.kinds import KINDS, Kind
from studio.ui.api.answers import Submitted
from studio.ui.api.checks import fields
from studio.ui.api.endpoint import Endpoint, schema
from studio.ui.kit.refusals import said

ELSEWHERE = ("fetch_model",)  # /download_model hands it a token, and looks first


def submitting(jobs: Jobs) -> Iterator[Endpoint]:
    for kind in KINDS.all():
        if kind.name not in ELSEWHERE:
            yield _of(jobs, kind)

    def start_job(job: dict) -> Submitted:
        """Queue a job of any kind. `job`: {"kind": "distill", …} with the fields of that kind's request beside it, as in a spec
        file; /kinds lists them."""
        asked = said(lambda: fields(job, "kind"))
        return _queued(jobs, asked.pop("kind", "distill"), asked)

    yield Endpoint("start_job", start_job)


def about(kind: Kind) -> str:
    """What a kind of job does: the first paragraph of the module that adds it, of its request where that adds several."""
    module = _adds(kind)
    alone = [_adds(other) for other in KINDS.all()].count(module) == 1
    text = inspect.getdoc(sys.modules[module] if alone else kind.config) or kind.title
    return " ".join(text.split("\n\n")[0].split())


def result_of(kind: Kind) -> Json | None:
    """JSON schema of what a finished run holds in "result"."""
    return None if kind.gives is None else schema(kind.gives)


def _adds(kind: Kind) -> str:
    own = kind.label.__module__
    return kind.config.__module__ if own == KINDS.__module__ else own


def _of(jobs: Jobs, kind: Kind) -> Endpoint:
    def submit(request: dict) -> Submitted:
        return _queued(jobs, kind.name, request)

    submit.__name__ = kind.name
    submit.__doc__ = f"{about(kind)} Queues a job of this kind and returns at once; /wait, /job and /events follow it."
    return Endpoint(kind.name, submit, {"request": schema(kind.config)}, result_of(kind))


def _queued(jobs: Jobs, kind: str, asked: Json) -> Submitted:
    run = said(lambda: jobs.submit(kind, asked))
    return {"run": run, "ahead": jobs.get(run).ahead}
