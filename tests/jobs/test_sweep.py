"""Sweeps: which runs they make, what they are called, and that all or none are submitted."""

from __future__ import annotations

import re
from typing import Any

import pytest

from studio.jobs.jobs import Jobs
from studio.jobs.sweep import MAX_RUNS, expand
from tests.support.toy_objective import request


def names(config: dict[str, Any], sweep: dict[str, Any]) -> list[str]:
    return [point.config["name"] for point in expand(config, sweep)]


def test_every_combination_is_a_run_with_a_name_that_says_it() -> None:
    config = {"name": "pupil", "settings": {"batch": 4, "guidance": 1.0}}
    points = expand(config, {"settings.guidance": [2, 4.5], "seed": [0, 1]})
    assert [(p.config["settings"], p.config["seed"]) for p in points] == [
        ({"batch": 4, "guidance": 2}, 0), ({"batch": 4, "guidance": 2}, 1),
        ({"batch": 4, "guidance": 4.5}, 0), ({"batch": 4, "guidance": 4.5}, 1),
    ]  # fmt: skip
    assert [p.config["name"] for p in points] == [
        "pupil-guidance2-seed0", "pupil-guidance2-seed1", "pupil-guidance4.5-seed0", "pupil-guidance4.5-seed1"]  # fmt: skip
    assert points[3].label == "guidance 4.5, seed 1"
    assert config == {"name": "pupil", "settings": {"batch": 4, "guidance": 1.0}}, "the given request is left alone"


@pytest.mark.parametrize(
    ("sweep", "expected"),
    [
        ({"settings.lr": [1e-5, 0.01]}, ["pupil-lr1e-5", "pupil-lr0.01"]),
        ({"objective": ["lcm", "dmd2-mild"]}, ["pupil-objectivelcm", "pupil-objectivedmd2-mild"]),
        ({"settings.timesteps": [[999, 499], [999]]}, ["pupil-timesteps999.499", "pupil-timesteps999"]),
        ({"a.rate": [1], "b.rate": [2]}, ["pupil-a.rate1-b.rate2"]),
        ({"settings.prompt": ["ä", "ö"]}, ["pupil-01", "pupil-02"]),  # nothing of them fits into a name
        ({"settings.quite_a_long_word_for_a_setting_indeed": [1, 2]}, ["pupil-01", "pupil-02"]),
        ({"name": ["one", "two"]}, ["one", "two"]),
    ],
)
def test_names_tell_runs_apart_whatever_the_values_are(sweep: dict[str, Any], expected: list[str]) -> None:
    assert names({"name": "pupil"}, sweep) == expected


def test_a_long_name_is_cut_and_stays_distinct() -> None:
    found = names({"name": "a" * 40}, {"seed": list(range(12))})
    assert len(set(found)) == 12
    assert all(len(name) == 40 for name in found)


def test_a_request_without_a_name_gets_none() -> None:
    assert [p.config for p in expand({"steps": 1}, {"seconds": [0, 1]})] == [
        {"steps": 1, "seconds": 0},
        {"steps": 1, "seconds": 1},
    ]


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        ({}, "sweep: {seed: [0, 1]} would fit"),
        ([1, 2], "not [1, 2]"),
        ({"seed": 3}, "needs a list of values, not 3"),
        ({"seed": []}, "needs a list of values, not []"),
        ({"seed": "0-3"}, "needs a list of values, not '0-3'"),
        ({"seed": [0, 1, 0]}, "has a value twice"),
        ({"seed": list(range(100))}, f"has 100 values; at most {MAX_RUNS} runs fit"),
        ({"seed": list(range(10_000_000))}, "has 10,000,000 values"),
        ({"seed": list(range(9)), "steps": list(range(9))}, "9 × 9 = 81 runs; at most 64 fit"),
        ({"../x": [1]}, "'../x' is no field"),
        ({7: [1]}, "7 is no field"),
        ({"name.x": [1]}, "name is 'pupil' and has no fields"),
        ({"a.b.c.d.e.f": [1]}, "is no field"),
    ],
)
def test_what_is_no_sweep_is_one_sentence(sweep: Any, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        expand({"name": "pupil"}, sweep)
    assert "\n" not in str(error.value)


def test_a_sweep_is_submitted_in_order(school: Jobs) -> None:
    ids = school.submit_sweep("distill", request(), {"settings.lr": [0.01, 0.02], "seed": [0, 1]})
    assert [info.id for info in school.queue()] == ids
    assert [school.spec(i).config["seed"] for i in ids] == [0, 1, 0, 1]
    assert school.get(ids[0]).title.startswith("pupil-lr0.01-seed0: toy of toy/teacher")


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        ({"seed": [0, -1]}, "Run 2 of 2 (seed -1): seed is -1; at least 0 fits."),
        ({"settings.lr": [0.1, 0.2, 0.0]}, "Run 3 of 3 (lr 0.0): "),
        ({"teacher": ["toy/teacher", "toy/teachr"]}, "Did you mean 'toy/teacher'?"),
        ({"stepz": [1, 2]}, "Did you mean 'steps'?"),
    ],
)
def test_one_run_that_does_not_fit_refuses_them_all(school: Jobs, sweep: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        school.submit_sweep("distill", request(), sweep)
    assert "\n" not in str(error.value)
    assert school.list() == []
    assert list(school.paths.runs.iterdir()) == []


def test_a_sweep_that_the_queue_cannot_hold_is_refused_whole(school: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.jobs.jobs.MAX_QUEUED", 3)
    school.submit("distill", request(name="first"))
    with pytest.raises(ValueError, match="1 runs are waiting, and 3 more would pass the 3 that fit"):
        school.submit_sweep("distill", request(), {"seed": [0, 1, 2]})
    assert len(school.list()) == 1


def test_a_full_disk_in_the_middle_leaves_none(school: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = Jobs._make

    def make(self: Jobs, spec: Any) -> None:
        made.append(spec.id)
        if len(made) == 3:
            raise OSError(28, "No space left on device")
        real(self, spec)

    monkeypatch.setattr(Jobs, "_make", make)
    with pytest.raises(OSError, match="No space left"):
        school.submit_sweep("distill", request(), {"seed": [0, 1, 2, 3]})
    assert school.list() == []
    assert list(school.paths.runs.iterdir()) == []
