"""Commitment: at which step does each arm believe what it will end with?

The x̂0 trajectories of Gandikota & Bau, arXiv 2503.10637 (figure 5): students are near their final image after one step,
the base after about 30 % of its steps. x̂0 is decoded and read at every step of every arm.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from studio.capabilities.lab.studies import STUDIES
from studio.capabilities.lab.studies.base import Data, Json, Study, StudyCard, StudyConfig
from studio.sampling.plan import Plan

MOST = 60  # vanished things listed


class CommitmentConfig(StudyConfig):
    teacher_steps: int = Field(50, ge=2, le=100, description="Steps of the teacher whose beliefs are followed.")


@STUDIES.add("commitment")
class Commitment(Study[CommitmentConfig]):
    card = StudyCard(
        title="When is it decided?",
        question="At which step do teacher, student and hybrid believe what they will end with?",
        how="x̂0 of every step is decoded and read; per factor the share that already has its final value, and the commit step.",
        statements=("S7",),
    )
    Config = CommitmentConfig
    steps: ClassVar[bool] = True

    def plans(self) -> list[Plan]:
        s = self.setting
        return [s.reference(self.config.teacher_steps), s.alone(), *([s.hybrid(1)] if s.points > 1 else [])]

    def conclude(self, data: Data) -> Json:
        from studio.metrics import verdicts
        from studio.metrics.timeline import timeline, typical_distance
        from studio.metrics.vanished import vanished

        arms: Json = {}
        scales = {
            prompt: distance
            for prompt, arms_of in data.readings.items()
            if (distance := typical_distance(arms_of["teacher"].features[:, -1])) is not None
        }
        gone, things = [], [name for name, factor in data.factors.items() if factor.things]
        for arm in next(iter(data.readings.values())):
            levels = data.levels[arm]
            beliefs = {p: [rows[arm].step(i) for i in range(len(levels))] for p, rows in data.readings.items()}
            arms[arm] = timeline(beliefs, levels, scales=scales, factors=data.factors)
            for prompt, rows in beliefs.items():
                for row in vanished(rows, factors=data.factors, names=things):
                    gone.append({"arm": arm, "prompt": prompt, "seed": data.seeds[row["sample"]], **row})
        return {
            "timelines": arms,
            "vanished": sorted(gone, key=lambda row: -(row["last"] - row["first"]))[:MOST],
            "verdicts": [verdicts.s7(arms["student"], arms["teacher"])],
        }
