"""The contract of a study: a card for the person who chooses, plans to draw, and what follows from the readings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from studio.core.domain import Domain
from studio.core.files import Json
from studio.core.recipe import Recipe
from studio.domains import domain_of
from studio.library.adapters import Adapters
from studio.library.meant import Meant
from studio.library.models import ModelEntry, Pair
from studio.sampling import plan as plans
from studio.sampling.plan import Plan

if TYPE_CHECKING:
    from studio.metrics.rows import Rows


class StudyCard(BaseModel):
    """What a person should know before starting a study. statements: of the paper (S1–S7) that it tests."""

    model_config = ConfigDict(frozen=True)

    title: str
    question: str
    how: str  # two lines
    statements: tuple[str, ...] = ()


class StudyConfig(BaseModel):
    """Settings of a study beyond pair, prompts and seeds; a study adds its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Setting:
    """Where a study takes place: a pair, and how its teacher is sampled when nothing else is said."""

    pair: Pair
    teacher_steps: int = 25
    siblings: tuple[ModelEntry, ...] = ()  # the teacher's other students that can be opened here
    adapters: Adapters = field(default_factory=lambda: Adapters(()))

    @property
    def teacher(self) -> ModelEntry:
        return self.pair.teacher

    @property
    def student(self) -> ModelEntry:
        return self.pair.student

    @cached_property
    def recipe(self) -> Recipe:
        return Recipe.model_validate(self.student.recipe)

    @property
    def domain(self) -> Domain:
        """Of what the pair draws."""
        return domain_of(self.student.domain)

    def of(self, student: ModelEntry) -> Setting:
        """The same with another student."""
        return replace(self, pair=Pair(student.id, student.title, self.teacher, student))

    @property
    def points(self) -> int:
        """Steps of the student's recipe."""
        return len(self.recipe.timesteps)

    def reference(self, steps: int | None = None, guidance: float | None = None, name: str = "teacher") -> Plan:
        """The teacher alone, with its own guidance unless told otherwise."""
        n = steps or self.teacher_steps
        w = self.teacher.guidance if guidance is None else guidance
        return plans.teacher_plan(self.teacher.id, self.teacher.timesteps(n), self.teacher.sampling.rule, w, name=name)

    def alone(self, name: str = "student") -> Plan:
        return plans.student_plan(self.student.id, self.recipe, name=name)

    def hybrid(self, k: int, guidance: float = 1.0, name: str | None = None) -> Plan:
        return plans.hybrid_plan(self.teacher.id, self.student.id, self.recipe, k, guidance, name=name)

    def mask(self, mask: str, name: str | None = None) -> Plan:
        return plans.mask_plan(mask, self.teacher.id, self.student.id, self.recipe, name=name)

    def at_student_guidance(self, mask: str, name: str) -> Plan:
        """A mask whose base steps are guided as the student's are: with one network for both, every mask is the same plan."""
        return plans.mask_plan(mask, self.teacher.id, self.student.id, self.recipe, self.recipe.guidance, name=name)

    def skip_first(self) -> Plan:
        return plans.skip_first_plan(self.student.id, self.recipe)

    def student_first(self) -> Plan:
        return plans.student_first_plan(self.teacher.id, self.student.id, self.recipe)


class Reads(Protocol):
    """How much an adapter does, as a judge without an oracle tells it; `slider()` as the board wants it."""

    def slider(self) -> Json: ...


class Judge(Protocol):
    """Who says something of pictures where no oracle reads them: `workshop.judge`."""

    def measure(self, words: Meant | None) -> Reads: ...


@dataclass(frozen=True)
class Data:
    """What was read so far. readings[prompt][arm]: rows, one a seed, the same seeds for all arms of all prompts.

    stated and worlds by prompt as `metrics.study` wants them; factors of the world by name; costs: NFE by arm; levels:
    noise level (sigma / alpha) of every step by arm. judge: who read where there is no oracle; readings then are features
    alone, nothing is stated, and there are no factors.
    """

    readings: Mapping[str, Mapping[str, Rows]]
    stated: Mapping[str, Mapping[str, str]]
    worlds: Mapping[str, Any]
    factors: Mapping[str, Any]
    costs: Mapping[str, float]
    levels: Mapping[str, Sequence[float]] = field(default_factory=dict)
    seeds: Sequence[int] = field(default_factory=list)
    judge: Judge | None = None

    def pooled(self, **options: Any) -> Json:
        """Every arm over all prompts, with paired bootstrap draws (`metrics.study.pooled_arms`, which has the options)."""
        from studio.metrics.study import pooled_arms

        return pooled_arms(self.readings, self.stated, self.factors, worlds=self.worlds, **options)

    def measures(self, steps: bool) -> Json:
        """{"measures": those with a title (`metrics.measures`), of every arm}; nothing where there are none, or no oracle, or
        every step was read."""
        from studio.metrics.pooled_measures import pooled_measures

        found = {} if steps or self.judge else pooled_measures(self.readings, self.stated, self.factors, self.worlds)
        return {"measures": found} if found else {}


C = TypeVar("C", bound=StudyConfig)


class Study(ABC, Generic[C]):
    """One question. Arms are named by their plans; names are unique within a study and stable from run to run."""

    card: ClassVar[StudyCard]
    Config: ClassVar[type[StudyConfig]]
    steps: ClassVar[bool] = False  # whether x̂0 is read at every step rather than at the end
    needs_oracle: ClassVar[bool] = True  # whether features alone would tell it nothing

    def __init__(self, config: C, setting: Setting):
        self.config, self.setting = config, setting

    @abstractmethod
    def plans(self) -> list[Plan]:
        """Everything that is drawn; plans that begin alike share those steps. ValueError in one sentence when it does not fit."""

    def control(self) -> list[Plan]:
        """Plans for the identity control: all must give the first one's samples once the teacher's weights are the student's.

        They differ only in who takes which step of the student's grid. Empty: the study has no such control.
        """
        return []

    @abstractmethod
    def conclude(self, data: Data) -> Json:
        """JSON-ready {"rows": […], "verdicts": [{"statement", "verdict", "sentence", …}], …} from what is there."""
