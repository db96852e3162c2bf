"""What requests for training runs share: alike in every kind, and each kind's form in its own order."""

from __future__ import annotations

from typing import Any

import pytest

from studio.capabilities.controlnets.request import ControlNetRequest
from studio.capabilities.distill.request import DistillRequest
from studio.capabilities.personalize.request import PersonalizeRequest
from studio.capabilities.sliders.request import SliderRequest
from studio.core.explain import explain
from studio.library.training_request import TrainingRequest

KINDS: dict[type[TrainingRequest], dict[str, Any]] = {
    DistillRequest: {"name": "a", "objective": "lcm"}, SliderRequest: {"name": "a", "attribute": "size"},
    ControlNetRequest: {"name": "a"}, PersonalizeRequest: {"name": "a", "subject": "pocket/ink"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "order"),
    [(DistillRequest, "name teacher objective settings steps seed form rank leave_out width start trainer n_scenes "
                      "sample_every measure_every stop_at measure_samples sinks"),
     (ControlNetRequest, "name title base hint rank keep batch lr drop ema steps seed trainer n_scenes sample_every "
                         "measure_every stop_at measure_seeds sinks"),
     (PersonalizeRequest, "name title subject base method settings rows steps seed trainer n_kept sample_every "
                          "measure_every stop_at measure_seeds sinks"),
     (SliderRequest, "name title base method attribute negative positive prompts preserve pairs settings steps seed trainer "
                     "n_scenes sample_every measure_every stop_at measure_seeds sinks")],
)  # fmt: skip
def test_forms_keep_their_own_order(kind: type[TrainingRequest], order: str) -> None:
    assert list(kind.model_fields) == order.split()
    assert list(kind(**KINDS[kind]).model_dump()) == order.split()


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": "My Own"}, "would, like my-"),
        ({"steps": 5000, "sample_every": 1}, "sample_every is 1, which makes more than 1,000 in 5,000 steps; 5 fits."),
        ({"steps": 5000, "measure_every": 2}, "measure_every is 2, which makes more than 200 in 5,000 steps; 25 fits."),
        ({"steps": 400, "measure_every": 0, "stop_at": 0.8}, "stop_at is 0.8, and figures are never taken; measure_every 40"),
        ({"steps": 400, "measure_every": 400, "stop_at": 0.8}, "figures are taken at the end alone; measure_every 40 would fit."),
        ({"stop_at": -1}, "stop_at"),
        ({"sinks": ["wandb"]}, "'wandb'"),
        ({"seed": -1}, "at least 0"),
        ({"stepz": 3}, "stepz"),
    ],
)
def test_what_does_not_fit_is_one_sentence(kind: type[TrainingRequest], changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as error:
        kind(**KINDS[kind] | changed)
    assert words in explain(error.value)
    assert "\n" not in explain(error.value)


def test_how_often_is_each_kinds_own() -> None:
    distil, slider, *_ = (kind(**given, steps=200) for kind, given in KINDS.items())  # type: ignore[arg-type]
    assert (distil.samples_at, distil.measures_at) == (10, 40)
    assert (slider.samples_at, slider.measures_at) == (50, 200)
    short, mine, *_ = (kind(**given, steps=3) for kind, given in KINDS.items())  # type: ignore[arg-type]
    assert (short.samples_at, short.measures_at, mine.samples_at, mine.measures_at) == (1, 1, 1, 3)
    never = DistillRequest(name="a", sample_every=0, measure_every=7)
    assert (never.samples_at, never.measures_at) == (0, 7)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_sink_counts_once(kind: type[TrainingRequest]) -> None:
    assert kind(**KINDS[kind], sinks=["trackio", "tensorboard", "trackio"]).model_dump()["sinks"] == ("trackio", "tensorboard")
