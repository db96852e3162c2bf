"""ControlNets as files of an open model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from studio.core.control_differences import restored
from studio.core.files import Json
from studio.families.stable import controlnets

if TYPE_CHECKING:
    from diffusers.models.controlnets.controlnet import ControlNetModel

    from studio.families.stable.parts import Open


class ControlFiles:
    """ControlNets of this model: low-rank differences from its own encoder, or whole ones that diffusers wrote."""

    def __init__(self, model: Open):
        self.model = model

    def open(self, path: Path | str) -> ControlNetModel:
        return controlnets.open_control(path, self.model.parts.unet)

    def of(self, tensors: Mapping[str, Tensor], channels: Sequence[int]) -> ControlNetModel:
        """One that is being taught, from its differences as they are now."""
        return restored(self.model.parts.unet, tensors, tuple(channels))

    def write(self, path: Path, tensors: Mapping[str, Tensor], channels: Sequence[int], about: Json) -> None:
        """Differences as a file that `open` reads."""
        controlnets.write(path, tensors, channels, about)

    def export(self, path: Path, folder: Path, half: bool) -> None:
        """A file of differences as a whole ControlNet that plain diffusers reads."""
        controlnets.export(self.open(path), folder, half=half)
