"""The tiny decoders of a run: which pictures they draw, and that it is said. Worker side: imports torch when one is opened."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from studio.core.files import Json
from studio.families.tiny_decoder import TinyDecoder, open_tiny
from studio.library.models import ModelEntry
from studio.library.tiny_decoders import Wanted, place_of
from studio.workshop.memory import pick_precision

if TYPE_CHECKING:
    from torch import Tensor

    from studio.workshop.open_models import ModelCache


class TinyDecoders:
    """by_model: of those that have one and use it here. final: whether finished pictures are theirs too."""

    def __init__(self) -> None:
        self.by_model: dict[str, TinyDecoder] = {}
        self.final = False
        self.sentence = ""

    def open(self, wanted: Wanted, entries: Iterable[ModelEntry], cache: ModelCache, short: bool) -> None:
        """short: whether memory is, so that "auto" takes them. ValueError in one sentence where one does not fit."""
        import torch

        if wanted == "full" or (wanted == "auto" and not short):
            return
        for entry in entries:
            if not entry.tiny_decoder:
                continue
            place, precision = place_of(entry), pick_precision(cache.device, entry.dtype)
            files = sorted(place.glob("*.safetensors")) if place.is_dir() else [place]
            stamp = (precision, *((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files))
            make = partial(open_tiny, place, cache.device, getattr(torch, precision))
            self.by_model[entry.id] = cache.keep(f"tiny:{place}", stamp, make, sum(file.stat().st_size for file in files))
        self.final = wanted == "all"
        what, rest = ("All pictures", "") if self.final else ("Previews", "; finished pictures by its full autoencoder")
        if self.by_model:
            self.sentence = f"{what} of {' and '.join(self.by_model)} are drawn by a tiny decoder{rest}."

    def preview(self, model: str, latents: Tensor) -> Tensor | None:
        """None where the full autoencoder draws."""
        tiny = self.by_model.get(model)
        return None if tiny is None else tiny.decode(latents)

    def finished(self, model: str, latents: Tensor) -> Tensor | None:
        return self.preview(model, latents) if self.final else None

    def of_picture(self, model: str) -> Json:
        """For what a finished picture says of itself."""
        return {"decoder": "tiny"} if self.final and model in self.by_model else {}

    @property
    def about(self) -> Json:
        """For a result: models whose previews and whose finished pictures they drew; empty where there are none."""
        names = list(self.by_model)
        return {"tiny_decoder": {"previews": names, "pictures": names if self.final else []}} if names else {}
