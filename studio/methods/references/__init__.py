"""Methods that train adapters of references, one file each; `REFERENCES` finds them."""

from __future__ import annotations

from studio.core.method import Method
from studio.core.registry import Registry

REFERENCES: Registry[type[Method]] = Registry(__name__, "method of references", variable="STUDIO_REFERENCES")
