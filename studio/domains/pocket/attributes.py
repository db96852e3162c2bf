"""Attributes of Pocket World that a slider may move: what they are, how a scene has more or less of one, how it is read.

An attribute has a level in [−1, 1]; 0 is the world as it is. `read` gives its amount in a picture in the attribute's own
unit, rising with the level, so that the slope of a slider is a number with a unit. Importing this needs no torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from studio.domains.pocket.scene import COLORS, FACTORS, HORIZON_OF, SCALE_OF, Scene, sample_scene

if TYPE_CHECKING:
    from torch import Tensor

    from studio.core.domain import Readings

WARM, COLD = ("red", "orange", "yellow", "pink"), ("green", "blue", "purple")
SPAN_SIZE, SPAN_HORIZON = 0.115, 0.11  # from the middle class to its neighbours, fractions of the side


@dataclass(frozen=True)
class Attribute:
    """low, high: words for its two ends. factors: those it moves on purpose; prompts that state one of them are left out.
    levels: at which scenes are rendered for pairs. words: (negative, positive) additions to a prompt, where captions know
    it, "{}" standing for the rest. make: (generator, level) -> a scene. amount: readings of N pictures -> [N]."""

    name: str
    title: str
    low: str
    high: str
    unit: str
    factors: tuple[str, ...]
    levels: tuple[float, ...]
    make: Callable[[np.random.Generator, float], Scene]
    amount: Callable[[Readings], Tensor]
    words: tuple[str, str] | None = None

    def item(self, rng: np.random.Generator, level: float) -> Scene:
        return self.make(rng, level)

    def read(self, seen: Readings) -> Tensor:
        """[N] float, in `unit`; `seen` are the oracle's readings."""
        return self.amount(seen).float()


def _pinned(low: dict[str, tuple[str, ...]], high: dict[str, tuple[str, ...]]) -> Callable[[np.random.Generator, float], Scene]:
    """Scenes with one of the given values at either end; between the ends the world's own."""

    def make(rng: np.random.Generator, level: float) -> Scene:
        at = rng.random(4)  # drawn whatever the level, so that scenes of equal generators differ in this alone
        chosen = low if level < 0 else high if level > 0 else {}
        fixed = {f: values[int(u * len(values))] for u, (f, values) in zip(at, chosen.items(), strict=False)}
        return sample_scene(rng, **fixed)

    return make


def _sized(rng: np.random.Generator, level: float) -> Scene:
    scene = sample_scene(rng, size="medium")
    scale = SCALE_OF["medium"] + SPAN_SIZE * level
    margin = 0.5 * scale + 0.01
    nearest = min(SCALE_OF, key=lambda word: abs(SCALE_OF[word] - scale))
    return dataclasses.replace(scene, size=nearest, scale=scale, x=min(max(scene.x, margin), 1 - margin))


def _horizoned(rng: np.random.Generator, level: float) -> Scene:
    scene = sample_scene(rng, horizon="middle")
    at = HORIZON_OF["middle"] - SPAN_HORIZON * level
    nearest = min(HORIZON_OF, key=lambda word: abs(HORIZON_OF[word] - at))
    return dataclasses.replace(scene, horizon=nearest, horizon_y=at)


def _label(factor: str, **amounts: float) -> Callable[[Readings], Tensor]:
    """The amount that the oracle's label of a factor stands for; 0 where none is given."""
    table = [amounts.get(value, 0.0) for value in FACTORS[factor].values]

    def read(seen: Readings) -> Tensor:
        import torch

        labels = seen.labels[factor].long()  # kept readings are bytes
        return torch.tensor(table, device=labels.device)[labels]

    return read


_clouds, _companion = _label("clouds", one=1.0, several=2.0), _label("companion", bird=1.0, bush=1.0, rock=1.0)

ATTRIBUTES: dict[str, Attribute] = {
    a.name: a
    for a in (
        Attribute(
            "time-of-day", "Time of day", "day", "night", "from day (0) to night (1)", ("time", "stars"), (-1.0, 1.0),
            _pinned({"time": ("day",)}, {"time": ("night",)}), _label("time", sunset=0.5, night=1.0),
            ("{} by day", "{} at night"),
        ),
        Attribute(
            "size", "Size", "small", "large", "of the picture's side", ("size", "position"), (-1.0, -0.5, 0.5, 1.0), _sized,
            lambda seen: seen.values["size"], ("small {}", "large {}"),
        ),
        Attribute(
            "snow", "Snow", "none", "snow", "share of pictures with snow", ("place",), (-1.0, 1.0),
            _pinned({"place": ("meadow", "sea", "desert")}, {"place": ("snow",)}), _label("place", snow=1.0),
            ("{} in the desert", "{} in the snow"),
        ),
        Attribute(
            "warmth", "Warm and cold colour", "cold", "warm", "from cold (−1) to warm (1)", ("color",), (-1.0, 1.0),
            _pinned({"color": COLD}, {"color": WARM}),
            _label("color", **{c: 1.0 if c in WARM else -1.0 if c in COLD else 0.0 for c in COLORS}), ("blue {}", "orange {}"),
        ),
        Attribute(
            "clutter", "Clutter", "empty", "full", "clouds and companions, 0 to 3", ("clouds", "companion"), (-1.0, 1.0),
            _pinned({"clouds": ("none",), "companion": ("none",)},
                    {"clouds": ("several",), "companion": ("bird", "bush", "rock")}),
            lambda seen: _clouds(seen) + _companion(seen),
        ),
        Attribute(
            "horizon", "Horizon", "low", "high", "of the picture's height, from below", ("horizon",), (-1.0, -0.5, 0.5, 1.0),
            _horizoned, lambda seen: 1 - seen.values["horizon"],
        ),
    )
}  # fmt: skip
