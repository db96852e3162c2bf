"""The arms of a comparison as a judge reads them, where no oracle does. Worker side: imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from studio.core.files import Json
from studio.library.draw_request import label
from studio.library.meant import of_prompt
from studio.metrics import judged
from studio.metrics.interval import Estimate
from studio.workshop.judge import Judge, Measure, Sight


@dataclass
class JudgedArms:
    """One judge, one prompt. text: the prompt as it was drawn."""

    judge: Judge
    text: str
    seen: dict[str, Sight] = field(default_factory=dict)

    @property
    def about(self) -> Json:
        """Who reads, for results: "name", "key", equal only for judges that read the same, the "unit" of its diversity, and
        "text" where it scores the prompt too."""
        by = {"name": self.judge.name, "key": self.judge.key, "unit": self.judge.unit}
        return by | ({"text": self._words.name} if self._words is not None else {})

    def read(self, arm: str, images: Tensor) -> None:
        """Pictures [N, 3, H, W] in [0, 1] of one arm, row i of the same seed in every arm."""
        self.seen[arm] = self.judge.read(images)

    def measured(self) -> dict[str, Json]:
        """See `metrics.judged.measure`."""
        return judged.measure(self._apart(), self._scores())

    def recovered(self, arms: Sequence[str], costs: Mapping[str, float]) -> list[Json]:
        """See `metrics.judged.recoveries`."""
        labels = {arm: label(arm) for arm in self.seen}
        return judged.recoveries(self._apart(), self._scores(), self.judge.name, arms, costs=costs, labels=labels)

    @cached_property
    def _words(self) -> Measure | None:
        """How well a picture shows the prompt; None where the judge reads no words or the prompt has none that mean something."""
        measure = self.judge.measure(of_prompt(self.text))
        return None if measure.blind else measure

    def _apart(self) -> dict[str, Estimate]:
        return {arm: judged.apart(sight.features, self.judge.per) for arm, sight in self.seen.items()}

    def _scores(self) -> dict[str, Tensor]:
        return {} if self._words is None else {arm: self._words.score(sight) for arm, sight in self.seen.items()}
