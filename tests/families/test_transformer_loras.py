"""LoRAs on SD3, Flux and PixArt-α in every layout that tools write: worn, they are what adding them to the weights by hand is."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from studio.core.rng import INITIAL, noise
from studio.families.transformer.model import Model
from tests.families.test_transformers import SEEDS, TOLERANCE, drawn, saved
from tests.families.test_transformers_taught import drawn_in_one_step
from tests.support.edits import equal, farthest, outputs
from tests.support.tiny_transformers import flux_pipeline, pixart_pipeline, sd3_pipeline

RANK, ALPHA = 3, 4.5
Ours = list[str]  # layers here whose rows are those of one layer of a file, one behind another; "~" before one: halves swapped
QKV, ADDED = ("to_q", "to_k", "to_v"), ("add_q_proj", "add_k_proj", "add_v_proj")


def flux_layers() -> Iterator[tuple[str, Ours]]:
    yield "img_in", ["x_embedder"]
    yield "txt_in", ["context_embedder"]
    yield "time_in.in_layer", ["time_text_embed.timestep_embedder.linear_1"]
    yield "time_in.out_layer", ["time_text_embed.timestep_embedder.linear_2"]
    yield "vector_in.in_layer", ["time_text_embed.text_embedder.linear_1"]
    yield "vector_in.out_layer", ["time_text_embed.text_embedder.linear_2"]
    yield "guidance_in.in_layer", ["time_text_embed.guidance_embedder.linear_1"]
    yield "guidance_in.out_layer", ["time_text_embed.guidance_embedder.linear_2"]
    yield "final_layer.adaLN_modulation.1", ["~norm_out.linear"]
    yield "final_layer.linear", ["proj_out"]
    for i in range(2):
        here, there = f"transformer_blocks.{i}", f"double_blocks.{i}"
        yield f"{there}.img_attn.qkv", [f"{here}.attn.{x}" for x in QKV]
        yield f"{there}.txt_attn.qkv", [f"{here}.attn.{x}" for x in ADDED]
        yield f"{there}.img_attn.proj", [f"{here}.attn.to_out.0"]
        yield f"{there}.txt_attn.proj", [f"{here}.attn.to_add_out"]
        yield f"{there}.img_mod.lin", [f"{here}.norm1.linear"]
        yield f"{there}.txt_mod.lin", [f"{here}.norm1_context.linear"]
        yield f"{there}.img_mlp.0", [f"{here}.ff.net.0.proj"]
        yield f"{there}.img_mlp.2", [f"{here}.ff.net.2"]
        yield f"{there}.txt_mlp.0", [f"{here}.ff_context.net.0.proj"]
        yield f"{there}.txt_mlp.2", [f"{here}.ff_context.net.2"]
        here, there = f"single_transformer_blocks.{i}", f"single_blocks.{i}"
        yield f"{there}.linear1", [*(f"{here}.attn.{x}" for x in QKV), f"{here}.proj_mlp"]
        yield f"{there}.linear2", [f"{here}.proj_out"]
        yield f"{there}.modulation.lin", [f"{here}.norm.linear"]


def xlabs_layers() -> Iterator[tuple[str, Ours]]:
    for i in range(2):
        here, there = f"transformer_blocks.{i}.attn", f"double_blocks.{i}.processor"
        yield f"{there}.qkv_lora1", [f"{here}.{x}" for x in QKV]
        yield f"{there}.qkv_lora2", [f"{here}.{x}" for x in ADDED]
        yield f"{there}.proj_lora1", [f"{here}.to_out.0"]
        yield f"{there}.proj_lora2", [f"{here}.to_add_out"]
        yield f"single_blocks.{i}.processor.qkv_lora", [f"single_transformer_blocks.{i}.attn.{x}" for x in QKV]
        yield f"single_blocks.{i}.processor.proj_lora", [f"single_transformer_blocks.{i}.proj_out"]


def sd3_layers() -> Iterator[tuple[str, Ours]]:
    """Of two blocks, the first with a second attention (SD3.5 medium), the last without a way on for the text."""
    yield "x_embedder.proj", ["pos_embed.proj"]
    yield "context_embedder", ["context_embedder"]
    for there, here in (("t_embedder", "timestep_embedder"), ("y_embedder", "text_embedder")):
        yield f"{there}.mlp.0", [f"time_text_embed.{here}.linear_1"]
        yield f"{there}.mlp.2", [f"time_text_embed.{here}.linear_2"]
    yield "final_layer.adaLN_modulation.1", ["~norm_out.linear"]
    yield "final_layer.linear", ["proj_out"]
    for i, swapped in ((0, ""), (1, "~")):
        here, x, text = f"transformer_blocks.{i}", f"joint_blocks.{i}.x_block", f"joint_blocks.{i}.context_block"
        yield f"{x}.attn.qkv", [f"{here}.attn.{name}" for name in QKV]
        yield f"{x}.attn.proj", [f"{here}.attn.to_out.0"]
        yield f"{x}.mlp.fc1", [f"{here}.ff.net.0.proj"]
        yield f"{x}.mlp.fc2", [f"{here}.ff.net.2"]
        yield f"{x}.adaLN_modulation.1", [f"{here}.norm1.linear"]
        yield f"{text}.attn.qkv", [f"{here}.attn.{name}" for name in ADDED]
        yield f"{text}.adaLN_modulation.1", [f"{swapped}{here}.norm1_context.linear"]
    yield "joint_blocks.0.x_block.attn2.qkv", [f"transformer_blocks.0.attn2.{name}" for name in QKV]
    yield "joint_blocks.0.x_block.attn2.proj", ["transformer_blocks.0.attn2.to_out.0"]
    yield "joint_blocks.0.context_block.attn.proj", ["transformer_blocks.0.attn.to_add_out"]
    yield "joint_blocks.0.context_block.mlp.fc1", ["transformer_blocks.0.ff_context.net.0.proj"]
    yield "joint_blocks.0.context_block.mlp.fc2", ["transformer_blocks.0.ff_context.net.2"]


def pixart_layers() -> Iterator[tuple[str, Ours]]:
    yield "x_embedder.proj", ["pos_embed.proj"]
    yield "t_block.1", ["adaln_single.linear"]
    yield "t_embedder.mlp.0", ["adaln_single.emb.timestep_embedder.linear_1"]
    yield "t_embedder.mlp.2", ["adaln_single.emb.timestep_embedder.linear_2"]
    yield "y_embedder.y_proj.fc1", ["caption_projection.linear_1"]
    yield "y_embedder.y_proj.fc2", ["caption_projection.linear_2"]
    yield "final_layer.linear", ["proj_out"]
    for i in range(2):
        here, there = f"transformer_blocks.{i}", f"blocks.{i}"
        yield f"{there}.attn.qkv", [f"{here}.attn1.{x}" for x in QKV]
        yield f"{there}.attn.proj", [f"{here}.attn1.to_out.0"]
        yield f"{there}.cross_attn.q_linear", [f"{here}.attn2.to_q"]
        yield f"{there}.cross_attn.kv_linear", [f"{here}.attn2.to_k", f"{here}.attn2.to_v"]
        yield f"{there}.cross_attn.proj", [f"{here}.attn2.to_out.0"]
        yield f"{there}.mlp.fc1", [f"{here}.ff.net.0.proj"]
        yield f"{there}.mlp.fc2", [f"{here}.ff.net.2"]


ORIGINAL: dict[str, Callable[[], Iterator[tuple[str, Ours]]]] = {"flux": flux_layers, "sd3": sd3_layers, "pixart": pixart_layers}
LINEAR = ("attn.to_q", "attn.add_v_proj", "attn1.to_k", "ff.net.0.proj", "ff_context.net.2", "norm1.linear", "proj_mlp",
          "attn.to_out.0")  # fmt: skip
MAKE: dict[str, Callable[[Path], Any]] = {
    "flux": lambda folder: flux_pipeline(folder, dev=True),
    "sd3": lambda folder: sd3_pipeline(folder, dual_attention_layers=(0,), qk_norm="rms_norm"),
    "pixart": pixart_pipeline,
}
CLIP = ["encoder.layers.0.self_attn.q_proj", "encoder.layers.1.mlp.fc2"]
T5 = ["encoder.block.1.layer.0.SelfAttention.v", "encoder.block.0.layer.1.DenseReluDense.wo"]
# how a tool calls the encoders' layers, by the part here
ENCODERS: dict[tuple[str, str], dict[str, str]] = {
    ("flux", "kohya"): {"text_encoder": "lora_te1_text_model_", "text_encoder_2": "lora_te3_"},
    ("flux", "onetrainer"): {"text_encoder": "lora_te1_text_model_", "text_encoder_2": "lora_te2_"},
    ("flux", "comfy"): {"text_encoder": "text_encoders.clip_l.transformer.text_model.",
                        "text_encoder_2": "text_encoders.t5xxl.transformer."},
    ("sd3", "kohya"): {"text_encoder": "lora_te1_text_model_", "text_encoder_2": "lora_te2_text_model_",
                       "text_encoder_3": "lora_te3_"},
    ("sd3", "comfy"): {"text_encoder": "text_encoders.clip_l.transformer.text_model.",
                       "text_encoder_2": "text_encoders.clip_g.transformer.text_model.",
                       "text_encoder_3": "text_encoders.t5xxl.transformer."},
    ("pixart", "kohya"): {"text_encoder": "lora_te_"},
}  # fmt: skip
# (what begins a name, of diffusers' layers or the original's, the ends of its tensors, whether alpha stands beside them, layout)
STYLES: dict[str, tuple[str, bool, tuple[str, str], bool, str]] = {
    "kohya": ("lora_unet_", True, (".lora_down.weight", ".lora_up.weight"), True, "kohya"),
    "comfy": ("diffusion_model.", True, (".lora_down.weight", ".lora_up.weight"), True, "original"),
    "ai-toolkit": ("diffusion_model.", True, (".lora_A.weight", ".lora_B.weight"), False, "original"),
    "bare": ("", True, (".lora_A.weight", ".lora_B.weight"), False, "diffusers"),
    "onetrainer": ("lora_transformer_", False, (".lora_down.weight", ".lora_up.weight"), True, "kohya"),
    "simpletuner": ("transformer.", False, (".lora_A.weight", ".lora_B.weight"), False, "diffusers"),
    "old-diffusers": ("transformer.", False, (".lora.down.weight", ".lora.up.weight"), False, "diffusers"),
    "peft": ("base_model.model.", False, (".lora_A.weight", ".lora_B.weight"), False, "PEFT"),
    "lycoris": ("lycoris_", False, (".lora_down.weight", ".lora_up.weight"), True, "LyCORIS"),
}
CASES = [(kind, style) for kind in MAKE for style in STYLES] + [("flux", "xlabs")]


class Written:
    """A file of random pairs, and what it does to the weights, worked out beside the code that reads it."""

    def __init__(self, kind: str, style: str, model: Model):
        self.tensors: dict[str, Tensor] = {}
        self.changes: list[tuple[str, str, Tensor]] = []  # part, layer, what is added to its weight at strength 1
        self.model, self.draw = model, torch.Generator().manual_seed(3)
        if style == "xlabs":
            for name, ours in xlabs_layers():
                self.add(name, (".down.weight", ".up.weight"), False, "unet", ours)
            return
        begin, original, ends, alpha, _ = STYLES[style]
        flat = begin.endswith("_")
        layers = ORIGINAL[kind]() if original else ((p, [p]) for p in model.held.transformer.state_dict())
        for name, ours in layers:
            name = name.removesuffix(".weight")
            if original or name.endswith(LINEAR) and not ours[0].endswith("bias"):
                called = name.replace(".", "_") if flat else name
                self.add(f"{begin}{called}", ends, alpha, "unet", [x.removesuffix(".weight") for x in ours])
        for part, start in ENCODERS.get((kind, style), {}).items():
            for path in T5 if "T5" in type(model.held.encoders[part]).__name__ else CLIP:
                called = path.replace(".", "_") if start.endswith("_") else path
                self.add(f"{start}{called}", ends, alpha, part, [path])

    def add(self, name: str, ends: tuple[str, str], alpha: bool, part: str, ours: Ours) -> None:
        weights = [self.weight(part, path.removeprefix("~")) for path in ours]
        down = 0.2 * torch.randn(RANK, *weights[0].shape[1:], generator=self.draw)
        up = 0.2 * torch.randn(sum(map(len, weights)), RANK, *[1] * (weights[0].ndim - 2), generator=self.draw)
        self.tensors |= {f"{name}{ends[0]}": down, f"{name}{ends[1]}": up}
        if alpha:
            self.tensors[f"{name}.alpha"] = torch.tensor(ALPHA)
        change = (ALPHA / RANK if alpha else 1.0) * torch.einsum("or,ri->oi", up.flatten(1), down.flatten(1))
        for path, weight in zip(ours, weights, strict=True):
            its, change = change[: len(weight)], change[len(weight) :]
            if path.startswith("~"):
                its = torch.cat([its[len(its) // 2 :], its[: len(its) // 2]])
            self.changes.append((part, path.removeprefix("~"), its.reshape(weight.shape)))
        assert not len(change)

    def weight(self, part: str, path: str) -> Tensor:
        path = f"text_model.{path}" if path in CLIP and hasattr(self.model.modules[part], "text_model") else path
        return self.model.modules[part].get_submodule(path).get_parameter("weight")

    def merged(self, strength: float) -> dict[str, Tensor]:
        """What the model says with the changes in its weights."""
        kept = copy.deepcopy({part: module.state_dict() for part, module in self.model.modules.items()})
        try:
            with torch.no_grad():
                for part, path, change in self.changes:
                    self.weight(part, path).add_(strength * change)
            return outputs(self.model)
        finally:
            for part, module in self.model.modules.items():
                module.load_state_dict(kept[part])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Model]]:
    root = tmp_path_factory.mktemp("loras")
    return {kind: saved(make(root / kind), root / kind / "model") for kind, make in MAKE.items()}


@pytest.mark.parametrize(("kind", "style"), CASES)
def test_a_file_of_any_layout_is_its_merge_by_hand(models: Any, kind: str, style: str, tmp_path: Path) -> None:
    model: Model = models[kind][1]
    written = Written(kind, style, model)
    save_file({k: t.contiguous() for k, t in written.tensors.items()}, tmp_path / "a.safetensors")
    bare = outputs(model)
    report = model.load_adapter("a", tmp_path / "a.safetensors")
    assert (report.matched, report.unmatched, report.notices) == (len(written.changes), 0, ())
    assert report.layout == ("XLabs" if style == "xlabs" else STYLES[style][-1])
    for strength in (0.0, 0.5, 1.0):
        model.use_adapters([("a", strength)])
        worn = outputs(model)
        model.use_adapters([])
        assert farthest(worn, written.merged(strength)) < TOLERANCE
        assert equal(worn, bare) == (strength == 0)
    assert farthest(worn, bare) > 0.02
    model.unload_adapter("a")
    assert equal(outputs(model), bare)


@pytest.mark.parametrize("style", ["kohya", "xlabs"])
def test_diffusers_draws_the_same_of_what_it_reads_at_this_size(style: str, tmp_path: Path) -> None:
    """Its converter of kohya's names knows single blocks by the width of the released Flux alone."""
    pipe, model = saved(MAKE["flux"](tmp_path), tmp_path / "model")
    written = Written("flux", style, model).tensors
    file = {k: t for k, t in written.items() if style == "xlabs" or not k.startswith(("lora_unet_single", "lora_te"))}
    if style == "kohya":  # what it gives other names than those of its own saver is left out, its alpha too
        file = {k: t for k, t in file.items() if "double_blocks" in k}
    save_file(file, tmp_path / "a.safetensors")
    bare = drawn_in_one_step(model)
    model.load_adapter("a", tmp_path / "a.safetensors")
    model.use_adapters([("a", 1.0)])
    pipe.load_lora_weights(tmp_path, weight_name="a.safetensors")
    reference, found = drawn(pipe, noise(SEEDS, INITIAL, model.shape), 1, 1.0), drawn_in_one_step(model)
    assert float((found - reference).abs().max()) < TOLERANCE
    assert float((found - bare).abs().max()) > 0.01


def test_alphas_of_a_peft_folder_are_heard_under_the_names_of_the_original_code(models: Any, tmp_path: Path) -> None:
    model: Model = models["flux"][1]
    qkv, mlp = "double_blocks.0.img_attn.qkv", "double_blocks.0.img_mlp.0"
    tensors = {k: t for k, t in Written("flux", "bare", model).tensors.items() if k.startswith((qkv, mlp))}
    save_file({f"base_model.model.{k}": t for k, t in tensors.items()}, tmp_path / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": 6, "alpha_pattern": {qkv: 12}}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    edit, _ = model.adapter_files.read(tmp_path)
    assert {path.rpartition(".")[2]: pair.alpha for path, pair in edit.pairs.items()} == {
        "to_q": 12.0, "to_k": 12.0, "to_v": 12.0, "proj": 6.0,
    }  # fmt: skip


def pair(name: str, down: tuple[int, ...], up: tuple[int, ...]) -> dict[str, Tensor]:
    return {f"{name}.lora_A.weight": torch.ones(down), f"{name}.lora_B.weight": torch.ones(up)}


GOOD = pair("transformer.transformer_blocks.0.attn.to_q", (2, 32), (32, 2))
QKV_OF_1 = "diffusion_model.double_blocks.1.img_attn.qkv"
MISFITS: dict[str, tuple[dict[str, Tensor], str]] = {
    "deeper": ({k.replace("1", str(i)): t for i in range(5) for k, t in pair(QKV_OF_1, (2, 32), (96, 2)).items()},
               "3 layers of 'a.safetensors' are not in this model ('diffusion_model.double_blocks.#.img_attn.qkv' (3))"),
    "unknown": ({**GOOD, **pair("transformer.nothing", (2, 32), (32, 2)), "transformer.odd": torch.ones(2)},
                "('transformer.nothing', 'transformer.odd'); an adapter whose layers are all in it would fit"),
    "part": (pair(QKV_OF_1, (2, 32), (64, 2)), "matrices [2, 32] and [64, 2], and 96 rows of the second would fit"),
    "wide": (pair(QKV_OF_1, (2, 64), (96, 2)), "was made for another architecture: layer"),
    "sd3": (pair("transformer.joint_blocks.0.x_block.attn.qkv", (2, 32), (96, 2)), "It was made for Stable Diffusion 3."),
    "xl": (pair("lora_unet_input_blocks_4_1_proj_in", (2, 32), (32, 2)), "none of the 1 layers"),
    "twice": ({**GOOD, **pair("diffusion_model.double_blocks.0.img_attn.qkv", (2, 32), (96, 2))}, "two pairs for layer"),
    "alone": ({f"{QKV_OF_1}.lora_A.weight": torch.ones(2, 32)}, "has down alone; both matrices of a pair would fit"),
    "bfl control": ({**pair("img_in", (2, 32), (32, 2)), "double_blocks.0.img_attn.norm.key_norm.scale": torch.ones(16)},
                    "control LoRA, which is for a network that reads a picture beside the noise"),
    "control": (pair("transformer.x_embedder", (2, 32), (32, 2)), "as control LoRAs do"),
    "biases": ({**GOOD, "transformer.transformer_blocks.0.attn.to_q.lora_B.bias": torch.ones(32)}, "LoRA with biases"),
    "lokr": ({"lycoris_transformer_blocks_0_attn_to_q.lokr_w1": torch.ones(2, 2)}, "LoKr"),
    "loha": ({"lora_unet_double_blocks_0_img_mlp_0.hada_w1_a": torch.ones(2, 2)}, "LoHa"),
    "dora": ({**GOOD, "transformer.transformer_blocks.0.attn.to_q.lora_magnitude_vector": torch.ones(32)}, "DoRA"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_is_one_sentence_with_its_name(models: Any, case: str, tmp_path: Path) -> None:
    tensors, words = MISFITS[case]
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(ValueError) as error:
        models["flux"][1].load_adapter("a", tmp_path / "a.safetensors")
    assert words in str(error.value) and "\n" not in str(error.value)
    assert models["flux"][1].adapter_names == ()


def test_pairs_that_change_nothing_may_be_for_layers_that_are_not_there(models: Any, tmp_path: Path) -> None:
    none = pair("lora_te3_encoder_block_9_layer_0_SelfAttention_q", (2, 32), (32, 2))
    save_file({**GOOD, **{k: t * 0 for k, t in none.items()}}, tmp_path / "a.safetensors")
    edit, report = models["flux"][1].adapter_files.read(tmp_path / "a.safetensors")
    assert len(edit.pairs) == 1
    assert report.notices == ("1 layers are not in this model, change nothing, and were left out",)
