"""What a single file is, from its header alone: the true networks' names and shapes, and everything that is no checkpoint."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel

from studio.core.footprint import Smaller
from studio.families import describe, footprint
from studio.families.stable.face import StableDiffusion
from studio.families.stable.original.shipped import LAYOUTS, NAMES
from tests.support.original_layout import Shapes, of_unet, true_shapes, write_header
from tests.support.placed import network_on, single_file

UNET, TEXT_MODEL = "model.diffusion_model.", "cond_stage_model.transformer.text_model."


@pytest.fixture(scope="module")
def sd1() -> Shapes:
    return true_shapes("sd1")


@pytest.fixture(scope="module")
def sd2() -> Shapes:
    return true_shapes("sd2-v")


@pytest.fixture(scope="module")
def sdxl() -> Shapes:
    return true_shapes("sdxl")


def one_sentence(said: str, *folders: Path) -> None:
    assert not any(str(folder) in said for folder in folders) and "/tmp" not in said, said
    assert said.endswith(".") or not re.search(r"[.!?] ", said), said
    assert len(re.findall(r"[.!?](?= [A-Z])", said)) == 0 and "\n" not in said and len(said) < 300, said


# -- the true ones -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "unet", "size", "prediction"),
    [("sd1", 859_520_964, 64, "eps"), ("sd2-v", 865_910_724, 96, "v"), ("sdxl", 2_567_463_684, 128, "eps")],
)
def test_the_true_checkpoints(layout: str, unet: int, size: int, prediction: str, tmp_path: Path) -> None:
    found = single_file(write_header(tmp_path / "a model.safetensors", true_shapes(layout)), tmp_path / "placed")
    assert found.layout == layout
    about = describe(tmp_path / "placed")
    assert (about.reason, about.shape, about.prediction) == ("", (4, size, size), prediction)
    assert footprint(tmp_path / "placed").parameters == unet
    words = {path.parent.name for path in (tmp_path / "placed").rglob("vocab.json")}
    assert words == ({"tokenizer", "tokenizer_2"} if layout == "sdxl" else {"tokenizer"})
    assert not [path for path in (tmp_path / "placed").rglob("*.safetensors") if path.parent != tmp_path / "placed"]


@pytest.mark.parametrize("layout", NAMES)
def test_the_short_configs_of_old_models_say_what_diffusers_would(layout: str, tmp_path: Path) -> None:
    config = json.loads((LAYOUTS / layout / "unet" / "config.json").read_text())
    with torch.device("meta"):
        whole = UNet2DConditionModel.from_config(config)
    for name, value in (("short", config), ("long", dict(whole.config))):
        (tmp_path / name / "unet").mkdir(parents=True)
        (tmp_path / name / "unet" / "config.json").write_text(json.dumps(value))
    face = StableDiffusion()
    assert face.architecture(tmp_path / "short") == face.architecture(tmp_path / "long") != ""
    face.check_smaller(tmp_path / "short", Smaller("middle"), "it")


def test_base_and_v_of_sd2_are_told_apart_where_the_file_says(sd2: Shapes, tmp_path: Path) -> None:
    plain = write_header(tmp_path / "a.safetensors", sd2)
    found = single_file(plain, tmp_path / "placed")
    assert found.layout == "sd2-v" and "sd2-base" in found.notice
    one_sentence(found.notice, tmp_path)
    assert single_file(plain, tmp_path / "placed", like="sd2-base").layout == "sd2-base"
    assert (describe(tmp_path / "placed").prediction, describe(tmp_path / "placed").shape) == ("eps", (4, 64, 64))
    for strings, layout in (
        ({"modelspec.prediction_type": "epsilon"}, "sd2-base"),
        ({"modelspec.prediction_type": "v"}, "sd2-v"),
        ({"modelspec.architecture": "stable-diffusion-v2-512"}, "sd2-base"),
        ({"modelspec.architecture": "stable-diffusion-v2-768-v"}, "sd2-v"),
    ):
        said = single_file(write_header(tmp_path / "b.safetensors", sd2, **strings), tmp_path / "placed")
        assert (said.layout, said.notice) == (layout, ""), strings


def test_a_v_model_of_sdxl_says_so_by_a_key(sdxl: Shapes, tmp_path: Path) -> None:
    file = write_header(tmp_path / "a.safetensors", {**sdxl, "v_pred": (1,), "ztsnr": (1,)})
    single_file(file, tmp_path / "placed")
    assert describe(tmp_path / "placed").prediction == "v"
    scheduler = json.loads((tmp_path / "placed" / "scheduler" / "scheduler_config.json").read_text())
    assert scheduler["rescale_betas_zero_snr"] is True


def test_a_layout_that_it_is_not(sd1: Shapes, tmp_path: Path) -> None:
    file = write_header(tmp_path / "a.safetensors", sd1)
    for like, said in (("sdxl", "is Stable Diffusion 1.x, not sdxl"), ("sd2", "Did you mean 'sd2-v'")):
        with pytest.raises(ValueError, match=said):
            single_file(file, tmp_path / "placed", like=like)
    assert not (tmp_path / "placed").exists()


# -- others --------------------------------------------------------------------------------------------------------------


def of_channels(n: int) -> Callable[[Shapes], Shapes]:
    return lambda s: {**s, f"{UNET}input_blocks.0.0.weight": (320, n, 3, 3)}


def only(*begin: str) -> Callable[[Shapes], Shapes]:
    return lambda s: {name: shape for name, shape in s.items() if name.startswith(begin)}


def without(*begin: str) -> Callable[[Shapes], Shapes]:
    return lambda s: {name: shape for name, shape in s.items() if not name.startswith(begin)}


def named(*names: str) -> Callable[[Shapes], Shapes]:
    return lambda _: dict.fromkeys(names, (4, 4))


OTHERS = {
    "inpainting": (of_channels(9), "a picture to paint in beside the noise"),
    "pix2pix": (of_channels(8), "a picture to edit beside the noise"),
    "depth": (of_channels(5), "depth beside the noise"),
    "sd3": (named("model.diffusion_model.joint_blocks.0.context_block.adaLN_modulation.1.bias"), "of Stable Diffusion 3"),
    "flux": (named("double_blocks.0.img_attn.norm.key_norm.scale"), "of Flux,"),
    "flux in a checkpoint": (named(f"{UNET}double_blocks.0.img_attn.norm.key_norm.scale", "vae.decoder.x"), "of Flux,"),
    "playground": (lambda s: {**s, "edm_mean": (4,)}, "of Playground 2.5"),
    "lora": (named("lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight"), "is a LoRA"),
    "peft": (named("unet.down_blocks.0.attentions.0.proj_in.lora_A.weight"), "is a LoRA"),
    "vae": (only("first_stage_model."), "an autoencoder alone"),
    "vae, bare": (named("encoder.conv_in.weight", "decoder.conv_in.weight", "quant_conv.weight"), "an autoencoder alone"),
    "words": (named("emb_params"), "a new word"),
    "words of sdxl": (named("clip_l", "clip_g"), "a new word"),
    "text": (only("cond_stage_model."), "a text encoder alone"),
    "unet": (only(UNET), "a UNet alone"),
    "unet of diffusers": (named("conv_in.weight", "down_blocks.0.resnets.0.conv1.weight"), "a UNet alone"),
    "controlnet": (named("control_model.input_blocks.0.0.weight"), "a ControlNet"),
    "motion": (named("down_blocks.0.motion_modules.0.temporal_transformer.norm.bias"), "a motion module"),
    "anything": (named("layer.0.weight"), "no model that is known here"),
    "nothing": (named(), "a file without weights"),
    "8 bits": (lambda s: {**s, f"{UNET}scaled_fp8": (1,)}, "in scaled 8 bits"),
    "no text": (without("cond_stage_model."), "has no text encoder"),
    "no vae": (without("first_stage_model."), "its vae is missing"),
    "half a unet": (without(f"{UNET}output_blocks.7"), "its unet lacks 38 of 686 weights"),
    "half a text encoder": (without(f"{TEXT_MODEL}encoder.layers.11."), "its text_encoder lacks 16 of 196 weights"),
    "more in the unet": (lambda s: {**s, f"{UNET}time_embed.cond_proj.weight": (320, 256)}, "1 weights that the layout knows"),
    "wide words": (lambda s: {**s, f"{TEXT_MODEL}embeddings.token_embedding.weight": (49410, 768)},
                   "its text_encoder has a vocab_size of 49410"),
    "another width": (lambda s: {n: (shape[0], 1024) if n.endswith("attn2.to_k.weight") else shape for n, shape in s.items()},
                      "its unet has a cross_attention_dim of 1024"),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_no_checkpoint_is_said_to_be_what_it_is(case: str, sd1: Shapes, tmp_path: Path) -> None:
    change, said = OTHERS[case]
    file = write_header(tmp_path / "given.safetensors", change(sd1))
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        single_file(file, tmp_path / "placed")
    one_sentence(str(refused.value), tmp_path)
    assert "'given.safetensors'" in str(refused.value) and sorted(tmp_path.iterdir()) == [file]


def test_the_refiner_of_sdxl(sdxl: Shapes, tmp_path: Path) -> None:
    names = {n.replace("embedders.1", "embedders.0"): s for n, s in sdxl.items() if "embedders.0." not in n}
    with pytest.raises(ValueError, match="a refiner of Stable Diffusion XL"):
        single_file(write_header(tmp_path / "given.safetensors", names), tmp_path / "placed")


def cut_short(path: Path) -> None:
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size - 2)


def cut_in_the_header(path: Path) -> None:
    with open(path, "r+b") as file:
        file.truncate(5000)


def huge_header(path: Path) -> None:
    path.write_bytes((80 << 30).to_bytes(8, "little") + b"{}" + bytes(1000))


def torn_header(path: Path) -> None:
    path.write_bytes((20).to_bytes(8, "little") + b'{"a": {"dtype": "F16' + bytes(1000))


def odd_header(path: Path) -> None:
    text = b'{"a": {"dtype": "F16", "shape": [-1], "data_offsets": [0, 2]}}'
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(2))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut short": (cut_short, "is cut short"),
    "cut in the header": (cut_in_the_header, "is damaged: its header would take"),
    "a header of 80 GB": (huge_header, "is damaged: its header would take 85,899,345,920 bytes"),
    "a torn header": (torn_header, "is damaged: its header cannot be read"),
    "an odd header": (odd_header, "is damaged: its header cannot be read"),
    "text": (lambda path: path.write_text("a photo of a cat, by nobody"), "is no safetensors file"),
    "a web page": (lambda path: path.write_text("<!DOCTYPE html><html></html>"), "is a web page"),
    "a pickle": (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "is a pickle whatever its name"),
    "a zip": (lambda path: torch.save({"a": torch.zeros(1)}, path), "is a pickle whatever its name"),
    "a pointer": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "a pointer of Git LFS"),
    "nothing": (lambda path: path.write_bytes(b""), "is empty"),
    "seven bytes": (lambda path: path.write_bytes(b"1234567"), "is no safetensors file"),
    "gguf": (lambda path: path.write_bytes(b"GGUF" + bytes(60)), "is a GGUF file"),
    "gone": (lambda path: path.unlink(), "not there"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files_are_refused_before_and_after_they_were_placed(case: str, sd1: Shapes, tmp_path: Path) -> None:
    spoil, said = BROKEN[case]
    file = write_header(tmp_path / "given.safetensors", sd1)
    single_file(file, tmp_path / "placed")
    spoil(file)
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        single_file(file, tmp_path / "again")
    one_sentence(str(refused.value), tmp_path)
    assert not (tmp_path / "again").exists()
    reason = describe(tmp_path / "placed").reason
    assert said in reason and "original.safetensors" in reason
    one_sentence(reason, tmp_path)


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".bin"])
def test_pickles_are_refused_by_name(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"given{suffix}").write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match="so it is not taken; a .safetensors file would fit") as refused:
        single_file(tmp_path / f"given{suffix}", tmp_path / "placed")
    assert str(tmp_path) not in str(refused.value) and "To convert one that you trust" in str(refused.value)


def test_a_network_of_another_base_is_refused(sd1: Shapes, sd2: Shapes, tmp_path: Path) -> None:
    single_file(write_header(tmp_path / "base.safetensors", sd1), tmp_path / "base")
    for name, change, said in (
        ("sd2", lambda _: only(UNET)(sd2), "'sd2.safetensors' is of another base: its unet has a cross_attention_dim of 1024"),
        ("inpainting", of_channels(9), "'inpainting.safetensors' reads a picture to paint in"),
        ("cut", without(f"{UNET}middle_block."), "'cut.safetensors' is of another base: its unet lacks"),
    ):
        file = write_header(tmp_path / f"{name}.safetensors", change(sd1))
        with pytest.raises(ValueError, match=re.escape(said)) as refused:
            network_on(tmp_path / "base", file, tmp_path / "student")
        one_sentence(str(refused.value), tmp_path)
        assert not (tmp_path / "student").exists()


def test_the_true_unet_of_sdxl_alone(sdxl: Shapes, tmp_path: Path) -> None:
    single_file(write_header(tmp_path / "base.safetensors", sdxl), tmp_path / "base")
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(json.loads((LAYOUTS / "sdxl" / "unet" / "config.json").read_text()))
    file = write_header(tmp_path / "net.safetensors", {name: tuple(t.shape) for name, t in of_unet(unet).items()})
    network_on(tmp_path / "base", file, tmp_path / "student")
    assert describe(tmp_path / "student").reason == "" and footprint(tmp_path / "student").parameters == 2_567_463_684
    assert footprint(tmp_path / "student", rank=8) == footprint(tmp_path / "base", rank=8)
