"""Whose clean estimates each objective sets against each other: what the panel's picture of beliefs asks for."""

from __future__ import annotations

from typing import Any

import pytest

from studio.core.method import Method, Streams
from studio.core.simulate import guided_x0
from studio.core.student_and_fake import Duel
from tests.methods.test_contract import METHODS, make
from tests.support.tiny_world import Blobs


@pytest.mark.parametrize("cls", METHODS)
def test_every_objective_names_a_teacher_and_somebody_to_compare_it_with(cls: Any) -> None:
    method = make(cls).method
    found = method.believers()
    assert list(found)[0] == "teacher" and len(found) == 2
    assert found["teacher"].denoiser is method.teacher
    assert found["teacher"].guidance == getattr(method.config, "guidance", getattr(method.config, "w", 1.0))
    other = found["fake"] if "fake" in found else found["student"]
    assert other.guidance == 1, "a fake score and a student are never guided"
    x = Blobs().data(3, Streams(0)["x"])[0]
    cond = Blobs().conditions(3, Streams(0)["c"])
    for who in found.values():
        assert guided_x0(who.denoiser, x, 400.0, cond, Blobs().null(cond), who.guidance).shape == x.shape


def test_the_fake_score_is_the_one_that_is_trained() -> None:
    seen = 0
    for cls in METHODS:
        method = make(cls).method
        found, duel = method.believers(), getattr(method, "duel", None)
        if "fake" in found:
            assert isinstance(duel, Duel)
            assert found["fake"].denoiser is duel.fake
            assert found["fake"].denoiser.network is method.trained["fake"].module.network
            seen += 1
    assert seen >= 5


def test_a_method_without_a_student_has_nobody_to_ask() -> None:
    class Pretraining(Method[Any]):
        def batch(self) -> None: ...
        def iteration(self, batch: None, step: int) -> Any:
            yield from ()

    assert Pretraining(object(), Streams(0)).believers() == {}  # type: ignore[arg-type]
