"""What there is to choose from: words of the domains, models with the method that is recommended for them, methods and settings;
and what a form becomes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from studio.capabilities.unlearn.request import (
    FOR_STUDENTS,
    FOR_TEACHERS,
    GROUP,
    TAUGHT_SEED,
    WITH_TEACHER,
    UnlearnRequest,
)
from studio.core.domain import Domain
from studio.core.explain import count, explain
from studio.core.files import Json
from studio.domains import domain_of
from studio.jobs.paths import Paths
from studio.library import concepts as library
from studio.library.adapters import load_adapters
from studio.library.method_cards import Catalogue
from studio.library.models import ModelEntry, Registry, load_registry
from studio.ui.kit import prompt, schema_form

RUN = ("name", "steps", "stop_at", "n_prompts", "measure_seeds", "seed")  # fields of a request beside the words and the method
WORDS = ("forget", "becomes", "keep")
MADE = int(UnlearnRequest.model_fields["n_prompts"].default)
WHY = {
    FOR_TEACHERS: "It solves for the keys and values that read the concept as what it becomes, in one update and without drawing "
    "anything, with what must stay in the same equation.",
    FOR_STUDENTS: "It moves the student's own pictures of the concept to where its teacher's score of what it becomes is, as in "
    "distillation, so that they stay proper pictures; it needs no data.",
}
_SLUG = re.compile(r"[^a-z0-9]+")


def options(paths: Paths, catalogue: Catalogue | None) -> Json:
    """{"models", "methods", "run": fields of the run, "words": by domain, "base": the model to begin with, "wait"}."""
    registry, methods = load_registry(paths), (catalogue or {}).get(GROUP, {}).get("methods", {})
    entries = [entry for entry in registry.entries.values() if usable(entry)]
    wait = "" if catalogue is not None else "The methods are being listed; this takes some seconds, once."
    return {
        "models": [_model(entry, registry, methods) for entry in entries],
        "methods": {name: method(found) for name, found in methods.items()},
        "run": [_field(field) for field in run_fields()],
        "words": {name: _words(domain_of(name)) for name in dict.fromkeys(entry.domain for entry in entries)},
        "base": begin(registry),
        "wait": wait,
    }


def _words(domain: Domain) -> Json:
    """Groups of words worth clicking, and what a world is called; no groups where no world is known."""
    return {"title": domain.title, "groups": prompt.words(domain, "")["groups"] if domain.has_world else []}


def begin(registry: Registry) -> str:
    """The student of the first pair that is ready; "" where no model is."""
    ready = next((pair.student.id for pair in registry.pairs() if pair.available and usable(pair.student)), "")
    return ready or next((entry.id for entry in registry.entries.values() if usable(entry)), "")


def usable(entry: ModelEntry) -> bool:
    """Whether it can be made to forget."""
    return entry.available and "embedded_guidance" not in entry.card and (entry.role == "teacher" or entry.recipe is not None)


def _model(entry: ModelEntry, registry: Registry, methods: Mapping[str, Json]) -> Json:
    """Methods that fit it, the recommended one first."""
    teacher = registry.entries.get(entry.teacher or "")
    alone = teacher is None or not teacher.available
    fit = [name for name, found in methods.items() if entry.role in found["models"] and not (alone and name in WITH_TEACHER)]
    usual = FOR_TEACHERS if entry.role == "teacher" or FOR_STUDENTS not in fit else FOR_STUDENTS
    fit.sort(key=lambda name: name != usual)
    return {"id": entry.id, "title": entry.title, "role": entry.role, "domain": entry.domain, "why": WHY[usual],
            "recommended": usual, "methods": fit}  # fmt: skip


def method(found: Json) -> Json:
    about = found["card"]
    return {"title": about["title"], "how": about.get("how", ""), "good_for": about.get("good_for", ""),
            "status": str(about.get("status") or ""),
            "fields": [_field(field) for field in schema_form.fields(found["schema"])]}  # fmt: skip


def run_fields() -> list[schema_form.Field]:
    schema = UnlearnRequest.model_json_schema()["properties"]
    return [schema_form.one(name, schema[name], UnlearnRequest.model_fields[name].title or "") for name in RUN]


def _field(field: schema_form.Field) -> Json:
    return {"name": field.name, "label": field.label, "kind": field.kind, "info": field.info, "choices": list(field.choices),
            "value": schema_form.write(field.default)}  # fmt: skip


# -- prompts, while somebody types ------------------------------------------------------------------------------------------


def made(paths: Paths, form: Json) -> Json:
    """Of what the form holds: {"prompts": lines made of the words, "count", "becomes": what is taken where nothing is said,
    "said": of what must stay, "problems": a sentence by field}."""
    registry = load_registry(paths)
    domain = domain_of(registry.get(str(form.get("base") or "") or begin(registry)).domain)
    forget, becomes, keep = (str(form.get(name) or "")[:200] for name in WORDS)
    problems = dict(_problems(domain, forget, becomes, keep)) | _pairs_problem(lines(form.get("prompts")))
    found: Json = {"prompts": "", "count": 0, "becomes": "", "said": "", "problems": problems}
    if not library.listed(forget) or "forget" in problems:
        return found
    offered = [one.becomes for one in library.concepts(domain, forget)]
    found["becomes"] = ", ".join(offered) if all(offered) else ""
    if problems.keys() & set(WORDS):
        return found
    wanted, n = library.concepts(domain, forget, becomes, keep), _count(form)
    pairs = [f"{pair.forget} => {pair.becomes}" for pair in library.pairs(domain, wanted, n, TAUGHT_SEED)]
    stay = list(dict.fromkeys(library.neighbours(domain, wanted, n, TAUGHT_SEED, library.listed(keep))))
    like = ", ".join(f"“{text}”" for text in stay[:3])
    said = f"{count(n, 'pair')}, and {count(n, 'prompt')} of what must stay beside them, like {like}."
    return found | {"prompts": "\n".join(dict.fromkeys(pairs)), "count": len(pairs), "said": said}


def _problems(domain: Domain, forget: str, becomes: str, keep: str) -> Iterator[tuple[str, str]]:
    """(field, sentence) of the first that does not fit; nothing of a form in which nothing is typed yet."""
    if not library.listed(forget):
        return
    for name, given in (("forget", ("", "")), ("becomes", (becomes, "")), ("keep", (becomes, keep))):
        try:
            library.concepts(domain, forget, *given)
        except ValueError as error:
            yield name, str(error)
            return


def _pairs_problem(given: list[str]) -> dict[str, str]:
    try:
        UnlearnRequest.model_validate({"name": "unnamed", "prompts": given})
    except ValueError as error:
        return {"prompts": explain(error, UnlearnRequest)}
    return {}


def _count(form: Json) -> int:
    """Of prompts; the default one while what is typed is no number that fits."""
    text = str((form.get("run") or {}).get("n_prompts") or "").strip()
    return int(text) if text.isdigit() and 4 <= int(text) <= 5000 else MADE


def lines(text: object) -> list[str]:
    return [line for line in (" ".join(line.split()) for line in str(text or "").splitlines()) if line]


# -- the form as a request -------------------------------------------------------------------------------------------------


def request(paths: Paths, catalogue: Catalogue, form: Json) -> Json:
    """form: {"forget", "becomes", "keep", "prompts": edited ones, "" where they are made, "base", "method", "settings": {name:
    text that differs from the default}, "run": the same}. ValueError in one sentence."""
    found = catalogue.get(GROUP, {}).get("methods", {}).get(form.get("method"))
    settings = _read(schema_form.fields(found["schema"]), form.get("settings") or {}) if found else {}
    asked: Json = {"base": str(form.get("base") or ""), "settings": settings}
    asked |= {name: str(form.get(name) or "").strip() for name in WORDS}
    asked |= _read(run_fields(), form.get("run") or {})
    asked["name"] = str(asked.get("name") or "") or free_name(paths, asked["forget"], asked["base"])
    if form.get("method"):
        asked["method"] = str(form["method"])
    given = lines(form.get("prompts"))
    return asked | ({"prompts": given} if given else {})


def _read(known: list[schema_form.Field], typed: Mapping[str, str]) -> Json:
    ticks = {field.name for field in known if field.kind == "yes"}
    return schema_form.read_all(known, {name: text == "True" if name in ticks else text for name, text in typed.items()})


def free_name(paths: Paths, forget: str, base: str) -> str:
    """A name for the adapter that no other has: "no-cat-nano-dmd2"."""
    taken = set(load_adapters(paths).entries)
    what = _SLUG.sub("-", forget.lower()).strip("-")[:16].strip("-") or "concept"
    stem = f"no-{what}-{base.replace('/', '-')[:15]}".rstrip("-._")
    names = (stem, *(f"{stem}-{i}" for i in range(2, 1000)))
    return next(name for name in names if f"mine/{name}" not in taken)
