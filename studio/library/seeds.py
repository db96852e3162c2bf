"""Seeds as people write them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from studio.core.explain import brief

MAX_SEEDS = 64
MAX_SEED = 2**32 - 1
SEEDS_HELP = 'give a count ("8"), a range ("0-7") or a list ("1, 5, 9")'


def parse_seeds(text: str) -> list[int]:
    """Seeds from "8" (a count: 0 to 7), "0-7", "1, 5, 9" or a mixture; one seed alone is a list, "5,".

    ValueError in one sentence when they do not fit; nothing large is built before that.
    """
    given = " ".join(str(text)[:2000].split())
    if not given:
        raise ValueError(f"Seeds are empty; {SEEDS_HELP}.")
    if re.fullmatch(r"[0-9]+", given):
        count = int(given[:12])
        _check_count(count)
        return list(range(count))
    seeds: list[int] = []
    joined = re.sub(r"\s*(?:[-\u2013\u2026]|\.\.+)\s*", "-", given)  # people type "0 – 7", "0…7" and "0..7" too
    for part in filter(None, re.split(r"[,;\s]+", joined)):
        if match := re.fullmatch(r"([0-9]{1,12})-([0-9]{1,12})", part):
            low, high = int(match[1]), int(match[2])
            if low > high:
                raise ValueError(f"The seed range {part} runs backwards; {high}-{low} would fit.")
            _check_count(high - low + 1)
            seeds.extend(range(low, high + 1))
        elif re.fullmatch(r"[0-9]{1,12}", part):
            seeds.append(int(part))
        else:
            raise ValueError(f"{brief(part, 40)} is not a seed; {SEEDS_HELP}.")
        _check_count(len(seeds))
    return check_seeds(seeds)


def check_seeds(seeds: Sequence[int]) -> list[int]:
    """1 to 64 distinct whole numbers from 0; ValueError in one sentence otherwise."""
    _check_count(len(seeds))
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise ValueError(f"Seed {brief(seed)} does not fit; whole numbers from 0 to {MAX_SEED} do.")
    repeated = next((seed for i, seed in enumerate(seeds) if seed in seeds[:i]), None)
    if repeated is not None:
        raise ValueError(f"Seed {repeated} is there twice; each seed counts once.")
    return list(seeds)


def _check_count(count: int) -> None:
    if not 1 <= count <= MAX_SEEDS:
        many = "No seeds were" if count == 0 else f"{count:,} seeds were"
        raise ValueError(f"{many} asked for; 1 to {MAX_SEEDS} fit in one run.")
