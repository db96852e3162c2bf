"""Studies of the diversity laboratory: one file each in this folder, found by scanning it.

A study says which plans it draws and what it concludes from the oracle's readings of them:

    @STUDIES.add("k-sweep")
    class KSweep(Study[KSweepConfig]): ...

Drawing, sharing, stopping, resuming and extending belong to `services.laboratory`. Listing studies and counting what one
will cost need no torch; `conclude` may import it.
"""

from studio.core.registry import Registry
from studio.services.studies.base import Study

STUDIES: Registry[type[Study]] = Registry("studio.services.studies", "study", variable="STUDIO_STUDIES")
