"""The leaderboard of the Distill tab: a teacher's students and their hybrids on one plot, with a table beside it.

What it says is computed from figures that may be compared (`studio.capabilities.leaderboard.table`); measuring what lacks some is
a background run of the kind "measure".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gradio as gr

from studio.capabilities.leaderboard import table
from studio.capabilities.leaderboard.table import QUALITIES, Board, Row
from studio.core.files import Json
from studio.jobs.events import ACTIVE
from studio.jobs.info import RunInfo
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.ui.distill import estimate, leaderboard_plot
from studio.ui.kit import looking
from studio.ui.kit import words as say
from studio.ui.kit.exports import Saved, Table, saving
from studio.ui.kit.scripts import mounted
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Updates, Values
from studio.ui.kit.words import span

POLL_S = 2.0  # while something is being measured
NAMED = 4  # arms that a sentence names


def leaderboard_html(value: Json, to_save: Callable[[Json], Saved]) -> gr.HTML:
    """value = `Leaderboard.value()`; to_save: what can be saved of {"teacher"}.

    Triggers "measure", "look" (it was unfolded), and "compare" with {"student"}.
    """
    js, markup = mounted("distill/leaderboard", "measure", "look", "compare"), template("distill/leaderboard")
    served = [saving(to_save)]
    return gr.HTML(
        value, html_template=markup, js_on_load=js, apply_default_css=False, elem_id="leaderboard", server_functions=served
    )


class Leaderboard:
    """Builds the component inside an open `gr.Blocks` and holds its handlers. `teacher` is the field that names whose it is."""

    def __init__(self, jobs: Jobs, teacher: gr.Dropdown):
        self.jobs, self.teacher = jobs, teacher
        self.html = leaderboard_html({"rows": []}, self.to_save)
        self.timer = looking.look(POLL_S)
        self.shown = {self.html, self.timer}
        quiet: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        self.html.measure(self.measure, {teacher}, self.shown, **quiet)
        self.html.look(self.look, {teacher}, self.shown, **quiet)
        looking.on_change(self.timer, self.look, {teacher}, self.shown)

    def show(self, teacher: str, problem: str = "") -> Updates:
        value = self.value(teacher)
        return {
            self.html: value | {"problem": problem or self._trouble(teacher, value)},
            self.timer: looking.at(value["run"]),
        }

    def look(self, values: Values) -> Updates:
        return self.show(values[self.teacher] or "")

    def measure(self, values: Values) -> Updates:
        """Queue a run that measures whatever lacks figures."""
        teacher = values[self.teacher] or ""
        try:
            if self.going(teacher) is None:
                samples = table.board(self.jobs.paths, load_registry(self.jobs.paths), teacher).samples
                self.jobs.submit("measure", {"teacher": teacher, "samples": samples})
        except ValueError as error:
            return self.show(teacher, str(error))
        return self.show(teacher)

    def going(self, teacher: str) -> RunInfo | None:
        """The run that is measuring this teacher's students, or about to."""
        return self._newest(teacher, (*ACTIVE, "queued"))

    def _newest(self, teacher: str, states: Sequence[str] = ()) -> RunInfo | None:
        for info in self.jobs.list(kind="measure", states=states, limit=20):
            try:
                if self.jobs.spec(info.id).config.get("teacher") == teacher:
                    return info
            except ValueError:
                continue  # deleted meanwhile
        return None

    def _trouble(self, teacher: str, value: Json) -> str:
        """Why the newest measurement left something without figures, when it did."""
        action = value["action"]
        last = self._newest(teacher) if action and action["enabled"] else None
        if last is None or last.state not in ("done", "failed"):
            return ""
        notices = (self.jobs.result(last.id) or {}).get("notices") or []
        failed = [text for text in notices if "could not be measured" in text]
        return last.note if last.state == "failed" else " ".join(failed)

    def to_save(self, wish: Json) -> Saved:
        """Figures and rows of the board of {"teacher"}."""
        teacher = str(wish["teacher"])[:90]
        board = table.board(self.jobs.paths, load_registry(self.jobs.paths), teacher)
        names = ("accuracy", "diversity", "fd_oracle")
        rows = [
            [row.arm.title, *((row.figures or {}).get(name) for name in names), row.value("nfe"), row.otherwise]
            for row in board.rows
        ]
        told = [{"arm": row.arm.id, "title": row.arm.title, "role": row.arm.role, "figures": row.figures, "nfe": row.value("nfe"),
                 "measured otherwise": row.otherwise, "front": dict(row.front)} for row in board.rows]  # fmt: skip
        document = {"kind": "leaderboard", "teacher": teacher, "samples": board.samples, "rows": told}
        heads = ["model", "accuracy", "diversity", "FD-oracle", "NFE", "measured otherwise"]
        return Saved([Table(heads, rows)], document)

    def value(self, teacher: str) -> Json:
        """Everything the component draws."""
        try:
            board = table.board(self.jobs.paths, load_registry(self.jobs.paths), teacher)
        except ValueError as error:
            return {
                "rows": [],
                "title": "",
                "summary": "",
                "said": [str(error)],
                "figures": {},
                "busy": False,
                "run": "",
                "action": None,
            }
        going = self.going(teacher)
        return {
            "teacher": teacher,
            "title": board.rows[0].arm.teacher.title,
            "summary": summary(board),
            "said": [board.problem] if board.problem else sentences(board),
            "rows": [table_row(row) for row in board.rows],
            "figures": {choice: leaderboard_plot.figure(board, choice) for choice in leaderboard_plot.CHOICES},
            "choices": [[choice, words] for choice, words in leaderboard_plot.CHOICES.items()],
            "note": note(board),
            "busy": going is not None,
            "run": going.id if going is not None else "",
            "action": None if board.problem else self._action(board, going),
        }

    def _action(self, board: Board, going: RunInfo | None) -> Json:
        """The button and the line beside it."""
        if going is not None:
            return {"text": "Measuring", "enabled": False, "about": self._progress(going)}
        if not board.missing:
            return {"text": "", "enabled": False, "about": f"All measured on {board.samples} pictures each."}
        n = len(board.missing)
        lack = f"{n} of {len(board.rows)} rows lack figures" if n > 1 else "One row lacks figures"
        cost = f"{board.samples} pictures each, {estimate.amount(board.evaluations)} network evaluations, in the background"
        return {"text": "Measure", "enabled": True, "about": f"{lack}: {cost}."}

    def _progress(self, going: RunInfo) -> str:
        p = self.jobs.progress(going.id) or {}
        if going.state == "queued":
            return f"{say.count(going.ahead, 'run')} ahead of it" if going.ahead else "next in line"
        left = f", about {span(p['eta_s'])} left" if p.get("eta_s") else ""
        done = f"{p['done']:,} of {p['total']:,} pictures{left}" if p.get("total") else "preparing"
        return f"{p['title']}: {done}" if p.get("title") else done


# -- words ---------------------------------------------------------------------------------------------------------------


def summary(board: Board) -> str:
    """What the fold's head says: how many students, and how many rows have figures."""
    students = sum(row.arm.role == "student" for row in board.rows)
    measured = sum(row.comparable for row in board.rows)
    known = "" if board.problem else f" · {measured} of {len(board.rows)} rows measured"
    return say.count(students, "student") + known


def note(board: Board) -> str:
    """How to read plot and table."""
    return (
        f"Each on the same {board.samples} pictures: fixed prompts that no training draws, sampled as its recipe says; bars are "
        "95 % intervals, and FD-oracle (lower is closer to the world) has none. Filled marks are on the Pareto front: no other "
        "row is at least as good in quality, diversity and NFE and better in one. A hybrid lets the teacher take its student's "
        "first step, and needs no training."
    )


def sentences(board: Board) -> list[str]:
    """What the figures show, from figures alone; each says accuracy beside diversity."""
    known = [row for row in board.rows if row.comparable and row.value("diversity") is not None]
    teacher = next((row for row in known if row.arm.role == "teacher"), None)
    students = [row for row in board.rows if row.arm.role == "student"]
    if not students:
        return ["There are no students of this teacher yet; Start makes one."]
    if not known:
        return ["Not measured yet: nothing can be said about quality, diversity and cost until figures are comparable."]
    if teacher is None:
        return ["The teacher is not measured yet, so what its students keep of it cannot be said."]
    rest = sorted((row for row in known if row is not teacher), key=_cost_then_quality)
    groups = {True: "No less diverse", False: "Less diverse", None: "Without an interval that could be compared"}
    said, base = [], f"the teacher ({_figures(teacher)})"
    for reaches, words in groups.items():
        if group := [row for row in rest if _reaches(row, teacher) is reaches]:
            than = "" if reaches is None else f" than {base}"
            limit = f", as far as {board.samples} pictures tell" if reaches else ""
            said.append(f"{words}{than}{limit}: {_named(group)}.")
            base = "the teacher"
    if won := _won_back(known):
        said.append(won)
    unknown = [row.arm.student.title for row in students if not row.comparable and row.arm.student is not None]
    if unknown:
        said.append(f"Not measured yet: {', '.join(unknown[:NAMED])}{_more(len(unknown))}.")
    return said


def _won_back(known: Sequence[Row]) -> str:
    """Students whose hybrid is more diverse than they are, beyond the intervals of both."""
    of = {(row.arm.student.id, row.arm.role): row for row in known if row.arm.student is not None}
    found = []
    for (student, role), row in of.items():
        hybrid = of.get((student, "hybrid"))
        if role == "student" and hybrid is not None and _above(hybrid, row):
            before, after = row.value("diversity") or 0.0, hybrid.value("diversity") or 0.0
            found.append(
                f"{row.arm.title} ({before:.2f} to {after:.2f}, accuracy {say.number(row.value('accuracy'), percent=True)} to "
                f"{say.number(hybrid.value('accuracy'), percent=True)}, {say.evaluations(hybrid.value('nfe'))} NFE)"
            )
    shown = "; ".join(found[:NAMED])
    return f"One teacher step in place of the first wins diversity back for {shown}{_more(len(found))}." if found else ""


def _figures(row: Row) -> str:
    return (
        f"{row.value('diversity'):.2f} at accuracy {say.number(row.value('accuracy'), percent=True)}, "
        f"{say.evaluations(row.value('nfe'))} NFE"
    )


def _named(rows: Sequence[Row]) -> str:
    return "; ".join(f"{_inside(row.arm.title)} ({_figures(row)})" for row in rows[:NAMED]) + _more(len(rows))


def _inside(title: str) -> str:
    """A title within a sentence."""
    return title.replace("Hybrid of", "the hybrid of", 1)


def _more(n: int) -> str:
    return f" and {n - NAMED} more" if n > NAMED else ""


def _cost_then_quality(row: Row) -> tuple[float, float]:
    return row.value("nfe") or 0.0, -(row.value("accuracy") or 0.0)


def _ends(row: Row) -> tuple[float, float] | None:
    measure = (row.figures or {}).get("diversity") or {}
    low, high = measure.get("low"), measure.get("high")
    return (float(low), float(high)) if isinstance(low, (int, float)) and isinstance(high, (int, float)) else None


def _reaches(row: Row, teacher: Row) -> bool | None:
    """Whether a row's diversity reaches the teacher's, within both intervals; None without them."""
    own, other = _ends(row), _ends(teacher)
    return None if own is None or other is None else own[1] >= other[0]


def _above(row: Row, other: Row) -> bool:
    own, below = _ends(row), _ends(other)
    return own is not None and below is not None and own[0] > below[1]


# -- the table -----------------------------------------------------------------------------------------------------------


def table_row(row: Row) -> Json:
    """A row of the table: shown texts beside the numbers it is sorted by."""
    figures = row.figures or {}
    cells = {
        "accuracy": (row.value("accuracy"), *say.interval(figures.get("accuracy"), percent=True)),
        "diversity": (row.value("diversity"), *say.interval(figures.get("diversity"))),
        "fd_oracle": (row.value("fd_oracle"), *say.interval(figures.get("fd_oracle"), digits=1)),
        "nfe": (row.value("nfe"), say.evaluations(row.value("nfe")), ""),
    }
    state = f"measured otherwise: {row.otherwise}" if row.otherwise else "" if row.figures else "not measured yet"
    return {
        "id": row.arm.id, "title": row.arm.title, "role": row.arm.role, "tone": leaderboard_plot.tone(row.arm),
        "student": row.arm.student.id if row.arm.student is not None else "", "cells": cells, "state": state,
        "front": {quality: bool(row.front.get(quality)) for quality in QUALITIES}, "about": about(row),
    }  # fmt: skip


def about(row: Row) -> str:
    """What it is, in a few words, and whether its figures came with the program."""
    if row.arm.role == "hybrid":
        what = "teacher's first step, then the student"
    elif row.arm.student is None:
        what = f"{say.count(row.arm.plan.steps, 'step')}, guidance {row.arm.teacher.guidance:g}"
    else:
        what = row.arm.student.summary
    date = ((row.figures or {}).get("shipped") or {}).get("date")
    return f"{what.rstrip('.')}; shipped figures, measured {date}" if date else what
