"""A study's second witness: a network taught on other pictures reads what the oracle reads, where one is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from studio.core.domain import Domain, Stated
from studio.core.files import Json
from studio.metrics import second_witness

if TYPE_CHECKING:
    from studio.capabilities.lab.studies.base import Data
    from studio.families.efficientnet_lite import Witness

WORLD = "fresh renders"  # the row of what is possible: more of the world's own samples against as many others


def table(data: Data, witness: Witness, domain: Domain, shape: Sequence[int]) -> Json:
    """{"reader", "arms": {arm: figures of `metrics.second_witness`}}, with the world's own row last.

    For every prompt as many renders are read as there are seeds, and as many again for the world's own row.
    """
    n = len(data.seeds)
    reference = {prompt: _fresh(witness, domain, stated, shape, [1, n]) for prompt, stated in data.stated.items()}
    again = {prompt: _fresh(witness, domain, stated, shape, [2, n]) for prompt, stated in data.stated.items()}
    prompts = list(data.readings)
    arms: Json = {}
    for arm in data.readings[prompts[0]]:
        rows = {prompt: data.readings[prompt][arm] for prompt in prompts}
        features = [row.witness for row in rows.values() if row.witness is not None]
        found = second_witness.witnessed(features, [reference[p] for p in prompts])
        plain = second_witness.default_behaviour(rows, data.stated, data.factors, data.worlds)
        arms[arm] = {"default_behaviour": plain.interval().to_dict(), **found}
    arms[WORLD] = second_witness.witnessed([again[p] for p in prompts], [reference[p] for p in prompts])
    del arms[WORLD]["seed_identifiability"]  # renders have no seeds in common
    return {"reader": witness.name, "seeds": n, "prompts": len(prompts), "arms": arms}


def _fresh(witness: Witness, domain: Domain, stated: Stated, shape: Sequence[int], seed: Sequence[int]) -> torch.Tensor:
    """Features [n, D] of as many samples of the world as the seed's second number, in which only what is stated is pinned."""
    hands = domain.hands()
    return witness.read(hands.samples(hands.items(seed[1], seed, stated), shape))
