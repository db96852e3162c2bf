"""The form of a study: its card, the settings drawn from its schema, and what it will cost. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Collection

from studio.capabilities.lab.request import DEFAULT_PROMPTS, StudyRequest, study_of
from studio.capabilities.lab.studies import STUDIES
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library import draw_costs
from studio.library.models import load_registry
from studio.sampling.cost import bill
from studio.ui.kit import schema_form, words

ORDER = ("k-sweep", "position-sweep", "masks", "handover", "base-guidance", "fork", "commitment", "arena")
MIXTURE = "mixture"  # the card that leads to the sliders


def cards(chosen: str) -> list[Json]:
    """Every study as a card to choose, in the order of the page; the sliders' card last."""
    members = STUDIES.all()
    names = [n for n in ORDER if n in members] + [n for n in members if n not in ORDER]
    shown = [_card(name, members[name].card.model_dump(), chosen) for name in names]
    why = {"title": "Why at all?", "question": "An exact laboratory without any model: when does one base step help?",
           "how": "Sliders for a Gaussian mixture; nothing is drawn and nothing is trained.", "statements": ()}  # fmt: skip
    return [*shown, _card(MIXTURE, why, "")]


def _card(name: str, card: Json, chosen: str) -> Json:
    return {"name": name, "chosen": name == chosen, "statements": list(card["statements"]),
            **{key: card[key] for key in ("title", "question", "how")}}  # fmt: skip


def fields(study: str) -> list[schema_form.Field]:
    """The study's own settings, as its pydantic schema has them."""
    cls = STUDIES.get(study)
    schema = cls.Config.model_json_schema()
    for name, prop in schema.get("properties", {}).items():
        items = prop.get("items") or {}
        if items.get("type") == "string" and "enum" not in items:  # names of something: a study that has them says which
            items["enum"] = list(_names(study, name))
    return schema_form.fields(schema)


def _names(study: str, field: str) -> tuple[str, ...]:
    if (study, field) == ("arena", "remedies"):
        from studio.capabilities.lab.studies.arena import REMEDIES

        return tuple(REMEDIES)
    return ()


def request(typed: Json, given: Json) -> Json:
    """A request from what stands in the form: `typed` in its own fields, `given` in the study's settings by name.

    Settings that are what they are by default are left out, so that the same study is the same request. ValueError in one
    sentence where something cannot be read.
    """
    known = fields(typed["study"])
    told = schema_form.read_all([f for f in known if f.name in given], given)
    plain = {f.name: f.default for f in known}
    return {
        "study": typed["study"], "name": str(typed["name"] or ""), "pair": typed["pair"] or "",
        "prompts": str(typed["prompts"] or ""), "seeds": _whole(typed["seeds"], "Seeds", 32),
        "teacher_steps": _whole(typed["teacher_steps"], "Teacher steps", 25),
        "settings": {name: value for name, value in told.items() if value != plain.get(name)},
    }  # fmt: skip


def left(text: str, pairs: Collection[str]) -> Json | None:
    """A request that a browser kept, where its study and its pair are there; None where it is none."""
    try:
        found = json.loads(text)
        known = found["study"] in STUDIES.all() and found["pair"] in pairs
        plain: Json = {"name": str(found["name"]), "prompts": str(found["prompts"]).splitlines()}
        whole = {name: int(found[name]) for name in ("seeds", "teacher_steps")}
        return {**found, **plain, **whole} if known and isinstance(found["settings"], dict) else None
    except (ValueError, TypeError, KeyError):
        return None


def _whole(text: object, label: str, default: int) -> int:
    field = schema_form.Field(label, label, "whole", default, "")
    found = schema_form.read(field, text)
    return default if found is None else int(found)


def cost(jobs: Jobs, asked: Json) -> str:
    """What Start would cost, in a sentence. ValueError when the request does not fit."""
    registry = load_registry(jobs.paths)
    found = StudyRequest.model_validate(dict(asked))
    study = study_of(found, registry, jobs.paths)
    plans = study.plans()
    of = bill(plans)
    control = bill(study.control()).together * min(found.control, found.seeds) * len(found.prompts)
    beside = f" The identity control adds {control:,}." if control else ""
    samples = found.seeds * len(found.prompts)
    most = of.together * samples
    time = draw_costs.of_evaluations(jobs, found.pair, most)
    shared = f"; beginnings that arms share are computed once, alone they would be {of.alone * samples:,}"
    return (
        f"At most {words.count(most, 'network evaluation')}{time} for {words.count(len(plans), 'arm')} × "
        f"{words.count(len(found.prompts), 'prompt')} × "
        f"{words.count(found.seeds, 'seed')}{shared if of.together < of.alone else ''}.{beside} "
        f"What any study here has drawn before is taken from there."
    )


def blank(study: str, pair: str) -> Json:
    """A request with everything as it is by default."""
    return {"study": study, "name": "", "pair": pair, "prompts": list(DEFAULT_PROMPTS), "seeds": 32, "teacher_steps": 25,
            "settings": {}}  # fmt: skip
