"""What visitors of a public demo may do: draw a few pictures, and change nothing that others see.

if sentence := refusal("import"): ...      check("delete")  # ValueError with the same sentence
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

from studio.core.environment import environment

_NOT_HERE = {
    "run": "runs of this kind are not started",
    "import": "nothing is brought in or listed",
    "delete": "nothing is removed",
    "steer": "background runs are not steered",
    "away": "no run is sent to other machines",
}
KNOWN_BY = (
    "In a public demo runs are their visitor's own, and nothing tells who asks: open the page first and keep its cookie, or send "
    "the header X-Studio-Visitor with 16 to 128 letters and digits that nobody else knows."
)
ELSEWHERE = "on a copy of your own (pip install, or Duplicate this Space with STUDIO_DEMO=0) it works"


@dataclass(frozen=True)
class Limits:
    """Of a public demo; `STUDIO_DEMO_SEEDS` and so on set others.

    A run of weight 1 (`Kind.weight`) takes one of `minute`, which come back evenly. An address is of a network of many people.
    """

    seeds: int = 8  # of a run
    steps: int = 50  # of a teacher
    pictures: int = 64  # of a run that draws many requests
    waiting: int = 8  # runs in front of a lane
    own_waiting: int = 3  # of these, of one visitor
    minute: int = 12  # runs that a visitor may start in a minute
    address_waiting: int = 6
    address_minute: int = 40


def limits() -> Limits:
    """ValueError in one sentence where a variable is no whole number from 1 on."""
    found: dict[str, int] = {}
    for field in fields(Limits):
        name = f"STUDIO_DEMO_{field.name.upper()}"
        given = os.environ.get(name, "").strip()
        if given and not (given.isascii() and given.isdecimal() and 1 <= int(given) <= 1_000_000):
            raise ValueError(f"{name} is {given[:20]!r}; a whole number from 1 to 1,000,000 fits.")
        if given:
            found[field.name] = int(given)
    return Limits(**found)


class TooOften(ValueError):
    """More than one visitor may ask for at this moment."""

    status = 429


def on() -> bool:
    return environment().demo


def refusal(action: str) -> str:
    """Why `action` (a key of `_NOT_HERE`) is not done here, in one sentence; "" where it is."""
    return f"This is a public demo, in which {_NOT_HERE[action]}; {ELSEWHERE}." if on() else ""


def check(action: str) -> None:
    """ValueError where `refusal` has a sentence."""
    if sentence := refusal(action):
        raise ValueError(sentence)


def check_size(request: object) -> None:
    """ValueError in one sentence where a visitor's request draws more than a demo does. request: of any kind; one that draws
    many requests is `Many`."""
    if not on():
        return
    limit = limits()
    for part in (request, getattr(request, "draw", None)):
        _check_drawn(part, limit)
    if isinstance(request, Many):
        for part in request.largest():
            _check_drawn(part, limit)
        if request.samples > limit.pictures:
            asked = f"{request.samples:,} samples are asked for"
            raise ValueError(f"{asked}, and a public demo draws at most {limit.pictures}; {ELSEWHERE}.")


@runtime_checkable
class Many(Protocol):
    """A request that draws many."""

    @property
    def samples(self) -> int:
        """How many at most."""

    def largest(self) -> Iterable[object]:
        """Requests of which each is at least as large, in some respect, as any that it draws."""


def _check_drawn(part: object, limit: Limits) -> None:
    seeds, steps = getattr(part, "seeds", ()), getattr(part, "teacher_steps", 0)
    for what, asked, most in (("seeds", len(seeds), limit.seeds), ("steps of the teacher", steps, limit.steps)):
        if asked > most:
            raise ValueError(f"{asked} {what} are asked for, and a public demo draws at most {most}; {ELSEWHERE}.")
