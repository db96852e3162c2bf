"""The loop: order, sharing, cost, cancelling, hand-overs. Exact on Gaussians."""

import itertools
import math

import pytest
import torch

from studio.core.recipe import Recipe
from studio.core.rng import INITIAL, noise
from studio.sampling.loop import finished, sample, sample_many
from studio.sampling.plan import (
    Plan,
    Segment,
    handover_plan,
    hybrid_plan,
    mask_plan,
    modulated,
    skip_first_plan,
    student_first_plan,
    student_plan,
    teacher_plan,
)
from studio.sampling.rules import RULES
from studio.sampling.variants import with_cads, with_particles
from tests.support.gaussians import NONE, PROCESSES, gaussian, push

VP, FLOW = PROCESSES["vp"], PROCESSES["flow"]
SHAPE = (3, 4)
SEEDS = [11, 5, 8]


def recipe(rule: str = "lcm", **more) -> Recipe:
    return Recipe(
        teacher="t", teacher_hash="x", timesteps=(999, 759, 499, 259), rule=rule, prediction="v", valid_steps=(4,), **more
    )


def models(**more):
    return {"t": gaussian(VP, "eps", mean=1.0), "s": gaussian(VP, "v", mean=-0.5, spread=0.1), **more}


def conds(**more):
    return {"t": (push(0.5), push(0.0)), "s": (push(0.5), push(0.0)), **more}


class Counted:
    """A network that counts rows, the evaluations a plan reports."""

    def __init__(self, denoiser):
        self.denoiser, self.rows, network = denoiser, 0, denoiser.network

        def counting(x, t, cond):
            self.rows += x.shape[0]
            return network(x, t, cond)

        denoiser.network = counting


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("k", [0, 1, 2, 4])
def test_a_hybrid_whose_student_is_the_base_is_the_base_bit_for_bit(rule, k):
    base = gaussian(VP, "eps")
    both = {"t": base, "s": base}
    r = recipe(rule)
    hybrid = finished(sample(hybrid_plan("t", "s", r, k), both, conds(), SEEDS, SHAPE))
    alone = finished(sample(teacher_plan("t", r.timesteps, rule), both, conds(), SEEDS, SHAPE))
    assert torch.equal(hybrid, alone)


def test_the_base_runs_exactly_k_times_and_the_records_say_who_ran():
    for k in range(5):
        open_models = models()
        records = list(sample(hybrid_plan("t", "s", recipe(), k), open_models, conds(), SEEDS, SHAPE))
        assert (open_models["t"].calls, open_models["s"].calls) == (k, 4 - k)
        assert "".join(r.model for r in records) == "t" * k + "s" * (4 - k)
        assert [r.index for r in records] == [0, 1, 2, 3]
        assert [r.t for r in records] == [999, 759, 499, 259]
        assert [r.last for r in records] == [False, False, False, True]


def test_a_record_holds_the_state_the_belief_and_what_follows():
    records = list(sample(hybrid_plan("t", "s", recipe(), 1), models(), conds(), SEEDS, SHAPE))
    assert torch.equal(records[0].x, noise(SEEDS, INITIAL, SHAPE))
    for record, following in itertools.pairwise(records):
        assert torch.equal(record.after, following.x)
        assert record.level == pytest.approx(float(VP.noise_level(record.t)))
        assert record.seconds >= 0
    assert torch.equal(records[-1].after, records[-1].x0)


@pytest.mark.parametrize("w", [0.0, 1.0])
def test_guidance_zero_and_one_are_the_plain_condition(w):
    open_models = models()
    plain = finished(sample(teacher_plan("t", (999, 500), guidance=1.0), open_models, {"t": (push(0.5), None)}, SEEDS, SHAPE))
    given = finished(sample(teacher_plan("t", (999, 500), guidance=w), open_models, conds(), SEEDS, SHAPE))
    assert torch.equal(plain, given)


def test_guidance_is_null_plus_w_times_the_difference():
    record = next(sample(teacher_plan("t", (999, 500), guidance=3.0), models(), conds(), SEEDS, SHAPE))
    null = next(sample(teacher_plan("t", (999, 500)), models(), {"t": (push(0.0), None)}, SEEDS, SHAPE))
    assert torch.allclose(record.x0, null.x0 + 3.0 * 0.5, atol=1e-4)


@pytest.mark.parametrize("batch_size", [None, 1, 2])
@pytest.mark.parametrize("w", [0.0, 1.0, 4.0])
def test_reported_cost_is_the_cost_counted(w, batch_size):
    counted = {name: Counted(d) for name, d in models().items()}
    plan = mask_plan("BSBS", "t", "s", recipe(), base_guidance=w)
    records = list(sample(plan, counted, conds(), SEEDS, SHAPE, batch_size=batch_size))
    assert sum(c.rows for c in counted.values()) == records[-1].nfe * len(SEEDS)
    assert records[-1].nfe == plan.nfe


@pytest.mark.parametrize("rule", RULES)
def test_batch_size_and_order_change_nothing_beyond_rounding(rule):
    plan = hybrid_plan("t", "s", recipe(rule), 2, base_guidance=3.0)
    whole = finished(sample(plan, models(), conds(), SEEDS, SHAPE))
    parts = finished(sample(plan, models(), conds(), SEEDS, SHAPE, batch_size=2))
    turned = finished(sample(plan, models(), conds(), SEEDS[::-1], SHAPE)).flip(0)
    alone = finished(sample(plan, models(), conds(), SEEDS[1:2], SHAPE))
    for other in (parts, turned):
        assert torch.allclose(whole, other, atol=1e-5)
    assert torch.allclose(whole[1:2], alone, atol=1e-5)


def test_a_condition_may_have_a_row_for_each_seed():
    each = {"t": ({"push": torch.tensor([[0.1], [0.2], [0.3]])}, push(0.0))}
    plan = teacher_plan("t", (999, 500), guidance=2.0)
    together = finished(sample(plan, models(), each, SEEDS, SHAPE, batch_size=2))
    second = finished(sample(plan, models(), {"t": (push(0.2), push(0.0))}, SEEDS[1:2], SHAPE))
    assert torch.allclose(together[1:2], second, atol=1e-5)


def test_arms_share_the_noise_of_each_grid_position():
    # With a point mass the belief is the same everywhere, so equal noise means equal states.
    point = {"t": gaussian(VP, "x0", spread=0.0), "s": gaussian(VP, "v", spread=0.0)}
    plans = [student_plan("s", recipe()), hybrid_plan("t", "s", recipe(), 1), skip_first_plan("s", recipe())]
    states = {name: {} for name in ("student", "hybrid-1", "skip-first")}
    for name, record in sample_many(plans, point, conds(t=NONE, s=NONE), SEEDS, SHAPE):
        states[name][record.t] = record
    for t in (499.0, 259.0):
        assert torch.allclose(states["student"][t].x, states["hybrid-1"][t].x, atol=1e-5)
        assert torch.allclose(states["student"][t].x, states["skip-first"][t].x, atol=1e-5)
    assert torch.equal(states["skip-first"][759.0].x, noise(SEEDS, INITIAL, SHAPE))


def test_shared_prefixes_run_once_and_change_nothing():
    plans = [hybrid_plan("t", "s", recipe(), k) for k in (1, 2, 3)] + [
        student_plan("s", recipe()),
        student_first_plan("t", "s", recipe()),
    ]
    open_models = models()
    shared = {}
    flags = {}
    for name, record in sample_many(plans, open_models, conds(), SEEDS, SHAPE):
        shared[name] = record.after
        flags.setdefault(name, []).append(record.shared)
        assert record.nfe == record.index + 1  # what the arm costs on its own
    # base: 999, 759, 499 once each for the hybrids, then three steps of student-first behind the student's first
    assert open_models["t"].calls == 3 + 3
    assert open_models["s"].calls == 3 + 2 + 1 + 4
    assert flags["hybrid-1"] == [False] * 4
    assert flags["hybrid-2"] == [True, False, False, False]
    assert flags["hybrid-3"] == [True, True, False, False]
    assert flags["student-first"] == [True, False, False, False]
    for plan in plans:
        assert torch.equal(shared[plan.name], finished(sample(plan, models(), conds(), SEEDS, SHAPE)))


def test_different_guidance_or_start_is_not_shared():
    plans = [
        hybrid_plan("t", "s", recipe(), 1, 1.0, name="plain"),
        hybrid_plan("t", "s", recipe(), 1, 5.0, name="guided"),
        hybrid_plan("t", "s", recipe(), 1, name="sigma").model_copy(update={"start": "noise"}),
    ]
    assert not any(record.shared for _, record in sample_many(plans, models(), conds(), SEEDS, SHAPE))


def company() -> list[Plan]:
    """Arms that ask the same networks the same and make different things of the answers."""
    base = teacher_plan("t", (999, 759, 499), guidance=3.0)
    return [
        base, teacher_plan("t", (999, 759, 499), guidance=1.0, name="unguided"),
        *(hybrid_plan("t", "s", recipe(), 1, w, name=f"w={w}") for w in (1.0, 2.0, 5.0)), student_plan("s", recipe()),
        with_particles(base, 2.0, 0.0), with_cads(base, 0.0, 0.5, 1.0, 0.3),
    ]  # fmt: skip


def test_asked_apart_no_network_answers_the_same_question_twice():
    plans, open_models = company(), models()
    asked: list[tuple] = []
    for name, model in open_models.items():

        def network(x, t, cond, name=name, inner=model.network):
            asked.extend((name, float(t[i]), x[i].numpy().tobytes(), float(cond["push"][i])) for i in range(len(x)))
            return inner(x, t, cond)

        model.network = network
    computed = sum(record.computed for _, record in sample_many(plans, open_models, conds(), SEEDS, SHAPE, apart=True))
    assert len(asked) == len(set(asked)) == computed * len(SEEDS)
    asked.clear()
    once = sum(record.computed for _, record in sample_many(plans, open_models, conds(), SEEDS, SHAPE))
    assert len(set(asked)) < len(asked) == once * len(SEEDS), "side by side, some rows come again"


@pytest.mark.parametrize("batch_size", [None, 2])
def test_asked_apart_an_arm_is_the_same_alone_and_in_company(batch_size):
    plans = company()
    many = sample_many(plans, models(), conds(), SEEDS, SHAPE, apart=True, batch_size=batch_size)
    last = {name: record for name, record in many if record.last}
    for plan in plans:
        many = sample_many([plan], models(), conds(), SEEDS, SHAPE, apart=True, batch_size=batch_size)
        alone = [record for _, record in many]
        assert torch.equal(last[plan.name].after, alone[-1].after)
        assert last[plan.name].nfe == sum(record.computed for record in alone) == plan.nfe
        assert torch.allclose(alone[-1].after, finished(sample(plan, models(), conds(), SEEDS, SHAPE)), atol=1e-5)


def test_closing_cancels_within_a_step():
    open_models = models()
    stream = sample(teacher_plan("t", range(990, 0, -10)), open_models, conds(), SEEDS, SHAPE)
    next(stream), next(stream)
    stream.close()
    assert open_models["t"].calls == 2
    assert list(stream) == []


def test_inference_mode_does_not_leak_into_the_consumer():
    for _ in sample(teacher_plan("t", (900, 500)), models(), conds(), SEEDS, SHAPE):
        assert not torch.is_inference_mode_enabled()
        assert torch.is_grad_enabled()


@pytest.mark.parametrize("rule", [r for r in RULES if r != "dpmpp-2m"])
def test_a_branch_from_a_recorded_step_continues_alike(rule):
    plan = hybrid_plan("t", "s", recipe(rule), 2)
    records = list(sample(plan, models(), conds(), SEEDS, SHAPE))
    for i in range(4):
        branch = finished(sample(plan.after(i), models(), conds(), SEEDS, SHAPE, start=records[i].x))
        assert torch.equal(branch, records[-1].after)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("first", "second"), list(itertools.product(PROCESSES, repeat=2)))
def test_the_noise_level_out_is_the_noise_level_in_at_every_handover(rule, first, second):
    # A base that knows the truth hands over alpha x0 + sigma z in the student's scale, whichever processes meet.
    base, student = gaussian(PROCESSES[first], "x0", spread=0.0), gaussian(PROCESSES[second], "v", spread=0.0)
    t = 600.0
    level = float(PROCESSES[second].noise_level(t))
    above = [float(PROCESSES[first].time_of(level * factor)) for factor in (4.0, 2.0)]
    plan = Plan(
        name="p", segments=(Segment(model="t", rule=rule, timesteps=above), Segment(model="s", rule=rule, timesteps=(t, 200.0)))
    )
    alpha, sigma = (float(c) for c in PROCESSES[first].alpha_sigma(above[0]))
    start = alpha * 0.7 + sigma * noise(range(4), INITIAL, (3000,))
    records = list(sample(plan, {"t": base, "s": student}, {"t": NONE, "s": NONE}, range(4), (3000,), start=start))
    handed = records[2].x
    alpha, sigma = (float(c) for c in PROCESSES[second].alpha_sigma(t))
    assert records[2].level == pytest.approx(level, rel=1e-9)
    assert float(handed.mean()) == pytest.approx(alpha * 0.7, abs=0.02)
    assert float((handed - alpha * 0.7).std()) == pytest.approx(sigma, rel=0.03)


@pytest.mark.parametrize("t_star", [850.0, 600.0, 259.0])
@pytest.mark.parametrize("base_steps", [1, 2, 5])
def test_a_handover_at_any_level_with_any_number_of_base_steps(t_star, base_steps):
    open_models = models()
    plan = handover_plan("t", "s", recipe("ddim"), t_star, base_steps)
    records = list(sample(plan, open_models, conds(), SEEDS, SHAPE))
    assert open_models["t"].calls == base_steps
    assert next(r for r in records if r.model == "s").t == t_star


def test_an_equal_handover_between_processes_is_an_equal_path():
    # The same Gaussian on a VP and on a flow process: switching half way must not be noticeable.
    denoisers = {"vp": gaussian(VP, "v"), "flow": gaussian(FLOW, "flow")}
    t = 500.0
    tf = float(FLOW.time_of(float(VP.noise_level(t))))
    start = noise(SEEDS, INITIAL, SHAPE).double()
    grid = tuple(float(x) for x in range(990, 499, -10))
    lower = tuple(float(x) for x in range(490, 9, -10))
    lower_flow = tuple(float(FLOW.time_of(float(VP.noise_level(x)))) for x in lower)
    alone = Plan(name="a", segments=(Segment(model="vp", rule="ddim", timesteps=(*grid, *lower)),), final_t=5.0)
    mixed = Plan(
        name="b",
        segments=(
            Segment(model="vp", rule="ddim", timesteps=grid[:-1]),
            Segment(model="flow", rule="ddim", timesteps=(tf, *lower_flow)),
        ),
        final_t=float(FLOW.time_of(float(VP.noise_level(5.0)))),
    )
    everything = {"vp": NONE, "flow": NONE}
    one = finished(sample(alone, denoisers, everything, SEEDS, SHAPE, start=start))
    other = finished(sample(mixed, denoisers, everything, SEEDS, SHAPE, start=start))
    scale = float(VP.alpha_sigma(5.0)[0]) / float(FLOW.alpha_sigma(mixed.final_t)[0])
    assert torch.allclose(one, other * scale, atol=1e-5)


def test_start_scales():
    sigma = float(FLOW.alpha_sigma(600.0)[1])
    for start, scale in (("noise", sigma), ("marginal", math.hypot(1 - sigma, sigma))):
        plan = teacher_plan("f", (600.0, 300.0)).model_copy(update={"start": start})
        record = next(sample(plan, {"f": gaussian(FLOW)}, {"f": NONE}, SEEDS, SHAPE))
        assert torch.allclose(record.x, noise(SEEDS, INITIAL, SHAPE) * scale)


def test_a_domain_may_project_every_noise_draw():
    def centred(z):
        return z - z.mean(-1, keepdim=True)

    records = sample(student_plan("s", recipe()), models(), {"s": NONE}, SEEDS, SHAPE, project=centred)
    means = [record.x.mean(-1) for record in records]
    assert means[0].abs().max() < 1e-6 < means[0].abs().max() + 1


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ({"plan": teacher_plan("q", (900,))}, "'q', which is not open"),
        (
            {
                "plan": Plan(
                    name="p",
                    segments=(
                        Segment(model="t", rule="ddim", timesteps=(500,)),
                        Segment(model="s", rule="ddim", timesteps=(600,)),
                    ),
                )
            },
            "noise levels that fall",
        ),
        ({"plan": teacher_plan("f", (0.0,))}, "noise levels that fall"),
        ({"seeds": []}, "at least one is needed"),
        ({"batch_size": 0}, "1 or more would"),
        ({"start": torch.zeros(1, 2)}, r"\(3, 3, 4\) would fit"),
        ({"cond": {}}, "has no condition"),
        ({"cond": {"t": (push(1.0), None)}, "plan": teacher_plan("t", (900,), guidance=2.0)}, "null condition"),
        ({"cond": {"t": ({"push": torch.zeros(2, 1)}, None)}}, "2 rows; 1 .shared. or 3"),
        (
            {"plan": Plan(name="p", segments=(Segment(model="t", rule="ddim", timesteps=(500,), adapters=(("a", 1.0),)),))},
            "takes no adapters",
        ),
    ],
)
def test_what_cannot_run_is_refused_before_anything_runs(call, sentence):
    open_models = models(f=gaussian(FLOW))
    arguments = {
        "plan": teacher_plan("t", (900, 500)),
        "cond": conds(f=NONE),
        "seeds": SEEDS,
        "start": None,
        "batch_size": None,
        **call,
    }
    plan, cond, seeds = arguments.pop("plan"), arguments.pop("cond"), arguments.pop("seeds")
    with pytest.raises(ValueError, match=sentence):
        sample(plan, open_models, cond, seeds, SHAPE, **arguments)
    assert open_models["t"].calls == 0


def test_plans_of_one_request_need_names_of_their_own():
    with pytest.raises(ValueError, match="name of its own"):
        sample_many([student_plan("s", recipe())] * 2, models(), conds(), SEEDS, SHAPE)


def test_noise_modulation_scales_the_fresh_noise_alone():
    plan = student_plan("s", recipe())
    published = list(sample(plan, models(), conds(), SEEDS, SHAPE))
    assert torch.equal(finished(sample(modulated(plan, 1.0), models(), conds(), SEEDS, SHAPE)), published[-1].after)
    first = next(iter(sample(modulated(plan, 0.25), models(), conds(), SEEDS, SHAPE)))
    alpha = float(VP.alpha_sigma(759)[0])
    signal = alpha * published[0].x0
    assert torch.allclose(first.after - signal, 0.25 * (published[0].after - signal), atol=1e-6)
    calm = list(sample(modulated(plan, 0.0), models(), conds(), SEEDS, SHAPE))
    assert torch.allclose(calm[0].after, signal, atol=1e-6)
    deterministic = student_plan("s", recipe("ddim", eta=0.0))
    assert torch.equal(
        finished(sample(modulated(deterministic, 0.3), models(), conds(), SEEDS, SHAPE)),
        finished(sample(deterministic, models(), conds(), SEEDS, SHAPE)),
    )
    with pytest.raises(ValueError, match="rho"):
        modulated(plan, -1.0)


def test_guidance_zero_and_one_ask_the_same_and_share_the_answer():
    open_models = models()
    plans = [teacher_plan("t", (999, 500), guidance=w, name=f"w = {w:g}") for w in (0.0, 1.0)]
    list(sample_many(plans, open_models, conds(), SEEDS, SHAPE))
    assert open_models["t"].calls == 2


def test_arms_that_differ_only_in_what_they_do_with_a_belief_ask_for_it_once():
    # same state, same question: the first step of the student, whatever noise or rule follows
    plans = [
        student_plan("s", recipe()),
        modulated(student_plan("s", recipe()), 0.5),
        student_plan("s", recipe("ddim", eta=0.0), name="deterministic"),
    ]
    open_models = models()
    flags = [(record.index, record.shared) for _, record in sample_many(plans, open_models, conds(), SEEDS, SHAPE)]
    assert open_models["s"].calls == 1 + 3 * 3
    assert [shared for index, shared in flags if index == 0] == [False, True, True]
    assert not any(shared for index, shared in flags if index)


@pytest.mark.parametrize("error", [MemoryError, torch.OutOfMemoryError])
def test_where_memory_runs_out_null_and_prompt_are_asked_one_after_the_other(error):
    """Once for a request: rows above what fits are not tried again. The result is the same."""
    plan, asked, whole = teacher_plan("t", (999, 759, 500), guidance=3.0), [], models()
    short = models()
    network = short["t"].network

    def full(x, t, cond):
        asked.append(len(x))
        if len(x) > len(SEEDS):
            raise error("out of memory")
        return network(x, t, cond)

    short["t"].network = full
    given = {"t": (push(0.5), push(-0.2))}
    want, got = (finished(sample(plan, several, given, SEEDS, SHAPE)) for several in (whole, short))
    assert torch.equal(want, got) and asked == [6, 3, 3, 3, 3, 3, 3]


def test_where_one_half_is_too_large_memory_has_run_out():
    short, asked = models(), []

    def full(x, t, cond):
        asked.append(len(x))
        raise torch.OutOfMemoryError("out of memory")

    short["t"].network = full
    for guidance, calls in ((3.0, [6, 3]), (1.0, [3])):
        asked.clear()
        with pytest.raises(torch.OutOfMemoryError):
            finished(sample(teacher_plan("t", (999, 500), guidance=guidance), short, conds(), SEEDS, SHAPE))
        assert asked == calls
