"""All masks: every arrangement of base and student on the grid, and what each position is worth by itself.

2^N arms; exact Shapley values of the positions, for diversity and for accuracy. Masks that begin alike share their steps,
so the 16 masks of four steps cost 30 evaluations a sample instead of 64.
"""

from __future__ import annotations

from studio.capabilities.lab.studies import STUDIES
from studio.capabilities.lab.studies.base import Data, Json, Study, StudyCard, StudyConfig
from studio.sampling.plan import Plan

MAX_POINTS = 5


class MasksConfig(StudyConfig):
    pass


@STUDIES.add("masks")
class Masks(Study[MasksConfig]):
    card = StudyCard(
        title="What is each step worth?",
        question="Over all arrangements of base and student steps, how much does each position contribute?",
        how="Every mask of B and S on the student's grid; Shapley values divide the whole difference among the positions.",
        statements=("S4",),
    )
    Config = MasksConfig

    @property
    def words(self) -> list[str]:
        """All masks, the student's own first."""
        n = self.setting.points
        return [format(i, f"0{n}b").replace("0", "S").replace("1", "B") for i in range(2**n)]

    def plans(self) -> list[Plan]:
        n = self.setting.points
        if n > MAX_POINTS:
            raise ValueError(f"{self.setting.pair.id} takes {n} steps, which is {2**n:,} masks; at most {MAX_POINTS} steps fit.")
        return [self.setting.reference(), *(self.setting.mask(word, word) for word in self.words)]

    def control(self) -> list[Plan]:
        return [self.setting.at_student_guidance(word, word) for word in self.words]

    def conclude(self, data: Data) -> Json:
        from studio.metrics import verdicts, verdicts_search
        from studio.metrics.masks import mask_study
        from studio.metrics.study import arm_rows

        arms, n = data.pooled(), self.setting.points
        named = {arm: arm for arm in arms if arm != "teacher"}
        found = []
        if n > 1:
            reverse = verdicts.s4_reverse(arms, "S" + "B" * (n - 1), student="S" * n)
            found = [verdicts_search.s4_shapley(arms, named), reverse]
        rows = arm_rows(arms, student="S" * n, costs=data.costs)
        return {"masks": mask_study(arms, named), "rows": rows, "verdicts": found}
