"""The estimate before a run: evaluations as the objectives really make them, memory from file headers, time only if measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.capabilities.distill.request import DistillRequest
from studio.jobs.jobs import Jobs
from studio.jobs.paths import ROOT
from studio.library import costs
from studio.library.method_cards import objectives
from studio.library.models import load_registry
from studio.ui.app import assembled
from studio.ui.distill import estimate
from studio.ui.distill.draft import NO_PRESET
from tests.support.scripted_jobs import ScriptedTraining

CHANGES: dict[str, dict[str, Any]] = {
    "dmd2": {"timesteps": [999], "critic_updates": 3},
    "tdm": {"timesteps": [999], "guidance": 1.0},
    "sid": {"timesteps": [999]},
    "sim": {"timesteps": [999]},
    "sfd": {"forget": "left", "critic_updates": 3},
    "lcm": {},
    "segments": {},
    "progressive": {"start": 4, "steps": 4},
    "guided": {},
    "regression": {"pairs": 16, "pair_steps": 4},
    "reward": {"timesteps": [999]},
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_evaluations_are_those_the_objective_makes(name: str) -> None:
    from studio.core.method import Streams
    from studio.core.trainer import Trainer, TrainerConfig
    from studio.methods.distill import METHODS
    from tests.support.tiny_world import Blobs, TinyNetwork, teacher

    method_class: Any = METHODS.get(name)
    config = method_class.Config.model_validate({"batch": 8, **CHANGES[name]})
    rows = {"n": 0}
    given = teacher()
    method = method_class(config, Streams(0), given, Blobs())
    trainer = Trainer(method, TrainerConfig(steps=2))
    forward = TinyNetwork.forward

    def counting(self: Any, x: Any, t: Any, cond: Any) -> Any:
        rows["n"] += len(x)
        return forward(self, x, t, cond)

    patch = pytest.MonkeyPatch()
    patch.setattr(TinyNetwork, "forward", counting)
    try:
        steps = iter(trainer.run())
        next(steps)
        first = rows["n"]
        next(steps)
    finally:
        patch.undo()
    known = estimate.cost(name, config.model_dump())
    assert known is not None
    assert (rows["n"] - first) / 8 == known.each
    if name == "regression":
        assert first - 8 * known.each == known.once


def test_every_objective_is_counted_and_an_unknown_one_is_not_guessed() -> None:
    from studio.methods.distill import METHODS

    ours = {name for name, cls in METHODS.all().items() if cls.__module__.startswith("studio.")}  # other tests add toys
    assert ours <= set(estimate.COSTS)
    assert estimate.cost("brand-new", {}) is None
    assert estimate.cost("dmd2", {"batch": 8}) is None  # settings it cannot count with


def test_parameters_are_read_from_headers_alone() -> None:
    assert 1e5 < estimate.parameters(ROOT / "assets" / "nano" / "teacher") < 1e8
    assert estimate.parameters(Path("/nowhere")) == 0


def test_seconds_are_said_only_when_they_were_measured(jobs: Jobs) -> None:
    schema = objectives(jobs.paths)["distill"]["methods"]["lcm"]["schema"]  # type: ignore[index]
    settings = {name: prop["default"] for name, prop in schema["properties"].items()}
    said = estimate.sentences(jobs, "test/teacher", "lcm", settings, 1000)
    assert said[0] == "4 network evaluations per sample and step (teacher 2, target 1, student 1); 128,000 in all."
    assert "not known yet" in said[-1]
    worker = ScriptedTraining(jobs)
    worker.start()
    run = jobs.submit("distill", {"name": "a", "teacher": "test/teacher", "objective": "lcm", "steps": 20, "settings": settings})
    list(jobs.follow(run))
    worker.stop()
    said = estimate.sentences(jobs, "test/teacher", "lcm", settings, 1000)[-1]
    assert said == "About 4 min and 812 MB here, from the last such run on this machine: 4 min of training."
    other = estimate.sentences(jobs, "test/teacher", "lcm", {**settings, "batch": 8}, 1000)[-1]
    assert "will differ" in other
    assert "not known yet" in estimate.sentences(jobs, "test/teacher", "dmd2", settings, 10)[-1]


def test_a_trial_is_offered_until_something_like_it_was_measured(jobs: Jobs) -> None:
    tab = assembled(jobs).distill
    opened = tab.opened(wish={"teacher": "test/teacher", "objective": "lcm", "steps": 20})
    values = {tab.fields.teacher: "test/teacher", tab.fields.preset: NO_PRESET, tab.fields.name: "a", tab.fields.steps: "20",
              tab.live: opened[tab.live]}  # fmt: skip
    assert opened[tab.trial.button].visible
    begun = tab.measure(values)
    run = jobs.get(begun[tab.trial.run_id])
    assert (run.kind, run.lane) == ("trial", "interactive") and begun[tab.trial.timer]["runs"]
    waiting = tab.measured(values | {tab.trial.run_id: run.id})
    assert "Measuring a few steps of it" in waiting[tab.trial.line] and tab.cost not in waiting
    jobs.cancel(run.id)
    ended = tab.measured(values | {tab.trial.run_id: run.id})
    assert "It could not be measured" in ended[tab.trial.line] and ended[tab.trial.run_id] == ""
    with pytest.raises(ValueError, match="There is no run"):
        jobs.get(run.id)
    asked = DistillRequest(name="a", teacher="test/teacher", objective="lcm", steps=20)
    entry, known = load_registry(jobs.paths).get("test/teacher"), objectives(jobs.paths)
    costs.keep(jobs.paths, costs.priced("distill", asked, entry, known), costs.Cost("cpu", 0.5, 5, True))
    shown = tab.count(values)
    assert "About 10 s here, from 5 steps measured on this machine" in shown[tab.cost]
    assert not shown[tab.trial.button].visible
    timed = tab.count(values | {tab.fields.steps: "20 min"})
    assert "20 min is 2,400 steps" in timed[tab.cost]


def test_memory_and_time_follow_the_form(jobs: Jobs) -> None:
    schema = objectives(jobs.paths)["distill"]["methods"]["dmd2"]["schema"]  # type: ignore[index]
    settings = {name: prop["default"] for name, prop in schema["properties"].items()} | {"batch": 8}

    def said(**request: Any) -> str:
        return " ".join(estimate.sentences(jobs, "nano/teacher", "dmd2", settings, 1000, request))

    def memory(**request: Any) -> float:
        entry, known = load_registry(jobs.paths).get("nano/teacher"), estimate.cost("dmd2", settings)
        assert known is not None
        found = estimate.memory(entry.folder, known, settings, request)
        assert found is not None
        return found.total

    assert "of memory at most" in said()
    assert "for the activations of a batch of 8; the program itself comes on top." in said()
    assert memory(form="adapters", rank=4) < memory()
    assert memory(trainer={"checkpointing": True}) < memory()
    assert memory(trainer={"accumulate": 2}) > memory()
    assert "10 million in all" in said(trainer={"accumulate": 100}), (
        "12.5 evaluations of 8 samples, in 1,000 steps of 100 micro-batches"
    )


def test_a_run_of_another_form_is_no_measure_of_time(jobs: Jobs) -> None:
    schema = objectives(jobs.paths)["distill"]["methods"]["lcm"]["schema"]  # type: ignore[index]
    settings = {name: prop["default"] for name, prop in schema["properties"].items()}
    worker = ScriptedTraining(jobs)
    worker.start()
    run = jobs.submit("distill", {"name": "a", "teacher": "test/teacher", "objective": "lcm", "steps": 20, "settings": settings})
    list(jobs.follow(run))
    worker.stop()

    def time(**request: Any) -> str:
        return estimate.sentences(jobs, "test/teacher", "lcm", settings, 1000, request)[-1]

    assert "About 4 min" in time(form="full", rank=None)
    assert "will differ" in time(form="adapters", rank=4)
    assert "will differ" in time(form="full", trainer={"checkpointing": True})
