"""The remedy arena: published remedies against lost diversity, beside the hybrid, on one Pareto plot.

Diversity, accuracy and network evaluations of each. Papers and formulas are with the remedies (`studio.sampling.variants`).
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field

from studio.sampling import plan as plans
from studio.sampling import variants
from studio.sampling.plan import Plan
from studio.services.studies import STUDIES
from studio.services.studies.base import Data, Json, Setting, Study, StudyCard, StudyConfig

TEACHER, STUDENT = "teacher", "student"
Make = Callable[[Setting, "ArenaConfig"], Plan]


class ArenaConfig(StudyConfig):
    remedies: tuple[str, ...] = Field((), description="Which to enter; empty is all of them.")
    particles: float = Field(0.25, ge=0, le=4, description="Strength of the repulsion between seeds.")
    prompt_noise: float = Field(1.0, ge=0, le=4, description="Noise on the condition, in its own standard deviations.")
    cads: float = Field(0.25, ge=0, le=4, description="Strength s of condition annealing, with the published thresholds.")
    alpha: float = Field(0.5, gt=0, lt=1, description="Strength of the student in the blend; the rest is the teacher.")
    rho: float = Field(1.1, ge=0, le=2, description="Scale of the re-noising.")


REMEDIES: dict[str, Make] = {
    "hybrid-1": lambda s, c: s.hybrid(1),
    "hybrid-2": lambda s, c: s.hybrid(2),
    "skip-first": lambda s, c: s.skip_first(),
    "CADS": lambda s, c: variants.with_cads(s.alone(), s=c.cads, name="CADS"),
    "particles": lambda s, c: variants.with_particles(s.alone(), c.particles, name="particles"),
    "prompt noise": lambda s, c: variants.with_prompt_noise(s.alone(), c.prompt_noise, name="prompt noise"),
    "blend": lambda s, c: variants.with_strength(s.alone(), s.student.id, s.teacher.id, c.alpha, name="blend"),
    "more re-noise": lambda s, c: plans.modulated(s.alone(), c.rho, "more re-noise"),
    "hybrid-1, guided base": lambda s, c: s.hybrid(1, s.teacher.guidance, "hybrid-1, guided base"),
    "guidance interval": lambda s, c: variants.with_interval(
        s.reference(), 0.25 * s.recipe.timesteps[0], 0.75 * s.recipe.timesteps[0], name="guidance interval"
    ),
}


@STUDIES.add("arena")
class Arena(Study[ArenaConfig]):
    card = StudyCard(
        title="Which remedy?",
        question="Against lost diversity, what does each published remedy give back, and what does it cost?",
        how="Hybrids, skip-first, CADS, particles, prompt noise, a blend of both models, more re-noise, a guidance interval.",
        statements=("S5",),
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
        entered = [REMEDIES[name](s, self.config).model_copy(update={"name": name}) for name in self.chosen]
        return [s.reference(), s.alone(), *entered]

    def conclude(self, data: Data) -> Json:
        from studio.metrics.pareto import front
        from studio.metrics.study import arm_rows
        from studio.metrics.sweep import pareto_points

        arms = data.pooled()
        return {"rows": arm_rows(arms, costs=data.costs), "front": front(pareto_points(arms, data.costs)), "verdicts": []}
