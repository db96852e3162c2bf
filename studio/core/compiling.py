"""Whether networks are compiled before they draw, as the environment says it. No torch."""

from __future__ import annotations

import os
from typing import Final

from studio.core.explain import brief

SETTING: Final = "STUDIO_COMPILE"
ON, OFF = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


def wanted() -> bool:
    """What `$STUDIO_COMPILE` says; not unless it does. ValueError in one sentence for another word."""
    given = os.environ.get(SETTING, "").strip().lower()
    if given not in (*ON, *OFF):
        raise ValueError(f"${SETTING} is {brief(given)}; 1 and 0 fit.")
    return given in ON


def choose() -> None:
    """For this process and those that it starts."""
    os.environ[SETTING] = "1"


def named() -> dict[str, bool]:
    """What the names of readings that are kept hold besides: outputs of a compiled network differ in their last bits, so what was
    read of them and of the same network uncompiled is kept apart."""
    return {"compiled": True} if wanted() else {}
