"""Edits merged into the weights of a transformer: a folder that diffusers opens and that draws what the adapters draw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline

from studio.core.rng import INITIAL, noise
from studio.families import describe, open_model
from studio.families.adapter_files import targets
from studio.families.transformer.model import Model
from tests.families.test_transformers import SEEDS, TOLERANCE, drawn, saved
from tests.families.test_transformers_taught import drawn_in_one_step, everything
from tests.support.edits import equal, farthest, outputs, random_edit
from tests.support.tiny_transformers import PIPELINES

KINDS = ("sd3", "schnell", "pixart")


@pytest.mark.parametrize("name", KINDS)
def test_a_merged_model_draws_what_its_adapters_draw(name: str, tmp_path: Path) -> None:
    _, model = saved(PIPELINES[name](tmp_path), tmp_path / "model")
    (model.folder / "card.json").write_text(json.dumps({"what": "a tiny teacher", "measured": {"accuracy": 1}}))
    bare = outputs(model)
    one, other = everything(model), random_edit(targets(model.modules), seed=9, keep=lambda path: ".attn" in path)
    for key, edit in (("a", one), ("b", other)):
        model.load_edit(key, edit)
    model.use_adapters([("a", 0.6), ("b", -0.5)])
    worn, wanted = outputs(model), drawn_in_one_step(model)
    model.adapter_files.merge([(one, 0.6), (other, -0.5)], tmp_path / "merged")
    assert equal(outputs(model), worn)
    model.use_adapters([])
    assert equal(outputs(model), bare)
    assert describe(tmp_path / "merged").architecture == describe(model.folder).architecture
    opened = open_model(tmp_path / "merged", "merged")
    assert isinstance(opened, Model) and farthest(outputs(opened), worn) < TOLERANCE < farthest(bare, worn) / 100
    assert "measured" not in opened.card
    assert [part["strength"] for part in opened.card["merged"]] == [0.6, -0.5]
    pipe: Any = DiffusionPipeline.from_pretrained(tmp_path / "merged")
    pipe.set_progress_bar_config(disable=True)
    assert float((drawn(pipe, noise(SEEDS, INITIAL, model.shape), 1, 1.0) - wanted).abs().max()) < TOLERANCE
    with pytest.raises(ValueError, match="is there already"):
        model.adapter_files.merge([(one, 1.0)], tmp_path / "merged")


def test_parts_that_no_edit_changes_are_copied_as_they_are_stored(tmp_path: Path) -> None:
    pipe = PIPELINES["sd3-without-t5"](tmp_path).to(torch.float16)
    pipe.save_pretrained(tmp_path / "model")
    half = open_model(tmp_path / "model", "m", dtype=torch.bfloat16)
    edit = random_edit(targets(half.modules), keep=lambda path: path.startswith("unet.") and ".attn" in path)
    half.adapter_files.merge([(edit, 0.5)], tmp_path / "merged")
    names = {file.relative_to(tmp_path / "merged") for file in (tmp_path / "merged").rglob("*.safetensors")}
    changed = {n for n in names if (tmp_path / "merged" / n).read_bytes() != (tmp_path / "model" / n).read_bytes()}
    assert len(names) == 4 and changed == {Path("transformer/diffusion_pytorch_model.safetensors")}
    assert describe(tmp_path / "merged").reason == ""
