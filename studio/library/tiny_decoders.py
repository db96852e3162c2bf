"""Which pictures a run draws by a model's tiny decoder (`families.tiny_decoder`), and whether it has one that fits. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from studio.core.explain import brief
from studio.families.tiny_decoder import misfit
from studio.library.models import ModelEntry

Wanted = Literal["auto", "full", "previews", "all"]
HELP = (
    "What a model's tiny decoder draws, where its file names one: previews, all, or full for nothing; auto is previews while "
    "parts of the models are moved because memory is short."
)
_HUB = re.compile(r"[\w.-]+/[\w.-]+")


def place_of(entry: ModelEntry) -> Path:
    """Where its tiny decoder lies. ValueError in one sentence where it is not here, or does not fit the model."""
    given = entry.tiny_decoder
    place = Path(given)
    if not place.is_absolute():
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(given, "config.json") if _HUB.fullmatch(given) else None
        if not isinstance(found, str):
            raise ValueError(
                f"{brief(given)}, the tiny decoder of {entry.id}, is not here; `hf download {given}` would bring it."
            )
        place = Path(found).parent
    if why := misfit(place, entry.checkpoint.shape, entry.checkpoint.sample_shape):
        raise ValueError(f"{place.name} cannot be the tiny decoder of {entry.id}: {why}.")
    return place


def check(wanted: Wanted, entries: Iterable[ModelEntry]) -> None:
    """ValueError in one sentence where tiny decoders are asked for and none of these models has one that fits."""
    if wanted not in ("previews", "all"):
        return
    asked = list(entries)
    having = [entry for entry in asked if entry.tiny_decoder]
    if not having:
        names = " and ".join(entry.id for entry in asked)
        raise ValueError(f"There is no tiny decoder for {names}; `tiny_decoder` in a model's file names one.")
    for entry in having:
        place_of(entry)
