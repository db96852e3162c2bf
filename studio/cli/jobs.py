"""`python -m studio jobs …`: background runs from the command line; the same runs as the page's panel shows."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from studio.capabilities.distill import processes
from studio.cli.inline import Executor
from studio.core.explain import brief
from studio.core.files import Json
from studio.jobs.events import ACTIVE
from studio.jobs.executors import LOCAL
from studio.jobs.info import RunInfo
from studio.jobs.jobs import Jobs
from studio.jobs.kinds import KINDS
from studio.jobs.paths import RUN_ID
from studio.jobs.spec_file import place, read_spec_file, read_submission
from studio.library import told_table
from studio.library.cost_words import told
from studio.library.hub_files import told_bytes
from studio.library.stock import open_jobs

app = typer.Typer(no_args_is_help=True, help="Training and other work in the background.")
out, err = Console(), Console(stderr=True)

DataDir = Annotated[Path | None, typer.Option(help="Folder for everything you make.", envvar="STUDIO_DATA_DIR")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", envvar="STUDIO_DEVICE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Where = Annotated[str | None, typer.Option("--executor", help="Where it runs: local, ray or hf-jobs; the file's otherwise.")]
Options = Annotated[list[str] | None, typer.Option("--option", "-o", help="field=value of the executor; can be repeated.")]


@app.command()
def submit(
    spec: Annotated[Path, typer.Argument(help="A YAML or JSON file: kind, the fields of its request, sweep, executor.")],
    executor: Where = None,
    option: Options = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Put a run, or a sweep of runs, into the queue; a running studio takes it, as do `jobs run ID` and `jobs dispatch`."""
    jobs, found = open_jobs(data_dir), read_submission(spec)
    where = place(executor, option or [], found.executor)
    if found.sweep is None:
        ids = [jobs.submit(found.kind, found.config, executor=where)]
    else:
        ids = jobs.submit_sweep(found.kind, found.config, found.sweep, executor=where)
    infos = [jobs.get(run_id) for run_id in ids]
    if as_json:
        shown = [_plain(jobs, info) for info in infos]
        print(json.dumps(shown if found.sweep is not None else shown[0], indent=1))
        return
    for info in infos:
        elsewhere = f" for {info.executor}" if info.executor != LOCAL else ""
        print(f"{info.id}  queued{elsewhere}, {info.ahead} ahead of it" + (f"  {info.title}" if len(infos) > 1 else ""))


@app.command("list")
def list_(
    data_dir: DataDir = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    lane: str = "batch",
    as_json: AsJson = False,
) -> None:
    """Newest first, with how far they are."""
    jobs = open_jobs(data_dir)
    found = [_plain(jobs, info) for info in jobs.list(lane=lane, limit=limit)]
    if as_json:
        print(json.dumps(found, indent=1))
        return
    table = Table("id", "what", "where", "state", "step", "s / step", "left", "note")
    for row in found:
        left = _seconds(row["eta_s"]) if row["state"] in ACTIVE else ""
        table.add_row(row["id"], row["title"], row["executor"], row["state"], row["at"], row["pace"], left, row["note"])
    out.print(table)


@app.command()
def show(run_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show a run's request, how far it is, and what came of it."""
    jobs = open_jobs(data_dir)
    info, result = jobs.get(run_id), jobs.result(run_id)
    request = jobs.spec(run_id).config
    if as_json:
        print(
            json.dumps({**_plain(jobs, info), "request": request, "progress": jobs.progress(run_id), "result": result}, indent=1)
        )
        return
    row = _plain(jobs, info)
    out.print(f"{info.id}  {info.state}  {row['at']}  {info.note}".rstrip(), markup=False, highlight=False)
    for name, value in request.items():
        out.print(f"  {name}: {value}", markup=False, highlight=False)
    _figures(result)


@app.command()
def watch(
    run_id: str,
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every event as a line of JSON, as it comes.")] = False,
) -> None:
    """Follow a run until it has ended or is paused; leaving leaves it alone."""
    jobs = open_jobs(data_dir)
    if as_json:
        for event in jobs.follow(run_id, until_paused=True):
            print(json.dumps(event), flush=True)
        return
    _watch(jobs, run_id)
    _end(jobs, run_id)


@app.command()
def stop(run_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """End a run so that it can be resumed: it saves first."""
    _say(open_jobs(data_dir).stop(run_id), "asked to stop", as_json)


@app.command()
def pause(run_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Save, and let other runs use the device until it is resumed."""
    _say(open_jobs(data_dir).pause(run_id), "asked to pause", as_json)


@app.command()
def resume(run_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Queue a paused, stopped, interrupted or failed run again; it continues where it was."""
    _say(open_jobs(data_dir).resume(run_id), "resumed", as_json)


@app.command()
def cancel(run_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """End a run without saving; what it made is kept."""
    _say(open_jobs(data_dir).cancel(run_id), "asked to end", as_json)


@app.command()
def save(run_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Ask a running run for a checkpoint now."""
    jobs = open_jobs(data_dir)
    jobs.save_now(run_id)
    _say(jobs.get(run_id), "asked for checkpoint", as_json)


@app.command()
def sample(run_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Ask a running run for pictures now."""
    jobs = open_jobs(data_dir)
    jobs.sample_now(run_id)
    _say(jobs.get(run_id), "asked for pictures", as_json)


@app.command()
def move(
    run_id: str,
    where: Annotated[str, typer.Argument(help="up, down, first or last")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a waiting run another place in the queue."""
    queue = open_jobs(data_dir).move(run_id, where)  # type: ignore[arg-type]
    if as_json:
        print(json.dumps([info.id for info in queue]))
        return
    for at, info in enumerate(queue, 1):
        print(f"{at}. {info.id}  {info.title}")


@app.command()
def delete(run_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Cancel a run if it is going, and move it to the trash with everything it made."""
    open_jobs(data_dir).discard(run_id, to_trash=True)
    if as_json:
        print(json.dumps({"id": run_id, "removed": True}))


@app.command()
def run(
    spec: Annotated[str, typer.Argument(help="A spec file, or the id of a run that waits.")],
    data_dir: DataDir = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Execute a run now and see it to its end, here or at its executor; Ctrl-C stops it so that it can be resumed."""
    if processes.following():
        processes.follow(device)
        return
    with processes.leading(device):
        _run(spec, data_dir, device, as_json)


def _run(spec: str, data_dir: Path | None, device: str | None, as_json: bool) -> None:
    jobs = open_jobs(data_dir)
    if RUN_ID.fullmatch(spec):
        run_id = spec
    else:
        kind, config = read_spec_file(Path(spec))
        run_id = jobs.submit(kind, config, executor=read_submission(Path(spec)).executor)
    if jobs.get(run_id).state != "queued" and jobs.get(run_id).state not in ACTIVE:
        jobs.resume(run_id)
    execute(jobs, run_id, device, as_json)


def execute(jobs: Jobs, run_id: str, device: str | None, as_json: bool) -> None:
    """See a run that waits to its end, and say what came of it; exit status 1 when it is not done."""
    executor = Executor(jobs, run_id, device)
    executor.start()
    try:
        _watch(jobs, run_id, as_json, executor.is_alive)
    except KeyboardInterrupt:
        resumable = KINDS.get(jobs.get(run_id).kind).resumable
        (jobs.stop if resumable else jobs.cancel)(run_id)
        err.print("Stopping after this step …")
        _watch(jobs, run_id, as_json, executor.is_alive)
    executor.join(10.0)
    if executor.problem and not jobs.get(run_id).final:
        err.print(executor.problem, style="red", markup=False, highlight=False)
    if as_json:
        print(json.dumps({**_plain(jobs, jobs.get(run_id)), "result": jobs.result(run_id)}, indent=1))
    _end(jobs, run_id, quiet=as_json)


@app.command()
def cost(
    spec: Annotated[Path, typer.Argument(help="A spec file of a training.")],
    measure: Annotated[bool, typer.Option("--measure", help="Do a few steps of it first, and remember what they took.")] = False,
    data_dir: DataDir = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Say what a training would take on this machine, from what was measured here."""
    jobs, (kind, config) = open_jobs(data_dir), read_spec_file(spec)
    if measure:
        run_id = jobs.submit("trial", {"kind": kind, "request": config})
        executor = Executor(jobs, run_id, device)
        executor.start()
        _watch(jobs, run_id, quiet=True, going=executor.is_alive)
        executor.join(10.0)
        info = jobs.get(run_id)
        jobs.discard(run_id)
        if info.state != "done":
            raise ValueError(f"It could not be measured: {info.note or executor.problem or info.state}")
    found = told(jobs, kind, config)
    print(json.dumps(vars(found)) if as_json else found.sentence)


@app.command()
def dispatch(
    executor: Annotated[str, typer.Argument(help="ray or hf-jobs")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Look after the waiting runs of an executor until all have ended; a running studio does so by itself."""
    from studio.jobs.executors import AWAY
    from studio.jobs.executors.dispatch import serve

    if executor not in AWAY:
        raise ValueError(f"{brief(executor)} has nothing to look after; {' and '.join(AWAY)} have.")
    jobs = open_jobs(data_dir)
    waiting = [row.id for row in jobs.store.select(station=executor, states=("queued", *ACTIVE), limit=1000)]
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        status = serve(jobs, executor, linger_s=0)
    if as_json:
        ended = [jobs.get(run_id) for run_id in waiting]
        print(json.dumps([{"id": info.id, "state": info.state, "said": info.note} for info in ended], indent=1))
    raise SystemExit(status)


def _watch(jobs: Jobs, run_id: str, quiet: bool = False, going: Callable[[], bool] = lambda: True) -> None:
    """One line for every change of state, note, measurement, and every few seconds of progress."""
    said = 0.0
    for event in jobs.follow(run_id, until_paused=True, going=going):
        if quiet:
            continue
        if event["kind"] == "state":
            err.print(f"{event['state']}  {event.get('note', '')}".rstrip(), markup=False, highlight=False)
        elif event["kind"] == "notice":
            err.print(event["text"], style="yellow", markup=False, highlight=False)
        elif event["kind"] == "measure":
            err.print(_measured(event), markup=False, highlight=False)
        elif event["kind"] == "progress" and (time.monotonic() - said > 2.0 or event["done"] == event["total"]):
            said = time.monotonic()
            losses = "  ".join(f"{name} {value:.4g}" for name, value in (event.get("smooth") or {}).items() if value is not None)
            left = f"  {_seconds(event.get('eta_s'))} left" if event.get("eta_s") else ""
            at = _bytes(event) if event.get("unit") == "bytes" else f"{event['done']}/{event['total']}"
            err.print(f"{at}  {losses}{left}", markup=False, highlight=False)


def _bytes(event: Json) -> str:
    """How far a download is."""
    return f"{told_bytes(event['done'])} of {told_bytes(event['total'])}, {told_bytes(event['rate'])}/s"


def _end(jobs: Jobs, run_id: str, quiet: bool = False) -> None:
    """What came of it; exit status 1 when it is not done."""
    info, result = jobs.get(run_id), jobs.result(run_id)
    if not quiet:
        _figures(result)
        out.print(f"{run_id}  {info.state}  {info.note}".rstrip(), markup=False, highlight=False)
        if result and result.get("student"):
            out.print(f"The student is listed as {result['student']}.", markup=False, highlight=False)
    if info.state != "done":
        raise SystemExit(1)


def _plain(jobs: Jobs, info: RunInfo) -> Json:
    """A run for a list: JSON values."""
    p = jobs.progress(info.id) or {}
    step, steps, pace = p.get("done"), p.get("total"), p.get("seconds_per_step")
    at = f"{step:,}/{steps:,}" if isinstance(step, int) and isinstance(steps, int) else ""
    return {
        **vars(info),
        "executor": info.executor,
        "step": step,
        "steps": steps,
        "at": at,
        "pace": f"{pace:.3g}" if pace else "",
        "eta_s": p.get("eta_s"),
    }


def _figures(result: Json | None) -> None:
    told_table.show(result or {}, out)
    measures = (result or {}).get("measures")
    if not isinstance(measures, dict):
        return
    for arm, found in [("teacher", measures.get("teacher")), *(("student", row) for row in measures.get("rows", [])[-4:])]:
        if found:
            out.print(_measured({"arm": arm, "measures": found, **found}), markup=False, highlight=False)


def _measured(event: Json) -> str:
    m = event["measures"]
    steps = f", {event['sampling_steps']} steps" if event.get("sampling_steps") else ""
    accuracy, diversity, fd = m["accuracy"]["value"], m["diversity"]["value"], m["fd_oracle"]
    shown_diversity = f"diversity {diversity:.2f}" if diversity is not None else ""
    parts = [f"accuracy {accuracy:.0%}" if accuracy is not None else "", shown_diversity,
             f"FD-oracle {fd:.2f}" if fd is not None else "", f"NFE {m['nfe']}"]  # fmt: skip
    at = f"step {event['step']:,}, " if event.get("step") else ""
    return f"{at}{event['arm']}{steps}: " + ", ".join(filter(None, parts))


def _say(info: RunInfo, otherwise: str, as_json: bool) -> None:
    said = info.note or otherwise
    print(json.dumps({"id": info.id, "state": info.state, "said": said}) if as_json else f"{info.state}: {said}")


def _seconds(seconds: object) -> str:
    if not isinstance(seconds, (int, float)):
        return ""
    minutes, hours = seconds / 60, seconds / 3600
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min" if hours < 3 else f"{hours:.1f} h"
