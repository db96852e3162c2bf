"""Recipes of students: those of published ones to pick from, and one that is typed."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from studio.core.explain import brief, explain
from studio.core.files import Json
from studio.core.recipe import Recipe
from studio.families import describe
from studio.library.listed_sources import Listed
from studio.library.models import Registry
from studio.sampling.rules import RULES
from studio.ui.kit.words import count

PREDICTIONS = ("eps", "v", "x0", "flow")
_SAME = ("timesteps", "rule", "eta", "guidance", "valid_steps", "grids")  # that recipes are one by


def published(sources: Mapping[str, Listed]) -> list[Json]:
    """Every recipe that a listed file has, once: {"id": of the first student with it, "title", "timesteps", "rule", "guidance",
    "eta"}, texts as fields hold them."""
    found: dict[str, Json] = {}
    for one in sources.values():
        told = one.about.get("recipe")
        if not isinstance(told, dict) or not told.get("timesteps"):
            continue
        same = repr([told.get(name) for name in _SAME])
        steps = count(len(told["timesteps"]), "step")
        title = f"{steps}, {told['rule']}: {one.about.get('title', one.id)}"
        eta = told.get("eta")
        texts = {
            "timesteps": ", ".join(f"{t:g}" for t in told["timesteps"]),
            "rule": str(told["rule"]),
            "guidance": f"{told.get('guidance', 1):g}",
            "eta": "" if eta is None else f"{eta:g}",
        }
        found.setdefault(same, {"id": one.id, "title": title, "n": len(told["timesteps"]), **texts})
    return sorted(found.values(), key=lambda one: (one["n"], one["title"]))


def predicted(registry: Registry, sources: Mapping[str, Listed], model_id: str) -> str:
    """What a model's network gives: of its folder where it is here, else as recipes of its students say; "" where unknown."""
    entry = registry.entries.get(model_id)
    if entry is not None and entry.folder.is_dir() and (seen := describe(entry.folder).prediction):
        return seen
    told = {
        str(one.about["recipe"].get("prediction"))
        for one in sources.values()
        if one.about.get("teacher") == model_id and isinstance(one.about.get("recipe"), dict)
    }
    return told.pop() if len(told) == 1 else ""


def typed(given: Mapping[str, object], teacher: str, base_predicts: str, presets: Mapping[str, Listed]) -> Json:
    """given: {"timesteps", "rule", "guidance", "eta", "prediction", "preset"} as texts. ValueError in one sentence.

    Of a preset whose timesteps are left as they are, the other numbers of steps come along.
    """
    times = _times(str(given.get("timesteps") or "").strip("[]()"))
    rule = str(given.get("rule") or "")
    if rule not in RULES:
        raise ValueError(f"Rule is {brief(rule)}; {', '.join(RULES)} fit.")
    prediction = str(given.get("prediction") or "") or base_predicts
    if prediction not in PREDICTIONS:
        raise ValueError(
            f"What {teacher} predicts is not known before it is here, so Prediction must say it; {', '.join(PREDICTIONS)} fit."
        )
    told: Json = {
        "teacher": teacher, "teacher_hash": "", "timesteps": times, "rule": rule,
        "guidance": _number(given, "guidance", "Guidance") or 1.0, "prediction": prediction, "valid_steps": [len(times)],
    }  # fmt: skip
    if (eta := _number(given, "eta", "η")) is not None:
        told["eta"] = eta
    preset = presets.get(str(given.get("preset") or ""))
    own = preset.about.get("recipe") if preset else None
    if isinstance(own, dict) and [float(t) for t in own.get("timesteps") or []] == times and own.get("rule") == rule:
        told |= {name: own[name] for name in ("valid_steps", "grids") if own.get(name)}
    try:
        Recipe.model_validate(told)
    except ValidationError as error:
        raise ValueError(explain(error, Recipe)) from None
    return told


def _times(text: str) -> list[float]:
    words = text.replace(";", ",").replace(",", " ").split()
    if not words:
        raise ValueError(
            "A student without timesteps cannot be drawn; those that it was trained on fit, like 999, 749, 499, 249, or a recipe."
        )
    try:
        return [float(word) for word in words]
    except ValueError:
        raise ValueError(f"Timesteps are {brief(text)}; numbers from high to low fit, like 999, 749, 499, 249.") from None


def _number(given: Mapping[str, object], name: str, label: str) -> float | None:
    text = str(given.get(name) or "").strip().replace(",", ".")
    try:
        return float(text) if text else None
    except ValueError:
        raise ValueError(f"{label} is {brief(text)}; a number fits, like 1.") from None
