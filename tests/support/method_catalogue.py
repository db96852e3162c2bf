"""A data folder with a teacher and two students on its shelf: real listings and recipes, no weights.

Enough for everything the page does itself: forms, requests and their checks. Nothing here can be sampled.
"""

from __future__ import annotations

import json
from pathlib import Path

from studio.core.recipe import Recipe
from studio.library import method_cards
from tests.support.folders import pretended

RECIPE = Recipe(teacher="test/teacher", teacher_hash="0" * 12, timesteps=(999, 749, 499, 249), rule="lcm",
                prediction="v", valid_steps=(4,))  # fmt: skip


def stock(data_dir: Path) -> Path:
    """Put the models on the shelf; returns `data_dir`."""
    _model(data_dir, "teacher", "role: teacher\nsampling: {guidance: 4.0}")
    for name, summary in (("dmd2", "Four steps, distribution matching."), ("lcm", "Four steps, consistency.")):
        _model(data_dir, name, f"role: student\nteacher: test/teacher\nsummary: {summary}")
        (data_dir / "models" / name / "recipe.json").write_text(RECIPE.model_dump_json())
    list_objectives(data_dir)
    return data_dir


def _model(data_dir: Path, name: str, more: str) -> None:
    folder = data_dir / "models" / name
    pretended(folder)
    text = f"id: test/{name}\ntitle: Test {name}\ndomain: pocket\nfolder: {name}\nsize: 128\norder: 1\n{more}\n"
    (data_dir / "models" / f"{name}.yaml").write_text(text)


def _setting(kind: str, default: object, **more: object) -> dict[str, object]:
    return {"type": kind, "default": default, **more}


GRID = {"type": "array", "items": {"type": "number"}, "minItems": 1, "default": [999, 749, 499, 249], "description": "Grid"}
COMMON = {"batch": _setting("integer", 32, minimum=1, maximum=4096), "lr": _setting("number", 2e-4, exclusiveMinimum=0)}
OBJECTIVES = {
    "dmd2": {
        "card": {"title": "DMD2", "paper": "arXiv 2405.14867", "status": "published recipe", "good_for": "sharp students",
                 "family": "distribution", "how": "Push the student's samples to where the guided teacher's score is high."},
        "schema": {"title": "DuelConfig", "properties": {
            **COMMON, "timesteps": GRID, "guidance": _setting("number", 8.0, minimum=1, maximum=30),
            "inputs": {"enum": ["backward simulation", "noised data"], "type": "string", "default": "backward simulation"},
            "critic_updates": _setting("integer", 2, minimum=1), "gan": _setting("number", 0.0, minimum=0),
            "pool": _setting("integer", 512), "pool_steps": _setting("integer", 16)}},
    },
    "lcm": {
        "card": {"title": "LCM", "paper": "arXiv 2310.04378, 2311.05556", "status": "published recipe", "good_for": "diversity",
                 "family": "trajectory", "how": "Every state of a trajectory must name the same clean sample."},
        "schema": {"title": "LCMConfig", "properties": {
            **COMMON, "timesteps": GRID, "guidance": _setting("number", 3.0, minimum=1), "grid": _setting("integer", 16)}},
    },
}  # fmt: skip
TRAINER = {"title": "TrainerConfig", "properties": {
    "warmup": _setting("integer", 50, minimum=0), "precision": {"enum": ["fp32", "bf16", "auto"], "default": "fp32"},
    "checkpoint_every": _setting("integer", 500, minimum=1)}}  # fmt: skip


def list_objectives(data_dir: Path) -> None:
    """Put a catalogue of two objectives into the cache, as a process with torch would write it."""
    kept = {"version": method_cards.version(), "distill": {"methods": OBJECTIVES, "unavailable": {}}, "trainer": TRAINER}
    (data_dir / "cache").mkdir(exist_ok=True)
    (data_dir / "cache" / "objectives.json").write_text(json.dumps(kept))
