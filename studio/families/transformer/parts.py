"""The parts of an open checkpoint with a transformer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from torch import nn

from studio.core.files import Json
from studio.families.opened import NETWORK
from studio.families.transformer.kinds import Kind

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from studio.core.denoiser import Denoiser
    from studio.core.family import AdapterFiles
    from studio.core.method import Method
    from studio.core.recipe import Recipe
    from studio.families.autoencoder import Autoencoder
    from studio.families.transformer.network import Transformer


@dataclass(eq=False)
class Parts:
    """tokenizers, encoders: by the names of their folders. length: text tokens that T5 reads."""

    transformer: Transformer
    vae: Autoencoder
    tokenizers: dict[str, PreTrainedTokenizerBase]
    encoders: dict[str, PreTrainedModel]
    length: int

    def is_t5(self, encoder: str) -> bool:
        return "T5" in type(self.encoders[encoder]).__name__

    @property
    def lengths(self) -> dict[str, int]:
        """Text tokens that each encoder reads, in the order of their names."""
        short = self.tokenizers["tokenizer"].model_max_length  # SD3 reads as much with its second CLIP
        return {name: self.length if self.is_t5(name) else short for name in self.encoders}

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Those that edits may change, by the first word of a layer's path."""
        return {NETWORK: self.transformer, **self.encoders}


class Open(Protocol):
    """What works on an open checkpoint sees of `families.transformer.model.Model`, which is built on it."""

    folder: Path
    kind: Kind
    denoiser: Denoiser
    card: Json
    held: Parts
    embedded_guidance: float

    @property
    def adapter_files(self) -> AdapterFiles: ...
    def recipe_of(self, method: Method, teacher_id: str) -> Recipe: ...
