"""The catalogue of methods, read from their classes. Imports torch; `library.method_cards` keeps what this says.

python -m studio.workshop.training.describe <data folder>
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from studio.core.files import Json, atomic_write
from studio.jobs.paths import Paths, open_paths
from studio.library.method_cards import Catalogue, kept, version

if TYPE_CHECKING:
    from studio.core.method import Method
    from studio.core.registry import Registry


def refresh(paths: Paths) -> None:
    """Make the cache here when it is not right; for processes that have torch anyway."""
    file, wanted = paths.cache / "objectives.json", version()
    if kept(file, wanted) is None:
        atomic_write(file, json.dumps(_read_classes(wanted)), durable=False)


def _read_classes(made_for: str) -> Catalogue:
    """From the classes themselves; imports torch."""
    from studio.core.trainer import TrainerConfig
    from studio.methods.distill import METHODS
    from studio.methods.personalize import PERSONALIZE
    from studio.methods.sliders import SLIDERS

    found, unavailable = _described(METHODS)
    trainer = TrainerConfig.model_json_schema()
    trainer["properties"].pop("steps", None)
    return {
        "version": made_for, "objectives": found, "unavailable": unavailable, "trainer": trainer,
        "sliders": _group(SLIDERS), "personalize": _group(PERSONALIZE),
    }  # fmt: skip


def _group(methods: Registry[type[Method]]) -> Json:
    found, unavailable = _described(methods)
    return {"methods": found, "unavailable": unavailable}


def _described(methods: Registry[type[Method]]) -> tuple[dict[str, Json], dict[str, str]]:
    """(card and schema by name, why others cannot be used) of a registry of methods."""
    found, unavailable = {}, {}
    for name, method in methods.all().items():
        try:
            found[name] = {"card": method.card.model_dump(mode="json"), "schema": method.Config.model_json_schema()}
        except Exception as error:  # one method with an unusual config must not hide the others
            unavailable[name] = f"its settings cannot be described ({type(error).__name__}: {error})"
    return found, {**methods.unavailable, **unavailable}


if __name__ == "__main__":
    refresh(open_paths(sys.argv[1]))
