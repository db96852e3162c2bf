"""The figures of a study as tables, each behind the plot that shows them."""

from __future__ import annotations

from studio.core.files import Json
from studio.library.shown_measures import titled
from studio.ui.kit import words
from studio.ui.lab import panels, plot, transfer


def tables(result: Json) -> list[Json]:
    """The figures behind the plot: {"title", "heads", "rows": [{"name", "tone", "cells": [[value, interval]]}]}."""
    made = [
        _arms(result),
        transfer.table(result),
        transfer.theirs(result),
        _shapley(result),
        _costs(result),
        _commits(result),
        *_forks(result),
        _vanished(result),
        _witness(result),
    ]
    return [table for table in made if table is not None and table["rows"]]


def arm_rows(result: Json) -> list[Json]:
    """Rows of all arms, each once."""
    swept = result.get("sweep") or {}
    rows = [*swept.get("references", []), *swept.get("points", []), *swept.get("controls", []), *result.get("rows", [])]
    return list({row["arm"]: row for row in rows}.values())


def _arms(result: Json) -> Json:
    rows, measures = [], result.get("measures") or {}
    further = titled(measures.values())
    for row in arm_rows(result):
        cells = [words.interval(row.get("diversity")), words.interval(row.get("accuracy"), percent=True),
                 (words.evaluations(row.get("cost")), ""), words.interval(row.get("in_distribution"), percent=True),
                 words.interval(row.get("recovery"), percent=True), words.interval(row.get("gain")),
                 *(words.titled(measures.get(row["arm"], {}).get(name), look) for name, look in further.items())]  # fmt: skip
        rows.append({"name": row["arm"], "tone": plot.slug(row["arm"]), "cells": cells})
    heads = ["arm", "diversity", "accuracy", "NFE", "in distribution", "of the loss given back", "gain over the student",
             *(look["title"] for look in further.values())]  # fmt: skip
    used = [i for i in range(len(heads) - 1) if any(row["cells"][i][0] != words.NO_VALUE for row in rows)]
    kept = [{**row, "cells": [row["cells"][i] for i in used]} for row in rows]
    return {"title": "Arms", "heads": [heads[0], *(heads[i + 1] for i in used)], "rows": kept}


def _witness(result: Json) -> Json | None:
    """What a second reader says of the arms (`metrics.second_witness`)."""
    found = result.get("witness")
    if not found:
        return None
    shown = (("default_behaviour", True), ("seed_identifiability", True), ("spread", False), ("coverage", True))
    rows = []
    for arm, row in found["arms"].items():
        cells = [words.interval(row.get(name), percent=percent) for name, percent in shown]
        distance = words.NO_VALUE if row["fd"] is None else f"{row['fd']:.1f}"
        rows.append({"name": arm, "tone": plot.slug(arm), "cells": [*cells, (distance, f"n = {row['fd_n']}")]})
    heads = ["arm", "default behaviour", "seed told", "spread", "coverage", "Fréchet distance"]
    return {"title": f"Second witness: {found['reader']}", "heads": heads, "rows": rows}


def _shapley(result: Json) -> Json | None:
    found = result.get("masks") or {}
    if not found.get("diversity"):
        return None
    rows = [
        {"name": f"step {row['position'] + 1}", "tone": plot.slug(f"base at step {row['position'] + 1}"),
         "cells": [words.interval(row["shapley"]), words.interval(other["shapley"], percent=True), words.interval(row["main"]),
                   words.interval(row["alone"]), words.interval(row["last"])]}
        for row, other in zip(found["diversity"]["positions"], found["accuracy"]["positions"], strict=True)
    ]  # fmt: skip
    return {"title": "What a base step is worth", "rows": rows,
            "heads": ["position", "diversity, Shapley", "accuracy, Shapley", "main effect", "alone", "last"]}  # fmt: skip


def _costs(result: Json) -> Json | None:
    found = result.get("map")
    if not found:
        return None
    rows = []
    for row in found["costs"]:
        if not row["best"]:
            continue
        i, j = row["best"]["cell"]
        beats = {True: "yes", False: "no", None: words.NO_VALUE}[row["beats_cheaper"]]
        ties = words.count(len(row["ties"]), "other") if row["ties"] else "none"
        rows.append({"name": f"{row['nfe']:g} NFE", "tone": "hybrid-1", "cells": [
            (row["best"]["arm"], ""), words.interval(row["best"]["diversity"]),
            words.interval(found["accuracy"][i][j], percent=True), (ties, ""), (beats, "")]})  # fmt: skip
    return {"title": "The best hand-over of every cost", "rows": rows,
            "heads": ["cost", "hand-over", "diversity", "accuracy", "cannot be told from it",
                      "surely beats all cheaper"]}  # fmt: skip


def _commits(result: Json) -> Json | None:
    arms = result.get("timelines")
    if not arms:
        return None
    names = list(next(iter(arms.values()))["factors"])
    rows = []
    for name in ["", *names]:
        cells = []
        for found in arms.values():
            commit = (found["factors"][name] if name else found["distance"])["commit"]
            cells.append(words.interval(commit["fraction"]["q50"], percent=True))
        rows.append({"name": panels.title(name) if name else "Distance to the end", "tone": "other", "cells": cells})
    return {"title": "Median commit step, as a share of the arm's steps", "heads": ["what", *arms], "rows": rows}


def _forks(result: Json) -> list[Json]:
    out = []
    for arm, series in (result.get("forks") or {}).items():
        curves = {"": series.get("all"), **series["factors"]}
        heads = ["factor", *(f"after {step['after']}" for step in series["steps"]), "half decided after"]
        rows = [{"name": panels.title(name), "tone": plot.slug(arm),
                 "cells": [*(words.interval(share, percent=True) for share in curve["share"]), words.interval(curve["half"], 0)]}
                for name, curve in curves.items() if curve]  # fmt: skip
        title = f"Share that is decided, {arm} ({series['states']} states, {series['continuations']:g} endings each)"
        out.append({"title": title, "heads": heads, "rows": rows})
    return out


def _vanished(result: Json) -> Json | None:
    rows = [
        {"name": f"{row['factor']} {row['value']}", "tone": plot.slug(row["arm"]), "cells": [
            (row["arm"], ""), (row["prompt"], ""), (str(row["seed"]), ""), (f"{row['first'] + 1}–{row['last'] + 1}", ""),
            (str(row["end"]), "")]}
        for row in (result.get("vanished") or [])[:12]
    ]  # fmt: skip
    return {"title": "Seen in x̂₀ on the way, and gone at the end", "rows": rows,
            "heads": ["thing", "arm", "prompt", "seed", "steps", "what the end shows"]} if rows else None  # fmt: skip
