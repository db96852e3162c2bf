"""LoRAs of other programs as students of SD3 and Flux: added, listed and compared on the network of their base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from studio.library.adding import Wish, add_model
from studio.library.models import load_registry
from studio.library.stock import open_jobs
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from tests.support.fixtures import states
from tests.support.tiny_transformers import flux_pipeline, sd3_pipeline

RECIPE = {"teacher": "tiny/base", "teacher_hash": "", "timesteps": [1000, 750], "rule": "euler", "prediction": "flow",
          "valid_steps": [2]}  # fmt: skip
BLOCK = {"sd3": "joint_blocks.0.x_block.attn.qkv", "dev": "double_blocks.0.img_attn.qkv"}


def lora(kind: str, layout: str) -> dict[str, Tensor]:
    """Of what attends in the first block: all of it, under the name of the original code, or its queries."""
    draw = torch.Generator().manual_seed(4)
    down, up = torch.randn(2, 32, generator=draw), torch.randn(96, 2, generator=draw)
    if layout == "kohya":
        name = f"lora_unet_{BLOCK[kind].replace('.', '_')}"
        return {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": torch.tensor(1.0)}
    name = "transformer.transformer_blocks.0.attn.to_q"
    return {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up[:32].contiguous()}


@pytest.mark.parametrize("layout", ["kohya", "peft"])
@pytest.mark.parametrize("kind", ["sd3", "dev"])
def test_a_lora_student_is_added_and_compared_on_its_bases_network(kind: str, layout: str, tmp_path: Path) -> None:
    studio = open_jobs(tmp_path / "data")
    pipe = sd3_pipeline(tmp_path / "a") if kind == "sd3" else flux_pipeline(tmp_path / "a", dev=True)
    pipe.save_pretrained(tmp_path / "base")
    save_file(lora(kind, layout), tmp_path / "fast-lora.safetensors")
    add_model(studio.paths, Wish(given=str(tmp_path / "base"), id="tiny/base", size=16))
    wish = Wish(given=str(tmp_path / "fast-lora.safetensors"), id="tiny/fast", base="tiny/base", recipe=RECIPE, scale=0.5)
    assert add_model(studio.paths, wish).source.holds == "lora"
    registry = load_registry(studio.paths)
    assert registry.problems == {} and registry.get("tiny/fast").valid_steps == (2,)
    warm = ModelCache("cpu")
    asked = {"prompt": "a red boat", "pair": "tiny/fast", "arms": ["teacher", "student", "hybrid-1"], "seeds": "0-1"}
    run = studio.submit("compare", {**asked, "teacher_steps": 2})
    run_job(studio.paths.run(run), models=warm, registry=registry)
    assert states(studio, run)[-1] == "done"
    base, student = (warm.model(registry.get(name)) for name in ("tiny/base", "tiny/fast"))
    opened: Any = student
    assert opened.held.transformer is base.held.transformer, "one copy"  # type: ignore[attr-defined]
    assert opened.embedded_guidance == (3.5 if kind == "dev" else 1.0)
    result = studio.result(run)
    assert result is not None and {row["arm"] for row in result["arms"]} == {"teacher", "student", "hybrid-1"}
    pictures = {row["arm"]: [studio.artifact(run, one["path"]).read_bytes() for one in row["images"]] for row in result["arms"]}
    assert pictures["teacher"] != pictures["student"] != pictures["hybrid-1"]
