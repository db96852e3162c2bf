"""Fields that capabilities add to requests that draw: comparisons, with them scrub and control runs, and studies.

    ADDITIONS.add("subject")(Addition(Annotated[str, Field(max_length=80)], "", title="Subject", work="my_work:wear"))

in a capability's `request.py`, or in a module of `$STUDIO_KINDS`. A request has them in `additions`, by name, on the command line
as `--with subject=mine/cat`; those that are as by default are left out. In a worker `work` is called once the models are open
(`workshop.additions`). Needs no torch.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, cast

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, create_model

from studio.core.explain import explain
from studio.core.files import Json
from studio.core.inputs import parse_given
from studio.core.registry import Registry
from studio.jobs.paths import Paths
from studio.library.models import ModelEntry

Check = Callable[[object, Sequence[ModelEntry], "Paths | None"], None]


def fits(value: object, models: Sequence[ModelEntry], home: Paths | None) -> None:
    """Whatever the models are."""


@dataclass(frozen=True)
class Addition:
    """kind: any type that pydantic knows, with its limits. default: JSON-ready; what is equal to it is as if not asked for. work:
    "module:function" of (value, `workshop.additions.Drawing`), imported by workers alone. check: ValueError in one sentence where
    a value does not fit the models that will draw, or the data folder, where there is one."""

    kind: object
    default: object
    title: str
    work: str
    description: str = ""
    check: Check = fits

    @property
    def adapter(self) -> TypeAdapter[object]:
        return TypeAdapter(cast("type[object]", self.kind))

    def read(self, name: str, given: object) -> object:
        """The value as it stands in requests, JSON-ready. ValueError in one sentence."""
        try:
            fields: Json = {name: (self.kind, ...)}
            value = getattr(create_model("Additions", **fields).model_validate({name: given}), name)
        except ValueError as error:
            raise ValueError(explain(error)) from error
        return self.adapter.dump_python(value, mode="json")

    def schema(self) -> Json:
        return {**self.adapter.json_schema(), "title": self.title, "description": self.description, "default": self.default}


ADDITIONS: Registry[Addition] = Registry("studio.capabilities", "addition", variable="STUDIO_KINDS", module="request")


def _read(given: Json) -> Json:
    """Each as its kind wants it; those at their defaults are left out."""
    found = {name: ADDITIONS.get(name).read(name, value) for name, value in given.items()}
    return {name: value for name, value in found.items() if value != ADDITIONS.get(name).default}


def _describe(schema: Json) -> None:
    if known := ADDITIONS.all():
        schema["properties"] = {name: addition.schema() for name, addition in known.items()}


Additions = Annotated[
    Json,
    BeforeValidator(parse_given),
    AfterValidator(_read),
    Field(
        default_factory=dict,
        exclude_if=operator.not_,
        title="Additions",
        description="What capabilities add to what is drawn, by name; the others are as by default.",
        json_schema_extra=_describe,
    ),
]


def check_additions(asked: Json, models: Sequence[ModelEntry], home: Paths | None) -> None:
    """ValueError in one sentence where one does not fit."""
    for name, value in asked.items():
        ADDITIONS.get(name).check(ADDITIONS.get(name).adapter.validate_python(value), models, home)
