"""Where the program runs, faked by its variables: one matrix of what follows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from studio.core import demo
from studio.core.environment import environment, storage

SPACE = {"SPACE_ID": "somebody/studio"}
ZERO = {**SPACE, "SPACES_ZERO_GPU": "true"}
MATRIX = [
    # variables, what computes -> name, host, device, demo
    ({}, "cpu", ("cpu", "127.0.0.1", None, False)),
    ({}, "cuda", ("cuda", "127.0.0.1", None, False)),
    ({}, "mps", ("mps", "127.0.0.1", None, False)),
    ({"SPACES_ZERO_GPU": "true"}, "cuda", ("cuda", "127.0.0.1", None, False)),  # the package installed at home
    ({"STUDIO_DEMO": "1"}, "cpu", ("cpu", "127.0.0.1", None, True)),
    (SPACE, "cpu", ("cpu-space", "0.0.0.0", "cpu", True)),
    (SPACE, "cuda", ("gpu-space", "0.0.0.0", None, True)),
    (ZERO, "cpu", ("zero-gpu", "0.0.0.0", "cpu", True)),
    (ZERO, "cuda", ("zero-gpu", "0.0.0.0", "cpu", True)),
    ({**SPACE, "STUDIO_DEMO": "0"}, "cuda", ("gpu-space", "0.0.0.0", None, False)),
]


@pytest.mark.parametrize(("given", "computes", "follows"), MATRIX)
def test_what_follows_from_where_it_runs(given: dict[str, str], computes: str, follows: tuple[object, ...]) -> None:
    found = environment(given, lambda: computes)
    assert (found.name, found.host, found.device, found.demo) == follows
    assert found.is_space == ("SPACE_ID" in given)


def test_another_word_for_the_demo_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^STUDIO_DEMO is 'perhaps'; 1 or 0 fits\.$"):
        environment({"STUDIO_DEMO": "perhaps"}, lambda: "cpu")


def test_storage_is_taken_where_a_space_has_some_that_can_be_written(tmp_path: Path) -> None:
    here, home = environment(SPACE, lambda: "cpu"), environment({}, lambda: "cpu")
    assert storage(here, tmp_path) == tmp_path / "distillation-studio"
    assert list(tmp_path.iterdir()) == []  # the probe is gone
    assert storage(home, tmp_path) is None
    assert storage(here, tmp_path / "none") is None


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that nobody can write in")
def test_storage_that_cannot_be_written_is_passed_over() -> None:
    assert storage(environment(SPACE, lambda: "cpu"), Path("/proc")) is None


def test_everything_is_allowed_at_home_and_every_refusal_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STUDIO_DEMO", raising=False)
    assert "SPACE_ID" not in os.environ
    assert {demo.refusal(action) for action in demo._NOT_HERE} == {""}
    monkeypatch.setenv("STUDIO_DEMO", "1")
    assert demo.refusal("delete") == (
        "This is a public demo, in which nothing is removed; "
        "on a copy of your own (pip install, or Duplicate this Space with STUDIO_DEMO=0) it works."
    )
