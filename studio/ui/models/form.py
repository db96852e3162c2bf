"""What the form of the Models tab offers, and what a filled one means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from studio.core.explain import brief
from studio.core.files import Json
from studio.families.single_files import NAMES
from studio.jobs.paths import Paths
from studio.library import hub, uploads
from studio.library.adding import Wish, add_model
from studio.library.bringing_controlnets import bring as bring_control
from studio.library.listed_sources import listed_sources
from studio.library.models import load_registry
from studio.sampling.rules import RULES
from studio.ui.models import recipes

FOUND = 20  # models that a search brings


def offered(paths: Paths) -> Json:
    """{"bases", "teachers": [{"id", "title"}], "likes", "rules", "predictions", "recipes"}."""
    registry, sources = load_registry(paths), listed_sources(paths)
    models = [{"id": one.id, "title": one.title, "role": one.role} for one in registry.entries.values()]
    return {
        "bases": models,
        "teachers": [one for one in models if one["role"] == "teacher"],
        "likes": sorted(NAMES),
        "rules": list(RULES),
        "predictions": list(recipes.PREDICTIONS),
        "recipes": recipes.published(sources),
    }


def add(paths: Paths, form: Mapping[str, object]) -> str:
    """List the model of a filled form; its id. ValueError in one sentence, and nothing is written then."""
    said = {name: str(value).strip() for name, value in form.items() if isinstance(value, str | int) and str(value).strip()}
    place = said["place"] = _place(paths, said.get("place", ""))
    wish = Wish(
        place,
        id=said.get("id"),
        base=said.get("base"),
        role=said.get("role"),
        revision=said.get("revision"),
        variant=said.get("variant"),
        file=said.get("file"),
        teacher=said.get("teacher"),
        holds=said.get("holds"),
        like=said.get("like"),
        size=_pixels(said.get("size", "")),
        recipe=_recipe(paths, form, said),
    )
    token = said.get("token")
    return add_model(paths, wish, SecretStr(token) if token else None).id


def _place(paths: Paths, typed: str) -> str:
    """Of a model, as it was typed; of an upload its path."""
    if not typed:
        raise ValueError("Which model is meant is not said yet; owner/name on the Hub fits, or a folder or file here.")
    if typed.startswith("."):
        raise ValueError(f"{brief(typed)} is a part of a path; a whole one fits, which begins with / or ~.")
    return uploads.place_of(paths, typed)


def here(paths: Paths, typed: str) -> Path:
    """A place on this machine. ValueError for one on the Hub."""
    place = _place(paths, typed)
    if not is_path(place):
        raise ValueError(
            f"{brief(typed)} is no place on this machine; a whole path fits, which begins with / or ~, or an upload."
        )
    return Path(place).expanduser()


def bring(paths: Paths, place: str, name: str, hint: str) -> Json:
    """List a ControlNet: {"id", "said"}. ValueError in one sentence, and nothing is written then."""
    entry = bring_control(paths, here(paths, place), name.strip(), hint.strip().lower())
    base = entry.card.get("for") or "models of its shape"
    return {"id": entry.id, "said": f"{entry.id} is for {base}; Control offers it on pairs that it fits."}


def _recipe(paths: Paths, form: Mapping[str, object], said: Mapping[str, str]) -> Json | None:
    """Of a student; None of a folder here that carries its own recipe.json."""
    if said.get("role") != "student":
        return None
    teacher = said.get("teacher") or said.get("base") or ""
    if not teacher:
        raise ValueError("A student has a teacher; the field Teacher must name it.")
    given = form.get("recipe")
    given = given if isinstance(given, Mapping) else {}
    own = Path(said["place"]).expanduser() / "recipe.json"
    if is_path(said["place"]) and own.is_file() and not str(given.get("timesteps") or "").strip():
        return None
    sources = listed_sources(paths)
    predicts = recipes.predicted(load_registry(paths), sources, said.get("base") or teacher)
    return recipes.typed(given, teacher, predicts, sources)


def search(text: str) -> list[Json]:
    """Models on the Hub whose name holds a text: {"id", "about", "gated"}, most downloaded first."""
    if not isinstance(text, str):  # programs may send anything
        raise ValueError(f"What to look for is {brief(text)}; a part of a model's name fits, like lcm.")
    if not text.strip():
        raise ValueError("What to look for is not said yet; a part of a model's name fits, like lcm.")
    found = []
    for hit in hub.search(text.strip()[:100], FOUND, task=None):
        downloads = f"{hit.downloads:,} downloads" if hit.downloads is not None else ""
        about = " · ".join(filter(None, [downloads, hit.licence or "", "gated" if hit.gated else ""]))
        found.append({"id": hit.id, "about": about})
    return found


def _pixels(text: str) -> int | None:
    if text and not (text.isdigit() and 1 <= int(text) <= 4096):
        raise ValueError(f"Pixels is {brief(text)}; a whole number from 1 to 4096 fits, like 1024.")
    return int(text) if text else None


def is_path(text: str) -> bool:
    return text.startswith("~") or Path(text).is_absolute()
