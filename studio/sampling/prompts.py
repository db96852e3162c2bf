"""Prompt embeddings, encoded once per distinct text encoder rather than once per model or step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from studio.core.denoiser import Cond
from studio.sampling.plan import Plan
from studio.sampling.segment import AdapterPairs, condition_key


def encode_once(
    models: Mapping[str, Any], prompts: Sequence[str], cache: dict[Any, tuple[Cond, Cond]] | None = None
) -> dict[str, tuple[Cond, Cond]]:
    """id -> (condition, null) for the loop, of plans without adapters. One prompt gives one row, which all seeds share.

    Models with equal ``text_key`` (same encoder, tokenizer, precision and device) share one encoding. ``cache``
    keeps encodings between calls; the caller bounds it.
    """
    if not prompts:
        raise ValueError("no prompt was given; one for all seeds, or one for each, would fit")
    known = {} if cache is None else cache
    return {name: _encoded(model, prompts, (), known) for name, model in models.items()}


def encode_plans(
    plans: Sequence[Plan], models: Mapping[str, Any], prompts: Sequence[str], cache: dict[Any, tuple[Cond, Cond]] | None = None
) -> dict[str, tuple[Cond, Cond]]:
    """All conditions that plans need: ``prompts`` for their models, and the prompts that segments have of their own, each
    read with the adapters that are on in its segment (their layers in text encoders change what a prompt means)."""
    if not prompts:
        raise ValueError("no prompt was given; one for all seeds, or one for each, would fit")
    known = {} if cache is None else cache
    needed = dict.fromkeys(triple for plan in plans for triple in plan.conditions)
    return {
        condition_key(model, own, adapters): _encoded(models[model], [own] if own else prompts, adapters, known)
        for model, own, adapters in needed
    }


def _encoded(
    model: Any, prompts: Sequence[str], adapters: AdapterPairs, known: dict[Any, tuple[Cond, Cond]]
) -> tuple[Cond, Cond]:
    with model.using(adapters) if hasattr(model, "using") else nullcontext():  # not those an earlier run left on
        key = (model.text_key, tuple(prompts))
        if key not in known:
            known[key] = (model.encode(prompts), model.null(1))
        return known[key]
