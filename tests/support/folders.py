"""Model folders that lists take for whole, and that nobody opens."""

from __future__ import annotations

import json
from pathlib import Path

PARTS = {"unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderTiny"],
         "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"]}  # fmt: skip
UNET = {"_class_name": "UNet2DConditionModel", "sample_size": 8, "in_channels": 4, "out_channels": 4}


def pretended(folder: Path, unet: dict[str, object] | None = None) -> Path:
    """Shaped like Stable Diffusion, without weights in its weight files. unet: its config."""
    for part in PARTS:
        (folder / part).mkdir(parents=True, exist_ok=True)
        if part != "tokenizer":
            (folder / part / "model.safetensors").touch()
            if part != "unet" and not (folder / part / "config.json").is_file():
                (folder / part / "config.json").write_text("{}")
        else:
            (folder / part / "vocab.json").touch()
    config = folder / "unet" / "config.json"
    if not config.is_file():
        config.write_text(json.dumps(UNET if unet is None else unet))
    (folder / "scheduler").mkdir(exist_ok=True)
    if not (folder / "scheduler" / "scheduler_config.json").is_file():
        (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps({"prediction_type": "v_prediction"}))
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline", **PARTS}))
    return folder
