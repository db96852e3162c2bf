"""Files of a result: CSV of its table, JSON of its request and all that came of it, YAML of the request alone.

A picture of it is drawn by the browser.

A component that can be saved stands on `saving` here and on `SaveBar` of `assets/ui/kit/save.js`:

    parts._html(..., server_functions=[saving(self.to_save)])
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.jobs.spec_file import write_spec
from studio.ui.kit.words import NO_VALUE

ENDS = ("low", "high", "note")  # what stands in columns beside a value
Cell = object  # a text, a number, None, a measure {"value", "low", "high"}, or (text, interval) as `words.interval` writes them
SHOWN = re.compile(r"([-−]?\d+(?:\.\d+)?)( %)?")
REACH = re.compile(r"\[([-−]?\d+(?:\.\d+)?)(?:–| to )([-−]?\d+(?:\.\d+)?)\]")
FORMULA = re.compile(r"[=@\t\r]|[-+](?![\w .–+-]*$)")  # what a spreadsheet would take a text for that begins so


@dataclass(frozen=True)
class Table:
    """heads: one for every cell of a row."""

    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""


@dataclass(frozen=True)
class Saved:
    """What can be saved of a result."""

    tables: Sequence[Table]
    document: Json = field(default_factory=dict)
    report: Callable[[], str] | None = None  # of one HTML file


def saving(look: Callable[[Json], Saved]) -> Callable[[Json], Json]:
    """The server's half of a `SaveBar`. `look` finds the result that a wish names; its ValueError is what the page says."""

    def save_as(wish: Json) -> Json:
        """{"what": "csv", "json", "yaml" or "html", …} -> {"text"} of the file, or {"problem"}. The browser may send anything."""
        asked = wish if isinstance(wish, dict) else {}
        try:
            saved = look(asked)
        except (ValueError, KeyError, TypeError) as error:
            return {"problem": str(error) or "This cannot be saved."}
        if asked.get("what") == "csv":
            return {"text": csv_text(saved.tables)} if saved.tables else {"problem": "There are no figures yet."}
        if asked.get("what") == "html":
            return _reported(saved)
        if asked.get("what") == "yaml":
            return _experiment(saved.document)
        return {"text": json.dumps(saved.document, indent=1, ensure_ascii=False) + "\n"}

    return save_as


def _reported(saved: Saved) -> Json:
    """{"text"} of one HTML file, or {"problem"}."""
    try:
        return {"text": saved.report()} if saved.report else {"problem": "There is no report of this."}
    except ValueError as error:
        return {"problem": str(error)}


def _experiment(document: Json) -> Json:
    """{"text"} of a spec file that asks for a run again, or {"problem"}."""
    if "kind" not in document or not isinstance(document.get("request"), dict):
        return {"problem": "This is of several runs, and an experiment file asks for one."}
    return {"text": write_spec(str(document["kind"]), document["request"])}


def of_run(jobs: Jobs, run_id: str, kind: str = "") -> Json:
    """The document of a run: its request, which repeats it, and its result. ValueError where there is none, or none of this
    kind; "" is any."""
    info = jobs.get(run_id)
    if kind and info.kind != kind:
        raise ValueError(f"Run {run_id} is a {info.kind} job, not a {kind} job.")
    return {
        "kind": info.kind,
        "run": run_id,
        "state": info.state,
        "request": jobs.spec(run_id).config,
        "result": jobs.result(run_id),
    }


def csv_text(tables: Sequence[Table]) -> str:
    """One table of a head and rows. An interval is two more columns, "… low" and "… high"; shares are 0 … 1.

    Several tables are rows of one, with a column that says of which, and columns of any of them.
    """
    made = [(table, _flat(table, "row" if len(tables) > 1 else "")) for table in tables]
    names = list(dict.fromkeys(name for _, rows in made for row in rows for name in row))
    heads = ["table", *names] if len(tables) > 1 else names
    out = io.StringIO()
    writer = csv.DictWriter(out, heads, lineterminator="\n")
    writer.writeheader()
    for table, rows in made:
        writer.writerows([{"table": table.title, **row} if len(tables) > 1 else row for row in rows])
    return out.getvalue()


def _flat(table: Table, first: str) -> list[dict[str, object]]:
    """Rows by name of column; `first` renames the first one."""
    heads = [first or table.heads[0], *table.heads[1:]]
    split = [[_split(cell) for cell in row] for row in table.rows]
    more = [{name for cells in split for name in cells[i][1]} for i in range(len(heads))]
    rows = []
    for cells in split:
        row: dict[str, object] = {}
        for head, (value, ends), names in zip(heads, cells, more, strict=True):
            row |= {head: value} | {f"{head} {name}": ends.get(name) for name in ENDS if name in names}
        rows.append(row)
    return rows


def _split(cell: Cell) -> tuple[object, dict[str, object]]:
    """The value of a cell, and what stands beside it by name."""
    if isinstance(cell, Mapping):
        ends = {name: _number(cell.get(name)) for name in ("low", "high")}
        return _number(cell.get("value")), {} if None in ends.values() else ends
    if isinstance(cell, tuple | list):
        return _as_shown(str(cell[0]), str(cell[1]))
    return (_text(cell) if isinstance(cell, str) else _number(cell)), {}


def _number(x: object) -> object:
    """Six figures of a float."""
    return f"{x:.6g}" if isinstance(x, float) else x


def _as_shown(text: str, reach: str) -> tuple[object, dict[str, object]]:
    """Figures as the page words them, as numbers again: "96 %", "[89–99]" is 0.96, 0.89, 0.99."""
    found, ends = SHOWN.fullmatch(text), REACH.fullmatch(reach)
    unit = 0.01 if found and found[2] else 1
    value = _number(_float(found[1]) * unit) if found else _text(text)
    if ends is not None:
        return value, {"low": _number(_float(ends[1]) * unit), "high": _number(_float(ends[2]) * unit)}
    return value, {"note": _text(reach)} if reach else {}


def _float(text: str) -> float:
    return float(text.replace("−", "-"))


def _text(text: str) -> str | None:
    """A text that no spreadsheet takes for a formula; None for the dash that stands for no value."""
    if text == NO_VALUE:
        return None
    return f"'{text}" if FORMULA.match(text) else text
