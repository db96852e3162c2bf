"""The oracle on renders it has never seen."""

from __future__ import annotations

import pytest
import torch

from studio.domains.pocket.dataset import CONTINUOUS, scenes, to_images
from studio.domains.pocket.oracle import load_oracle
from studio.domains.pocket.render import render_batch
from studio.domains.pocket.scene import FACTORS
from studio.jobs.paths import ROOT

ASSETS = ROOT / "assets"
FOLDERS = sorted(p.parent for p in ASSETS.glob("*/oracle/oracle.safetensors"))


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda p: p.parent.name)
def seen(request):
    oracle = load_oracle(request.param)
    held_out = scenes(600, seed=31_337)
    images = to_images(render_batch(held_out, oracle.config["size"]))
    return oracle, held_out, images


@pytest.mark.slow
def test_every_factor_is_read_back(seen):
    oracle, held_out, images = seen
    readings = oracle.read(images)
    for name, factor in FACTORS.items():
        truth = torch.tensor([factor.index(getattr(s, name)) for s in held_out])
        assert float((readings.labels[name] == truth).float().mean()) >= 0.985, name
    for key, field in CONTINUOUS.items():
        truth = torch.tensor([getattr(s, field) for s in held_out])
        assert float((readings.values[key] - truth).abs().mean()) <= 0.03, key


@pytest.mark.slow
def test_blur_noise_and_blends_are_out_of_distribution(seen):
    oracle, _, images = seen
    assert float(oracle.read(images).in_distribution.float().mean()) >= 0.98
    noisy = (images[:200] + 0.3 * torch.randn(images[:200].shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    blended = 0.5 * images[:200] + 0.5 * images[200:400]
    for spoilt in (noisy, blended):
        assert float(oracle.read(spoilt).in_distribution.float().mean()) <= 0.05


def test_a_wrong_shape_is_named(seen):
    with pytest.raises(ValueError, match=r"\[N, 3, H, W\]"):
        seen[0].read(torch.zeros(3, 32, 32))


def test_a_folder_without_an_oracle_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="train one"):
        load_oracle(tmp_path)
