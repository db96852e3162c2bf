"""What endpoints give, typed. Files that runs made have an "url" below this server's own address."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import NotRequired, TypedDict

from studio.core.files import Json
from studio.jobs.events import STATES

State = Annotated[str, Field(json_schema_extra={"enum": list(STATES)})]
_FILE = re.compile(r"artifacts(/[A-Za-z0-9][A-Za-z0-9._-]*)+")  # how runs name what they made


class Submitted(TypedDict):
    """ahead: how many runs wait before it."""

    run: str
    ahead: int


class Asked(TypedDict):
    """state: as it is now; a running job does what is asked after its current step."""

    run: str
    state: Annotated[str, Field(json_schema_extra={"enum": [*STATES, "deleted"]})]


class Listed(TypedDict):
    """created: seconds since 1970. progress: of its steps, as the last event said."""

    run: str
    kind: str
    title: str
    state: State
    note: str
    created: float
    progress: Json | None


class Told(TypedDict):
    """request: as it was given, with what was left out. result: what is finished so far, as the schema of the kind's result says.
    note: why it failed, one sentence. ahead: how many runs wait before it."""

    run: str
    kind: str
    title: str
    state: State
    note: str
    ahead: int
    request: Json
    progress: Json | None
    notices: list[str]
    result: Json | None


class Row(TypedDict):
    """Of a scrub run, an arm or a branch. strips: a picture of every step, all seeds side by side, "" where there is none yet;
    noisy: the same of the states, where asked for."""

    arm: str
    title: str
    branch: Json | None
    steps: list[Json]
    strips: list[str]
    noisy: list[str]


class Looked(TypedDict):
    """rows, timeline: of a scrub run; timeline is the address of what was read at every step."""

    run: str
    state: State
    note: str
    ahead: int
    progress: Json | None
    notices: list[str]
    result: Json | None
    rows: NotRequired[list[Row]]
    timeline: NotRequired[str]


class Happened(TypedDict):
    """events: {"n", "time", "kind", …}, oldest first. after: what to ask with next."""

    run: str
    events: list[Json]
    after: int


class File(TypedDict):
    """bytes: its size."""

    url: str
    bytes: int


class Kind(TypedDict):
    """lane: what it waits in. schema: JSON schema of its request."""

    kind: str
    title: str
    about: str
    lane: str
    schema: Json


def with_addresses(run: str, value: object) -> Any:
    """The same with addresses below this server's own in place of the names of the run's files.

    A picture's "path" becomes its "url": of an object with a "path" gradio_client believes that Gradio serves the file, asks
    for it at once, and is refused with 403.
    """
    if isinstance(value, dict):
        return {"url" if name == "path" else name: with_addresses(run, found) for name, found in value.items()}
    if isinstance(value, (list, tuple)):
        return [with_addresses(run, found) for found in value]
    return address(run, value) if isinstance(value, str) and _FILE.fullmatch(value) else value


def address(run: str, name: str) -> str:
    """Of a file that a run made, below this server's own."""
    return f"run-file/{run}/{name}"
