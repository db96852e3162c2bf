"""Grid: one request drawn with up to three of its settings over lists of values, a cell a combination."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationInfo, field_validator, model_validator

from studio.capabilities.grid.result import Gridded
from studio.capabilities.grid.settings import REPLACE, Setting, changed, named
from studio.capabilities.grid.values import checked, said, typed
from studio.core.explain import brief, explain
from studio.core.files import Json
from studio.jobs.kinds import KINDS
from studio.library.adapters import load_adapters
from studio.library.draw_request import CompareRequest

NAMES = ("x", "y", "z")
MAX_CELLS = 400
MAX_PICTURES = 2000  # cells × seeds
ARM = "student"  # of the cells, where none is given
WRITE_HELP = "setting=values, like teacher_steps=5,10,25 or adapters.mine/size=-2..2 step 1"


class Axis(BaseModel):
    """One setting and its values. Also written as text: setting=values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    setting: str = Field(
        max_length=100,
        title="Setting",
        description="A field of the request, adapters.ID (its strength), or replace (search and replace in the prompt).",
    )
    values: tuple[JsonValue, ...] = Field(
        title="Values", description='A list, or text: numbers, ranges ("1..7 step 2"), names; sentences a line each.'
    )

    @model_validator(mode="before")
    @classmethod
    def _written(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        setting, equals, values = given.partition("=")
        if not equals:
            raise ValueError(f"{brief(given, 60)} is no axis; {WRITE_HELP}, would fit.")
        return {"setting": setting.strip(), "values": _read(setting.strip(), values)}

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, given: object) -> object:
        if not isinstance(given, Mapping) or not isinstance(given.get("setting"), str) or "values" not in given:
            return given
        return {**given, "values": _read(given["setting"], given["values"])}

    @property
    def of(self) -> Setting:
        return named(self.setting)

    @property
    def labels(self) -> list[str]:
        return [said(self.of, value) for value in self.values]


def _read(name: str, values: object) -> object:
    """Values as they stand in a request, of a text or of a list with ranges in it."""
    setting = named(name)
    if isinstance(values, str):
        return typed(setting, values)
    if not isinstance(values, (list, tuple)):
        return values
    if not values:
        raise ValueError(f"{setting.title} has no values yet.")
    ranges = [typed(setting, one) if _is_range(setting, one) else [one] for one in values[:1000]]
    return checked(setting, [one for several in ranges for one in several])


def _is_range(setting: Setting, value: object) -> bool:
    return isinstance(value, str) and setting.kind in ("whole", "number", "any") and ".." in value


@dataclass(frozen=True)
class Cell:
    """at: place on each axis. request: what it draws; None where it cannot be drawn, and why."""

    at: tuple[int, ...]
    request: CompareRequest | None
    why: str = ""

    @property
    def name(self) -> str:
        """Of the folder of its pictures."""
        return "-".join(map(str, self.at))

    @property
    def arm(self) -> str:
        return self.request.arms[0] if self.request else ""


class GridRequest(BaseModel):
    """What to draw, and what varies. The same object comes from the page, the API, the command line and `spec.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    draw: CompareRequest = Field(
        title="Draw", description=f"What all cells have in common; of one arm, {ARM} unless it is given."
    )
    axes: tuple[Axis, ...] = Field(
        title="Axes", description=f"One to three: columns, rows, pages. Each {{setting, values}}, or text: {WRITE_HELP}."
    )

    @field_validator("draw", mode="before")
    @classmethod
    def _one_arm(cls, given: object) -> object:
        return {**given, "arms": given.get("arms") or [ARM], "previews": False} if isinstance(given, Mapping) else given

    @field_validator("axes")
    @classmethod
    def _axes(cls, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
        if not 1 <= len(axes) <= len(NAMES):
            raise ValueError(f"{len(axes)} axes were given; one, two or three would fit.")
        names = [axis.setting for axis in axes]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"{named(twice).title} is on two axes; each setting is on one.")
        many = math.prod(len(axis.values) for axis in axes)
        if many > MAX_CELLS:
            sizes = " × ".join(str(len(axis.values)) for axis in axes)
            raise ValueError(f"This grid is {sizes} = {many:,} cells; at most {MAX_CELLS} fit, so fewer values would.")
        return axes

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> GridRequest:
        settings = [axis.setting for axis in self.axes]
        if len(self.draw.arms) > 1 and "arms" not in settings:
            raise ValueError(f"A cell draws one arm and {len(self.draw.arms)} were given; give one, or make Arms an axis.")
        for axis in self.axes:
            self._fits_alone(axis, "prompt" in settings)
        if self.samples > MAX_PICTURES:
            raise ValueError(
                f"{self.samples:,} pictures were asked for; at most {MAX_PICTURES:,} fit, so fewer seeds or values would."
            )
        context = info.context if isinstance(info.context, dict) else {}
        if context.get("registry") is not None:
            found = cells(self, context)
            if not any(cell.request for cell in found):
                raise ValueError(f"No cell of this grid can be drawn: {found[0].why}")
        return self

    @property
    def samples(self) -> int:
        each = 1 if any(axis.setting == "seeds" for axis in self.axes) else len(self.draw.seeds)
        return math.prod(len(axis.values) for axis in self.axes) * each

    def largest(self) -> Iterator[object]:
        """What is common to all, with every value of every axis alone (`core.demo.Many`)."""
        plain = self.draw.model_dump(mode="json")
        for axis in self.axes:
            for value in axis.values if axis.setting != REPLACE else ():
                yield CompareRequest.model_validate(changed(plain, axis.of, value, axis.values[0]))

    def _fits_alone(self, axis: Axis, prompts: bool) -> None:
        """ValueError where a value is none of its setting, whatever the others are."""
        plain, setting = self.draw.model_dump(mode="json"), axis.of
        for value in axis.values:
            try:
                if axis.setting != REPLACE or not prompts:
                    CompareRequest.model_validate(changed(plain, setting, value, axis.values[0]))
            except ValueError as error:
                why = explain(error, CompareRequest)
                begins = "" if axis.setting == REPLACE else f"{setting.title}, value {brief(value, 40)}: "
                raise ValueError(f"{begins}{why}") from error


def cells(request: GridRequest, context: Json) -> list[Cell]:
    """Every combination, the first axis fastest. context: of `CompareRequest`, which every cell is checked with."""
    plain, axes, settings = request.draw.model_dump(mode="json"), request.axes, [axis.of for axis in request.axes]
    context = {"adapters": load_adapters(context.get("home")), **context}  # read once for all of them
    # What a part is put into, and a text is replaced in, must be there before.
    order = sorted(range(len(axes)), key=lambda i: (settings[i].name == REPLACE, bool(settings[i].part)))
    found = []
    for place in itertools.product(*(range(len(axis.values)) for axis in reversed(axes))):
        at = tuple(reversed(place))
        try:
            asked = plain
            for i in order:
                asked = changed(asked, settings[i], axes[i].values[at[i]], axes[i].values[0])
            drawn = CompareRequest.model_validate(asked, context=context)
            if len(drawn.arms) > 1:
                raise ValueError(f"A cell draws one arm, not {len(drawn.arms)}.")
            found.append(Cell(at, drawn))
        except ValueError as error:
            found.append(Cell(at, None, explain(error, CompareRequest)))
    return found


def label(request: GridRequest) -> str:
    return f"{' × '.join(axis.of.title for axis in request.axes)}: {request.draw.prompt}"


KINDS.add(
    "grid",
    title="Grid",
    config=GridRequest,
    lane="interactive",
    label=label,
    resumable=True,
    visitors=True,
    weight=3.0,
    work="studio.capabilities.grid.work:Gridding",
    gives=Gridded,
)
