"""Benchmarks that are many runs: each is an ordinary job, begun where it was left off, its figures kept in one file, and a page
written from what is kept."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from studio.core.files import Json, atomic_write
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.library.stock import open_jobs
from studio.worker import run_job

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


class Planned(Protocol):
    """One run. name: of the case. request: of its job, titled by the name."""

    @property
    def name(self) -> str: ...
    @property
    def request(self) -> Json: ...


C = TypeVar("C", bound=Planned)


@dataclass(frozen=True)
class Runs(Generic[C]):
    """kept_in: by name of a case, its figures. page: the document whose measured part is written. cases: in the order in which
    they are worth having. figures: what is kept of a result, with the process time it took. lines: of the measured part, from
    figures by name. said: of figures that are new, one line."""

    kept_in: Path
    page: Path
    cases: Callable[[], Iterator[C]]
    figures: Callable[[C, Json, float], Json]
    lines: Callable[[dict[str, Json]], list[str]]
    said: Callable[[Json], str]
    only: str
    kind: str = "personalize"  # of job

    def kept(self) -> dict[str, Json]:
        return dict(json.loads(self.kept_in.read_text())) if self.kept_in.is_file() else {}

    def measure(self, case: C, jobs: Jobs) -> Json:
        """The figures of one run, which goes on where it was left off."""
        done = [info for info in jobs.list(kind=self.kind, limit=500) if jobs.spec(info.id).config.get("title") == case.name]
        run_id = done[0].id if done else jobs.submit(self.kind, case.request)
        took = jobs.paths.run(run_id) / "spent.json"
        if jobs.get(run_id).state != "done":
            if jobs.get(run_id).state not in ("queued", "running", "loading"):
                jobs.resume(run_id)
            with spent(took):
                state, note = run_job(jobs.paths.run(run_id), registry=load_registry(jobs.paths))
            if state != "done":
                raise SystemExit(f"{case.name}: {state}. {note}")
        result = jobs.result(run_id)
        assert result is not None
        return self.figures(case, result, read_spent(took))

    def write(self) -> None:
        """The measured part of the page, in its place, or at the end where it has none."""
        text, made = self.page.read_text(), "\n".join([BEGIN, "", *self.lines(self.kept()), END])
        before, begins, rest = text.partition(BEGIN)
        self.page.write_text(before + made + rest.split(END)[1] if begins else f"{text.rstrip()}\n\n{made}\n")

    def main(self, about: str | None) -> None:
        parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--only", default="", help=self.only)
        parser.add_argument("--data-dir", default=None)
        parser.add_argument("--status", action="store_true")
        parser.add_argument("--write", action="store_true")
        args = parser.parse_args()
        wanted = {case.name: case for case in self.cases() if args.only in case.name}
        if args.status:
            have = self.kept()
            print("\n".join(f"{'kept   ' if name in have else 'missing'} {name}" for name in wanted))
            return
        if not args.write:
            jobs = open_jobs(args.data_dir)
            for name, case in wanted.items():
                if name not in self.kept():
                    found = self.measure(case, jobs)
                    self.kept_in.parent.mkdir(parents=True, exist_ok=True)
                    atomic_write(self.kept_in, lined(self.kept() | {name: found}))
                    print(name, self.said(found), flush=True)
        self.write()


def lined(figures: dict[str, Json]) -> str:
    """As JSON, a run a line."""
    rows = [f"{json.dumps(name)}: {json.dumps(found, sort_keys=True)}" for name, found in sorted(figures.items())]
    return "{\n" + ",\n".join(rows) + "\n}\n"


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
