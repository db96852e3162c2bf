"""Every attention of a network is fused, also with adapters of ours on its layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from studio.core.domain import told
from studio.families import adapter_files, open_model
from tests.support.edits import random_edit
from tests.support.tiny_models import sd_pipeline, sdxl_pipeline
from tests.support.tiny_transformers import flux_pipeline, pixart_pipeline, sd3_pipeline

SHAPES: dict[str, Callable[[Path], Any]] = {
    "sd": sd_pipeline, "sdxl": sdxl_pipeline, "sd3": sd3_pipeline, "flux": flux_pipeline, "pixart": pixart_pipeline,
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_attention_is_fused_with_and_without_adapters(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SHAPES[name](tmp_path / "words").save_pretrained(tmp_path / "model")
    model: Any = open_model(tmp_path / "model", "m")
    edit = random_edit(adapter_files.targets(model.modules), keep=lambda path: path.startswith("unet.") and "attn" in path)
    model.load_edit("a", edit)
    network = model.by_role["network"][0]
    attentions = [m for m in network.modules() if type(m).__name__ in ("Attention", "FluxAttention")]
    fused, calls = functional.scaled_dot_product_attention, list[int]()

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return fused(*args, **kwargs)

    cond = model.encode(told(["a red boat"]))
    monkeypatch.setattr(functional, "scaled_dot_product_attention", counted)
    for adapters in ([], [("a", 0.5)]):
        model.use_adapters(adapters)
        calls.clear()
        with torch.inference_mode():
            model.denoiser.network(torch.randn(1, *model.shape), torch.tensor([500.0]), cond)
        assert attentions and len(calls) == len(attentions)
