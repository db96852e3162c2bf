"""Each symptom shows on a history that has it, and not on a healthy one; each is said once. Cautions likewise."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from studio.capabilities.distill.cautions import cautions
from studio.capabilities.distill.evidence import Evidence
from studio.capabilities.distill.symptoms import SIGNS, Vigil
from studio.jobs.paths import ROOT

STEPS = 400
Rows = list[dict[str, Any]]


def around(value: float, half: float = 0.03) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def figures(accuracy: float, diversity: float, fd: float | None, inside: float = 0.9) -> dict[str, Any]:
    return {
        "accuracy": around(accuracy),
        "diversity": around(diversity),
        "in_distribution": around(inside),
        "fd_oracle": fd,
    }


def measured(step: int, n: int, *values: Any) -> dict[str, Any]:
    return {"step": step, "sampling_steps": n, **figures(*values)}


def history(steps: int = STEPS, **changed: Callable[[int], float]) -> Rows:
    """Rows of a distribution-matching run in which all is well, but for what `changed` says; noise as in real runs."""
    rng = random.Random(0)

    def noisy(name: str, healthy: float) -> Iterator[float]:
        make = changed.get(name, lambda step: healthy)
        while True:
            yield make(next(count[name])) * rng.lognormvariate(0, 0.3)

    names = {"student": 200.0, "fake": 0.25, "student_grad": 160.0, "fake_grad": 0.5, "normaliser": 0.6}
    count = {name: iter(range(steps)) for name in names}
    streams = {name: noisy(name, healthy) for name, healthy in names.items()}
    right = changed.get("right", lambda step: 0.62)
    rows = []
    for step in range(1, steps + 1):
        v = {name: next(stream) for name, stream in streams.items()}
        log = {"student/grad_norm": v["student_grad"], "fake/grad_norm": v["fake_grad"], "normaliser": v["normaliser"],
               "discriminator_right": min(1.0, max(0.0, right(step) + rng.gauss(0, 0.04)))}  # fmt: skip
        rows.append({"step": step, "losses": {"student": v["student"], "fake": v["fake"]}, "log": log})
    return rows


HEALTHY = Evidence(
    objective="dmd2", family="distribution", settings={"guidance": 3.0, "inputs": "backward simulation"}, step=STEPS, steps=STEPS,
    rows=history(), teacher=figures(0.95, 0.70, 16.0), teacher_at={1: figures(0.2, 0.5, 90.0), 4: figures(0.8, 0.66, 30.0)},
    measured=[measured(200, 4, 0.8, 0.66, 40.0), measured(400, 4, 0.93, 0.64, 20.0)],
    contrast=[{"step": step, "sampling_steps": 4, "ratio": ratio} for step, ratio in ((0, 0.99), (200, 1.2), (400, 1.25))],
)  # fmt: skip
FALLING = replace(  # a regression whose loss and gradient fall far, as they should
    HEALTHY, objective="lcm", family="trajectory",
    rows=history(student_grad=lambda s: 1.5 * 0.988**s + 0.01, student=lambda s: 0.99**s),
)  # fmt: skip


def contrasts(*ratios: float, n: int = 4) -> list[dict[str, Any]]:
    return [{"step": 100 * i, "sampling_steps": n, "ratio": ratio} for i, ratio in enumerate(ratios)]


SICK: dict[str, list[tuple[Evidence, str]]] = {
    "not finite": [
        (replace(HEALTHY, skipped=2, rows=[*history(50), {"step": 51, "losses": {"fake": None}, "log": {}}]), "of fake"),
        (replace(HEALTHY, skipped=1, rows=()), "one update was left out"),
    ],
    "gradients": [
        (replace(HEALTHY, rows=history(student_grad=lambda s: 160 * 1.02**s)), "gradient of student is"),
        (replace(HEALTHY, rows=history(fake_grad=lambda s: 0.5 if s < 300 else 1e-4)), "fake has all but vanished"),
    ],
    "normaliser": [
        (replace(HEALTHY, rows=history(normaliser=lambda s: 0.6 + s / 40)), "leave the range"),
        (replace(HEALTHY, rows=history(normaliser=lambda s: 0.6 * 0.98**s)), "almost nothing"),
    ],
    "fake score lags": [(replace(HEALTHY, rows=history(fake=lambda s: 0.25 if s < 250 else 0.9)), "no longer follows")],
    "discriminator blind": [(replace(HEALTHY, rows=history(right=lambda s: 0.5)), "as good as constant")],
    "discriminator certain": [(replace(HEALTHY, rows=history(right=lambda s: 0.6 if s < 100 else 1.1)), "it has won")],
    "worse than teacher": [
        (replace(FALLING, measured=[measured(200, 1, 0.15, 0.5, 110.0), measured(200, 4, 0.6, 0.6, 45.0)], step=200),
         "in 1 step, FD-oracle 110.0 against 90.0 and accuracy 15% against 20%, in 4 steps, FD-oracle 45.0"),
        (replace(HEALTHY, measured=[measured(400, 4, 0.5, 0.66, None)]), "less than nothing"),
    ],
    "over-saturated": [
        (replace(HEALTHY, contrast=contrasts(1.0, 1.2, 1.5)), "1.50 times the contrast"),
        (replace(HEALTHY, contrast=contrasts(0.94, 1.28), settings={"inputs": "noised data", "guidance": 8.0}), "adds up from"),
    ],
    "unreadable": [
        (replace(HEALTHY, measured=[measured(400, 4, 0.2, 0.6, 29.0, 0.1)]), "at most 10% of the student's"),
        (replace(HEALTHY, objective="sid", measured=[measured(400, 4, 0.2, 0.6, 29.0, 0.1)]), "alpha is above 1"),
    ],
    "diversity lost": [(replace(HEALTHY, measured=[measured(100, 4, 0.97, 0.44, 41.0)], step=100), "diversity 0.44 against")],
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNS)
def test_a_symptom_shows_where_it_is_and_not_in_healthy_runs(name: str) -> None:
    for healthy in (HEALTHY, FALLING, replace(HEALTHY, rows=(), measured=(), contrast=(), teacher=None, step=0)):
        assert SIGNS[name](healthy) is None
    assert SICK[name], "a sign without a history that has it proves nothing"
    for evidence, words in SICK[name]:
        found = SIGNS[name](evidence)
        assert found is not None
        seen, remedy = found
        assert words in seen
        assert seen.endswith(".") and remedy.endswith(".") and remedy[0].isupper()


def test_what_is_near_a_symptom_is_none() -> None:
    few = replace(HEALTHY, rows=history(20, student_grad=lambda s: 160 * 9.0**s))
    assert SIGNS["gradients"](few) is None, "twenty updates say nothing yet"
    early = replace(FALLING, step=100, measured=[measured(100, 4, 0.3, 0.6, 60.0)])
    assert SIGNS["worse than teacher"](early) is None, "before half of the run a student may be on its way"
    sharper = replace(HEALTHY, measured=[measured(400, 4, 0.99, 0.5, 45.0)])
    assert SIGNS["worse than teacher"](sharper) is None, "further from the world and more accurate is another symptom"
    flat = replace(HEALTHY, contrast=contrasts(1.45, 1.45))
    assert SIGNS["over-saturated"](flat) is None, "it was so from the beginning"
    plain = replace(HEALTHY, contrast=contrasts(0.94, 1.28), settings={"inputs": "noised data", "guidance": 1.0})
    assert SIGNS["over-saturated"](plain) is None, "without guidance there is nothing to add up"
    one = replace(HEALTHY, contrast=contrasts(1.0, 1.6, n=1))
    assert SIGNS["over-saturated"](one) is None, "one step has no step to add up in"
    wrong = replace(HEALTHY, measured=[measured(400, 4, 0.6, 0.44, 41.0)])
    assert SIGNS["diversity lost"](wrong) is None, "what is wrong as well has not merely lost diversity"
    unsure = replace(HEALTHY, measured=[{**measured(400, 4, 0.97, 0.55, 41.0), "diversity": around(0.55, 0.2)}])
    assert SIGNS["diversity lost"](unsure) is None, "the intervals overlap"


def test_the_hybrid_is_named_where_diversity_is_lost() -> None:
    found = SIGNS["diversity lost"](SICK["diversity lost"][0][0])
    assert found is not None and "hybrid" in found[1] and "for nothing" in found[1]


def test_each_is_said_once_also_by_the_process_that_continues() -> None:
    vigil = Vigil()
    sick = SICK["diversity lost"][0][0]
    (symptom,) = vigil.look(sick)
    assert (symptom.name, symptom.step) == ("diversity lost", 100)
    assert symptom.text.startswith("At step 100: the student draws what the prompt says")
    assert vigil.look(replace(sick, step=300)) == []
    again = Vigil(vigil.to_json())
    assert again.look(sick) == []
    assert again.said == [symptom]
    both = replace(sick, skipped=3)
    assert [s.name for s in again.look(both)] == ["not finite"]


# -- cautions ------------------------------------------------------------------------------------------------------------

NOISED = {"inputs": "noised data", "guidance": 8.0, "timesteps": [999, 749, 499, 249]}
GUIDED = {"w": 9.0, "w_low": 1.0, "w_high": 8.0}


@pytest.mark.parametrize(
    ("objective", "settings", "trainer", "words"),
    [
        ("dmd2", NOISED, {}, "colours saturate"),
        ("dmd2", {"real": "data", "gan": 0.03, "guidance": 3}, {}, "the two pull apart"),
        ("f-distill", {"real": "data", "guidance": 3}, {}, "the two pull apart"),
        ("sid", {"alpha": 1.2}, {}, "between 0.5 and 1"),
        ("sid", {"alpha": 1.0}, {"precision": "bf16"}, "fp32"),
        ("guided", GUIDED, {}, "learns scales from 1 to 8"),
        ("lcm", {"grid": 50}, {}, "8 to 20"),
        ("lcm", {"grid": 16}, {"decay_from": 1.0}, "never falls"),
        ("progressive", {}, {"decay_to": 1}, "never falls"),
        ("dmd2", {"timesteps": "749, 499"}, {}, "begins at 749"),
        ("f-distill", {"divergence": "neyman"}, {}, "explodes"),
    ],
)
def test_a_trap_is_named_before_the_start(objective: str, settings: dict[str, Any], trainer: dict[str, Any], words: str) -> None:
    (sentence,) = cautions(objective, settings, trainer)
    assert words in sentence and sentence.endswith(".")


@pytest.mark.parametrize(
    ("objective", "settings", "trainer"),
    [
        ("dmd2", {**NOISED, "inputs": "backward simulation"}, {}),
        ("dmd2", {**NOISED, "guidance": 1.0}, {}),
        ("dmd2", {**NOISED, "timesteps": [999]}, {}),  # one step has pure noise as its only input
        ("tdm", NOISED, {}),  # which walks its own path, whatever this field says
        ("dmd2", {"real": "data", "gan": 0.0, "guidance": 8.0}, {}),
        ("dmd2", {"real": "data", "gan": 0.1, "guidance": 1.0}, {}),
        ("sid", {"alpha": 0.5}, {"precision": "fp32"}),
        ("guided", {**GUIDED, "w": 3.0}, {}),
        ("lcm", {"grid": 20}, {"decay_from": 0.0, "decay_to": 0.1}),
        ("dmd2", {"guidance": "eight", "timesteps": "999, ", "gan": None, "real": "data", "inputs": "noised data"}, {}),
    ],
)
def test_what_is_well_or_not_yet_a_number_is_passed_over(
    objective: str, settings: dict[str, Any], trainer: dict[str, Any]
) -> None:
    assert cautions(objective, settings, trainer) == []


def test_defaults_count_where_nothing_was_given() -> None:
    schema = {"properties": {"inputs": {"default": "noised data"}, "guidance": {"default": 8.0}, "batch": {}}}
    assert cautions("dmd2", {}) == []
    assert len(cautions("dmd2", {}, schema=schema)) == 1
    assert cautions("dmd2", {"inputs": "backward simulation"}, schema=schema) == []
    assert len(cautions("dmd2", {"inputs": ""}, schema=schema)) == 1, "an empty field stands for its default"


def test_presets_walk_into_no_trap_but_the_one_that_shows_it() -> None:
    caught = {}
    for path in sorted((ROOT / "presets" / "distill").glob("*.yaml")):
        preset = yaml.safe_load(path.read_text())
        if found := cautions(preset["objective"], preset["method"], preset["trainer"]):
            caught[path.stem] = found
    assert {name.partition("-")[2] for name in caught} == {"dmd2-noised-data"}
    assert all(len(found) == 1 for found in caught.values())
