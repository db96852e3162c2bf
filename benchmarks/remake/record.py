"""What every stage read and wrote when it last ran: `docs/measured/remake.json`, committed with what it speaks of.

Kept in the repository because a fresh clone must know what is stale. Of the libraries that could do this, doit keeps its record
in a database beside the clone, so a fresh clone finds everything stale; DVC commits its record, and brings some sixty packages
and a cache of its own for files that git holds already. What is left is two hundred lines.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.remake.digest import MISSING, digest
from benchmarks.remake.stages import Stage
from studio.core.files import Json, atomic_write

FILE = Path("docs/measured/remake.json")


@dataclass
class Record:
    """root: the repository. work: rendered scenes and checkpoints. kept: stage -> {reads, writes, when, where, seconds}."""

    root: Path
    work: Path
    kept: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def load(cls, root: Path, work: Path) -> Record:
        path = root / FILE
        return cls(root, work, json.loads(path.read_text()) if path.is_file() else {})

    def save(self) -> None:
        atomic_write(self.root / FILE, json.dumps(self.kept, indent=1, sort_keys=True) + "\n")

    def place(self, path: str) -> Path:
        return self.work / path.removeprefix("work/") if path.startswith("work/") else self.root / path

    def now(self, paths: Sequence[str]) -> dict[str, str]:
        """Digests of these paths; of what is only in the work folder and is not on this machine, what was written down."""
        found = {}
        for path in paths:
            value = digest(self.place(path))
            found[path] = self._written(path) if value == MISSING and path.startswith("work/") else value
        return found

    def _written(self, path: str) -> str:
        return next((str(row["writes"][path]) for row in self.kept.values() if path in row.get("writes", {})), MISSING)

    def stale(self, stage: Stage) -> list[str]:
        """Why it must run again, in words; empty when it need not."""
        row = self.kept.get(stage.name)
        if row is None:
            return ["it never ran"]
        reads, writes = self.now(stage.reads), self.now(stage.writes)
        why = [f"{path} is another" for path, value in reads.items() if row["reads"].get(path) != value]
        why += [f"{path} is {'missing' if value == MISSING else 'not what was written'}" for path, value in writes.items()
                if row["writes"].get(path) != value]  # fmt: skip
        return why

    def begin(self, stage: Stage) -> bool:
        """Write down what a stage starts from; whether that is other than what its checkpoint, if any, started from."""
        path = self.work / "remake" / f"{stage.name.replace('/', '-')}.json"
        reads = self.now(stage.reads)
        before = json.loads(path.read_text()) if path.is_file() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, json.dumps(reads, indent=1))
        return before != reads

    def note(self, stage: Stage, **how: object) -> None:
        """Write down that the stage stands as it is now."""
        self.kept[stage.name] = {"reads": self.now(stage.reads), "writes": self.now(stage.writes), **how}
        self.save()


def ordered(chain: Sequence[Stage]) -> list[Stage]:
    """The chain with every stage behind those that write what it reads; ValueError names a circle."""

    def feeds(a: Stage, b: Stage) -> bool:
        return any(r == w or r.startswith(f"{w}/") or w.startswith(f"{r}/") for r in b.reads for w in a.writes)

    left, out = list(chain), list[Stage]()
    while left:
        free = next((b for b in left if not any(a is not b and feeds(a, b) for a in left)), None)
        if free is None:
            raise ValueError(f"Stages wait for each other: {', '.join(s.name for s in left)}.")
        left.remove(free)
        out.append(free)
    return out
