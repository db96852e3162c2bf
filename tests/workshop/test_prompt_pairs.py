"""Material of a person's own for sliders, on SD- and SDXL-shaped models: every condition that their sampling gives them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from studio.core.domain import told
from studio.core.rng import generator
from studio.domains import domain_of
from studio.families import open_model
from studio.families.adapter_files import targets
from studio.families.stable.trainable import slider_denoiser
from studio.sampling.prompts import encode_once
from studio.workshop.material.prompt_pairs import AT_ONCE, LINES, WordedContrast, encoded
from tests.support import tiny_models
from tests.support.edits import random_edit


@pytest.fixture(scope="module", params=["sd", "sdxl"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp(request.param)
    pipe = tiny_models.sd_pipeline(folder) if request.param == "sd" else tiny_models.sdxl_pipeline(folder)
    pipe.save_pretrained(folder / "model")
    return open_model(folder / "model", request.param)


def test_conditions_are_those_of_the_models_own_sampling(model: Any) -> None:
    taught = WordedContrast(
        model, domain_of("plain"), words=("{} by day", "old {}"), prompts=("a house", "a tree"), preserve=("red", "blue")
    )
    assert taught.lines == ["a red house", "a blue house", "a red tree", "a blue tree"]
    names = {"states"} if model.id == "sd" else {"states", "pooled", "time_ids"}
    neutral, low, high = taught.words(6, generator(0, "data"))
    for found, lines in ((neutral, taught.lines), (low, [f"{line} by day" for line in taught.lines]),
                         (high, ["an old red house", "an old blue house", "an old red tree", "an old blue tree"])):  # fmt: skip
        assert set(found) == names
        own = encode_once({"m": model}, told(lines))["m"][0]
        rows = [next(i for i in range(4) if torch.allclose(own["states"][i], state, atol=1e-5)) for state in found["states"]]
        for name in names:
            assert torch.allclose(found[name], own[name][rows], atol=1e-5)
    null = taught.null(neutral)
    for name, part in encode_once({"m": model}, told(["x"]))["m"][1].items():
        assert null[name].shape == neutral[name].shape and torch.equal(null[name][3], part[0])
    with pytest.raises(ValueError, match="No pairs were given"):
        taught.samples(2, generator(0, "data"))
    with pytest.raises(ValueError, match="Nothing here sees"):
        taught.features(torch.zeros(1, *model.shape), {})
    plain = WordedContrast(model, domain_of("plain"))
    assert plain.lines == list(LINES)
    with pytest.raises(ValueError, match="No words of its two ends"):
        plain.words(2, generator(0, "data"))


def test_many_lines_are_read_as_few_are_and_without_adapters_that_were_left_on(model: Any) -> None:
    letters = [f"{a} {b}" for a in "abcdef" for b in "ghijklm"]
    assert len(letters) > AT_ONCE
    bare = model.encode(told(letters[-1:]))["states"]
    model.load_edit("left on", random_edit(targets(model.modules)))
    model.use_adapters([("left on", 1.0)])
    try:
        assert not torch.allclose(model.encode(told(letters[-1:]))["states"], bare, atol=1e-3)
        taught = WordedContrast(model, domain_of("plain"), prompts=letters)
    finally:
        model.unload_adapter("left on")
    assert torch.allclose(taught.neutral["states"][-1:], bare, atol=1e-5)


def test_the_network_that_is_trained_gives_what_the_model_gives(model: Any) -> None:
    cond = model.encode(told(["a house", "a cat"]))
    x = torch.randn(2, *model.shape, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([300.0, 700.0])
    with torch.no_grad():
        ours, theirs = slider_denoiser(model).network(x, t, cond), model.denoiser.network(x, t, cond)
    assert torch.allclose(ours, theirs, atol=1e-5)
    if model.id == "sdxl":
        other = {**cond, "time_ids": cond["time_ids"] * 2}
        with torch.no_grad():
            assert not torch.allclose(slider_denoiser(model).network(x, t, other), theirs, atol=1e-4)


def test_samples_of_one_thing_stand_side_by_side_at_two_levels(model: Any) -> None:
    levels = torch.tensor([-1.0, 0.25, 1.0])
    x0 = torch.arange(5.0).view(5, 1, 1, 1, 1) + levels.view(1, 3, 1, 1, 1) / 10 + torch.zeros(5, 3, *model.shape)
    taught = WordedContrast(model, domain_of("plain"), samples=lambda: (x0, levels), prompts=("a house", "a tree"))
    seen = set()
    for seed in range(20):
        found, level, cond = taught.samples(8, generator(seed, "data"))
        things = (found - level.view(-1, 1, 1, 1) / 10)[:, 0, 0, 0].round()
        assert torch.equal(things[::2], things[1::2]) and bool((level[::2] != level[1::2]).all())
        assert torch.equal(cond["states"][::2], cond["states"][1::2])
        seen |= set(level.tolist())
    assert seen == set(levels.tolist())

    def samples(bad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return bad, levels

    for bad in (x0[:, :1], x0[:0], x0[..., :3]):
        with pytest.raises(ValueError, match="do not fit"):
            WordedContrast(model, domain_of("plain"), samples=partial(samples, bad)).samples(2, generator(0, "data"))


def test_what_is_encoded_is_on_the_scale_that_the_model_decodes(model: Any) -> None:
    images = torch.rand(3, 3, model.image_size, model.image_size, generator=torch.Generator().manual_seed(0))
    vae = model.parts.vae
    with torch.no_grad():
        mean = vae.encode(images * 2 - 1).latent_dist.mean
    found = encoded(model, images.split(2)).float()
    assert found.shape == (3, *model.shape)
    assert torch.allclose(found, mean * vae.config.scaling_factor, atol=1e-2)
    before = model.decode(found)
    vae.register_to_config(latents_mean=[0.5, 0.0, -1.0, 2.0], latents_std=[1.0, 2.0, 3.0, 0.5])
    try:
        moved = encoded(model, [images]).float()
        assert not torch.allclose(moved, found, atol=1e-2)
        assert torch.allclose(model.decode(moved), before, atol=1e-2)
    finally:
        vae.register_to_config(latents_mean=None, latents_std=None)
