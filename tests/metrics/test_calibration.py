from types import SimpleNamespace

import pytest
import torch

from studio.metrics.calibration import calibrated, shifts, summary

S = (-1.0, -0.5, 0.0, 0.5, 1.0)


def test_a_straight_line_is_summed_up_with_what_it_costs():
    g = torch.Generator().manual_seed(0)
    amounts = 0.3 * torch.tensor(S)[:, None] + 0.1 * torch.randn(1, 40, generator=g) + 0.02 * torch.randn(5, 40, generator=g)
    right = torch.ones(5, 40, dtype=torch.bool)
    right[4, :4] = False
    found = summary(S, amounts, right, ~right, torch.arange(40) % 20)
    assert found["slope"]["value"] == pytest.approx(0.3, abs=0.01)
    assert found["slope"]["low"] < 0.3 < found["slope"]["high"]
    assert (found["n"], found["spearman"], found["even"]) == (40, pytest.approx(1.0), [-1.0, 1.0])
    assert found["accuracy_change"] == pytest.approx(-0.1)
    assert [(p["strength"], p["accuracy"], p["in_distribution"]) for p in found["points"]][3:] == [
        (0.5, 1.0, 0.0),
        (1.0, 0.9, 0.1),
    ]
    assert all(p["low"] < p["amount"] < p["high"] for p in found["points"])


def test_shifts_are_the_share_of_labels_that_differ():
    low = SimpleNamespace(labels={"a": torch.tensor([0, 0, 1, 1]), "b": torch.tensor([2, 2, 2, 2])})
    high = SimpleNamespace(labels={"a": torch.tensor([0, 0, 0, 1]), "b": torch.tensor([0, 0, 0, 0])})
    assert shifts(low, high) == {"b": 1.0, "a": 0.25}


def test_the_scale_is_found_between_measured_ones():
    line = [(s, 0.4 * s) for s in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    assert calibrated(line, 0.6) == (pytest.approx(0.75), True)
    assert calibrated(line, 0.2) == (pytest.approx(0.25), True)
    assert calibrated(line, 9.0) == (1.0, False)
    bent = [(-1.0, 0.1), (-0.5, -0.2), (0.0, 0.0), (0.5, 0.2), (1.0, 0.5)]
    assert calibrated(bent, 0.9) == (0.5, False), "it turns back below −0.5"
    assert calibrated([(-1.0, 0.2), (0.0, 0.0), (1.0, -0.2)], 0.1) == (0.0, False)
