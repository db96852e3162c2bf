"""What endpoints give, typed. Files that runs made have an "url" below this server's own address."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import NotRequired, TypedDict

from studio.core.files import Json
from studio.jobs.events import STATES

State = Annotated[str, Field(json_schema_extra={"enum": list(STATES)})]


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
    """lane: what it waits in. request, result: JSON schemas of what it takes, and of what it leaves; None where nobody wrote
    that down."""

    kind: str
    title: str
    about: str
    lane: str
    request: Json
    result: Json | None
