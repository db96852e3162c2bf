"""What a transformer is said to hold at once is what is alive in diffusers' network while it predicts."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from studio.core.domain import told
from studio.core.family import Estimates
from studio.families import open_model
from tests.support.tiny_transformers import flux_pipeline, pixart_pipeline, sd3_pipeline

HEADS = {"attention_head_dim": 16, "num_attention_heads": 4}
MAKE: dict[str, Callable[..., Any]] = {
    "sd3": lambda folder: sd3_pipeline(folder, caption_projection_dim=64, pos_embed_max_size=64, **HEADS),
    "sd3.5": lambda folder: sd3_pipeline(
        folder, caption_projection_dim=64, pos_embed_max_size=64, dual_attention_layers=(0,), qk_norm="rms_norm", **HEADS
    ),
    "flux": lambda folder: flux_pipeline(folder, **HEADS),
    "pixart": lambda folder: pixart_pipeline(folder, cross_attention_dim=64, **HEADS),
}


class Alive(TorchDispatchMode):
    """Bytes of what operations made, and how many were alive at most; a network's weights and tables aside."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.now = self.most = 0
        self._there = {t.untyped_storage()._cdata for t in (*network.parameters(), *network.buffers())}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        return out

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self._there:
            self._there.add(key)
            self.now += size
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._there.discard(key)
        self.now -= size


@pytest.mark.parametrize("side", [16, 48])
@pytest.mark.parametrize("name", MAKE)
def test_rows_are_counted_as_they_are_alive(name: str, side: int, tmp_path: Path) -> None:
    """Images of 64 and of 576 tokens, with fewer and with more tokens of text."""
    MAKE[name](tmp_path / "words").save_pretrained(tmp_path / "model")
    model: Any = open_model(tmp_path / "model", "m")
    assert isinstance(model, Estimates)
    cond = model.encode(told(["a red boat"]))
    x, t = torch.randn(1, model.shape[0], side, side), torch.tensor([500.0])
    with torch.inference_mode(), Alive(model.held.transformer) as alive:
        model.denoiser.network(x, t, cond)
    said = model.row_bytes(x.shape[1:])
    assert said is not None and 0.95 < said / alive.most < 1.3, said / alive.most
