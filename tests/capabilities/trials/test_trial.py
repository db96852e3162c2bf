"""A trial of a training: what is measured, what is kept of it, and that nothing else is left behind."""
# ruff: noqa: F811 - fixtures of other files

from __future__ import annotations

from typing import Any

import pytest

from studio.jobs.jobs import Jobs
from studio.jobs.kinds import KINDS
from studio.library import costs
from studio.library.adapters import load_adapters
from studio.library.method_cards import objectives
from studio.library.models import load_registry
from studio.worker import run_job
from tests.capabilities.distill.test_distill import here
from tests.capabilities.personalize.test_personalize import request, studio  # noqa: F401 - fixtures
from tests.capabilities.sliders import test_slider
from tests.capabilities.sliders.test_slider import hall, pair  # noqa: F401 - fixtures
from tests.support import toy_objective


def tried(studio: Jobs, kind: str, asked: dict[str, Any]) -> tuple[tuple[str, str], str]:
    run_id = studio.submit("trial", {"kind": kind, "request": asked})
    assert studio.get(run_id).lane == "interactive"
    return run_job(studio.paths.run(run_id), registry=load_registry(studio.paths)), run_id


def known(studio: Jobs, kind: str, asked: dict[str, Any]) -> tuple[costs.Cost, bool] | None:
    whole: Any = KINDS.get(kind).config.model_validate(asked)
    entry = load_registry(studio.paths).get(whole.trained_on)
    return costs.known(studio.paths, costs.priced(kind, whole, entry, objectives(studio.paths)))


def test_a_trial_measures_every_part_and_leaves_nothing_else(studio: Jobs) -> None:
    asked = request(steps=3000, n_kept=4000, measure_seeds=64, measure_every=None)
    assert known(studio, "personalize", asked) is None
    state, run_id = tried(studio, "personalize", asked)
    assert state == ("done", "")
    found = known(studio, "personalize", asked)
    assert found is not None and found[1]
    cost = found[0]
    assert (cost.trial, cost.steps, cost.device, len(cost.model_hash)) == (True, 5, "cpu", 12)
    assert cost.memory_bytes and cost.memory_bytes > 1e8
    parts = (cost.step_s, cost.open_s, cost.made_s, cost.strip_s, cost.first_s, cost.again_s)
    assert all(part is not None and part > 0 for part in parts)
    assert cost.ending and cost.ending > 1, "its family: a teacher and a hybrid"
    assert not (studio.paths.cache / "material").exists() and "mine/trial" not in load_adapters(studio.paths).entries
    left = {path.name for path in studio.paths.run(run_id).iterdir()}
    assert not left & {"checkpoints", "material", "picks"}
    other = known(studio, "personalize", {**asked, "settings": {"batch": 4}})
    assert other is not None and not other[1]
    same = known(studio, "personalize", {**asked, "settings": {"batch": 2, "lr": 3e-4}, "subject": "pocket/ink", "seed": 3})
    assert same is not None and same[1], "what has no price"
    assert known(studio, "personalize", {**asked, "base": "tiny/teacher"}) is None


def test_a_run_refines_what_a_trial_found(studio: Jobs) -> None:
    asked = request(steps=6, sample_every=3, measure_every=3, measure_seeds=4, n_kept=40)
    tried(studio, "personalize", asked)
    for name in ("first", "second"):
        run_id = studio.submit("personalize", {**asked, "name": name})
        assert here(studio, run_id) == ("done", "")
        found = known(studio, "personalize", asked)
        assert found is not None and found[1] and not found[0].trial
        assert found[0].made_s, "the second finds its prompts drawn, so their price stays as it was"


@pytest.mark.parametrize("kind", ["slider", "distill"])
def test_other_kinds_are_tried_as_well(kind: str, request: pytest.FixtureRequest) -> None:
    jobs: Jobs = request.getfixturevalue("hall" if kind == "slider" else "school")
    asked = test_slider.request(steps=400, n_scenes=400) if kind == "slider" else toy_objective.request(steps=4000)
    state, _ = tried(jobs, kind, asked)
    assert state == ("done", "")
    found = known(jobs, kind, asked)
    assert found is not None and found[1] and found[0].step_s > 0 and found[0].strip_s
    assert (found[0].first_s is None) == (kind == "distill"), "the toy has no oracle"


REFUSED = [
    ({"kind": "compare", "request": {}}, "A job of kind 'compare' trains nothing"),
    ({"kind": "personalise", "request": {}}, "There is no kind of job called 'personalise'. Did you mean 'personalize'?"),
    ({"kind": "personalize", "request": {"subject": "pocket/dog"}}, "There is no subject"),
    ({"kind": "personalize", "request": request(steps=0)}, "steps is 0; at least 1 fits."),
]


@pytest.mark.parametrize(("asked", "said"), REFUSED)
def test_a_trial_of_what_would_not_start_is_refused_in_one_sentence(studio: Jobs, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:
        studio.submit("trial", asked)
    assert said in str(error.value) and "\n" not in str(error.value)
