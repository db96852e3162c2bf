"""The hand-over map: the base goes down to any time t* in any number of its own steps, the student does the rest.

The hybrid with both of its knobs turned: where to hand over, and how carefully the base gets there. Lines of equal cost in
network evaluations make cells comparable.
"""

from __future__ import annotations

from pydantic import Field

from studio.capabilities.lab.studies import STUDIES
from studio.capabilities.lab.studies.base import Data, Json, Study, StudyCard, StudyConfig
from studio.sampling import plan as plans
from studio.sampling.plan import Plan


class HandoverConfig(StudyConfig):
    times: tuple[float, ...] = Field(
        (),
        max_length=12,
        title="Hand-over times t*",
        description="Times t* of the hand-over; empty is the student's grid and a point between each.",
    )
    base_steps: tuple[int, ...] = Field((1, 2, 4, 8), min_length=1, max_length=6, description="Numbers of base steps above t*.")
    base_guidance: float = Field(1.0, ge=1, le=15, description="Guidance of the base's steps.")


@STUDIES.add("handover")
class Handover(Study[HandoverConfig]):
    card = StudyCard(
        title="Where to hand over?",
        question="At which noise level should the student take over, and is more than one base step worth it?",
        how="Diversity and accuracy over (hand-over time, base steps), with lines of equal cost. The student is the corner.",
        statements=("S2",),
    )
    Config = HandoverConfig

    @property
    def cells(self) -> dict[tuple[float, int], Plan]:
        """Possible cells by (t*, base steps)."""
        s, c = self.setting, self.config
        grid = s.recipe.timesteps
        between = [round((a + b) / 2) for a, b in zip(grid, grid[1:], strict=False)]
        times = sorted({float(t) for t in (c.times or [*grid[1:], *between])}, reverse=True)
        found = {}
        for t in times:
            for n in sorted(set(c.base_steps)):
                name = f"t* = {t:g}, {n} base"
                try:
                    found[t, n] = plans.handover_plan(s.teacher.id, s.student.id, s.recipe, t, n, c.base_guidance, name=name)
                except ValueError:
                    if c.times and len(found) == 0 and not 0 <= t < grid[0]:
                        raise
        return found

    def plans(self) -> list[Plan]:
        cells = self.cells
        if not cells:
            raise ValueError(f"No hand-over fits {self.setting.pair.id}; times between 0 and its first step would.")
        return [self.setting.reference(), self.setting.alone(), *cells.values()]

    def conclude(self, data: Data) -> Json:
        from studio.metrics import verdicts_search
        from studio.metrics.handover import handover_map
        from studio.metrics.study import arm_rows

        arms, names = data.pooled(), {cell: plan.name for cell, plan in self.cells.items()}
        cheap = [name for name in names.values() if data.costs[name] <= data.costs["student"]]
        return {
            "map": handover_map(arms, names, data.costs, student="student"), "rows": arm_rows(arms, costs=data.costs),
            "verdicts": [verdicts_search.s2_best(arms, cheap)],
        }  # fmt: skip
