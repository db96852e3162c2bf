"""What there is to choose from: subjects as cards, models with the method that is recommended for them, methods and settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from studio.capabilities.personalize.request import FOR_STUDENTS, FOR_TEACHERS, GROUP, PersonalizeRequest
from studio.core.files import Json
from studio.jobs.paths import Paths
from studio.library import subjects
from studio.library.adapters import load_adapters
from studio.library.method_cards import Catalogue
from studio.library.models import ModelEntry, Registry, load_registry
from studio.library.subjects import Subject
from studio.ui.kit import schema_form, words
from studio.ui.personalize.own_pictures import thumb

SHOWN = 4  # thumbnails of a card
STEPS = int(PersonalizeRequest.model_fields["steps"].default)
NEGATIVE = "negative control"
_THUMBS: dict[tuple[str, int], str] = {}  # (file, when it was written) -> address


def card(one: Subject) -> Json:
    """A subject to pick."""
    return {
        "id": one.id, "title": one.title, "kind": one.kind, "noun": one.noun, "word": one.word, "own": not one.shipped,
        "thumbs": [_thumb(file) for file in one.pictures[:SHOWN]],
        "masks": [_thumb(one.masks[file.name]) if file.name in one.masks else "" for file in one.pictures[:SHOWN]],
        "masked": any(file.name in one.masks for file in one.pictures),
        "about": _about(one),
        "consent": one.consent, "domain": one.domain,
    }  # fmt: skip


def _about(one: Subject) -> str:
    """ "5 pictures, 2 held back" """
    held, masked = len(one.held), sum(file.name in one.masks for file in one.pictures)
    shown = words.count(len(one.pictures), "picture")
    shown += "" if not masked else " with masks" if masked == len(one.pictures) else f", {masked} with a mask"
    return shown + (f", {held} held back to check with" if held else "")


def _thumb(file: Path) -> str:
    key = (str(file), file.stat().st_mtime_ns)
    if key not in _THUMBS:
        with Image.open(file) as picture:
            _THUMBS[key] = thumb(picture)
    return _THUMBS[key]


def shelf(paths: Paths) -> Json:
    """{"cards": shipped ones, then one's own; "broken": a sentence for each that cannot be used}."""
    found = sorted(subjects.subjects(paths).values(), key=lambda one: (not one.shipped, one.kind != "thing"))
    return {"cards": [card(one) for one in found], "broken": list(subjects.problems(paths).values())}


def options(paths: Paths, catalogue: Catalogue | None) -> Json:
    """{"models", "methods", "base": the model to begin with, "steps", "wait"}."""
    registry, methods = load_registry(paths), (catalogue or {}).get(GROUP, {}).get("methods", {})
    models = [_model(entry, methods) for entry in registry.entries.values() if usable(entry)]
    wait = "" if catalogue is not None else "The methods are being listed; this takes some seconds, once."
    return {"models": models, "methods": {name: method(name, found) for name, found in methods.items()},
            "base": begin(registry), "steps": STEPS, "wait": wait}  # fmt: skip


def begin(registry: Registry) -> str:
    """The student of the first pair that is ready; "" where no model is."""
    ready = next((pair.student.id for pair in registry.pairs() if pair.available and usable(pair.student)), "")
    return ready or next((entry.id for entry in registry.entries.values() if usable(entry)), "")


def usable(entry: ModelEntry) -> bool:
    """Whether a subject can be taught to it."""
    return entry.available and "embedded_guidance" not in entry.card and (entry.role == "teacher" or entry.recipe is not None)


def _model(entry: ModelEntry, methods: Mapping[str, Json]) -> Json:
    fit = [name for name, found in methods.items() if entry.role in found["models"]]
    return {"id": entry.id, "title": entry.title, "role": entry.role, "domain": entry.domain, "why": why(entry),
            "recommended": FOR_TEACHERS if entry.role == "teacher" else FOR_STUDENTS, "methods": fit}  # fmt: skip


def why(entry: ModelEntry) -> str:
    """Which method is recommended on a model, and why, in one sentence."""
    if entry.role == "teacher":
        return (
            "Recommended: DreamBooth and replay. A teacher knows every amount of noise, so your pictures are shown to it at all "
            "of them, beside pictures of the same class, and its other pictures are given back to it so that they stay."
        )
    times = [f"{t:g}" for t in (entry.recipe or {}).get("timesteps", ())]
    only = f"the {'one timestep' if len(times) == 1 else f'{len(times)} timesteps'} it was distilled at ({', '.join(times)})"
    return (
        f"Recommended: own timesteps and replay. A student knows only {only}, so your pictures are shown to it there alone, and "
        "its other pictures are given back to it so that they stay."
    )


def method(name: str, found: Json) -> Json:
    about = found["card"]
    status = str(about.get("status") or "")
    return {"title": about["title"], "how": about.get("how", ""), "good_for": about.get("good_for", ""), "status": status,
            "negative": status == NEGATIVE,
            "fields": [_field(field) for field in schema_form.fields(found["schema"])]}  # fmt: skip


def _field(field: schema_form.Field) -> Json:
    return {"name": field.name, "label": field.label, "kind": field.kind, "info": field.info, "choices": list(field.choices),
            "value": schema_form.write(field.default)}  # fmt: skip


# -- the form as a request -------------------------------------------------------------------------------------------------


def request(paths: Paths, catalogue: Catalogue, form: Json) -> Json:
    """form: {"subject", "base", "method", "name", "steps", "settings": {name: text that differs from the default}}. ValueError in
    one sentence."""
    if not form.get("subject"):
        raise ValueError("No subject is chosen yet; pick one above, or bring pictures of your own.")
    found = catalogue.get(GROUP, {}).get("methods", {}).get(form.get("method"))
    typed = form.get("settings") or {}
    settings = schema_form.read_all(schema_form.fields(found["schema"]), typed) if found else {}
    steps = schema_form.read(_STEPS, form.get("steps"))
    asked: Json = {"subject": str(form["subject"]), "base": str(form.get("base") or ""), "settings": settings}
    asked["name"] = str(form.get("name") or "").strip() or free_name(paths, asked["subject"], asked["base"])
    if form.get("method"):
        asked["method"] = str(form["method"])
    stop = schema_form.read(_STOP, form.get("stop_at") or "")
    return asked | ({} if steps is None else {"steps": steps}) | ({} if stop is None else {"stop_at": stop})


_STEPS = schema_form.Field("steps", "Training steps", "whole", STEPS, "")
_STOP = schema_form.Field("stop_at", "Stop when recognised in", "number", None, "")


def free_name(paths: Paths, subject: str, base: str) -> str:
    """A name for the adapter that no other has: "two-tailed-cat-nano-dmd2"."""
    taken = set(load_adapters(paths).entries)
    stem = f"{subject.split('/')[-1][:20]}-{base.replace('/', '-')[:15]}".rstrip("-._")
    names = (stem, *(f"{stem}-{i}" for i in range(2, 1000)))
    return next(name for name in names if f"mine/{name}" not in taken)
