"""`python -m studio runs …`: everything that was made, found, named, tagged, deleted and taken back; as the page's Gallery."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from studio.capabilities.compare import page
from studio.cli.executing import execute, report
from studio.core.files import Json, atomic_write
from studio.jobs import history
from studio.jobs.cards import Asked
from studio.jobs.events import FINAL
from studio.jobs.jobs import Jobs
from studio.jobs.notes import Notes, read_notes
from studio.jobs.trash import KEPT_DAYS
from studio.library import run_cards, two_runs
from studio.library.provenance import changed_models
from studio.library.stock import open_jobs

app = typer.Typer(help="Everything that was made: past and present runs of every kind.")
out, err = Console(), Console(stderr=True)

DataDir = Annotated[Path | None, typer.Option(help="Folder for everything you make.", envvar="STUDIO_DATA_DIR")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", envvar="STUDIO_DEVICE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Words = Annotated[str, typer.Option("--find", help="Words of prompt, name, tags, models or settings; all of them.")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="compare, scrub, distill, …; can be repeated.")]
States = Annotated[list[str] | None, typer.Option("--state", help=f"queued, running, {', '.join(FINAL)}; can be repeated.")]
Since = Annotated[str, typer.Option(help="From this day on: 2026-01-31, or 7d for seven days ago.")]
Until = Annotated[str, typer.Option(help="Up to this day, which is included.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000)]
OfModel = Annotated[str, typer.Option("--model", help="Id of a model that it was made with.")]
OfTag = Annotated[str, typer.Option("--tag", help="With this tag.")]
Favourites = Annotated[bool, typer.Option("--favourites", help="Favourites alone.")]
Oldest = Annotated[bool, typer.Option("--oldest", help="Oldest first.")]


@app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    find: Words = "",
    kind: Kinds = None,
    model: OfModel = "",
    state: States = None,
    tag: OfTag = "",
    favourites: Favourites = False,
    since: Since = "",
    until: Until = "",
    oldest: Oldest = False,
    limit: Limit = 20,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Find runs where nothing else is asked for; newest first."""
    if context.invoked_subcommand is None:
        list_(find, kind, model, state, tag, favourites, since, until, oldest, limit, data_dir, as_json)


@app.command("list")
def list_(
    find: Words = "",
    kind: Kinds = None,
    model: OfModel = "",
    state: States = None,
    tag: OfTag = "",
    favourites: Favourites = False,
    since: Since = "",
    until: Until = "",
    oldest: Oldest = False,
    limit: Limit = 20,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Find runs; newest first."""
    wish = Asked(find, kind or (), state or (), model, tag, favourites, oldest=oldest, limit=limit)
    asked = run_cards.asked(wish, since, until)
    found = run_cards.find(open_jobs(data_dir), asked)
    if as_json:
        print(json.dumps(found.cards, indent=1))
        return
    table = Table(Column("id", no_wrap=True), "made", "kind", "what", "tags", "state", "note")
    for card in found.cards:
        tags = ", ".join(["favourite"] * card["favourite"] + card["tags"])
        made = f"{datetime.fromtimestamp(card['created']):%Y-%m-%d %H:%M}"
        table.add_row(card["id"], made, card["kind"], run_cards.told(card), tags, card["state"], card["note"])
    out.print(table)
    if found.total > len(found.cards):
        out.print(f"{found.total - len(found.cards)} more; --limit shows them.", markup=False)


@app.command()
def show(run_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show a run's request, figures and sentences."""
    jobs = open_jobs(data_dir)
    opened, notes = history.open_run(jobs, run_id), read_notes(jobs.paths.run(run_id)).plain
    if as_json:
        shown = {"request": opened.request, "state": opened.info.state, "notes": notes, "result": opened.result}
        print(json.dumps(shown, indent=1))
        return
    out.print(f"{opened.info.id}  {opened.info.state}  {opened.info.note}", markup=False, highlight=False)
    for name, value in {**{name: said for name, said in notes.items() if said}, **opened.request}.items():
        out.print(f"  {name}: {value}", markup=False, highlight=False)
    report(opened.result)


@app.command()
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
    execute(jobs, again, device, out_folder, as_json)
    for sentence in changed_models(before, (jobs.result(again) or {}).get("models", {})):
        err.print(sentence, style="yellow", markup=False)


@app.command("report")
def report_(
    run_id: str,
    out_file: Annotated[Path, typer.Option("--out", help="The file to write.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write a comparison as one HTML file that opens offline."""
    text = page.of_run(open_jobs(data_dir), run_id)
    atomic_write(out_file, text)
    said = {"id": run_id, "file": str(out_file), "bytes": len(text.encode())}
    print(json.dumps(said) if as_json else f"{out_file}: {len(text) / 1e6:.1f} MB")


@app.command()
def beside(first: str, second: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Two runs: settings that differ, and the figures of both with their intervals."""
    found = two_runs.beside(open_jobs(data_dir), first, second)
    if as_json:
        print(json.dumps(found, indent=1))
        return
    table = Table("", first, second)
    for row in found["settings"]:
        if row["differs"]:
            table.add_row(row["name"], row["a"] or "–", row["b"] or "–")
    table.add_section()
    for row in found["figures"]:
        table.add_row(row["name"], _figure(row["a"]), _figure(row["b"]))
    out.print(table)


@app.command()
def cancel(run_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Ask a run to stop; what is finished is kept."""
    info = open_jobs(data_dir).cancel(run_id)
    said = info.note or "asked to stop"
    print(json.dumps({"id": info.id, "state": info.state, "said": said}) if as_json else f"{info.state}: {said}")


@app.command()
def rename(
    run_id: str,
    name: Annotated[str, typer.Argument(help="Its name in lists; an empty one takes it away.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a run a name of its own."""
    _say(run_id, open_jobs(data_dir).note(run_id, name=name), as_json)


@app.command()
def tag(
    run_id: str,
    tags: Annotated[list[str], typer.Argument(help="Tags to put on it.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take these tags off instead.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Put tags on a run, or take them off."""
    jobs = open_jobs(data_dir)
    _say(run_id, _tagged(jobs, run_id, tags, remove), as_json)


@app.command()
def favourite(
    run_id: str,
    off: Annotated[bool, typer.Option("--off", help="Not any more.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Mark a run as a favourite."""
    _say(run_id, open_jobs(data_dir).note(run_id, favourite=not off), as_json)


@app.command()
def delete(run_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Move a run that has ended to the trash, with everything it made."""
    history.delete_run(open_jobs(data_dir), run_id)
    if as_json:
        print(json.dumps({"id": run_id, "removed": True, "days": KEPT_DAYS}))
    else:
        print(f"In the trash for {KEPT_DAYS} days; runs restore {run_id} takes it back.")


@app.command()
def restore(run_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Take a run back out of the trash."""
    info = history.restore_run(open_jobs(data_dir), run_id)
    print(json.dumps({"id": info.id, "state": info.state, "restored": True}) if as_json else f"{info.state}: {info.title}")


@app.command()
def trash(
    empty: Annotated[bool, typer.Option("--empty", help="Remove what is in it for good.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List what was deleted and can be taken back."""
    jobs = open_jobs(data_dir)
    gone = history.empty_trash(jobs) if empty else []
    found: list[Json] = [{**vars(one), "days": round(one.days, 1)} for one in jobs.trash.listed()]
    if as_json:
        print(json.dumps({"runs": found, "removed": gone}, indent=1))
        return
    if empty:
        print(f"{len(gone)} removed for good.")
    table = Table(Column("id", no_wrap=True), "kind", "what", "days left")
    for row in found:
        table.add_row(row["id"], row["kind"], row["title"], f"{row['days']:g}")
    out.print(table)


def _tagged(jobs: Jobs, run_id: str, tags: list[str], remove: bool) -> Notes:
    jobs.get(run_id)
    kept, given = read_notes(jobs.paths.run(run_id)).tags, [" ".join(tag.casefold().split()) for tag in tags]
    return jobs.note(run_id, tags=[one for one in kept if one not in given] if remove else [*kept, *given])


def _say(run_id: str, notes: Notes, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"id": run_id, **notes.plain}))
        return
    said = [notes.name or run_id, *(["a favourite"] if notes.favourite else []), *notes.tags]
    out.print(" · ".join(said), markup=False, highlight=False)


def _figure(figure: Json | None) -> str:
    return f"{figure['value']:.2f} [{figure['low']:.2f}–{figure['high']:.2f}]" if figure else "–"
