"""Update rules in closed form: every rule on every prediction and process, in float64."""

import math

import pytest
import torch

from studio.core.rng import INITIAL, noise
from studio.sampling.loop import finished, sample
from studio.sampling.plan import Plan, Segment, teacher_plan
from studio.sampling.rules import RULES, Level, Move, rule_named
from tests.support.gaussians import NONE, PROCESSES, TOP, gaussian

KINDS = ("x0", "eps", "v", "flow")


def grid(top: float, n: int) -> list[float]:
    return [float(round(top - i * top / n)) for i in range(n)]


def run(process: str, kind: str, rule: str, n: int, seeds=(1, 2, 3), eta=None, shape=(6,), **model) -> torch.Tensor:
    plan = teacher_plan("m", grid(TOP[process], n), rule, eta=eta)
    start = noise(seeds, INITIAL, shape).double()
    return finished(sample(plan, {"m": gaussian(PROCESSES[process], kind, **model)}, {"m": NONE}, seeds, shape, start=start))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("process", PROCESSES)
def test_all_four_predictions_take_the_same_path(process, rule):
    results = [run(process, kind, rule, 8) for kind in KINDS]
    for other in results[1:]:
        assert torch.allclose(results[0], other, rtol=0, atol=1e-5)
    assert float(results[0].std()) > 0.05


def marginal(process: str, t: float) -> tuple[float, float]:
    """(mean, standard deviation) of x_t for the data of `gaussian`."""
    alpha, sigma = (float(c) for c in PROCESSES[process].alpha_sigma(t))
    return alpha * 0.7, math.sqrt((alpha * 0.4) ** 2 + sigma**2)


def between(process: str, rule: str, n: int, eta=None, seeds=(1, 2, 3), shape=(6,), top=900.0, low=200.0):
    """(standardised start, standardised end) of n steps from the true marginal at ``top`` to ``low``."""
    ts = [top + i * (low - top) / n for i in range(n)]
    plan = teacher_plan("m", ts, rule, eta=eta).model_copy(update={"final_t": low})
    z = noise(seeds, INITIAL, shape).double()
    mean, spread = marginal(process, top)
    x = finished(sample(plan, {"m": gaussian(PROCESSES[process], "v")}, {"m": NONE}, seeds, shape, start=mean + spread * z))
    mean, spread = marginal(process, low)
    return z, (x - mean) / spread


def error(process: str, rule: str, n: int, eta=None) -> float:
    # For Gaussian data the probability-flow ODE keeps the standardised state constant.
    z, end = between(process, rule, n, eta)
    return float((end - z).abs().max())


@pytest.mark.parametrize(("rule", "eta"), [("ddim", 0.0), ("euler", None), ("tcd", 0.0)])
@pytest.mark.parametrize("process", PROCESSES)
def test_first_order_rules_halve_their_error_with_twice_the_steps(process, rule, eta):
    coarse, fine = error(process, rule, 16, eta), error(process, rule, 32, eta)
    assert fine < 0.1
    assert 1.7 < coarse / fine < 2.3


@pytest.mark.parametrize("process", PROCESSES)
def test_the_multistep_rule_is_of_second_order(process):
    coarse, fine = error(process, "dpmpp-2m", 16), error(process, "dpmpp-2m", 32)
    assert coarse / fine > 3.3
    assert fine < error(process, "ddim", 32) / 4


@pytest.mark.parametrize(("rule", "eta"), [("ddim", 0.5), ("ddim", 1.0), ("euler-ancestral", None)])
@pytest.mark.parametrize("process", PROCESSES)
def test_noise_added_is_noise_removed(process, rule, eta):
    # Ancestral steps keep the marginal of x_t, in the limit of many steps.
    z, end = between(process, rule, 120, eta, seeds=range(4), shape=(1500,))
    assert float(end.mean()) == pytest.approx(float(z.mean()), abs=0.06)
    assert float(end.std()) == pytest.approx(1.0, rel=0.04)
    assert abs(float((z * end).mean())) < 0.8  # what was drawn at the start is partly forgotten


@pytest.mark.parametrize("process", PROCESSES)
def test_a_known_clean_sample_is_renoised_to_exactly_the_level_asked_for(process):
    # With spread 0 the belief is the truth, so every landing must be alpha_s x0 + (noise of variance sigma_s²).
    for rule in RULES:
        plan = Plan(name="p", segments=(Segment(model="m", rule=rule, timesteps=(TOP[process], 600.0, 300.0)),))
        model = gaussian(PROCESSES[process], "x0", spread=0.0)
        records = list(sample(plan, {"m": model}, {"m": NONE}, range(4), (4000,)))
        for record, following in zip(records, records[1:], strict=False):
            alpha, sigma = (float(c) for c in PROCESSES[process].alpha_sigma(following.t))
            assert float((record.after - alpha * 0.7).std()) == pytest.approx(sigma, rel=0.03), rule
        assert torch.allclose(records[-1].after, torch.full_like(records[-1].after, 0.7), atol=1e-6)


def test_euler_is_ddim_in_other_coordinates():
    here, there = Level(600.0, 0.4, math.sqrt(1 - 0.16)), Level(300.0, 0.8, 0.6)
    move = Move(here, there, 0.0, None, lambda t: there)
    w = rule_named("euler").weights(move)
    x, x0 = 1.3, -0.2
    scaled, level = x / here.alpha, here.noise
    stepped = scaled + (there.noise - level) * (scaled - x0) / level  # Karras et al. 2022, algorithm 1, line 5
    assert w.x * x + w.x0 * x0 == pytest.approx(stepped * there.alpha, abs=1e-12)


def test_ancestral_noise_is_that_of_k_diffusion():
    here, there = Level(600.0, 0.4, math.sqrt(1 - 0.16)), Level(300.0, 0.8, 0.6)
    w = rule_named("euler-ancestral").weights(Move(here, there, 1.0, None, lambda t: there))
    up = math.sqrt(there.noise**2 * (here.noise**2 - there.noise**2) / here.noise**2)
    assert w.noise == pytest.approx(up * there.alpha, abs=1e-12)


def test_tcd_lies_between_ddim_and_lcm():
    process = PROCESSES["vp"]

    def at(t: float) -> Level:
        return Level(t, *(float(c) for c in process.alpha_sigma(t)))

    here, there = at(749.0), at(499.0)
    zero = rule_named("tcd").weights(Move(here, there, 0.0, None, at))
    plain = rule_named("ddim").weights(Move(here, there, 0.0, None, at))
    assert (zero.x, zero.x0, zero.noise) == pytest.approx((plain.x, plain.x0, 0.0), abs=1e-12)
    one = rule_named("tcd").weights(Move(here, there, 1.0, None, at))
    renoised = rule_named("lcm").weights(Move(here, there, 0.0, None, at))
    assert one.noise == pytest.approx(renoised.noise, rel=1e-3)


def test_an_unknown_rule_names_what_fits():
    with pytest.raises(ValueError, match="Did you mean 'dpmpp-2m'"):
        rule_named("dpm++2m")
