"""Methods that teach a model a person's own subject, one file each; `PERSONALIZE` finds them.

All train one adapter and the rows of one new word on a frozen network, teacher or student.
"""

from __future__ import annotations

from studio.core.method import Method
from studio.core.registry import Registry

PERSONALIZE: Registry[type[Method]] = Registry(__name__, "method of personalization", variable="STUDIO_PERSONALIZE")
