"""Studies of the diversity laboratory: one file each in this folder, found by scanning it.

A study says which plans it draws and what it concludes from the oracle's readings of them:

    @STUDIES.add("k-sweep")
    class KSweep(Study[KSweepConfig]): ...

Drawing, sharing, stopping, resuming and extending belong to `capabilities.lab.work`. Listing studies and counting what one
will cost need no torch; `conclude` may import it.
"""

import sys

from studio.capabilities.lab.studies import base
from studio.capabilities.lab.studies.base import Study
from studio.core.former_names import also_known_as
from studio.core.registry import Registry

STUDIES: Registry[type[Study]] = Registry("studio.capabilities.lab.studies", "study", variable="STUDIO_STUDIES")

also_known_as("studio.services.studies", sys.modules[__name__])
also_known_as("studio.services.studies.base", base)
