"""Latents of given pictures, encoded once and kept in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from torch import Tensor

from studio.core.family import OpenModel
from studio.core.weights import load_weights, save_weights
from studio.workshop.material.captions import Say
from studio.workshop.material.prompt_pairs import encoded


def encoded_once(
    path: Path, model: OpenModel, batches: Iterable[Tensor], total: int, say: Say, lead: Sequence[int] = (-1,)
) -> Tensor:
    """Latents [*lead, *shape] of batches of decoded samples, in half precision. say(done, total) is called on the way."""
    if not path.exists():

        def counted() -> Iterator[Tensor]:
            done = 0
            for batch in batches:
                yield batch
                done += len(batch)
                say(done, total)

        latents = encoded(model, counted())
        path.parent.mkdir(parents=True, exist_ok=True)
        save_weights(path, {"latents": latents.view(*lead, *latents.shape[1:])})
    return load_weights(path)[0]["latents"]
