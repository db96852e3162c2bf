"""Every method of personalization on one subject, over models and training seeds; writes docs/measured/personalize.json and the
tables of docs/personalize.md.

    python -m benchmarks.personalize                         # run what is missing, in order; stops and resumes anywhere
    python -m benchmarks.personalize --only nano             # those of one size
    python -m benchmarks.personalize --status                # what is there, and what is missing
    python -m benchmarks.personalize --write                 # write again from what is kept

A run is an ordinary job of the kind `personalize` with the defaults of its request and of its method, measured on more
pictures; figures are those of its result. What is asked of several training seeds says each of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.kept_runs import ROOT, Runs
from benchmarks.personalize_tables import figures, page
from studio.core.files import Json

KEPT, PAGE = ROOT / "docs" / "measured" / "personalize.json", ROOT / "docs" / "personalize.md"
SEEDS = (0, 1, 2)
PICTURES = 256  # of each kind of prompt
# the striped balloon is what defaults were chosen on
SUBJECT, MORE = "lopsided-house", ("two-tailed-cat", "ink")
KEPT_FIELDS = ("arm", "title", "model", "nfe", "hit", "leak", "stated", "distance", "variety", "moved", "damage")


@dataclass(frozen=True)
class Case:
    """One run. title: of the method, as tables say it."""

    size: str
    model: str
    method: str
    subject: str
    seed: int
    title: str
    settings: tuple[tuple[str, float], ...] = ()

    @property
    def name(self) -> str:
        words = [self.size, self.model, self.method, *(f"{name}{value:g}" for name, value in self.settings), self.subject]
        return f"{'-'.join(words)}-{self.seed}"

    @property
    def request(self) -> Json:
        return {
            "name": f"m{abs(hash_of(self.name)) % 10**12}", "title": self.name, "base": f"{self.size}/{self.model}",
            "subject": f"pocket/{self.subject}", "method": self.method, "seed": self.seed, "settings": dict(self.settings),
            "measure_every": 10_000, "sample_every": 0, "measure_seeds": PICTURES,
        }  # fmt: skip


def hash_of(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)


OWN, CONTROL = ("own-timesteps", "Own timesteps and replay"), ("random-timesteps", "Random timesteps (negative control)")
NANO: tuple[tuple[str, str, str, tuple[tuple[str, float], ...]], ...] = (  # model, method, title, settings
    ("dmd2", *OWN, ()),
    ("dmd2", *CONTROL, ()),
    ("teacher", "dreambooth-replay", "DreamBooth and replay", ()),
    ("teacher", "dreambooth", "DreamBooth", ()),
    ("dmd2", "pso", "PSO, loser 0.2", ()),
    ("dmd2", "pso", "PSO, loser 1", (("loser", 1.0),)),
    ("lcm", *OWN, ()),
    ("lcm", *CONTROL, ()),
    ("dmd2", "echo-distill", "EchoDistill", ()),
    ("dmd2", "de-distill", "De-distill", ()),
    ("teacher", "custom-diffusion", "Custom Diffusion", ()),
    ("teacher", "textual-inversion", "Textual inversion", ()),
    ("dmd2", "textual-inversion", "Textual inversion", ()),
)


def cases() -> Iterator[Case]:
    """In the order in which they are worth having."""
    for seed in SEEDS:
        for model, method, title, settings in NANO:
            yield Case("nano", model, method, SUBJECT, seed, title, settings)
        if not seed:
            for size, subject in (("pocket", SUBJECT), *(("nano", more) for more in MORE), *(("pocket", more) for more in MORE)):
                for method, title in (OWN, CONTROL):
                    yield Case(size, "dmd2", method, subject, seed, title)


def of_result(case: Case, result: Json, seconds: float) -> Json:
    """What is kept of a run."""
    return {
        "case": {**vars(case), "settings": dict(case.settings)}, "steps": result["step"], "seconds": seconds,
        "reader": result["reader"], "diverged": result["diverged"], "notices": result["notices"],
        "rows": [{name: row[name] for name in KEPT_FIELDS} | {"after": row["others"], "before": row["before"]}
                 for row in result["rows"]],
    }  # fmt: skip


def lines(have: dict[str, Json]) -> list[str]:
    planned = list(dict.fromkeys(case.name for case in cases()))
    return page([have[name] for name in planned if name in have], sum(name not in have for name in planned), len(planned))


RUNS = Runs(
    KEPT, PAGE, cases, of_result, lines, said=lambda found: figures([(found, found["rows"][0])]),
    only="a part of the names of runs, like nano or own-timesteps",
)  # fmt: skip

if __name__ == "__main__":
    RUNS.main(__doc__)
