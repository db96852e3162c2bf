"""Build and save the parts of a pocket pipeline: tokenizer, text encoder, UNet, scheduler, autoencoder.

The result is an ordinary Stable Diffusion folder: ``diffusers.DiffusionPipeline.from_pretrained(folder)`` opens it
without this project. Weights are stored in half precision so that every file stays under 10 MB.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from studio.core.process import VP
from studio.domains.pocket.captions import vocabulary
from studio.domains.pocket.pretrain.sizes import Size

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from transformers import CLIPTokenizer

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


def build_tokenizer(folder: Path) -> CLIPTokenizer:
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
            vocab_size=n_tokens,
            hidden_size=w,
            intermediate_size=2 * w,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=MAX_TOKENS,
            projection_dim=w,
            bos_token_id=n_tokens - 2,
            eos_token_id=n_tokens - 1,
            pad_token_id=n_tokens - 1,
        )
    )


def build_unet(size: Size) -> UNet2DConditionModel:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=size.latent_size,
        in_channels=size.latent_channels,
        out_channels=size.latent_channels,
        cross_attention_dim=size.text_width,
        **size.unet,
    )


def build_scheduler(size: Size, prediction: str = "v_prediction") -> DDIMScheduler:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="scaled_linear",
        beta_start=size.beta_start,
        beta_end=size.beta_end,
        prediction_type=prediction,
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
        timestep_spacing="trailing",
    )


def process_of(size: Size) -> VP:
    return VP.scaled_linear(size.beta_start, size.beta_end)
