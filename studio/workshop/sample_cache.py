"""What the oracle read of samples that were drawn before, so that no study draws anything twice.

A cell is one plan under one prompt with one set of weights; it holds a row a seed. Its name is a digest of everything that
decides the samples, so cells of different studies are shared without anybody saying so, and weights that change make new
cells. Worker side: imports torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from studio.core import compiling
from studio.core.weights import load_weights, save_weights
from studio.metrics.rows import Rows, joined
from studio.sampling.plan import Plan

FORMAT = 1  # part of every name: raise it when sampling or reading changes what a cell would hold


class Cells:
    """The cells of a data folder. Reading and writing are whole files; a file that cannot be read counts as absent."""

    def __init__(self, folder: Path):
        self.folder = folder

    def name(self, plan: Plan, prompt: str, weights: Mapping[str, str], *, steps: bool = False, group: Sequence[int] = ()) -> str:
        """Digest of what decides the samples: the plan without its name, the prompt, the hashes of weights by model
        (the oracle's among them), and whether networks are compiled. group: the seeds drawn together, for plans whose samples
        look at each other."""
        body = plan.model_dump(mode="json", exclude={"name"})
        how = [compiling.named()] if compiling.wanted() else []  # nothing, so that what was kept before still counts
        text = json.dumps([FORMAT, body, prompt, sorted(weights.items()), steps, list(group), *how], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / f"{name}.safetensors"

    def get(self, name: str) -> tuple[list[int], Rows]:
        """(seeds, rows) of a cell; no seeds and no rows when there is none."""
        try:
            tensors, _ = load_weights(self._path(name))
            return tensors["seeds"].tolist(), _unpacked(tensors)
        except (OSError, KeyError, ValueError, SafetensorError):
            return [], Rows({}, {}, torch.zeros(0, 0), torch.zeros(0, dtype=torch.bool), torch.zeros(0))

    def add(self, name: str, seeds: Sequence[int], rows: Rows) -> None:
        """Put rows for new seeds into a cell; seeds that it has stay as they are."""
        known, kept = self.get(name)
        new = [i for i, seed in enumerate(seeds) if seed not in set(known)]
        if not new:
            return
        fresh = rows.rows(new)
        every = joined([kept, fresh]) if known else fresh
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_weights(path, {"seeds": torch.tensor([*known, *(seeds[i] for i in new)], dtype=torch.int64), **_packed(every)})

    def rows(self, name: str, seeds: Sequence[int]) -> Rows | None:
        """The rows of exactly these seeds in this order; None while some are missing."""
        known, kept = self.get(name)
        place = {seed: i for i, seed in enumerate(known)}
        if any(seed not in place for seed in seeds):
            return None
        return kept.rows([place[seed] for seed in seeds])


def _packed(rows: Rows) -> dict[str, Tensor]:
    return {
        **{f"label {k}": v.contiguous() for k, v in rows.labels.items()},
        **{f"value {k}": v.contiguous() for k, v in rows.values.items()},
        **{f"always {k}": v.contiguous() for k, v in rows.always.items()},
        "features": rows.features.half().contiguous(),
        "in_distribution": rows.in_distribution.contiguous(),
        "score": rows.score.contiguous(),
        **({} if rows.witness is None else {"witness": rows.witness.half().contiguous()}),
        **({} if rows.recognisable is None else {"recognisable": rows.recognisable.contiguous()}),
    }


def _unpacked(tensors: Mapping[str, Tensor]) -> Rows:
    def named(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    seen = tensors["features"].float(), tensors["in_distribution"], tensors["score"]
    witness = tensors["witness"].float() if "witness" in tensors else None
    return Rows(named("label "), named("value "), *seen, named("always "), witness, tensors.get("recognisable"))
