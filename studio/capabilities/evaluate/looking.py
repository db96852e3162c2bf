"""Who looks at a candidate's samples for the classical figures: the oracle, a second network that was taught on other pictures,
and where no world is known the encoder that is here. In a worker."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from torch import Tensor

from studio.capabilities.evaluate import classical
from studio.core.domain import Domain, Oracle, OracleReadings, Said
from studio.core.files import Json
from studio.core.medium import Medium
from studio.families.efficientnet_lite import Witness
from studio.workshop.judge import Judge, open_judge
from studio.workshop.open_models import ModelCache
from studio.workshop.witness import open_installed

BY_ORACLE = "the oracle"


class Looking:
    """Of one candidate after another. worlds: the world's own samples of the same prompts, by who reads them."""

    def __init__(self, domain: Domain, medium: Medium, models: ModelCache, oracle: Oracle | None):
        self.domain, self.models, self.oracle, self.pictures = domain, models, oracle, medium.pictures
        self.worlds: dict[str, classical.Reference] = {}
        self.begin()

    @cached_property
    def witness(self) -> Witness | None:
        return open_installed(self.models) if self.pictures else None

    @cached_property
    def encoder(self) -> Judge | None:
        """Where no oracle reads, and another than the second network."""
        found = open_judge(self.models) if self.pictures and self.oracle is None else None
        return None if found is None or (found.reader is not None and found.reader is self.witness) else found

    def begin(self) -> None:
        """Another candidate."""
        self.seen: list[OracleReadings] = []
        self.witnessed: list[Tensor] = []
        self.encoded: list[Tensor] = []

    def read(self, drawn: Tensor) -> None:
        """Samples of the next prompt."""
        if self.oracle is not None:
            self.seen.append(self.oracle.read(drawn))
        if self.witness is not None:
            self.witnessed.append(self.witness.read(drawn))
        if self.encoder is not None:
            self.encoded.append(self.encoder.read(drawn).features)

    def figures(self, said: Sequence[Said]) -> list[Json]:
        """Of what was read since `begin`, prompt by prompt."""
        found: list[Json] = []
        if self.oracle is not None:
            world = self._world(BY_ORACLE, self.oracle, said, len(self.seen[0]))
            found += classical.shown(classical.by_oracle(self.domain, self.seen, said, world), BY_ORACLE)
        if self.witness is not None and self.domain.has_world and self.oracle is not None:
            world = self._world(self.witness.name, self.oracle, said, len(self.witnessed[0]))
            found += classical.shown(classical.by_witness(self.witnessed, world), self.witness.name)
        elif self.witness is not None:
            found += classical.shown(classical.by_features(self.witnessed), self.witness.name)
        if self.encoder is not None:
            found += classical.shown(classical.by_features(self.encoded), self.encoder.name)
        return found

    def _world(self, name: str, oracle: Oracle, said: Sequence[Said], each: int) -> classical.Reference:
        if name not in self.worlds:
            read = self.witness.read if self.witness is not None and name == self.witness.name else _features(oracle)
            self.worlds[name] = classical.reference(self.domain, read, oracle.shape, said, each)
        return self.worlds[name]


def _features(oracle: Oracle) -> classical.Read:
    return lambda samples: oracle.read(samples).features
