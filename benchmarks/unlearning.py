"""Every method of unlearning on three concepts, over models and training seeds; writes docs/measured/unlearning.json and the
tables of docs/unlearning.md.

    python -m benchmarks.unlearning                         # run what is missing, in order; stops and resumes anywhere
    python -m benchmarks.unlearning --only uce              # a part of them
    python -m benchmarks.unlearning --status                # what is there, and what is missing
    python -m benchmarks.unlearning --write                 # write again from what is kept

A run is an ordinary job of the kind `unlearn` with the defaults of its request and of its method, measured on more pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.kept_runs import ROOT, Runs
from benchmarks.unlearning_tables import figures, page
from studio.core.files import Json

KEPT, PAGE = ROOT / "docs" / "measured" / "unlearning.json", ROOT / "docs" / "unlearning.md"
CONCEPTS = ("cat", "blue", "snow")  # a subject, a colour, a place
SEEDS, PICTURES = (0, 1, 2), 256
METHODS = {"uce": ("teacher", "dmd2"), "sfd": ("dmd2",), "concept-ablation": ("teacher", "dmd2"), "esd": ("teacher", "dmd2"),
           "mace": ("teacher", "dmd2"), "salun": ("teacher", "dmd2")}  # fmt: skip
CLOSED = ("uce",)  # gives the same for every seed
FIELDS = (
    "arm", "title", "model", "nfe", "hit", "hit_before", "forgotten", "plain", "other_words", "rest", "in_domain",
    "cross_domain", "moved", "damage",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    size: str
    model: str
    method: str
    concept: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.size}-{self.model}-{self.method}-{self.concept}-{self.seed}"

    @property
    def request(self) -> Json:
        return {
            "name": f"u{int(hashlib.sha256(self.name.encode()).hexdigest()[:12], 16) % 10**12}", "title": self.name,
            "base": f"{self.size}/{self.model}", "forget": self.concept, "method": self.method, "seed": self.seed,
            "sample_every": 0, "measure_seeds": PICTURES,
        }  # fmt: skip


def cases() -> Iterator[Case]:
    """In the order in which they are worth having."""
    for seed in SEEDS:
        for concept in CONCEPTS:
            for method, models in METHODS.items():
                if not seed or method not in CLOSED:
                    yield from (Case("nano", model, method, concept, seed) for model in models)
        if not seed:
            yield from (Case("pocket", model, method, "cat", 0) for method, model in (("sfd", "dmd2"), ("uce", "teacher")))


def of_result(case: Case, result: Json, seconds: float) -> Json:
    """What is kept of a run: its figures at the last step."""
    last = [row for row in result["forgotten"] if row["step"] == result["step"]]
    return {
        "case": vars(case), "steps": result["step"], "seconds": seconds, "notices": result["notices"],
        "rows": [{name: row[name] for name in FIELDS} | {"went": row["went"][:3]} for row in last],
    }  # fmt: skip


def lines(have: dict[str, Json]) -> list[str]:
    planned = [case.name for case in cases()]
    return page([have[name] for name in planned if name in have], sum(name not in have for name in planned), len(planned))


RUNS = Runs(
    KEPT, PAGE, cases, of_result, lines, said=lambda found: figures([(found, found["rows"][0])]),
    only="a part of the names of runs, like sfd or cat", kind="unlearn",
)  # fmt: skip

if __name__ == "__main__":
    RUNS.main(__doc__)
