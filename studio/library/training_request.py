"""What requests for training runs have in common: how often a run shows and measures itself, its name, its sinks.

No kind of job by itself. The fields that are worded alike are types here, so that every kind names them where its form
wants them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from studio.core.explain import brief

MAX_STEPS = 10_000_000
MAX_STRIPS = 1000  # sample strips of one run
MAX_MEASURES = 200
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")

Seed = Annotated[int, Field(ge=0, le=2**32 - 1, title="Seed", description="Of everything that is drawn while training.")]
Every = Annotated[int | None, Field(ge=0, le=MAX_STEPS)]
Sinks = Annotated[
    tuple[Literal["tensorboard", "trackio"], ...],
    Field(title="Also log to", description="Where curves go besides the run's own log."),
]


class TrainingRequest(BaseModel):
    """Base of the requests. Its kinds have the fields `name`, `steps`, `sample_every`, `measure_every` and `sinks`.

    LIKE: a name that would fit. STRIPS, MEASURES: how many a run makes where it is not said how often.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    LIKE: ClassVar[str]
    STRIPS: ClassVar[int]
    MEASURES: ClassVar[int]

    if TYPE_CHECKING:  # declared by the kinds, each in the order of its form
        steps: int
        sample_every: int | None
        measure_every: int | None

    @property
    def samples_at(self) -> int:
        """Steps between sample strips, 0 for none."""
        return self.sample_every if self.sample_every is not None else max(1, self.steps // self.STRIPS)

    @property
    def measures_at(self) -> int:
        """Steps between measurements, 0 for none."""
        return self.measure_every if self.measure_every is not None else max(1, self.steps // self.MEASURES)

    @field_validator("name", check_fields=False)
    @classmethod
    def _name(cls, given: str) -> str:
        if not _NAME.fullmatch(given):
            raise ValueError(
                f"The name {brief(given, 40)} does not fit; up to 40 lower-case letters, digits, ., _ and -, "
                f"the first a letter or digit, would, like {cls.LIKE}."
            )
        return given

    @field_validator("sinks", check_fields=False)
    @classmethod
    def _sinks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(given))

    @model_validator(mode="after")
    def _often(self) -> TrainingRequest:
        for name, every, most in (
            ("sample_every", self.samples_at, MAX_STRIPS),
            ("measure_every", self.measures_at, MAX_MEASURES),
        ):
            if every and self.steps // every > most:
                least = -(-self.steps // most)
                raise ValueError(f"{name} is {every}, which makes more than {most:,} in {self.steps:,} steps; {least:,} fits.")
        return self
