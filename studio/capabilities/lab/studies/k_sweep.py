"""The k sweep: how much diversity comes back when the base takes the first k steps, and what that costs.

Gandikota & Bau, arXiv 2503.10637, section 5.2 and figure 7. The teacher stands beside it at two step counts and without
guidance, so that neither guidance nor the number of steps is mistaken for the model swap.
"""

from __future__ import annotations

from pydantic import Field

from studio.capabilities.lab.studies import STUDIES
from studio.capabilities.lab.studies.base import Data, Json, Study, StudyCard, StudyConfig
from studio.sampling.plan import Plan

STUDENT, SKIP, REVERSE = "k = 0", "skip-first", "student-first"


class KSweepConfig(StudyConfig):
    k: tuple[int, ...] = Field(
        (), title="Base steps k", description="Base steps to try; empty is all from 0 to the student's steps."
    )
    base_guidance: float = Field(1.0, ge=1, le=15, description="Guidance of the base's steps; 1 costs what the student costs.")
    references: tuple[int, ...] = Field(
        (25, 50), min_length=1, max_length=4, title="Teacher lines, steps", description="Steps of the teacher's lines."
    )


@STUDIES.add("k-sweep")
class KSweep(Study[KSweepConfig]):
    card = StudyCard(
        title="How many base steps?",
        question="How much of the lost diversity do the first k steps of the base give back?",
        how="k = 0 is the student, k = N the base on the student's grid. Teacher lines at 25 and 50 steps stand beside it.",
        statements=("S1", "S2", "S3", "S4", "S5"),
    )
    Config = KSweepConfig

    @property
    def by_k(self) -> dict[int, str]:
        ks = {0, *(self.config.k or range(self.setting.points + 1))}
        return {k: f"k = {k}" for k in sorted(ks)}

    @property
    def lines(self) -> list[Plan]:
        s = self.setting
        own = [s.reference(n, name=f"teacher, {n} steps") for n in self.config.references]
        plain = [s.reference(n, 1.0, name=f"teacher, {n} steps, unguided") for n in self.config.references[:1]]
        return own + (plain if s.teacher.guidance != 1 else [])

    def plans(self) -> list[Plan]:
        s, w = self.setting, self.config.base_guidance
        swept = [s.hybrid(k, w, name=name) for k, name in self.by_k.items()]
        return [*self.lines, *swept, *([s.skip_first(), s.student_first()] if s.points > 1 else [])]

    def control(self) -> list[Plan]:
        s, n = self.setting, self.setting.points
        swept = [s.at_student_guidance("B" * k + "S" * (n - k), name) for k, name in self.by_k.items()]
        return [*swept, *([s.at_student_guidance("S" + "B" * (n - 1), REVERSE)] if n > 1 else [])]

    def conclude(self, data: Data) -> Json:
        from studio.metrics import verdicts
        from studio.metrics.sweep import k_sweep

        arms = data.pooled()
        lines, extra = [plan.name for plan in self.lines], [arm for arm in (SKIP, REVERSE) if arm in arms]
        found = [verdicts.s1(arms, lines[0], STUDENT)]
        if (one := self.by_k.get(1)) is not None:
            found += [verdicts.s2(arms, one, STUDENT, lines[0]), verdicts.s3(arms, one, lines[0])]
            found += [verdicts.s5(arms, SKIP, one)] if SKIP in arms else []
        found += [verdicts.s4_reverse(arms, REVERSE, lines[0], STUDENT)] if REVERSE in arms else []
        swept = k_sweep(arms, self.by_k, references=[*lines, *extra], teacher=lines[0], costs=data.costs)
        return {"sweep": swept, "verdicts": found}
