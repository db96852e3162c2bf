"""Intervals keep their word: in simulated studies whose truth is known, 95 % intervals hold it in 94 % or more."""

import pytest

from benchmarks.coverage import coverage


@pytest.mark.slow
def test_intervals_of_prompts_in_general_hold_the_truth(long: bool):
    found = coverage(8, 32, 300 if long else 150, of_seed=0.1, of_arm=0.7)
    assert min(found.values()) >= 0.94, found


@pytest.mark.slow
def test_intervals_of_a_few_prompts_hold_the_truth_of_these(long: bool):
    found = coverage(2, 32, 300 if long else 150, of_seed=0.1, of_arm=0.7, in_general=False)
    assert min(found.values()) >= 0.94, found
