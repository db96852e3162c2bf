"""Methods that tune a model to what is preferred, one file each; `PREFERENCE` finds them.

All train one adapter on a frozen network, teacher or student; which of two samples is preferred is the material's business.
"""

from __future__ import annotations

from studio.core.method import Method
from studio.core.registry import Registry

PREFERENCE: Registry[type[Method]] = Registry(__name__, "method of preference tuning", variable="STUDIO_PREFERENCE")
