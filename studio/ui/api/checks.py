"""What endpoints are given, looked at before it is used. ValueError in one sentence where it does not fit."""

from __future__ import annotations

import math

from studio.core.explain import brief
from studio.core.files import Json

MOST = 200  # of a list, in one answer


def fields(given: object, like: str) -> Json:
    """An object with named fields. like: one of them."""
    if not isinstance(given, dict):
        raise ValueError(f"A request is an object with named fields, like {like}, not {brief(given)}.")
    return dict(given)


def limit(given: object) -> int:
    """How many of a list are wanted, 1 to `MOST`."""
    return int(max(1, min(number("limit", given, f"a whole number from 1 to {MOST}"), MOST)))


def number(name: str, given: object, fits: str) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or math.isnan(given):
        raise ValueError(f"{name} is {brief(given)}; {fits} fits.")
    return given
