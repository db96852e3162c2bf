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


def save_clip(folder: Path, seed: int = 0) -> Path:
    """A whole CLIP that sees 32 pixels and reads letters, with its tokenizer beside it."""
    import transformers

    from tests.support.tiny_models import LENGTH, tokenizer

    words = tokenizer(folder / "words")
    torch.manual_seed(seed)
    common: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
                              "projection_dim": 8}  # fmt: skip
    text = {**common, "vocab_size": len(words), "max_position_embeddings": LENGTH, "bos_token_id": len(words) - 2,
            "eos_token_id": len(words) - 1, "pad_token_id": len(words) - 1}  # fmt: skip
    vision = {**common, "image_size": 32, "patch_size": 16}
    config = transformers.CLIPConfig(vision_config=vision, text_config=text, projection_dim=8)
    transformers.CLIPModel(config).save_pretrained(folder)
    for file in ("vocab.json", "merges.txt"):
        (folder / "words" / file).replace(folder / file)
    return folder
