"""The position sweep: one base step, at each position of the student's grid in turn. The causal test of the hybrid.

Gandikota & Bau, arXiv 2503.10637, appendix E (base first against student first), for every position. Skip-first (no
step there at all) and student-first (the base takes all steps but the first) are the controls.
"""

from __future__ import annotations

from studio.capabilities.lab.studies import STUDIES
from studio.capabilities.lab.studies.base import Data, Json, Study, StudyCard, StudyConfig
from studio.sampling.plan import Plan


class PositionSweepConfig(StudyConfig):
    pass


@STUDIES.add("position-sweep")
class PositionSweep(Study[PositionSweepConfig]):
    card = StudyCard(
        title="Which step matters?",
        question="Does a single base step give more diversity back at the first position than at the others?",
        how="The base takes exactly one step, everything else is the student's; skip-first and student-first are controls.",
        statements=("S4", "S5"),
    )
    Config = PositionSweepConfig

    @property
    def by_position(self) -> dict[int, str]:
        return {i: f"base at step {i + 1}" for i in range(self.setting.points)}

    def plans(self) -> list[Plan]:
        s, n = self.setting, self.setting.points
        if n < 2:
            raise ValueError(f"{s.pair.id} takes one step, so there is one position; a student of 2 steps or more would fit.")
        single = [s.mask("S" * i + "B" + "S" * (n - 1 - i), name) for i, name in self.by_position.items()]
        return [s.reference(), s.alone(), *single, s.skip_first(), s.student_first()]

    def control(self) -> list[Plan]:
        s, n = self.setting, self.setting.points
        masks = {name: "S" * i + "B" + "S" * (n - 1 - i) for i, name in self.by_position.items()}
        every = {"student": "S" * n, **masks, "student-first": "S" + "B" * (n - 1)}
        return [s.at_student_guidance(mask, name) for name, mask in every.items()]

    def conclude(self, data: Data) -> Json:
        from studio.metrics import verdicts
        from studio.metrics.sweep import position_sweep

        arms, controls = data.pooled(), ("skip-first", "student-first")
        found = [verdicts.s4(arms, self.by_position), verdicts.s4_reverse(arms, "student-first")]
        found.append(verdicts.s5(arms, "skip-first", self.by_position[0]))
        swept = position_sweep(arms, self.by_position, controls=controls, references=["teacher", "student"], costs=data.costs)
        return {"sweep": swept, "verdicts": found}
