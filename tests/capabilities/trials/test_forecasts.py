"""Forecasts from trials against the runs themselves, on nano, in seconds of the processor: other work on the machine counts for
nothing. And the arithmetic of rounds."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from studio.core import trainer
from studio.core.trainer import Progress
from studio.jobs.jobs import Jobs
from studio.jobs.kinds import KINDS
from studio.library import costs
from studio.library.method_cards import objectives
from studio.library.models import load_registry
from studio.worker import run_job
from studio.workshop.training import clock
from studio.workshop.training.rounds import Rounds
from tests.capabilities.trials.test_trial import known, tried

NANO = {"subject": "pocket/striped-balloon", "steps": 40, "n_kept": 96, "measure_every": 40, "sample_every": 40}
CASES: dict[str, dict[str, Any]] = {
    "de-distill": {"base": "nano/dmd2", "measure_seeds": 16, "settings": {"undo_steps": 120}},
    "echo-distill": {"base": "nano/dmd2", "measure_seeds": 8, "settings": {"echo_from": 0.3}},
    "sine": {"base": "nano/teacher", "measure_seeds": 4, "settings": {"mode": "patches", "patches": 200, "edits": "a red house"}},
}


USUAL = ("sine",)


@pytest.mark.learning
@pytest.mark.parametrize("method", list(CASES))
def test_a_forecast_is_near_the_run(jobs: Jobs, method: str, long: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if method not in USUAL and not long:
        pytest.skip("one case of three, unless --long is given")
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=time.process_time))
    monkeypatch.setattr(trainer, "time", SimpleNamespace(perf_counter=time.process_time))
    objectives(jobs.paths)
    asked = {**NANO, **CASES[method], "method": method, "name": "one"}
    tried(jobs, "personalize", {**NANO, "base": "nano/dmd2", "n_kept": 12, "measure_seeds": 4, "name": "warm"})  # as workers are
    assert tried(jobs, "personalize", asked)[0] == ("done", "")
    found = known(jobs, "personalize", asked)
    assert found is not None and found[1]
    whole: Any = KINDS.get("personalize").config.model_validate(asked)
    given = costs.settings("personalize", whole, load_registry(jobs.paths).get(whole.base), objectives(jobs.paths))
    said = costs.forecast(found[0], whole, given).seconds
    run_id, begun = jobs.submit("personalize", asked), time.process_time()
    assert run_job(jobs.paths.run(run_id), registry=load_registry(jobs.paths)) == ("done", "")
    took = time.process_time() - begun
    assert took / 1.5 < said < 1.5 * took, f"{said:.1f} s were said, and it took {took:.1f} s"


def rounds(seconds: dict[int, float], starts: tuple[int, ...] = (0, 60, 100)) -> float:
    """seconds: of an update, by the step after it."""
    found = Rounds(lambda: starts)
    for step, s in seconds.items():
        found.add(Progress(step, starts[-1], {}, {}, s))
    return found.mean()


def test_a_run_takes_what_each_of_its_rounds_does() -> None:
    assert rounds({1: 9.0, 2: 1.0, 3: 3.0, 61: 9.0, 62: 4.0}) == pytest.approx(0.6 * 2 + 0.4 * 4)
    assert rounds({1: 9.0, 2: 1.0}) == 1.0, "a round that was not seen counts as the one before"
    assert rounds({61: 9.0, 62: 4.0}) == 4.0
    assert rounds({1: 9.0, 61: 4.0}) == pytest.approx(0.6 * 9 + 0.4 * 4), "alone, a first update counts"
    assert rounds({60: 1.0, 61: 2.0}, (0, 100)) == 2.0 and rounds({}) == 0.0
