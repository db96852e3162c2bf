"""What there is to choose from when a model is tuned to a preference: models, rewards, sets of votes, methods."""

from __future__ import annotations

from studio.capabilities.preference.request import GROUP, OFFLINE
from studio.core.files import Json
from studio.jobs.paths import Paths
from studio.library import rewards, votes
from studio.library.method_cards import Catalogue
from studio.library.models import ModelEntry, load_registry
from studio.ui.kit import schema_form
from studio.ui.personalize import choices

STEPS = 200


def options(paths: Paths, catalogue: Catalogue | None) -> Json:
    """{"models", "methods", "base", "steps", "wait", "rewards": by key of a model, "sets": of votes}."""
    registry, methods = load_registry(paths), (catalogue or {}).get(GROUP, {}).get("methods", {})
    entries = [entry for entry in registry.entries.values() if choices.usable(entry)]
    wait = "" if catalogue is not None else "The methods are being listed; this takes some seconds, once."
    return {"models": [_model(entry, methods) for entry in entries], "base": choices.begin(registry), "steps": STEPS,
            "wait": wait, "methods": {name: choices.method(name, found) for name, found in methods.items()},
            "rewards": {_key(entry): [one.plain() for one in rewards.offered(entry).values()] for entry in entries},
            "sets": sets(paths)}  # fmt: skip


def sets(paths: Paths) -> list[Json]:
    """Votes there are: {"name", "model", "domain", "said", "decided"}."""
    found, _ = votes.listed(paths)
    return [
        {"name": name, "model": one.model, "domain": one.domain, "said": one.said, "decided": len(one.decided)}
        for name, one in found.items()
    ]


def _key(entry: ModelEntry) -> str:
    """Equal for models of which the same can be read."""
    return f"{entry.domain}{'' if entry.oracle_here else ', unread'}"


def _model(entry: ModelEntry, methods: Json) -> Json:
    fit = [name for name, found in methods.items() if entry.role in found["models"]]
    return {"id": entry.id, "title": entry.title, "role": entry.role, "domain": entry.domain, "why": why(entry),
            "recommended": OFFLINE, "methods": fit, "rewards": _key(entry)}  # fmt: skip


def why(entry: ModelEntry) -> str:
    """Which method is recommended, and why, in one sentence."""
    where = "at every amount of noise" if entry.role == "teacher" else "at the timesteps it was distilled at"
    return (
        f"Recommended: Diffusion-DPO. Of two pictures of a prompt it makes the preferred one likelier, {where}, and it needs no "
        "more than which of two is better, so votes and rewards both do."
    )


def request(paths: Paths, catalogue: Catalogue, form: Json) -> Json:
    """form: {"decides": "reward" or "votes", "reward", "votes", "base", "method", "name", "steps", "settings"}. ValueError in one
    sentence."""
    found = catalogue.get(GROUP, {}).get("methods", {}).get(form.get("method"))
    settings = schema_form.read_all(schema_form.fields(found["schema"]), form.get("settings") or {}) if found else {}
    steps = schema_form.read(_STEPS, form.get("steps"))
    decides = "votes" if form.get("decides") == "votes" else "reward"
    what = str(form.get(decides) or "")
    if not what and decides == "votes":
        raise ValueError("There are no votes yet; draw pairs on the right and vote on some.")
    asked: Json = {"base": str(form.get("base") or ""), "settings": settings, decides: what}
    asked["name"] = str(form.get("name") or "").strip() or _free_name(paths, what, asked["base"])
    if form.get("method"):
        asked["method"] = str(form["method"])
    return asked | ({} if steps is None else {"steps": steps})


_STEPS = schema_form.Field("steps", "Training steps", "whole", STEPS, "")


def _free_name(paths: Paths, what: str, base: str) -> str:
    """A name for the adapter that no other has: "red-nano-dmd2"."""
    plain = "".join(letter if letter.isalnum() else "-" for letter in what.lower())[:20]
    return choices.free_name(paths, plain, base)
