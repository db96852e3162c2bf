"""Build and save the parts of a pocket pipeline: tokenizer, text encoder, UNet, scheduler, autoencoder.

The result is an ordinary Stable Diffusion folder: ``diffusers.DiffusionPipeline.from_pretrained(folder)`` opens it
without this project. Weights are stored in half precision so that every file stays under 10 MB.
"""

from __future__ import annotations

import filecmp
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from studio.core.process import VP
from studio.core.trainer import computes_in_bf16
from studio.core.weights import channels_last, opens_in_float32, system_errors
from studio.domains.pocket.captions import vocabulary
from studio.methods.pretrain.sizes import Size

MAX_TOKENS = 16  # the longest caption has 13 words; begin and end marks make 15
START, END = "<|startoftext|>", "<|endoftext|>"


def learn_merges(words: Sequence[str]) -> list[tuple[str, str]]:
    """Byte-pair merges (Sennrich et al. 2016) until every word is one token.

    The most frequent pair goes first, ties by spelling, so the result is a function of the words alone (library
    trainers break ties by hash order, and token ids would change from run to run).
    """
    spelled = [[*word[:-1], word[-1] + "</w>"] for word in sorted(set(words))]
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for parts in spelled for pair in zip(parts, parts[1:], strict=False)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for parts in spelled:
            i = 0
            while i < len(parts) - 1:
                if (parts[i], parts[i + 1]) == best:
                    parts[i : i + 2] = ["".join(best)]
                i += 1
    return merges


def build_tokenizer(folder: Path) -> Any:
    """A CLIPTokenizer in which every word of the world is one token and any other text falls back to letters."""
    from transformers import CLIPTokenizer

    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    merges = learn_merges(vocabulary())
    tokens = [*letters, *(x + "</w>" for x in letters), *("".join(m) for m in merges), START, END]
    vocab = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocab))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(m) for m in merges) + "\n")
    tokenizer = CLIPTokenizer.from_pretrained(folder, model_max_length=MAX_TOKENS, unk_token=END, pad_token=END)
    broken = [w for w in vocabulary() if len(tokenizer(w)["input_ids"]) != 3]
    assert not broken, f"words of the world must be one token each: {broken}"
    return tokenizer


def build_text_encoder(size: Size, n_tokens: int) -> nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel

    w = size.text_width
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=n_tokens, hidden_size=w, intermediate_size=2 * w, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=MAX_TOKENS, projection_dim=w, bos_token_id=n_tokens - 2, eos_token_id=n_tokens - 1,
            pad_token_id=n_tokens - 1,
        )
    )  # fmt: skip


def build_unet(size: Size) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=size.latent_size,
        in_channels=size.latent_channels,
        out_channels=size.latent_channels,
        cross_attention_dim=size.text_width,
        **size.unet,
    )


def for_training(unet: Any, device: str = "cpu") -> Any:
    """Layout and attention that train fastest.

    On CPUs plain matrix attention, because fused attention's backward was four times slower; channels-last weights
    where arithmetic is bf16 (in fp32 on AVX2 they made a training step 17 % slower).
    """
    from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

    unet.set_attn_processor(AttnProcessor() if device == "cpu" else AttnProcessor2_0())
    unet.to(device)
    return channels_last(unet) if computes_in_bf16(device) else unet


def build_scheduler(size: Size, prediction: str = "v_prediction") -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=1000, beta_schedule="scaled_linear", beta_start=size.beta_start, beta_end=size.beta_end,
        prediction_type=prediction, clip_sample=False, set_alpha_to_one=True, steps_offset=1, timestep_spacing="trailing",
    )  # fmt: skip


def process_of(size: Size) -> VP:
    return VP.scaled_linear(size.beta_start, size.beta_end)


def tokenize(tokenizer: Any, captions: Sequence[str]) -> Tensor:
    """int64 [N, MAX_TOKENS], padded and cut as diffusers pipelines do it."""
    return tokenizer(list(captions), padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt").input_ids


def load_into(network: nn.Module, folder: Path) -> None:
    """Load the UNet and text encoder of a saved pipeline into a `denoising.TextConditioned`."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel

    unet = UNet2DConditionModel.from_pretrained(folder / "unet", dtype=torch.float32)
    text = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
    network.get_submodule("unet").load_state_dict(unet.state_dict())
    network.get_submodule("text").load_state_dict(text.state_dict())


def save_pipeline(folder: Path, tokenizer: Any, text: Any, unet: Any, scheduler: Any, vae: Any) -> None:
    """Write the folder; live modules are left in the precision they had."""
    import copy

    from diffusers import StableDiffusionPipeline
    from diffusers.models.attention_processor import AttnProcessor2_0

    half = [copy.deepcopy(m).to("cpu", torch.float16, memory_format=torch.contiguous_format) for m in (text, unet, vae)]
    half[1].set_attn_processor(AttnProcessor2_0())
    pipeline: Any = StableDiffusionPipeline(
        vae=half[2], text_encoder=half[0], tokenizer=tokenizer, unet=half[1], scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    with system_errors():
        pipeline.save_pretrained(folder, safe_serialization=True)
    tidy(folder)


def link_equal(folder: Path, teacher: Path) -> list[str]:
    """Replace weights and tokenizers of ``folder`` that equal the teacher's byte for byte by relative links; returns which.

    A student differs from its teacher in the UNet alone; the shipped sets stay small this way. Whoever reads a folder
    (diffusers, hashes, copies) sees ordinary files.
    """
    linked = []
    for path in sorted([*folder.rglob("*.safetensors"), *folder.rglob("tokenizer.json")]):
        other = teacher / path.relative_to(folder)
        if not path.is_symlink() and other.is_file() and filecmp.cmp(path, other, shallow=False):
            path.unlink()
            path.symlink_to(os.path.relpath(other, path.parent))
            linked.append(str(path.relative_to(folder)))
    return linked


def tidy(folder: Path) -> None:
    """Take out of every config what is about this machine or how weights are stored, and what AutoencoderTiny does not accept."""
    for path in folder.rglob("config.json"):
        config = json.loads(path.read_text())
        unwanted = {"_name_or_path"} | ({"block_out_channels"} if config.get("_class_name") == "AutoencoderTiny" else set())
        path.write_text(json.dumps({k: v for k, v in config.items() if k not in unwanted}, indent=2) + "\n")
    opens_in_float32(folder)
