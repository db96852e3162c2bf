"""Checkpoints shaped like SD3, Flux and PixArt-α: conditions, grids, samples and pixels are those of the diffusers pipeline."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler, FluxPipeline
from torch import Tensor

from studio.core.domain import told
from studio.core.recipe import Recipe
from studio.core.rng import INITIAL, noise
from studio.families import family_of, footprint, open_model
from studio.families.transformer.model import Model
from studio.sampling.loop import finished, sample
from studio.sampling.plan import Plan, embedding, hybrid_plan, teacher_plan
from studio.sampling.prompts import encode_once
from studio.sampling.remedies.condition_noise import noised
from tests.support.tiny_transformers import PIPELINES, WIDTH, flux_pipeline, pixart_pipeline, sd3_pipeline

PROMPTS, SEEDS, TOLERANCE = ["a red boat", "x"], [4, 9], 1e-4
LONG = "abcdefghij klmnop qrstuv " * 30
Open = tuple[Any, Model]


def saved(pipe: Any, folder: Path, **card: Any) -> Open:
    pipe.save_pretrained(folder)
    if card:
        (folder / "card.json").write_text(json.dumps(card))
    model = open_model(folder, "m")
    assert isinstance(model, Model)
    return pipe, model


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Open]:
    root = tmp_path_factory.mktemp("transformers")
    return {name: saved(make(root / name), root / name / "model") for name, make in PIPELINES.items()}


def asked(pipe: Any, prompts: list[str]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(conditions, those of the empty prompt) as the pipeline's `encode_prompt` gives them."""
    with torch.no_grad():
        if isinstance(pipe, FluxPipeline):
            both = [pipe.encode_prompt(of, of)[:2] for of in (prompts, [""] * len(prompts))]
            return tuple({"states": states, "pooled": pooled} for states, pooled in both)  # type: ignore[return-value]
        if "StableDiffusion3" in type(pipe).__name__:
            given, null, pooled, nothing = pipe.encode_prompt(prompts, prompts, prompts)
            return {"states": given, "pooled": pooled}, {"states": null, "pooled": nothing}
        given, mask, null, empty = pipe.encode_prompt(prompts)
        return {"states": given, "mask": mask.bool()}, {"states": null, "mask": empty.bool()}


def drawn(pipe: Any, latents: Tensor, steps: int, guidance: float, prompts: list[str] = PROMPTS, **more: Any) -> Tensor:
    """What the pipeline draws: latents [B, C, H, W], or pictures where `output_type` is "pt"."""
    *_, height, width = latents.shape
    how = {"num_inference_steps": steps, "height": 2 * height, "width": 2 * width, "output_type": "latent", **more}
    if isinstance(pipe, FluxPipeline):
        b, c = latents.shape[:2]
        packed = FluxPipeline._pack_latents(latents, b, c, height, width)
        out: Tensor = pipe(prompts, negative_prompt=[""] * b, true_cfg_scale=guidance, latents=packed, **how).images
        return FluxPipeline._unpack_latents(out, 2 * height, 2 * width, 2) if out.ndim == 3 else out
    if "PixArt" in type(pipe).__name__:
        how |= {"clean_caption": False, "use_resolution_binning": False}
    images: Tensor = pipe(prompts, guidance_scale=guidance, latents=latents, **how).images
    return images


def ours(plan: Plan, models: dict[str, Model], shape: tuple[int, ...], prompts: list[str] = PROMPTS) -> Tensor:
    return finished(sample(plan, models, encode_once(models, told(prompts)), SEEDS, shape))


def grid(model: Model, n: int) -> tuple[float, ...]:
    family = family_of(model.folder)
    assert family is not None and family.name == "transformer"
    return family.timesteps(model.folder, n, None)


@pytest.mark.parametrize("name", PIPELINES)
def test_conditions_are_those_of_the_pipeline(opened: dict[str, Open], name: str) -> None:
    pipe, model = opened[name]
    for prompts in (PROMPTS, ["", LONG], ["A Red Boat ", "a red boat"]):
        given, null = asked(pipe, prompts)
        cond = model.encode(told(prompts))
        assert sorted(cond) == sorted(given)
        for key in given:
            assert torch.equal(cond[key], given[key]), key
            torch.testing.assert_close(model.null(cond)[key], null[key])  # asked once, and not once a prompt
    if name == "sd3-without-t5":
        assert not cond["states"][:, -256:].any() and cond["states"].shape[1:] == (12 + 256, WIDTH)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("name", PIPELINES)
def test_a_plan_is_the_pipeline(opened: dict[str, Open], name: str, guidance: float) -> None:
    pipe, model = opened[name]
    reference = drawn(pipe, noise(SEEDS, INITIAL, model.shape), 4, guidance)
    assert grid(model, 4) == pytest.approx([float(t) for t in pipe.scheduler.timesteps], abs=1e-3)
    found = ours(teacher_plan("m", grid(model, 4), "euler", guidance), {"m": model}, model.shape)
    assert float((found - reference).abs().max()) < TOLERANCE
    other = ours(teacher_plan("m", grid(model, 4), "euler", guidance), {"m": model}, model.shape, ["x", "a red boat"])
    assert float((found - other).abs().max()) > 100 * TOLERANCE  # the text says something here


@pytest.mark.parametrize("name", PIPELINES)
def test_pixels_are_those_of_the_pipeline(opened: dict[str, Open], name: str) -> None:
    pipe, model = opened[name]
    x = noise(SEEDS, INITIAL, model.shape)
    if name == "pixart":  # whose pipeline leaves the shift out; its released autoencoder has none
        pipe.vae.register_to_config(shift_factor=None)
        model.parts.vae.register_to_config(shift_factor=None)
    reference = drawn(pipe, x, 2, 1.0, output_type="pt")
    images = model.decode(ours(teacher_plan("m", grid(model, 2), "euler"), {"m": model}, model.shape))
    assert images.shape == (2, *model.sample_shape) and images.dtype == torch.float32
    assert float((images - reference).abs().max()) < TOLERANCE
    vae = model.parts.vae
    mean = vae.encode(images.clone() * 2 - 1).latent_dist.mean
    assert torch.allclose(model.to_latents(images.clone()), (mean - (vae.config.shift_factor or 0)) * 1.5, atol=1e-5)
    assert torch.allclose(model.decode_with_gradient(x), model.decode(x), atol=1e-5)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_batch_is_its_singles(opened: dict[str, Open], name: str) -> None:
    _, model = opened[name]
    plan, cond = teacher_plan("m", grid(model, 2), "euler", 3.0), encode_once({"m": model}, told(PROMPTS))
    together = finished(sample(plan, {"m": model}, cond, SEEDS, model.shape))
    for i, (seed, prompt) in enumerate(zip(SEEDS, PROMPTS, strict=True)):
        alone = finished(sample(plan, {"m": model}, encode_once({"m": model}, told([prompt])), [seed], model.shape))
        assert torch.allclose(together[i : i + 1], alone, atol=1e-5)


SCHEDULERS: dict[str, dict[str, Any]] = {
    "plain": {}, "shifted": {"shift": 3.0}, "exponential": {"use_dynamic_shifting": True},
    "linear": {"use_dynamic_shifting": True, "time_shift_type": "linear", "base_shift": 0.9, "max_shift": 4.0},
    "lengths": {"use_dynamic_shifting": True, "base_image_seq_len": 4, "max_image_seq_len": 24, "max_shift": 2.0},
    "terminal": {"use_dynamic_shifting": True, "shift_terminal": 0.1}, "fewer": {"num_train_timesteps": 500, "shift": 2.0},
}  # fmt: skip


@pytest.mark.parametrize("n", [1, 3, 8])
@pytest.mark.parametrize("case", SCHEDULERS)
@pytest.mark.parametrize("name", ["sd3", "schnell"])
def test_grids_are_those_of_the_pipeline(opened: dict[str, Open], name: str, case: str, n: int, tmp_path: Path) -> None:
    if n == 1 and case == "terminal":
        pytest.skip("diffusers divides by zero there")
    pipe, model = opened[name]
    pipe, asked_of = type(pipe)(**{**pipe.components, "scheduler": FlowMatchEulerDiscreteScheduler(**SCHEDULERS[case])}), []
    pipe.set_progress_bar_config(disable=True)
    step = pipe.scheduler.step
    pipe.scheduler.step = lambda F, t, *a, **k: (asked_of.append(float(t)), step(F, t, *a, **k))[1]
    drawn(pipe, noise(SEEDS[:1], INITIAL, model.shape), n, 1.0, ["x"])
    shutil.copytree(model.folder, tmp_path / "model", ignore=lambda _, names: [x for x in names if x.endswith(".safetensors")])
    pipe.scheduler.save_pretrained(tmp_path / "model" / "scheduler")
    family = family_of(model.folder)
    assert family is not None
    assert family.timesteps(tmp_path / "model", n, None) == pytest.approx(asked_of, abs=2e-3)


def test_the_process_ends_where_the_scheduler_does(tmp_path: Path) -> None:
    _, model = saved(sd3_pipeline(tmp_path, scheduler=FlowMatchEulerDiscreteScheduler(num_train_timesteps=500)), tmp_path / "m")
    assert (model.denoiser.process.t_max, grid(model, 2)[0]) == (500.0, 500.0)


def test_a_spacing_that_is_named_lays_a_flow_too(opened: dict[str, Open]) -> None:
    folder = opened["sd3"][1].folder
    family = family_of(folder)
    assert family is not None
    assert family.timesteps(folder, 4, "trailing") == pytest.approx([1000.0, 900.0, 750.0, 500.0])  # shifted by 3
    assert family.timesteps(folder, 4, "linspace") == family.timesteps(folder, 4, None)
    with pytest.raises(ValueError, match="spacing 'leading' does not fit a flow; trailing or linspace would"):
        family.timesteps(folder, 4, "leading")
    with pytest.raises(ValueError, match="0 steps do not fit; 1 to 1000 would"):
        family.timesteps(folder, 0, None)


@pytest.mark.parametrize(("make", "rule"), [(sd3_pipeline, "euler"), (flux_pipeline, "lcm"), (pixart_pipeline, "ddim")])
def test_a_hybrid_is_the_pipeline_with_another_transformer(make: Any, rule: str, tmp_path: Path) -> None:
    (base, teacher), (few, student) = (saved(make(tmp_path / str(i), seed=i), tmp_path / str(i) / "model") for i in (0, 1))
    for part in (name for name in ("text_encoder", "text_encoder_2", "text_encoder_3") if hasattr(few, name)):
        getattr(few, part).load_state_dict(getattr(base, part).state_dict())  # students keep their teacher's encoders
        student.parts.encoders[part].load_state_dict(getattr(base, part).state_dict())
    times = grid(teacher, 4)
    recipe = Recipe(
        teacher="t", teacher_hash="", timesteps=times, rule=rule, prediction=teacher.denoiser.prediction, valid_steps=(4,)
    )
    found = ours(hybrid_plan("t", "s", recipe, 1), {"t": teacher, "s": student}, teacher.shape)
    if rule == "lcm":
        few.scheduler = FlowMatchEulerDiscreteScheduler.from_config(few.scheduler.config, stochastic_sampling=True)
    before, step = few.transformer, few.scheduler.step
    few.transformer = base.transformer
    taken: list[float] = []

    def stepping(F: Tensor, t: Tensor, x: Tensor, **more: Any) -> Any:
        few.transformer = before  # from the second step on
        taken.append(float(t))
        if rule == "lcm":  # the noise that our loop draws, in diffusers' formula
            sigma, following = few.scheduler.sigmas[len(taken) - 1 : len(taken) + 1]
            z = noise(SEEDS, len(taken) - 1, teacher.shape)
            return ((1 - following) * (x - sigma * F) + following * FluxPipeline._pack_latents(z, *z.shape),)
        return step(F, t, x, **more)

    few.scheduler.step = stepping
    reference = drawn(few, noise(SEEDS, INITIAL, teacher.shape), 4, 1.0)
    assert taken == pytest.approx(times, abs=1e-3)
    assert float((found - reference).abs().max()) < TOLERANCE
    alone = ours(hybrid_plan("t", "s", recipe, 0), {"t": teacher, "s": student}, teacher.shape)
    assert float((found - alone).abs().max()) > 100 * TOLERANCE


def test_flux_takes_guidance_as_an_input_and_pictures_that_are_not_square(tmp_path: Path) -> None:
    pipe, model = saved(flux_pipeline(tmp_path, dev=True), tmp_path / "model", embedded_guidance=2.0)
    assert (model.embedded_guidance, model.default_guidance) == (2.0, 1.0)
    shape = (4, 4, 8)
    x, plan = noise(SEEDS, INITIAL, shape), teacher_plan("m", (1000.0, 600.0), "euler")
    found = ours(plan, {"m": model}, shape)
    pipe.scheduler = FlowMatchEulerDiscreteScheduler()
    reference = drawn(pipe, x, 2, 1.0, guidance_scale=2.0, sigmas=[1.0, 0.6])
    assert float((found - reference).abs().max()) < TOLERANCE
    other = drawn(pipe, x, 2, 1.0, guidance_scale=3.5, sigmas=[1.0, 0.6])
    assert float((found - other).abs().max()) > 10 * TOLERANCE
    assert float((ours(embedding(plan, 3.5, ["m"]), {"m": model}, shape) - other).abs().max()) < TOLERANCE
    assert torch.equal(ours(plan, {"m": model}, shape), found)  # the model's own again


def test_pixart_is_told_the_size_of_large_pictures(tmp_path: Path) -> None:
    solver = DPMSolverMultistepScheduler(beta_schedule="linear", beta_end=0.005)
    pipe, model = saved(pixart_pipeline(tmp_path, sample_size=128, patch_size=16, scheduler=solver), tmp_path / "model")
    assert model.parts.transformer.use_additional_conditions
    for steps in (2, 5):
        for shape in (model.shape, (4, 64, 128)):
            reference = drawn(pipe, noise(SEEDS, INITIAL, shape), steps, 3.0)
            found = ours(teacher_plan("m", grid(model, steps), "dpmpp-2m", 3.0), {"m": model}, shape)
            assert float((found - reference).abs().max()) < TOLERANCE


def test_noise_on_conditions_leaves_the_mask_alone(opened: dict[str, Open]) -> None:
    cond = opened["pixart"][1].encode(told(PROMPTS))
    changed = noised(cond, SEEDS, "cads", 0.7, 0.3, 1.0)
    assert torch.equal(changed["mask"], cond["mask"]) and not torch.equal(changed["states"], cond["states"])


def test_pixart_without_a_learned_variance_opens_too(tmp_path: Path) -> None:
    pipe, model = saved(pixart_pipeline(tmp_path, out_channels=4), tmp_path / "model")
    reference = drawn(pipe, noise(SEEDS, INITIAL, model.shape), 4, 1.0)
    assert torch.allclose(ours(teacher_plan("m", grid(model, 4)), {"m": model}, model.shape), reference, atol=TOLERANCE)


@pytest.mark.parametrize("name", PIPELINES)
def test_what_is_trained_is_counted_from_the_files(opened: dict[str, Open], name: str) -> None:
    _, model = opened[name]
    trained = sum(p.numel() for p in model.parts.transformer.parameters() if p.ndim)
    assert footprint(model.folder).parameters == trained
    layers = model.denoiser.network.adaptable("everything").values()  # type: ignore[attr-defined]
    assert footprint(model.folder, rank=3).parameters == sum(3 * sum(layer.weight.shape) for layer in layers)


@pytest.mark.parametrize("name", PIPELINES)
def test_half_precision_files_open_in_the_precision_asked_for(name: str, tmp_path: Path) -> None:
    PIPELINES[name](tmp_path).to(torch.bfloat16).save_pretrained(tmp_path / "half")
    assert isinstance(full := open_model(tmp_path / "half"), Model) and full.dtype == torch.float32
    assert {p.dtype for encoder in full.parts.encoders.values() for p in encoder.parameters()} == {torch.float32}
    assert isinstance(low := open_model(tmp_path / "half", dtype=torch.bfloat16), Model) and low.dtype == torch.bfloat16
    cond = encode_once({"m": low}, told(PROMPTS))
    assert next(sample(teacher_plan("m", (900.0,), guidance=3.0), {"m": low}, cond, SEEDS, low.shape)).x0.dtype == torch.float32


def test_prompts_are_read_anew_for_teaching(opened: dict[str, Open]) -> None:
    _, model = opened["pixart"]
    lines = model.line_reader().read(told([*PROMPTS, "a", "x"]))
    taken = lines.take(torch.tensor([3, 0]))
    for key, value in model.encode(told(["x", "a red boat"])).items():
        assert torch.equal(taken[key], value)
    assert len(lines) == 4 and torch.equal(lines.null(taken)["states"], model.null(taken)["states"])
