"""What a run will take, from what was measured: the arithmetic, what counts as alike, and the words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from studio.capabilities.personalize.request import PersonalizeRequest
from studio.jobs.jobs import Jobs
from studio.library import costs
from studio.library.costs import Cost
from studio.library.models import load_registry

COST = Cost("cpu", 2.0, 5, True, memory_bytes=1_300_000_000, open_s=10.0, made_s=0.5, strip_s=3.0, first_s=0.5, again_s=0.25,
            ending=3.0)  # fmt: skip


def asked(**fields: Any) -> PersonalizeRequest:
    given = {"name": "a", "subject": "pocket/ink", "base": "nano/dmd2", "steps": 100, "n_kept": 40, "measure_seeds": 8}
    return PersonalizeRequest.model_validate({**given, "sample_every": 50, "measure_every": 25, **fields})


def test_every_part_is_counted() -> None:
    found = costs.forecast(COST, asked(), {})
    assert (found.before_s, found.steps_s) == (10 + 40 * 0.5, 200)
    # strips at 0, 50 and 100; four measurements of 8 pictures, the first dearer; the end is three of the first
    assert found.looks_s == 3 * 3 + 8 * (0.5 + 3 * 0.25 + 3 * 0.5)
    assert costs.said(found) == (
        "About 4 min and 1.3 GB here, from 5 steps measured on this machine: 30 s before the first step, 3 min of training, "
        "31 s drawing and measuring."
    )
    bare = costs.forecast(COST, asked(sample_every=0, measure_every=0), {})
    assert bare.looks_s == 0
    run = costs.forecast(replace(COST, trial=False, memory_bytes=None), asked(), {})
    assert costs.said(run).startswith("About 4 min here, from the last such run on this machine: ")
    assert [costs.span(s) for s in (0.2, 99, 700, 9000)] == ["1 s", "99 s", "12 min", "2.5 h"]


def test_stages_are_counted_by_what_a_setting_says_of_them() -> None:
    cost = replace(COST, stages={"undo_steps": 0.5, "patches": 9.0})
    assert costs.forecast(cost, asked(), {"undo_steps": 300}).before_s == 10 + 40 * 0.5 + 150


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"steps": 7, "seed": 3, "subject": "pocket/poster", "measure_seeds": 4}, True),
        ({"settings": {"lr": 0.5}}, True),
        ({"settings": {"replay": 0.0}}, False),  # a part of the loss is off
        ({"settings": {"batch": 64}}, False),
        ({"trainer": {"accumulate": 2}}, False),
        ({"trainer": {"warmup": 3}}, True),
        ({"method": "own-timesteps"}, True),  # the recommended one
        ({"method": "pso"}, None),
        ({"base": "nano/lcm"}, None),
    ],
)
def test_what_has_a_price_decides_what_is_alike(jobs: Jobs, changed: dict[str, Any], same: bool | None) -> None:
    schema = {"properties": {"lr": {"type": "number", "default": 0.1}, "replay": {"type": "number", "default": 3},
                             "batch": {"type": "integer", "default": 8}}}  # fmt: skip
    catalogue = {"personalize": {"methods": {"own-timesteps": {"schema": schema}, "pso": {"schema": schema}}}}

    def what(request: PersonalizeRequest) -> dict[str, Any]:
        return costs.priced("personalize", request, load_registry(jobs.paths).get(request.base), catalogue)

    costs.keep(jobs.paths, what(asked()), COST)
    found = costs.known(jobs.paths, what(asked(**changed)))
    assert (None if found is None else found[1]) == same
    assert costs.known(jobs.paths, what(asked()), "cuda") is None, "another device"


def test_what_was_not_seen_again_stays_and_other_machines_do_not_count(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    what = {"kind": "personalize", "model": "nano/dmd2", "method": "pso"}
    costs.keep(jobs.paths, what, COST)
    costs.keep(jobs.paths, what, Cost("cpu", 1.0, 300, False))
    found = costs.known(jobs.paths, what)
    assert found is not None and (found[0].step_s, found[0].trial, found[0].made_s) == (1.0, False, 0.5)
    (file,) = (jobs.paths.cache / costs.FOLDER).iterdir()
    file.write_text("{")
    assert costs.known(jobs.paths, what) is None
    costs.keep(jobs.paths, what, COST)
    monkeypatch.setattr(costs, "machine", lambda: "another")
    assert costs.known(jobs.paths, what) is None
