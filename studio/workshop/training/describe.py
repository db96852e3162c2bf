"""The catalogue of methods, read from their classes. Imports torch; `library.method_cards` keeps what this says.

python -m studio.workshop.training.describe <data folder>
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import TYPE_CHECKING

from studio.core.files import Json, atomic_write
from studio.jobs.paths import Paths, open_paths
from studio.library.method_cards import GROUPS, Catalogue, Group, kept, version

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

    trainer = TrainerConfig.model_json_schema()
    trainer["properties"].pop("steps", None)
    return {"version": made_for, "trainer": trainer, **{name: _described(group) for name, group in GROUPS.items()}}


def _described(group: Group) -> Json:
    """Cards, schemas and roles of models of a group's methods by name, and why others cannot be used."""
    module, _, name = group.registry.partition(":")
    registry: Registry[type[Method]] = getattr(importlib.import_module(module), name)
    found, unavailable = {}, {}
    for name, method in registry.all().items():
        try:
            card, schema = method.card.model_dump(mode="json"), method.Config.model_json_schema()
            found[name] = {"card": card, "schema": schema, "models": list(method.models or group.models)}
        except Exception as error:  # one method with an unusual config must not hide the others
            unavailable[name] = f"its settings cannot be described ({type(error).__name__}: {error})"
    return {"methods": found, "unavailable": {**registry.unavailable, **unavailable}}


if __name__ == "__main__":
    refresh(open_paths(sys.argv[1]))
