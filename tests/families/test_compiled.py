"""Blocks that are compiled: the same samples, whatever is worn in them, and plain ones where nothing can be compiled."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.domain import told
from studio.families import compiled, open_model
from studio.families.compiled import compile_blocks
from studio.families.opened import NETWORK, Opened
from studio.library.models import load_registry
from studio.workshop.open_models import ModelCache
from tests.support.edits import equal, farthest, outputs, random_edit
from tests.support.tiny_models import sd_pipeline, sdxl_pipeline
from tests.support.tiny_transformers import flux_pipeline, pixart_pipeline, sd3_pipeline

SHAPES: dict[str, Any] = {
    "sd": sd_pipeline,
    "sdxl": sdxl_pipeline,
    "sd3": sd3_pipeline,
    "flux": flux_pipeline,
    "pixart": pixart_pipeline,
}
TOLERANCE = 1e-4


def opened(tmp_path: Path, shape: str) -> Opened:
    folder = tmp_path / shape
    SHAPES[shape](tmp_path / f"{shape}-parts").save_pretrained(folder)
    model = open_model(folder, shape)
    assert isinstance(model, Opened)
    return model


def shapes_of(model: Opened) -> dict[str, dict[str, tuple[int, ...]]]:
    found = {}
    for part, module in model.modules.items():
        layers = {path: tuple(layer.weight.shape) for path, layer in module.named_modules() if isinstance(layer, torch.nn.Linear)}
        found[part] = layers
    return found


@pytest.fixture(autouse=True)
def fresh_compiler() -> Any:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_worn_is_seen_and_what_is_taken_off_is_gone(tmp_path: Path, shape: str) -> None:
    model = opened(tmp_path, shape)
    model.load_edit("worn", random_edit(shapes_of(model)))
    expected = {}
    for strength in (0.0, 0.5, 1.0):
        model.use_adapters([("worn", strength)] if strength else [])
        expected[strength] = outputs(model)
    model.use_adapters([])
    graphs: list[Any] = []

    def counting(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    whole = model.compile(counting)
    assert whole.blocks and model.compile() is whole  # once for a network, whoever shares it
    bare = outputs(model)
    compiled_once = len(graphs)
    for strength in (0.0, 1.0, 0.5, 0.0, 1.0, 0.0):  # as a hybrid puts an adapter on and takes it off
        model.use_adapters([("worn", strength)] if strength else [])
        now = outputs(model)
        assert farthest(expected[strength], now) < TOLERANCE, strength
        assert strength or equal(bare, now)
    assert all(block.calls == 4 for block in whole.blocks) and not whole.failed
    assert 0 < compiled_once == len(graphs)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_the_real_compiler_draws_the_same(tmp_path: Path, shape: str) -> None:
    model = opened(tmp_path, shape)
    plain = outputs(model)
    whole = model.compile()
    fast = outputs(model)
    assert not whole.failed and all(block.calls == 1 for block in whole.blocks)
    assert farthest(plain, fast) < TOLERANCE


def test_gradients_and_copies_run_plain(tmp_path: Path) -> None:
    model = opened(tmp_path, "sd")
    whole = model.compile(backend="eager")
    network = model.modules[NETWORK]
    cond = dict(model.encode(told(["a red boat"])))
    x = torch.randn(1, *model.shape, requires_grad=True)
    model.denoiser.network(x, torch.tensor([500.0]), cond).sum().backward()
    assert x.grad is not None and not any(block.calls for block in whole.blocks)
    other = copy.deepcopy(network)
    assert compile_blocks(other, "eager") is not whole


def test_what_cannot_be_compiled_runs_as_it_is_and_says_so_once(tmp_path: Path) -> None:
    def broken(graph: Any, inputs: Any) -> Any:
        raise OSError("no compiler\nand a long story")

    model = opened(tmp_path, "sd3")
    plain = outputs(model)
    whole, said = compile_blocks(model.modules[NETWORK], broken), []
    whole.notice = said.append
    assert equal(plain, outputs(model)) and equal(plain, outputs(model))
    (sentence,) = said
    assert "could not be compiled and run as they are" in sentence and "long story" not in sentence


def test_an_error_of_the_network_itself_stays_its_own(tmp_path: Path) -> None:
    model = opened(tmp_path, "sd")
    whole = model.compile(backend="eager")
    cond = {name: value[..., :-1] for name, value in model.encode(told(["a red boat"])).items()}
    with torch.no_grad(), pytest.raises(RuntimeError, match="shapes"):
        model.denoiser.network(torch.randn(1, *model.shape), torch.tensor([500.0]), cond)
    assert not whole.failed


def test_the_setting_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = load_registry(None).get("nano/dmd2")
    monkeypatch.delenv(compiled.SETTING, raising=False)
    model = ModelCache().model(entry)
    assert isinstance(model, Opened) and all(block._compiled_call_impl is None for block in model.modules[NETWORK].modules())
    monkeypatch.setenv(compiled.SETTING, "1")
    model = ModelCache().model(entry)
    assert isinstance(model, Opened) and any(block._compiled_call_impl for block in model.modules[NETWORK].modules())
    monkeypatch.setenv(compiled.SETTING, "fast")
    with pytest.raises(ValueError, match=r"STUDIO_COMPILE is 'fast'; 1 or 0 fits"):
        ModelCache().model(entry)
