"""Parts that are moved: the same pictures under every plan, and never more on the device than the plan says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from studio.core.domain import told
from studio.core.recipe import Recipe
from studio.core.residency_plan import NAMES, Name, most
from studio.families import adapter_files, open_model, placement, residency
from studio.families.opened import Opened
from studio.families.placement import CPU, Placement
from studio.sampling.loop import finished, sample
from studio.sampling.plan import Plan, hybrid_plan, teacher_plan
from studio.sampling.prompts import encode_plans
from tests.support.edits import random_edit
from tests.support.placed import lora_on
from tests.support.tiny_models import sdxl_pipeline
from tests.support.tiny_transformers import flux_pipeline

MOVED: tuple[Name, ...] = ("encoders-aside", "one-network")
DEVICE = torch.device("cpu:0")  # computes as the CPU does, and is not the same name
RECIPE = Recipe(teacher="base", teacher_hash="", timesteps=(999, 749, 499, 249), rule="lcm", prediction="eps", valid_steps=(4,))
FLOW = RECIPE.model_copy(update={"rule": "euler", "prediction": "flow"})


class FakeDevice:
    """Notes which modules would be on it, and the most bytes that there were at once."""

    def __init__(self) -> None:
        self.on: dict[int, nn.Module] = {}
        self.most = 0

    def move(self, module: nn.Module, device: torch.device) -> None:
        if device == DEVICE:
            self.on[id(module)] = module
        else:
            self.on.pop(id(module), None)
        tensors = {p.data_ptr(): p for m in self.on.values() for p in m.parameters()}
        self.most = max(self.most, sum(p.numel() * p.element_size() for p in tensors.values()))


def pair(kind: str, folder: Path) -> dict[str, Any]:
    """A base and a student, whose text encoders and autoencoder are shared; with "lora" the network too."""
    pipe = flux_pipeline(folder) if kind == "flux" else sdxl_pipeline(folder)
    pipe.save_pretrained(folder / "base")
    if kind == "lora":
        bare: Any = open_model(folder / "base")
        edit = random_edit(adapter_files.targets(bare.modules), keep=lambda path: path.startswith("unet.") and "attn" in path)
        bare.adapter_files.write(edit, folder / "lora.safetensors", "kohya")
        lora_on(folder / "base", folder / "lora.safetensors", folder / "student")
    else:
        shutil.copytree(folder / "base", folder / "student", copy_function=os.link)
        part = "transformer" if kind == "flux" else "unet"
        shutil.rmtree(folder / "student" / part)
        network = getattr(pipe, part)
        with torch.no_grad():
            next(network.parameters()).mul_(1.5)
        network.save_pretrained(folder / "student" / part)
    base = open_model(folder / "base")
    return {"base": base, "student": open_model(folder / "student", beside=[base])}


def drawn(models: dict[str, Any], plan: Plan) -> Tensor:
    cond = encode_plans([plan], models, told(["a red boat"]))
    latents = finished(sample(plan, models, cond, [3, 4], models["base"].shape))
    found: Tensor = models["student"].decode(latents)
    return found


@pytest.mark.parametrize("name", MOVED)
@pytest.mark.parametrize("kind", ["sdxl", "lora", "flux"])
def test_the_same_pictures_and_no_more_bytes_than_planned(kind: str, name: Name, tmp_path: Path) -> None:
    models = pair(kind, tmp_path)
    plan = hybrid_plan("base", "student", FLOW if kind == "flux" else RECIPE)
    plain = drawn(models, plan)
    device = FakeDevice()
    with Placement(name, DEVICE, list(models.values()), device.move):
        assert models["base"].device == DEVICE and models["base"].at_rest != DEVICE
        placed = drawn(models, plan)
    assert torch.equal(placed, plain)
    assert torch.equal(drawn(models, plan), plain) and models["base"].placement is None, "afterwards as before"
    parts = [residency(tmp_path / model) for model in models]
    loose = sum(held.bytes for model in parts for held in model if held.part == "lora")  # which is no module
    assert device.most >= 0.98 * (most(parts, name) - loose)
    assert 0 < device.most <= most(parts, name) and not device.on


@pytest.mark.parametrize("kind", ["sdxl", "lora", "flux"])
def test_layers_one_by_one_draw_the_same(kind: str, tmp_path: Path) -> None:
    """By accelerate, which is told the CPU: its weights wait on the meta device and come back for each layer."""
    models = pair(kind, tmp_path)
    plan = hybrid_plan("base", "student", FLOW if kind == "flux" else RECIPE)
    plain = drawn(models, plan)
    with Placement("sequential", CPU, list(models.values())):
        assert models["base"].at_rest == torch.device("meta"), "nothing of it is anywhere between two layers"
        assert torch.equal(drawn(models, plan), plain)
    assert models["base"].at_rest == CPU and torch.equal(drawn(models, plan), plain), "afterwards as before"


def test_networks_are_moved_a_segment_not_a_step(tmp_path: Path) -> None:
    models = pair("sdxl", tmp_path)
    with Placement("one-network", DEVICE, list(models.values()), FakeDevice().move) as placed:
        drawn(models, hybrid_plan("base", "student", RECIPE))  # one step of the base, three of the student
        assert placed.moves == 2 + 1 + 1, "two text encoders, a network, the other one"
        drawn(models, teacher_plan("base", range(900, 0, -90)))
        assert placed.moves == 4 + 2 + 1


def test_one_network_with_a_lora_is_not_moved_for_its_student(tmp_path: Path) -> None:
    models = pair("lora", tmp_path)
    with Placement("one-network", DEVICE, list(models.values()), FakeDevice().move) as placed:
        drawn(models, hybrid_plan("base", "student", RECIPE))
        assert placed.moves == 2 + 1


def test_large_pictures_are_decoded_in_tiles_while_memory_is_short(tmp_path: Path, monkeypatch: Any) -> None:
    models = pair("sdxl", tmp_path)
    vae = models["base"].held.vae
    for limit, tiled in ((15**2, True), (16**2, False)):
        monkeypatch.setattr(placement, "TILED_PIXELS", limit)
        with Placement("one-network", DEVICE, list(models.values())):
            assert (vae.use_tiling, vae.use_slicing) == (tiled, tiled)
        assert not vae.use_tiling and not vae.use_slicing


def test_without_accelerate_it_says_what_is_missing(tmp_path: Path, monkeypatch: Any) -> None:
    sdxl_pipeline(tmp_path).save_pretrained(tmp_path / "base")
    model = open_model(tmp_path / "base")
    assert isinstance(model, Opened)
    monkeypatch.setitem(__import__("sys").modules, "accelerate", None)
    with pytest.raises(ValueError, match="accelerate is not installed"), Placement("sequential", DEVICE, [model]):
        pass
    assert model.placement is None


def test_words_and_adapters_go_along(tmp_path: Path) -> None:
    models = pair("sdxl", tmp_path)
    base = models["base"]
    edit = random_edit(adapter_files.targets(base.modules), keep=lambda path: "attn" in path)
    base.load_edit("worn", edit)
    call: Callable[[], Tensor] = lambda: base.denoiser.network(  # noqa: E731
        torch.ones(1, *base.shape), torch.tensor([500.0]), base.encode(told(["a boat"]))
    )
    with torch.no_grad(), base.using([("worn", 0.7)]):
        plain = call()
        for name in NAMES[1:]:
            with Placement(name, CPU if name == "sequential" else DEVICE, [base]):
                assert torch.allclose(call(), plain, atol=1e-6), name  # to the bit on some processors alone
