"""Models of the shapes of SD 1.5 and SDXL, tiny and random, in the roles of a teacher and its student."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio.core.recipe import Recipe
from tests.support import tiny_models

SHAPES: dict[str, Callable[..., Any]] = {"sd15": tiny_models.sd_pipeline, "sdxl": tiny_models.sdxl_pipeline}


@pytest.fixture(scope="module", params=SHAPES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """teacher/ and student/, the same weights, the student with a recipe."""
    root = tmp_path_factory.mktemp(request.param)
    pipe = SHAPES[request.param](root / "parts")
    for role in ("teacher", "student"):
        pipe.save_pretrained(root / role)
    recipe = {
        "teacher": "tiny/teacher",
        "teacher_hash": "0" * 12,
        "timesteps": (999.0, 499.0),
        "rule": "lcm",
        "prediction": "eps",
    }
    Recipe.model_validate({**recipe, "valid_steps": (2,)}).save(root / "student")
    return root
