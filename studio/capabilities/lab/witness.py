"""A study's second witness: a network taught on other pictures reads what the oracle reads, where one is installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from studio.core.files import Json
from studio.metrics import second_witness
from studio.workshop.open_models import ModelCache

if TYPE_CHECKING:
    from studio.capabilities.lab.studies.base import Data
    from studio.families.efficientnet_lite import Witness

WORLD = "fresh renders"  # the row of what is possible: more of the world's own samples against as many others


def open_installed(models: ModelCache) -> Witness | None:
    """The second witness, kept open among the models; None where the optional package is not installed."""
    from studio.families.efficientnet_lite import installed, open_witness

    path = installed()
    if path is None:
        return None
    found: Witness = models.keep(
        "second witness", (path.stat().st_mtime_ns,), lambda: open_witness(path, models.device), 20 << 20
    )
    return found


def table(data: Data, witness: Witness, size: int) -> Json:
    """{"reader", "arms": {arm: figures of `metrics.second_witness`}}, with the world's own row last.

    For every prompt as many renders are read as there are seeds, and as many again for the world's own row.
    """
    n = len(data.seeds)
    reference = {prompt: _renders(witness, stated, size, n, 1) for prompt, stated in data.stated.items()}
    again = {prompt: _renders(witness, stated, size, n, 2) for prompt, stated in data.stated.items()}
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


def _renders(witness: Witness, stated: Mapping[str, str], size: int, n: int, seed: int) -> torch.Tensor:
    """Features [n, D] of renders in which only what the prompt states is pinned."""
    from studio.domains.pocket.dataset import to_images
    from studio.domains.pocket.render import render_batch
    from studio.domains.pocket.scene import sample_scene

    rng = np.random.default_rng([seed, n])
    pictures: Any = render_batch([sample_scene(rng, **stated) for _ in range(n)], size)
    return witness.read(to_images(pictures))
