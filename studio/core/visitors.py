"""Who asks, while a request of a public demo is answered.

A visitor is known by a secret of their own browser or program, and kept as its digest alone. Where nobody said who asks, nobody
is known: then no run is anybody's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Visitor:
    """id: the digest of what they are known by, "" where they gave nothing. address: of the network, "" where it is not known."""

    id: str = ""
    address: str = ""


NOBODY = Visitor()
SCOPE = "studio.visitor"  # in the scope of a request: who asks
_now: ContextVar[Visitor] = ContextVar("visitor", default=NOBODY)


def known_by(secret: str, address: str = "") -> Visitor:
    """The visitor with this secret, which is in nothing that is kept; "" is nobody's."""
    return Visitor(hashlib.sha256(f"visitor {secret}".encode()).hexdigest()[:32] if secret else "", address)


def now() -> Visitor:
    """Who asks, in whatever runs for a request: its task, and threads that it waits for."""
    return _now.get()


def asks(scope: Mapping[str, object]) -> None:
    """From here on, in this task and what it starts, whoever made this request asks."""
    found = scope.get(SCOPE)
    _now.set(found if isinstance(found, Visitor) else NOBODY)
