"""Where parts of a sample lie: grids that are cut like the sample, adapters that are told, files that keep it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.edit import Edit, EditCard, Merged, combined
from studio.core.lowrank import applied
from studio.core.placed_adapter import PlacedAdapter
from studio.core.position import BANDS, Position, grid
from studio.families import open_model
from studio.jobs.paths import ROOT

PLACE = "mid_block.attentions.0.proj_in"


@pytest.fixture(scope="module")
def model() -> Any:
    return open_model(ROOT / "assets" / "nano" / "teacher", "nano/teacher")


@pytest.fixture
def taught(model: Any) -> PlacedAdapter:
    unet = model.modules["unet"]
    layers = {PLACE: unet.get_submodule(PLACE)}
    adapter = PlacedAdapter(layers, ("conv_in", unet.conv_in), (1.0, 1.5), 2, 2.0)
    adapter.up[PLACE.replace(".", "/")].data.normal_(generator=torch.Generator().manual_seed(1))
    adapter.position.data.normal_(generator=torch.Generator().manual_seed(2))
    return adapter


def edit_of(adapter: PlacedAdapter) -> Edit:
    return adapter.edit(EditCard(title="one", mode="patches"))


def test_a_grid_over_a_part_is_that_part_of_the_grid() -> None:
    whole = grid(torch.tensor([[[0.0, 1.0], [0.0, 2.0]]]), (8, 16))
    part = grid(torch.tensor([[[0.25, 0.75], [0.5, 1.0]]]), (4, 4))
    assert whole.shape == (1, 4 * BANDS, 8, 16)
    torch.testing.assert_close(part, whole[:, :, 2:6, 4:8], rtol=1e-5, atol=1e-5)


def test_nothing_is_added_at_first_and_then_by_place(model: Any) -> None:
    conv = model.modules["unet"].conv_in
    adapter = PlacedAdapter({"conv": conv}, ("conv_in", conv), (1.0, 1.0))
    x = torch.zeros(2, 4, 8, 8)
    assert not bool(adapter.change("conv_in", conv, x).any())
    adapter.position.data.fill_(0.1)
    assert torch.equal(*adapter.change("conv_in", conv, x))  # both are the whole sample
    adapter.boxes = torch.tensor([[[0.0, 1.0], [0.0, 1.0]], [[0.5, 0.7], [0.1, 0.3]]])
    whole, part = adapter.change("conv_in", conv, x)
    assert not torch.equal(whole, part)


def test_an_edit_adds_what_was_taught_in_every_size_and_goes_without_a_trace(model: Any, taught: PlacedAdapter) -> None:
    unet, states = model.modules["unet"], torch.randn(1, 16, 64, generator=torch.Generator().manual_seed(3))
    model.load_edit("one", edit_of(taught))
    for size in ((8, 8), (8, 12)):
        x, t = torch.ones(1, 4, *size), torch.tensor([500.0])
        bare = unet(x, t, states, return_dict=False)[0]
        with applied(unet, taught, 0.5):
            expected = unet(x, t, states, return_dict=False)[0]
        model.use_adapters([("one", 0.5)])
        torch.testing.assert_close(unet(x, t, states, return_dict=False)[0], expected, rtol=1e-5, atol=1e-5)
        assert not torch.allclose(bare, expected, atol=1e-3)
        model.use_adapters([])
        assert torch.equal(unet(x, t, states, return_dict=False)[0], bare)
    model.unload_adapter("one")


def test_files_keep_it_and_refuse_halves(model: Any, taught: PlacedAdapter, tmp_path: Path) -> None:
    edit, file = edit_of(taught), tmp_path / "one.safetensors"
    written = model.adapter_files.write(edit, file)
    assert [path.name for path in written] == ["one.safetensors", "one.position.safetensors"]
    read, _ = model.adapter_files.read(file)
    assert read.card.mode == "patches" and read.hash == edit.hash and read.position.extent == (1.0, 1.5)
    assert model.adapter_files.read(tmp_path)[0].hash == edit.hash  # of a folder as well
    assert replace(edit, position=None).hash != edit.hash
    beside = written[1].rename(tmp_path / "away")
    with pytest.raises(ValueError, match=r"was taught on patches, and 'one.position.safetensors', .* is not beside it"):
        model.adapter_files.read(file)
    whole = replace(edit, position=None, card=edit.card.model_copy(update={"mode": "whole"}))
    model.adapter_files.write(whole, file)
    assert model.adapter_files.read(file)[0].position is None
    beside.rename(written[1])
    with pytest.raises(ValueError, match="was not taught on patches, and 'one.position.safetensors' is beside it"):
        model.adapter_files.read(file)
    written[1].write_bytes(b"x")
    model.adapter_files.write(whole.half(), file)
    model.adapter_files.write(replace(edit, position=replace(edit.position, layer="unet.nowhere")), file)
    with pytest.raises(ValueError, match=r"layer unet\.nowhere is not in this model"):
        model.load_adapter("two", file)


@pytest.mark.parametrize("layout", ["kohya", "peft"])
def test_other_layouts_have_no_place_for_it(model: Any, taught: PlacedAdapter, layout: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="taught on patches, and files of the layout .* do not say where each lies; diffusers"):
        model.adapter_files.write(edit_of(taught), tmp_path / "one.safetensors", layout)


def test_weights_alone_cannot_hold_it(model: Any, taught: PlacedAdapter) -> None:
    edit = edit_of(taught)
    for made in (lambda: combined([(edit, 1.0)], edit.card), lambda: Merged(model.modules, [(edit, 1.0)])):
        with pytest.raises(ValueError, match="is told where each lies, which weights alone cannot hold"):
            made()


def test_strength_and_precision_reach_it(taught: PlacedAdapter) -> None:
    edit = edit_of(taught)
    assert edit.position is not None
    assert torch.equal(edit.scaled(2.0).position.weights, 2 * edit.position.weights)  # type: ignore[union-attr]
    assert edit.half().position.weights.dtype == torch.float16  # type: ignore[union-attr]
    assert edit.resized(1).position is edit.position and "mode" not in EditCard(title="plain").model_dump()
    with pytest.raises(ValueError, match="finite numbers"):
        Position("unet.conv_in", torch.full((4, 4 * BANDS), torch.nan), (1.0, 1.0))
