"""`python -m studio models …`: models that are listed, and those from elsewhere: look, add, download, remove, search."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Column, Table

from studio.cli.jobs import execute
from studio.core.files import Json, atomic_write
from studio.families import family_of
from studio.library import hub, hub_card
from studio.library.adding import Wish, add_model
from studio.library.hub_files import told_bytes
from studio.library.listed_sources import Listed, listed_source, listed_sources, missing_below
from studio.library.models import ModelEntry, load_registry
from studio.library.removing import own_files, removable, take_away
from studio.library.stock import open_jobs
from studio.library.tickets import hand

app = typer.Typer(help="Teachers and students: those that are listed, and others from the Hugging Face Hub or a folder.")
out, err = Console(), Console(stderr=True)

DataDir = Annotated[Path | None, typer.Option(help="Folder for everything you make.", envvar="STUDIO_DATA_DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
AskToken = Annotated[
    bool, typer.Option("--ask-token", help="Ask for a token for this command alone; it is kept nowhere. HF_TOKEN does without.")
]


@app.callback(invoke_without_command=True)
def models(context: typer.Context, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List models where nothing else is asked for."""
    if context.invoked_subcommand is None:
        list_(data_dir, as_json)


@app.command("list")
def list_(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Teachers and students, whether their files are here, and why some cannot be used."""
    paths = open_jobs(data_dir).paths
    registry, sources = load_registry(paths), listed_sources(paths)
    ids = [*registry.entries, *(one for one in sources if one not in registry.entries)]
    rows = [_row(registry.entries.get(one), sources.get(one)) for one in ids]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    table = Table(Column("id", no_wrap=True), "role", "family", "teacher", "files", "licence", "state")
    for row in rows:
        size = told_bytes(row["bytes"]) if row["bytes"] is not None else ""
        files = f"here {size}".strip() if row["here"] else size
        cells = (row["role"], row["family"] or "", row["teacher"] or "", files, row["licence"] or "", row["reason"] or "ready")
        table.add_row(row["id"], *cells)
    out.print(table)
    unread = {name: why for name, why in registry.problems.items() if name not in {one.file.name for one in sources.values()}}
    for name, problem in unread.items():
        err.print(f"{name}: {problem}", style="yellow", markup=False)


@app.command()
def show(model_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show what is known of a model."""
    paths = open_jobs(data_dir).paths
    registry, sources = load_registry(paths), listed_sources(paths)
    if model_id not in sources:
        registry.get(model_id)  # or says what there is
    _print(_row(registry.entries.get(model_id), sources.get(model_id)), as_json)


@app.command()
def card(
    model_id: str,
    out_file: Annotated[Path | None, typer.Option("--out", help="The file to write; its text is printed otherwise.")] = None,
    licence: Annotated[str, typer.Option(help="As the Hub writes it, like apache-2.0.")] = "",
    base: Annotated[str, typer.Option(help="Repository of what it was taught on, owner/name.")] = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """README.md for the Hugging Face Hub: what it is of, how it was taught, what was measured."""
    paths = open_jobs(data_dir).paths
    text = hub_card.of_model(load_registry(paths).get(model_id), load_registry(paths), licence, base)
    if out_file is not None:
        atomic_write(out_file, text)
    said = {"id": model_id, "file": str(out_file) if out_file else None, "card": text}
    print(json.dumps(said, indent=1) if as_json else out_file or text)


@app.command()
def add(
    place: Annotated[str, typer.Argument(help="owner/name on the Hugging Face Hub, or a folder or file on this machine.")],
    id: Annotated[str | None, typer.Option(help="What it is listed as, family/name; made of its name otherwise.")] = None,
    base: Annotated[str | None, typer.Option(help="Id of the listed model that a network or LoRA stands on.")] = None,
    role: Annotated[str | None, typer.Option(help="teacher or student.")] = None,
    revision: Annotated[str | None, typer.Option(help="Commit, tag or branch; what it is now is kept.")] = None,
    variant: Annotated[str | None, typer.Option(help="Of the weight files, like fp16.")] = None,
    file: Annotated[str | None, typer.Option(help="One file of the repository, or the folder of a network, like unet/.")] = None,
    teacher: Annotated[str | None, typer.Option(help="Id of a student's teacher; the base otherwise.")] = None,
    holds: Annotated[str | None, typer.Option(help="pipeline, single_file, network or lora; told by the file otherwise.")] = None,
    like: Annotated[str | None, typer.Option(help="Of a single file: which shipped configs it goes with.")] = None,
    size: Annotated[int | None, typer.Option(min=1, max=4096, help="Pixels a side, where configs do not say.")] = None,
    sampled_like: Annotated[str | None, typer.Option(help="Id of a listed student whose recipe it has.")] = None,
    scale: Annotated[float | None, typer.Option(help="Of a LoRA: the strength at which it is the student; 1 otherwise.")] = None,
    tiny_decoder: Annotated[
        str | None, typer.Option(help="Folder, file or Hub id of an AutoencoderTiny (TAESD and its like) for previews.")
    ] = None,
    ask_token: AskToken = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Look at a model and list it; nothing is downloaded yet."""
    wish = Wish(
        place, id, base, role, revision, variant, file, teacher, holds, like, size, None, sampled_like, scale, tiny_decoder
    )
    listed = add_model(open_jobs(data_dir).paths, wish, _token(ask_token))
    _print(_row(None, listed), as_json)
    if not as_json:
        print(f"It is listed as {listed.id}, in {listed.file.name} of the data folder's models.")


@app.command()
def download(
    model_id: str,
    ask_token: AskToken = False,
    look: Annotated[bool, typer.Option("--look", help="Only say what would be downloaded.")] = False,
    alone: Annotated[bool, typer.Option("--alone", help="Without the model that a network or LoRA stands on.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Download a listed model, with what it stands on, or go on with it; Ctrl-C keeps what has arrived."""
    jobs = open_jobs(data_dir)
    listed, token = listed_source(jobs.paths, model_id), _token(ask_token)
    missing = [] if alone else missing_below(jobs.paths, listed)
    for one in missing:
        takes = told_bytes(hub.look(one.source, token).bytes)
        goes = "would be downloaded first" if look else "is downloaded first"
        err.print(f"{model_id} stands on {one.id}, which is not here: {takes}, which {goes}.", markup=False, highlight=False)
    if look:
        _look(listed, token, as_json)
        return
    for one in (*missing, listed):
        ticket = {"ticket": hand(jobs.paths, token)} if token is not None else {}
        told = redirect_stdout(sys.stderr) if as_json and one is not listed else nullcontext()
        with told:
            execute(jobs, jobs.submit("fetch_model", {"model": one.id, **ticket}), "cpu", as_json)


@app.command()
def remove(
    model_id: str,
    files: Annotated[
        bool, typer.Option("--files", help="Also what was downloaded for it and no other listed model needs.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Take a model off the list; a folder of your own stays as it is."""
    paths = open_jobs(data_dir).paths
    listed = removable(paths, model_id, files)
    own = own_files(paths, listed) if files else []
    taken = sum(path.stat().st_size for path in own)
    with_files = f", and {told_bytes(taken)} in {len(own)} files of the Hugging Face cache" if own else ""
    if not yes and not typer.confirm(f"Remove {model_id}{with_files}?", err=True):
        raise ValueError("Nothing was removed.")
    freed = take_away(paths, listed, own, files)
    if as_json:
        print(json.dumps({"id": model_id, "freed": freed}))
        return
    stays = "stays listed" if listed.shipped else "is no longer listed"
    print(f"{model_id} {stays}; " + (f"{told_bytes(freed)} came free." if files else "its files stay."))


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="A part of the model's name on the Hub.")],
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    any_task: Annotated[bool, typer.Option("--any-task", help="Not only models that draw from text.")] = False,
    as_json: AsJson = False,
) -> None:
    """Models on the Hugging Face Hub, most downloaded first."""
    hits = hub.search(text, limit, task=None if any_task else "text-to-image")
    if as_json:
        print(json.dumps([vars(hit) for hit in hits], indent=1))
        return
    table = Table("id", "downloads", "licence", "access", "tags")
    for hit in hits:
        tags = ", ".join(tag for tag in hit.tags if ":" not in tag)
        downloads = "" if hit.downloads is None else f"{hit.downloads:,}"
        table.add_row(hit.id, downloads, hit.licence or "", "gated" if hit.gated else "", tags[:60])
    out.print(table)


def _look(listed: Listed, token: SecretStr | None, as_json: bool) -> None:
    seen = hub.look(listed.source, token)
    if as_json:
        files = [{"path": file.path, "bytes": file.size, "hash": file.hash} for file in seen.files]
        print(
            json.dumps({"commit": seen.commit, "bytes": seen.bytes, "licence": seen.licence, "gated": seen.gated, "files": files})
        )
        return
    table = Table("file", "size", title=f"{listed.source.name} at {seen.commit[:12]}, {told_bytes(seen.bytes)}")
    for file in seen.files:
        table.add_row(file.path, told_bytes(file.size))
    out.print(table)


def _row(entry: ModelEntry | None, listed: Listed | None) -> Json:
    """What is known of a model, from the registry and from its source. Plain values, no paths of this machine."""
    row: Json = {"bytes": None, "licence": None, "family": None, "source": None, "steps": None}
    if entry is not None:
        family = family_of(entry.folder)
        row |= entry.plain() | {"family": family.name if family else None, "here": entry.available or entry.folder.is_dir()}
    if listed is not None:
        about = {key: listed.about.get(key) for key in ("id", "title", "role", "teacher", "domain", "size", "summary")}
        source = listed.source.model_dump(exclude_none=True)
        source |= {"path": listed.source.name} if listed.source.path else {}
        row = {**row, **about} if entry is None else row
        row |= {"here": listed.here is not None, "source": source}
        row |= {"bytes": listed.source.bytes, "licence": listed.source.licence}
        row["reason"] = listed.reason or row.get("reason", "")
        row["available"] = not row["reason"]
    return row


def _print(row: Json, as_json: bool) -> None:
    if as_json:
        print(json.dumps(row, indent=1))
        return
    names = ("id", "title", "role", "teacher", "family", "domain", "size", "steps", "licence", "summary", "reason")
    shown = {name: row.get(name) for name in names} | {f"source {key}": value for key, value in (row["source"] or {}).items()}
    shown["source bytes"] = told_bytes(row["bytes"]) if row["bytes"] is not None else None
    for name, value in {**shown, "on this machine": "yes" if row["here"] else "no"}.items():
        if value not in (None, ""):
            out.print(f"{name}: {value}", markup=False, highlight=False)


def _token(ask: bool) -> SecretStr | None:
    return SecretStr(typer.prompt("Token", hide_input=True, err=True)) if ask else None
