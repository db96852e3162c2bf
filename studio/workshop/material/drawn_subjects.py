"""A subject that a domain's world draws itself: something that known words say as well, so that an oracle reads it exactly.

What a word learns of it can be held against what known words give. Its pictures are scenes that all show the same, with captions
that are true of them and leave to the word what is to be learned.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from studio.core.domain import Stated
from studio.domains import domain_of
from studio.domains.media import medium_of
from studio.jobs.paths import Paths
from studio.library.subjects import PLACE, Subject, keep

SIDE = 128  # pixels of the pictures


def drawn(paths: Paths, name: str, domain_name: str, shows: Stated, n: int, held: int, seed: int = 0) -> Subject:
    """Kept as `mine/<name>`: n pictures to learn from and as many held back as are asked for, all showing `shows`
    (factor -> value). ValueError in one sentence where the world draws no such pictures."""
    domain = domain_of(domain_name)
    if not domain.has_world or not medium_of(domain).pictures:
        raise ValueError(f"The domain {domain_name} draws no pictures of its own, so bring some.")
    if not shows:
        raise ValueError("It is not said what the pictures show; something like subject=house and color=blue would fit.")
    domain.check(shows)
    hands, rng = domain.hands(), np.random.default_rng([seed, n])
    items = [hands.items(1, [seed, i], shows)[0] for i in range(n + held)]
    stills = medium_of(domain).still(hands.samples(items, (3, SIDE, SIDE)))
    pictures = [(f"{i}.png", Image.fromarray(still)) for i, still in enumerate(stills, 1)]
    captions = {f"{i}.png": hands.line(item, PLACE, shows, rng) for i, item in enumerate(items, 1)}
    thing = shows.get(domain.identity[0])
    return keep(
        paths,
        name,
        pictures[:n],
        ", ".join(f"{factor} {value}" for factor, value in shows.items())[:80],
        "thing" if thing else "style",
        thing or "picture",
        f"<{name}>",
        domain_name,
        captions,
        True,
        pictures[n:],
        origin="Drawn by the world of its domain.",
        shows=shows,
    )
