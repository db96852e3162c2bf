"""Branches and forks: nothing changed is the parent bit for bit, what is shared is computed once, hand-overs fit."""

import math

import pytest
import torch

from studio.core.domain import told
from studio.core.rng import INITIAL, noise
from studio.sampling.branch import REDRAWN, branched, forks
from studio.sampling.loop import finished, sample, sample_many
from studio.sampling.plan import Plan, Segment, hybrid_plan, mask_plan, student_plan, teacher_plan
from studio.sampling.prompts import encode_plans
from studio.sampling.record import Recorded
from studio.sampling.remedies import CADS
from studio.sampling.rules import RULES
from studio.sampling.segment import condition_key
from studio.sampling.steps import compiled
from studio.sampling.variants import with_cads, with_particles, with_prompt_noise, with_restarts, with_strength
from tests.sampling.test_loop import SEEDS, SHAPE, conds, models, recipe
from tests.support.gaussians import NONE, PROCESSES, gaussian, push
from tests.support.properties import given, settings, st

VP, FLOW = PROCESSES["vp"], PROCESSES["flow"]
GRID = (999.0, 759.0, 499.0, 259.0)


def run(plan, open_models=None, cond=None, **options):
    return list(sample(plan, open_models or models(), cond or conds(), SEEDS, SHAPE, **options))


HYBRID = hybrid_plan("t", "s", recipe("ddim"), 2)
PARENTS = [
    *(hybrid_plan("t", "s", recipe(rule), 2, base_guidance=3.0) for rule in RULES),
    with_cads(HYBRID), with_prompt_noise(HYBRID), with_particles(HYBRID, 1.0, 0.0), with_strength(HYBRID, "s", "t", 0.5),
    with_restarts(student_plan("s", recipe()), 300, 800, 2),
]  # fmt: skip


@pytest.mark.parametrize("plan", PARENTS, ids=lambda plan: f"{plan.name} {plan.segments[0].rule}")
def test_a_branch_that_changes_nothing_is_its_parent_bit_for_bit(plan):
    records = run(plan)
    for index in range(plan.steps):
        branch = branched(plan, index, "branch")
        open_models = models()
        ends = {name: r.after for name, r in sample_many([plan, branch], open_models, conds(), SEEDS, SHAPE) if r.last}
        assert torch.equal(ends["branch"], records[-1].after)
        assert sum(m.calls for m in open_models.values()) == sum(1 + bool(s.blend) for s in plan.segments for _ in s.timesteps)
        resumed = run(branch, resume=Recorded.at(records, index))
        assert [r.index for r in resumed] == list(range(index, plan.steps))
        for one, other in zip(resumed, records[index:], strict=True):
            assert torch.equal(one.x0, other.x0) and torch.equal(one.after, other.after)
            assert (one.nfe, one.t, one.position, one.steps) == (other.nfe, other.t, other.position, other.steps)


@given(mask=st.text("BS", min_size=4, max_size=4), index=st.integers(0, 3), rule=st.sampled_from(sorted(RULES)))
@settings(max_examples=30, deadline=None)
def test_any_mask_branched_anywhere_with_nothing_changed_ends_alike(mask, index, rule):
    plan = mask_plan(mask, "t", "s", recipe(rule), base_guidance=2.0)
    records = run(plan)
    assert torch.equal(finished(run(branched(plan, index), resume=Recorded.at(records, index))), records[-1].after)
    assert branched(plan, index).positions() == plan.positions()


CHANGES = {
    "model": {"model": "t"},
    "guidance": {"guidance": 4.0},
    "rule": {"rule": "euler-ancestral"},
    "eta": {"rule": "ddim", "eta": 0.7},
    "rho": {"rho": 0.5},
    "prompt": {"prompt": "another"},
    "remedy": {"remedies": (CADS(tau1=0.0, tau2=0.1),)},
    "blend": {"blend": {"model": "t", "weight": 0.5}},
    "noise": {"redraw": 1},
    "grid": {"timesteps": (600.0, 100.0, 50.0)},
}


def all_conds():
    return conds(**{condition_key(model, "another"): (push(-1.0), push(0.0)) for model in "st"})


@pytest.mark.parametrize("change", CHANGES)
def test_a_branch_shares_its_past_and_differs_from_there(change):
    plan = student_plan("s", recipe("lcm"))
    branch = branched(plan, 2, "branch", **CHANGES[change])
    records: dict[str, list] = {plan.name: [], "branch": []}
    for name, record in sample_many([plan, branch], models(), all_conds(), SEEDS, SHAPE):
        records[name].append(record)
    parent, child = records[plan.name], records["branch"]
    assert child[0].shared and torch.equal(child[0].x0, parent[0].x0)
    if change != "grid":  # another time for step 2 means landing elsewhere before it
        assert child[1].shared and torch.equal(child[2].x, parent[2].x)
    assert not torch.allclose(child[-1].after, parent[-1].after, atol=1e-3)
    if change != "grid":
        resumed = run(branch, cond=all_conds(), resume=Recorded.at(parent, 2))
        assert torch.equal(resumed[-1].after, child[-1].after)
        assert resumed[-1].nfe == child[-1].nfe == branch.nfe
    assert Plan.model_validate_json(branch.model_dump_json()) == branch


def test_the_prompt_of_a_branch_is_that_of_a_run_under_it():
    branch = branched(teacher_plan("t", GRID), 2, prompt="another")
    assert branch.conditions == (("t", "", ()), ("t", "another", ()))
    x = run(teacher_plan("t", GRID))[2].x
    expected = finished(sample(teacher_plan("t", GRID[2:]), models(), {"t": (push(-1.0), None)}, SEEDS, SHAPE, start=x))
    assert torch.equal(run(branch, cond=all_conds())[-1].after, expected)
    with pytest.raises(ValueError, match="no condition 't: another'; give one for each of t, t: another"):
        run(branch)


def test_prompts_of_segments_are_encoded_once_each():
    class Model:
        text_key = "one encoder"
        encoded: list = []

        def encode(self, said):
            self.encoded.append(tuple(one.text for one in said))
            return push(float(len(said[0].text)))

        def null(self, cond):
            return push(0.0)

    branch = branched(hybrid_plan("t", "s", recipe(), 2), 2, prompt="another")
    out = encode_plans([student_plan("s", recipe()), branch], {"t": Model(), "s": Model()}, told(["a prompt"]))
    assert set(out) == {"s", "t", "s: another"}
    assert Model.encoded == [("a prompt",), ("another",)]
    assert out["t"] is out["s"] and float(out["s: another"][0]["push"]) == 7


def test_a_branch_to_a_model_of_another_process_is_handed_over_at_the_same_noise_level():
    # The same Gaussian on both processes: the branch must not notice the change, resumed or not.
    both = {"vp": gaussian(VP, "v"), "flow": gaussian(FLOW, "flow")}
    cond = {"vp": NONE, "flow": NONE}
    plan = teacher_plan("vp", (900.0, 600.0, 300.0, 100.0)).model_copy(update={"final_t": 20.0})
    levels = [float(VP.noise_level(t)) for t in (600.0, 300.0, 100.0)]
    branch = branched(plan, 1, model="flow", timesteps=[float(FLOW.time_of(level)) for level in levels])
    branch = branch.model_copy(update={"final_t": float(FLOW.time_of(VP.noise_level(20.0)))})
    records = list(sample(plan, both, cond, SEEDS, SHAPE))
    scale = float(VP.alpha_sigma(20.0)[0]) / float(FLOW.alpha_sigma(branch.final_t)[0])
    for options in ({}, {"resume": Recorded.at(records, 1)}):
        ended = finished(sample(branch, both, cond, SEEDS, SHAPE, **options))
        assert torch.allclose(ended * scale, records[-1].after, atol=1e-5)


def test_adapters_may_change_in_a_branch():
    plan = branched(teacher_plan("t", GRID), 2, adapters=(("slider", 0.5),))
    assert [s.adapters for s in plan.segments] == [(), (("slider", 0.5),)]


# -- forks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["lcm", "tcd", "euler-ancestral"])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_forks_share_the_state_and_the_belief_and_differ_later(rule, index):
    plan, open_models = student_plan("s", recipe(rule)), models()
    out: dict[str, list] = {}
    for name, record in sample_many([plan, *forks(plan, index, 3)], open_models, conds(), SEEDS, SHAPE):
        out.setdefault(name, []).append(record)
    runs = list(out.values())
    assert open_models["s"].calls == (index + 1) + 4 * (3 - index)
    for other in runs[1:]:
        assert all(r.shared for r in other[: index + 1]) and not any(r.shared for r in other[index + 1 :])
        assert torch.equal(other[index].x0, runs[0][index].x0)
    ends = [records[-1].after for records in runs]
    for i in range(4):
        for j in range(i):
            assert not torch.allclose(ends[i], ends[j], atol=1e-3)


def test_forks_of_a_recorded_state_are_forks_of_the_run():
    plan = student_plan("s", recipe())
    records = run(plan)
    whole = {n: r.after for n, r in sample_many(forks(plan, 1, 2), models(), conds(), SEEDS, SHAPE) if r.last}
    open_models = models()
    stream = sample_many(forks(plan, 1, 2), open_models, conds(), SEEDS, SHAPE, resume=Recorded.at(records, 1))
    resumed = {n: r.after for n, r in stream if r.last}
    assert open_models["s"].calls == 1 + 2 * 2
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def spread_of_forks(plan: Plan, world: dict) -> float:
    """Variance of the sample given the state at the plan's first step, for data of deviation 0.4: every step is linear."""
    variance = 0.0
    for step in compiled(plan, world)[1]:
        alpha, sigma, w = step.call.here.alpha, step.call.here.sigma, step.weights
        gain = alpha * 0.16 / (alpha**2 * 0.16 + sigma**2)  # of x̂0 in x_t
        variance = (w.x + w.x0 * gain) ** 2 * variance + w.noise**2
    return variance


def falling(steps: int) -> Plan:
    times = [float(VP.time_of(14.0 * (0.03 / 14.0) ** (i / (steps - 1)))) for i in range(steps)]
    return teacher_plan("m", times)


def test_the_spread_between_forks_is_what_the_state_has_left_open():
    world = {"m": gaussian(VP, "v")}
    plan, index = falling(13), 5
    branches = forks(plan, index, 10, eta=1.0)
    ends = torch.stack([r.after for _, r in sample_many(branches, world, {"m": NONE}, [7], (3000,)) if r.last])
    assert float(ends.var(0).mean()) == pytest.approx(spread_of_forks(branches[0].after(index), world), rel=0.03)
    # with many steps that is the variance of the posterior p(x0 | x_t)
    fine = forks(falling(601), 240, 1, eta=1.0)[0].after(240)
    level = 14.0 * (0.03 / 14.0) ** 0.4
    assert spread_of_forks(fine, world) == pytest.approx(0.16 * level**2 / (0.16 + level**2), rel=0.03)


def test_a_deterministic_rest_cannot_be_forked_and_the_sentence_says_what_can():
    plan = teacher_plan("t", GRID)
    with pytest.raises(ValueError, match="draws no noise from step 1 on .ddim without eta.*eta=1"):
        forks(plan, 1, 4)
    with pytest.raises(ValueError, match="draws no noise"):
        forks(student_plan("s", recipe()), 1, 4, rho=0.0)
    for change in ({"eta": 1.0}, {"rule": "lcm"}, {"rule": "euler-ancestral"}):
        ends = [r.after for _, r in sample_many(forks(plan, 1, 2, **change), models(), conds(), SEEDS, SHAPE) if r.last]
        assert not torch.allclose(*ends, atol=1e-3)
    # once the first segment has been left behind, what follows decides
    late = Plan(name="p", segments=(Segment(model="t", rule="lcm", timesteps=GRID[:2]), teacher_plan("t", GRID[2:]).segments[0]))
    assert len(forks(late, 1, 2)) == 2
    with pytest.raises(ValueError, match="draws no noise from step 2"):
        forks(late, 2, 2)


def test_at_the_last_step_nothing_is_open_and_forks_cost_nothing():
    plan, open_models = student_plan("s", recipe()), models()
    ends = [r.after for _, r in sample_many([plan, *forks(plan, 3, 5)], open_models, conds(), SEEDS, SHAPE) if r.last]
    assert open_models["s"].calls == 4
    assert all(torch.equal(ends[0], end) for end in ends[1:])


def test_condition_noise_of_later_steps_is_redrawn_and_prompt_noise_belongs_to_the_seed():
    plan = teacher_plan("t", (990.0, 960.0, 500.0))
    for build, changes in ((with_cads, True), (with_prompt_noise, False)):
        a, b = (run(branched(build(plan), 1, redraw=k)) for k in (1, 2))
        assert torch.equal(a[1].x, b[1].x)
        assert torch.allclose(a[1].x0, b[1].x0, atol=1e-6) is not changes


def test_redrawn_noise_is_nobody_elses():
    plan = branched(student_plan("s", recipe()), 1, redraw=3)
    assert plan.positions() == (0, 3 * REDRAWN + 1, 3 * REDRAWN + 2, 3 * REDRAWN + 3)
    seeds = range(64)
    draws = [noise(seeds, p, (50,)).flatten() for p in (INITIAL, 0, 1, REDRAWN + 1, 2 * REDRAWN + 1)]
    table = torch.corrcoef(torch.stack(draws)) - torch.eye(len(draws))
    assert table.abs().max() < 0.08


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda p, r: branched(p, 4), "0 to 3 would fit"),
        (lambda p, r: branched(p, 1, redraw=-1), "redraw -1 does not fit"),
        (lambda p, r: branched(p, 1, guidance=-1), "guidance"),
        (lambda p, r: branched(p, 1, speed=3), "Extra inputs"),
        (lambda p, r: forks(p, 1, 0), "1 or more"),
        (
            lambda p, r: run(branched(p, 1, timesteps=(700.0,)), resume=Recorded.at(r, 1)),
            "begins at noise level 3.334 and .* at 4.261",
        ),
        (lambda p, r: run(teacher_plan("t", (999.0,)), resume=Recorded.at(r, 1)), "step 1 does not exist"),
        (lambda p, r: run(p, resume=Recorded.at(r, 1), start=r[0].x), "both a start and a recorded state"),
        (lambda p, r: run(p, resume=Recorded(1, torch.zeros(1, 3, 4), r[1].level, r[1].scale)), r"shape \(1, 3, 4\)"),
        (
            lambda p, r: run(branched(p, 0, rule="dpmpp-2m"), resume=Recorded(2, r[2].x, r[2].level, r[2].scale)),
            "looks back; give the x̂0 of the step before",
        ),
    ],
)
def test_branches_that_cannot_run_are_refused_with_a_sentence(call, sentence):
    plan = student_plan("s", recipe())
    with pytest.raises(ValueError, match=sentence):
        call(plan, run(plan))


def test_the_sum_of_many_forks_costs_what_the_loop_says():
    # 6 forks at each of 3 steps of a 4-step student: 1 prefix of 4 and 6 · (2 + ... ) evaluations behind the beliefs
    plan, open_models = student_plan("s", recipe()), models()
    plans = [plan, *(fork for index in range(3) for fork in forks(plan, index, 6))]
    list(sample_many(plans, open_models, conds(), SEEDS, SHAPE))
    assert open_models["s"].calls == 4 + 6 * (3 + 2 + 1)
    assert math.isclose(sum(p.nfe for p in plans), 4 * 19)
