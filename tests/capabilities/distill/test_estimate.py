"""Memory before a run: what autograd really keeps, what adapters and smaller students really weigh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from studio.capabilities.distill import estimate
from studio.core.unet import UNetNetwork
from studio.families import footprint
from studio.families.stable.activations import unet_kept
from studio.jobs.paths import ASSETS

NANO = ASSETS / "nano" / "teacher"
SDXL = {
    "sample_size": 8,
    "in_channels": 4,
    "out_channels": 4,
    "cross_attention_dim": 32,
    "block_out_channels": (16, 32, 64),
    "layers_per_block": 2,
    "attention_head_dim": (2, 4, 8),
    "norm_num_groups": 8,
    "transformer_layers_per_block": (1, 2, 3),
    "use_linear_projection": True,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
}  # fmt: skip - the shape of SDXL's UNet, small
SD = {
    "sample_size": 16,
    "in_channels": 4,
    "out_channels": 4,
    "cross_attention_dim": 32,
    "block_out_channels": (16, 32, 32, 32),
    "layers_per_block": 2,
    "attention_head_dim": 4,
    "norm_num_groups": 8,
}  # fmt: skip - that of Stable Diffusion 1.5
HEADLESS = {**SD, "mid_block_type": None, "layers_per_block": (1, 2, 1, 1)}
TEXT = 12


def saved(network: UNetNetwork, config: dict[str, Any], batch: int = 2) -> float:
    """Numbers a sample that autograd keeps after a forward pass, parameters apart."""
    own = {p.untyped_storage().data_ptr() for p in network.parameters()}
    kept: dict[int, Tensor] = {}

    def pack(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = value
        return value

    side = config["sample_size"]
    x = torch.randn(batch, 4, side, side)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        out = network(x, torch.full((batch,), 500.0), {"states": torch.randn(batch, TEXT, 32)})
    assert out.requires_grad
    return sum(v.untyped_storage().nbytes() for v in kept.values()) / batch / 4


@pytest.mark.parametrize("config", [SDXL, SD, HEADLESS], ids=["sdxl", "sd", "smaller"])
@pytest.mark.parametrize("fused", [False, True], ids=["plain", "fused"])
def test_activations_are_those_autograd_keeps(config: dict[str, Any], fused: bool) -> None:
    from diffusers import UNet2DConditionModel
    from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

    unet: Any = UNet2DConditionModel(**config)
    unet.set_attn_processor(AttnProcessor2_0() if fused else AttnProcessor())
    network, known = UNetNetwork(unet), unet_kept(unet.config, TEXT, fused)
    assert known is not None
    assert known.kept == pytest.approx(saved(network, config), rel=0.05)
    assert known.parameters == pytest.approx(sum(p.numel() for p in network.parameters()), rel=0.06)
    network.recompute(True)
    assert known.inputs == pytest.approx(saved(network, config), rel=0.15)
    assert known.inputs < 0.25 * known.kept


def test_what_is_not_such_a_unet_is_not_counted() -> None:
    assert unet_kept({}) is None
    assert unet_kept({**SD, "down_block_types": ("AttnDownBlock2D",) * 4}) is None
    assert unet_kept({"patch_size": 2, "num_layers": 12, "sample_size": 64}) is None


def test_adapters_weigh_what_peft_makes() -> None:
    from studio.families import open_model
    from studio.families.stable.trainable import teacher_denoiser

    shared: Any = teacher_denoiser(open_model(NANO), 5).network
    real = sum(p.numel() for p in shared.trainable_copy().parameters())
    assert footprint(NANO, rank=5).parameters == real


def settings(**changed: Any) -> dict[str, Any]:
    from studio.core.student_and_fake import DuelConfig

    return DuelConfig(batch=8).model_copy(update=changed).model_dump()


def found(objective: str = "dmd2", request: dict[str, Any] | None = None, **changed: Any) -> estimate.Memory:
    given = settings(**changed)
    known = estimate.cost(objective, given)
    assert known is not None
    memory = estimate.memory(NANO, known, given, request)
    assert memory is not None
    assert memory.activations is not None
    return memory


def test_forms_and_the_trainers_settings_change_the_memory_as_they_should() -> None:
    copy = 4 * estimate.parameters(NANO)
    full = found()
    # teacher; student and fake score with two moments each; an average; one gradient at a time
    assert full.weights == copy * (1 + 3 + 1 + 3 + 1)
    adapters = found(request={"form": "adapters", "rank": 4})
    assert copy < adapters.weights < 1.8 * copy
    assert found(request={"trainer": {"optimizer": "adamw8bit"}}).weights == full.weights - 3 * copy
    smaller = found(request={"form": "smaller", "leave_out": "middle", "width": 0.5})
    assert full.weights - 5 * copy < smaller.weights < full.weights - 2 * copy
    assert smaller.activations is not None and full.activations is not None
    recomputed = found(request={"trainer": {"checkpointing": True}}).activations
    assert recomputed is not None and recomputed < 0.6 * full.activations
    whole = found(batch=32).activations
    assert whole is not None and whole == pytest.approx(4 * full.activations)
    through = found("sid").activations
    assert through is not None and through > 2.5 * full.activations


def test_gradients_take_the_room_that_activations_leave() -> None:
    few, many = found(batch=1), found(batch=64)
    copy = 4 * estimate.parameters(NANO)
    assert few.gradient == many.gradient == copy
    assert few.activations is not None and many.activations is not None
    assert few.activations < copy < many.activations
    assert few.total == few.weights
    assert many.total == many.weights - copy + many.activations
    assert found(request={"trainer": {"accumulate": 8}}).weights == few.weights + copy


def test_a_teacher_without_weights_is_not_guessed(tmp_path: Path) -> None:
    known = estimate.cost("dmd2", settings())
    assert known is not None
    assert estimate.memory(tmp_path, known, settings()) is None


def test_bf16_halves_what_is_kept() -> None:
    """Autograd keeps half of every number and, beside it, the weights as bf16."""
    from diffusers import UNet2DConditionModel
    from diffusers.models.attention_processor import AttnProcessor

    unet: Any = UNet2DConditionModel(**SD)
    unet.set_attn_processor(AttnProcessor())
    network = UNetNetwork(unet)
    usual = saved(network, SD)
    with torch.autocast("cpu", torch.bfloat16):
        half = saved(network, SD)
    weights = estimate.HALF * sum(p.numel() for p in network.parameters()) / 2  # of two samples
    assert half - weights == pytest.approx(estimate.HALF * usual, rel=0.05)
    half_memory = found(request={"trainer": {"precision": "bf16"}})
    assert half_memory.activations is not None and half_memory.activations < 0.7 * (found().activations or 0)
