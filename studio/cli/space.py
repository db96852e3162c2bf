"""`python -m studio space push NAME`: the program as a Space of the Hugging Face Hub."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from studio.library import space

app = typer.Typer(no_args_is_help=True, help="The program as a Space of the Hugging Face Hub.")


@app.callback()
def spaces() -> None:
    """The program as a Space of the Hugging Face Hub."""


@app.command()
def push(
    name: Annotated[str, typer.Argument(help="owner/name; made where there is none.")],
    private: Annotated[bool, typer.Option("--private", help="Of a Space that is made: for its owner alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a sentence.")] = False,
) -> None:
    """Upload this checkout to a Space, or bring one up to date. It begins as a demo; STUDIO_DEMO=0 in its settings opens it."""
    done = space.push(name, private)
    if as_json:
        print(json.dumps({"page": done.page, "files": done.named, "removed": done.removed}))
        return
    print(f"{done.page}: {done.named} files as they are here, {done.removed} taken away.")
