"""When each part of a picture was decided, and what was seen on the way and lost: the table behind the Scrub tab's curves.

From the oracle's readings of every x̂0 where there is one (`metrics.timeline`, `metrics.vanished`); otherwise from the
distance of x̂0 to its end, between the features of a perceptual encoder where one is installed and in the model's own space
where none is. Worker side: imports torch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import torch

from studio.core.domain import Domain
from studio.core.files import Json
from studio.library.trace_header import Header
from studio.metrics.timeline import distance_curve, timeline, typical_distance
from studio.metrics.vanished import detours, vanished
from studio.workshop.frames import Frames, Seen
from studio.workshop.traces import Trace

LISTED = 60  # rows of a list, the clearest first
DIGITS = 4


def decide(headers: Mapping[str, Header], frames: Frames, domain: Domain) -> Json:
    """{"kind": "oracle", "features" or "latent", "factors": [{name, title, values, stated,
    things}], "arms": {arm: …}, "vanished": […]}.

    An arm has "accepted" [S] and by factor "equal", "low", "high", "settled", "chance" [S] and "commit" [N] (the step of
    every seed) with "labels" [S][N]; "distance" has "q25", "q50", "q75" [S], "commit" [N]. Rows of "vanished": arm, seed,
    factor, value, end, first, last, strongest; without an oracle: arm, seed, near, strongest, size. With "features" a
    "reader" says whose they are.
    """
    seen = {arm: [frames.reading(moment) for moment in header.moments] for arm, header in headers.items()}
    read = {arm: [row for row in rows if row is not None] for arm, rows in seen.items()}
    if any(len(read[arm]) < len(rows) for arm, rows in seen.items()):  # nobody to read them, or not all were read
        beliefs = {arm: [Trace(header).beliefs(i) for i in range(len(header.moments))] for arm, header in headers.items()}
        return {"kind": "latent", **_by_distance(headers, beliefs)}
    if frames.oracle is not None:
        return _by_oracle(headers, read, domain)
    assert frames.reader is not None  # only then is there anything read
    features = {arm: [row.features for row in rows] for arm, rows in read.items()}
    return {"kind": "features", "reader": frames.reader.name, **_by_distance(headers, features)}


def _by_oracle(headers: Mapping[str, Header], seen: Mapping[str, list[Seen]], domain: Domain) -> Json:
    scale = _yardstick({arm: rows[-1].features for arm, rows in seen.items()})
    stated = domain.read(next(iter(headers.values())).prompt).stated
    factors = [
        {"name": name, "title": factor.title or name, "values": list(factor.values), "stated": stated.get(name),
         "things": list(factor.things)}
        for name, factor in domain.factors.items()
    ]  # fmt: skip
    arms: Json = {}
    lost: list[Json] = []
    for arm, header in headers.items():
        rows = seen[arm]
        found = timeline({"": rows}, _levels(header), scales={"": scale} if scale else None, factors=domain.factors)
        labels = {name: [row.labels[name].tolist() for row in rows] for name in domain.factors}
        arms[arm] = {
            "accepted": [share["value"] for share in found["accepted"]],
            "inside": [row.in_distribution.int().tolist() for row in rows],
            "factors": {name: _factor(curve) | {"labels": labels[name]} for name, curve in found["factors"].items()},
            "distance": _distance(found["distance"]),
        }
        gone = vanished(rows, factors=domain.factors, names=[name for name, factor in domain.factors.items() if factor.things])
        lost += [{"arm": arm, "seed": header.seeds[row.pop("sample")], **row} for row in gone]
    lost.sort(key=lambda row: row["first"] - row["last"])
    return {"kind": "oracle", "factors": factors, "arms": arms, "vanished": lost[:LISTED], "lost": len(lost)}


def _by_distance(headers: Mapping[str, Header], spaces: Mapping[str, Sequence[torch.Tensor]]) -> Json:
    """What x̂0 is in some space, by arm and step [N, ...], against its end there."""
    paths = {arm: torch.stack(list(steps)).flatten(2) for arm, steps in spaces.items()}
    scale = _yardstick({arm: rows[-1] for arm, rows in paths.items()})
    arms: Json = {}
    lost: list[Json] = []
    for arm, header in headers.items():
        found = distance_curve([paths[arm]], _levels(header), [scale])
        arms[arm] = {"factors": {}, "distance": _distance(found)}
        lost += [{"arm": arm, "seed": header.seeds[row.pop("sample")], **row} for row in detours(paths[arm])]
    lost.sort(key=lambda row: -row["size"])
    return {"factors": [], "arms": arms, "vanished": lost[:LISTED], "lost": len(lost)}


def _yardstick(ends: Mapping[str, torch.Tensor]) -> float | None:
    """How far two of the teacher's ends are apart, so that arms share one scale; the first arm's where it drew nothing."""
    teacher = next((arm for arm in ends if arm.startswith("teacher")), next(iter(ends)))
    return typical_distance(ends[teacher])


def _levels(header: Header) -> list[float]:
    return [math.inf if moment.level is None else moment.level for moment in header.moments]


def _factor(curve: Json) -> Json:
    equal = curve["equal"]
    return {
        "equal": [p["value"] for p in equal], "low": [p["low"] for p in equal], "high": [p["high"] for p in equal],
        "settled": [p["value"] for p in curve["settled"]], "chance": curve["chance"], "commit": curve["commit"]["steps"],
    }  # fmt: skip


def _distance(curve: Json) -> Json:
    rows = curve["curve"]
    return {q: [row[q]["value"] for row in rows] for q in ("q25", "q50", "q75")} | {"commit": curve["commit"]["steps"]}


def to_bytes(table: Json) -> bytes:
    return json.dumps(_rounded(table), separators=(",", ":"), allow_nan=False).encode()


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value
