"""`python -m studio votes …`: sets of votes from the command line: list, show, export, import, remove."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from studio.core.explain import brief
from studio.core.files import Json, atomic_write
from studio.library import votes
from studio.library.stock import open_jobs

app = typer.Typer(no_args_is_help=True, help="Votes on pairs of pictures, by which models are tuned.")
out, err = Console(), Console(stderr=True)

DataDir = Annotated[Path | None, typer.Option(help="Folder for everything you make.", envvar="STUDIO_DATA_DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("list")
def list_(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Sets of votes, and what is broken."""
    found, broken = votes.listed(open_jobs(data_dir).paths)
    if as_json:
        rows = [_row(name, one) for name, one in found.items()]
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        table = Table("name", "model", "votes", "left", "right", "ties")
        for name, one in found.items():
            counts = [sum(vote.choice == choice for vote in one.votes) for choice in ("left", "right", "tie")]
            table.add_row(name, one.model, *(str(n) for n in (len(one.votes), *counts)))
        out.print(table)
    for sentence in broken.values():
        err.print(sentence, style="yellow", markup=False, highlight=False)


@app.command()
def show(name: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show the votes of a set."""
    found = votes.votes(open_jobs(data_dir).paths, name)
    if as_json:
        print(votes.written(found), end="")
        return
    out.print(f"{name}: {found.said}, on pictures of {found.model}", markup=False, highlight=False)
    table = Table("prompt", "left seed", "right seed", "choice")
    for vote in found.votes:
        table.add_row(vote.prompt, *(str(seed) for seed in vote.seeds), vote.choice)
    out.print(table)


@app.command()
def export(
    name: str,
    file: Annotated[Path, typer.Argument(help="Written anew.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write a set into a file that can be brought elsewhere."""
    found = votes.votes(open_jobs(data_dir).paths, name)
    if file.exists():
        raise ValueError(f"{brief(file.name)} is there already; another name would fit.")
    atomic_write(file, votes.written(found))
    if as_json:
        print(json.dumps(_row(name, found) | {"file": str(file)}, ensure_ascii=False))
        return
    print(f"{found.said[0].upper()}{found.said[1:]} in {file}.")


@app.command("import")
def import_(
    name: str,
    file: Annotated[Path, typer.Argument(help="As export writes it.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Keep the votes of a file under a name."""
    if not file.is_file():
        raise ValueError(f"There is no file {brief(file.name)}.")
    found = votes.take_in(open_jobs(data_dir).paths, name, file.read_bytes())
    print(json.dumps(_row(name, found), ensure_ascii=False) if as_json else f"{name} holds {found.said}.")


@app.command()
def remove(name: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Remove a set."""
    votes.remove(open_jobs(data_dir).paths, name)
    print(json.dumps({"name": name, "removed": True}) if as_json else f"Removed {name}.")


def _row(name: str, one: votes.VoteSet) -> Json:
    return {"name": name, "model": one.model, "votes": len(one.votes), "decided": len(one.decided)}
