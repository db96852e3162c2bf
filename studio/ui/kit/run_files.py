"""Where the files that a run names are found from outside."""

from __future__ import annotations

import re
from typing import TypeVar, cast

T = TypeVar("T")
_FILE = re.compile(r"artifacts(/[A-Za-z0-9][A-Za-z0-9._-]*)+")  # how runs name what they made


def with_addresses(run: str, value: T) -> T:
    """The same with addresses below this server's own in place of the names of the run's files.

    A picture's "path" becomes its "url": of an object with a "path" gradio_client believes that Gradio serves the file, asks
    for it at once, and is refused with 403.
    """
    made: object = value
    if isinstance(value, dict):
        made = {"url" if name == "path" else name: with_addresses(run, found) for name, found in value.items()}
    elif isinstance(value, (list, tuple)):
        made = [with_addresses(run, found) for found in value]
    elif isinstance(value, str) and _FILE.fullmatch(value):
        made = address(run, value)
    return cast(T, made)


def address(run: str, name: str) -> str:
    """Of a file that a run made, below this server's own."""
    return f"run-file/{run}/{name}"
