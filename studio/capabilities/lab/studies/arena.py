"""The remedy arena: published remedies against lost diversity, beside the hybrid, on one Pareto plot.

Diversity, accuracy and network evaluations of each. The remedies are those of Compare (`library.remedies`); papers and
formulas are with them and in `studio.sampling.variants`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field, create_model

from studio.capabilities.lab.studies import STUDIES
from studio.capabilities.lab.studies.base import Data, Json, Setting, Study, StudyCard, StudyConfig
from studio.library.remedies import REMEDIES as SHARED
from studio.library.remedies import PairPlans, Remedy
from studio.sampling.plan import Plan

TEACHER, STUDENT = "teacher", "student"
Make = Callable[[Setting, Mapping[str, float]], Plan]


class Entered(StudyConfig):
    remedies: tuple[str, ...] = Field((), description="Which to enter; empty is all of them.")


FIELDS: dict[str, Any] = {r.strength.name: r.strength.field() for r in SHARED.values() if r.strength is not None}
ArenaConfig: type[Entered] = create_model("ArenaConfig", __base__=Entered, __doc__="Which remedies, and how strong.", **FIELDS)


def ground(s: Setting) -> PairPlans:
    """What the remedies are put on in a study."""
    return PairPlans(s.teacher.id, s.student.id, s.recipe, s.alone(), s.reference(), s.teacher.guidance)


def _entry(remedy: Remedy) -> Make:
    return lambda s, c: remedy.plan(ground(s), c, remedy.name)


REMEDIES: dict[str, Make] = {
    "hybrid-1": lambda s, c: s.hybrid(1),
    "hybrid-2": lambda s, c: s.hybrid(2),
    "skip-first": lambda s, c: s.skip_first(),
    **{remedy.name: _entry(remedy) for remedy in SHARED.values()},
}


@STUDIES.add("arena")
class Arena(Study[Entered]):
    card = StudyCard(
        title="Which remedy?",
        question="Against lost diversity, what does each published remedy give back, and what does it cost?",
        how="Hybrids, skip-first, CADS, particles, prompt noise, a blend of both models, more re-noise, a guidance interval.",
        statements=("S2", "S5"),
    )
    Config = ArenaConfig

    @property
    def chosen(self) -> list[str]:
        known = [name for name in REMEDIES if self.setting.points > 1 or name not in ("skip-first", "hybrid-2")]
        wrong = [name for name in self.config.remedies if name not in known]
        if wrong:
            raise ValueError(f"There is no remedy {wrong[0][:40]!r} here; there are {', '.join(known)}.")
        return [name for name in known if not self.config.remedies or name in self.config.remedies]

    def plans(self) -> list[Plan]:
        s = self.setting
        entered = [REMEDIES[name](s, self.config.model_dump()).model_copy(update={"name": name}) for name in self.chosen]
        return [s.reference(), s.alone(), *entered]

    def conclude(self, data: Data) -> Json:
        from studio.metrics import verdicts, verdicts_search
        from studio.metrics.pareto import front
        from studio.metrics.study import arm_rows
        from studio.metrics.sweep import pareto_points

        arms = data.pooled()
        found, hybrid = [], "hybrid-1"
        if hybrid in arms:
            others = [name for name in arms if name not in (TEACHER, STUDENT) and not name.startswith("hybrid")]
            rivals = [name for name in others if data.costs[name] <= data.costs[hybrid]]
            found = [verdicts.s2(arms, hybrid), verdicts_search.s5_any(arms, rivals, hybrid)]
            found += [verdicts.s5(arms, "skip-first", hybrid)] if "skip-first" in arms else []
        points = pareto_points(arms, data.costs)
        return {"rows": arm_rows(arms, costs=data.costs), "front": front(points), "verdicts": found}
