"""Two candidates on the same prompts and seeds."""

import math

import pytest
import torch

from studio.metrics import paired


def test_a_mean_is_over_prompts_that_ask_for_it() -> None:
    values = torch.tensor([[1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0], [math.nan] * 4])
    found = paired.mean(values)
    assert found.value == 0.75
    assert paired.mean(values[2:]).value is None


def test_intervals_hold_the_truth_where_prompts_and_samples_vary() -> None:
    g, inside, tries = torch.Generator().manual_seed(0), 0, 200
    for _ in range(tries):
        rates = 0.7 + 0.2 * (torch.rand(16, 1, generator=g) - 0.5)
        found = paired.mean((torch.rand(16, 8, generator=g) < rates).double())
        inside += bool(found.includes(0.7))
    assert 0.9 <= inside / tries <= 0.99


def test_a_rate_at_its_end_has_the_interval_of_wilson() -> None:
    found = paired.mean(torch.ones(8, 8))
    assert found.value == 1 and found.low is not None and 0.93 < found.low < 0.95 and found.n == 64


def test_pairing_takes_out_what_both_share() -> None:
    g = torch.Generator().manual_seed(1)
    hard = torch.rand(12, 8, generator=g).double() * 0.8
    better = hard + 0.05 + 0.02 * torch.rand(12, 8, generator=g)
    gap, alone = paired.difference(better, hard), paired.mean(hard)
    assert gap.low is not None and gap.high is not None and alone.low is not None and alone.high is not None
    assert gap.low > 0 and gap.high - gap.low < 0.2 * (alone.high - alone.low)


def test_the_sign_test_is_exact() -> None:
    a, b = torch.tensor([1.0, 1, 1, 1, 1, 0, 1, 0]), torch.tensor([0.0, 0, 0, 0, 0, 1, 1, 0])
    found = paired.sign_test(a, b)
    assert (found["better"], found["worse"], found["same"]) == (5, 1, 2)
    assert found["p"] == pytest.approx(2 * (1 + 6) / 64)
    assert paired.sign_test(a, a)["p"] == 1.0
