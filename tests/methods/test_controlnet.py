"""ControlNet training: hints of scenes, the material, the loss, and a network that begins as nothing and learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from studio.core.control_differences import OWN, hint_channels
from studio.core.method import Streams
from studio.core.rng import generator
from studio.core.trainer import Trainer, TrainerConfig
from studio.domains.pocket.dataset import scenes, to_images
from studio.domains.pocket.face import PocketWorld
from studio.domains.pocket.hints import HINTS, edges, layout, of_picture, of_scenes, same_place, subject_mask
from studio.domains.pocket.render import render_batch
from studio.domains.pocket.scene import Scene, sample_scene
from studio.families import open_model
from studio.families.stable.trainable import teacher_denoiser
from studio.jobs.paths import ROOT
from studio.methods.controlnets.controlnet import Hinted, HintedConfig
from studio.workshop.material.hints import HintedItems

NANO = ROOT / "assets" / "nano"


@pytest.fixture(scope="module")
def model() -> Any:
    return open_model(NANO / "teacher", "nano/teacher")


@pytest.fixture(scope="module")
def data(model: Any, tmp_path_factory: pytest.TempPathFactory) -> HintedItems:
    return HintedItems(model, PocketWorld(), "layout", tmp_path_factory.mktemp("material"), n_items=12)


def method(model: Any, data: HintedItems, **settings: Any) -> Hinted:
    return Hinted(HintedConfig.model_validate({"batch": 4, "rank": 2, **settings}), Streams(0), teacher_denoiser(model), data)


# -- hints -----------------------------------------------------------------------------------------------------------------


def balloon(**fixed: str) -> Scene:
    return sample_scene(np.random.default_rng(1), subject="balloon", time="day", **fixed)


def test_a_layout_shows_where_things_are() -> None:
    picture = np.asarray(layout(balloon(position="left", size="small", companion="none"), 64)).astype(float) / 255
    other = np.asarray(layout(balloon(position="right", size="large", companion="bird"), 64)).astype(float) / 255
    columns = np.arange(64)
    centre = [(p[..., 0].sum(0) * columns).sum() / p[..., 0].sum() / 64 for p in (picture, other)]
    assert 0.2 < centre[0] < 0.36
    assert 0.64 < centre[1] < 0.8
    assert other[..., 0].sum() > 2 * picture[..., 0].sum()
    assert picture[..., 2].sum() == 0
    assert other[..., 2].sum() > 0
    assert picture[-1, :, 1].min() == 1, "ground below"
    assert picture[0].max() == 0, "black sky"


def test_layouts_cover_what_renders_show() -> None:
    """The mask that colours give in the render is the hint's, so the overlap of a drawn picture means something."""
    drawn = scenes(24, 5)
    images = to_images(render_batch(drawn, 128))
    found = same_place(of_scenes("layout", drawn, 128)[:, 0] > 127, subject_mask(images, drawn))
    assert float(found.median()) > 0.85
    shifted = same_place(of_scenes("layout", drawn[::-1], 128)[:, 0] > 127, subject_mask(images, drawn))
    assert float(shifted.median()) < 0.5
    assert torch.equal(same_place(torch.zeros(1, 2, 2).bool(), torch.zeros(1, 2, 2).bool()), torch.ones(1))


def test_edges_are_where_the_lightness_changes() -> None:
    image = torch.zeros(1, 3, 8, 8)
    image[..., 4:] = 1
    found = edges(image)
    assert found.shape == image.shape
    assert float(found[..., :3].max()) == float(found[..., 5:].max()) == 0
    assert float(found[..., 3:5].min()) == 1
    assert torch.equal(found, edges(1 - image)), "light on dark is dark on light"
    assert float(edges(torch.full((1, 3, 8, 8), 0.7)).max()) < 1e-6
    with pytest.raises(ValueError, match=r"pictures \[N, 3, H, W\]"):
        edges(torch.zeros(3, 8, 8))
    drawn = scenes(2, 3)
    assert [of_scenes(kind, drawn, 32).shape for kind in HINTS] == [(2, 3, 32, 32)] * 2
    with pytest.raises(ValueError, match="There is no hint 'depth'; layout and edges fit."):
        of_scenes("depth", drawn, 32)


def test_a_picture_of_any_size_becomes_a_hint() -> None:
    picture = layout(balloon(), 128)
    wide = Image.new("RGBA", (256, 128))
    wide.paste(picture, (64, 0))
    found = of_picture("layout", wide, 64)
    assert found.shape == (1, 3, 64, 64)
    assert torch.allclose(found * 255, of_scenes("layout", [balloon()], 64).float(), atol=40)
    assert float(of_picture("edges", picture, 64).max()) > 0.3
    with pytest.raises(ValueError, match="There is no hint 'pose'"):
        of_picture("pose", picture, 64)


def test_material_belongs_together_and_is_kept(model: Any, data: HintedItems) -> None:
    x0, cond, hints = data.hinted(6, generator(0, "data"))
    assert (tuple(x0.shape), tuple(hints.shape), data.halvings) == ((6, 4, 8, 8), (6, 3, 32, 32), 2)
    assert 0 <= float(hints.min()) < float(hints.max()) <= 1
    assert cond["states"].shape[0] == 6
    images = model.decode(x0)
    ground = hints[:, 1] > 0.5
    for image, below in zip(images, ground, strict=True):  # sky and ground differ in colour
        assert float((image[:, below].mean(1) - image[:, ~below].mean(1)).abs().sum()) > 0.05
    said: list[int] = []
    again = HintedItems(model, PocketWorld(), "layout", data.folder, n_items=12, say=lambda done, total: said.append(done))
    assert all(torch.equal(a, b) for a, b in zip(again.hinted(6, generator(0, "data"))[::2], (x0, hints), strict=True))
    assert not said, "nothing was made anew"


# -- the method --------------------------------------------------------------------------------------------------------------


def test_it_begins_as_nothing(model: Any, data: HintedItems) -> None:
    m = method(model, data)
    x0, cond, hint = m.batch()
    t = torch.full((4,), 600.0)
    with torch.no_grad():
        assert torch.equal(m.output(x0, t, cond, hint), m.denoiser.output(x0, t.double(), cond)[0])


def test_training_moves_only_what_is_kept_and_lowers_the_loss(model: Any, data: HintedItems) -> None:
    m = method(model, data, batch=8, lr=5e-3)
    before = {name: p.clone() for name, p in m.unet.named_parameters()}
    encoder = {name: p.clone() for name, p in m.control._control[0].named_parameters() if name.split(".")[0] not in OWN}
    batch = m.batch()

    def loss() -> float:
        m.streams = Streams(7)
        with torch.no_grad():
            return float(next(m.iteration(batch, 0))[1])

    first = loss()
    m.batch = lambda: batch  # type: ignore[method-assign]
    for _ in Trainer(m, TrainerConfig(steps=25, warmup=2)).run():
        pass
    assert all(torch.equal(p, before[name]) for name, p in m.unet.named_parameters())
    after = dict(m.control._control[0].named_parameters())
    assert all(torch.equal(after[name], value) for name, value in encoder.items())
    assert loss() < first - 0.005
    moved = [name for name, p in m.control.named_parameters() if name.startswith("controlnet_mid") and bool(p.any())]
    assert moved
    average = m.emas["control"]
    assert average is not m.control
    with torch.no_grad():
        x0, cond, hint = batch
        down, _ = average(x0, torch.full((8,), 600.0), cond["states"], hint)
        assert any(bool(part.any()) for part in down)


def test_prompts_are_left_out_in_a_share(model: Any, data: HintedItems) -> None:
    m = method(model, data, drop=0.5)
    _, cond, _ = data.hinted(64, generator(0, "data"))
    left = m._sometimes_null(cond)
    dropped = (left["states"] == data.null(cond)["states"]).flatten(1).all(1)
    assert 16 < int(dropped.sum()) < 48


@pytest.mark.parametrize(
    ("halvings", "channels"), [(1, (8, 16)), (2, (8, 16, 32)), (3, (8, 16, 32, 48)), (4, (8, 16, 32, 48, 48))]
)
def test_a_hint_encoder_halves_as_often_as_needed(halvings: int, channels: tuple[int, ...]) -> None:
    assert hint_channels(halvings) == channels


def test_a_hint_as_large_as_the_latent_is_refused() -> None:
    with pytest.raises(ValueError, match="2, 4, 8 or 16 times would"):
        hint_channels(0)
