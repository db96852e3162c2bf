"""The shipped models: small enough, plain diffusers, and consistent with their recipes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from studio.core.recipe import Recipe, weights_hash
from studio.jobs.paths import ROOT
from tests.support.stranger import drawn_by_diffusers, drawn_by_its_readme

ASSETS = ROOT / "assets"
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
    assert sum(f.stat().st_size for f in files) < 90_000_000
    assert not [f for f in ASSETS.rglob("*") if f.is_symlink()]  # a zip download and a checkout on Windows have none
    assert not [f for f in files if f.suffix in {".bin", ".pt", ".pth", ".ckpt", ".pkl"}]


@pytest.mark.slow
@pytest.mark.parametrize("folder", PIPELINES, ids=names(PIPELINES))
def test_plain_diffusers_draws_with_it(folder):
    assert drawn_by_diffusers(folder) == (128 if folder.parent.name == "pocket" else 32)


@pytest.mark.slow
@pytest.mark.parametrize("folder", PIPELINES, ids=names(PIPELINES))
def test_what_its_readme_says_draws_what_its_recipe_says(folder, tmp_path):
    """From an unpacked archive, in a process of its own without this project: the trained timesteps, and no guidance."""
    archive = shutil.make_archive(str(tmp_path / "model"), "zip", folder.parent, folder.name)
    shutil.unpack_archive(archive, tmp_path)
    asked, at_once, picture = drawn_by_its_readme(tmp_path / folder.name, tmp_path)
    if (folder / "recipe.json").exists():
        assert asked == list(Recipe.load(folder).timesteps) and at_once == 1
    else:
        assert len(asked) == 25 and at_once == 2
    assert Image.open(picture).size == (128 if folder.parent.name == "pocket" else 32,) * 2


@pytest.mark.slow
@pytest.mark.parametrize("folder", PIPELINES, ids=names(PIPELINES))
def test_plain_diffusers_saves_it_again_and_opens_it_in_the_precision_it_is_told(folder, tmp_path):
    def opened(where: Path, **how: Any) -> Any:
        pipe = DiffusionPipeline.from_pretrained(where, **how)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def drawn(pipe: Any) -> Any:
        return pipe("a red house", num_inference_steps=2, generator=torch.Generator().manual_seed(0), output_type="np").images

    plain = opened(folder)
    wanted = drawn(plain)
    plain.save_pretrained(tmp_path)
    assert (drawn(opened(tmp_path)) == wanted).all()
    for precision, apart in ((torch.float16, 0.02), (torch.bfloat16, 0.04)):  # eight bits of a number, and two guided steps
        pipe = opened(folder, torch_dtype=precision)
        assert {part.dtype for part in (pipe.unet, pipe.text_encoder, pipe.vae)} == {precision}
        assert abs(drawn(pipe).astype("float32") - wanted).mean() < apart


@pytest.mark.parametrize("folder", STUDENTS, ids=names(STUDENTS))
def test_recipe_names_the_teacher_it_was_trained_on(folder):
    recipe = Recipe.load(folder)
    taught_by = folder.name.rpartition("-")[0] if folder.name.startswith("without") else "teacher"
    assert recipe.teacher == f"{folder.parent.name}/{taught_by}"
    assert recipe.teacher_hash == weights_hash(folder.parent / taught_by)


@pytest.mark.parametrize("folder", PIPELINES, ids=names(PIPELINES))
def test_every_model_has_a_card_with_its_training(folder):
    card = json.loads((folder / "card.json").read_text())
    assert card["steps"] > 0
    assert "machine" in card
    assert card["licence"] == "apache-2.0"  # the repository's own, as its card on the Hub has it
    assert "\nlicense: apache-2.0\n" in (folder / "README.md").read_text().split("---")[1]


def test_whatever_was_made_for_a_model_says_its_licence_too():
    found = [*ASSETS.glob("*/oracle/card.json"), *ASSETS.glob("*/[acj]*/*/card.json")]  # adapters, ControlNets, judges
    about = {path: json.loads(path.read_text()) for path in found}
    assert len(found) >= 14 and {one.get("card", one)["licence"] for one in about.values()} == {"apache-2.0"}
