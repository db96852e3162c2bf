"""The Fréchet distance with its interval."""

import pytest
import torch

from studio.metrics.frechet import frechet_distance, frechet_interval


def test_it_is_the_distance_and_holds_what_other_samples_give() -> None:
    g = torch.Generator().manual_seed(0)
    world, drawn = torch.randn(2000, 4, generator=g), torch.randn(40, 300, 4, generator=g) + 0.5
    found = [frechet_interval(rows, world) for rows in drawn]
    values = torch.tensor([one.value for one in found])
    assert found[0].value == pytest.approx(frechet_distance(drawn[0], world))
    inside = sum(bool(one.includes(float(values.mean()))) for one in found)
    assert inside >= 34  # of 40, at 95 %


def test_few_samples_have_none() -> None:
    assert frechet_interval(torch.randn(8, 4), torch.randn(100, 4)).value is None
