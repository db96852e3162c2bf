"""What candidates are asked for: lines that a person wrote, or prompts of the domain's own. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from studio.core.domain import Domain, Said
from studio.core.explain import brief
from studio.library.draw_request import MAX_PROMPT

MAX_PROMPTS = 256
OWN_SEED = 818_181  # of prompts that are made; nothing is taught by them
IDENTITY, REST = 0.6, 0.25  # how often a made prompt says a further factor of what a sample is of, and how often any other


def lines(text: str | Sequence[str]) -> tuple[str, ...]:
    """Prompts, one a line; empty ones, repeated ones and those that begin with # are passed over. ValueError in one sentence."""
    given = text.splitlines() if isinstance(text, str) else list(text)
    found = [" ".join(str(line).split()) for line in given]
    kept = list(dict.fromkeys(line for line in found if line and not line.startswith("#")))
    if len(kept) > MAX_PROMPTS:
        raise ValueError(f"{len(kept):,} prompts were given; up to {MAX_PROMPTS} fit.")
    for line in kept:
        if len(line) > MAX_PROMPT:
            raise ValueError(f"The prompt {brief(line)} has {len(line):,} characters; at most {MAX_PROMPT:,} fit.")
        if not line.isprintable():
            raise ValueError(f"The prompt {brief(line)} has characters that cannot be shown; write it in plain words.")
    return tuple(kept)


def own(domain: Domain, n: int) -> tuple[str, ...]:
    """n prompts of a world, of things as often as they are there, each saying what it is of and some of the rest; or what a
    domain without a world shows. ValueError in one sentence where it has none."""
    if not domain.has_world:
        shown = tuple(domain.defaults.shown or domain.defaults.examples)
        if not shown:
            raise ValueError(f"Nobody knows prompts for {domain.title.lower()}; some that are typed would fit.")
        return shown[:n]
    rng, found = np.random.default_rng(OWN_SEED), dict[str, None]()
    for _ in range(50 * n):
        found.setdefault(domain.write(_states(domain, rng)))
        if len(found) == n:
            break
    return tuple(found)


def read(domain: Domain, prompts: Sequence[str], words: Sequence[str] = ()) -> list[Said]:
    """As a candidate reads them. words: that its adapters bring."""
    return [domain.read(line, words) for line in prompts]


def _states(domain: Domain, rng: np.random.Generator) -> dict[str, str]:
    first, *others = domain.identity
    said = [first, *(name for name in others if rng.random() < IDENTITY)]
    sayable = [group.factor for group in domain.words if group.factor not in domain.identity]
    said += [name for name in sayable if rng.random() < REST]
    values = {name: list(domain.factors[name].values) for name in said}
    return {name: str(rng.choice(values[name], p=domain.factors[name].probabilities)) for name in said}
