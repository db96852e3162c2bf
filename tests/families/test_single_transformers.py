"""A checkpoint of SD3 or Flux in one file opens as the diffusers folder that it was made from."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, FluxTransformer2DModel, SD3Transformer2DModel
from safetensors.torch import save_file
from transformers import AutoTokenizer, CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, T5Config, T5EncoderModel

from studio.core.method import Streams
from studio.core.rng import INITIAL, noise
from studio.families import describe, footprint, open_model, residency
from studio.families.transformer.model import Model
from studio.families.transformer.original.shipped import LAYOUTS, NAMES
from studio.methods.distill import METHODS
from studio.sampling.plan import teacher_plan
from tests.families.test_recognising_files import BROKEN, one_sentence
from tests.families.test_shared_lora import Words
from tests.families.test_transformers import SEEDS, TOLERANCE, drawn, grid, ours
from tests.support.edits import farthest, outputs
from tests.support.original_layout import Shapes, layout_of, write, write_header
from tests.support.original_transformers import of_network, of_whole
from tests.support.placed import lora_on, network_on, single_file
from tests.support.tiny_transformers import flux_pipeline, sd3_pipeline

MAKE: dict[str, tuple[str, Callable[..., Any]]] = {
    "sd3": ("sd3", sd3_pipeline),
    "sd3.5": ("sd3", lambda folder, **more: sd3_pipeline(folder, dual_attention_layers=(0,), qk_norm="rms_norm", **more)),
    "without t5": ("sd3", lambda folder, **more: sd3_pipeline(folder, t5_too=False, **more)),
    "dev": ("flux-dev", lambda folder, **more: flux_pipeline(folder, dev=True, **more)),
    "schnell": ("flux-schnell", flux_pipeline),
}


class Made:
    """The same random model as a diffusers folder and as a single file, and the configs of a deeper one as if shipped."""

    def __init__(self, folder: Path, kind: str):
        self.folder, self.saved = folder, folder / "saved"
        self.layout, self.make = MAKE[kind]
        self.pipe = self.make(folder)
        self.pipe.save_pretrained(self.saved)
        shipped = sd3_pipeline(folder / "shipped") if self.layout == "sd3" else self.pipe
        shipped.save_pretrained(folder / "shipped" / "saved")
        self.layouts = layout_of(folder / "shipped" / "saved", folder / "layouts", self.layout)
        config = self.layouts / self.layout / "transformer" / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "num_layers": 7}))  # the file says how deep it is
        vae = "vae." if kind == "dev" else "first_stage_model."
        self.weights = of_whole(self.pipe, vae)
        self.file = write(folder / "checkpoint.safetensors", self.weights)

    def placed(self, file: Path | None = None, name: str = "placed") -> Path:
        single_file(file or self.file, self.folder / name, layouts=self.layouts)
        return self.folder / name


@pytest.fixture(params=MAKE)
def made(request: Any, tmp_path: Path) -> Made:
    return Made(tmp_path, request.param)


@pytest.fixture
def schnell(tmp_path: Path) -> Made:
    return Made(tmp_path, "schnell")


def opened(folder: Path, **more: Any) -> Model:
    model = open_model(folder, id="m", **more)
    assert isinstance(model, Model)
    return model


def test_it_is_the_folder_it_was_made_from_and_draws_as_the_pipeline(made: Made) -> None:
    placed = made.placed()
    assert [path.name for path in placed.rglob("*.safetensors")] == ["original.safetensors"]
    one, other = describe(made.saved), describe(placed)
    assert one == other and other.reason == ""
    model = opened(placed)
    for name, tensor in made.pipe.transformer.state_dict().items():
        assert torch.equal(model.held.transformer.state_dict()[name], tensor), name
    reference = drawn(made.pipe, noise(SEEDS, INITIAL, model.shape), 4, 3.0, output_type="pt")
    plan = teacher_plan("m", grid(model, 4), "euler", 3.0)
    found = model.decode(ours(plan, {"m": model}, model.shape))
    assert float((found - reference).abs().max()) < TOLERANCE
    assert farthest(outputs(model), outputs(opened(made.saved))) < 1e-5
    shown = torch.rand(1, *model.sample_shape, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(model.to_latents(shown), opened(made.saved).to_latents(shown), atol=1e-5)
    for rank in (None, 4):
        assert footprint(placed, rank=rank) == footprint(made.saved, rank=rank)
    assert [held.numbers for held in residency(placed)] == [held.numbers for held in residency(made.saved)]


def test_texts_of_two_files_are_two(tmp_path: Path) -> None:
    one, other = Made(tmp_path / "a", "schnell"), Made(tmp_path / "b", "schnell")
    changed = {n: t * 1.5 if n.endswith("shared.weight") else t for n, t in other.weights.items()}
    first, second = opened(one.placed()), opened(other.placed(write(tmp_path / "changed.safetensors", changed)))
    assert first.text_key != second.text_key and first.hash != second.hash
    assert first.text_key == opened(one.placed(name="again")).text_key


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_a_network_alone_stands_on_a_folder_and_on_a_single_file(made: Made, prefix: str) -> None:
    other = made.make(made.folder / "other", seed=7).transformer
    file = write(made.folder / "net.safetensors", {f"{prefix}{n}": t for n, t in of_network(other).items()})
    for base in (made.saved, made.placed()):
        network_on(base, file, made.folder / "student")
        assert describe(made.folder / "student").reason == ""
        model = opened(base)
        student = opened(made.folder / "student", beside=[model])
        assert student.held.vae is model.held.vae and student.held.transformer is not model.held.transformer
        state = student.held.transformer.state_dict()
        assert all(torch.equal(state[name], tensor) for name, tensor in other.state_dict().items())


def test_a_network_under_diffusers_names_is_held_against_a_base_in_a_single_file(made: Made) -> None:
    """What fits opens with its own weights, and what is of another base is refused before it is opened."""
    base, file = made.placed(name="base"), "diffusion_pytorch_model.safetensors"
    other = made.make(made.folder / "words", seed=5).transformer
    other.save_pretrained(made.folder / "fits")
    network_on(base, made.folder / "fits" / file, made.folder / "student")
    assert torch.equal(opened(made.folder / "student").held.transformer.proj_out.weight, other.proj_out.weight)
    width = other.config["joint_attention_dim"] + 4
    type(other).from_config({**other.config, "joint_attention_dim": width}).save_pretrained(made.folder / "wide")
    with pytest.raises(ValueError, match=r"is of another base: its .* has the shape .*, and the base's"):
        network_on(base, made.folder / "wide" / file, made.folder / "wide-student")
    shallow = {**other.config, "num_layers": 1}
    type(other).from_config(shallow).save_pretrained(made.folder / "shallow")
    with pytest.raises(ValueError, match=r"is of another base: it lacks \d+ of \d+ weights"):
        network_on(base, made.folder / "shallow" / file, made.folder / "shallow-student")


@pytest.mark.parametrize("ending", [".scale_weight", ".weight_scale"])
def test_eight_bits_are_read_and_scales_are_multiplied_out(schnell: Made, ending: str) -> None:
    """Of layers' weights, as ComfyUI stores them: x ≈ scale · float8(x / scale)."""
    eight, plain = {}, {}
    for name, tensor in schnell.weights.items():
        if name.endswith(".weight") and tensor.ndim == 2 and "blocks." in name and "relative" not in name:
            scale = tensor.abs().max() / 448
            eight[name] = (tensor / scale).to(torch.float8_e4m3fn)
            eight[f"{name.removesuffix('.weight')}{ending}"] = scale
            plain[name] = eight[name].float() * scale
        else:
            eight[name] = plain[name] = tensor.to(torch.float8_e4m3fn).float() if name.endswith("img_in.weight") else tensor
            if name.endswith("img_in.weight"):
                eight[name] = tensor.to(torch.float8_e4m3fn)  # without a scale
    eight["model.diffusion_model.scaled_fp8"] = torch.zeros(0)
    save_file({k: t.contiguous() for k, t in eight.items()}, schnell.folder / "eight.safetensors")
    write(schnell.folder / "plain.safetensors", plain)
    low = opened(schnell.placed(schnell.folder / "eight.safetensors", "eight"))
    full = opened(schnell.placed(schnell.folder / "plain.safetensors", "plain"))
    assert low.dtype == torch.float32 and farthest(outputs(low), outputs(full)) < 1e-5
    assert farthest(outputs(low), outputs(opened(schnell.saved))) > 1e-4, "8 bits are fewer"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_half_precision_file_opens_as_asked(schnell: Made, dtype: torch.dtype) -> None:
    half = write(schnell.folder / "half.safetensors", schnell.weights, torch.bfloat16)
    model = opened(schnell.placed(half), dtype=dtype)
    assert {p.dtype for part in model.modules.values() for p in part.parameters()} == {dtype}


def test_a_lora_student_shares_the_single_file(schnell: Made) -> None:
    name, r = "lora_unet_double_blocks_0_img_attn_qkv", torch.Generator().manual_seed(2)
    write(schnell.folder / "lora.safetensors", {f"{name}.lora_down.weight": torch.randn(2, 32, generator=r),
                                                f"{name}.lora_up.weight": torch.randn(96, 2, generator=r)})  # fmt: skip
    lora_on(schnell.placed(), schnell.folder / "lora.safetensors", schnell.folder / "student", 0.5)
    base = opened(schnell.placed())
    student = opened(schnell.folder / "student", beside=[base])
    assert student.held.transformer is base.held.transformer
    assert farthest(outputs(student), outputs(base)) > 1e-3


def test_a_student_of_full_weights_is_a_folder_of_its_own(schnell: Made) -> None:
    model = opened(schnell.placed())
    guide, cls = model.trainable(), METHODS.get("lcm")
    method = cls(cls.Config(timesteps=(1000, 500)), Streams(0), guide, Words())
    model.save_student(schnell.folder / "student", guide.network, method, "m", {})
    assert not list((schnell.folder / "student").rglob("original.safetensors"))
    student = opened(schnell.folder / "student")
    assert torch.equal(student.held.vae.decoder.conv_in.weight, schnell.pipe.vae.decoder.conv_in.weight)
    assert student.recipe is not None and student.recipe.teacher_hash == model.hash
    type(schnell.pipe).from_pretrained(schnell.folder / "student", local_files_only=True)


# -- the shipped layouts, and the true checkpoints by their headers -------------------------------------------------------

SD35 = {"large": {"num_layers": 38, "num_attention_heads": 38, "caption_projection_dim": 2432, "qk_norm": "rms_norm"},
        "medium": {"pos_embed_max_size": 384, "qk_norm": "rms_norm", "dual_attention_layers": tuple(range(13))},
        "": {}}  # fmt: skip
# parameters of the networks: of SD3 medium and SD3.5 as diffusers makes them of these configs, of Flux 12 billion
TRUE = {"sd3": "sd3", "sd3.5 large": "sd3", "sd3.5 medium": "sd3", "flux-dev": "flux-dev", "flux-schnell": "flux-schnell"}


def config(layout: str, part: str) -> Any:
    return json.loads((LAYOUTS / layout / part / "config.json").read_text())


def true_parts(name: str) -> SimpleNamespace:
    layout, changes = TRUE[name], SD35[name.partition(" ")[2]]
    cls = FluxTransformer2DModel if layout.startswith("flux") else SD3Transformer2DModel
    clip = CLIPTextModel if layout.startswith("flux") else CLIPTextModelWithProjection
    with torch.device("meta"):
        parts: dict[str, Any] = {"transformer": cls.from_config({**config(layout, "transformer"), **changes}),
                                 "vae": AutoencoderKL.from_config(config(layout, "vae"))}  # fmt: skip
        for part in sorted(path.name for path in (LAYOUTS / layout).glob("text_encoder*")):
            t5 = config(layout, part)["model_type"] == "t5"
            about = (T5Config if t5 else CLIPTextConfig).from_dict(config(layout, part))
            parts[part] = T5EncoderModel(about) if t5 else clip(about)
    return SimpleNamespace(**parts)


@pytest.fixture(scope="module")
def true_dev() -> Shapes:
    return {name: tuple(t.shape) for name, t in of_whole(true_parts("flux-dev")).items()}


@pytest.mark.parametrize("name", TRUE)
def test_the_true_checkpoints(name: str, tmp_path: Path) -> None:
    parts = true_parts(name)
    shapes = {key: tuple(t.shape) for key, t in of_whole(parts).items()}
    found = single_file(write_header(tmp_path / "a model.safetensors", shapes), tmp_path / "placed")
    assert (found.layout, found.prediction) == (TRUE[name], "flow")
    about = describe(tmp_path / "placed")
    assert (about.reason, about.shape, about.prediction) == ("", (16, 128, 128), "flow")
    assert about.embeds_guidance == (name == "flux-dev")
    assert footprint(tmp_path / "placed").parameters == sum(p.numel() for p in parts.transformer.parameters())
    for part in (path for path in (tmp_path / "placed").glob("tokenizer*")):
        words = AutoTokenizer.from_pretrained(part, local_files_only=True)
        expected = [320, 1125, 539, 320, 2368] if "CLIP" in type(words).__name__ else [3, 9, 1202, 13, 3, 9, 1712]
        ids = words("a photo of a cat").input_ids
        assert ids == ([49406, *expected, 49407] if "CLIP" in type(words).__name__ else [*expected, 1])
    assert {held.part for held in residency(tmp_path / "placed")} >= {"transformer", "vae", "text_encoder"}


def test_these_are_all_the_layouts() -> None:
    assert sorted(path.name for path in LAYOUTS.iterdir() if path.is_dir()) == sorted([*NAMES, "t5"])
    assert sum(path.stat().st_size for path in (LAYOUTS / "t5").iterdir()) < 3e6


def without(*begin: str) -> Callable[[Shapes], Shapes]:
    return lambda s: {name: shape for name, shape in s.items() if not name.startswith(begin)}


NET = "model.diffusion_model."
MISFITS: dict[str, tuple[Callable[[Shapes], Shapes], str]] = {
    "network alone": (lambda s: {n.removeprefix(NET): v for n, v in s.items() if n.startswith(NET)},
                      "is of Flux and has no CLIP-L and no T5 and no autoencoder; on a listed model that has them it would fit"),
    "no text": (without("text_encoders."), "has no CLIP-L and no T5;"),
    "no vae": (without("first_stage_model."), "has no autoencoder;"),
    "half a network": (without(f"{NET}double_blocks.7."), "its transformer lacks 24 of 780 weights"),
    "no first layer": (without(f"{NET}img_in."), "its transformer lacks img_in.weight"),
    "half a t5": (without("text_encoders.t5xxl.transformer.encoder.block.3."), "its text_encoder_2 lacks 9 of 219 weights"),
    "half a vae": (without("first_stage_model.decoder.mid."), "its vae lacks"),
    "more": (lambda s: {**s, f"{NET}double_blocks.0.img_attn.ip.weight": (4, 4)}, "1 weights that the layout knows nothing of"),
    "fill": (lambda s: {**s, f"{NET}img_in.weight": (3072, 384)}, "its transformer reads 384 channels and 64 are the noise's"),
    "nf4": (lambda s: {**s, f"{NET}img_in.weight.absmax": (4,)}, "in 4 bits of bitsandbytes"),
    "lora": (lambda s: {**s, "lora_unet_double_blocks_0_img_mlp_0.lora_up.weight": (4, 4)}, "is a LoRA"),
    "flux 2": (lambda s: {**s, f"{NET}single_stream_modulation.lin.weight": (4, 4)}, "of Flux 2"),
    "chroma": (lambda s: {**s, f"{NET}distilled_guidance_layer.in_proj.weight": (4, 4)}, "of Chroma"),
    "words": (lambda s: {**s, "text_encoders.t5xxl.transformer.shared.weight": (32100, 4096)}, "shape [32100, 4096]"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_is_one_sentence(case: str, true_dev: Shapes, tmp_path: Path) -> None:
    change, said = MISFITS[case]
    file = write_header(tmp_path / "given.safetensors", change(true_dev))
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        single_file(file, tmp_path / "placed")
    one_sentence(str(refused.value), tmp_path)
    assert "'given.safetensors'" in str(refused.value) and sorted(tmp_path.iterdir()) == [file]


def test_a_layout_that_it_is_not(true_dev: Shapes, tmp_path: Path) -> None:
    file = write_header(tmp_path / "a.safetensors", true_dev)
    for like in ("sd3", "flux-schnell", "sdxl"):
        with pytest.raises(ValueError, match=f"is Flux as flux-dev is, not {like}|is Flux as flux-dev is, not '{like}'"):
            single_file(file, tmp_path / "placed", like=like)
    assert single_file(file, tmp_path / "placed", like="flux-dev").layout == "flux-dev"


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files_are_refused_before_and_after_they_were_placed(case: str, true_dev: Shapes, tmp_path: Path) -> None:
    spoil, said = BROKEN[case]
    file = write_header(tmp_path / "given.safetensors", true_dev)
    single_file(file, tmp_path / "placed")
    spoil(file)
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        single_file(file, tmp_path / "again")
    one_sentence(str(refused.value), tmp_path)
    reason = describe(tmp_path / "placed").reason
    assert said in reason and "original.safetensors" in reason
    one_sentence(reason, tmp_path)


def test_a_network_of_another_base_is_refused(true_dev: Shapes, tmp_path: Path) -> None:
    single_file(write_header(tmp_path / "base.safetensors", true_dev), tmp_path / "base")
    net = {name: shape for name, shape in true_dev.items() if name.startswith(NET)}
    sd3 = {f"{NET}{n}": tuple(t.shape) for n, t in of_network(true_parts("sd3").transformer).items()}
    for name, shapes, said in (
        ("schnell", without(f"{NET}guidance_in.")(net), "its transformer has guidance_embeds False, and the base's is True"),
        ("short", without(f"{NET}single_blocks.37.")(net), "its transformer has num_single_layers 37, and the base's is 38"),
        ("fill", {**net, f"{NET}img_in.weight": (3072, 384)}, "its transformer has in_channels 384, and the base's is 64"),
        ("holes", without(f"{NET}double_blocks.3.")(net), "its transformer lacks 24 of 780 weights"),
        ("sd3", sd3, "its transformer lacks img_in.weight"),
    ):
        file = write_header(tmp_path / f"{name}.safetensors", shapes)
        with pytest.raises(ValueError, match=re.escape(f"'{name}.safetensors' is of another base: {said}")) as refused:
            network_on(tmp_path / "base", file, tmp_path / "student")
        one_sentence(str(refused.value), tmp_path)
