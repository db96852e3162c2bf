"""How many samples go through a network at once: of free memory on CUDA devices, the same number of positions elsewhere."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from studio.core.family import Estimates
from studio.families import open_model
from studio.workshop import draw
from tests.support import tiny_models


class OnCuda(SimpleNamespace):
    """A model that says what a row takes. No GPU is needed: its memory is pretended."""

    device = torch.device("cuda:0")

    def row_bytes(self, shape: Any) -> float | None:
        return self.each * shape[1] * shape[2] if self.each else None


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """10 GB free, and 2 GB that torch holds of which 0.5 GB are used."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10_000_000_000, 24_000_000_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 2_000_000_000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 500_000_000)


def test_half_of_what_is_free_by_the_hungriest_model(free: None) -> None:
    small, large = OnCuda(each=1e4), OnCuda(each=1e5)
    assert draw.batch_size((4, 64, 64), [small]) == int(5.75e9 / (2 * 1e4 * 4096))
    assert draw.batch_size((4, 64, 64), [small, large]) == 7  # 5.75 GB of 0.82 GB each
    assert draw.batch_size((4, 128, 64), [large]) == 3  # twice as large, half as many
    assert draw.batch_size((4, 128, 64), [OnCuda(each=1e9)]) == 1


def test_elsewhere_and_where_nobody_knows_always_as_many_positions(free: None) -> None:
    here = SimpleNamespace(device=torch.device("cpu"), row_bytes=lambda shape: 1.0)
    for models in ([], [here], [OnCuda(each=1.0), here], [OnCuda(each=None)], [SimpleNamespace(device=OnCuda.device)]):
        assert draw.batch_size((4, 64, 64), models) == 4


def test_a_model_knows_what_a_row_takes(tmp_path: Path) -> None:
    tiny_models.sd_pipeline(tmp_path).save_pretrained(tmp_path / "model")
    model = open_model(tmp_path / "model", "m")
    assert isinstance(model, Estimates)
    own = model.row_bytes(model.shape)
    assert own and model.row_bytes((4, 8, 16)) == 2 * own
