"""Modules outside the repository go on importing what they build on by the name it had when they were written."""

from __future__ import annotations

import sys
from types import ModuleType


def also_known_as(name: str, module: ModuleType) -> None:
    """Let `import name` give this module. For names in the documentation of kinds, objectives and studies from elsewhere."""
    parent, _, last = name.rpartition(".")
    if parent not in sys.modules:
        also_known_as(parent, ModuleType(parent, "Holds former names alone."))
    sys.modules.setdefault(name, module)
    setattr(sys.modules[parent], last, module)
