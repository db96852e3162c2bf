"""Tiny vision models with random weights, saved as transformers saves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch


def save_eye(folder: Path, kind: str, seed: int = 0, **processor: Any) -> Path:
    """kind: "Dinov2Model", "CLIPVisionModel", "CLIPVisionModelWithProjection" or "CLIPModel". Sees 28 (DINOv2) or 32 pixels."""
    import transformers

    torch.manual_seed(seed)
    common = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    if kind == "Dinov2Model":
        config: Any = transformers.Dinov2Config(**common, image_size=28, patch_size=14)
    else:
        vision = dict(common, intermediate_size=16, image_size=32, patch_size=16, projection_dim=8)
        config = transformers.CLIPVisionConfig(**vision)
        if kind == "CLIPModel":
            text = {**common, "intermediate_size": 16, "vocab_size": 50, "projection_dim": 8}
            config = transformers.CLIPConfig(vision_config=vision, text_config=text, projection_dim=8)
    getattr(transformers, kind)(config).save_pretrained(folder)
    if processor:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder
