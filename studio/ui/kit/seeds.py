"""Seeds as a person types them. Reading is the request's own business (`library.seeds.parse_seeds`)."""

from __future__ import annotations

from collections.abc import Sequence


def write_seeds(seeds: Sequence[int]) -> str:
    """The shortest text `parse_seeds` reads back: "8", "3-10", or a list; one seed alone is "5,"."""
    seeds = list(seeds)
    if seeds == list(range(len(seeds))):
        return str(len(seeds))
    if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]}-{seeds[-1]}"
    return ", ".join(map(str, seeds)) + ("," if len(seeds) == 1 else "")
