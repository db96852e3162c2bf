"""Settings as a form: what a schema becomes, and what was typed becomes again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, Field

from studio.capabilities.distill.request import DistillRequest
from studio.jobs.jobs import Jobs
from studio.ui.distill import budget
from studio.ui.distill.draft import Drafts
from studio.ui.kit import schema_form
from tests.support.method_catalogue import OBJECTIVES
from tests.support.scripted_jobs import ScriptedTraining

SCHEMA: dict[str, Any] = OBJECTIVES["dmd2"]["schema"]


def field(name: str) -> schema_form.Field:
    return next(f for f in schema_form.fields(SCHEMA) if f.name == name)


def test_simple_settings_come_first_and_nothing_is_left_out() -> None:
    found = schema_form.fields(SCHEMA)
    assert {f.name for f in found} == set(SCHEMA["properties"])
    assert [f.name for f in found if f.simple] == ["timesteps", "guidance", "inputs", "batch", "lr"]
    assert not any(later.simple and not earlier.simple for earlier, later in zip(found, found[1:], strict=False))


def test_a_title_that_a_field_was_given_is_its_label_and_others_have_the_usual_one() -> None:
    class Config(BaseModel):
        warmth: float = Field(1.0, title="How warm")
        lr: float = Field(1e-3, title="Learning rate of the warmth")
        w_low: float = 1.0
        cold_start: bool = False

    labels = {f.name: f.label for f in schema_form.fields(Config.model_json_schema())}
    assert labels == {"warmth": "How warm", "lr": "Learning rate of the warmth", "w_low": "Least guidance",
                      "cold_start": "Cold start"}  # fmt: skip


@pytest.mark.parametrize("name", ["batch", "lr", "timesteps", "inputs", "guidance"])
def test_a_default_is_read_back_as_it_was(name: str) -> None:
    f = field(name)
    assert schema_form.read(f, schema_form.write(f.default) if f.kind != "choice" else f.default) == f.default


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("lr", "1.5e-4", 1.5e-4), ("batch", " 64 ", 64), ("timesteps", "[999; 499.5]", [999, 499.5]), ("batch", "", None)],
)
def test_what_is_typed_is_read_in_the_ways_people_type_it(name: str, text: str, value: Any) -> None:
    assert schema_form.read(field(name), text) == value


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [("batch", "many", "a number fits, like 32"), ("batch", "1.5", "whole number"), ("lr", "nan", "finite"),
     ("timesteps", "999, x", "numbers with commas")],
)  # fmt: skip
def test_what_cannot_be_read_is_said_in_one_sentence(name: str, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        schema_form.read(field(name), text)


def test_the_runs_own_fields_are_those_of_the_request() -> None:
    properties = DistillRequest.model_json_schema()["properties"]
    found = schema_form.fields({"properties": {name: properties[name] for name in schema_form.RUN_FIELDS}})
    kinds = {f.name: (f.kind, f.default) for f in found}
    assert kinds["sample_every"] == ("whole", None)
    assert kinds["sinks"] == ("choices", [])


# -- how long ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"), [("20 min", 1200), ("1.5 h", 5400), ("90s", 90), ("2 hours", 7200), ("1,5 h", 5400), ("400", None)]
)
def test_a_time_is_read_as_people_write_it(text: str, seconds: float | None) -> None:
    assert budget.seconds(text) == seconds


def test_a_time_becomes_steps_only_with_a_measured_pace() -> None:
    assert budget.steps("20 min", pace=0.5) == 2400
    assert budget.steps("1 s", pace=30.0) == 1  # at least one
    assert budget.steps("2_000", pace=None) == 2000
    assert budget.said("20 min", 2400, 0.5) == "20 min is 2,400 steps, at the 0.5 s a step of the last such run."
    assert budget.said("2400", 2400, None) == ""
    with pytest.raises(ValueError, match="how long a step takes is not known yet"):
        budget.steps("20 min", pace=None)
    with pytest.raises(ValueError, match="Training steps is 'soon'"):
        budget.steps("soon", pace=0.5)


# -- the student's form --------------------------------------------------------------------------------------------------


def test_settings_of_a_form_that_was_not_chosen_are_not_asked_for(jobs: Jobs) -> None:
    drafts = Drafts(jobs)
    draft = drafts.of_request({"teacher": "test/teacher", "name": "pupil", "objective": "dmd2", "settings": {}})
    typed = {"form": "full", "rank": "8", "leave_out": "layers", "width": "0.5", "start": ""}
    assert {**drafts.request(replace(draft, student=typed))}.keys() & {"rank", "leave_out", "width", "start"} == set()
    assert drafts.request(replace(draft, student={**typed, "form": "adapters"}))["rank"] == 8
    smaller = drafts.request(replace(draft, student={**typed, "form": "smaller", "start": "test/lcm"}))
    assert (smaller["leave_out"], smaller["width"], smaller["start"]) == ("layers", 0.5, "test/lcm")
    assert "rank" not in smaller


def test_a_student_to_begin_with_stays_with_its_teacher(jobs: Jobs) -> None:
    drafts = Drafts(jobs)
    draft = drafts.of_request({"teacher": "test/teacher", "objective": "dmd2", "settings": {}, "start": "test/lcm"})
    assert draft.student["start"] == "test/lcm"
    assert "start" not in drafts.with_teacher(draft, "nano/teacher").student


def test_another_teacher_leaves_what_was_typed_over_the_preset(jobs: Jobs) -> None:
    drafts = Drafts(jobs)
    draft = drafts.with_preset(drafts.of_request({"teacher": "nano/teacher", "objective": "dmd2"}), "dmd2")
    typed = replace(draft, steps="77", settings={**draft.settings, "batch": "7", "inputs": "noised data"},
                    trainer={**draft.trainer, "warmup": "3"})  # fmt: skip
    for teacher, grid in (("pocket/teacher", [999, 749, 499, 249]), ("nano/teacher", [999, 599, 399, 199])):
        typed = drafts.with_teacher(typed, teacher)
        assert typed.settings["timesteps"] == grid
        assert (typed.steps, typed.settings["batch"], typed.settings["inputs"]) == ("77", "7", "noised data")
        assert (typed.trainer["warmup"], typed.trainer["checkpoint_every"]) == ("3", 50)
    chosen = drafts.with_preset(typed, "dmd2-mild")
    assert (chosen.steps, chosen.settings["batch"], chosen.trainer["warmup"]) == ("250", 32, 10)


def test_another_objective_leaves_the_steps_and_the_trainer_that_were_typed(jobs: Jobs) -> None:
    drafts = Drafts(jobs)
    draft = drafts.with_preset(drafts.of_request({"teacher": "nano/teacher", "objective": "dmd2"}), "dmd2")
    assert drafts.picked(draft, "lcm").steps == "500"  # its preset's, as nobody typed
    typed = replace(draft, steps="77", trainer={**draft.trainer, "warmup": "3"})
    away = drafts.picked(typed, "lcm")
    assert (away.steps, away.trainer["warmup"], away.preset) == ("77", "3", "lcm")
    back = drafts.picked(away, "dmd2")
    assert (back.steps, back.trainer["warmup"]) == ("77", "3")
    assert drafts.with_teacher(back, "pocket/teacher").steps == "77"


def test_minutes_become_steps_by_the_pace_of_an_earlier_run(jobs: Jobs) -> None:
    drafts = Drafts(jobs)
    draft = replace(drafts.of_request({"teacher": "test/teacher", "objective": "lcm", "settings": {}}), steps="1 min")
    with pytest.raises(ValueError, match="not known yet"):
        drafts.request(draft)
    worker = ScriptedTraining(jobs)
    worker.start()
    run = jobs.submit("distill", {**drafts.request(replace(draft, steps="20")), "name": "a"})
    list(jobs.follow(run))
    worker.stop()
    assert drafts.request(draft)["steps"] == 280  # 60 s at 0.214 s a step
    with pytest.raises(ValueError, match="not known yet"):  # a step with another batch takes another time
        drafts.request(replace(draft, settings={"batch": "8"}))
