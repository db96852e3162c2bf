"""Two runs side by side: where their requests differ, their pictures by the same seed, their figures with intervals."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

from studio.core.files import Json
from studio.jobs.jobs import Jobs

K = TypeVar("K")
MOST_SEEDS, MOST_FIGURES = 64, 40
_SEEDED = re.compile(r"artifacts/((?!hints/|report/|previews/|export/).+)/(?:(.+)-)?(\d+)\.(?:png|webp)")
_UNNAMED = {"arms", "measures", "candidates", "rows", "figures", "models", "cells", "by_kind"}


def beside(jobs: Jobs, a: str, b: str) -> Json:
    """{"settings": [{"name", "a", "b", "differs"}], "pictures": [{"seed", "of", "a", "b"}], "left_off", "figures": [{"name", "a",
    "b"}]}. ValueError where there is no such run."""
    for run in (a, b):
        jobs.get(run)
    specs, results = [jobs.spec(run) for run in (a, b)], [jobs.result(run) or {} for run in (a, b)]
    shown = [_pictures(result) for result in results]
    keys = _in_turn(*shown)
    by_seed = sorted(keys, key=lambda key: (key[2], not all(key in one for one in shown)))
    figures = [dict(_figures(result)) for result in results]
    names = _in_turn(*figures)
    names.sort(key=lambda name: not all(name in one for one in figures))
    return {
        "settings": settings(specs[0].config, specs[1].config),
        "pictures": [
            {"seed": seed, "of": " ".join(filter(None, (arm, part))), "a": shown[0].get(key), "b": shown[1].get(key)}
            for key in by_seed[:MOST_SEEDS]
            for arm, part, seed in (key,)
        ],
        "left_off": max(0, len(by_seed) - MOST_SEEDS),
        "figures": [{"name": name, "a": figures[0].get(name), "b": figures[1].get(name)} for name in names[:MOST_FIGURES]],
    }


def settings(a: Json, b: Json) -> list[Json]:
    """Every setting of either request, those that differ first."""
    flat = [dict(_flat(one)) for one in (a, b)]
    rows: list[Json] = [{"name": name, "a": flat[0].get(name, ""), "b": flat[1].get(name, "")} for name in _in_turn(*flat)]
    rows = [row | {"differs": row["a"] != row["b"]} for row in rows]
    return sorted(rows, key=lambda row: not row["differs"])


def _flat(value: Json, before: str = "") -> Iterator[tuple[str, str]]:
    for name, one in value.items():
        at = f"{before}{name.replace('_', ' ')}"
        if isinstance(one, Mapping):
            yield from _flat(dict(one), "" if name in ("draw", "settings") else f"{at} · ")
        elif one not in (None, "", [], ()):
            yield at, _said(one)


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_said(one)}" for name, one in value.items() if one not in (None, "", []))
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return ("on" if value else "off") if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _pictures(result: Json) -> dict[tuple[str, str, int], str]:
    """{(arm, part, seed): file} of whatever a run says it drew; of scrub, states on the way are left out."""
    found = dict[tuple[str, str, int], str]()
    for path in _paths(result):
        if match := _SEEDED.fullmatch(path):
            arm, part, seed = match.groups()
            found[arm, part or "", int(seed)] = path
    return found


def _paths(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list)):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _paths(one)


def _figures(value: object, before: tuple[str, ...] = ()) -> Iterator[tuple[str, Json]]:
    """Everything that has a value with an interval, by where it stands."""
    if isinstance(value, Mapping):
        if all(isinstance(value.get(name), (int, float)) for name in ("value", "low", "high")):
            yield " · ".join(dict.fromkeys(before)), {name: value[name] for name in ("value", "low", "high")}
            return
        for name, one in value.items():
            if isinstance(one, (Mapping, list)) and name not in ("request", "samples", "prompts", "by_check", "by_kind"):
                yield from _figures(one, before if name in _UNNAMED else (*before, name.replace("_", " ")))
    elif isinstance(value, list):
        for i, one in enumerate(value):
            if isinstance(one, Mapping):
                named = next(
                    (one[name] for name in ("label", "title", "arm", "name") if isinstance(one.get(name), str)), str(i + 1)
                )
                yield from _figures(one, (*before, named))


def _in_turn(*some: Mapping[K, object]) -> list[K]:
    return list(dict.fromkeys(key for one in some for key in one))
