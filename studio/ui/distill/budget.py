"""How long a student is taught: a number of steps, or a time where the pace of such runs has been measured here."""

from __future__ import annotations

import math
import re

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.ui.distill import estimate
from studio.ui.kit import schema_form

INFO = "Or a time, like 20 min."
_TIME = re.compile(r"([0-9]+(?:[.,][0-9]+)?)\s*(s|sec|second|min|minute|h|hr|hour|d|day)s?\.?", re.IGNORECASE)
_SECONDS = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600, "d": 86400, "day": 86400}
_STEPS = schema_form.Field("steps", "Training steps", "whole", 1000, "")


def seconds(text: str) -> float | None:
    """A time as people write it ("20 min", "1.5 h"), or None when it is none."""
    match = _TIME.fullmatch(text.strip())
    return float(match[1].replace(",", ".")) * _SECONDS[match[2].lower()] if match else None


def steps(text: object, pace: float | None) -> int:
    """Training steps from what stands in the field. `pace`: seconds a step, or None when it is not known.

    ValueError in one sentence when it cannot be read, or is a time without a pace.
    """
    given = schema_form.write(text)
    wanted_s = seconds(given)
    if wanted_s is None:
        count = schema_form.read(_STEPS, given)
        if count is None:
            raise ValueError("Training steps is empty; a whole number fits, like 400.")
        return int(count)
    if not pace:
        raise ValueError(
            f"Training steps is {given.strip()[:40]!r}, but how long a step takes is not known yet: no run with these settings "
            "has been measured here. A whole number fits, like 400."
        )
    return max(1, math.floor(wanted_s / pace))


def pace(jobs: Jobs, asked: Json) -> float | None:
    """Seconds a step as they were measured here; None where they were not, or of steps of another kind. asked: so far."""
    return estimate.taken(jobs, asked).pace


def said(text: object, count: int, pace_s: float | None) -> str:
    """A time turned into steps, as a sentence; nothing for a number of steps."""
    given = schema_form.write(text).strip()
    if seconds(given) is None or not pace_s:
        return ""
    return f"{given} is {count:,} steps, at the {pace_s:.3g} s a step of the last such run."
