"""Teaching material made from a domain and a model: the same whoever asks for it first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.rng import generator
from studio.domains import domain_of
from studio.families import open_model
from studio.jobs.paths import ROOT
from studio.workshop.material.attribute_pairs import AttributeContrast
from studio.workshop.material.captions import world_material
from studio.workshop.material.hints import HintedItems

WORLD = domain_of("pocket")


@pytest.fixture(scope="module")
def model() -> Any:
    return open_model(ROOT / "assets" / "nano" / "teacher", "nano/teacher")


def flat(found: Any) -> list[torch.Tensor]:
    return [part for item in found for part in (item.values() if isinstance(item, dict) else [item])]


@pytest.mark.parametrize("what", ["captions", "pairs", "hints"])
def test_it_is_made_in_full_precision_also_inside_a_training_that_rounds(what: str, model: Any, tmp_path: Path) -> None:
    def made(folder: Path) -> list[torch.Tensor]:
        if what == "captions":
            material = world_material(model, WORLD, folder, n_items=6)
            return flat((*material.data(5, generator(1, "d")), material.conditions(3, generator(2, "d"))))
        if what == "pairs":
            contrast = AttributeContrast(model, WORLD, WORLD.attributes["size"], folder, n_items=2)
            return flat((*contrast.samples(4, generator(1, "d")), *contrast.words(2, generator(2, "d"))))
        return flat(HintedItems(model, WORLD, "layout", folder, n_items=6).hinted(5, generator(1, "d")))

    alone = made(tmp_path / "alone")
    with torch.autocast("cpu", torch.bfloat16):
        within = made(tmp_path / "within")
    assert all(torch.equal(one, other) for one, other in zip(alone, within, strict=True))


@pytest.mark.parametrize("domain", ["pocket", "photos"])
def test_a_picture_that_was_brought_is_followed_in_any_domain(domain: str, tmp_path: Path) -> None:
    from PIL import Image

    from studio.jobs.paths import open_paths
    from studio.library.hint_uses import HintUse, uploads
    from studio.workshop.hint_pictures import hint_picture

    paths = open_paths(tmp_path)
    uploads(paths).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 20), (255, 0, 0)).save(uploads(paths) / "red.png")
    found = hint_picture(HintUse(id="mine/net", picture="red.png"), "", domain_of(domain), {}, (3, 16, 16), paths)
    assert found.shape == (1, 3, 16, 16)
    assert torch.equal(found, torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 16, 16))
