"""Distil: teach a student to do a teacher's work in a few steps. A training run, in the batch lane."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from studio.capabilities.distill.result import Distilled
from studio.core.explain import brief, count, did_you_mean
from studio.core.files import Json
from studio.core.footprint import LeaveOut, Smaller
from studio.domains import domain_of
from studio.families import check_smaller
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths
from studio.library import method_cards
from studio.library import training_fields as fields
from studio.library.concepts import concepts
from studio.library.models import Registry
from studio.library.training_request import TrainingRequest

RANK = 16  # of adapters, unless another is given


class DistillRequest(TrainingRequest):
    """What to teach whom, and how. The same object comes from the page, the command line, the API and `spec.json`.

    Settings of the objective and of the trainer are checked against their schemas where a job is submitted (the
    validation context then holds `paths`), and by their own classes when the run begins.
    """

    ON, HOME, LIKE, STRIPS, MEASURES = "teacher", "models", "my-student", 20, 5
    METHOD, MADE, ONCE, PICTURES = "objective", "n_scenes", ("pool", "pairs"), "measure_samples"
    PRICED = ("form", "rank", "leave_out", "width", "start")

    name: Annotated[str, fields.name_of("student")]
    teacher: str = Field(default=fields.TEACHER, title="Teacher", description="Id of the model to learn from.")
    objective: str = Field(default="lcm", title="Objective", description="What the student is taught by.")
    settings: Json = Field(default_factory=dict, title="Settings", description="Of the objective; the rest is default.")
    steps: Annotated[int, fields.steps_of("Iterations of the objective.")] = 1000
    seed: fields.Seed = 0
    form: Literal["full", "adapters", "smaller"] = Field(
        default="full",
        title="Form",
        description="All weights, low-rank adapters on one shared network, or a smaller network cut from the one it begins as.",
    )
    rank: int | None = Field(
        default=None, ge=1, le=256, title="Rank", description=f"Of the adapters, for that form; empty is {RANK}."
    )
    leave_out: LeaveOut = Field(
        default="middle",
        title="Leave out",
        description="Blocks a smaller student goes without: the middle one, the second layer of every stage, or none.",
    )
    width: float = Field(
        default=1.0,
        ge=0.1,
        le=1,
        allow_inf_nan=False,
        title="Width",
        description="Share of every stage's channels that a smaller student keeps, in whole groups and heads.",
    )
    start: str | None = Field(
        default=None,
        title="Start from",
        description="Id of a student of the same teacher whose weights the run begins with; empty is the teacher itself.",
    )
    trainer: Json = Field(
        default_factory=dict, title="Trainer", description="warmup, decay_from, decay_to, precision, checkpoint_every, …"
    )
    n_scenes: int = Field(
        default=4000, ge=16, le=100_000, title="Scenes", description="Renders to learn from, for objectives that use data."
    )
    sample_every: Annotated[fields.Every, fields.strips_of("sample strips", "twenty")] = None
    measure_every: Annotated[fields.Every, fields.measurements("; empty is five in a run, 0 is none")] = None
    stop_at: Annotated[fields.Goal, fields.goal_of("the accuracy of the student in its own number of steps")] = None
    measure_samples: int = Field(
        default=128, ge=8, le=2048, title="Pictures a measurement", description="Pictures drawn for each measurement."
    )
    sinks: fields.Sinks = ()

    @property
    def adapter_rank(self) -> int | None:
        """Of the adapters; None where none are trained."""
        return (self.rank or RANK) if self.form == "adapters" else None

    @property
    def smaller(self) -> Smaller | None:
        """How the student is cut; None where it is not."""
        return Smaller(self.leave_out, self.width) if self.form == "smaller" else None

    @model_validator(mode="before")
    @classmethod
    def _rank_alone(cls, given: object) -> object:
        """A rank without a form means adapters."""
        if isinstance(given, dict) and given.get("rank") is not None and "form" not in given:
            return {**given, "form": "adapters"}
        return given

    @field_validator("start", mode="before")
    @classmethod
    def _start(cls, given: object) -> object:
        return given or None  # a form sends what is not chosen as empty text

    def check_fields(self) -> None:
        """What belongs to another form was meant for something and would do nothing."""
        if self.form != "adapters" and self.rank is not None:
            raise ValueError(
                f"rank {self.rank} is for adapters, and the form is {self.form}; choose the form adapters, or no rank."
            )
        if self.form != "smaller" and (self.leave_out != "middle" or self.width != 1):
            given = f"width {self.width:g}" if self.width != 1 else f"leave_out {self.leave_out}"
            raise ValueError(
                f"{given} is for smaller students, and the form is {self.form}; choose the form smaller, or leave it."
            )
        if self.form == "smaller":
            Smaller(self.leave_out, self.width)  # refuses a form that makes nothing smaller

    def check_models(self, registry: Registry) -> None:
        self._check_teacher(registry)
        self._check_start(registry)
        self._check_smaller(registry)

    def _check_teacher(self, registry: Registry) -> None:
        teachers = [entry.id for entry in registry.entries.values() if entry.role == "teacher"]
        if self.teacher not in registry.entries:
            hint = did_you_mean(self.teacher, teachers) or f" Teachers are {', '.join(teachers) or 'none yet'}."
            raise ValueError(f"There is no teacher {brief(self.teacher)}.{hint}")
        entry = registry.entries[self.teacher]
        if entry.role != "teacher":
            raise ValueError(f"{entry.id} is a student; a teacher is needed, and its own is {entry.teacher}.")
        if not entry.available:
            raise ValueError(entry.reason)

    def _check_start(self, registry: Registry) -> None:
        if self.start is None:
            return
        mine = [entry.id for entry in registry.entries.values() if entry.role == "student" and entry.teacher == self.teacher]
        fits = f"Students of {self.teacher} are {', '.join(mine)}." if mine else f"{self.teacher} has no students yet."
        if self.start not in registry.entries:
            raise ValueError(f"There is no student {brief(self.start)}.{did_you_mean(self.start, mine) or f' {fits}'}")
        entry = registry.entries[self.start]
        if entry.role != "student":
            raise ValueError(
                f"{entry.id} is a teacher, and a run starts from a student or, with no start, from its teacher. {fits}"
            )
        if entry.teacher != self.teacher:
            raise ValueError(f"{entry.id} is a student of {entry.teacher}, not of {self.teacher}. {fits}")
        if not entry.available:
            raise ValueError(entry.reason)
        if "embedded_guidance" in entry.card and self.objective != "guided":
            raise ValueError(f"{entry.id} takes the guidance scale as an input, which only the objective guided goes on with.")

    def _check_smaller(self, registry: Registry) -> None:
        """The form against the network that is cut."""
        if self.smaller is not None:
            entry = registry.entries[self.start or self.teacher]
            check_smaller(entry.folder, self.smaller, entry.id)

    def check_submitted(self, paths: Paths, registry: Registry | None, catalogue: method_cards.Catalogue) -> None:
        method_cards.check_method(catalogue, "distill", self.objective, self.settings)
        schema = catalogue["distill"]["methods"][self.objective]["schema"]
        if schema.get("needs_start") and self.start is None:
            raise ValueError(f"The objective {self.objective} goes on from a student; choose one of {self.teacher} as the start.")
        if schema.get("forgets") and registry is not None:  # words that cannot be meant are refused here
            words = (str(self.settings.get(name) or "") for name in ("forget", "becomes", "keep"))
            concepts(domain_of(registry.get(self.teacher).domain), *words)


def label(request: DistillRequest) -> str:
    """A title for lists of runs."""
    return f"{request.name}: {request.objective} of {request.teacher}, {count(request.steps, 'step')}"


KINDS.add_training("distill", "Distil", DistillRequest, label, "studio.capabilities.distill.work:Distillation", Distilled)
