"""What an open model reads and writes beside itself: adapters, ControlNets, and itself with adapters merged into its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from studio.core.control_differences import restored
from studio.core.edit import Edit
from studio.core.explain import brief
from studio.families.stable import adapter_files, controlnets
from studio.families.stable.merged import save_merged


class AdapterFiles:
    """Adapter files as this model knows their layers."""

    layouts: tuple[str, ...] = tuple(adapter_files.LAYOUTS)

    def __init__(self, model: Any):
        self.model = model

    def read(self, path: Path) -> tuple[Edit, adapter_files.Report]:
        """A file or folder of any layout, and what of it fitted. ValueError in one sentence where it does not fit the model."""
        return adapter_files.read(path, adapter_files.targets(self.model.modules))

    def write(self, edit: Edit, path: Path, layout: str = "diffusers", private: bool = True) -> list[Path]:
        """The files that were written. private: with prompts, settings and date."""
        if layout not in self.layouts:
            raise ValueError(f"The layout {brief(layout)} is unknown; {', '.join(self.layouts)} are there.")
        return adapter_files.write(edit, path, cast(adapter_files.Layout, layout), private=private)

    def merge(self, edits: Sequence[tuple[Edit, float]], folder: Path) -> None:
        """The model with edits at their strengths in its weights, as a folder of its own."""
        save_merged(self.model, edits, folder)


class ControlFiles:
    """ControlNets of this model: low-rank differences from its own encoder, or whole ones that diffusers wrote."""

    def __init__(self, model: Any):
        self.model = model

    def open(self, path: Path | str) -> Any:
        return controlnets.open_control(path, self.model.parts.unet)

    def of(self, tensors: Mapping[str, Tensor], channels: Sequence[int]) -> Any:
        """One that is being taught, from its differences as they are now."""
        return restored(self.model.parts.unet, tensors, tuple(channels))

    def write(self, path: Path, tensors: Mapping[str, Tensor], channels: Sequence[int], about: Mapping[str, Any]) -> None:
        """Differences as a file that `open` reads."""
        controlnets.write(path, tensors, channels, about)

    def export(self, path: Path, folder: Path, half: bool) -> None:
        """A file of differences as a whole ControlNet that plain diffusers reads."""
        controlnets.export(self.open(path), folder, half=half)
