"""Methods that train ControlNets, one file each; `CONTROLNETS` finds them."""

from __future__ import annotations

from studio.core.method import Method
from studio.core.registry import Registry

CONTROLNETS: Registry[type[Method]] = Registry(__name__, "method of ControlNets")
