"""Networks of a diffusers folder loaded one by one, whatever precision their files store."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import torch


def load_network(library: ModuleType, name: str, folder: Path, dtype: torch.dtype) -> Any:
    """The network of class `name` in a part's folder, frozen. library: diffusers or transformers."""
    found = [file.name for file in folder.glob("*.safetensors")]
    variant = {"variant": "fp16"} if all(".fp16" in file for file in found) else {}
    cls = getattr(library, name)
    module = cls.from_pretrained(folder, dtype=dtype, local_files_only=True, use_safetensors=True, **variant)
    return module.eval().requires_grad_(False)
