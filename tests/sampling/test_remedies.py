"""Remedies on Gaussians: neutral ones change nothing, active ones do what their formula says, cost is counted."""

import json
import math

import pytest
import torch

from studio.core.rng import INITIAL, generator, noise, randn
from studio.sampling.loop import finished, sample, sample_many
from studio.sampling.plan import Plan, Segment, hybrid_plan, student_plan, teacher_plan
from studio.sampling.remedies import CADS, ParticleGuidance, PromptNoise
from studio.sampling.remedies.base import Moment
from studio.sampling.remedies.condition_noise import noised
from studio.sampling.remedies.particles import repulsion
from studio.sampling.variants import with_cads, with_particles, with_prompt_noise, with_remedy
from tests.sampling.test_loop import SEEDS, SHAPE, Counted, conds, models, recipe
from tests.support.gaussians import NONE, PROCESSES, gaussian, mixture, push
from tests.support.properties import given, settings, st

VP = PROCESSES["vp"]
TOP = Moment(share=1.0, level=14.6, position=3)  # where CADS has drowned the condition and particles repel
NEUTRAL = {
    "cads": lambda plan: with_cads(plan, s=0.0),
    "cads that begins above the grid": lambda plan: with_cads(plan, 1.0, 1.0),
    "prompt noise": lambda plan: with_prompt_noise(plan, 0.0),
    "particles": lambda plan: with_particles(plan, 0.0),
    "particles above the grid": lambda plan: with_particles(plan, 0.5, low=1e6),
    "settings of strength 0": lambda plan: plan.model_copy(
        update={
            "segments": tuple(
                segment.part(0, len(segment.timesteps), remedies=(CADS(s=0), PromptNoise(s=0), ParticleGuidance(strength=0)))
                for segment in plan.segments
            )
        }
    ),
}


def hybrid(rule="lcm", w=3.0) -> Plan:
    return hybrid_plan("t", "s", recipe(rule), 2, base_guidance=w)


def states(plan, **options):
    return list(sample(plan, models(), conds(), SEEDS, SHAPE, **options))


@pytest.mark.parametrize("rule", ["lcm", "ddim", "dpmpp-2m"])
@pytest.mark.parametrize("name", NEUTRAL)
def test_a_neutral_remedy_is_none_bit_for_bit_and_costs_nothing(name, rule):
    plan, open_models = hybrid(rule), models()
    same = NEUTRAL[name](plan).model_copy(update={"name": "same"})
    assert not same.coupled or "above the grid" in name  # whether a level is reached is known only with the models
    for one, other in zip(states(plan), states(same), strict=True):
        assert torch.equal(one.x0, other.x0) and torch.equal(one.after, other.after)
    list(sample_many([plan, same], open_models, conds(), SEEDS, SHAPE))
    assert sum(m.calls for m in open_models.values()) == plan.steps  # the second arm asked nothing new


def remedied():
    return [
        with_cads(hybrid()),
        with_cads(hybrid(), 0.1, 0.5, 1.0, 0.3),
        with_prompt_noise(hybrid()),
        with_particles(hybrid()),
        with_particles(with_cads(with_prompt_noise(hybrid("ddim"))), 2.0, 0.0),
    ]


@pytest.mark.parametrize("plan", remedied(), ids=lambda plan: plan.name)
def test_an_active_remedy_changes_samples_and_no_cost(plan):
    counted = {name: Counted(d) for name, d in models().items()}
    records = list(sample(plan, counted, conds(), SEEDS, SHAPE))
    rule = plan.segments[0].rule
    assert any(not torch.allclose(r.x0, o.x0, atol=1e-2) for r, o in zip(records, states(hybrid(rule)), strict=True))
    assert sum(c.rows for c in counted.values()) == records[-1].nfe * len(SEEDS) == hybrid(rule).nfe * len(SEEDS)
    assert plan.nfe == hybrid(rule).nfe


@pytest.mark.parametrize("plan", remedied(), ids=lambda plan: plan.name)
def test_batches_change_nothing_and_order_only_the_order(plan):
    whole = states(plan)[-1].after
    for size in (1, 2):
        assert torch.allclose(states(plan, batch_size=size)[-1].after, whole, atol=1e-5)
    turned = finished(sample(plan, models(), conds(), SEEDS[::-1], SHAPE)).flip(0)
    assert torch.allclose(turned, whole, atol=1e-5)


@pytest.mark.parametrize("plan", remedied(), ids=lambda plan: plan.name)
def test_only_coupled_plans_depend_on_the_other_seeds(plan):
    alone = finished(sample(plan, models(), conds(), SEEDS[:1], SHAPE))
    together = states(plan)[-1].after[:1]
    assert torch.allclose(alone, together, atol=1e-5) is not plan.coupled


@given(
    s=st.floats(0, 2), taus=st.tuples(st.floats(0, 1), st.floats(0, 1)), psi=st.floats(0, 1), strength=st.floats(0, 5),
    low=st.floats(0, 20), rule=st.sampled_from(["lcm", "ddim", "tcd"]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_remedies_are_json(s, taus, psi, strength, low, rule):
    plan = with_particles(with_prompt_noise(with_cads(hybrid(rule), min(taus), max(taus), s, psi), s, psi), strength, low)
    again = Plan.model_validate(json.loads(plan.model_dump_json()))
    assert again == plan and hash(again.segments) == hash(plan.segments)


def test_a_plan_without_remedies_is_the_text_it_always_was():
    segment = student_plan("s", recipe()).model_dump(mode="json")["segments"][0]
    assert set(segment) == {"model", "rule", "timesteps", "guidance", "eta", "rho", "adapters", "positions"}


def test_arms_share_steps_until_a_remedy_begins_to_act():
    # below tau1 from the start: only the last two of four steps see the noise level where particles still act
    plans = [teacher_plan("t", (999, 759, 499, 259)), with_particles(teacher_plan("t", (999, 759, 499, 259)), 0.5, low=4.0)]
    plans.append(with_cads(plans[0], 0.2, 0.3))
    open_models = models()
    flags = {plan.name: [] for plan in plans}
    for name, record in sample_many(plans, open_models, conds(), SEEDS, SHAPE):
        flags[name].append(record.shared)
    # particles act from the first step on, but on the same network output; CADS asks the network something else
    assert flags[plans[1].name] == [False] * 4
    assert flags[plans[2].name] == [False] * 4
    late = with_cads(plans[0], 0.0, 0.6).segments[0]
    mixed = Plan(name="late", segments=(plans[0].segments[0].part(0, 2), late.part(2, 4)))
    open_models = models()
    shared = [r.shared for n, r in sample_many([plans[0], mixed], open_models, conds(), SEEDS, SHAPE) if n == "late"]
    assert shared == [True, True, False, False]
    assert open_models["t"].calls == 4 + 2


# -- CADS ----------------------------------------------------------------------------------------------------------


def test_the_schedule_of_cads():
    cads = CADS(tau1=0.4, tau2=0.8)
    assert [cads.gamma(t) for t in (0.0, 0.4, 0.5, 0.6, 0.8, 1.0)] == pytest.approx([1, 1, 0.75, 0.5, 0, 0])
    step = CADS(tau1=0.5, tau2=0.5)
    assert [step.gamma(t) for t in (0.49, 0.5, 0.51)] == [1, 1, 0]
    assert CADS(tau1=0.6, tau2=1.4).gamma(1.0) == pytest.approx(0.5)
    assert not cads.active(Moment(0.4, 1.0, 0)) and cads.active(Moment(0.41, 1.0, 0))


@pytest.mark.parametrize("w", [1.0, 4.0])
def test_cads_moves_the_belief_by_its_formula(w):
    # x̂0 is linear in the condition here; the null condition must stay as it is, so guidance multiplies the difference
    t = 749.0
    plan = teacher_plan("t", (t, 300.0), guidance=w)
    cads = with_cads(plan, 0.6, 0.9, s=0.5)
    one, other = (next(iter(sample(p, models(), conds(), SEEDS, SHAPE))) for p in (plan, cads))
    gamma = (0.9 - t / 999) / 0.3
    n = torch.stack([randn((1,), generator(seed, "cads 0 push")) for seed in SEEDS])
    expected = (math.sqrt(gamma) - 1) * 0.5 + 0.5 * math.sqrt(1 - gamma) * n
    assert torch.allclose(other.x0 - one.x0, (w * expected).reshape(-1, 1, 1).expand_as(one.x0), atol=1e-4)


def test_cads_draws_anew_at_every_step_and_prompt_noise_does_not():
    plan = teacher_plan("t", (990.0, 980.0))
    plain = next(iter(sample(plan, models(), conds(), SEEDS, SHAPE)))
    for build, constant in ((with_prompt_noise, True), (with_cads, False)):
        moved = []
        for position in (0, 1):
            segment = build(plan).segments[0].part(0, 1, positions=(position,))
            record = next(iter(sample(Plan(name="p", segments=(segment,)), models(), conds(), SEEDS, SHAPE)))
            moved.append((record.x0 - plain.x0).mean((1, 2)))
        assert torch.allclose(moved[0], moved[1], atol=1e-6) is constant
        assert (moved[0] - moved[0].flip(0)).abs().max() > 1e-3  # a seed of its own each


def tree():
    g = torch.Generator().manual_seed(0)
    return {
        "states": (3 + 2 * torch.randn(4, 5, 8, generator=g)).half(),
        "pooled": torch.randn(4, 6, generator=g),
        "time_ids": torch.full((4, 6), 512.0),
        "w": torch.full((4,), 3.0),
        "tokens": torch.arange(12).reshape(4, 3),
    }


@pytest.mark.parametrize("remedy", [CADS(s=0.7), PromptNoise(s=0.7)], ids=lambda remedy: remedy.kind)
def test_condition_noise_keeps_mean_deviation_and_dtype_of_every_sample(remedy):
    given = tree()
    out = remedy.condition(given, [1, 2, 3, 4], TOP)
    for name in ("time_ids", "w", "tokens"):
        assert out[name] is given[name]
    for name in ("states", "pooled"):
        before, after = given[name].float().flatten(1), out[name].float().flatten(1)
        assert out[name].dtype == given[name].dtype and not torch.equal(before, after)
        assert torch.allclose(after.mean(1), before.mean(1), atol=2e-3)
        assert torch.allclose(after.std(1), before.std(1), atol=2e-3)


def test_above_tau2_nothing_is_left_of_the_condition():
    rows = {"states": torch.randn(400, 3, 8, generator=torch.Generator().manual_seed(1))}
    out = CADS(s=0.1).condition(rows, range(400), TOP)["states"]
    centred = [x - x.mean((1, 2), keepdim=True) for x in (out, rows["states"])]  # rescaling gives the mean back
    assert abs(float((centred[0] * centred[1]).mean())) < 0.03
    half = CADS(s=1.0, psi=0.0).condition(rows, range(400), Moment(0.75, 4.0, 0))["states"]
    assert float((half * rows["states"]).mean()) == pytest.approx(math.sqrt(0.5), abs=0.03)
    assert float(half.var()) == pytest.approx(1.0, abs=0.03)


def test_condition_noise_belongs_to_seed_position_and_tensor():
    one = noised(tree(), [1, 2, 3, 4], "p", 1.0, 1.0, 0.0)
    other = noised({k: v[1:3] for k, v in tree().items()}, [2, 3], "p", 1.0, 1.0, 0.0)
    assert torch.equal(one["pooled"][1:3], other["pooled"])
    assert not torch.equal(one["pooled"], noised(tree(), [1, 2, 3, 4], "q", 1.0, 1.0, 0.0)["pooled"])
    same_shape = {"a": torch.zeros(1, 6), "b": torch.zeros(1, 6)}
    drawn = noised(same_shape, [1], "p", 1.0, 1.0, 0.0)
    assert not torch.equal(drawn["a"], drawn["b"])


def test_condition_noise_may_be_limited_to_some_tensors():
    given = tree()
    out = CADS(names=("pooled",)).condition(given, [1, 2, 3, 4], TOP)
    assert out["states"] is given["states"] and not torch.equal(out["pooled"], given["pooled"])
    with pytest.raises(ValueError, match="no tensor 'text'; states, pooled, time_ids, w, tokens would fit"):
        CADS(names=("text",)).condition(given, [1, 2, 3, 4], TOP)


def test_prompt_noise_spreads_the_beliefs_of_a_prompt_by_its_variance():
    plan = teacher_plan("t", (999.0, 500.0))
    seeds = range(600)
    plain, spread = (next(iter(sample(p, models(), conds(), seeds, (1,)))).x0 for p in (plan, with_prompt_noise(plan, 0.3)))
    assert float((spread - plain).var()) == pytest.approx(0.09, rel=0.15)


# -- particles -----------------------------------------------------------------------------------------------------


def test_a_pair_is_pushed_apart_along_its_difference():
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    # n = 2: h = d² / ln 2, so k = exp(−d² / h) = 1 / 2
    assert torch.allclose(repulsion(x), torch.tensor([[-1.5, -2.0], [1.5, 2.0]]))
    moved = ParticleGuidance(strength=0.1).belief(x, [[0, 1]], TOP)
    assert torch.allclose(moved, torch.tensor([[-0.15, -0.2], [3.15, 4.2]]))


def test_repulsion_is_the_gradient_of_the_potential():
    x = torch.randn(7, 3, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    distance = torch.cdist(x.flatten(1), x.flatten(1))
    h = float(distance[~torch.eye(7, dtype=torch.bool)].median() ** 2 / math.log(7))
    leaf = x.clone().requires_grad_()
    squares = ((leaf.flatten(1)[:, None] - leaf.flatten(1)[None]) ** 2).sum(-1)
    potential = -0.5 * (torch.exp(-squares / h).sum() - 7)
    (gradient,) = torch.autograd.grad(potential, leaf)
    assert torch.allclose(repulsion(x), gradient * h / 2)


def test_repulsion_leaves_the_mean_and_ignores_scale_and_shift():
    x = torch.randn(9, 4, 5, generator=torch.Generator().manual_seed(3))
    force = repulsion(x)
    assert force.sum(0).abs().max() < 1e-5
    assert torch.allclose(repulsion(10 * x + 3), 10 * force, atol=1e-4)
    assert torch.equal(repulsion(torch.ones(5, 3)), torch.zeros(5, 3))


def test_a_single_seed_and_low_noise_levels_are_left_alone():
    plan = teacher_plan("t", (999.0, 500.0, 200.0))  # levels 14.6, 1.6, 0.47
    alone = [finished(sample(p, models(), conds(), [4], SHAPE)) for p in (plan, with_particles(plan, 2.0))]
    assert torch.equal(*alone)
    gated, everywhere = with_particles(plan, 1.0), with_particles(plan, 1.0, low=0.0)
    start = noise(SEEDS, INITIAL, SHAPE)
    for p, moved in ((gated, False), (everywhere, True)):
        rest = [finished(sample(q.after(2), models(), conds(), SEEDS, SHAPE, start=start)) for q in (plan, p)]
        assert torch.equal(*rest) is not moved


def test_only_seeds_of_one_prompt_repel_each_other():
    plan, seeds = with_particles(teacher_plan("t", (999.0, 500.0)), 1.0), [1, 2, 3, 4, 5]
    each = {"push": torch.tensor([[0.1], [0.2], [0.1], [0.2], [0.1]])}
    together = finished(sample(plan, models(), {"t": (each, None)}, seeds, SHAPE, batch_size=2))
    for value, rows in ((0.1, [0, 2, 4]), (0.2, [1, 3])):
        apart = finished(sample(plan, models(), {"t": (push(value), None)}, [seeds[i] for i in rows], SHAPE))
        assert torch.allclose(together[rows], apart, atol=1e-5)


def test_repulsion_finds_more_modes():
    # Eight unequal modes in 64 dimensions, eight samples a set: independent ones miss rare modes.
    g = torch.Generator().manual_seed(0)
    centres = torch.randn(8, 64, generator=g).double()
    weights = torch.tensor([0.3, 0.2, 0.15, 0.1, 0.1, 0.07, 0.05, 0.03]).double()
    world = {"m": mixture(VP, centres, weights)}
    plan = teacher_plan("m", [999.0 - 80 * i for i in range(13)])

    def modes(plan: Plan) -> float:
        found = 0
        for first in range(0, 200, 8):
            x = finished(sample(plan, world, {"m": NONE}, range(first, first + 8), (64,)))
            found += torch.cdist(x.double(), centres).argmin(1).unique().numel()
        return found / 25

    assert modes(with_particles(plan, 1.0)) > modes(plan) + 0.4


# -- what does not fit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": "cads", "tau1": 0.9, "tau2": 0.6}, "tau1 0.9 and tau2 0.6 do not fit"),
        ({"kind": "cads", "tau2": 2.5}, "0 ≤ tau1 ≤ tau2 ≤ 2"),
        ({"kind": "cads", "s": -1}, "greater than or equal to 0"),
        ({"kind": "cads", "psi": 2}, "less than or equal to 1"),
        ({"kind": "prompt-noise", "s": math.inf}, "finite"),
        ({"kind": "particles", "strength": math.nan}, "greater than or equal to 0|finite"),
        ({"kind": "particle"}, "'cads', 'particles', 'prompt-noise'"),
        ({"kind": "particles", "s": 1}, "Extra inputs"),
    ],
)
def test_remedies_that_cannot_act_are_refused_with_a_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        Segment.model_validate({"model": "t", "rule": "ddim", "timesteps": (900, 500), "remedies": (change,)})


def test_each_kind_once():
    with pytest.raises(ValueError, match="cads, cads do not fit; each kind once"):
        with_cads(with_cads(hybrid()), s=0.1)


def test_a_remedy_may_be_limited_to_one_model():
    plan = with_remedy(hybrid(), CADS(), model="t")
    assert [len(segment.remedies) for segment in plan.segments] == [1, 0]
    assert gaussian(VP).prediction == "x0"
