"""The base's guidance: one base step at k = 1, with guidance from none to strong.

Guidance alone costs diversity (Ho & Salimans, arXiv 2207.12598), and a guided base step costs two evaluations; the paper
takes it without. Diversity, accuracy and cost as a Pareto front.
"""

from __future__ import annotations

from pydantic import Field

from studio.capabilities.lab.studies import STUDIES
from studio.capabilities.lab.studies.base import Data, Json, Study, StudyCard, StudyConfig
from studio.sampling.plan import Plan


class BaseGuidanceConfig(StudyConfig):
    w: tuple[float, ...] = Field(
        (1.0, 2.0, 3.0, 5.0, 8.0), min_length=2, max_length=10, title="Guidance scales w", description="Guidance scales to try."
    )
    k: int = Field(1, ge=1, le=50, title="Base steps k", description="Base steps.")


@STUDIES.add("base-guidance")
class BaseGuidance(Study[BaseGuidanceConfig]):
    card = StudyCard(
        title="Should the base be guided?",
        question="What does guidance in the base's step do to diversity, accuracy and cost?",
        how="The hybrid at k = 1 with the base guided at several scales, beside student and teacher on one Pareto plot.",
        statements=("S6",),
    )
    Config = BaseGuidanceConfig

    @property
    def by_w(self) -> dict[float, str]:
        return {w: f"w = {w:g}" for w in sorted(set(self.config.w))}

    def plans(self) -> list[Plan]:
        s, c = self.setting, self.config
        if any(not 1 <= w <= 15 for w in c.w):
            raise ValueError(f"Guidance {min(c.w):g} to {max(c.w):g} does not fit; 1 to 15 would.")
        return [s.reference(), s.reference(guidance=1.0, name="teacher, unguided"), s.alone(),
                *(s.hybrid(c.k, w, name) for w, name in self.by_w.items())]  # fmt: skip

    def conclude(self, data: Data) -> Json:
        from studio.metrics import verdicts
        from studio.metrics.sweep import guidance_sweep

        references = ["teacher", "teacher, unguided", "student"]
        swept = guidance_sweep(data.pooled(), self.by_w, references=references, costs=data.costs)
        return {"sweep": swept, "verdicts": [verdicts.s6(swept["trend"], len(data.seeds) * len(data.readings))]}
