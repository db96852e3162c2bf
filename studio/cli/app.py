"""`python -m studio …`: the page's actions as commands, with the same requests and the same run directories."""

from __future__ import annotations

import json
import runpy
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from studio.capabilities.adapters.commands import app as adapters
from studio.capabilities.controlnets.commands import app as controlnets
from studio.capabilities.personalize.commands import app as subjects
from studio.capabilities.preference.commands import app as votes
from studio.cli.audit import audit
from studio.cli.evaluate import evaluate
from studio.cli.inline import Executor
from studio.cli.jobs import app as background
from studio.cli.methods import methods
from studio.cli.models import app as models
from studio.cli.space import app as space
from studio.cli.unlearn import unlearn
from studio.core.explain import explain
from studio.core.files import Json
from studio.core.registry import problems
from studio.domains.media import image
from studio.jobs import history
from studio.jobs.jobs import Jobs
from studio.library.draw_request import DEFAULT_ARMS, DEFAULT_PAIR, CompareRequest
from studio.library.hint_uses import WRITE_HELP, with_files
from studio.library.provenance import changed_models
from studio.library.shown_measures import titled
from studio.library.stock import open_jobs

app = typer.Typer(
    name="studio",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Distillation Studio: compare teachers, their students and hybrids of the two.",
)
runs = typer.Typer(no_args_is_help=True, help="Past and present runs.")
app.add_typer(runs, name="runs")
app.add_typer(background, name="jobs")
app.add_typer(models, name="models")
app.add_typer(adapters, name="adapters")
app.add_typer(controlnets, name="controlnets")
app.add_typer(subjects, name="subjects")
app.add_typer(votes, name="votes")
app.add_typer(space, name="space")
app.command()(methods)
app.command()(unlearn)
app.command()(audit)
app.command()(evaluate)
out, err = Console(), Console(stderr=True)

DataDir = Annotated[Path | None, typer.Option(help="Folder for everything you make.", envvar="STUDIO_DATA_DIR")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", envvar="STUDIO_DEVICE")]
PAGE = "studio.ui.serve"  # by its name: commands know no page
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
_FIELDS = CompareRequest.model_fields
_USUAL = f"what the student can draw of {', '.join(DEFAULT_ARMS)}"


def _help(name: str) -> str:
    return str(_FIELDS[name].description)


def main() -> None:
    """Run the command line; a person's mistake is one sentence and exit status 2."""
    try:
        app()
    except (ValueError, OSError, sqlite3.Error) as error:
        err.print(explain(error), style="red", markup=False, highlight=False)
        raise SystemExit(2) from None
    finally:
        for sentence in problems():
            err.print(sentence, style="yellow", markup=False, highlight=False)


@app.command()
def compare(
    prompt: Annotated[str, typer.Argument(help=_help("prompt"))],
    pair: Annotated[str, typer.Option(help=_help("pair"))] = DEFAULT_PAIR,
    seeds: Annotated[str, typer.Option(help=_help("seeds"))] = "8",
    arms: Annotated[str | None, typer.Option(help=f"{_help('arms')} Left out: {_USUAL}.")] = None,
    teacher_steps: Annotated[int, typer.Option(help=_help("teacher_steps"))] = 25,
    teacher_guidance: Annotated[float | None, typer.Option(help=_help("teacher_guidance"))] = None,
    base_guidance: Annotated[float, typer.Option(help=_help("base_guidance"))] = 1.0,
    rho: Annotated[float, typer.Option(help=_help("rho"))] = 1.0,
    student_steps: Annotated[int | None, typer.Option(help=_help("student_steps"))] = None,
    negative: Annotated[str, typer.Option(help=_help("negative"))] = "",
    size: Annotated[str, typer.Option(help=_help("size"))] = "",
    adapter: Annotated[list[str] | None, typer.Option("--adapter", help=_help("adapters"))] = None,
    hint: Annotated[list[str] | None, typer.Option("--hint", help=f"A ControlNet and what it follows: {WRITE_HELP}.")] = None,
    given: Annotated[
        list[str] | None, typer.Option("--given", help="An input beside the prompt, name=value, where models take some.")
    ] = None,
    with_: Annotated[list[str] | None, typer.Option("--with", help="What a capability adds, name=value.")] = None,
    off_recipe: Annotated[bool, typer.Option("--off-recipe", help=_help("off_recipe"))] = False,
    previews: Annotated[bool, typer.Option(help=_help("previews"))] = False,
    out_folder: Annotated[Path | None, typer.Option("--out", help="Also copy pictures and figures to this folder.")] = None,
    data_dir: DataDir = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Draw the same seeds with teacher, student, hybrids and remedies, and measure them."""
    jobs = open_jobs(data_dir)
    request: Json = {
        "prompt": prompt, "pair": pair, "seeds": seeds, "teacher_steps": teacher_steps,
        "teacher_guidance": teacher_guidance, "base_guidance": base_guidance, "rho": rho, "student_steps": student_steps,
        "adapters": adapter or [], "hints": with_files(jobs.paths, hint or []), "off_recipe": off_recipe, "previews": previews,
        "given": given or {}, "additions": with_ or {}, "size": size, "negative": negative,
        **({} if arms is None else {"arms": arms}),
    }  # fmt: skip
    _execute(jobs, jobs.submit("compare", request), device, out_folder, as_json)


@app.command()
def status(data_dir: DataDir = None, lane: str = "interactive") -> None:
    """Say what the worker of a lane is doing."""
    found = open_jobs(data_dir).status(lane)
    print(f"{found.state}: {found.note}")


@app.command()
def inspect(file: Path, as_json: AsJson = False) -> None:
    """Show the run that a picture carries in itself."""
    run = image.read_run(file)
    if as_json:
        print(json.dumps(run, indent=1))
        return
    table = Table("field", "value", show_header=False)
    for name, value in {
        **run["request"],
        "arm": run.get("arm"),
        "seed": run.get("seed"),
        "nfe": run.get("nfe"),
    }.items():
        table.add_row(str(name)[:40], str(value)[:200])
    for model_id, about in _mapping(run.get("models")).items():
        table.add_row(str(model_id)[:80], f"weights {str(_mapping(about).get('hash'))[:12]}")
    out.print(table)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def serve(context: typer.Context) -> None:
    """Start the page; takes the same flags as app.py."""
    sys.argv = ["distillation-studio", *context.args]
    runpy.run_module(PAGE, run_name="__main__")


@runs.command("list")
def list_(data_dir: DataDir = None, limit: Annotated[int, typer.Option(min=1, max=1000)] = 20, as_json: AsJson = False) -> None:
    """Newest first."""
    found = history.list_runs(open_jobs(data_dir), limit=limit)
    if as_json:
        print(json.dumps([vars(info) for info in found], indent=1))
        return
    table = Table("id", "kind", "what", "state", "note")
    for info in found:
        table.add_row(info.id, info.kind, info.title, info.state, info.note)
    out.print(table)


@runs.command()
def show(run_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show a run's request, figures and sentences."""
    opened = history.open_run(open_jobs(data_dir), run_id)
    if as_json:
        print(json.dumps({"request": opened.request, "state": opened.info.state, "result": opened.result}, indent=1))
        return
    out.print(f"{opened.info.id}  {opened.info.state}  {opened.info.note}", markup=False, highlight=False)
    for name, value in opened.request.items():
        out.print(f"  {name}: {value}", markup=False, highlight=False)
    _report(opened.result)


@runs.command()
def rerun(
    run_id: str,
    out_folder: Annotated[Path | None, typer.Option("--out", help="Also copy pictures and figures to this folder.")] = None,
    data_dir: DataDir = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Do a run again, with the same request; says so when the weights have changed since."""
    jobs = open_jobs(data_dir)
    before = (jobs.result(run_id) or {}).get("models", {})
    again = history.rerun(jobs, run_id)
    _execute(jobs, again, device, out_folder, as_json)
    for sentence in changed_models(before, (jobs.result(again) or {}).get("models", {})):
        err.print(sentence, style="yellow", markup=False)


@runs.command()
def cancel(run_id: str, data_dir: DataDir = None) -> None:
    """Ask a run to stop; what is finished is kept."""
    info = open_jobs(data_dir).cancel(run_id)
    print(f"{info.state}: {info.note or 'asked to stop'}")


@runs.command()
def delete(run_id: str, data_dir: DataDir = None) -> None:
    """Remove a run that has ended, with everything it made."""
    open_jobs(data_dir).delete(run_id)


def _execute(jobs: Jobs, run_id: str, device: str | None, out_folder: Path | None, as_json: bool) -> None:
    """Run a submitted job (or let the worker do it), show its progress, print what came of it."""
    executor = Executor(jobs, run_id, device)
    executor.start()
    try:
        _watch(jobs, run_id, executor.is_alive)
    except KeyboardInterrupt:
        jobs.cancel(run_id)
        err.print("Stopping after this step …")
        _watch(jobs, run_id, executor.is_alive)
    executor.join(10.0)
    info, result = jobs.get(run_id), jobs.result(run_id)
    problem = "" if info.final else executor.problem
    if as_json:
        print(json.dumps({"id": run_id, "state": info.state, "note": info.note or problem, "result": result}, indent=1))
    else:
        _report(result)
        out.print(f"{run_id}  {info.state}  {info.note}".rstrip(), markup=False, highlight=False)
    if out_folder is not None and result is not None:
        written = history.export(jobs, run_id, out_folder)
        if not as_json:
            out.print(f"{len(written)} files in {out_folder}", markup=False, highlight=False)
    if problem:
        err.print(problem, style="red", markup=False, highlight=False)
    if info.state != "done":
        raise SystemExit(1)


def _watch(jobs: Jobs, run_id: str, going: Callable[[], bool]) -> None:
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


def _report(result: Json | None) -> None:
    """The table and the sentences of a comparison."""
    if not result or "arms" not in result:
        return
    further = titled(row.get("measures") or {} for row in result["arms"])
    table = Table("arm", "diversity", "accuracy", "NFE", "s / image", *(look["title"] for look in further.values()))
    for row in result["arms"]:
        measures = row.get("measures") or {}
        diversity, accuracy = _interval(measures.get("diversity")), _interval(measures.get("accuracy"), percent=True)
        more = [_interval(measures.get(name), look["percent"], look["digits"]) for name, look in further.items()]
        table.add_row(row["label"], diversity, accuracy, f"{row['nfe']:g}", f"{row['seconds_per_image']:.3f}", *more)
    out.print(table)
    for entry in result.get("recovery", []):
        out.print(entry["sentence"], markup=False, highlight=False)


def _interval(measure: Json | None, percent: bool = False, digits: int = 2) -> str:
    if not measure or measure.get("value") is None:
        return "–"
    scale, digits = (100, 0) if percent else (1, digits)
    text = f"{measure['value'] * scale:.{digits}f}{' %' if percent else ''}"
    if measure.get("low") is None or measure.get("high") is None:
        return text
    return f"{text} [{measure['low'] * scale:.{digits}f}–{measure['high'] * scale:.{digits}f}]"


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}
