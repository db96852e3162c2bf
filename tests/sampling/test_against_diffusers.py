"""A one-segment plan is the diffusers pipeline: every rule it has, SD- and SDXL-shaped, fp32, within 1e-4.

Stochastic schedulers are handed the noise our loop draws, by standing in for diffusers' ``randn_tensor``.
"""

import importlib

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    LCMScheduler,
    TCDScheduler,
)

from studio.core.denoiser import Denoiser
from studio.core.domain import told
from studio.core.process import Flow
from studio.core.rng import INITIAL, noise
from studio.families import open_model
from studio.families.schedulers import PREDICTIONS
from studio.sampling import grids
from studio.sampling.loop import finished, sample
from studio.sampling.plan import teacher_plan
from studio.sampling.prompts import encode_once
from tests.support import tiny_models
from tests.support.gaussians import NONE, gaussian

# Guidance stays at 3: at the top of the noise an untrained network believes in latents of several hundred under more,
# and then float32 itself is coarser than the tolerance.
SEEDS, PROMPT, TOLERANCE = [4, 9], "a red boat", 1e-4

# name: (scheduler, its options, rule, our grid, eta, where the plan lands, scale of x_T)
CASES = {
    "ddim-sd": (
        DDIMScheduler,
        {"timestep_spacing": "leading"},
        "ddim",
        lambda n: grids.leading(n, offset=1),
        None,
        0.0,
        "marginal",
    ),
    "ddim-trailing": (
        DDIMScheduler,
        {"timestep_spacing": "trailing", "set_alpha_to_one": True},
        "ddim",
        grids.trailing,
        None,
        -1.0,
        "marginal",
    ),
    "ddim-eta": (
        DDIMScheduler,
        {"timestep_spacing": "leading"},
        "ddim",
        lambda n: grids.leading(n, offset=1),
        0.6,
        0.0,
        "marginal",
    ),
    "euler-leading": (
        EulerDiscreteScheduler,
        {"timestep_spacing": "leading"},
        "euler",
        lambda n: grids.leading(n, offset=1),
        None,
        -1.0,
        "marginal",
    ),
    "euler-trailing": (EulerDiscreteScheduler, {"timestep_spacing": "trailing"}, "euler", grids.trailing, None, -1.0, "noise"),
    "euler-linspace": (
        EulerDiscreteScheduler,
        {"timestep_spacing": "linspace"},
        "euler",
        lambda n: grids.linspace(n, whole=False),
        None,
        -1.0,
        "noise",
    ),
    "euler-ancestral": (
        EulerAncestralDiscreteScheduler,
        {"timestep_spacing": "leading"},
        "euler-ancestral",
        lambda n: grids.leading(n, offset=1),
        None,
        -1.0,
        "marginal",
    ),
    "euler-ancestral-trailing": (
        EulerAncestralDiscreteScheduler,
        {"timestep_spacing": "trailing"},
        "euler-ancestral",
        grids.trailing,
        None,
        -1.0,
        "noise",
    ),
    "lcm": (LCMScheduler, {"set_alpha_to_one": True}, "lcm", grids.lcm, None, -1.0, "marginal"),
    "tcd": (TCDScheduler, {"set_alpha_to_one": True}, "tcd", grids.lcm, 0.3, 0.0, "marginal"),
    "tcd-eta-0": (TCDScheduler, {"set_alpha_to_one": True}, "tcd", grids.lcm, 0.0, 0.0, "marginal"),
    "tcd-eta-1": (TCDScheduler, {"set_alpha_to_one": True}, "tcd", grids.lcm, 1.0, 0.0, "marginal"),
    "dpmpp-2m-leading": (
        DPMSolverMultistepScheduler,
        {"timestep_spacing": "leading"},
        "dpmpp-2m",
        lambda n: grids.leading(n, offset=1, solver=True),
        None,
        -1.0,
        "marginal",
    ),
    "dpmpp-2m-trailing": (
        DPMSolverMultistepScheduler,
        {"timestep_spacing": "trailing"},
        "dpmpp-2m",
        grids.trailing,
        None,
        -1.0,
        "marginal",
    ),
}


@pytest.fixture(scope="module")
def sd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sd")
    pipe = tiny_models.sd_pipeline(folder)
    pipe.save_pretrained(folder / "model")
    return pipe, open_model(folder / "model", "m")


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdxl")
    pipe = tiny_models.sdxl_pipeline(folder)
    pipe.save_pretrained(folder / "model")
    return pipe, open_model(folder / "model", "m")


def difference(pair, case, steps, guidance, monkeypatch, prediction="epsilon") -> float:
    kind, options, rule, grid, eta, final_t, start = CASES[case]
    pipe, model = pair
    pipe.scheduler = kind.from_config(tiny_models.scheduler(prediction).config, **options)
    position = iter(range(steps))
    monkeypatch.setattr(
        importlib.import_module(kind.__module__), "randn_tensor", lambda shape, **_: noise(SEEDS, next(position), shape[1:])
    )
    latents = noise(SEEDS, INITIAL, model.shape)
    reference = pipe(
        [PROMPT] * 2,
        num_inference_steps=steps,
        guidance_scale=guidance,
        latents=latents,
        eta=eta or 0.0,
        output_type="latent",
        height=model.image_size,
        width=model.image_size,
    ).images
    assert tuple(float(t) for t in pipe.scheduler.timesteps) == pytest.approx(grid(steps), abs=1e-3)
    denoiser = Denoiser(model.denoiser.network, model.denoiser.process, PREDICTIONS[prediction])
    plan = teacher_plan("m", grid(steps), rule, guidance, eta=eta).model_copy(update={"final_t": final_t, "start": start})
    ours = finished(sample(plan, {"m": denoiser}, encode_once({"m": model}, told([PROMPT])), SEEDS, model.shape))
    assert float(reference.std()) > 0.1
    return float((ours - reference).abs().max())


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("case", CASES)
def test_sd_every_rule(sd, case, guidance, monkeypatch):
    assert difference(sd, case, 5, guidance, monkeypatch) < TOLERANCE


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("case", CASES)
def test_sdxl_every_rule(sdxl, case, guidance, monkeypatch):
    assert difference(sdxl, case, 4, guidance, monkeypatch) < TOLERANCE


@pytest.mark.parametrize("prediction", ["v_prediction", "sample"])
@pytest.mark.parametrize("case", CASES)
def test_sd_other_predictions(sd, case, prediction, monkeypatch):
    if CASES[case][0] is EulerAncestralDiscreteScheduler and prediction == "sample":
        pytest.skip("diffusers' ancestral Euler has no x0 prediction")
    assert difference(sd, case, 4, 3.0, monkeypatch, prediction) < TOLERANCE


@pytest.mark.parametrize("case", ["ddim-sd", "dpmpp-2m-leading", "euler-ancestral"])
def test_sd_many_steps(sd, case, monkeypatch):
    assert difference(sd, case, 20, 3.0, monkeypatch) < TOLERANCE


def test_flow_prediction_equals_the_flow_schedulers():
    process = Flow()
    network = gaussian(process, "flow").network
    sigmas = [1.0, 0.8, 0.55, 0.3, 0.1]
    x_T = noise(SEEDS, INITIAL, (4, 4))
    euler = FlowMatchEulerDiscreteScheduler()
    euler.set_timesteps(sigmas=sigmas)
    solver = DPMSolverMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction", final_sigmas_type="zero")
    for scheduler, rule, ts in ((euler, "euler", [1000 * s for s in sigmas]), (solver, "dpmpp-2m", None)):
        if rule == "dpmpp-2m":
            scheduler.set_timesteps(5)
            ts = [1000 * float(s) for s in scheduler.sigmas[:-1]]
        x = x_T.clone()
        for t, own in zip(scheduler.timesteps, ts, strict=True):
            x = scheduler.step(network(x, torch.full((2,), own), {}), t, x, return_dict=False)[0]
        ours = finished(
            sample(teacher_plan("m", ts, rule), {"m": Denoiser(network, process, "flow")}, {"m": NONE}, SEEDS, (4, 4), start=x_T)
        )
        assert float((ours - x).abs().max()) < TOLERANCE, rule
