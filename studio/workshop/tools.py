"""What a run of the studio works with: the models there are, and those that are open."""

from __future__ import annotations

from dataclasses import dataclass

from studio.core.files import Json
from studio.core.kept_hashes import KeptHashes
from studio.jobs.paths import Paths
from studio.library.models import Registry
from studio.workshop.open_models import ModelCache


@dataclass(frozen=True)
class Tools:
    """Handed to the work of every run as `run.tools`."""

    home: Paths
    registry: Registry
    models: ModelCache

    def __post_init__(self) -> None:
        self.models.hashes = KeptHashes(self.home.hashes)

    @property
    def device(self) -> str:
        return self.models.device

    def relieve(self) -> str:
        return self.models.relieve()

    def context(self) -> Json:
        return {"registry": self.registry, "home": self.home}
