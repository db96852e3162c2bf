"""What plans cost together is what the loop really computes, and never less."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from studio.core.recipe import Recipe
from studio.sampling import plan as plans
from studio.sampling.branch import forks
from studio.sampling.cost import Bill, bill
from studio.sampling.loop import sample_many
from studio.sampling.plan import Plan
from studio.sampling.variants import with_cads, with_particles
from tests.support.gaussians import PROCESSES, gaussian, push

T, S = "teacher", "student"
RECIPE = Recipe(teacher=T, teacher_hash="0" * 12, timesteps=(999, 749, 499, 249), rule="lcm", prediction="eps", valid_steps=(4,))


def masks() -> list[Plan]:
    words = [format(i, "04b").replace("0", "S").replace("1", "B") for i in range(16)]
    return [plans.mask_plan(word, T, S, RECIPE, name=word) for word in words]


SETS = {
    "masks": masks(),
    "teacher and hybrids": [
        plans.teacher_plan(T, (999, 600, 200), guidance=3.0), plans.student_plan(S, RECIPE),
        *(plans.hybrid_plan(T, S, RECIPE, k) for k in (1, 2)), plans.hybrid_plan(T, S, RECIPE, 1, 2.0, name="guided"),
        plans.skip_first_plan(S, RECIPE), plans.modulated(plans.student_plan(S, RECIPE), 1.5),
    ],
    "guidances and remedies": [
        plans.teacher_plan(T, (999, 600, 200), guidance=3.0), plans.teacher_plan(T, (999, 600, 200), name="unguided"),
        *(plans.hybrid_plan(T, S, RECIPE, 1, w, name=f"w = {w}") for w in (1.0, 2.0, 5.0)),
        with_particles(plans.hybrid_plan(T, S, RECIPE, 1), 2.0, 0.0),
        with_cads(plans.hybrid_plan(T, S, RECIPE, 1, 3.0), 0.0, 0.0),
    ],
    "embedded guidance": [
        plans.embedding(plans.hybrid_plan(T, S, RECIPE, 2, w, name=f"{w}, {told} to {model}"), told, [model])
        for w in (1.0, 3.0) for told, model in ((2.0, T), (5.0, T), (5.0, S))
    ],
    "forks": [p for i in (0, 2) for p in forks(plans.student_plan(S, RECIPE), i, 3)],
}  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_the_bill_is_what_the_loop_computes(name: str) -> None:
    found = bill(SETS[name])
    assert found.alone == sum(plan.nfe for plan in SETS[name])
    assert found.together == computed(SETS[name])


def computed(arms: Sequence[Plan]) -> int:
    """Network evaluations a sample, as the records of a real run tell them apart."""
    models = {name: gaussian(PROCESSES["vp"]) for name in (T, S)}
    cond = {name: (push(0.2), push(0.0)) for name in models}
    return sum(record.computed for _, record in sample_many(arms, models, cond, [1, 2], (2,), apart=True))


def test_masks_that_begin_alike_cost_30_instead_of_64() -> None:
    assert bill(masks()) == Bill(64, 30)
