"""Signals as the studio sees them (`studio.core.domain.Domain`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from studio.core.domain import Attribute, Defaults, Factor, Hands, Hint, Input, Said, Stated, WordGroup, World
from studio.core.files import Json
from studio.core.inputs import filled
from studio.domains import DOMAINS
from studio.domains.media import MEDIA
from tests.support.signals.medium import SignalPlots

LONGEST, SHORTEST = 32, 12  # samples of a signal
FACTORS = {
    "wave": Factor("wave", ("sine", "square", "saw"), (1 / 3, 1 / 3, 1 / 3), True, "Wave"),
    "pitch": Factor("pitch", ("low", "high"), (0.5, 0.5), False, "Pitch"),
}
WORDS = {"wave": {value: (value,) for value in FACTORS["wave"].values}, "pitch": {value: (value,) for value in ("low", "high")}}


class Loudness:
    """Half the range of a signal."""

    name, title, low, high, unit = "loudness", "Loudness", "quiet", "loud", "amplitude"
    factors: tuple[str, ...] = ()
    levels, words = (-1.0, -0.5, 0.5, 1.0), None

    def read(self, seen: Any) -> Any:
        return seen.values["loudness"]

    def item(self, rng: np.random.Generator, level: float) -> Any:
        from tests.support.signals.hands import loud

        return loud(rng, level)


class Signals:
    name, title, medium, order, has_world = "signals", "Signals", "signal", 500, True
    defaults = Defaults(
        teacher="signals/teacher", pair="signals/student", examples=("a low sine", "a saw"), studies=("a sine", "a high saw"),
        shown=("a sine", "a low saw", "a square"), noun="sine",
    )  # fmt: skip
    factors: Mapping[str, Factor] = FACTORS
    identity = ("wave",)
    attributes: Mapping[str, Attribute] = {"loudness": Loudness()}
    hints: Mapping[str, Hint] = {}
    inputs: Mapping[str, Input] = {
        "length": Input("Length", {"type": "integer", "minimum": SHORTEST, "maximum": LONGEST, "default": LONGEST,
                                   "description": "Samples until the signal ends."})
    }  # fmt: skip
    words: Sequence[WordGroup] = tuple(WordGroup(factor, FACTORS[factor].title, table) for factor, table in WORDS.items())
    vocabulary: Sequence[str] = ("a", "low", "high", "sine", "square", "saw")
    distance = "FD-signals"
    always: Sequence[str] = ()
    pretraining = ""

    def read(self, prompt: str, brought: Sequence[str] = (), given: Json | None = None) -> Said:
        words = prompt.lower().split()
        stated = {factor: word for word in words for factor, table in WORDS.items() if word in table}
        strange = [word for word in words if word not in self.vocabulary and word not in brought]
        notice = f"These words say nothing here: {', '.join(strange)}." if strange else ""
        return Said(" ".join(words), stated, notice, given=filled(self.inputs, given))

    def write(self, stated: Stated) -> str:
        return " ".join(["a", *(stated[factor] for factor in ("pitch", "wave") if factor in stated)])

    def world(self, stated: Stated) -> World:
        return {}

    def check(self, stated: Stated) -> None:
        for factor, value in stated.items():
            FACTORS[factor].index(value)

    def illustration(self) -> Sequence[Sequence[Any]]:
        return ()

    def hands(self) -> Hands:
        from tests.support.signals.hands import SignalHands

        return SignalHands()


MEDIA.add("signal")(SignalPlots())
DOMAINS.add("signals")(Signals())
