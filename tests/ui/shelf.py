"""A data folder with a teacher and two students on its shelf: real listings and recipes, no weights.

Enough for everything the page does itself: forms, requests and their checks. Nothing here can be sampled.
"""

from __future__ import annotations

import json
from pathlib import Path

from studio.core.recipe import Recipe

RECIPE = Recipe(teacher="test/teacher", teacher_hash="0" * 12, timesteps=(999, 749, 499, 249), rule="lcm",
                prediction="eps", valid_steps=(4,))  # fmt: skip


def stock(data_dir: Path) -> Path:
    """Put the models on the shelf; returns `data_dir`."""
    _model(data_dir, "teacher", "role: teacher\nsampling: {guidance: 4.0}")
    for name, summary in (("dmd2", "Four steps, distribution matching."), ("lcm", "Four steps, consistency.")):
        _model(data_dir, name, f"role: student\nteacher: test/teacher\nsummary: {summary}")
        (data_dir / "models" / name / "recipe.json").write_text(RECIPE.model_dump_json())
    return data_dir


def _model(data_dir: Path, name: str, more: str) -> None:
    folder = data_dir / "models" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    text = f"id: test/{name}\ntitle: Test {name}\ndomain: pocket\nfolder: {name}\nsize: 128\norder: 1\n{more}\n"
    (data_dir / "models" / f"{name}.yaml").write_text(text)
