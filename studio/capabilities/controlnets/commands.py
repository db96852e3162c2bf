"""`python -m studio controlnets …`: what was trained here or brought, what was measured, and plain folders for diffusers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from studio.core.files import Json
from studio.library import bringing_controlnets, controlnets
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
    table = Table("id", "reads", "made for", "state")
    for entry in found:
        table.add_row(
            entry.id,
            entry.hint or "any picture",
            entry.base or str(entry.card.get("for") or ""),
            "ready" if entry.available else entry.reason,
        )
    out.print(table)


@app.command()
def add(
    place: Annotated[Path, typer.Argument(help="A folder that diffusers wrote, or a .safetensors file, for SD 1.x, 2.x or XL.")],
    name: Annotated[str, typer.Option(help="It is listed as mine/NAME; made of the file's name otherwise.")] = "",
    hint: Annotated[str, typer.Option(help="The kind of picture that it reads, like canny.")] = "",
    title: Annotated[str, typer.Option(help="What lists call it; the name otherwise.")] = "",
    look: Annotated[bool, typer.Option("--look", help="Only say what it is.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List a ControlNet of another program; its file stays where it is and is linked."""
    seen = bringing_controlnets.look_at(place)
    base = seen.found.base or "a base of its own shape"
    if look:
        told = {"for": base, "name": seen.name, "proposed_hint": seen.hint}
        print(json.dumps(told, indent=1) if as_json else f"A ControlNet for {base}.{_proposal(seen.hint)}")
        return
    entry = bringing_controlnets.bring(open_jobs(data_dir).paths, place, name, hint, title)
    if as_json:
        print(json.dumps(entry.plain(), indent=1))
        return
    reads = f"reads pictures of the kind {hint}" if hint else f"does not say what kind of picture it reads.{_proposal(seen.hint)}"
    print(f"{entry.id} is for {base} and {reads.rstrip('.')}. It is followed with --hint {entry.id}#picture.png.")


def _proposal(hint: str) -> str:
    return f' Its name speaks of {hint}; --hint "{hint}" would say so.' if hint else ""


@app.command()
def show(control_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show where a ControlNet comes from and what was measured with its hint and without."""
    entry = controlnets.load_controlnets(open_jobs(data_dir).paths).get(control_id)
    if as_json:
        print(json.dumps(entry.plain(), indent=1))
        return
    for name in ("title", "hint", "for", "base", "base_hash", "steps", "seed", "created"):
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
    as_json: AsJson = False,
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
    print(json.dumps({"id": entry.id, "folder": str(folder)}) if as_json else f"Written to {folder}.")


@app.command()
def delete(control_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Remove a ControlNet of your own."""
    controlnets.remove(open_jobs(data_dir).paths, control_id)
    print(json.dumps({"id": control_id, "removed": True}) if as_json else f"Removed {control_id}.")


def _cells(found: Json) -> list[str]:
    """Share of pictures with position, size and horizon of the hint; mean distances; overlap beside that of renders."""
    overlap = found["overlap"]
    drawn = "" if overlap["value"] is None else f"{overlap['value']:.2f} of {overlap['of_renders']:.2f}"
    off = ", ".join(f"{value:.3f}" for value in found["distance"].values())
    return [_share(found["agreement"]["where"]), off, drawn, _share(found["accuracy"])]


def _share(found: Json) -> str:
    return "" if found["value"] is None else f"{found['value']:.2f} ({found['low']:.2f}–{found['high']:.2f})"
