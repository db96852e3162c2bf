"""Fields that requests for training runs word alike, as types, and functions that word them for a kind.

Every kind names them where its form wants them: `name: Annotated[str, fields.name_of("slider")]`, `seed: fields.Seed = 0`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.fields import FieldInfo

from studio.core.files import Json
from studio.domains import first

MAX_STEPS = 10_000_000
TEACHER = first().defaults.teacher  # that forms begin with

Title = Annotated[str, Field(max_length=80, title="Title", description="How lists call it; empty is its name.")]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1, title="Seed", description="Of everything that is drawn while training.")]
Goal = Annotated[float | None, Field(gt=0, lt=1, allow_inf_nan=False)]  # of a share
Every = Annotated[int | None, Field(ge=0, le=MAX_STEPS)]
Sinks = Annotated[
    tuple[Literal["tensorboard", "trackio"], ...],
    Field(title="Also log to", description="Where curves go besides the run's own log."),
]
Batch = Annotated[int, Field(ge=1, le=1024, title="Batch", description="Samples an update.")]


def name_of(thing: str) -> FieldInfo:
    """The field `name`, of a new thing."""
    return _field("Name", f"Of the new {thing}; it is listed as mine/<name>.")


def steps_of(what: str) -> FieldInfo:
    """The field `steps`."""
    return Field(ge=1, le=MAX_STEPS, title="Steps", description=what)


def strips_of(what: str, in_a_run: str) -> FieldInfo:
    """The field `sample_every`. in_a_run: how many there are where it is not said, as a word."""
    return _field("Sample every", f"Steps between {what}; empty is {in_a_run} in a run, 0 is none.")


def measurements(how_often: str) -> FieldInfo:
    """The field `measure_every`."""
    return _field("Measure every", f"Steps between measurements{how_often}.")


def goal_of(figure: str, besides: str = "") -> FieldInfo:
    """The field `stop_at`. besides: what must hold as well, with its comma."""
    ends = f"Goal for {figure}: the run ends at the first measurement whose whole 95 % interval is above it{besides}"
    return _field("Stop at", f"{ends}; empty is never.")


def trainer_settings(usual: Json, besides: str = "") -> str:
    """What the field `trainer` takes, in words. usual: where they are not given. besides: more names, each with its comma."""
    warmup, decay_from = (f"{name} ({usual[name]} here)" for name in ("warmup", "decay_from"))
    return f"{warmup}, {decay_from}, decay_to, precision, {besides}checkpoint_every, …"


def _field(title: str, description: str) -> FieldInfo:
    return Field(title=title, description=description)
