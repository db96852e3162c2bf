"""Networks of a diffusers folder loaded one by one, whatever precision their files store, or lent by a model that is open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Generic

import torch
from torch import nn

from studio.families.layout import is_half, loaded
from studio.families.sharing import S, Shares


class Loading(Generic[S]):
    """Parts of a folder. shares: open models that may have them already; lend: a part of such a model, by its folder's name."""

    def __init__(self, folder: Path, shares: Shares[S], lend: Callable[[S, str], nn.Module]):
        self.folder, self.shares, self.lend = folder, shares, lend

    def part(self, library: ModuleType, name: str, part: str, dtype: torch.dtype) -> Any:
        """The network of class `name` in a part's folder, frozen. library: diffusers or transformers."""
        if (other := self.shares.of(part)) is not None:
            return self.lend(other, part)
        variant = {"variant": "fp16"} if is_half(loaded(self.folder / part)[0]) else {}
        cls, how = getattr(library, name), {"dtype": dtype, "local_files_only": True, "use_safetensors": True, **variant}
        return cls.from_pretrained(self.folder / part, **how).eval().requires_grad_(False)
