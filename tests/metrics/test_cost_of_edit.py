"""What an edit costs other prompts: paired figures whose intervals hold the truth."""

from __future__ import annotations

import pytest
import torch

from studio.metrics.cost_of_edit import fd_ratio, kept, moved, variety
from studio.metrics.frechet import frechet_distance


def drawn(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features [n, 8] without an edit and with it."""
    g = torch.Generator().manual_seed(seed)
    before = torch.randn(n, 8, generator=g) * 1.2
    return before, before * 1.1 + 0.3 * torch.randn(n, 8, generator=g)


def test_nothing_changed_costs_nothing() -> None:
    before, _ = drawn(40, 0)
    right = before[:, 0] > 0
    for found in (kept(right, right), fd_ratio(before, before, drawn(200, 1)[0])):
        assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)
    assert moved(before, before).value == 0.0
    assert variety(before, before).value == pytest.approx(1.0)


def test_values_are_what_they_are_called() -> None:
    before, after = drawn(64, 0)
    world = drawn(300, 1)[0]
    assert kept(torch.tensor([1, 1, 1, 1, 0]).bool(), torch.tensor([1, 1, 0, 1, 1]).bool()).value == 1.0
    assert kept(torch.tensor([1, 1, 1, 1]).bool(), torch.tensor([1, 1, 0, 1]).bool()).value == 0.75
    assert fd_ratio(before, after, world).value == pytest.approx(frechet_distance(after, world) / frechet_distance(before, world))
    assert moved(before, after).value == pytest.approx(float((after - before).norm(dim=1).mean() / torch.pdist(before).mean()))


@pytest.mark.parametrize("name", ["kept", "moved", "fd_ratio"])
def test_intervals_hold_the_truth_as_often_as_they_say(name: str) -> None:
    world = drawn(2000, 99)[0]

    def figure(before: torch.Tensor, after: torch.Tensor):  # type: ignore[no-untyped-def]
        if name == "kept":
            return kept(before[:, 0] > -0.5, after[:, 0] > -0.5)
        return moved(before, after) if name == "moved" else fd_ratio(before, after, world)

    # the Fréchet distance of few samples lies above that of many, so its truth is the mean over sets of the same size
    every = [figure(*drawn(64, seed)) for seed in range(60)]
    truth = sum(one.value for one in every) / len(every)
    held = sum(one.low <= truth <= one.high for one in every)
    assert 0.85 <= held / len(every) <= 1.0


def test_where_nothing_was_right_there_is_no_share() -> None:
    found = kept(torch.zeros(8, dtype=torch.bool), torch.ones(8, dtype=torch.bool))
    assert found.value is None and found.note == "no sample was right without the edit"
    assert variety(torch.zeros(4, 2), torch.zeros(4, 2)).note == "the reference's samples are all alike"
