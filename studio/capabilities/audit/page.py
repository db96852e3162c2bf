"""The report of an audit as one HTML file (`library.html_report`). No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from studio.capabilities.audit.verdict import judged
from studio.core.files import Json
from studio.library.html_report import document
from studio.library.html_report import picture as shot

NAMES = {"edited": "edited", "original": "original", "never_saw": "never saw it"}
COLOURS = {"edited": "#c2410c", "original": "#475569", "never_saw": "#0f766e"}
WIDE, HIGH, LEFT, DOWN = 460, 220, 42, 26  # of the curve, in units of its drawing


def report(result: Json, picture: Callable[[str], bytes]) -> str:
    """picture: PNG bytes of an artifact's name."""
    findings = ordered(result["attacks"])
    concept = result["concept"]["words"]
    parts = [f"<h1>Audit: {escape(concept)}</h1>", f'<p class="v">{escape(result["verdict"])}</p>']
    parts += [_about(result), _summary(result), *(_attack(one, result, picture) for one in findings)]
    parts.append(_left_out(result.get("left_out", [])))
    return document(f"Audit of {result['adapter']}", parts)


def ordered(findings: Sequence[Json]) -> list[Json]:
    """Failures first, as `verdict.judged` has them."""
    return [one for one, _, _ in judged(findings)]


def figure(share: Json | None) -> str:
    """ "12 % [6 to 21], 64", or a dash."""
    if not share or share.get("value") is None:
        return "–"
    low, value, high = (100 * float(share[end]) for end in ("low", "value", "high"))
    return f"{value:.0f} % [{low:.0f} to {high:.0f}], {share['n']}"


def _about(result: Json) -> str:
    rows = [("Adapter", result["adapter"]), ("Worn by", result["model"]), ("Original", f"{result['model']} without it"),
            ("Never saw it", result["never_saw"] or "none was named"), ("Seed", str(result["request"]["seed"])),
            ("Budget", f"{result['request']['budget']:g} times the usual")]  # fmt: skip
    said = "".join(f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in rows)
    notices = "".join(f"<p>{escape(text)}</p>" for text in result["notices"])
    return f"<table>{said}</table>{notices}"


def _keys(result: Json) -> list[str]:
    return [key for key in NAMES if key != "never_saw" or result["never_saw"]]


def _summary(result: Json) -> str:
    keys = _keys(result)
    heads = "".join(f"<th>{NAMES[key]}</th>" for key in keys)
    lines = []
    for one, _, said in judged(result["attacks"]):
        row = one["rows"][one["told"]]
        shares = "".join(f'<td class="n">{figure(row.get(key))}</td>' for key in keys)
        lines.append(f"<tr><th>{escape(one['title'])}</th><td>{escape(row['name'])}</td>{shares}<td>{said}</td></tr>")
    about = "Share of pictures that show the concept as the oracle reads them, 95 % Wilson interval, and how many were drawn."
    return (
        f'<h2>All attacks</h2><p class="s">{about}</p><table><tr><th></th><th></th>{heads}<th></th></tr>{"".join(lines)}</table>'
    )


def _attack(one: Json, result: Json, picture: Callable[[str], bytes]) -> str:
    keys = _keys(result)
    heads = "".join(f"<th>{NAMES[key]}</th>" for key in keys)
    rows = "".join(
        f"<tr><th>{escape(row['name'])}</th>" + "".join(f'<td class="n">{figure(row.get(key))}</td>' for key in keys) + "</tr>"
        for row in one["rows"]
    )
    spent = f'<p class="s">Budget: {escape(one["spent"])}; {one["seconds"]:.0f} s.</p>'
    said = [
        f"<p>{NAMES[key]}: <q>{escape(text)}</q></p>"
        for name in ("words", "prompts")
        for key, text in one["more"].get(name, {}).items()
    ]
    table = f"<table><tr><th></th>{heads}</tr>{rows}</table>"
    return f"<h2>{escape(one['title'])}</h2>{spent}{table}{_curve(one, keys)}{''.join(said)}{_pictures(one, picture)}"


def _pictures(one: Json, picture: Callable[[str], bytes]) -> str:
    found = []
    for key, shown in one["pictures"].items():
        images = "".join(
            shot(picture(each["file"]), "shows it" if each["hit"] else "does not show it", each["hit"]) for each in shown
        )
        caption = f"<figcaption>{NAMES[key]}, those that show it first</figcaption>"
        found.append(f'<figure class="row">{images}{caption}</figure>')
    return "".join(found)


def _curve(one: Json, keys: Sequence[str]) -> str:
    """Where an attack was measured along a way, its shares as lines."""
    curve = one["more"].get("curve")
    if not curve:
        return ""
    said = "; ".join(
        f"{NAMES[key]} {'not within these updates' if at is None else f'after {at:.0f} updates'}"
        for key, at in one["more"].get("half", {}).items()
    )
    rows = [one["rows"][i] for i in curve["rows"]]
    curves = {key: [row[key] for row in rows] for key in keys if all(row.get(key) for row in rows)}
    half = f"<p>One half is reached: {said}.</p>" if said else ""
    return f'{half}{svg(curve["at"], curves)}<p class="s">Along the axis: {escape(curve["over"])}.</p>'


def svg(updates: Sequence[float], curves: Mapping[str, Sequence[Json]]) -> str:
    """Shares over updates, or over whatever is on the way, a line each with its intervals."""
    most = max(updates) or 1

    def at(step: float, share: float) -> str:
        return f"{LEFT + (WIDE - LEFT - 10) * step / most:.1f},{10 + (HIGH - DOWN - 10) * (1 - share):.1f}"

    def line(start: str, end: str, how: str) -> str:
        (x1, y1), (x2, y2) = start.split(","), end.split(",")
        return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" {how}/>'

    def label(place: str, text: str, how: str, down: int = 4) -> str:
        x, y = place.split(",")
        return f'<text x="{x}" y="{float(y) + down:.1f}" font-size="11" {how}>{text}</text>'

    drawn = [line(at(0, y), at(most, y), 'stroke="#e2e8f0"') for y in (0, 0.5, 1)]
    drawn += [label(at(0, y), f"{100 * y:.0f} %&#160;", 'text-anchor="end"') for y in (0, 0.5, 1)]
    drawn += [label(at(step, 0), f"{step:g}", 'text-anchor="middle"', 16) for step in updates]
    for i, (key, shares) in enumerate(curves.items()):
        colour = COLOURS[key]
        points = " ".join(at(step, share["value"]) for step, share in zip(updates, shares, strict=True))
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [
            line(at(step, share["low"]), at(step, share["high"]), f'stroke="{colour}" stroke-opacity=".4"')
            for step, share in zip(updates, shares, strict=True)
        ]
        drawn.append(label(at(0.03 * most, 0.95 - 0.09 * i), NAMES[key], f'fill="{colour}"'))
    return f'<svg viewBox="0 0 {WIDE} {HIGH}" width="{WIDE}" role="img" aria-label="Share along the way">{"".join(drawn)}</svg>'


def _left_out(left: Sequence[Json]) -> str:
    if not left:
        return ""
    said = "".join(f"<li>{escape(one['title'])}: {escape(one['why'])}</li>" for one in left)
    return f"<h2>Left out</h2><ul>{said}</ul>"
