"""What is asked for as conditions, encoded once per distinct text encoder rather than once per model or step."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from studio.core.denoiser import Cond
from studio.core.domain import Said
from studio.core.references import references_key
from studio.sampling.plan import Plan
from studio.sampling.segment import AdapterPairs, condition_key

if TYPE_CHECKING:
    from studio.core.family import OpenModel


class Encodings(Protocol):
    """What was read, by whom -> (condition, null)."""

    def get(self, key: Hashable) -> tuple[Cond, Cond] | None: ...
    def keep(self, key: Hashable, pair: tuple[Cond, Cond]) -> None: ...


class Once(dict[Hashable, tuple[Cond, Cond]]):
    """`Encodings` of one call, without a bound."""

    def keep(self, key: Hashable, pair: tuple[Cond, Cond]) -> None:
        self[key] = pair


def encode_once(
    models: Mapping[str, OpenModel], said: Sequence[Said], cache: Encodings | None = None
) -> dict[str, tuple[Cond, Cond]]:
    """id -> (condition, null) for the loop, of plans without adapters. One gives one row, which all seeds share.

    Models with equal ``text_key`` (same encoder, tokenizer, precision and device) share one encoding. ``cache``
    keeps encodings between calls; the caller bounds it.
    """
    if not said:
        raise ValueError("no prompt was given; one for all seeds, or one for each, would fit")
    known = Once() if cache is None else cache
    return {name: _encoded(model, said, (), known) for name, model in models.items()}


def encode_plans(
    plans: Sequence[Plan],
    models: Mapping[str, OpenModel],
    said: Sequence[Said],
    cache: Encodings | None = None,
    negative: str = "",
) -> dict[str, tuple[Cond, Cond]]:
    """All conditions that plans need: what is ``said`` for their models, and the prompts that segments have of their own, each
    read with the adapters that are on in its segment (their layers in text encoders change what a prompt means). Beside a
    segment's own prompt stands what stands beside the first one.

    negative: text that guidance leads away from, read instead of the null (diffusers' ``negative_prompt``); "" is the null."""
    if not said:
        raise ValueError("no prompt was given; one for all seeds, or one for each, would fit")
    known = Once() if cache is None else cache
    needed = dict.fromkeys(triple for plan in plans for triple in plan.conditions)
    return {
        condition_key(model, own, adapters): _encoded(
            models[model], [replace(said[0], text=own)] if own else said, adapters, known, negative
        )
        for model, own, adapters in needed
    }


def _encoded(
    model: OpenModel, said: Sequence[Said], adapters: AdapterPairs, known: Encodings, negative: str = ""
) -> tuple[Cond, Cond]:
    with model.using(adapters) if hasattr(model, "using") else nullcontext():  # not those an earlier run left on
        key = (model.text_key, tuple((one.text, json.dumps(one.given, sort_keys=True)) for one in said), negative)
        if (found := known.get(key)) is None:
            cond = model.encode(said)
            null = model.null(cond)
            found = (cond, {**null, **_read_instead(model, said, negative)} if negative else null)
            known.keep(key, found)
        return found


def _read_instead(model: OpenModel, said: Sequence[Said], negative: str) -> Cond:
    """What is said in words, of another text. What stands beside it and references are as in the null."""
    told = model.encode([replace(one, text=negative) for one in said])
    return {name: part for name, part in told.items() if not name.startswith(references_key(""))}
