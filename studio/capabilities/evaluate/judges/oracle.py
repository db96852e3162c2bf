"""The domain's own oracle: reads every factor of a sample, so its answers are facts as far as it can see."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from studio.capabilities.evaluate.judges import Answer, Judge, NotHere, Opening, judge
from studio.core.domain import Domain, Oracle, OracleReadings, Said
from studio.library.checklist import Check, of_factor

LACKING = "it cannot be seen here"


class ByOracle:
    def __init__(self, domain: Domain, oracle: Oracle):
        self.domain, self.oracle = domain, oracle

    @property
    def key(self) -> str:
        return f"oracle {self.oracle.key}"

    @property
    def about(self) -> str:
        return (
            f"{self.domain.title}'s oracle, which was taught on the world's own samples alone and reads every factor of a sample."
        )

    def answers(self, samples: Tensor, said: Sequence[Said], asked: Sequence[Sequence[Check]]) -> list[list[Answer]]:
        seen = self.oracle.read(samples)
        return [[self._answer(seen, i, check) for check in row] for i, row in enumerate(asked)]

    def _answer(self, seen: OracleReadings, i: int, check: Check) -> Answer:
        if check.kind == "always":
            holds = getattr(seen, "always", {}).get(check.value)
            if holds is None:
                return Answer(0.0, LACKING)
            return Answer(float(holds[i]), check.wanted if bool(holds[i]) else f"not {check.wanted}")
        factor = self.domain.factors[check.factor]
        value = factor.values[int(seen.labels[check.factor][i])]
        return Answer(float(value == check.value), of_factor(self.domain, factor, value).wanted)


@judge("oracle", title="Oracle", order=0)
def open_oracle(opening: Opening) -> Judge:
    if opening.oracle is None:
        raise NotHere(f"There is no oracle for what {opening.entry.id} draws; clip or vision-language would fit.")
    return ByOracle(opening.domain, opening.oracle)
