"""The fork test: keep the state after i steps, draw the later noise anew, and see what can still change.

The share of variance that the state explains (`metrics.fork`) says when each factor is decided. Students re-noise between
their steps, so they are forked as they are; the teacher's deterministic sampler draws nothing after x_T and is forked with
ancestral noise (eta = 1), which draws from its own belief.
"""

from __future__ import annotations

from pydantic import Field

from studio.capabilities.lab.studies import STUDIES
from studio.capabilities.lab.studies.base import Data, Json, Study, StudyCard, StudyConfig
from studio.sampling.branch import forks
from studio.sampling.plan import Plan

TEACHER, STUDENT, HYBRID = "teacher", "student", "hybrid-1"


class ForkConfig(StudyConfig):
    continuations: int = Field(3, ge=2, le=8, description="Other endings of every state.")
    teacher_steps: int = Field(10, ge=4, le=50, description="Steps of the teacher that is forked.")
    after: tuple[float, ...] = Field(
        (0.0, 0.1, 0.2, 0.4, 0.6),
        min_length=1,
        max_length=10,
        title="Fork after, share of steps",
        description="Shares of the teacher's steps before its forks.",
    )


@STUDIES.add("fork")
class ForkTest(Study[ForkConfig]):
    card = StudyCard(
        title="What is still open?",
        question="After each step, how much of every factor is decided, and how much is left to later noise?",
        how="Each state is kept and ended several times with fresh noise; what stays the same was decided by then.",
        statements=("S7",),
    )
    Config = ForkConfig

    def points(self) -> list[tuple[Plan, int, dict[str, float]]]:
        """(arm, steps kept, what the forks change), for every fork."""
        s, c = self.setting, self.config
        if s.points < 2:
            raise ValueError(f"{s.pair.id} takes one step, which leaves nothing to fork; a student of 2 steps or more would fit.")
        if any(not 0 <= share < 1 for share in c.after):
            raise ValueError("Shares of the teacher's steps before a fork are from 0 to below 1.")
        kept = sorted({round(share * c.teacher_steps) for share in c.after} - {c.teacher_steps, c.teacher_steps - 1})
        out: list[tuple[Plan, int, dict[str, float]]] = [
            (s.reference(c.teacher_steps, name=TEACHER), i, {"eta": 1.0}) for i in kept
        ]
        out += [(arm, i, {}) for arm in (s.alone(STUDENT), s.hybrid(1, name=HYBRID)) for i in range(s.points - 1)]
        return out

    def plans(self) -> list[Plan]:
        n = self.config.continuations
        return [fork for arm, kept, changes in self.points() for fork in forks(arm, kept, n, **changes)]

    def conclude(self, data: Data) -> Json:
        import torch

        from studio.metrics import verdicts
        from studio.metrics.fork import Fork, ForkStep, fork_series
        from studio.metrics.rows import joined

        steps: dict[str, list[ForkStep]] = {}
        n, states = self.config.continuations, len(data.seeds)
        for arm, kept, changes in self.points():
            names = [plan.name for plan in forks(arm, kept, n, **changes)]
            of = torch.arange(states).repeat(n)
            found = {p: Fork(joined([rows[name] for name in names]), of) for p, rows in data.readings.items()}
            steps.setdefault(arm.name, []).append(ForkStep(kept, data.levels[names[0]][kept], found))
        series = {
            arm: fork_series(rows, stated=data.stated, factors=data.factors, worlds=data.worlds) for arm, rows in steps.items()
        }
        return {"forks": series, "verdicts": [verdicts.s7_fork(series[STUDENT], series[TEACHER])]}
