"""Networks of a diffusers folder loaded one by one, whatever precision their files store, or lent by a model that is open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Generic

import torch
from torch import nn

from studio.families.layout import is_half, loaded, original_of
from studio.families.sharing import S, Shares

Original = Callable[[type[nn.Module], Path, str, Path, torch.dtype], nn.Module]


class Loading(Generic[S]):
    """Parts of a folder. shares: open models that may have them already; lend: a part of such a model, by its folder's name.
    original: reads a part (class, folder, part, file, precision) whose weights are in a file of the original layout."""

    def __init__(self, folder: Path, shares: Shares[S], lend: Callable[[S, str], nn.Module], original: Original | None = None):
        self.folder, self.shares, self.lend, self.original = folder, shares, lend, original

    def part(self, library: ModuleType, name: str, part: str, dtype: torch.dtype) -> Any:
        """The network of class `name` in a part's folder, frozen. library: diffusers or transformers."""
        if (other := self.shares.of(part)) is not None:
            return self.lend(other, part)
        cls, file = getattr(library, name), original_of(self.folder / part)
        if file is not None and self.original is not None:
            return self.original(cls, self.folder, part, file, dtype).eval().requires_grad_(False)
        variant = {"variant": "fp16"} if is_half(loaded(self.folder / part)[0]) else {}
        how = {"dtype": dtype, "local_files_only": True, "use_safetensors": True, **variant}
        return cls.from_pretrained(self.folder / part, **how).eval().requires_grad_(False)
