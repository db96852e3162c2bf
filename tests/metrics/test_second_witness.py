"""A second reader's figures on features whose truth is known."""

import pytest
import torch

from studio.domains.pocket.scene import FACTORS
from studio.metrics import second_witness
from studio.metrics.rows import Rows

PROMPTS, SEEDS, WIDE = 6, 24, 8


def features(seed_share, spread=1.0, seed=0):
    """[S, D] by prompt: a share of what varies belongs to the seed, the rest to the sample."""
    g = torch.Generator().manual_seed(seed)
    of_seed = torch.randn(SEEDS, WIDE, generator=g)
    own = torch.randn(PROMPTS, SEEDS, WIDE, generator=g)
    means = 5 * torch.randn(PROMPTS, 1, WIDE, generator=g)
    return list(means + spread * (seed_share**0.5 * of_seed + (1 - seed_share) ** 0.5 * own))


def test_seeds_are_told_where_they_decide_and_guessed_where_they_do_not():
    told = second_witness.seed_identifiability(features(0.95)).interval()
    guessed = second_witness.seed_identifiability(features(0.0)).interval()
    assert told.value > 0.9 and guessed.low <= 1 / SEEDS <= guessed.high
    assert second_witness.seed_identifiability(features(0.5)[:1]).value is None


def test_spread_is_the_mean_distance_and_scales_with_it():
    wide, narrow = (second_witness.spread(features(0.2, spread)).interval() for spread in (1.0, 0.5))
    assert narrow.value == pytest.approx(wide.value / 2) and narrow.high < wide.low
    x = features(0.2)[0]
    d = torch.cdist(x.double(), x.double())
    assert second_witness.spread([x]).value == pytest.approx(float(d.sum() / (SEEDS * (SEEDS - 1))))


def test_coverage_is_high_for_more_of_the_same_and_low_for_a_part_of_it():
    world, again = features(0.0, seed=1), features(0.0, seed=1)
    same = second_witness.coverage(again, world).interval()
    collapsed = second_witness.coverage([x[:1].expand(SEEDS, WIDE) for x in again], world).interval()
    assert same.value == 1.0 and collapsed.high < 0.5


def rows(labels):
    n = len(labels)
    full = {name: torch.arange(n) % len(f.values) for name, f in FACTORS.items()} | {"size": torch.tensor(labels)}
    return Rows(full, {}, torch.zeros(n, 2), torch.ones(n, dtype=torch.bool), torch.zeros(n))


def test_a_value_above_four_fifths_is_default_behaviour():
    stated = {"a": {}, "b": {}, "c": {}, "d": {}}
    only = {"size": FACTORS["size"]}
    collapsed = second_witness.default_behaviour(dict.fromkeys(stated, rows([1] * 9 + [0])), stated, only)
    varied = second_witness.default_behaviour(dict.fromkeys(stated, rows([0, 1] * 5)), stated, only)
    assert collapsed.value == 1.0 and varied.value == 0.0
