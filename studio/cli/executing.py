"""A submitted run executed from a terminal: its progress shown, and what came of it printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from studio.cli.inline import Executor
from studio.core.files import Json
from studio.jobs import history
from studio.jobs.jobs import Jobs
from studio.library.shown_measures import titled
from studio.library.trade_off import sentences

out, err = Console(), Console(stderr=True)


def execute(jobs: Jobs, run_id: str, device: str | None, out_folder: Path | None, as_json: bool) -> None:
    """Run a submitted job (or let the worker do it), show its progress, print what came of it."""
    executor = Executor(jobs, run_id, device)
    executor.start()
    try:
        watch(jobs, run_id, executor.is_alive)
    except KeyboardInterrupt:
        jobs.cancel(run_id)
        err.print("Stopping after this step …")
        watch(jobs, run_id, executor.is_alive)
    executor.join(10.0)
    info, result = jobs.get(run_id), jobs.result(run_id)
    problem = "" if info.final else executor.problem
    if as_json:
        print(json.dumps({"id": run_id, "state": info.state, "note": info.note or problem, "result": result}, indent=1))
    else:
        report(result)
        out.print(f"{run_id}  {info.state}  {info.note}".rstrip(), markup=False, highlight=False)
    if out_folder is not None and result is not None:
        written = history.export(jobs, run_id, out_folder)
        if not as_json:
            out.print(f"{len(written)} files in {out_folder}", markup=False, highlight=False)
    if problem:
        err.print(problem, style="red", markup=False, highlight=False)
    if info.state != "done":
        raise SystemExit(1)


def watch(jobs: Jobs, run_id: str, going: Callable[[], bool]) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("queued", total=None)
        for event in jobs.follow(run_id, going=going):
            if event["kind"] == "state":
                bar.update(task, description=str(event["note"] or event["state"])[:60])
            elif event["kind"] == "progress":
                what = f"{event.get('arm', '')} {event.get('step', '')}/{event.get('steps', '')}"
                bar.update(task, completed=event["done"], total=event["total"], description=what)
            elif event["kind"] == "notice":
                bar.console.print(event["text"], style="yellow", markup=False, highlight=False)


def report(result: Json | None) -> None:
    """The table and the sentences of a comparison, or a line a cell of a grid."""
    if result and "axes" in result:
        _report_grid(result)
    if not result or "arms" not in result:
        return
    further = titled(row.get("measures") or {} for row in result["arms"])
    judged = any(row.get("figures_by") for row in result["arms"])  # no oracle reads
    heads = [*(look["title"] for look in further.values()), *(["read by"] if judged else [])]
    table = Table("arm", "diversity", "accuracy", "NFE", "s / image", *heads)
    for row in result["arms"]:
        measures = row.get("measures") or {}
        diversity, accuracy = interval_of(measures.get("diversity")), interval_of(measures.get("accuracy"), percent=True)
        more = [interval_of(measures.get(name), look["percent"], look["digits"]) for name, look in further.items()]
        more += [str(row.get("figures_by") or "–")] if judged else []
        table.add_row(row["label"], diversity, accuracy, f"{row['nfe']:g}", f"{row['seconds_per_image']:.3f}", *more)
    out.print(table)
    if reason := next((why for why in map(_unknown, result["arms"]) if judged and why), ""):
        out.print(f"No accuracy: {reason}.", markup=False, highlight=False)
    by = next((str(row["figures_by"]) for row in result["arms"] if row.get("figures_by")), "")
    recovery = result.get("recovery", [])
    for said in (*(entry["sentence"] for entry in recovery), *sentences(result["arms"], recovery, by=by)):
        out.print(said, markup=False, highlight=False)


def _report_grid(result: Json) -> None:
    table = Table(*(axis["title"] for axis in result["axes"]), "accuracy", "diversity", "NFE", "s / image")
    for cell in result["cells"]:
        at = [axis["labels"][i] for axis, i in zip(result["axes"], cell["at"], strict=True)]
        measures, pace = cell.get("measures") or {}, cell.get("seconds_per_image")
        if cell.get("why"):
            table.add_row(*at, cell["why"])
            continue
        accuracy = interval_of(measures.get("accuracy"), percent=True)
        spent = "drawn before" if pace is None else f"{pace:.3f}"
        table.add_row(*at, accuracy, interval_of(measures.get("diversity")), f"{cell['nfe']:g}", spent)
    out.print(table)


def _unknown(row: Json) -> str:
    """Why an arm has no accuracy."""
    return str(((row.get("measures") or {}).get("accuracy") or {}).get("note") or "")


def interval_of(measure: Json | None, percent: bool = False, digits: int = 2) -> str:
    if not measure or measure.get("value") is None:
        return "–"
    scale, digits = (100, 0) if percent else (1, digits)
    text = f"{measure['value'] * scale:.{digits}f}{' %' if percent else ''}"
    if measure.get("low") is None or measure.get("high") is None:
        return text
    return f"{text} [{measure['low'] * scale:.{digits}f}–{measure['high'] * scale:.{digits}f}]"
