"""Experiment files: the request of a run as YAML, saved from the page, dropped on it, or given to `python -m studio jobs run`."""

from __future__ import annotations

from pathlib import Path

from studio.core.explain import explain
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.jobs.kinds import KINDS
from studio.jobs.spec_file import read_submission

ENDINGS = (".yaml", ".yml", ".json")


def is_experiment(path: str | None) -> bool:
    """Whether a file is taken for one, by its name."""
    return str(path or "").lower().endswith(ENDINGS)


def read_experiment(jobs: Jobs, path: str) -> tuple[str, Json]:
    """(kind, request with everything that was left out) of a file. ValueError in one sentence.

    A sweep makes several runs, and a form holds one. What is checked is the request and its models; that a name is free, only
    when it is submitted.
    """
    file = Path(path)
    found = read_submission(file)
    if found.sweep is not None:
        raise ValueError(f"{file.name} is a sweep and makes several runs; python -m studio jobs submit takes it.")
    kind = KINDS.get(found.kind)
    try:
        context = {**jobs.stock.context(jobs.paths), "home": jobs.paths}
        request = kind.config.model_validate(found.config, context=context)
    except ValueError as error:
        raise ValueError(f"{file.name}: {explain(error, kind.config)}") from error
    return found.kind, request.model_dump(mode="json")
