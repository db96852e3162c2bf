"""What a training will take here, as one sentence for forms and the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from studio.core.explain import explain
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.jobs.kinds import KINDS
from studio.library import costs
from studio.library.method_cards import objectives
from studio.library.models import load_registry
from studio.library.training_request import TrainingRequest

NAME = "unnamed"  # of what nobody has named yet


@dataclass(frozen=True)
class Told:
    """sentence: of time and memory. same: whether it is of trainings like this one; a trial tells where it is not. pace: seconds
    a step where same."""

    sentence: str
    same: bool
    pace: float | None = None


def told(jobs: Jobs, kind: str, asked: Json) -> Told:
    """What is known of a request. ValueError in one sentence where it is none, or of a model that is not here."""
    config = KINDS.get(kind).config
    if not issubclass(config, TrainingRequest):
        raise ValueError(f"A job of kind {kind} trains nothing.")
    try:
        request = config.model_validate({**asked, "name": NAME})
    except ValueError as error:
        raise ValueError(explain(error, config)) from error
    entry, catalogue = load_registry(jobs.paths).get(request.trained_on), objectives(jobs.paths)
    what = costs.priced(kind, request, entry, catalogue)
    found = costs.known(jobs.paths, what, _device(jobs))
    if found is None:
        return Told("How long it takes is not known yet: nothing like it was measured on this machine.", False)
    cost, same = found
    if not same:
        near = f"{cost.step_s:.3g} s a step on {cost.device.upper()}"
        return Told(f"The last one like it took {near} on this machine, with other settings; this one will differ.", False)
    forecast = costs.forecast(cost, request, costs.settings(kind, request, entry, catalogue))
    return Told(costs.said(forecast), True, cost.step_s)


def _device(jobs: Jobs) -> str:
    """That trainings run on; "" where no worker has said it yet."""
    return str(jobs.status("batch").device or jobs.status("interactive").device or "")
