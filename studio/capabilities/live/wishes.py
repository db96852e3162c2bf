"""The two files by which a live run and the page talk: `wish.json`, the newest text, and `shown.json`, what is on the canvas.

Both lie in the run's folder and are replaced as a whole, so the newest is all there is: what came before it is stale. No torch.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from studio.core.files import Json, atomic_write, read_json
from studio.library.draw_request import MAX_PROMPT

WISH, SHOWN = "wish.json", "shown.json"
MOST = 2**53 - 1
Stamp = tuple[int, int, int]


class Wish(BaseModel):
    """n: how many there were before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=0, le=MOST)
    prompt: str = Field(min_length=1, max_length=MAX_PROMPT)


def newest(folder: Path) -> Wish | None:
    """None where there is none, or where the file holds something else."""
    found = read_json(folder / WISH)
    try:
        return None if found is None else Wish.model_validate(found)
    except ValueError:
        return None


def put(folder: Path, prompt: str) -> Wish:
    """The next wish; the first after the text that the run began with is 1."""
    before = newest(folder)
    wish = Wish(n=1 if before is None else before.n + 1, prompt=prompt)
    atomic_write(folder / WISH, wish.model_dump_json(), durable=False)
    return wish


def show(folder: Path, shown: Json) -> None:
    atomic_write(folder / SHOWN, json.dumps(shown, allow_nan=False), durable=False)


def stamp(path: Path) -> Stamp | None:
    """What differs as soon as a file is another one."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
