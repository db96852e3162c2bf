"""A few lines that stand for ten billion values cost neither time nor memory, wherever they arrive."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest
import yaml

from studio.core.explain import brief
from studio.core.files import MOST_VALUES, yaml_values
from studio.jobs.jobs import Jobs
from studio.jobs.spec_file import read_submission

LEVELS = 10
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]\n" for i in range(1, LEVELS)
)


def quickly(started: float) -> bool:
    return time.process_time() - started < 1.0


def test_a_value_that_names_one_list_over_and_over_is_worded_at_once() -> None:
    value = yaml.safe_load(BOMB)[f"a{LEVELS - 1}"]
    tracemalloc.start()
    started = time.process_time()
    said = brief(value)
    assert len(said) <= 60 and said.startswith("[[") and quickly(started)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert brief({"a": [1, "b"]}) == "{'a': [1, 'b']}"


def test_aliases_are_followed_while_they_stay_small() -> None:
    assert yaml_values("a: &a [1, 2]\nb: *a") == {"a": [1, 2], "b": [1, 2]}
    for text in (BOMB, "a: &a [*a]"):
        started = time.process_time()
        with pytest.raises(ValueError, match=f"more than {MOST_VALUES:,} values"):
            yaml_values(text)
        assert quickly(started)


def test_a_spec_file_of_this_sort_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "bomb.yaml").write_text(f"kind: compare\n{BOMB}")
    with pytest.raises(ValueError, match=r"bomb\.yaml cannot be read: it stands for more than 100,000 values"):
        read_submission(tmp_path / "bomb.yaml")


def test_a_request_of_this_sort_is_refused_in_a_sentence(jobs: Jobs) -> None:
    jobs.validate("compare", {"prompt": "a cat"})  # what is imported once
    started = time.process_time()
    with pytest.raises(ValueError, match="a whole number fits"):
        jobs.submit("compare", {"prompt": "a cat", "seeds": yaml.safe_load(BOMB)[f"a{LEVELS - 1}"]})
    assert quickly(started)
