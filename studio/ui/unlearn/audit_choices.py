"""What an audit can be asked for: adapters that forget, models that wear them, models that never saw the concept, attacks; and
what a form becomes."""

from __future__ import annotations

from collections.abc import Sequence

from studio.capabilities.audit.known_attacks import cards
from studio.capabilities.audit.request import AuditRequest, is_said
from studio.core.files import Json
from studio.domains import domain_of
from studio.jobs.paths import Paths
from studio.library.adapters import AdapterEntry, load_adapters
from studio.library.concepts import Concept, concepts
from studio.library.models import ModelEntry, Registry, load_registry
from studio.ui.kit import schema_form

NUMBERS = ("budget", "pictures")
ACCESS = {
    "prompts": "by typing prompts",
    "sampling": "by running the model another way",
    "weights": "by training on its weights",
}


def options(paths: Paths) -> Json:
    """{"adapters": those that forget, the newest first, "models", "attacks", "access": in words, "numbers": fields}."""
    registry = load_registry(paths)
    listed = [entry for entry in load_adapters(paths).entries.values() if entry.card.get("kind") == "forgetting"]
    listed.sort(key=lambda entry: str(entry.card.get("created") or ""), reverse=True)
    adapters = [about for entry in listed if entry.available and (about := _adapter(entry, registry)) is not None]
    models = [{"id": one.id, "title": one.title, "role": one.role, "world": f"{one.domain} {one.size}"}
              for one in registry.entries.values() if one.available]  # fmt: skip
    attacks = [{name: one[name] for name in ("name", "title", "clause", "access", "about")} for one in cards()]
    return {"adapters": adapters, "models": models, "attacks": attacks, "access": ACCESS, "numbers": _fields()}


def _adapter(entry: AdapterEntry, registry: Registry) -> Json | None:
    """{"id", "title", "base", "models": ids of those that can be audited with it, "concepts": [{"words", "said": ids of models
    whose card says that they never saw it}]}; None where nothing can."""
    models = [one.id for one in registry.entries.values() if _can_be(one) and entry.fits(one)]
    wanted = _concepts(entry)
    if not models or not wanted:
        return None
    told = [
        {"words": one.words, "said": [m.id for m in registry.entries.values() if m.available and is_said(m, one)]}
        for one in wanted
    ]
    return {"id": entry.id, "title": entry.title, "base": entry.base, "models": models, "concepts": told}


def _can_be(model: ModelEntry) -> bool:
    return model.available and model.oracle_here and (model.role == "teacher" or model.recipe is not None)


def _concepts(entry: AdapterEntry) -> Sequence[Concept]:
    said = entry.card.get("settings") or {}
    try:
        forget = str(said.get("forget") or entry.card.get("attribute") or "")
        return concepts(domain_of(entry.domain), forget, str(said.get("becomes") or ""))
    except ValueError:  # a card from elsewhere names what this world does not know
        return []


def number_fields() -> list[schema_form.Field]:
    schema = AuditRequest.model_json_schema()["properties"]
    return [schema_form.one(name, schema[name], AuditRequest.model_fields[name].title or "") for name in NUMBERS]


def _fields() -> list[Json]:
    return [{"name": one.name, "label": one.label, "info": one.info, "value": schema_form.write(one.default)}
            for one in number_fields()]  # fmt: skip


def request(form: Json) -> Json:
    """form: {"adapter", "model", "never_saw", "concept", "attacks": names, "numbers": {name: text}}. ValueError in one
    sentence."""
    if not form.get("adapter"):
        raise ValueError("No adapter is chosen; one that makes a model forget would fit.")
    if form.get("attacks") == []:
        raise ValueError("No attack is chosen; one or more would fit.")
    asked = {name: str(form.get(name) or "") for name in ("adapter", "model", "never_saw", "concept")}
    every = [one["name"] for one in cards()]
    chosen = [str(name)[:40] for name in form.get("attacks") or []]
    attacks = [] if set(chosen) == set(every) else chosen
    return {**asked, "attacks": attacks, **schema_form.read_all(number_fields(), dict(form.get("numbers") or {}))}
