"""Distillation objectives, one file each; `METHODS` finds them. `$STUDIO_OBJECTIVES` names further modules."""

from __future__ import annotations

from studio.core.method import Method
from studio.core.registry import Registry

METHODS: Registry[type[Method]] = Registry(__name__, "objective", "STUDIO_OBJECTIVES")
