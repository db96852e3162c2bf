"""The parts of an open checkpoint shaped like Stable Diffusion, and the checkpoint as what works on it sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from torch import Tensor, nn

if TYPE_CHECKING:
    import torch
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from studio.core.denoiser import Denoiser
    from studio.core.edit import Edit
    from studio.core.method import Method
    from studio.core.recipe import Recipe
    from studio.families.autoencoder import Autoencoder as Autoencoder
    from studio.families.turns import Turns


@dataclass(eq=False)
class Parts:
    """tokenizers, encoders: one of each, or two (SDXL). zero_null: whether the empty prompt's conditions are zeros."""

    unet: UNet2DConditionModel
    vae: Autoencoder
    tokenizers: list[PreTrainedTokenizerBase]
    encoders: list[PreTrainedModel]
    zero_null: bool

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Those that edits may change, by the first word of a layer's path."""
        return {"unet": self.unet, **{f"text_encoder{'_2' if i else ''}": e for i, e in enumerate(self.encoders)}}


class Open(Protocol):
    """What works on an open checkpoint sees of `families.stable.model.Model`, which is built on it."""

    id: str
    folder: Path
    denoiser: Denoiser
    image_size: int
    recipe: Recipe | None
    held: Parts
    turns: Turns

    @property
    def parts(self) -> Parts: ...
    @property
    def hash(self) -> str: ...
    @property
    def device(self) -> torch.device: ...
    @property
    def modules(self) -> Mapping[str, nn.Module]: ...
    @property
    def own(self) -> tuple[Edit, float] | None: ...
    def make_own(self, network: nn.Module) -> None: ...
    def as_base(self) -> AbstractContextManager[None]: ...
    def recipe_of(self, method: Method, teacher_id: str) -> Recipe: ...
    def using(self, adapters: Sequence[tuple[str, float]]) -> AbstractContextManager[None]: ...
    def knowing(self, tokens: Sequence[Mapping[str, Tensor]]) -> AbstractContextManager[None]: ...
