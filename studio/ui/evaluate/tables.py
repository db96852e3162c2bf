"""Tables of an evaluation as the page draws them: a result in, cells of text with their intervals out.

A cell is {"text", "reach": of its interval, "at", "low", "high": where it lies}; ends are None where there is no interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studio.core.files import Json
from studio.ui.kit import words

ASKED, ALL = "what was asked for", "all of it"
CHECKS = 40  # questions of a candidate that are sent
SURE = 0.05  # a split that chance makes more seldom is said to be no accident
TRUST = (("recall", "found"), ("precision", "right when it says no"), ("false_alarms", "false alarms"))
RANKS = (("spearman", "Spearman"), ("kendall", "Kendall"))


def cell(measure: Json | None, percent: bool = True, digits: int = 2) -> Json:
    text, reach = words.interval(measure, digits, percent)
    known = measure or {}
    why = "" if measure is None else str(known.get("note") or "n too small")
    return {"text": text, "reach": reach or why, "at": known.get("value"), **{end: known.get(end) for end in ("low", "high")}}


def plain(text: str) -> Json:
    return {"text": text, "reach": "", "at": None, "low": None, "high": None}


def judged(result: Json) -> str:
    """Who answered, for the foot of a table."""
    judge = result["judges"][result["judge"]]
    return f"Judged by the {_small(judge['title'])}"


def about(result: Json) -> list[Json]:
    """Every judge: {"title", "about", "counts"}."""
    found = result["judges"].items()
    return [{"title": one["title"], "about": one["about"], "counts": name == result["judge"]} for name, one in found]


def size(result: Json) -> str:
    """ "16 prompts × 8 seeds" """
    return f"{words.count(len(result['prompts']), 'prompt')} × {words.count(len(result['seeds']), 'seed')}"


def scores(result: Json, tones: Sequence[str]) -> Json:
    """A candidate a row: shares of what was asked for, in all, by kind of question, and by other judges."""
    rows = result["candidates"]
    kinds = list(dict.fromkeys(one["title"] for row in rows for one in row["by_kind"]))
    others = list(dict.fromkeys(name for row in rows for name in row.get("others") or {}))
    found = []
    for row, tone in zip(rows, tones, strict=True):
        by = {one["title"]: one for one in row["by_kind"]}
        beside = [cell(((row.get("others") or {}).get(name) or {}).get("score")) for name in others]
        cells = [cell(row["score"]), cell(row["all_right"]), *(cell(by.get(kind)) for kind in kinds), *beside]
        found.append({"title": row["title"], "tone": tone, "cells": [*cells, plain(words.evaluations(row["nfe"]))]})
    by_others = [f"by {_small(result['judges'][name]['title'])}" for name in others]
    note = (
        f"{judged(result)}, {size(result)} a candidate, the same for all. What was asked for: mean share of a sample's questions "
        "that are answered yes; all of it: share of samples without a no. Brackets and bars are 95 % intervals from 0 to 100 %."
    )
    return {"heads": ["candidate", ASKED, ALL, *kinds, *by_others, "NFE"], "rows": found, "note": note}


def pairs(result: Json) -> Json | None:
    """Every other candidate against the first: the difference, and how often each is better."""
    given = result["comparisons"]
    if not given:
        return None
    titles = [row["title"] for row in result["candidates"]]
    ends = [abs(float(one["difference"][end] or 0)) for one in given for end in ("low", "high")]
    widest = max([*ends, 0.01])
    found = []
    for one in given:
        gap, first, other = one["difference"], titles[one["a"]], titles[one["b"]]
        found.append({
            "title": f"{first} minus {other}", "cell": _points(gap), "widest": widest,
            "split": f"{_split(one['samples'], first, other, 'shows more of what was asked for', 'samples')}.",
            "right": f"{_split(one['all_right'], first, other, 'alone shows all of it', 'samples')}.",
            "prompts": _tested(one["prompts"], first, other),
        })  # fmt: skip
    note = (
        f"{judged(result)}, {size(result)}, pair by pair on the same prompt and seed. An interval that holds 0 shows no "
        "difference; the sign test counts prompts alone and asks how often chance would split them so unevenly."
    )
    return {"rows": found, "note": note}


def _points(gap: Json) -> Json:
    value, low, high = gap.get("value"), gap.get("low"), gap.get("high")
    text = words.NO_VALUE if value is None else f"{100 * float(value):+.1f} points".replace("-", "−")
    reach = "" if low is None or high is None else f"[{100 * float(low):+.1f} to {100 * float(high):+.1f}]".replace("-", "−")
    return {"text": text, "reach": reach, "at": value, "low": low, "high": high}


def _split(found: Json, first: str, other: str, does: str, of: str) -> str:
    """How often each is better, in words."""
    better, worse, same = int(found["better"]), int(found["worse"]), int(found["same"])
    if not better + worse:
        return f"On all {same} {of} both are alike"
    return f"{first} {does} on {better} {of}, {other} on {worse}; {same} are alike"


def _tested(test: Json, first: str, other: str) -> str:
    """The sign test over prompts in words."""
    told, p = _split(test, first, other, "shows more of it on the whole", "prompts"), float(test["p"])
    if not test["better"] + test["worse"]:
        return f"{told}."
    chance = "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
    sure = "hardly by chance" if p < SURE else "as chance may well do"
    return f"{told}: {sure} ({chance}, sign test)."


def failing(result: Json) -> list[list[Json]]:
    """Of every candidate its questions, worst first: {"question", "kind", "n", "cells": a share of each candidate, "instead"}."""
    rows = result["candidates"]
    by = [{(one["kind"], one["question"], one["wanted"]): one for one in row["by_check"]} for row in rows]
    found = []
    for row in rows:
        worst = [one for one in row["by_check"] if one["share"]["value"] < 1][:CHECKS]
        found.append([{
            "question": one["question"], "kind": one["kind"], "wanted": one["wanted"], "n": one["share"]["n"],
            "cells": [cell((each.get((one["kind"], one["question"], one["wanted"])) or {}).get("share")) for each in by],
            "instead": ", ".join(f"{each['seen']} ({each['n']})" for each in one["instead"]),
        } for one in worst])  # fmt: skip
    return found


def figures(result: Json) -> Json | None:
    """The classical ones, a row each with its meaning."""
    rows = result["candidates"]
    known = {one["name"]: one for row in rows for one in row.get("figures") or []}
    if not known:
        return None
    by = [{one["name"]: one for one in row.get("figures") or []} for row in rows]
    found = [
        {"title": one["title"], "about": one["about"], "better": f"{one['better']} is better" if one.get("better") else "",
         "cells": [cell(each.get(name), bool(one.get("percent")), int(one.get("digits") or 2)) for each in by]}
        for name, one in known.items()
    ]  # fmt: skip
    read = ", ".join(dict.fromkeys(str(one.get("read_by") or "") for one in known.values() if one.get("read_by")))
    note = f"Features and readings are those of {read}, {size(result)} a candidate. " if read else ""
    return {"titles": [row["title"] for row in rows], "rows": found, "note": f"{note}Brackets are 95 % intervals."}


# -- how far the judge can be trusted ----------------------------------------------------------------------------------------


def trust(result: Json) -> list[Json]:
    """Of every judge whose answers were tested on planted errors: {"title", "said", "rows"}; [] where none was."""
    given = result.get("trust")
    if not isinstance(given, Mapping) or not given:
        return []
    tested = {str(result["judge"]): given} if isinstance(given.get("kinds"), Mapping) else dict(given)
    titles = {name: one["title"] for name, one in result["judges"].items()}
    found = [_trusted(titles.get(name, name), one) for name, one in tested.items() if isinstance(one, Mapping)]
    return [one for one in found if one["rows"]]


def _trusted(title: str, one: Mapping[str, object]) -> Json:
    kinds = one.get("kinds")
    named = {**kinds, "all together": one.get("all")} if isinstance(kinds, Mapping) else {}
    rows = [
        {"title": str(kind), "n": f"{row.get('samples') or ''}", "cells": [cell(_measure(row.get(name))) for name, _ in TRUST]}
        for kind, row in named.items()
        if isinstance(row, Mapping)
    ]
    ranks = [
        f"{called} {' '.join(filter(None, words.interval(_measure(one.get(name)))))}"
        for name, called in RANKS
        if _measure(one.get(name)) is not None
    ]
    said = f"Its score of a sample and how much of it is really right: rank correlation {', '.join(ranks)}." if ranks else ""
    items = f"{one['items']} things of the world, {one.get('samples', '–')} samples. " if one.get("items") else ""
    return {"title": title, "said": said, "heads": ["planted", *(head for _, head in TRUST), "samples"], "rows": rows,
            "note": f"{items}Errors were planted one by one where the truth is known: found is the share of them that it says no "
            "to; a false alarm is a no where nothing is wrong. Brackets and bars are 95 % intervals."}  # fmt: skip


def _measure(given: object) -> Json | None:
    return dict(given) if isinstance(given, Mapping) and "value" in given else None


def _small(title: str) -> str:
    return title if title.isupper() else title.lower()
