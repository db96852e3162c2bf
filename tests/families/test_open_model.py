"""Opening checkpoints: conditions, pixels and precision are those of the diffusers pipeline."""

import json
import shutil

import pytest
import torch

from studio.core.domain import told
from studio.core.recipe import Recipe, weights_hash
from studio.core.rng import INITIAL, noise
from studio.families import open_model
from studio.families.stable.halves import are_equal, computed_once, text_free
from studio.sampling.loop import finished, sample
from studio.sampling.plan import Plan, Segment, embedding, teacher_plan
from studio.sampling.prompts import Once, encode_once
from tests.support import tiny_models

PROMPTS = ["a red boat", "x"]
LONG = "abcdefghij klmnop qrstuv"


@pytest.fixture(scope="module")
def sd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sd")
    pipe = tiny_models.sd_pipeline(folder)
    pipe.save_pretrained(folder / "model")
    return pipe, folder / "model"


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdxl")
    pipe = tiny_models.sdxl_pipeline(folder)
    pipe.save_pretrained(folder / "model")
    return pipe, folder / "model"


def test_sd_conditions_are_those_of_the_pipeline(sd):
    pipe, folder = sd
    model = open_model(folder)
    for prompts in (PROMPTS, ["", LONG]):  # empty, and longer than the tokenizer allows
        with torch.no_grad():
            given, null = pipe.encode_prompt(prompts, "cpu", 1, True)
        cond = model.encode(told(prompts))
        assert torch.equal(cond["states"], given)
        assert torch.equal(model.null(cond)["states"], null)


def test_a_tokenizer_that_was_saved_without_a_length_reads_as_much_as_its_encoder(sd, tmp_path):
    shutil.copytree(sd[1], tmp_path / "model")
    told_by = tmp_path / "model" / "tokenizer" / "tokenizer_config.json"
    config = json.loads(told_by.read_text())
    told_by.write_text(json.dumps(config | {"model_max_length": 10**30}))
    assert torch.equal(
        open_model(tmp_path / "model").encode(told(PROMPTS))["states"], open_model(sd[1]).encode(told(PROMPTS))["states"]
    )


@pytest.mark.parametrize("force_zeros", [True, False])
def test_sdxl_conditions_are_those_of_the_pipeline(tmp_path, force_zeros):
    pipe = tiny_models.sdxl_pipeline(tmp_path, force_zeros=force_zeros)
    pipe.save_pretrained(tmp_path / "model")
    model = open_model(tmp_path / "model")
    with torch.no_grad():
        given, null, pooled, null_pooled = pipe.encode_prompt(PROMPTS, device="cpu", do_classifier_free_guidance=True)
    cond = model.encode(told(PROMPTS))
    empty = model.null(cond)
    assert torch.equal(cond["states"], given)
    assert torch.equal(cond["pooled"], pooled)
    torch.testing.assert_close(empty["states"], null)  # asked once, and not once a prompt
    torch.testing.assert_close(empty["pooled"], null_pooled)
    assert cond["time_ids"].tolist() == [[16, 16, 0, 0, 16, 16]] * 2


@pytest.mark.parametrize("tiny_vae", [False, True])
def test_pixels_are_those_of_the_pipeline(tmp_path, tiny_vae):
    pipe = tiny_models.sd_pipeline(tmp_path, tiny_vae=tiny_vae)
    pipe.save_pretrained(tmp_path / "model")
    model = open_model(tmp_path / "model")
    x = noise([1, 2], INITIAL, model.shape)
    reference = pipe(PROMPTS, num_inference_steps=2, guidance_scale=1.0, latents=x, output_type="pt", height=16, width=16).images
    plan = teacher_plan("m", (501.0, 1.0)).model_copy(update={"final_t": 0.0})
    images = model.decode(finished(sample(plan, {"m": model}, encode_once({"m": model}, told(PROMPTS)), [1, 2], model.shape)))
    assert images.shape == (2, 3, 16, 16)
    assert images.dtype == torch.float32
    assert float(images.min()) >= 0
    assert float(images.max()) <= 1
    assert torch.allclose(images, reference, atol=1e-4)


def test_what_is_known_about_a_model(sd, sdxl, tmp_path):
    model = open_model(sd[1])
    assert (model.id, model.shape, model.image_size, model.recipe, model.card) == ("model", (4, 8, 8), 16, None, {})
    assert model.default_guidance == 7.5
    assert model.denoiser.prediction == "eps"
    assert model.hash == weights_hash(sd[1])
    assert open_model(sdxl[1], "xl").default_guidance == 5.0
    shutil.copytree(sd[1], tmp_path / "student")
    recipe = Recipe(teacher="t", teacher_hash=model.hash, timesteps=(999, 499), rule="lcm", prediction="eps", valid_steps=(2,))
    recipe.save(tmp_path / "student")
    (tmp_path / "student" / "card.json").write_text(json.dumps({"default_guidance": 3.5, "title": "tiny"}))
    student = open_model(tmp_path / "student", "pocket/dmd2")
    assert student.id == "pocket/dmd2"
    assert student.recipe == recipe
    assert student.card["title"] == "tiny"
    assert student.default_guidance == 3.5
    assert student.hash == model.hash


def test_the_process_is_that_of_the_scheduler_file(tmp_path):
    pipe = tiny_models.sd_pipeline(tmp_path)
    pipe.scheduler = tiny_models.scheduler("v_prediction", beta_schedule="linear", rescale_betas_zero_snr=True)
    pipe.save_pretrained(tmp_path / "model")
    model = open_model(tmp_path / "model")
    assert model.denoiser.prediction == "v"
    assert torch.equal(model.denoiser.process.alphas_cumprod, pipe.scheduler.alphas_cumprod.double())


def test_half_precision_files_open_in_the_precision_asked_for(sd, tmp_path):
    pipe = tiny_models.sd_pipeline(tmp_path).to(torch.float16)
    pipe.save_pretrained(tmp_path / "half")
    full = open_model(tmp_path / "half")
    assert full.dtype == torch.float32
    assert next(full.parts.encoders[0].parameters()).dtype == torch.float32
    low = open_model(tmp_path / "half", dtype=torch.bfloat16)
    cond = encode_once({"m": low}, told(PROMPTS[:1]))
    record = next(sample(teacher_plan("m", (900.0,), guidance=3.0), {"m": low}, cond, [1], low.shape))
    assert low.dtype == torch.bfloat16
    assert record.x0.dtype == torch.float32
    half = open_model(tmp_path / "half", dtype=torch.float16)
    assert next(half.parts.vae.parameters()).dtype == torch.float32  # this autoencoder overflows in half precision


def test_variant_files_open_too(tmp_path):
    tiny_models.sd_pipeline(tmp_path).to(torch.float16).save_pretrained(tmp_path / "half", variant="fp16")
    assert open_model(tmp_path / "half").dtype == torch.float32


def test_prompts_are_encoded_once_per_text_encoder(sd, tmp_path):
    shutil.copytree(sd[1], tmp_path / "copy")
    other = tiny_models.sd_pipeline(tmp_path / "w", seed=5)
    other.save_pretrained(tmp_path / "other")
    models = {name: open_model(path) for name, path in (("a", sd[1]), ("b", tmp_path / "copy"), ("c", tmp_path / "other"))}
    asked = []
    for name, model in models.items():
        encode = model.encode
        model.encode = lambda prompts, name=name, encode=encode: (asked.append(name), encode(prompts))[1]
    cache = Once()
    out = encode_once(models, told(PROMPTS[:1]), cache)
    assert out["a"] is out["b"]
    assert out["a"] is not out["c"]
    assert asked.count("a") == 1
    assert asked.count("b") == 0
    assert asked.count("c") == 1
    encode_once(models, told(PROMPTS[:1]), cache)
    assert len(asked) == 2


def test_text_free_layers_of_a_guided_batch_are_computed_once(sd):
    model = open_model(sd[1])
    unet, x, t = model.parts.unet, noise([1, 2], 0, model.shape), torch.full((4,), 500.0)
    twice = torch.cat([x, x])
    cond = model.encode(told(PROMPTS))
    states = torch.cat([model.null(cond)["states"], cond["states"]])
    rows = []
    handle = unet.down_blocks[0].resnets[0].conv1.register_forward_hook(lambda m, a, out: rows.append(out.shape[0]))
    with torch.no_grad():
        plain = unet(twice, t, encoder_hidden_states=states).sample
        saved = model.denoiser.network(twice, t, {"states": states})
    handle.remove()
    assert rows == [4, 2]
    assert torch.allclose(plain, saved, atol=1e-5)
    assert are_equal(twice, t)
    assert not are_equal(torch.cat([x, x.flip(0)]), t)
    assert not are_equal(twice[:3], t[:3])
    hooks = [m for m in text_free(unet) if m._forward_hooks or m._forward_pre_hooks]
    assert hooks == []
    with pytest.raises(RuntimeError, match="inside"), computed_once(unet):
        raise RuntimeError("inside")
    assert not unet.conv_in._forward_hooks


def test_blocks_without_text_are_all_text_free(tmp_path):
    pipe = tiny_models.sd_pipeline(
        tmp_path, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D")
    )
    pipe.save_pretrained(tmp_path / "model")
    model = open_model(tmp_path / "model")
    assert len(text_free(model.parts.unet)) == 3
    x = noise([1, 2], 0, model.shape)
    cond = model.encode(told(PROMPTS))
    states = torch.cat([model.null(cond)["states"], cond["states"]])
    arguments = (torch.cat([x, x]), torch.full((4,), 500.0))
    with torch.no_grad():
        plain = model.parts.unet(*arguments, encoder_hidden_states=states).sample
        assert torch.allclose(plain, model.denoiser.network(*arguments, {"states": states}), atol=1e-5)


def test_students_that_take_guidance_as_an_input(tmp_path):
    pipe = tiny_models.sd_pipeline(tmp_path, time_cond_proj_dim=32)
    pipe.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "card.json").write_text(json.dumps({"embedded_guidance": 6.0}))
    model = open_model(tmp_path / "model")
    x = noise([1, 2], INITIAL, model.shape)
    reference = pipe(
        PROMPTS, num_inference_steps=2, guidance_scale=6.0, latents=x, output_type="latent", height=16, width=16
    ).images
    plan = teacher_plan("m", (501.0, 1.0)).model_copy(update={"final_t": 0.0})
    cond = encode_once({"m": model}, told(PROMPTS))
    ours = finished(sample(plan, {"m": model}, cond, [1, 2], model.shape))
    assert torch.allclose(ours, reference, atol=1e-4)
    other = pipe(PROMPTS, num_inference_steps=2, guidance_scale=2.5, latents=x, output_type="latent", height=16, width=16).images
    told_so = finished(sample(embedding(plan, 2.5, ["m"]), {"m": model}, cond, [1, 2], model.shape))
    assert torch.allclose(told_so, other, atol=1e-4) and not torch.allclose(told_so, ours, atol=1e-3)


def lora(folder, pipe):
    """A LoRA file as diffusers' training scripts save it, strong enough to see."""
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    pipe.unet.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_v"], init_lora_weights="gaussian"))
    for name, value in pipe.unet.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(value, generator=torch.Generator().manual_seed(3))
    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(pipe.unet))
    StableDiffusionPipeline.save_lora_weights(folder, layers, safe_serialization=True)


def test_adapters_act_on_their_segment_alone_and_leave_no_trace(sd, tmp_path):
    lora(tmp_path, tiny_models.sd_pipeline(tmp_path))
    model = open_model(sd[1])
    cond = encode_once({"m": model}, told(PROMPTS[:1]))

    def run(*scales):
        ts = (999.0, 700.0, 400.0)
        segments = tuple(
            Segment(model="m", rule="ddim", timesteps=(t,), adapters=(("style", s),) if s is not None else ())
            for t, s in zip(ts, scales, strict=True)
        )
        return list(sample(Plan(name="p", segments=segments), {"m": model}, cond, [1, 2], model.shape))

    bare = run(None, None, None)
    with pytest.raises(ValueError, match="not loaded in model; none is"):
        run(1.0, None, None)
    model.load_adapter("style", tmp_path)
    loaded = run(None, None, None)
    assert torch.equal(loaded[-1].after, bare[-1].after)
    half = run(None, 1.0, None)
    assert torch.equal(half[0].x0, bare[0].x0)
    assert not torch.allclose(half[1].x0, bare[1].x0, atol=1e-3)
    weaker = run(None, 0.25, None)
    assert (weaker[1].x0 - bare[1].x0).abs().mean() < (half[1].x0 - bare[1].x0).abs().mean()
    assert torch.equal(run(None, None, None)[-1].after, bare[-1].after)
    with pytest.raises(ValueError, match="already loaded"):
        model.load_adapter("style", tmp_path)
    with pytest.raises(FileNotFoundError, match="is not there"):
        model.load_adapter("other", tmp_path / "nothing")


def test_folders_that_do_not_fit_are_refused_with_a_sentence(sd, tmp_path):
    with pytest.raises(FileNotFoundError, match="'nowhere' cannot be opened: it is not there"):
        open_model(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="has no model_index.json"):
        open_model(tmp_path / "empty")
    index = tmp_path / "empty" / "model_index.json"
    for text, sentence in (
        ("{", "not a JSON object"),
        ("[]", "not a JSON object"),
        ('{"_class_name": "KandinskyPipeline"}', "is a 'KandinskyPipeline'; StableDiffusionPipeline, .* folders can be opened"),
        ('{"_class_name": "FluxPipeline"}', "its transformer is None; FluxTransformer2DModel would fit"),
    ):
        index.write_text(text)
        with pytest.raises(ValueError, match=sentence):
            open_model(tmp_path / "empty")
    shutil.copytree(sd[1], tmp_path / "odd")
    index = tmp_path / "odd" / "model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "text_encoder": ["transformers", "T5EncoderModel"]}))
    with pytest.raises(ValueError, match="text_encoder is 'T5EncoderModel'"):
        open_model(tmp_path / "odd")
    shutil.copytree(sd[1], tmp_path / "strange")
    scheduler = tmp_path / "strange" / "scheduler" / "scheduler_config.json"
    scheduler.write_text(json.dumps({"prediction_type": "epsilonn"}))
    with pytest.raises(ValueError, match="prediction_type is 'epsilonn'"):
        open_model(tmp_path / "strange")
    shutil.copytree(sd[1], tmp_path / "text")
    weights = tmp_path / "text" / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_text("../../teacher/unet/diffusion_pytorch_model.safetensors")
    with pytest.raises(ValueError, match="is a link that was checked out as text"):
        open_model(tmp_path / "text")
