"""Every method of unlearning on models of the shapes of SD3, Flux and PixArt-α: a step, a file, the file again, gone again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.core.edit import EditCard
from studio.families import open_model
from studio.methods.unlearn import UNLEARN
from tests.methods.test_personalize_transformers import JOINT, folder, kind
from tests.methods.test_unlearn_shapes import METHODS, forgotten
from tests.support.edits import equal, farthest, outputs

__all__ = ["folder", "kind"]  # fixtures


@pytest.mark.parametrize("name", METHODS)
def test_a_method_forgets_saves_is_worn_and_taken_off(folder: Path, kind: str, name: str, tmp_path: Path) -> None:
    chosen: Any = UNLEARN.get(name)
    for role in chosen.models or ("teacher", "student"):
        model: Any = open_model(folder / role, "tiny")
        before = outputs(model)
        more = {}
        if kind != "pixart" and chosen.Config().layers.startswith("cross-attention"):
            with pytest.raises(ValueError, match=JOINT):
                forgotten(model, name, tmp_path / role, folder / "teacher")
            if chosen.card.text_alone:
                continue
            more = {"layers": "attention"}
        change = forgotten(model, name, tmp_path / role, folder / "teacher", **more)
        assert equal(outputs(model), before)  # teaching leaves the opened model alone
        with model.under(change, 1.0):
            as_taught = outputs(model)
        model.adapter_files.write(change.edit(EditCard(title="Gone")).half(), tmp_path / f"{role}.safetensors")
        model.load_adapter("gone", tmp_path / f"{role}.safetensors")
        model.use_adapters([("gone", 1.0)])
        assert farthest(outputs(model), as_taught) < 0.02 < 50 * farthest(outputs(model), before)
        model.use_adapters([("gone", 0.0)])
        assert equal(outputs(model), before)
        model.unload_adapter("gone")
        assert equal(outputs(model), before)
