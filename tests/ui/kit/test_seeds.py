"""Seeds written into the form are read back as they were."""

from __future__ import annotations

import pytest

from studio.library.seeds import MAX_SEED, MAX_SEEDS, parse_seeds
from studio.ui.kit.seeds import write_seeds
from tests.support.properties import given, st

SEEDS = st.lists(st.integers(0, MAX_SEED), min_size=1, max_size=MAX_SEEDS, unique=True)


@given(SEEDS)
def test_any_seeds_survive_being_written(seeds: list[int]) -> None:
    assert parse_seeds(write_seeds(seeds)) == seeds


@pytest.mark.parametrize(
    ("seeds", "text"), [(range(8), "8"), (range(3, 11), "3-10"), ([1, 5, 9], "1, 5, 9"), ([5], "5,"), ([0], "1")]
)
def test_seeds_are_written_as_short_as_they_can_be(seeds: list[int], text: str) -> None:
    assert write_seeds(seeds) == text
