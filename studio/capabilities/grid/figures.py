"""What is read of the cells of a grid: by the oracle, or by a judge where there is none. Runs in a worker."""

from __future__ import annotations

from torch import Tensor

from studio.core.domain import Oracle
from studio.core.files import Json, plain
from studio.jobs.run import Run
from studio.metrics import report
from studio.metrics.measures import MEASURES
from studio.workshop.comparison import JUDGED, NO_ORACLE
from studio.workshop.judge import Judge, open_judge
from studio.workshop.judged_arms import JudgedArms
from studio.workshop.session import Session
from studio.workshop.tools import Tools

KEPT = ("accuracy", "diversity", "in_distribution", "text_score")  # besides measures that have a title


class Reading:
    """Who reads, for the session that goes on."""

    def __init__(self, run: Run[Tools]):
        self.job = run
        self.oracle: Oracle | None = None
        self.judge: Judge | None = None

    def begin(self, session: Session) -> None:
        """Find who reads what this session draws; a session that is open."""
        self.oracle = session.open_oracle() if session.readable else None
        if self.oracle is not None:
            MEASURES.all()
        elif not session.medium.pictures:
            session.notice(NO_ORACLE)
        else:
            self.judge = self.judge or open_judge(self.job.tools.models)
            session.notice(f"{JUDGED} {self.judge.name} from seed to seed.")

    def of(self, session: Session, arm: str, samples: Tensor) -> Json:
        """{"measures", "figures_by"} of a cell; nothing where nobody reads."""
        if self.oracle is not None:
            domain, stated = session.domain, session.said.stated
            seen = report.measure(
                {arm: self.oracle.read(samples)},
                stated,
                domain.factors,
                world=domain.world(stated),
                value_factors={factor.reading: name for name, factor in domain.factors.items() if factor.reading},
            )[arm]
            return {"measures": _kept(seen)}
        if self.judge is None or not session.medium.pictures:
            return {}
        judged = JudgedArms(self.judge, session.text)
        judged.read(arm, samples)
        return {"measures": _kept(judged.measured()[arm]), "figures_by": self.judge.name}


def _kept(measures: Json) -> Json:
    found: Json = plain(measures)
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, dict) and (name in KEPT or value.get("title")) and value.get("value") is not None
    }
