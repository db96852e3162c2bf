"""The index of runs: one SQLite table, opened per call, rebuilt from the run directories when it is gone.

Everything here is a statement or two. What a transition means, and the event that goes with it, is in `jobs`.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from studio.core.files import Json, atomic_write, read_json
from studio.jobs.events import ACTIVE, FINAL, last_event
from studio.jobs.locks import FileLock
from studio.jobs.paths import RUN_ID, Paths
from studio.jobs.run import read_spec

SCHEMA = 4  # PRAGMA user_version; another number means: rebuild
REPAIRED_FILE = "index.repaired.json"  # in the data folder when the index was made anew because it was damaged
SAID_S = 86_400.0
T = TypeVar("T")
RANK_FILE = "queue.json"  # in a run's directory when somebody moved it: {"rank": seconds}
_TABLE = """
CREATE TABLE runs (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, lane TEXT NOT NULL, title TEXT NOT NULL,
    state TEXT NOT NULL, note TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL, started REAL, finished REAL,
    attempts INTEGER NOT NULL DEFAULT 0,  -- how often a worker took it
    pid INTEGER, pid_started REAL, host TEXT,
    rank REAL NOT NULL,  -- place in the queue, lowest first: when it was submitted, unless somebody moved it
    station TEXT NOT NULL,  -- whose process takes it: the lane's worker, or the dispatcher of an executor by its name
    visitor TEXT NOT NULL DEFAULT ''  -- of a public demo, who asked for it
)"""


@dataclass(frozen=True)
class Row:
    """One run as the index knows it. Times are unix seconds."""

    id: str
    kind: str
    lane: str
    title: str
    state: str
    note: str
    created: float
    started: float | None
    finished: float | None
    attempts: int
    pid: int | None
    pid_started: float | None
    host: str | None
    rank: float = 0.0
    station: str = ""
    visitor: str = ""

    @property
    def owner(self) -> Json | None:
        """The `locks.identity` of the process that took the run."""
        if self.pid is None:
            return None
        return {"pid": self.pid, "started": self.pid_started, "host": self.host}


class Store:
    """The table. Safe to use from any thread and process: a connection per call, one atomic statement per change."""

    def __init__(self, paths: Paths):
        self.paths = paths

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` gives. An index that is damaged is only an index: it is made anew, and `work` is done on that."""
        try:
            with closing(self._open()) as connection:
                return work(connection)
        except sqlite3.DatabaseError:
            if not self._damaged():
                raise
        self._repair()
        with closing(self._open()) as connection:
            return work(connection)

    def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same for another table of the index (`cards`)."""
        return self._do(work)

    def _damaged(self) -> bool:
        """Whether the file is no whole database with our table in it. Reads all of it: milliseconds for a thousand runs."""
        try:
            with closing(self._open()) as connection:
                whole = connection.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok"
                return not whole or not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone()
        except sqlite3.OperationalError as error:  # busy, no room, no permission; or its list of tables is damaged
            return "malformed" in str(error)
        except sqlite3.DatabaseError:
            return True

    def _repair(self) -> None:
        """Set the damaged index aside and make it anew; whoever waited for somebody else's repair finds it done."""
        with FileLock(self.paths.root / "index.lock"):
            if not self._damaged():
                return
            self._set_aside()
            with closing(self._open()) as connection:
                n = connection.execute("SELECT COUNT(*) FROM runs").fetchone()[0]
        said = f"The index of runs was damaged; it was made anew from the run directories, {n} runs. The old file is kept."
        atomic_write(self.paths.root / REPAIRED_FILE, json.dumps({"time": time.time(), "said": said}))
        logging.getLogger(__name__).warning(said)

    def repaired(self) -> str:
        """What to say of an index that was made anew less than a day ago; "" otherwise."""
        found = read_json(self.paths.root / REPAIRED_FILE) or {}
        return str(found["said"]) if time.time() - float(found.get("time", 0)) < SAID_S else ""

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.paths.db, timeout=15.0, isolation_level=None)
        connection.row_factory = sqlite3.Row
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] != SCHEMA:
                self._build(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _build(self, connection: sqlite3.Connection) -> None:
        """Create the table from the run directories, in one transaction: whoever comes second finds it made."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] != SCHEMA:
                connection.execute("DROP TABLE IF EXISTS runs")
                connection.execute(_TABLE)
                connection.execute("CREATE INDEX by_state ON runs (station, state, rank)")
                for row in sorted(self._scan(), key=lambda r: (r.created, r.id)):
                    _insert(connection, row)
                connection.execute(f"PRAGMA user_version = {SCHEMA}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _scan(self) -> Iterator[Row]:
        for folder in self.paths.runs.iterdir():
            row = self._read(folder) if RUN_ID.fullmatch(folder.name) else None
            if row is not None:
                yield row

    def _read(self, folder: Path) -> Row | None:
        """The row a run directory stands for; None when it is half made, from elsewhere, or a link to somewhere else."""
        try:
            spec = read_spec(folder)
        except ValueError:
            return None
        if folder.is_symlink() or spec.id != folder.name:
            return None
        last = last_event(folder / "events.jsonl", "state") or {"state": "queued", "note": "", "time": spec.created}
        env = read_json(folder / "env.json") or {}
        owner = env["worker"] if isinstance(env.get("worker"), dict) else {}
        state = last.get("state", "queued")
        return Row(
            spec.id,
            spec.kind,
            spec.lane,
            spec.title,
            state,
            last.get("note", ""),
            spec.created,
            env.get("started"),
            last["time"] if state in FINAL else None,
            int(bool(env)),
            owner.get("pid"),
            owner.get("started"),
            owner.get("host"),
            _rank(folder, spec.created),
            spec.executor.get("name", spec.lane),
            spec.visitor,
        )

    def adopt_missing(self) -> int:
        """List run directories that the index does not know (a crash or a deleted database in between); how many."""
        known = self._do(lambda connection: {found[0] for found in connection.execute("SELECT id FROM runs")})
        found = [path for path in self.paths.runs.iterdir() if path.name not in known and RUN_ID.fullmatch(path.name)]
        rows = [row for row in map(self._read, found) if row is not None]
        for row in rows:
            self.insert(row)
        return len(rows)

    def _set_aside(self) -> None:
        broken = self.paths.root / f"index.broken-{time.time_ns()}"
        for suffix in ("", "-wal", "-shm", "-journal"):
            old = self.paths.db.with_name(self.paths.db.name + suffix)
            if old.exists():
                os.replace(old, f"{broken}{suffix}")

    def _rows(self, query: str, *values: str | float | None) -> list[Row]:
        return self._do(lambda connection: [Row(**found) for found in connection.execute(query, values)])

    def insert(self, row: Row) -> None:
        self._do(lambda connection: _insert(connection, row))

    def get(self, run_id: str) -> Row | None:
        found = self._rows("SELECT * FROM runs WHERE id = ?", run_id)
        return found[0] if found else None

    def select(
        self,
        *,
        kind: str | None = None,
        lane: str | None = None,
        station: str | None = None,
        visitor: str | None = None,
        states: Sequence[str] = (),
        limit: int = 100,
    ) -> list[Row]:
        """Newest first."""
        where, values = ["1"], list[str | float]()
        for column, value in (("kind", kind), ("lane", lane), ("station", station), ("visitor", visitor)):
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        if states:
            where.append(f"state IN ({', '.join('?' * len(states))})")
            values.extend(states)
        query = f"SELECT * FROM runs WHERE {' AND '.join(where)} ORDER BY created DESC, id DESC LIMIT ?"
        return self._rows(query, *values, limit)

    def queue(self, station: str) -> list[Row]:
        """Waiting runs of a station in the order in which they will be taken."""
        query = "SELECT * FROM runs WHERE station = ? AND state = 'queued' ORDER BY rank, id"
        return self._rows(query, station)

    def put(self, run_id: str, rank: float) -> None:
        """Give a run another place in the queue, in the index and in its directory."""
        atomic_write(self.paths.run(run_id) / RANK_FILE, json.dumps({"rank": rank}))
        self._do(lambda connection: connection.execute("UPDATE runs SET rank = ? WHERE id = ?", (rank, run_id)))

    def ahead(self, row: Row) -> int:
        """How many runs of its station are before this one, the running one included."""
        query = """SELECT COUNT(*) FROM runs WHERE station = ? AND id != ? AND (state IN ('loading', 'running')
                   OR (state = 'queued' AND (rank, id) < (?, ?)))"""
        values = (row.station, row.id, row.rank, row.id)
        return self._do(lambda connection: int(connection.execute(query, values).fetchone()[0]))

    def claim(self, station: str, owner: Json, run_id: str | None = None) -> Row | None:
        """Take the first queued run of a station (or this one): one statement, so no two workers take the same."""
        query = """UPDATE runs SET state = 'loading', note = '', started = ?, attempts = attempts + 1,
                   pid = ?, pid_started = ?, host = ?
                   WHERE state = 'queued' AND id = (SELECT id FROM runs WHERE station = ? AND state = 'queued'
                   AND (? IS NULL OR id = ?) ORDER BY rank, id LIMIT 1) RETURNING *"""
        values = (time.time(), owner["pid"], owner["started"], owner["host"], station, run_id, run_id)
        found = self._rows(query, *values)
        return found[0] if found else None

    def move(self, run_id: str, state: str, note: str, *, only: Sequence[str], owner: Json | None = None) -> bool:
        """Change the state if it is one of `only` (and still `owner`'s); True for the one caller that changed it."""
        final = state in FINAL
        query = f"""UPDATE runs SET state = ?, note = ?, finished = ?
                    WHERE id = ? AND state IN ({", ".join("?" * len(only))})
                    AND (? IS NULL OR (pid = ? AND pid_started = ?)) RETURNING id"""
        who = owner or {"pid": None, "started": None}
        values = (state, note, time.time() if final else None, run_id, *only, who["pid"], who["pid"], who["started"])
        return self._do(lambda connection: connection.execute(query, values).fetchone() is not None)

    def adopt(self, row: Row, owner: Json) -> bool:
        """Take a running run over from the process that had it when `row` was read; True for one caller only."""
        query = f"""UPDATE runs SET pid = ?, pid_started = ?, host = ? WHERE id = ? AND pid IS ? AND pid_started IS ?
                    AND state IN ({", ".join("?" * len(ACTIVE))}) RETURNING id"""
        values = (owner["pid"], owner["started"], owner["host"], row.id, row.pid, row.pid_started, *ACTIVE)
        return self._do(lambda connection: connection.execute(query, values).fetchone() is not None)

    def delete(self, run_id: str) -> None:
        self._do(lambda connection: connection.execute("DELETE FROM runs WHERE id = ?", (run_id,)))


def _rank(folder: Path, created: float) -> float:
    rank = (read_json(folder / RANK_FILE) or {}).get("rank")
    return float(rank) if isinstance(rank, (int, float)) else created


def _insert(connection: sqlite3.Connection, row: Row) -> None:
    names = list(Row.__dataclass_fields__)
    query = f"INSERT OR IGNORE INTO runs ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    connection.execute(query, tuple(getattr(row, name) for name in names))
