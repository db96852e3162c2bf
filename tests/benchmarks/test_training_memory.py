"""Memory as `benchmarks/training.py` measures it, on nano: what is counted before a run is what tensors really take."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks import training


def test_only_what_is_alive_at_once_is_counted() -> None:
    block = 1 << 20

    def work() -> None:
        first = torch.zeros(block, dtype=torch.uint8)
        del first
        pair = [torch.zeros(block, dtype=torch.uint8) for _ in range(2)]
        del pair

    assert training.allocated(work) == pytest.approx(2 * block, rel=0.01)


@pytest.mark.slow
def test_estimates_are_near_and_adapters_need_less_than_half_where_weights_outweigh_activations(tmp_path: Path) -> None:
    folder, peaks = training.TEACHERS["nano"], []
    for case in ({"size": "nano", "batch": 1, "objective": "dmd2"}, {"size": "nano", "batch": 1, "objective": "dmd2", "rank": 8}):
        said, found = training.expected(case, folder).total, training.measure(case, folder, tmp_path)["peak"]
        assert max(said / found, found / said) < training.WITHIN
        peaks.append(found)
    assert peaks[1] <= 0.5 * peaks[0]
