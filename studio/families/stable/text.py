"""Prompts to conditions, exactly as the diffusers pipelines' ``encode_prompt`` does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.families.computes_on import computes_on

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def token_ids(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], encoder: PreTrainedModel
) -> tuple[Tensor, Tensor | None]:
    """(ids [B, L], mask [B, L] or None): padded to the tokenizer's length, cut beyond it."""
    tokens = tokenizer(
        list(prompts), padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    )
    masked = getattr(encoder.config, "use_attention_mask", None)
    return tokens.input_ids.to(computes_on(encoder)), tokens.attention_mask.to(computes_on(encoder)) if masked else None


@torch.no_grad()
def encode_sd(tokenizer: PreTrainedTokenizerBase, encoder: PreTrainedModel, prompts: Sequence[str]) -> Cond:
    """{"states": [B, L, D]}: the last hidden state, after the final norm."""
    ids, mask = token_ids(tokenizer, prompts, encoder)
    return {"states": encoder(ids, attention_mask=mask)[0]}


@torch.no_grad()
def encode_xl(
    tokenizers: Sequence[PreTrainedTokenizerBase], encoders: Sequence[PreTrainedModel], prompts: Sequence[Sequence[str]]
) -> Cond:
    """{"states": [B, L, D1 + D2], "pooled": [B, P]}: penultimate states of both encoders, pooled output of the second.

    prompts: for each tokenizer its own spelling of them, as new words may have rows in one encoder alone."""
    states, pooled = [], None
    for tokenizer, encoder, spelled in zip(tokenizers, encoders, prompts, strict=True):
        ids, _ = token_ids(tokenizer, spelled, encoder)
        out = encoder(ids, output_hidden_states=True)
        if pooled is None and out[0].ndim == 2:
            pooled = out[0]
        states.append(out.hidden_states[-2])
    if pooled is None:
        raise ValueError("no text encoder gives a pooled output; SDXL needs a CLIPTextModelWithProjection second")
    return {"states": torch.cat(states, dim=-1), "pooled": pooled}


def time_ids(high: int, wide: int, n: int, device: torch.device) -> Tensor:
    """SDXL's size conditioning [n, 6]: original size, crop corner, target size, in pixels, all of them plain."""
    return torch.tensor([[high, wide, 0, 0, high, wide]], dtype=torch.float32, device=device).expand(n, 6)
