"""Plans are data: built, checked, counted, cut and serialised without torch."""

import subprocess
import sys
from itertools import product

import pytest

from studio.core.recipe import Recipe
from studio.sampling.plan import (
    SUBSTEP,
    Plan,
    Segment,
    handover_plan,
    hybrid_plan,
    mask_plan,
    skip_first_plan,
    student_first_plan,
    student_plan,
    teacher_plan,
)

RECIPE = Recipe(
    teacher="t", teacher_hash="x", timesteps=(999, 759, 499, 259), rule="lcm", guidance=1.0, prediction="v", valid_steps=(4,)
)


def letters(plan: Plan) -> str:
    return "".join(("B" if s.model == "t" else "S") * len(s.timesteps) for s in plan.segments)


def times(plan: Plan) -> tuple[float, ...]:
    return tuple(t for s in plan.segments for t in s.timesteps)


@pytest.mark.parametrize("mask", ["".join(m) for m in product("BS", repeat=4)])
def test_every_mask_is_a_plan(mask):
    plan = mask_plan(mask, "t", "s", RECIPE, base_guidance=3.0)
    assert letters(plan) == mask
    assert times(plan) == RECIPE.timesteps
    assert plan.positions() == (0, 1, 2, 3)
    assert plan.nfe == 4 + mask.count("B")
    assert all(s.rule == "lcm" for s in plan.segments)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_named_arms_are_masks():
    assert letters(hybrid_plan("t", "s", RECIPE, 1)) == "BSSS"
    assert letters(hybrid_plan("t", "s", RECIPE, 4)) == "BBBB"
    assert letters(student_first_plan("t", "s", RECIPE)) == "SBBB"
    assert letters(student_plan("s", RECIPE)) == "SSSS"
    assert [len(s.timesteps) for s in hybrid_plan("t", "s", RECIPE, 2).segments] == [2, 2]


def test_skip_first_keeps_the_positions_of_the_grid():
    plan = skip_first_plan("s", RECIPE)
    assert times(plan) == (759, 499, 259)
    assert plan.positions() == (1, 2, 3)
    assert plan.nfe == 3
    assert mask_plan("S-S-", "t", "s", RECIPE).positions() == (0, 2)


def test_cost_counts_two_evaluations_only_under_real_guidance():
    for w, nfe in ((0.0, 3), (1.0, 3), (0.5, 6), (1.5, 6), (7.5, 6)):
        assert teacher_plan("t", (900, 600, 300), guidance=w).nfe == nfe


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_handover_on_the_grid_with_its_own_points_is_the_hybrid(k):
    plan = handover_plan("t", "s", RECIPE, RECIPE.timesteps[k], k)
    assert plan.segments == hybrid_plan("t", "s", RECIPE, k).segments


def test_a_handover_anywhere_with_substeps():
    plan = handover_plan("t", "s", RECIPE, 600.0, 3, base_rule="ddim")
    assert times(plan) == (999, 866, 733, 600, 499, 259)
    # the student's step at 600 lands on 499 as its own step 1 would; base sub-steps land between grid points
    assert plan.positions() == (SUBSTEP, SUBSTEP + 1, SUBSTEP + 2, 1, 2, 3)
    on_grid = handover_plan("t", "s", RECIPE, 759.0, 3)
    assert on_grid.positions() == (SUBSTEP, SUBSTEP + 1, 0, 1, 2, 3)


def test_what_is_left_after_a_step():
    plan = hybrid_plan("t", "s", RECIPE, 2)
    rest = plan.after(1)
    assert letters(rest) == "BSS"
    assert rest.positions() == (1, 2, 3)
    assert times(rest) == (759, 499, 259)
    assert letters(plan.after(3)) == "S"
    assert plan.after(0).positions() == plan.positions()
    with pytest.raises(ValueError, match="0 to 3 would fit"):
        plan.after(4)


def test_positions_count_on_where_they_are_not_given():
    plan = Plan(
        name="p",
        segments=(
            Segment(model="t", rule="ddim", timesteps=(900, 800), positions=(4, 7)),
            Segment(model="s", rule="ddim", timesteps=(700, 600)),
        ),
    )
    assert plan.positions() == (4, 7, 8, 9)
    assert plan.models == ("t", "s")
    assert plan.steps == 4


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rule": "dimm"}, "Did you mean 'ddim'"),
        ({"timesteps": ()}, "at least one"),
        ({"timesteps": (1.0, 2.0)}, "decreasing"),
        ({"timesteps": (float("nan"),)}, "decreasing"),
        ({"timesteps": (5.0, -1.0)}, "none below 0"),
        ({"guidance": -1.0}, "guidance"),
        ({"guidance": float("inf")}, "guidance"),
        ({"eta": 1.5}, "eta"),
        ({"rule": "lcm", "eta": 0.5}, "has no eta"),
        ({"positions": (0,)}, "one from 0 up for each of 2"),
        ({"steps": 3}, "Extra inputs"),
    ],
)
def test_segments_that_cannot_run_are_refused_with_a_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        Segment.model_validate({"model": "t", "rule": "ddim", "timesteps": (900, 500), **change})


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: mask_plan("BSX?", "t", "s", RECIPE), "B .base., S .student. and - .left out. fit"),
        (lambda: mask_plan("BS", "t", "s", RECIPE), "4 letters"),
        (lambda: mask_plan("----", "t", "s", RECIPE), "not all of them"),
        (lambda: hybrid_plan("t", "s", RECIPE, 5), "0 to 4 would"),
        (lambda: skip_first_plan("s", RECIPE, 4), "0 to 3 would"),
        (lambda: student_plan("s", RECIPE, 7), "off this student's recipe"),
        (lambda: handover_plan("t", "s", RECIPE, 999.0, 1), "hand-over at t = 999"),
        (lambda: handover_plan("t", "s", RECIPE, 500.0, 0), "at least 1"),
        (lambda: handover_plan("t", "s", RECIPE, 990.0, 40), "fewer would"),
        (lambda: Plan(name="p", segments=()), "segments"),
    ],
)
def test_plans_that_cannot_exist_are_refused_with_a_sentence(build, sentence):
    with pytest.raises(ValueError, match=sentence):
        build()


def test_plans_need_no_torch():
    rooms = "studio.sampling.plan, studio.sampling.grids, studio.core.recipe, studio.families"
    code = f"import sys, {rooms}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
