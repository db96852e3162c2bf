"""Branches of a scrub: computed and stored once, equal to their parent where nothing changed, on a tiny pair."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.library.trace_header import read_header, traced
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from studio.workshop.traces import open_trace
from tests.capabilities.scrub.test_scrub import calls, events, execute
from tests.support.fixtures import PAIR

TEACHER = "tiny/teacher"
DRAW = {"prompt": "a red house at night", "pair": PAIR, "seeds": "0-2", "teacher_steps": 6,
        "arms": ["teacher", "student", "hybrid-1", "mask-BBBB"]}  # fmt: skip
STEPS = {"teacher": 6, "student": 4, "hybrid-1": 4, "mask-BBBB": 4}


@pytest.fixture(scope="module")
def warm() -> ModelCache:
    return ModelCache("cpu")


@pytest.fixture
def drawn(studio: Jobs, warm: ModelCache) -> str:
    return execute(studio, warm, draw=DRAW)


def branch_of(studio: Jobs, run_id: str, number: int = -1) -> str:
    return [arm for arm in traced(studio.paths.run(run_id)) if arm.startswith("branch-")][number]


def beliefs(studio: Jobs, run_id: str, arm: str) -> list[torch.Tensor]:
    trace = open_trace(studio.paths.run(run_id), arm)
    return [trace.beliefs(i) for i in range(len(trace.header.moments))]


def equal(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("arm", "step"), [("teacher", 0), ("teacher", 4), ("student", 2), ("hybrid-1", 1), ("hybrid-1", 3)])
def test_a_branch_that_changes_nothing_is_its_parent_bit_for_bit(
    studio: Jobs, warm: ModelCache, drawn: str, arm: str, step: int
) -> None:
    before = calls(warm)
    run_id = execute(studio, warm, source=drawn, branches=[{"arm": arm, "step": step}])
    assert calls(warm) - before == STEPS[arm] - step  # one call a step that is new, and none for the past
    name = branch_of(studio, run_id)
    assert equal(beliefs(studio, run_id, name), beliefs(studio, drawn, arm))
    header = read_header(studio.paths.run(run_id), name)
    parent = read_header(studio.paths.run(drawn), arm)
    assert header.moments[:step] == parent.moments[:step]  # the past is the parent's, files and all
    assert [moment.nfe for moment in header.moments] == [moment.nfe for moment in parent.moments]
    for ours, theirs in zip(header.moments[step:], parent.moments[step:], strict=True):
        assert ours.strip != theirs.strip
        assert studio.artifact(run_id, ours.strip).read_bytes() == studio.artifact(drawn, theirs.strip).read_bytes()
    models = {model: warm._open[model].thing for model in (TEACHER, PAIR)}
    again = list(open_trace(studio.paths.run(run_id), name).states(models, lambda x: x))
    assert equal(again, list(open_trace(studio.paths.run(drawn), arm).states(models, lambda x: x)))
    new = len(header.moments) - step
    evaluations = header.moments[-1].nfe - (header.moments[step - 1].nfe if step else 0)
    result = studio.result(run_id)
    assert result is not None
    assert result["evaluations"]["branches"] == evaluations * 3
    assert len([f for f in events(studio, run_id, "steps") if f["arm"] == name][0]["have"]) == len(header.moments) - new


def test_the_hybrid_made_by_hand_is_the_hybrid(studio: Jobs, warm: ModelCache, drawn: str) -> None:
    run_id = execute(studio, warm, source=drawn, branches=[{"arm": "mask-BBBB", "step": 1, "model": PAIR}])
    assert equal(beliefs(studio, run_id, branch_of(studio, run_id)), beliefs(studio, drawn, "hybrid-1"))


def test_a_student_goes_on_from_the_middle_of_a_teacher_on_its_own_points(studio: Jobs, warm: ModelCache, drawn: str) -> None:
    run_id = execute(studio, warm, source=drawn, branches=[{"arm": "teacher", "step": 2, "model": PAIR}])
    header = read_header(studio.paths.run(run_id), branch_of(studio, run_id))
    here = read_header(studio.paths.run(drawn), "teacher").moments[2].t
    assert [m.model for m in header.moments] == [TEACHER, TEACHER, *[PAIR] * (len(header.moments) - 2)]
    own = [m.t for m in header.moments[2:]]
    assert own[0] == here
    assert own[1:] == [t for t in (999, 749, 499, 249) if t < 0.98 * here]
    assert header.plan.segments[-1].rule == "lcm"
    assert torch.equal(beliefs(studio, run_id, header.arm)[1], beliefs(studio, drawn, "teacher")[1])


def test_a_teacher_goes_on_from_a_student_in_as_many_steps_as_asked(studio: Jobs, warm: ModelCache, drawn: str) -> None:
    wishes = [{"arm": "student", "step": 1, "model": TEACHER}, {"arm": "student", "step": 1, "model": TEACHER, "steps": 5}]
    run_id = execute(studio, warm, source=drawn, branches=wishes)
    short, long = (read_header(studio.paths.run(run_id), branch_of(studio, run_id, i)) for i in (0, 1))
    assert [m.t for m in short.moments] == [999, 749, 499, 249]
    assert {s.rule for s in short.plan.segments} == {"lcm"}
    assert [m.t for m in long.moments] == [999, 749, 599, 449, 300, 150]
    assert long.plan.segments[-1].rule == "ddim"
    assert long.plan.segments[-1].guidance == 4.0  # the teacher's own, as it takes steps of its own


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", [{"prompt": "a blue boat"}, {"guidance": 9}, {"steps": 2}, {"noise": 3, "eta": 1}, {"model": PAIR}]
)
def test_what_is_changed_changes_the_end_and_never_the_past(
    studio: Jobs, warm: ModelCache, drawn: str, change: dict[str, Any]
) -> None:
    run_id = execute(studio, warm, source=drawn, branches=[{"arm": "teacher", "step": 3, **change}])
    theirs, ours = beliefs(studio, drawn, "teacher"), beliefs(studio, run_id, branch_of(studio, run_id))
    assert equal(ours[:3], theirs[:3])
    assert not torch.equal(ours[-1], theirs[-1])
    about = studio.result(run_id)["branches"][branch_of(studio, run_id)]  # type: ignore[index]
    assert about["arm"] == "teacher"
    assert about["step"] == 3
    assert about["changed"] not in ("", "nothing changed")


def test_other_noise_of_a_student_is_another_end_from_the_same_state(studio: Jobs, warm: ModelCache, drawn: str) -> None:
    run_id = execute(studio, warm, source=drawn, branches=[{"arm": "student", "step": 1, "noise": n} for n in (1, 2)])
    models = {model: warm._open[model].thing for model in (TEACHER, PAIR)}
    parts = [open_trace(studio.paths.run(run_id), branch_of(studio, run_id, i)) for i in (0, 1)]
    at_one = [part.state(1, models, lambda x: x) for part in parts]
    assert torch.equal(*at_one)
    assert torch.equal(*(part.beliefs(1) for part in parts))
    assert not torch.equal(*(part.beliefs(2) for part in parts))


def test_branches_branch_again_and_take_everything_along(studio: Jobs, warm: ModelCache, drawn: str) -> None:
    first = execute(studio, warm, source=drawn, branches=[{"arm": "student", "step": 1, "prompt": "a boat"}])
    name = branch_of(studio, first)
    second = execute(studio, warm, source=first, branches=[{"arm": name, "step": 3}])
    folder = studio.paths.run(second)
    assert traced(folder) == [*DRAW["arms"], name, branch_of(studio, second)]
    assert equal(beliefs(studio, second, branch_of(studio, second)), beliefs(studio, first, name))
    moments = read_header(folder, branch_of(studio, second)).moments
    assert [moment.arm for moment in moments] == ["student", name, name, branch_of(studio, second)]
    result = studio.result(second)
    assert result is not None
    assert list(result["branches"]) == [name, branch_of(studio, second)]
    assert result["root"] == drawn


def test_a_request_may_draw_and_branch_at_once(studio: Jobs, warm: ModelCache) -> None:
    draw = {**DRAW, "arms": ["student"]}
    run_id = execute(studio, warm, draw=draw, branches=[{"arm": "student", "step": 2, "model": TEACHER, "guidance": 3}])
    header = read_header(studio.paths.run(run_id), branch_of(studio, run_id))
    assert [moment.model for moment in header.moments] == [PAIR, PAIR, TEACHER, TEACHER]
    table = json.loads(studio.artifact(run_id, "artifacts/timeline.json").read_bytes())
    assert set(table["arms"]) == {"student", header.arm}


def test_steps_that_do_not_fit_are_said(studio: Jobs, warm: ModelCache, drawn: str) -> None:
    wish = {"arm": "mask-BBBB", "step": 3, "model": TEACHER, "steps": 100}
    run_id = studio.submit("scrub", {"source": drawn, "branches": [wish | {"arm": "teacher", "step": 5}]})
    state, note = run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths))
    assert state == "failed"
    assert "100 steps do not fit" in note


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "refused"),
    [({"noise": 1}, True), ({"noise": 1, "eta": 0}, True), ({"noise": 1, "steps": 3}, True), ({"eta": 1}, False),
     ({"noise": 1, "eta": 0.5}, False), ({"noise": 1, "model": PAIR}, False)],
)  # fmt: skip
def test_other_noise_where_none_is_drawn_is_refused_before_anything_runs(
    studio: Jobs, drawn: str, change: dict[str, Any], refused: bool
) -> None:
    request = {"source": drawn, "branches": [{"arm": "teacher", "step": 3, **change}]}
    if refused:
        with pytest.raises(ValueError, match="nothing of teacher is random"):
            studio.submit("scrub", request)
    else:
        assert studio.submit("scrub", request)


def test_weights_that_changed_since_are_said(studio: Jobs, warm: ModelCache, drawn: str) -> None:
    folder = studio.paths.run(drawn)
    result = studio.result(drawn)
    assert result is not None
    result["models"][TEACHER]["hash"] = "0" * 12
    (folder / "result.json").write_text(json.dumps(result))
    run_id = execute(studio, warm, source=drawn, branches=[{"arm": "teacher", "step": 3}])
    notes = [event["text"] for event in events(studio, run_id, "notice")]
    assert any("has other weights now" in note for note in notes)
