"""A run as the page shows it: events folded into one JSON-ready picture of the moment.

`RunView` is a pure reducer (events in, dict out); `Views` keeps one per run and feeds it from a byte offset,
so that ten browsers watching one run read its event file once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from studio.core.files import Json
from studio.library.adapter_uses import AdapterUse
from studio.library.trade_off import HERE, sentences
from studio.metrics.margins import LOUDEST_SHARE
from studio.ui.kit import arms
from studio.ui.kit.views import LIVE
from studio.ui.kit.words import count, evaluations, interval, seconds, unread


class RunView:
    """Folds the events of one run. request: its configuration as it was submitted. viewer: of its medium, "" for none."""

    pair = ""  # its two models by name

    def __init__(self, run_id: str, request: Json, student_steps: int, viewer: str = ""):
        self.run_id, self.request, self.viewer = run_id, dict(request), viewer
        self.seeds = [int(seed) for seed in self.request["seeds"]]
        self.state, self.note = "queued", ""
        self.began_s: float | None = None  # unix time of the first step
        self.took_s: float | None = None
        self.progress: Json | None = None
        self.notices: list[str] = []
        self.recovery: list[Json] = []
        self.where = HERE  # its seconds were taken
        self.shipped: Json = {}  # of a run that came with the program, what `library.examples` says of it
        self.finished = False  # whether `finish` has been told the result
        self.student_steps = int(self.request.get("student_steps") or student_steps)
        self.rows = {arm: self._row(arm) for arm in self.request["arms"]}

    def _row(self, arm: str) -> Json:
        return {
            "arm": arm,
            "title": arms.title(arm),
            "tone": arms.look(arm).slug,
            "meaning": arms.meaning(arm),
            "glyph": arms.glyph(arm, self.student_steps, int(self.request.get("teacher_steps") or 0)),
            "images": {},
            "files": {},
            "strip": None,
            "nfe": None,
            "seconds": None,
            "measures": {},
            "by": "",
        }

    def apply(self, event: Json) -> None:
        """Fold one event in. Kinds and arms this page does not know are passed over."""
        kind, row = event.get("kind"), self.rows.get(str(event.get("arm")))
        if kind == "state":
            self._changed(str(event["state"]), str(event.get("note") or ""), float(event.get("time") or 0))
        elif kind == "progress":
            self.progress = {k: event.get(k) for k in ("done", "total", "arm", "step", "steps", "eta_s")}
        elif kind == "notice":
            text = str(event["text"])
            if text not in self.notices:
                self.notices.append(text)
        elif kind == "preview" and row is not None:
            row["strip"] = {k: event.get(k) for k in ("strip", "count", "step", "steps", "model")}
        elif kind == "image" and row is not None:
            self._keep(row, event)
        elif kind == "arm" and row is not None:
            self._measured(row, event)

    def _changed(self, state: str, note: str, time_s: float) -> None:
        self.state, self.note = state, note
        if state == "running" and self.began_s is None:
            self.began_s = time_s
        if state not in LIVE and self.began_s is not None:
            self.took_s = max(0.0, time_s - self.began_s)

    def _keep(self, row: Json, image: Json) -> None:
        row["images"][str(image["seed"])] = image["path"]
        if image.get("files"):
            row["files"][str(image["seed"])] = list(image["files"])

    def _measured(self, row: Json, arm: Json) -> None:
        row["nfe"], row["seconds"] = arm.get("nfe"), arm.get("seconds_per_image")
        row["measures"], row["by"] = dict(arm.get("measures") or {}), str(arm.get("figures_by") or "")

    def finish(self, result: Json | None) -> None:
        """Take what only `result.json` holds: the recovery sentences, and arms measured again on all of them."""
        self.finished = True
        if not result:
            return
        self.recovery = [dict(entry) for entry in result.get("recovery") or []]
        self.shipped = dict(result.get("shipped") or {})
        self.where = str(self.shipped.get("where") or self.where)
        for arm in result.get("arms") or []:
            row = self.rows.get(str(arm.get("arm")))
            if row is not None:
                self._measured(row, arm)
                for image in arm.get("images") or []:
                    self._keep(row, image)
        for text in result.get("notices") or []:
            if text not in self.notices:
                self.notices.append(text)

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def pictures(self) -> tuple[int, int]:
        """(finished, asked for)."""
        return sum(len(row["images"]) for row in self.rows.values()), len(self.rows) * len(self.seeds)

    def board(self, ahead: int = 0) -> Json:
        """What the seed wall draws. `ahead`: how many runs wait before this one."""
        rows = [
            {k: row[k] for k in ("arm", "title", "tone", "meaning", "glyph", "images", "files", "strip", "nfe")}
            | {"figures": row_figures(row)}
            for row in self.rows.values()
        ]
        done, total = self.pictures
        return {
            "run": self.run_id,
            "prompt": self.request["prompt"],
            "pair": self.pair,
            "viewer": self.viewer,
            "seeds": self.seeds,
            "state": self.state,
            "live": self.live,
            "shipped": bool(self.shipped),
            "status": status(self, ahead, done, total),
            "progress": self.progress,
            "headline": headline(self),
            "notices": self.notices,
            "rows": rows,
        }


def row_figures(row: Json) -> Json | None:
    """The figures beside a row of the wall; None until the arm is measured. by: who read them where no oracle does, else "".
    score: of text, "" where nobody reads words. unread: how many pictures do not count as
    diversity, and why. why: what an accuracy that is not known says of itself."""
    if row["nfe"] is None:
        return None
    measures = row["measures"]
    diversity, diversity_ci = interval(measures.get("diversity"))
    accuracy, accuracy_ci = interval(measures.get("accuracy"), percent=True)
    score, score_ci = interval(measures["text_score"], digits=1) if measures.get("text_score") else ("", "")
    return {
        "diversity": diversity,
        "diversity_ci": diversity_ci,
        "accuracy": accuracy,
        "accuracy_ci": accuracy_ci,
        "nfe": evaluations(row["nfe"]),
        "seconds": seconds(row["seconds"]),
        "by": row["by"],
        "score": score,
        "score_ci": score_ci,
        "unread": "" if row["by"] else unread((measures.get("diversity") or {}).get("n"), measures.get("n")),
        "why": str((measures.get("accuracy") or {}).get("note") or "") if row["by"] else "",
    }


def of_one_reader(rows: Iterable[Json]) -> list[Json]:
    """Rows that whoever read the first one read too: figures of two judges do not stand beside each other."""
    found = list(rows)
    return [row for row in found if row.get("by", "") == found[0].get("by", "")]


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
        text = count(done, "picture") + (f" in {seconds(view.took_s)}" if view.took_s is not None else "")
    elif state == "cancelled":
        text = f"{done} of {count(total, 'picture')} were finished and are kept"
    elif state == "interrupted":
        text = note or f"the worker stopped; {done} of {count(total, 'picture')} are kept"
    else:
        text = note or "the log of the run says why"
    return {"word": state, "text": text}


def headline(view: RunView) -> Json:
    """The sentence above the wall: the computed recovery first, plain figures otherwise, then what is going on."""
    found = _headline(view)
    uses = [AdapterUse.model_validate(use) for use in view.request.get("adapters") or []]
    worn = f"With {', '.join(use.said() for use in uses)}." if uses else ""
    return found | {"rest": [*([worn] if worn else []), *trade_off(view), *found["rest"]]}


def trade_off(view: RunView) -> list[str]:
    """What an engineer chooses by, once everything is measured."""
    if view.live:
        return []
    rows = list(view.rows.values())
    by = next((row["by"] for row in rows if row["by"]), "")
    return sentences(rows, view.recovery, view.where, by)


def _headline(view: RunView) -> Json:
    entries = [e for e in view.recovery if e.get("sentence")]
    if entries:
        lead = next((e for e in entries if str(e.get("arm", "")).startswith("hybrid")), entries[0])
        lead_said, *rest = _sentences([lead, *(e for e in entries if e is not lead)])
        return {"lead": lead_said, "rest": rest, "tone": tone(lead)}
    measured = of_one_reader(row for row in view.rows.values() if row["measures"].get("diversity"))
    if measured and not view.live:
        by = f"By the {measured[0]['by']}: " if measured[0]["by"] else ""
        return {"lead": by + ". ".join(_plain(row) for row in measured[:3]) + ".", "rest": [], "tone": ""}
    things = f"{count(len(view.seeds), 'seed')} × {count(len(view.rows), 'arm')}"
    if view.live:
        verb = "Drawing" if view.state == "running" else "About to draw"
        return {"lead": f"{verb} “{view.request['prompt']}”: {things}", "rest": [], "tone": "pending"}
    return {"lead": f"“{view.request['prompt']}”: {things}", "rest": [], "tone": "pending"}


def tone(entry: Json) -> str:
    """How loud a sentence is said: its verdict, "not settled" where the interval of what holds is wide."""
    verdict, low, high = str(entry.get("holds", "")), entry.get("low"), entry.get("high")
    if verdict != "holds" or "value" not in entry:
        return verdict
    if not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
        return "not settled"
    return verdict if high - low <= LOUDEST_SHARE else "not settled"


def _sentences(entries: list[Json]) -> list[str]:
    """The first entry's first sentence, then what is left of every entry, without saying anything twice."""
    said: list[str] = []
    lines: list[str] = []
    for entry in entries:
        new = [s for s in re.split(r"(?<=\.) (?=[A-Z])", entry["sentence"]) if s not in said]
        said += new
        lines += ([new[0], " ".join(new[1:])] if not lines else [" ".join(new)]) if new else []
    return [line for line in lines if line]


def _plain(row: Json) -> str:
    figures = row_figures(row) or {}
    diversity = " ".join(p for p in (figures.get("diversity"), figures.get("diversity_ci")) if p)
    accuracy = " ".join(p for p in (figures.get("accuracy"), figures.get("accuracy_ci")) if p)
    if row["by"]:
        score = " ".join(p for p in (figures.get("score"), figures.get("score_ci")) if p)
        return f"{row['title']}: diversity {diversity}{f' at a CLIP text score of {score}' if score else ''}"
    return f"{row['title']}: diversity {diversity} at accuracy {accuracy}"
