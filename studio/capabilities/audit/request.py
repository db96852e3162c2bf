"""Audit: how a forgotten concept can be brought back. In the batch lane; attacks that are finished are kept."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from studio.capabilities.audit.known_attacks import known_attacks
from studio.capabilities.audit.result import Audited
from studio.core.explain import brief, did_you_mean
from studio.domains import domain_of
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths
from studio.library import training_fields as fields
from studio.library.adapters import AdapterEntry, load_adapters
from studio.library.concepts import Concept, concepts
from studio.library.models import ModelEntry, Registry

KEPT = "attacks.json"  # of a run: {"done", "left_out"} by attack, written whenever one is finished


class AuditRequest(BaseModel):
    """Which adapter, on which model, against what. The same object comes from the page, the command line, the API and
    `spec.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    adapter: str = Field(max_length=80, title="Adapter", description="Id of one that makes a model forget, like mine/no-cat.")
    model: str = Field(default="", max_length=90, title="Model", description="That wears it; empty is the one it was made on.")
    never_saw: str = Field(
        default="",
        max_length=90,
        title="Never saw it",
        description="Id of a model that never saw the concept: the negative control.",
    )
    concept: str = Field(
        default="", max_length=200, title="Concept", description="Which of those that were to be forgotten; empty is the first."
    )
    attacks: tuple[str, ...] = Field(
        default=(), max_length=40, title="Attacks", description=f"{', '.join(known_attacks())}; empty is all of them."
    )
    budget: float = Field(
        default=1.0,
        ge=0.02,
        le=50,
        allow_inf_nan=False,
        title="Budget",
        description="How much every attack may train and search; 2 is twice the usual.",
    )
    pictures: int = Field(default=64, ge=4, le=4096, title="Pictures", description="Drawn for every figure.")
    seed: fields.Seed = 0

    @field_validator("attacks", mode="before")
    @classmethod
    def _attacks(cls, given: object) -> object:
        names = given.replace(",", " ").split() if isinstance(given, str) else given
        known = known_attacks()
        for name in names if isinstance(names, list | tuple) else ():
            if name not in known:
                hint = did_you_mean(str(name), known) or f" There are {', '.join(known)}."
                raise ValueError(f"There is no attack {brief(name)}.{hint}")
        return tuple(dict.fromkeys(names)) if isinstance(names, list | tuple) else names

    @property
    def chosen(self) -> tuple[str, ...]:
        return self.attacks or tuple(known_attacks())

    def entry(self, registry: Registry, paths: Paths) -> tuple[AdapterEntry, ModelEntry]:
        """The adapter and the model that wears it. ValueError in one sentence."""
        adapter = load_adapters(paths).get(self.adapter)
        if not adapter.available:
            raise ValueError(adapter.reason)
        if adapter.card.get("kind") != "forgetting":
            raise ValueError(f"{adapter.id} was not made to forget anything; one that `unlearn` has made would fit.")
        return adapter, registry.get(self.model or adapter.base)

    def wanted(self, adapter: AdapterEntry, model: ModelEntry) -> Concept:
        """The concept that is looked for. ValueError in one sentence where there is none such."""
        said = adapter.card.get("settings") or {}
        forget = str(said.get("forget") or adapter.card.get("attribute") or "")
        found = concepts(domain_of(model.domain), forget, str(said.get("becomes") or ""))
        names = [one.words for one in found]
        if self.concept and self.concept not in names:
            raise ValueError(f"{adapter.id} was not to forget {brief(self.concept)}; {', '.join(names)} would fit.")
        return found[names.index(self.concept) if self.concept else 0]

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> AuditRequest:
        context = info.context if isinstance(info.context, dict) else {}
        registry, paths = context.get("registry"), context.get("home")
        if isinstance(registry, Registry) and isinstance(paths, Paths):
            self._check(registry, paths)
        return self

    def _check(self, registry: Registry, paths: Paths) -> None:
        adapter, model = self.entry(registry, paths)
        if misfit := adapter.misfit(model):
            raise ValueError(misfit)
        if not model.oracle_here:
            raise ValueError(f"Nothing on this machine reads what {model.id} draws, and an audit is read by an oracle.")
        if model.role == "student" and model.recipe is None:
            raise ValueError(f"{model.id} is a student without a recipe, so nobody knows its own timesteps.")
        self.wanted(adapter, model)
        if not self.never_saw:
            return
        control = registry.get(self.never_saw)
        if not control.available:
            raise ValueError(control.reason)
        if control.id == model.id:
            raise ValueError(f"{control.id} is the model itself; one that never saw the concept would fit.")
        if (control.domain, control.size) != (model.domain, model.size):
            raise ValueError(
                f"{control.id} draws other pictures than {model.id}; a control of the same domain and size would fit."
            )


def is_said(control: ModelEntry, concept: Concept) -> bool:
    """Whether the card of a model says that it never saw a concept."""
    said = f"{control.title} {control.summary} {control.card.get('data', '')}"
    value = next(iter(concept.stated.values()), concept.words)
    return re.search(rf"never saw[^.]*\b{re.escape(value)}\b", said, re.IGNORECASE) is not None


def label(request: AuditRequest) -> str:
    """A title for lists of runs."""
    return f"audit of {request.adapter}" + (f" on {request.model}" if request.model else "")


KINDS.add(
    "audit",
    title="Audit",
    config=AuditRequest,
    lane="batch",
    label=label,
    resumable=True,
    work="studio.capabilities.audit.work:Audit",
    gives=Audited,
)
