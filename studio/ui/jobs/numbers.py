"""The objective's own numbers over training, as small figures beside the loss: gradients, normaliser, then the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from studio.core.files import Json
from studio.library.measured_arms import Column, figure
from studio.ui.jobs.curves import COLORS, NAMES, losses, thinned
from studio.ui.jobs.view import JobView

SHOWN = 250  # points of a small curve that are sent to the browser
MOST = 12  # small figures; an objective that logs more keeps the first
GRADIENT = "/grad_norm"


@dataclass
class Panel:
    """One small figure. lines: (name, colour, dash, {step: value}); at: a value worth a dotted line."""

    key: str
    title: str
    note: str
    lines: list[tuple[str, str, str, dict[int, float]]]
    log: bool = False
    percent: bool = False
    at: float | None = None
    band: bool = field(default=False)  # the first line is the lower edge of an area, the second its upper


KNOWN = {  # name in the log -> (title, what it is)
    "normaliser": ("Normaliser n", "mean |x − x̂₀ of the teacher|, which the gradient is divided by"),
    "direction": ("Direction |A| / n", "how far teacher and fake score disagree about the student's samples"),
    "discriminator_right": ("Discriminator", "how often it tells the student's samples from real ones; at 50 % it cannot"),
    "student_steps": ("Steps of the round", "the student's, halved from round to round"),
    "subject": ("Pictures", "error on the pictures of the subject, of the velocity"),
    "prior": ("Class", "error on pictures that the untouched model made of the class"),
    "replay": ("Replay", "how far answers to other prompts have moved, squared"),
    "winner": ("Winner", "error on what is preferred (a subject's pictures, or winners of pairs), of the velocity"),
    "loser": ("Loser", "error on what is not (the untouched model's pictures of the class, or losers of pairs)"),
    "excess": (
        "Winner, excess",
        "over the untouched model's error, smoothed; above 0 the subject is explained worse",
    ),
    "gap": ("Gap", "what the loss looks at: winner minus loser, against the untouched model"),
    "winner_ratio": ("Winner, against before", "its error over the untouched model's, smoothed; above 1.2 it gets worse"),
    "accuracy": ("Pairs told apart", "share of pairs whose winner the adapter makes likelier than the loser"),
    "reward": ("Reward", "mean of what the model draws while it is tuned"),
    "moved": ("Distance", "to the untouched model, squared, of the velocity"),
    "clipped": ("Clipped", "share of steps whose likelihood ratio is outside of its bounds"),
    "misnamed": ("Values", "cross-entropy of an attribute's value as its tokens tell it"),
    "segments": ("Segments of the round", "parts of the time axis, each with its own end"),
}


def panels(view: JobView) -> list[Panel]:
    """What there is to draw, gradients first; numbers that only repeat a loss are left out."""
    series: dict[str, dict[int, float]] = {}
    for row in view.rows:
        for name, value in (row.get("log") or {}).items():
            if isinstance(value, (int, float)):
                series.setdefault(str(name), {})[row["step"]] = float(value)
    for name in [name for name, values in series.items() if len(values) < 2 or _repeats_a_loss(view.rows, name)]:
        del series[name]
    gradients = sorted((n for n in series if n.endswith(GRADIENT)), key=lambda n: (not n.startswith("student"), n))
    found = [Panel("gradients", "Gradient sizes", "norm before clipping, logarithmic", log=True, lines=[
        (NAMES.get(n[: -len(GRADIENT)], n[: -len(GRADIENT)].capitalize()), COLORS.get(n[: -len(GRADIENT)], "--ink-2"), "solid",
         series[n]) for n in gradients])] if gradients else []  # fmt: skip
    rest = [n for n in series if n not in gradients]
    if "ratio_low" in rest and "ratio_high" in rest:
        lines = [
            (name, "--ink-2", "solid", series[key]) for name, key in (("10th percentile", "ratio_low"), ("90th", "ratio_high"))
        ]
        note = "teacher over student: from the 10th to the 90th percentile of the batch"
        ratio = Panel("ratio", "Density ratio r", note, lines, log=True, at=1.0, band=True)
        rest = [n for n in rest if n not in ("ratio_low", "ratio_high")]
    else:
        ratio = None
    order = [*(n for n in KNOWN if n in rest), *sorted(n for n in rest if n not in KNOWN)]
    found += [_single(name, series[name]) for name in order]
    found += [ratio] if ratio else []
    return [*found, *_subject(view), *_contrast(view)][:MOST]


def _single(name: str, values: dict[int, float]) -> Panel:
    title, note = KNOWN.get(name, (name.replace("_", " ").replace("/", ": ").capitalize(), "as the objective logs it"))
    percent = name == "discriminator_right"
    return Panel(name, title, note, [(title, "--ink-2", "solid", values)], percent=percent, at=0.5 if percent else None)


_OF_SUBJECT = (
    (Column("subject shown", ("hit",)), "--arm-student"),
    (Column("leak", ("leak",)), "--arm-skip-first"),
    (Column("others right", ("others", "accuracy")), "--arm-teacher"),
)


def _subject(view: JobView) -> list[Panel]:
    """Of a personalization: what was measured of its own model on the way."""
    rows = [row for row in view.sides if "hit" in row and row["arm"] == view.sides[0]["arm"]]
    lines = []
    for column, color in _OF_SUBJECT:
        found = {int(row["step"]): figure(row, column) for row in rows}
        values = {step: float(one["value"]) for step, one in sorted(found.items()) if one is not None}
        if len(values) > 1:
            lines.append((column.name, color, "solid", values))
    return [Panel("subject-shown", "Subject", "shares of pictures, as measured on the way", lines, percent=True)] if lines else []


def _contrast(view: JobView) -> list[Panel]:
    """Of the strips: where few-step students saturate."""
    lines = []
    for (n, by), dash in zip(sorted(view.strips.items(), reverse=True), ("solid", "dash", "dot", "dashdot"), strict=False):
        values = {step: float(by[step]["contrast"]) for step in sorted(by) if by[step].get("contrast") is not None}
        if len(values) > 1:
            lines.append((f"{n} step{'' if n == 1 else 's'}", "--arm-student", dash, values))
    note = "of the strips, times the teacher's; what saturates rises"
    return [Panel("contrast", "Contrast", note, lines, at=1.0)] if lines else []


def _repeats_a_loss(rows: Sequence[Json], name: str) -> bool:
    """Whether a number is the loss of a network under another name."""
    pairs = [(row["losses"], row["log"][name]) for row in rows if name in (row.get("log") or {})]
    return any(all(found.get(network) == value for found, value in pairs) for network in losses(rows))


def numbers(view: JobView) -> list[Json]:
    """The small figures: {"key", "title", "note", "values" (see `_newest`), "figure" (plotly JSON text)}."""
    return [{"key": p.key, "title": p.title, "note": p.note, "values": _newest(p), "figure": _figure(p)} for p in panels(view)]


def _newest(panel: Panel) -> list[list[str]]:
    """The newest value of every line: [value, colour, name]."""
    said = []
    for name, color, _, values in panel.lines:
        v = list(values.values())[-1]
        said.append([f"{100 * v:.0f} %" if panel.percent else f"{v:.3g}", color, name])
    return said


def _figure(panel: Panel) -> str:
    data: list[Json] = []
    scale = 100.0 if panel.percent else 1.0
    for i, (name, color, dash, values) in enumerate(panel.lines):
        points = thinned(list(values.items()), SHOWN)
        trace: Json = {
            "type": "scatter", "mode": "lines+markers" if len(points) < 30 else "lines", "name": name,
            "x": [step for step, _ in points], "y": [float(f"{v * scale:.4g}") for _, v in points],
            "line": {"color": color, "width": 1.5, "dash": dash}, "marker": {"color": color, "size": 4},
            "hovertemplate": f"step %{{x:,}}<br>{name} %{{y:.3g}}<extra></extra>",
        }  # fmt: skip
        if panel.band and i == 1:
            trace |= {"fill": "tonexty", "fillcolor": "--sunken"}
        data.append(trace)
    layout: Json = {
        "margin": {"l": 42, "r": 6, "t": 4, "b": 24}, "showlegend": False, "shapes": [], "hoverlabel": {"align": "left"},
        "xaxis": {"zeroline": False, "tickformat": ",d", "nticks": 4},
        "yaxis": {"zeroline": False, "nticks": 4, "tickformat": ".3~g", "ticksuffix": " %" if panel.percent else ""},
        "uirevision": panel.key,
    }  # fmt: skip
    if panel.log:
        layout["yaxis"] |= {"type": "log", "dtick": 1, "tickformat": "~g"}
        del layout["yaxis"]["nticks"]
    if panel.percent:
        layout["yaxis"] |= {"range": [0, 102], "tickvals": [0, 50, 100]}
    if panel.at is not None:
        y = panel.at * scale
        layout["shapes"].append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": y, "y1": y,
                                 "line": {"color": "--ink-3", "width": 1, "dash": "dot"}})  # fmt: skip
    return json.dumps({"data": data, "layout": layout}, separators=(",", ":"))
