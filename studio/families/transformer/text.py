"""Prompts to conditions, exactly as the diffusers pipelines' ``encode_prompt`` does it. Prompts are given as they are spelled for
each tokenizer, in the order of their names (`families.vocabulary`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from studio.core.denoiser import Cond
from studio.families.computes_on import computes_on

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from studio.families.transformer.parts import Parts

Spelled = Sequence[Sequence[str]]


@torch.no_grad()
def encode_sd3(parts: Parts, prompts: Spelled) -> Cond:
    """{"states": [B, L + T, D], "pooled": [B, P]}: penultimate states of two CLIPs side by side, those of T5 behind them, zeros
    where the folder has no T5; the pooled outputs of the CLIPs."""
    length = parts.tokenizers["tokenizer"].model_max_length
    states, pooled = [], []
    for suffix, lines in zip(("", "_2"), prompts, strict=False):
        encoder = parts.encoders[f"text_encoder{suffix}"]
        ids, _ = _ids(parts.tokenizers[f"tokenizer{suffix}"], lines, length, encoder)
        out = encoder(ids, output_hidden_states=True)
        states.append(out.hidden_states[-2])
        pooled.append(out[0])
    clip = torch.cat(states, dim=-1)
    if "text_encoder_3" in parts.encoders:
        encoder = parts.encoders["text_encoder_3"]
        long = encoder(_ids(parts.tokenizers["tokenizer_3"], prompts[2], parts.length, encoder)[0])[0]
    else:
        long = clip.new_zeros(len(prompts[0]), parts.length, int(parts.transformer.config["joint_attention_dim"]))
    wide = functional.pad(clip, (0, long.shape[-1] - clip.shape[-1]))
    return {"states": torch.cat([wide, long], dim=-2), "pooled": torch.cat(pooled, dim=-1)}


@torch.no_grad()
def encode_flux(parts: Parts, prompts: Spelled) -> Cond:
    """{"states": [B, T, D], "pooled": [B, P]}: the states of T5, the pooled output of CLIP."""
    clip, t5 = parts.encoders["text_encoder"], parts.encoders["text_encoder_2"]
    words = parts.tokenizers["tokenizer"]
    ids, _ = _ids(words, prompts[0], words.model_max_length, clip)
    long, _ = _ids(parts.tokenizers["tokenizer_2"], prompts[1], parts.length, t5)
    return {"states": t5(long)[0], "pooled": clip(ids).pooler_output}


@torch.no_grad()
def encode_pixart(parts: Parts, prompts: Spelled) -> Cond:
    """{"states": [B, T, D], "mask": bool [B, T]}: the states of T5, and where there is text. Prompts are read in lower case, as
    the pipeline does it with `clean_caption=False`."""
    t5 = parts.encoders["text_encoder"]
    ids, mask = _ids(parts.tokenizers["tokenizer"], [prompt.lower().strip() for prompt in prompts[0]], parts.length, t5)
    return {"states": t5(ids, attention_mask=mask)[0], "mask": mask.bool()}


def _ids(words: PreTrainedTokenizerBase, prompts: Sequence[str], length: int, encoder: PreTrainedModel) -> tuple[Tensor, Tensor]:
    """(ids [B, length], mask [B, length]): padded, and cut beyond it."""
    tokens = words(list(prompts), padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    return tokens.input_ids.to(computes_on(encoder)), tokens.attention_mask.to(computes_on(encoder))
