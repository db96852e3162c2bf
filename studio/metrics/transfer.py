"""A board of sliders and models: what each slider does to each, and how much of it is left after the transfer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from studio.core.files import Json
from studio.metrics.frechet import frechet_distance
from studio.metrics.interval import Estimate, Interval, combined
from studio.metrics.margins import RETAINED
from studio.metrics.proportion import wilson
from studio.metrics.readings import correct
from studio.metrics.recovered_share import Verdict
from studio.metrics.response import Drift, Response, change, drift, response, retention
from studio.metrics.verdicts import verdict_row

Cell = Mapping[float, Mapping[str, Any]]  # strength -> prompt -> readings
BLIND = "read by a distance, which says how much changes and not which way"


def board(
    sliders: Sequence[Json],
    models: Sequence[str],
    stated: Mapping[str, Mapping[str, str]],
    factors: Mapping[str, Any],
    identity: Sequence[str],
) -> Json:
    """{"board": rows of cells, "verdicts": S8 to S10}, JSON-ready.

    sliders: {"id", "title", "base" (the model it was trained on), "kind", "attribute", "prompts", "cells": {model: Cell}}.
    attribute has name, title, unit, factors and read(readings) -> [N].

    For samples that no oracle reads, readings have features and no labels, and a slider brings what else is known:
    "amounts": (cell, strength, prompt) -> [N], instead of attribute.read; "score": readings -> [N] of a score whose relative
    change is given beside the slope, or None; "reader": who reads, for people; "blind": whether amounts say how much changes
    and not which way. Then what an oracle would say is missing, not 0.
    """
    rows: list[Json] = []
    found: dict[str, dict[str, _Measured | None]] = {}
    for slider in sliders:
        cells: dict[str, _Measured | None] = {}
        for model in models:
            cells[model] = _cell(slider, slider["cells"][model], stated, factors, identity) if slider["prompts"] else None
        found[slider["id"]] = cells
        source = cells.get(slider["base"])
        rows.append({
            "id": slider["id"], "title": slider["title"], "base": slider["base"], "kind": slider["kind"],
            "attribute": slider["attribute"].title, "unit": slider["attribute"].unit, "prompts": list(slider["prompts"]),
            "cells": {name: _plain(cell, source) for name, cell in cells.items() if cell is not None},
            **{key: slider[key] for key in ("reader", "blind") if key in slider},
        })  # fmt: skip
    shown: Json = {"models": list(models), "rows": rows}
    if readers := list(dict.fromkeys(row["reader"] for row in rows if "reader" in row)):
        shown["readers"] = readers
    return {"board": shown, "verdicts": _verdicts(sliders, models, found)}


class _Measured:
    """One slider on one model."""

    def __init__(
        self,
        response: Response,
        ends: Mapping[float, Drift],
        right: Mapping[float, Interval | None],
        frechet: Mapping[float, float],
        change: Interval | None = None,
    ):
        self.response, self.ends, self.right, self.frechet, self.change = response, ends, right, frechet, change

    @property
    def drift(self) -> Drift:
        """At the largest strength of at most 1, the side that disturbs more."""
        return max(self.ends.values(), key=lambda d: (d.features if d.others.value is None else d.others).value or 0.0)


def _cell(
    slider: Json, cell: Cell, stated: Mapping[str, Mapping[str, str]], factors: Mapping[str, Any], identity: Sequence[str]
) -> _Measured:
    attribute, prompts = slider["attribute"], slider["prompts"]
    strengths = sorted(cell)
    seeds = torch.cat([torch.arange(len(cell[0.0][p].in_distribution)) for p in prompts])  # the same noise for every prompt
    amount = slider.get("amounts") or (lambda cell, s, prompt: attribute.read(cell[s][prompt]))
    amounts = torch.stack([torch.cat([amount(cell, s, p) for p in prompts]) for s in strengths])
    near = [s for s in strengths if abs(s) <= 1.0]
    ends = {s: _drift(cell[0.0], cell[s], prompts, attribute, identity, seeds) for s in (min(near), max(near)) if s}
    right = {s: _accuracy(cell[s], prompts, stated, attribute, factors) for s in strengths}
    still = torch.cat([cell[0.0][p].features for p in prompts])
    moved = {s: torch.cat([cell[s][p].features for p in prompts]) for s in ends}
    labelled = bool(cell[0.0][prompts[0]].labels)  # a Fréchet distance is named after an oracle; of other features none is given
    apart = {s: frechet_distance(moved[s], still) for s in moved if labelled}
    return _Measured(response(strengths, amounts, seeds=seeds), ends, right, apart, _change(slider, cell, seeds))


def _change(slider: Json, cell: Cell, seeds: Tensor) -> Interval | None:
    """Of the slider's score, at the largest strength of at most 1; None where it has none."""
    score, top = slider.get("score"), max(s for s in cell if s <= 1.0)
    if score is None or top <= 0:
        return None
    before, after = (torch.cat([score(cell[s][p]) for p in slider["prompts"]]) for s in (0.0, top))
    return change(before, after, seeds=seeds)


def _drift(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    prompts: Sequence[str],
    attribute: Any,
    identity: Sequence[str],
    seeds: Tensor,
) -> Drift:
    def labels(rows: Mapping[str, Any]) -> dict[str, Tensor]:
        return {name: torch.cat([rows[p].labels[name] for p in prompts]) for name in rows[prompts[0]].labels}

    features = tuple(torch.cat([rows[p].features for p in prompts]) for rows in (before, after))
    inside = torch.cat([after[p].in_distribution for p in prompts])
    return drift(
        labels(before),
        labels(after),
        (features[0], features[1]),
        inside,
        intended=attribute.factors,
        identity=identity,
        seeds=seeds,
    )


def _accuracy(
    rows: Mapping[str, Any],
    prompts: Sequence[str],
    stated: Mapping[str, Mapping[str, str]],
    attribute: Any,
    factors: Mapping[str, Any],
) -> Interval | None:
    """Share of samples in which everything is right that prompts state and the slider is not to move."""
    right = []
    for prompt in prompts:
        said = {name: value for name, value in stated[prompt].items() if name not in attribute.factors}
        if said:
            right.append(torch.stack(list(correct(rows[prompt], said, factors).values())).all(0))
    if not right:
        return None
    every = torch.cat(right)
    return wilson(int(every.sum()), len(every))


def _plain(cell: _Measured, source: _Measured | None) -> Json:
    r = cell.response
    share = retention(r.slope, source.response.slope) if source is not None else None
    return {
        "strengths": list(r.strengths), "means": [mean.to_dict() for mean in r.means], "slope": r.slope.interval().to_dict(),
        "spearman": r.rho, "even": list(r.even), "retention": share.to_dict() if share else None,
        "accuracy": {f"{s:g}": found.to_dict() if found else None for s, found in cell.right.items()},
        "drift": {name: getattr(cell.drift, name).to_dict() for name in ("others", "features", "kept", "in_distribution")},
        "fd": {f"{s:g}": round(value, 3) for s, value in cell.frechet.items()},
        **({"change": cell.change.to_dict()} if cell.change else {}),
    }  # fmt: skip


# -- statements ----------------------------------------------------------------------------------------------------------


def _verdicts(sliders: Sequence[Json], models: Sequence[str], found: Mapping[str, Mapping[str, _Measured | None]]) -> list[Json]:
    """S8 for every other model over the sliders trained on the first, S9 for those trained elsewhere, S10 for directions."""
    first = models[0]
    out = []
    for id_, of, expected in (
        ("S8", [s for s in sliders if s["base"] == first and s["kind"] != "direction"], "near 1"),
        ("S10", [s for s in sliders if s["base"] == first and s["kind"] == "direction"], "the same sign"),
    ):
        out += [_moves(id_, of, first, model, found, expected) for model in models[1:] if of]
    back = [s for s in sliders if s["base"] != first and s["base"] in models]
    for source in dict.fromkeys(s["base"] for s in back):
        out.append(_moves("S9", [s for s in back if s["base"] == source], source, first, found, "the same sign, weaker"))
    return [row for row in out if row]


def _moves(
    id_: str,
    sliders: Sequence[Json],
    source: str,
    target: str,
    found: Mapping[str, Mapping[str, _Measured | None]],
    expected: str,
) -> Json:
    """How far sliders of one model move another: mean retention over the sliders that do something at home.

    Sliders that are read without a direction say nothing on the way it goes: they count for S8 with a caution, and not for
    the others.
    """
    blind = [slider["title"] for slider in sliders if slider.get("blind")]
    if id_ != "S8":
        sliders = [slider for slider in sliders if not slider.get("blind")]
    shares: list[Estimate] = []
    turned, silent, apart = [], [], []
    for slider in sliders:
        a, b = found[slider["id"]].get(source), found[slider["id"]].get(target)
        if a is None or b is None:
            continue
        share = retention(b.response.slope, a.response.slope)
        if share.value is None:
            silent.append(slider["title"])
            continue
        shares.append(_ratio(b.response.slope, a.response.slope))
        if share.high is not None and share.high < 0:
            turned.append(slider["title"])
        if not (share.low is not None and share.high is not None and share.low <= RETAINED[1] and share.high >= RETAINED[0]):
            apart.append(slider["title"])
    statement = f"Sliders of {source} move {target} {'as far' if id_ == 'S8' else 'the same way'}"
    if not shares:
        why = "no slider does anything measurable on its own model" if sliders or not blind else BLIND
        none = Interval(None, n=0, note=why)
        return verdict_row(id_, statement, expected, "inconclusive", none, "of the slope", f"{statement}: {none.note}.", ())
    mean = combined([(1 / len(shares), share) for share in shares]).interval()
    verdict = _judged(id_, mean, turned)
    kept = mean.text(percent=True)
    parts = [
        f"one slider keeps {kept} of its slope"
        if len(shares) == 1
        else f"{len(shares)} sliders keep {kept} of their slope on average"
    ]
    parts += [f"outside {RETAINED[0]:g} to {RETAINED[1]:g}: {', '.join(apart)}"] if apart and id_ == "S8" else []
    parts += [f"turned round: {', '.join(turned)}"] if turned else []
    parts += [f"without a slope at home: {', '.join(silent)}"] if silent else []
    sentence = f"{statement}: {verdict} ({'; '.join(parts)})."
    row = verdict_row(id_, statement, expected, verdict, mean, "of the slope", sentence, ())
    if blind:
        left = "counts here" if id_ == "S8" else "is left out here"
        row["cautions"] += [f"{', '.join(blind)}: {BLIND}; it {left}"]
    return row


def _judged(id_: str, mean: Interval, turned: Sequence[str]) -> Verdict:
    if turned:
        return "does not hold"
    if mean.low is None or mean.high is None:
        return "inconclusive"
    if id_ == "S8":
        if mean.low >= RETAINED[0] and mean.high <= RETAINED[1]:
            return "holds"
        return "does not hold" if mean.high < RETAINED[0] or mean.low > RETAINED[1] else "inconclusive"
    if mean.low <= 0:
        return "does not hold" if mean.high <= 0 else "inconclusive"
    if id_ == "S9":  # weaker as well
        return "holds" if mean.high < 1 else "does not hold" if mean.low > 1 else "inconclusive"
    return "holds"


def _ratio(target: Estimate, source: Estimate) -> Estimate:
    assert target.value is not None and source.value is not None, "the caller has looked"
    units = min(target.independent, source.independent)
    return Estimate(target.value / source.value, target.draws / source.draws, min(target.n, source.n), units=units)
