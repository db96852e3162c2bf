"""`python -m studio methods`: everything that trains, by group, with the models it is for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from studio.core.explain import brief, did_you_mean
from studio.library.method_cards import GROUPS, listed
from studio.library.method_cards import objectives as catalogue
from studio.library.stock import open_jobs

out, err = Console(), Console(stderr=True)


def methods(
    group: Annotated[str | None, typer.Argument(help=f"One of {', '.join(GROUPS)}; all where none is named.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for everything you make.", envvar="STUDIO_DATA_DIR")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with cards and settings, instead of a table.")] = False,
) -> None:
    """List what can be trained with: objectives, and methods of sliders, subjects, preferences and ControlNets."""
    if group is not None and group not in GROUPS:
        hint = did_you_mean(group, GROUPS) or f" There are {', '.join(GROUPS)}."
        raise ValueError(f"There is no group {brief(group)}.{hint}")
    known = catalogue(open_jobs(data_dir).paths)
    assert known is not None
    found = [row for row in listed(known) if group in (None, row["group"])]
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return
    table = Table("group", "name", "title", "for", "domains", "good for")
    for row in found:
        if not row["unavailable"]:
            domains = "any" if row["domains"] is None else ", ".join(row["domains"])
            models, card = ", ".join(f"{role}s" for role in row["models"]), row["card"]
            table.add_row(row["group"], row["name"], card["title"], models, domains, card["good_for"])
    out.print(table)
    for row in found:
        if row["unavailable"]:
            err.print(f"{row['group']}: {row['name']} cannot be used: {row['unavailable']}", style="yellow", markup=False)
