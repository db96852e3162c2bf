"""Sentences and figures of a run, in one place: what the page says is computed here, never typed in.

A diversity is never worded without the accuracy beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from studio.library.adapter_uses import AdapterUse
from studio.ui import arms

if TYPE_CHECKING:
    from studio.ui.view import RunView

Json = dict[str, Any]
NO_VALUE = "–"


def number(x: Any, digits: int = 2, percent: bool = False) -> str:
    """0.81, 96 %, or a dash when there is no value."""
    if not isinstance(x, (int, float)):
        return NO_VALUE
    return f"{100 * x:.0f} %" if percent else f"{x:.{digits}f}"


def interval(measure: Mapping[str, Any] | None, digits: int = 2, percent: bool = False) -> tuple[str, str]:
    """("0.81", "[0.74–0.88]"); ("96 %", "[89–99]"); ("–", "") when it could not be computed.

    Ends of shares beyond ±999 %, which say nothing more, are "[7–over 999]".
    """
    if not isinstance(measure, Mapping):
        return number(measure, digits, percent), ""
    shown = number(measure.get("value"), digits, percent)
    low, high = measure.get("low"), measure.get("high")
    if shown == NO_VALUE or not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
        return shown, ""
    return shown, f"[{_end(low, digits, percent)}–{_end(high, digits, percent)}]"


def _end(x: float, digits: int, percent: bool) -> str:
    if percent:
        return f"{100 * x:.0f}" if abs(x) < 10 else "under -999" if x < 0 else "over 999"
    return f"{x:.{digits}f}"


def count(n: int, thing: str) -> str:
    """A number of things: "1 seed", "8 seeds"."""
    return f"{n} {thing}{'' if n == 1 else 's'}"


def seconds(s: float | None) -> str:
    """A duration: "0.08 s", "12 s", "3 min 20 s"."""
    if s is None:
        return NO_VALUE
    if s < 10:
        return f"{s:.2f} s" if s < 1 else f"{s:.1f} s"
    return f"{s:.0f} s" if s < 100 else f"{int(s) // 60} min {int(s) % 60} s"


def evaluations(nfe: float | None) -> str:
    """Network evaluations per image: a whole number where it is one."""
    return NO_VALUE if nfe is None else f"{nfe:g}"


def row_figures(row: Mapping[str, Any]) -> Json | None:
    """The four figures beside a row of the wall; None until the arm is measured."""
    if row["nfe"] is None:
        return None
    measures = row["measures"]
    diversity, diversity_ci = interval(measures.get("diversity"))
    accuracy, accuracy_ci = interval(measures.get("accuracy"), percent=True)
    return {
        "diversity": diversity,
        "diversity_ci": diversity_ci,
        "accuracy": accuracy,
        "accuracy_ci": accuracy_ci,
        "nfe": evaluations(row["nfe"]),
        "seconds": seconds(row["seconds"]),
    }


def status(view: RunView, ahead: int, done: int, total: int) -> Json:
    """The status line: a word for the chip, and what is going on beside it. `done` of `total` pictures are finished."""
    state, note, p = view.state, view.note.rstrip("."), view.progress or {}
    if state == "queued":
        text = f"{count(ahead, 'run')} ahead" if ahead else (note or "next in line")
    elif state == "loading":
        text = note or "opening models"
    elif state == "running":
        at = f"{arms.title(p['arm'])}, step {p['step']} of {p['steps']}" if p.get("arm") and p.get("steps") else note
        left = f"about {seconds(max(p['eta_s'], 1))} left" if isinstance(p.get("eta_s"), (int, float)) else ""
        text = " · ".join(part for part in (at, left) if part)
    elif state == "done":
        text = f"{done} pictures" + (f" in {seconds(view.took_s)}" if view.took_s is not None else "")
    elif state == "cancelled":
        text = f"{done} of {total} pictures were finished and are kept"
    elif state == "interrupted":
        text = note or f"the worker stopped; {done} of {total} pictures are kept"
    else:
        text = note or "the log of the run says why"
    return {"word": state, "text": text}


def headline(view: RunView) -> Json:
    """The sentence above the wall: the computed recovery first, plain figures otherwise, then what is going on."""
    found = _headline(view)
    uses = [AdapterUse.model_validate(use) for use in view.request.get("adapters") or []]
    worn = f"With {', '.join(use.said() for use in uses)}." if uses else ""
    return found | {"rest": [*([worn] if worn else []), *found["rest"]]}


def _headline(view: RunView) -> Json:
    entries = [e for e in view.recovery if e.get("sentence")]
    if entries:
        lead = next((e for e in entries if str(e.get("arm", "")).startswith("hybrid")), entries[0])
        lead_said, *rest = _sentences([lead, *(e for e in entries if e is not lead)])
        return {"lead": lead_said, "rest": rest, "tone": lead.get("holds", "")}
    measured = [row for row in view.rows.values() if row["measures"].get("diversity")]
    if measured and not view.live:
        return {"lead": ". ".join(_plain(row) for row in measured[:3]) + ".", "rest": [], "tone": ""}
    things = f"{count(len(view.seeds), 'seed')} × {count(len(view.rows), 'arm')}"
    if view.live:
        verb = "Drawing" if view.state == "running" else "About to draw"
        return {"lead": f"{verb} “{view.request['prompt']}”: {things}", "rest": [], "tone": "pending"}
    return {"lead": f"“{view.request['prompt']}”: {things}", "rest": [], "tone": "pending"}


def _sentences(entries: list[Json]) -> list[str]:
    """The first entry's first sentence, then what is left of every entry, without saying anything twice."""
    said: list[str] = []
    lines: list[str] = []
    for entry in entries:
        new = [s for s in re.split(r"(?<=\.) (?=[A-Z])", entry["sentence"]) if s not in said]
        said += new
        lines += ([new[0], " ".join(new[1:])] if not lines else [" ".join(new)]) if new else []
    return [line for line in lines if line]


def _plain(row: Mapping[str, Any]) -> str:
    figures = row_figures(row) or {}
    diversity = " ".join(p for p in (figures.get("diversity"), figures.get("diversity_ci")) if p)
    accuracy = " ".join(p for p in (figures.get("accuracy"), figures.get("accuracy_ci")) if p)
    return f"{row['title']}: diversity {diversity} at accuracy {accuracy}"
