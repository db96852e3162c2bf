"""The report of an evaluation as one HTML file (`library.html_report`). No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from studio.capabilities.evaluate.verdict import percent
from studio.core.explain import count
from studio.core.files import Json
from studio.library.html_report import document, picture, table

SHOWN = 12  # samples of each candidate, the worst first
QUESTIONS = 12  # that fail most
YES = 0.5  # an answer above it


def report(result: Json, png: Callable[[str], bytes]) -> str:
    """png: of an artifact's name."""
    rows = result["candidates"]
    said = [*(one["sentence"] for one in result["comparisons"]), *(row["sentence"] for row in rows)]
    parts = [f"<h1>Evaluation: {escape(' · '.join(row['title'] for row in rows))}</h1>"]
    parts += [f'<p class="v">{escape(text)}</p>' for text in said]
    parts += [_about(result), _scores(rows), _figures(rows), _trust(result), *(_candidate(row, result, png) for row in rows)]
    parts.append(_prompts(result))
    return document(f"Evaluation of {rows[0]['title']}", parts)


def number(figure: Json) -> str:
    """A figure as a table has it, with its interval."""
    if figure.get("value") is None:
        return f"– ({figure['note']})" if figure.get("note") else "–"
    if figure.get("percent"):
        return percent(figure)
    value, low, high = (figure.get(end) for end in ("value", "low", "high"))
    shown = f"{value:.{figure['digits']}f}"
    return shown if low is None or high is None else f"{shown} [{low:.{figure['digits']}f} to {high:.{figure['digits']}f}]"


def _about(result: Json) -> str:
    judges = "".join(
        f"<p><b>{escape(one['title'])}</b>{' (its answers count)' if name == result['judge'] else ''}: {escape(one['about'])}</p>"
        for name, one in result["judges"].items()
    )
    n, seeds = len(result["prompts"]), len(result["seeds"])
    each = f"{count(n, 'prompt')} × {count(seeds, 'seed')}"
    asked = f'<p class="s">{each} a candidate, the same for all. Intervals are of 95 %.</p>'
    return asked + judges + "".join(f"<p>{escape(text)}</p>" for text in result["notices"])


def _scores(rows: Sequence[Json]) -> str:
    kinds = list(dict.fromkeys(one["title"] for row in rows for one in row["by_kind"]))
    found = []
    for row in rows:
        by = {one["title"]: one for one in row["by_kind"]}
        found.append([row["title"], percent(row["score"]), percent(row["all_right"]), *(percent(by.get(kind)) for kind in kinds),
                      str(row["nfe"])])  # fmt: skip
    heads = ["", "what was asked for", "all of it", *kinds, "NFE"]
    return f"<h2>What was asked for, and is there</h2>{table(heads, found)}"


def _figures(rows: Sequence[Json]) -> str:
    known = {one["name"]: one for row in rows for one in row["figures"]}
    if not known:
        return ""
    found = []
    for name, one in known.items():
        cells = [next((number(each) for each in row["figures"] if each["name"] == name), "–") for row in rows]
        found.append([one["title"], *cells, one["about"]])
    return f"<h2>Classical figures</h2>{table(['', *(row['title'] for row in rows), ''], found)}"


def _trust(result: Json) -> str:
    """How far judges can be trusted: what they catch of planted errors, by kind."""
    trust = result.get("trust") or {}
    if not trust:
        return ""
    titles = {name: result["judges"][name]["title"] for name in trust["judges"]}
    kinds = next(iter(trust["judges"].values()))["kinds"]
    rows = [
        [kind, *(percent(found["kinds"][kind]["recall"]) for found in trust["judges"].values())]
        for kind in kinds
        if kinds[kind]["recall"]["n"]
    ]
    for title, key in (("any error", "recall"), ("of what is flagged, is wrong", "precision"), ("false alarms", "false_alarms")):
        rows.append([title, *(percent(found["all"][key]) for found in trust["judges"].values())])
    said = "".join(f"<p>{escape(text)}</p>" for text in trust["sentences"])
    about = (
        f"{trust['items']} things of the world, {trust['samples']:,} samples of them with errors planted: what each judge flags."
    )
    head = f'<h2>How far the judge can be trusted</h2><p class="s">{escape(about)}</p>{said}'
    return head + table(["planted", *titles.values()], rows)


def _candidate(row: Json, result: Json, png: Callable[[str], bytes]) -> str:
    worst = [
        [one["question"], percent(one["share"]), str(one["share"]["n"]), _instead(one)] for one in row["by_check"][:QUESTIONS]
    ]
    order = sorted(row["samples"], key=lambda one: 2.0 if one["score"] is None else one["score"])[:SHOWN]
    shown = "".join(_sample(one, result, png) for one in order)
    asked = table(["question", "yes", "asked", "seen instead"], worst)
    return f'<h2>{escape(row["title"])}</h2>{asked}<p class="s">The worst samples first.</p>{shown}'


def _instead(one: Json) -> str:
    return ", ".join(f"{each['seen']} ({each['n']})" for each in one["instead"])


def _sample(one: Json, result: Json, png: Callable[[str], bytes]) -> str:
    prompt = result["prompts"][one["prompt"]]
    answered = zip(prompt["checks"], one["answers"], strict=False)  # an adapter's words may have led to fewer questions
    wrong = [f"{check['question']} {reason}" for check, (score, reason) in answered if score <= YES]
    said = f"{prompt['text']}, seed {one['seed']}: " + ("; ".join(wrong) if wrong else "all right")
    return f"<figure>{picture(png(one['file']), said, bool(wrong))}<figcaption>{escape(said)}</figcaption></figure>"


def _prompts(result: Json) -> str:
    lines = "".join(
        f"<tr><th>{escape(one['text'])}</th><td>{escape(' '.join(check['question'] for check in one['checks']))}</td></tr>"
        for one in result["prompts"]
    )
    return f"<h2>Prompts and their questions</h2><table>{lines}</table>"
