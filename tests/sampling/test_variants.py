"""Plans made of plans: interval, restarts, strength, blends. Exact where there is a closed form."""

import math

import pytest
import torch

from studio.core.rng import INITIAL, noise
from studio.sampling.loop import finished, sample, sample_many
from studio.sampling.plan import Plan, Segment, hybrid_plan, student_plan, teacher_plan
from studio.sampling.rules import RULES
from studio.sampling.variants import LOOP, with_adapter_strength, with_interval, with_restarts, with_strength
from tests.sampling.test_loop import SEEDS, SHAPE, Counted, conds, models, recipe
from tests.support.gaussians import NONE, PROCESSES, gaussian
from tests.support.properties import given, settings, st

VP, FLOW = PROCESSES["vp"], PROCESSES["flow"]
GRID = (999.0, 759.0, 499.0, 259.0)


def run(plan, open_models=None, **options):
    return list(sample(plan, open_models or models(), conds(), SEEDS, SHAPE, **options))


# -- guidance interval -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_an_interval_that_holds_no_step_is_no_guidance_and_one_that_holds_all_changes_nothing(rule):
    guided, plain = teacher_plan("t", GRID, rule, 4.0), teacher_plan("t", GRID, rule)
    outside, whole = with_interval(guided, 300, 450), with_interval(guided, 0, 999)
    assert torch.equal(run(outside)[-1].after, run(plain)[-1].after)
    assert (outside.nfe, whole.nfe) == (4, 8)
    assert whole.segments == guided.segments


@pytest.mark.parametrize("rule", ["ddim", "lcm", "dpmpp-2m"])
def test_guidance_acts_inside_the_interval_alone(rule):
    limited = with_interval(teacher_plan("t", GRID, rule, 4.0), 300.0, 759.0)
    counted = {name: Counted(d) for name, d in models().items()}
    records = list(sample(limited, counted, conds(), SEEDS, SHAPE))
    assert [r.nfe for r in records] == [1, 3, 5, 6]
    assert counted["t"].rows == limited.nfe * len(SEEDS) == 6 * len(SEEDS)
    parts = ((GRID[:1], 1.0), (GRID[1:3], 4.0), (GRID[3:], 1.0))
    by_hand = Plan(name="p", segments=tuple(Segment(model="t", rule=rule, timesteps=ts, guidance=w) for ts, w in parts))
    assert torch.equal(records[-1].after, run(by_hand)[-1].after)


def test_an_interval_leaves_unguided_segments_and_positions_alone():
    plan = hybrid_plan("t", "s", recipe(), 2, base_guidance=3.0)
    limited = with_interval(plan, 0, 800)
    assert limited.segments[-1] == plan.segments[-1]
    assert limited.positions() == plan.positions()
    assert [s.guidance for s in limited.segments] == [1.0, 3.0, 1.0]
    with pytest.raises(ValueError, match="low below high"):
        with_interval(plan, 800, 800)


def test_an_interval_limits_both_sides_of_a_blend():
    blend = with_strength(student_plan("s", recipe()), "s", "t", 0.5, guidance=3.0)
    limited = with_interval(blend, 300, 800)
    assert [(s.guidance, s.blend.guidance) for s in limited.segments] == [(1.0, 1.0), (1.0, 3.0), (1.0, 1.0)]
    assert (blend.nfe, limited.nfe) == (12, 10)


@given(low=st.floats(0, 1000), width=st.floats(0.1, 1000), w=st.sampled_from([0.0, 1.0, 2.0]), n=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_an_interval_costs_one_evaluation_outside_and_two_inside(low, width, w, n):
    ts = tuple(999.0 - 80 * i for i in range(n))
    limited = with_interval(teacher_plan("t", ts, guidance=w), low, low + width)
    inside = sum(low < t <= low + width for t in ts) if w == 2 else 0
    assert limited.nfe == n + inside
    assert tuple(t for s in limited.segments for t in s.timesteps) == ts
    assert Plan.model_validate_json(limited.model_dump_json()) == limited


# -- restarts ------------------------------------------------------------------------------------------------------------


def test_a_restart_takes_steps_again_with_noise_of_its_own():
    plan = teacher_plan("t", (999, 759, 499, 259), "ddim", 2.0)
    again = with_restarts(plan, 300, 800, loops=2)
    records = run(again)
    assert [r.t for r in records] == [999, 759, 499, 759, 499, 759, 499, 259]
    assert again.positions() == (0, 1, 2, LOOP + 1, LOOP + 2, 2 * LOOP + 1, 2 * LOOP + 2, 3)
    assert again.nfe == plan.nfe + 2 * 2 * 2 == records[-1].nfe
    assert with_restarts(plan, 300, 800, loops=0).segments == plan.segments
    assert Plan.model_validate_json(again.model_dump_json()) == again
    shared = [r.shared for name, r in sample_many([plan, again], models(), conds(), SEEDS, SHAPE) if name == again.name]
    assert shared == [True, True, True, *[False] * 5]  # up to the belief before it rises


@pytest.mark.parametrize("rule", ["ddim", "lcm", "tcd", "euler-ancestral"])
@pytest.mark.parametrize("process", PROCESSES)
def test_the_state_after_a_restart_has_the_noise_of_its_level(process, rule):
    # A model that knows the truth is at alpha x0 + sigma z after every step, and must be there after going up again.
    point = gaussian(PROCESSES[process], "x0", spread=0.0)
    plan = with_restarts(teacher_plan("m", (900, 600, 300), rule), 0, 600, loops=1)
    alpha, sigma = (float(c) for c in PROCESSES[process].alpha_sigma(900.0))
    start = alpha * 0.7 + sigma * noise(range(4), INITIAL, (3000,))
    records = list(sample(plan, {"m": point}, {"m": NONE}, range(4), (3000,), start=start))
    raised = records[3]
    alpha, sigma = (float(c) for c in PROCESSES[process].alpha_sigma(600.0))
    assert raised.t == 600 and records[2].t == 300
    assert float(raised.x.mean()) == pytest.approx(alpha * 0.7, abs=0.02)
    assert float((raised.x - alpha * 0.7).std()) == pytest.approx(sigma, rel=0.03)


def test_restarts_keep_the_distribution_and_forget_the_start():
    data = {"m": gaussian(VP, "v")}  # N(0.7, 0.4²)
    grid = [999.0 - 10 * i for i in range(100)]
    start = noise(range(4), INITIAL, (500,))
    plain = finished(sample(teacher_plan("m", grid), data, {"m": NONE}, range(4), (500,), start=start))
    again = finished(sample(with_restarts(teacher_plan("m", grid), 100, 900), data, {"m": NONE}, range(4), (500,), start=start))
    for x in (plain, again):
        assert float(x.mean()) == pytest.approx(0.7, abs=0.04)
        assert float(x.std()) == pytest.approx(0.4, rel=0.06)
    kept = [float(torch.corrcoef(torch.stack([start.flatten(), x.flatten()]))[0, 1]) for x in (plain, again)]
    assert kept[0] > 0.99 and abs(kept[1]) < 0.2


@pytest.mark.parametrize("rule", RULES)
def test_a_restart_may_end_at_a_handover_of_one_model_or_at_the_end(rule):
    two = Plan(name="p", segments=tuple(Segment(model="t", rule=rule, timesteps=ts) for ts in ((900, 700), (500, 300))))
    assert [r.t for r in run(with_restarts(two, 600, 800))] == [900, 700, 700, 500, 300]
    at_the_end = with_restarts(teacher_plan("t", (900, 500), rule), 0, 600)
    assert at_the_end.segments[0].lands == -1
    assert [r.t for r in run(at_the_end)] == [900, 500, 500]


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: with_restarts(teacher_plan("t", GRID), 500, 700), "steps of one segment"),
        (lambda: with_restarts(hybrid_plan("t", "s", recipe(), 2), 0, 900), "steps of one segment"),
        (lambda: with_restarts(hybrid_plan("t", "s", recipe(), 2), 600, 900), "up to its hand-over"),
        (lambda: with_restarts(teacher_plan("t", GRID), 500, 900, -1), "0 or more"),
        (lambda: teacher_plan("t", GRID).segments[0].part(0, 4, lands=math.inf), "finite"),
        (lambda: Plan(name="p", segments=(Segment(model="t", rule="ddim", timesteps=(9,), lands=3),)), "no next one to rise to"),
    ],
)
def test_restarts_that_cannot_run_are_refused_with_a_sentence(build, sentence):
    with pytest.raises(ValueError, match=sentence):
        build()


@pytest.mark.parametrize(("lands", "sentence"), [(300.0, "to land there or below"), (950.0, "noise levels that fall")])
def test_a_landing_must_be_below_both_its_step_and_the_next_segment(lands, sentence):
    first = Segment(model="t", rule="ddim", timesteps=(900,), lands=lands)
    plan = Plan(name="p", segments=(first, Segment(model="t", rule="ddim", timesteps=(200,))))
    with pytest.raises(ValueError, match=sentence):
        sample(plan, models(), conds(), SEEDS, SHAPE)


# -- strength ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["lcm", "ddim", "dpmpp-2m"])
def test_strength_one_is_the_student_and_zero_the_teacher_on_its_grid(rule):
    student = student_plan("s", recipe(rule))
    assert with_strength(student, "s", "t", 1.0).segments == student.segments
    teacher = with_strength(student, "s", "t", 0.0, guidance=2.0)
    assert teacher.models == ("t",)
    assert torch.equal(run(teacher)[-1].after, run(teacher_plan("t", GRID, rule, 2.0))[-1].after)


@pytest.mark.parametrize(("own", "other"), [(1.0, 1.0), (1.0, 3.0), (2.0, 1.0)])
@pytest.mark.parametrize("batch_size", [None, 2])
def test_a_blend_is_the_weighted_belief_of_both_and_counts_both(own, other, batch_size):
    student = student_plan("s", recipe(guidance=own))
    plan = with_strength(student, "s", "t", 0.25, guidance=other)
    counted = {name: Counted(d) for name, d in models().items()}
    records = list(sample(plan, counted, conds(), SEEDS, SHAPE, batch_size=batch_size))
    s, t = (next(iter(run(p))).x0 for p in (student, teacher_plan("t", GRID, "lcm", other)))
    assert torch.allclose(records[0].x0, 0.25 * s + 0.75 * t, atol=1e-5)
    assert sum(c.rows for c in counted.values()) == plan.nfe * len(SEEDS) == records[-1].nfe * len(SEEDS)
    assert plan.nfe == 4 * ((2 if own == 2 else 1) + (2 if other == 3 else 1))
    assert plan.models == ("s", "t")
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_a_blend_of_the_same_beliefs_on_two_processes_is_neither():
    # The same Gaussian on a VP and on a flow process: asked at the same noise level both say the same.
    both = {"vp": gaussian(VP, "v"), "flow": gaussian(FLOW, "flow")}
    everything = {"vp": NONE, "flow": NONE}
    alone = teacher_plan("vp", (900.0, 600.0, 300.0))
    blend = with_strength(alone, "vp", "flow", 0.5)
    for one, other in zip(*(sample(p, both, everything, SEEDS, SHAPE) for p in (alone, blend)), strict=True):
        assert torch.allclose(one.x0, other.x0, atol=1e-4)


def test_blends_that_cannot_run_are_refused_with_a_sentence():
    student = student_plan("s", recipe())
    for alpha in (-0.1, 1.1):
        with pytest.raises(ValueError, match="0 .teacher. to 1 .student. would"):
            with_strength(student, "s", "t", alpha)
    with pytest.raises(ValueError, match="'t', which is not open"):
        sample(with_strength(student, "s", "t", 0.5), {"s": models()["s"]}, conds(), SEEDS, SHAPE)
    with pytest.raises(ValueError, match="guidance 3 of 't' needs a null condition"):
        cond = {**conds(), "t": (conds()["t"][0], None)}
        sample(with_strength(student, "s", "t", 0.5, guidance=3.0), models(), cond, SEEDS, SHAPE)
    with pytest.raises(ValueError, match="blended with itself"):
        Segment(model="s", rule="lcm", timesteps=(9,), blend={"model": "s", "weight": 0.5})
    top = teacher_plan("f", (1000.0, 500.0))  # pure noise, which VP of Stable Diffusion never reaches
    with pytest.raises(ValueError, match="'t' knows no noise level of inf"):
        sample(with_strength(top, "f", "t", 0.5), models(f=gaussian(FLOW, "flow")), conds(f=NONE), SEEDS, SHAPE)


class Switchable:
    """A network with an adapter that adds its weight to the belief."""

    def __init__(self):
        self.denoiser, self.added = gaussian(VP, "x0"), 0.0
        network = self.denoiser.network
        self.denoiser.network = lambda x, t, cond: network(x, t, cond) + self.added

    def use_adapters(self, pairs):
        self.added = sum(weight for _, weight in pairs)


def test_the_strength_of_an_adapter_is_its_weight_scaled():
    pairs = (("student", 0.8), ("slider", 0.5))
    plan = Plan(name="p", segments=(Segment(model="m", rule="ddim", timesteps=(900, 400), adapters=pairs),))
    half = with_adapter_strength(plan, "student", 0.5)
    assert half.segments[0].adapters == (("student", 0.4), ("slider", 0.5))
    assert half.nfe == plan.nfe
    assert with_adapter_strength(plan, "student", 1.0).segments == plan.segments
    first = [next(iter(sample(p, {"m": Switchable()}, {"m": NONE}, SEEDS, SHAPE))).x0 for p in (plan, half)]
    assert torch.allclose(first[0] - first[1], torch.full_like(first[0], 0.4), atol=1e-5)
    with pytest.raises(ValueError, match="has no adapter 'other'; with_strength would"):
        with_adapter_strength(plan, "other", 0.5)


def test_a_network_that_serves_both_sides_of_a_blend_is_told_its_adapters_each_time():
    one = Switchable()
    pairs = (("student", 1.0),)
    plan = Plan(name="p", segments=(Segment(model="s", rule="ddim", timesteps=(900, 400), adapters=pairs),))
    records = list(sample(with_strength(plan, "s", "t", 0.5), {"s": one, "t": one}, {"s": NONE, "t": NONE}, SEEDS, SHAPE))
    bare = next(iter(sample(teacher_plan("t", (900, 400)), {"t": one}, {"t": NONE}, SEEDS, SHAPE)))
    assert torch.allclose(records[0].x0 - bare.x0, torch.full_like(bare.x0, 0.5), atol=1e-5)
