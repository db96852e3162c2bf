"""How a checkpoint is opened: a folder in, a `Model` with a denoiser, an encoder and a decoder out. Imports no torch."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from studio.families.stable.model import Model

PIPELINES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")


def open_model(folder: Path | str, id: str | None = None, device: str = "cpu", dtype: torch.dtype | None = None) -> Model:
    """Open a diffusers pipeline folder (SD- or SDXL-shaped, pocket and nano included).

    id: what plans call it (default: the folder's name). dtype: of the networks (default float32), whatever the files
    store; latents are float32 throughout. ValueError or FileNotFoundError in one sentence where the folder does not fit.
    """
    from studio.families.stable.opening import open_stable

    folder = Path(folder)
    index = folder / "model_index.json"
    if not index.is_file():
        where = "is not there" if not folder.is_dir() else "has no model_index.json"
        raise FileNotFoundError(f"model folder {folder.name!r} {where}; a folder saved by diffusers would fit")
    try:
        pipeline = json.loads(index.read_text()).get("_class_name")
    except (json.JSONDecodeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"model_index.json of {folder.name!r} is not a JSON object; the one diffusers writes would fit"
        ) from error
    if pipeline not in PIPELINES:
        near = difflib.get_close_matches(str(pipeline), PIPELINES, n=1, cutoff=0.8)
        hint = f" The nearest is {near[0]}." if near else ""
        raise ValueError(f"{folder.name!r} is a {pipeline}; {' and '.join(PIPELINES)} folders can be opened.{hint}")
    for file in folder.rglob("*.safetensors"):
        if file.stat().st_size < 400 and file.read_bytes()[-12:] == b".safetensors":  # the text of a link, not weights
            raise ValueError(
                f"{file.parent.name}/{file.name} of {folder.name!r} is a link that was checked out as text; clone again with "
                "`git -c core.symlinks=true clone`, or copy the file it names"
            )
    return open_stable(folder, id or folder.name, device=device, dtype=dtype, xl=pipeline == PIPELINES[1])
