"""Prompt embeddings, encoded once per distinct text encoder rather than once per model or step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from studio.core.denoiser import Cond
from studio.sampling.plan import Plan
from studio.sampling.segment import condition_key


def encode_once(
    models: Mapping[str, Any], prompts: Sequence[str], cache: dict[Any, tuple[Cond, Cond]] | None = None
) -> dict[str, tuple[Cond, Cond]]:
    """id -> (condition, null) for the loop. One prompt gives one row, which all seeds share.

    Adapters are off while prompts are read: of an edit, the layers in text encoders act only on what is encoded under
    ``model.using``. Models with equal ``text_key`` (same encoder, tokenizer, precision and device) share one encoding. ``cache``
    keeps encodings between calls; the caller bounds it.
    """
    if not prompts:
        raise ValueError("no prompt was given; one for all seeds, or one for each, would fit")
    known = {} if cache is None else cache
    out = {}
    for name, model in models.items():
        with model.using(()) if hasattr(model, "using") else nullcontext():  # whatever adapters an earlier run left on
            key = (model.text_key, tuple(prompts))
            if key not in known:
                known[key] = (model.encode(prompts), model.null(1))
            out[name] = known[key]
    return out


def encode_plans(
    plans: Sequence[Plan], models: Mapping[str, Any], prompts: Sequence[str], cache: dict[Any, tuple[Cond, Cond]] | None = None
) -> dict[str, tuple[Cond, Cond]]:
    """All conditions that plans need: ``prompts`` for their models, and the prompts that segments have of their own."""
    known = {} if cache is None else cache
    needed = dict.fromkeys(pair for plan in plans for pair in plan.conditions)
    out = {}
    for model, own in needed:
        encoded = encode_once({model: models[model]}, [own] if own else prompts, known)
        out[condition_key(model, own)] = encoded[model]
    return out
