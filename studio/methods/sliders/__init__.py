"""Methods that train sliders, one file each; `SLIDERS` finds them. All train one adapter on a frozen network.

A slider's strength s is a number in about [−1, 1] that multiplies the adapter; both ends are trained, and s = 0 is the bare
network by construction.
"""

from __future__ import annotations

from studio.core.method import Method
from studio.core.registry import Registry

SLIDERS: Registry[type[Method]] = Registry(__name__, "method of sliders")
