"""Kinds of data, a folder each: `face.py` adds the domain to `DOMAINS`, found by scanning and in `$STUDIO_DOMAINS`.

`domain_of(name)` is the one way to a domain. A name that no folder has is data of which no world is known: `plain`.
"""

from __future__ import annotations

from studio.core.domain import Domain
from studio.core.registry import Registry

DOMAINS: Registry[Domain] = Registry("studio.domains", "domain", variable="STUDIO_DOMAINS", module="face")
PLAIN = "plain"


def domain_of(name: str) -> Domain:
    """The domain that a model's file names. ValueError in one sentence where its folder cannot be imported."""
    known = DOMAINS.all()
    if name in DOMAINS.unavailable:
        return DOMAINS.get(name)
    return known.get(name) or known[PLAIN]


def first() -> Domain:
    """Whose defaults forms begin with: of those that name a pair, the first in order."""
    known = DOMAINS.all().values()
    return min(known, key=lambda domain: (not domain.defaults.pair, domain.order, domain.name))
