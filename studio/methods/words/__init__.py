"""Methods that teach new words, one file each; `WORDS` finds them."""

from __future__ import annotations

from studio.core.method import Method
from studio.core.registry import Registry

WORDS: Registry[type[Method]] = Registry(__name__, "method of new words")
