"""`python -m studio controlnets …`: what was trained here or brought, what was measured, and plain folders for diffusers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from studio.core.files import Json
from studio.library import controlnets
from studio.library.models import load_registry
from studio.library.stock import open_jobs

app = typer.Typer(no_args_is_help=True, help="ControlNets: shipped ones, your own, and folders that diffusers wrote.")
out = Console()

DataDir = Annotated[Path | None, typer.Option(help="Folder for everything you make.", envvar="STUDIO_DATA_DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("list")
def list_(
    model: Annotated[str | None, typer.Option(help="Only those that can be put on this model.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Shipped ControlNets and your own, and why some cannot be used."""
    jobs = open_jobs(data_dir)
    known = controlnets.load_controlnets(jobs.paths)
    found = known.for_model(load_registry(jobs.paths).get(model)) if model else list(known.entries.values())
    if as_json:
        print(json.dumps([entry.plain() for entry in found], indent=1))
        return
    table = Table("id", "reads", "trained on", "state")
    for entry in found:
        table.add_row(entry.id, entry.hint or "any picture", entry.base, "ready" if entry.available else entry.reason)
    out.print(table)


@app.command()
def show(control_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show where a ControlNet comes from and what was measured with its hint and without."""
    entry = controlnets.load_controlnets(open_jobs(data_dir).paths).get(control_id)
    if as_json:
        print(json.dumps(entry.plain(), indent=1))
        return
    for name in ("title", "hint", "base", "base_hash", "steps", "seed", "created"):
        if entry.card.get(name):
            out.print(f"{name}: {entry.card[name]}", markup=False, highlight=False)
    if not entry.available:
        out.print(entry.reason, markup=False, highlight=False)
    table = Table("on", "hint", "where", "x, size, horizon off by", "overlap", "prompt")
    for row in entry.card.get("measured", {}).values():
        for side in ("with", "without"):
            table.add_row(row["title"] if side == "with" else "", side, *_cells(row[side]))
    if table.row_count:
        out.print(table)


@app.command()
def export(
    control_id: str,
    folder: Annotated[Path, typer.Argument(help="A new folder, for `ControlNetModel.from_pretrained`.")],
    single: Annotated[bool, typer.Option("--single", help="Single precision; half otherwise.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Write a whole ControlNet that plain diffusers reads, with the encoder of its base in it."""
    from studio.families import open_model

    jobs = open_jobs(data_dir)
    entry = controlnets.load_controlnets(jobs.paths).get(control_id)
    if not entry.available:
        raise ValueError(entry.reason)
    if not entry.base:
        raise ValueError(f"{entry.id} is a folder of diffusers already; copying it would do.")
    if folder.exists():
        raise ValueError(f"{folder.name} is there already; a new folder would fit.")
    base = load_registry(jobs.paths).get(entry.base)
    if misfit := entry.misfit(base):
        raise ValueError(misfit)
    open_model(base.folder, base.id).control_files.export(entry.path, folder, half=not single)
    print(f"Written to {folder}.")


@app.command()
def delete(control_id: str, data_dir: DataDir = None) -> None:
    """Remove a ControlNet of your own."""
    controlnets.remove(open_jobs(data_dir).paths, control_id)
    print(f"Removed {control_id}.")


def _cells(found: Json) -> list[str]:
    """Share of pictures with position, size and horizon of the hint; mean distances; overlap beside that of renders."""
    overlap = found["overlap"]
    drawn = "" if overlap["value"] is None else f"{overlap['value']:.2f} of {overlap['of_renders']:.2f}"
    off = ", ".join(f"{value:.3f}" for value in found["distance"].values())
    return [_share(found["agreement"]["where"]), off, drawn, _share(found["accuracy"])]


def _share(found: Json) -> str:
    return "" if found["value"] is None else f"{found['value']:.2f} ({found['low']:.2f}–{found['high']:.2f})"
