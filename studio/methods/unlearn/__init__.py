"""Methods that make a model forget, one file each; `UNLEARN` finds them.

All leave one change of a network's layers behind (`core.edit.Edit`); the network itself stays as it was.
"""

from __future__ import annotations

from studio.core.method import Method
from studio.core.registry import Registry

UNLEARN: Registry[type[Method]] = Registry(__name__, "method of unlearning", variable="STUDIO_UNLEARN")
