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

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.personalize_tables import figures, page
from studio.core.files import Json, atomic_write
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.library.stock import open_jobs
from studio.worker import run_job

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "docs" / "measured" / "personalize.json"
PAGE = ROOT / "docs" / "personalize.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
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
    import hashlib

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


def kept() -> dict[str, Json]:
    return dict(json.loads(KEPT.read_text())) if KEPT.is_file() else {}


@contextmanager
def spent(path: Path) -> Iterator[None]:
    """Adds the process time of a run to what its earlier parts took: its figures and pictures included."""
    before, start = read_spent(path), time.process_time()
    try:
        yield
    finally:
        atomic_write(path, json.dumps({"process_s": before + time.process_time() - start}))


def read_spent(path: Path) -> float:
    return float(json.loads(path.read_text())["process_s"]) if path.is_file() else 0.0


def measure(case: Case, jobs: Jobs) -> Json:
    """The figures of one run, which goes on where it was left off."""
    title = case.name
    before = [info for info in jobs.list(kind="personalize", limit=500) if jobs.spec(info.id).config.get("title") == title]
    run_id = before[0].id if before else jobs.submit("personalize", case.request)
    if jobs.get(run_id).state != "done":
        if jobs.get(run_id).state not in ("queued", "running", "loading"):
            jobs.resume(run_id)
        with spent(jobs.paths.run(run_id) / "spent.json"):
            state, note = run_job(jobs.paths.run(run_id), registry=load_registry(jobs.paths))
        if state != "done":
            raise SystemExit(f"{title}: {state}. {note}")
    result = jobs.result(run_id)
    assert result is not None
    return {
        "case": {**vars(case), "settings": dict(case.settings)}, "steps": result["step"],
        "seconds": read_spent(jobs.paths.run(run_id) / "spent.json"), "reader": result["reader"],
        "diverged": result["diverged"], "notices": result["notices"],
        "rows": [{name: row[name] for name in KEPT_FIELDS} | {"after": row["others"], "before": row["before"]}
                 for row in result["rows"]],
    }  # fmt: skip


def write() -> None:
    have, planned = kept(), list(dict.fromkeys(case.name for case in cases()))
    lines = page([have[name] for name in planned if name in have], sum(name not in have for name in planned), len(planned))
    text, made = PAGE.read_text(), "\n".join([BEGIN, "", *lines, END])
    if BEGIN in text:
        before, rest = text.split(BEGIN)
        text = before + made + rest.split(END)[1]
    else:
        text = f"{text.rstrip()}\n\n{made}\n"
    PAGE.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="a part of the names of runs, like nano or own-timesteps")
    parser.add_argument("--data-dir", default=None)
    parser.add_argument("--status", action="store_true")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    wanted = {case.name: case for case in cases() if args.only in case.name}
    if args.status:
        have = kept()
        print("\n".join(f"{'kept   ' if name in have else 'missing'} {name}" for name in wanted))
        return
    if not args.write:
        jobs = open_jobs(args.data_dir)
        for name, case in wanted.items():
            if name not in kept():
                found = measure(case, jobs)
                KEPT.parent.mkdir(parents=True, exist_ok=True)
                atomic_write(KEPT, json.dumps(kept() | {name: found}, indent=1, sort_keys=True) + "\n")
                print(name, figures([(found, found["rows"][0])]), flush=True)
    write()


if __name__ == "__main__":
    main()
