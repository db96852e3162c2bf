"""What is timed is the same picture both ways, and the bare network is asked as often as the loop asks it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel

from benchmarks.families import Row, Ways, bare, page, said
from benchmarks.family_models import SMALL, filled
from benchmarks.family_true import true_ways
from tests.support.tiny_models import sd_pipeline, sdxl_pipeline, unet
from tests.support.tiny_transformers import pixart_pipeline, sd3_pipeline

MAKE = {"sd1": sd_pipeline, "sd2": lambda f: sd_pipeline(f, prediction="v_prediction"), "sdxl": sdxl_pipeline,
        "sd3": sd3_pipeline, "pixart": pixart_pipeline}  # fmt: skip


@pytest.mark.parametrize("name", MAKE)
def test_both_ways_of_drawing_with_given_networks_agree(name: str, tmp_path: Path) -> None:
    pipe = MAKE[name](tmp_path)
    pipe.vae.register_to_config(shift_factor=None if name == "pixart" else pipe.vae.config.get("shift_factor"))
    network = {"unet": pipe.unet} if hasattr(pipe, "unet") else {"transformer": pipe.transformer}
    ways = Ways(**true_ways(name, "cpu", 3.0, 4, [1, 2], {"vae": pipe.vae, **network}))
    assert float((ways.whole() - ways.pipeline()).abs().max()) < 1e-4
    assert ways.nfe == 8 and ways.images == 2
    calls: list[int] = []
    replay = bare(ways)
    ways.network.register_forward_pre_hook(lambda *_: calls.append(1))
    replay()
    assert len(calls) == 4  # prompt and null side by side


def test_every_family_has_a_small_model() -> None:
    assert set(MAKE) | {"flux"} == set(SMALL)


def test_a_network_of_the_meta_device_is_filled() -> None:
    with torch.device("meta"):
        empty = UNet2DConditionModel.from_config(unet(16).config)
    network = filled(empty, "cpu")
    states, x = torch.randn(1, 3, 16).bfloat16(), torch.randn(1, 4, 8, 8).bfloat16()
    out = network(x, torch.tensor([5]), encoder_hidden_states=states).sample
    assert out.isfinite().all() and float(out.std()) > 0
    assert all(float(p.std()) > 0 for p in network.parameters() if p.ndim > 1)


def test_a_row_says_medians_and_their_spread() -> None:
    row = Row("sdxl", 4.0, [1.0, 1.1, 1.2], [0.9, 0.95, 1.0], [], 2.0, 4, 16, 1e-6)
    assert "1.100 [1.000, 1.200]" in said(row) and "2.00 images/s, 32.0 NFE/s" in said(row)
    assert "| SDXL | 4 | 1.100 [1.000, 1.200] | 0.950 [0.900, 1.000] | – | 1e-06 |" in page([row], 3)
