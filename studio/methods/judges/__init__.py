"""Methods that teach judges, one file each; `JUDGING` finds them."""

from __future__ import annotations

from studio.core.method import Method
from studio.core.registry import Registry

JUDGING: Registry[type[Method]] = Registry(__name__, "method of judges")
