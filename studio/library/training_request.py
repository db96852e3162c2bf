"""What requests for training runs have in common, and what they are checked against: the name, the model, the trainer's
settings, how often a run shows and measures itself.

No kind of job by itself. Their fields are worded in `library.training_fields`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator

from studio.core.explain import brief
from studio.core.files import Json
from studio.jobs.paths import Paths
from studio.library import method_cards
from studio.library.models import FAMILY, ModelEntry, Registry

MAX_STRIPS = 1000  # sample strips of one run
MAX_MEASURES = 200
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_CALLED = {"adapters": "an adapter", "controlnets": "a ControlNet", "models": "a model"}  # what folders of the data folder hold


class TrainingRequest(BaseModel):
    """Base of the requests. Its kinds have the fields `name`, `steps`, `seed`, `trainer`, `sample_every`, `measure_every` and
    `sinks`, and those that can end early `stop_at`.

    ON: the field that names the model it is trained on. HOME: folder of the data folder in which what is trained is kept, as
    mine/<name>. LIKE: a name that would fit. STRIPS, MEASURES: how many a run makes where it is not said how often. TRAINER:
    settings in place of those that are not given. METHOD: the field that names the method. PRICED: further fields that change
    what a step costs. MADE: the field that says how much is prepared before the first step, ONCE settings of methods that say
    how much is drawn at it, and PICTURES the field that says how many pictures a measurement draws. STAGES: by setting that
    says how much a stage before the first step does, how much of it a trial does.

    With `registry` in the validation context the models are looked at; with `paths` besides, it is being submitted, and name and
    settings are checked against what is there. Every error is one sentence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    ON: ClassVar[str] = "base"
    HOME: ClassVar[str]
    LIKE: ClassVar[str]
    STRIPS: ClassVar[int]
    MEASURES: ClassVar[int]
    TRAINER: ClassVar[Json] = {}
    METHOD: ClassVar[str] = "method"
    PRICED: ClassVar[tuple[str, ...]] = ()
    MADE: ClassVar[str] = ""
    ONCE: ClassVar[tuple[str, ...]] = ()
    STAGES: ClassVar[Mapping[str, int]] = {}
    PICTURES: ClassVar[str] = "measure_seeds"

    if TYPE_CHECKING:  # declared by the kinds, each in the order of its form
        name: str
        steps: int
        seed: int
        trainer: Json
        sample_every: int | None
        measure_every: int | None
        sinks: tuple[str, ...]

    @property
    def goal(self) -> float | None:
        """What a measured figure must be above for the run to end early (the field `stop_at`); None for never."""
        return getattr(self, "stop_at", None)

    @property
    def samples_at(self) -> int:
        """Steps between sample strips, 0 for none."""
        return self.sample_every if self.sample_every is not None else max(1, self.steps // self.STRIPS)

    @property
    def measures_at(self) -> int:
        """Steps between measurements, 0 for none."""
        return self.measure_every if self.measure_every is not None else max(1, self.steps // self.MEASURES)

    @property
    def trained_on(self) -> str:
        """Id of the model that is opened."""
        return str(getattr(self, self.ON))

    @property
    def called(self) -> str:
        """How lists call what is trained."""
        return self.name

    def method_on(self, entry: ModelEntry) -> str:
        """The method's name on a model; "" where the kind of job has one alone."""
        return str(getattr(self, self.METHOD, ""))

    # -- what a kind checks besides ------------------------------------------------------------------------------------------

    def check_fields(self) -> None:
        """Fields against one another."""

    def check_models(self, registry: Registry) -> None:
        """Against the models there are."""

    def check_submitted(self, paths: Paths, registry: Registry | None, catalogue: method_cards.Catalogue) -> None:
        """Against the data folder and the schemas of methods."""

    # ------------------------------------------------------------------------------------------------------------------------

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
    def _fits(self, info: ValidationInfo) -> TrainingRequest:
        self._check_often()
        self._check_goal()
        self.check_fields()
        context = info.context if isinstance(info.context, dict) else {}
        registry, paths = context.get("registry"), context.get("paths")
        known = registry if isinstance(registry, Registry) else None
        if known is not None:
            self.check_models(known)
        if isinstance(paths, Paths):
            self._check_free(paths, known)
            catalogue = method_cards.objectives(paths)
            assert catalogue is not None
            self.check_submitted(paths, known, catalogue)
            method_cards.check_trainer(catalogue, self.trainer)
        return self

    def _check_often(self) -> None:
        for name, every, most in (
            ("sample_every", self.samples_at, MAX_STRIPS),
            ("measure_every", self.measures_at, MAX_MEASURES),
        ):
            if every and self.steps // every > most:
                least = -(-self.steps // most)
                raise ValueError(f"{name} is {every}, which makes more than {most:,} in {self.steps:,} steps; {least:,} fits.")

    def _check_goal(self) -> None:
        if self.goal is not None and not 0 < self.measures_at < self.steps:
            often = "never taken" if not self.measures_at else "taken at the end alone"
            least = max(1, -(-self.steps // 10))
            raise ValueError(f"stop_at is {self.goal:g}, and figures are {often}; measure_every {least:,} would fit.")

    def _check_free(self, paths: Paths, registry: Registry | None) -> None:
        listed = self.HOME == "models" and registry is not None and f"{FAMILY}/{self.name}" in registry.entries
        if listed or (paths.root / self.HOME / FAMILY / self.name).exists():
            what = _CALLED.get(self.HOME, f"something in {self.HOME} called")
            raise ValueError(f"There is {what} {FAMILY}/{self.name} already; another name would fit.")


class BasedRequest(TrainingRequest):
    """Of what is trained on a model and put on models afterwards. Its kinds have the fields `title` and `base` besides."""

    if TYPE_CHECKING:
        title: str
        base: str

    @property
    def called(self) -> str:
        return self.title or self.name

    def check_models(self, registry: Registry) -> None:
        entry = registry.get(self.base)
        if not entry.available:
            raise ValueError(entry.reason)
        self.check_base(entry)

    def check_base(self, entry: ModelEntry) -> None:
        """Whether this can be trained on a model that can be opened. ValueError in one sentence."""
