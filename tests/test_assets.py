"""The shipped models: small enough, plain diffusers, and consistent with their recipes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from studio.core.recipe import Recipe, weights_hash

ASSETS = Path(__file__).parents[1] / "assets"
PIPELINES = sorted(p.parent for p in ASSETS.glob("*/*/model_index.json"))
STUDENTS = [p for p in PIPELINES if (p / "recipe.json").exists()]


def names(folders: list[Path]) -> list[str]:
    return [f"{p.parent.name}/{p.name}" for p in folders]


@pytest.mark.parametrize("size", ["nano", "pocket"])
def test_the_set_is_complete(size):
    assert {f"{size}/teacher", f"{size}/dmd2", f"{size}/lcm"} <= set(names(PIPELINES))


def test_files_are_small_and_safe():
    files = [f for f in ASSETS.rglob("*") if f.is_file()]
    assert max(f.stat().st_size for f in files) < 10_000_000
    assert sum(f.lstat().st_size for f in files) < 45_000_000
    assert all(ASSETS in f.resolve().parents for f in files if f.is_symlink())
    assert not [f for f in files if f.suffix in {".bin", ".pt", ".pth", ".ckpt", ".pkl"}]


@pytest.mark.parametrize("folder", PIPELINES, ids=names(PIPELINES))
def test_plain_diffusers_opens_it(folder):
    """In a process of its own that never imports this project."""
    script = (
        "import sys, torch\n"
        "from diffusers import DiffusionPipeline\n"
        "p = DiffusionPipeline.from_pretrained(sys.argv[1], torch_dtype=torch.float32)\n"
        "p.set_progress_bar_config(disable=True)\n"
        "image = p('a red house', num_inference_steps=2, guidance_scale=1.0).images[0]\n"
        "assert not [m for m in sys.modules if m.split('.')[0] == 'studio']\n"
        "print(image.size[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) == (128 if folder.parent.name == "pocket" else 32)


@pytest.mark.parametrize("folder", STUDENTS, ids=names(STUDENTS))
def test_recipe_names_the_teacher_it_was_trained_on(folder):
    recipe = Recipe.load(folder)
    assert recipe.teacher == f"{folder.parent.name}/teacher"
    assert recipe.teacher_hash == weights_hash(folder.parent / "teacher")


@pytest.mark.parametrize("folder", PIPELINES, ids=names(PIPELINES))
def test_every_model_has_a_card_with_its_training(folder):
    card = json.loads((folder / "card.json").read_text())
    assert card["steps"] > 0
    assert "machine" in card
