"""Traces: what is kept of a run is enough to have every state of it again, to the last bit, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.domain import Said
from studio.core.recipe import Recipe
from studio.library import trace_header
from studio.sampling import plan as plans
from studio.sampling.loop import sample_many
from studio.sampling.plan import Plan, Segment
from studio.sampling.record import Record
from studio.sampling.rules import RULES
from studio.workshop import lossless, traces
from studio.workshop.traces import Recorder, open_trace
from tests.support.gaussians import PROCESSES, gaussian, push

SHAPE, SEEDS = (2, 4), [11, 5, 8]
GRID = (999.0, 759.0, 499.0, 259.0)


def models() -> dict[str, Any]:
    vp, flow = PROCESSES["vp"], PROCESSES["flow"]
    return {"t": gaussian(vp, "eps", mean=1.0), "s": gaussian(vp, "v", mean=-0.5, spread=0.1), "f": gaussian(flow, "x0")}


def recipe(rule: str, eta: float | None = None) -> Recipe:
    return Recipe(teacher="t", teacher_hash="x", timesteps=GRID, rule=rule, eta=eta, prediction="v", valid_steps=(4,))


def recorded(folder: Path, drawn: list[Plan], **options: Any) -> dict[str, list[Record]]:
    """Run plans with a recorder; their records by name."""
    known, found = models(), {plan.name: [] for plan in drawn}
    recorder = Recorder(folder, {plan.name: plan for plan in drawn}, SEEDS, Said("a prompt"))
    conds = {name: (push(0.5), push(0.0)) for name in known}
    for name, record in sample_many(drawn, known, conds, SEEDS, SHAPE, **options):
        recorder.add(name, record)
        found[name].append(record)
    return found


def same_states(folder: Path, name: str, records: list[Record]) -> bool:
    states = list(open_trace(folder, name).states(models(), lambda x: x))
    return len(states) == len(records) and all(torch.equal(a, r.x) for a, r in zip(states, records, strict=True))


CASES = [(rule, None) for rule in RULES] + [("ddim", 0.5), ("ddim", 1.0), ("tcd", 0.0), ("tcd", 1.0)]


@pytest.mark.parametrize(("rule", "eta"), CASES, ids=[f"{rule}-{eta}" for rule, eta in CASES])
def test_replayed_states_equal_the_run_bit_for_bit(tmp_path: Path, rule: str, eta: float | None) -> None:
    r = recipe(rule, eta)
    drawn = [
        plans.teacher_plan("t", tuple(float(t) for t in range(981, 0, -120)), rule, 4.0, eta=eta),
        plans.student_plan("s", r), plans.hybrid_plan("t", "s", r, 1, 3.0), plans.hybrid_plan("t", "s", r, 2, 3.0),
        plans.skip_first_plan("s", r), plans.student_first_plan("t", "s", r), plans.modulated(plans.student_plan("s", r), 0.5),
    ]  # fmt: skip
    records = recorded(tmp_path, drawn)
    for plan in drawn:
        assert same_states(tmp_path, plan.name, records[plan.name]), plan.name
        trace = open_trace(tmp_path, plan.name)
        assert all(torch.equal(trace.beliefs(r.index), r.x0) for r in records[plan.name])
        assert trace.header.exact
        assert trace.header.plan == plan


def test_a_hand_over_between_two_processes_is_replayed_as_well(tmp_path: Path) -> None:
    segments = (
        Segment(model="t", rule="ddim", timesteps=(900, 600)),
        Segment(model="f", rule="ddim", timesteps=(500, 200), eta=1),
    )
    records = recorded(tmp_path, [Plan(name="mixed", segments=segments)])
    assert same_states(tmp_path, "mixed", records["mixed"])


def test_shared_steps_are_kept_once_and_named_by_whoever_drew_them_first(tmp_path: Path) -> None:
    r = recipe("lcm")
    drawn = [plans.hybrid_plan("t", "s", r, 2), plans.hybrid_plan("t", "s", r, 1), plans.student_plan("s", r)]
    records = recorded(tmp_path, drawn)
    second = open_trace(tmp_path, "hybrid-1").header
    assert [(m.arm, m.at, m.row) for m in second.moments] == [
        ("hybrid-2", 0, 0), ("hybrid-1", 1, 0), ("hybrid-1", 2, 1), ("hybrid-1", 3, 2),
    ]  # fmt: skip
    assert second.moments[0].strip == "artifacts/hybrid-2/step-000.jpg"
    assert [m.nfe for m in second.moments] == [1, 2, 3, 4]
    assert same_states(tmp_path, "hybrid-1", records["hybrid-1"])
    assert trace_header.traced(tmp_path) == ["hybrid-2", "hybrid-1", "student"]  # as they were drawn


def test_a_large_arm_is_kept_in_half_precision_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "EXACT_BYTES", 4 * len(SEEDS) * 8 * 4)  # what four steps take
    r = recipe("lcm")
    teacher = plans.teacher_plan("t", (900, 700, 500, 300, 100))
    records = recorded(tmp_path, [plans.student_plan("s", r), teacher])
    assert open_trace(tmp_path, "student").header.exact
    trace = open_trace(tmp_path, "teacher")
    assert not trace.header.exact
    near = trace.state(4, models(), lambda x: x)
    assert torch.allclose(near, records["teacher"][4].x, atol=5e-3)
    assert not torch.equal(near, records["teacher"][4].x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_packing_loses_nothing_and_pays_where_steps_resemble_one_another(dtype: torch.dtype) -> None:
    g = torch.Generator().manual_seed(0)
    end, noise = torch.randn(4, 8, 8, generator=g), torch.randn(30, 4, 8, 8, generator=g)
    steps = (end + noise * torch.logspace(0, -6, 30)[:, None, None, None]).to(dtype)
    steps[0, 0, 0, :4] = torch.tensor([float("inf"), -0.0, float("nan"), 6e-8]).to(dtype)
    data = lossless.packed(steps)
    again = lossless.unpacked(data, steps.shape, dtype)
    assert again.numpy().tobytes() == steps.numpy().tobytes()
    assert len(data) < 0.75 * steps.numel() * steps.element_size()
    with pytest.raises(ValueError, match="would fit"):
        lossless.unpacked(data, (31, 4, 8, 8), dtype)
    with pytest.raises(ValueError, match="damaged"):
        lossless.unpacked(data[5:], steps.shape, dtype)


def test_damaged_beliefs_are_one_sentence(tmp_path: Path) -> None:
    recorded(tmp_path, [plans.student_plan("s", recipe("lcm"))])
    file = trace_header.trace_file(tmp_path, "student")
    raw = bytearray(file.read_bytes())
    raw[-40:] = bytes(40)
    file.write_bytes(raw)
    with pytest.raises(ValueError, match="states of student are damaged.*run it again"):
        open_trace(tmp_path, "student").beliefs(0)


def test_an_arm_that_was_not_kept_is_one_sentence(tmp_path: Path) -> None:
    recorded(tmp_path, [plans.student_plan("s", recipe("lcm"))])
    file = trace_header.trace_file(tmp_path, "student")
    for name, content in (("gone", None), ("half", file.read_bytes()[:40]), ("huge", b"\xff" * 64), ("empty", b"")):
        if content is not None:
            trace_header.trace_file(tmp_path, name).write_bytes(content)
        with pytest.raises(ValueError, match=f"states of {name} were not kept.*run it again"):
            open_trace(tmp_path, name)
    assert trace_header.traced(tmp_path) == ["student"]
    with pytest.raises(ValueError, match="has no step 4; 0 to 3 would fit"):
        open_trace(tmp_path, "student").state(4, models(), lambda x: x)
