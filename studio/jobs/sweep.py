"""Sweeps: one request with lists of values becomes a run for every combination, each with a name of its own.

    name: pupil
    settings: {batch: 4}
    sweep: {settings.guidance: [2, 4], seed: [0, 1]}

makes pupil-guidance2-seed0, pupil-guidance2-seed1, pupil-guidance4-seed0 and pupil-guidance4-seed1. A key is a field of
the request, or a field inside an object of it after a dot.
"""

from __future__ import annotations

import copy
import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from studio.core.explain import brief
from studio.core.files import Json

MAX_RUNS = 64
MAX_NAME = 40  # characters a name may have
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,3}")


@dataclass(frozen=True)
class Point:
    """One run of a sweep: its request, and its values in words ("guidance 2, seed 0")."""

    config: Json
    label: str


def expand(config: Mapping[str, object], sweep: Mapping[str, object]) -> list[Point]:
    """Every combination, the last key fastest. ValueError in one sentence when the sweep is none or too large.

    Where the request has a `name`, each run's is told apart by its values, or by its number where they would not fit.
    """
    axes = _axes(sweep)
    n = math.prod(len(values) for _, values in axes)
    if n > MAX_RUNS:
        sizes = " × ".join(str(len(values)) for _, values in axes)
        raise ValueError(f"This sweep is {sizes} = {n:,} runs; at most {MAX_RUNS} fit.")
    short = _short([key for key, _ in axes])
    points = []
    for values in itertools.product(*(values for _, values in axes)):
        request: Json = copy.deepcopy(dict(config))
        for (key, _), value in zip(axes, values, strict=True):
            _put(request, key, value)
        points.append(Point(request, ", ".join(f"{name} {brief(v, 30)}" for name, v in zip(short, values, strict=True))))
    if isinstance(base := config.get("name"), str) and "name" not in short:
        _name(points, base, short, [key for key, _ in axes])
    return points


def _axes(sweep: Mapping[str, object]) -> list[tuple[str, list[object]]]:
    if not isinstance(sweep, Mapping) or not sweep:
        raise ValueError(f"A sweep is an object with lists of values, not {brief(sweep)}; sweep: {{seed: [0, 1]}} would fit.")
    axes = []
    for key, values in sweep.items():
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise ValueError(f"{brief(key)} is no field to sweep over; seed or settings.guidance would fit.")
        if not isinstance(values, (list, tuple)) or not values:
            raise ValueError(f"The sweep over {key} needs a list of values, not {brief(values)}; {key}: [0, 1] would fit.")
        if len(values) > MAX_RUNS:
            raise ValueError(f"The sweep over {key} has {len(values):,} values; at most {MAX_RUNS} runs fit.")
        if any(value in values[:i] for i, value in enumerate(values)):
            raise ValueError(f"The sweep over {key} has a value twice; each makes a run of its own.")
        axes.append((key, list(values)))
    return axes


def _put(request: Json, key: str, value: object) -> None:
    *path, last = key.split(".")
    place = request
    for part in path:
        inner = place.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ValueError(f"The sweep over {key} does not fit: {part} is {brief(inner)} and has no fields.")
        place = inner
    place[last] = copy.deepcopy(value)


def _short(keys: list[str]) -> list[str]:
    """The last part of each key, or the whole of it where two would read the same."""
    ends = [key.rsplit(".", 1)[-1] for key in keys]
    return [key if ends.count(end) > 1 else end for key, end in zip(keys, ends, strict=True)]


def _name(points: list[Point], base: str, short: list[str], keys: list[str]) -> None:
    """Give every run's request a name; values in words where all fit, numbers otherwise."""
    words = [
        "".join(f"-{_word(key)}{_word(_get(p.config, full))}" for key, full in zip(short, keys, strict=True)) for p in points
    ]
    if len(set(words)) < len(words) or any(len(base) + len(word) > MAX_NAME for word in words):
        words = [f"-{i:02d}" for i in range(1, len(points) + 1)]
    for point, word in zip(points, words, strict=True):
        point.config["name"] = base[: MAX_NAME - len(word)] + word


def _get(request: Json, key: str) -> object:
    value = request
    for part in key.split("."):
        value = value[part]
    return value


def _word(value: object) -> str:
    """A value in the letters of a name: 0.5 and 1e-5 stay, [999, 499] is 999.499, DDIM is ddim."""
    if isinstance(value, (list, tuple)):
        return ".".join(_word(part) for part in value)
    text = f"{value:.6g}".replace("e-0", "e-").replace("e+0", "e") if isinstance(value, float) else str(value)[:100]
    return re.sub(r"[^a-z0-9._-]+", "", text.lower())
