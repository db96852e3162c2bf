"""What lists show of runs, found by words: a second table of the index.

A card is made of a run directory once for every state of a run, when somebody asks and it is not there yet; whoever knows what
runs hold makes it (`library.run_cards`). After that the table answers, and no directory is walked or read. What is lost with the
index is made again.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from studio.core.files import Json
from studio.jobs.events import ACTIVE
from studio.jobs.store import Row, Store

MOST_WORDS = 12
AT_ONCE = 200  # cards that are written together
_WORD = re.compile(r'"([^"]+)"|(\S+)')
_TABLE = """CREATE TABLE IF NOT EXISTS cards (
    id TEXT PRIMARY KEY, stamp TEXT NOT NULL, text TEXT NOT NULL, favourite INTEGER NOT NULL, card TEXT NOT NULL)"""
_THERE = "SELECT 1 FROM sqlite_master WHERE name = 'cards'"
_BOTH = "FROM runs r JOIN cards c ON c.id = r.id"


@dataclass(frozen=True)
class Asked:
    """Which runs. Empty fields leave out nothing. since, until: unix seconds. hidden: kinds that are left out unless named."""

    find: str = ""
    kinds: Sequence[str] = ()
    states: Sequence[str] = ()
    model: str = ""
    tag: str = ""
    favourite: bool = False
    since: float | None = None
    until: float | None = None
    oldest: bool = False
    hidden: Sequence[str] = ()
    offset: int = 0
    limit: int = 60


@dataclass(frozen=True)
class Found:
    """cards: of this page, as they were made, with what the index knows of the run. total: of all pages."""

    total: int
    cards: list[Json] = field(default_factory=list)


@dataclass(frozen=True)
class Drawn:
    """A card: what is shown, the words by which it is found, and whether it is a favourite."""

    card: Json
    text: str
    favourite: bool = False


Make = Callable[[Row, Path], Drawn]


class Cards:
    """Cards of a register's runs. version: of what `make` gives; cards of another one are made again. visitor: whose runs alone;
    None is everybody's."""

    def __init__(self, store: Store, make: Make, version: int, visitor: str | None = None):
        self.store, self.make, self.version, self.visitor = store, make, version, visitor
        self._stamp = f"(r.state || ' ' || COALESCE(r.started, '') || ' ' || COALESCE(r.finished, '') || ' v{version:d}')"

    def find(self, asked: Asked) -> Found:
        """A page of runs. A run that goes on has its card made again at every look."""
        self.complete()
        where, values = self._where(asked)
        way = "ASC" if asked.oldest else "DESC"
        page = f"""SELECT r.id, r.kind, r.state, r.note, r.created, r.started, r.finished, c.card {_BOTH}
                   WHERE {where} ORDER BY r.created {way}, r.id {way} LIMIT ? OFFSET ?"""

        def read(connection: sqlite3.Connection) -> Found:
            total = connection.execute(f"SELECT COUNT(*) {_BOTH} WHERE {where}", values).fetchone()[0]
            rows = connection.execute(page, (*values, asked.limit, asked.offset)).fetchall()
            known = ("id", "kind", "state", "note", "created", "started", "finished")
            return Found(int(total), [{**json.loads(row["card"]), **{name: row[name] for name in known}} for row in rows])

        return self.store.do(read)

    def counts(self, hidden: Sequence[str] = ()) -> dict[str, list[tuple[str, int]]]:
        """What can be chosen among: kinds, states, models and tags with the number of runs, most first."""
        self.complete()
        where, values = self._where(Asked(hidden=hidden))
        named = {
            "kinds": f"SELECT r.kind, COUNT(*) {_BOTH} WHERE {where}",
            "states": f"SELECT r.state, COUNT(*) {_BOTH} WHERE {where}",
        }
        for name in ("models", "tags"):
            each = f"SELECT each.value, COUNT(*) {_BOTH}, json_each(c.card, '$.{name}') each WHERE {where}"
            named[name] = each

        def read(connection: sqlite3.Connection) -> dict[str, list[tuple[str, int]]]:
            order = "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 300"
            found = {name: connection.execute(f"{query} {order}", values).fetchall() for name, query in named.items()}
            return {name: [(str(row[0]), int(row[1])) for row in rows] for name, rows in found.items()}

        return self.store.do(read)

    def complete(self) -> int:
        """Make the cards that are not there; how many. In parts, so that what was made is kept."""
        going = ", ".join(f"'{state}'" for state in ACTIVE)
        lacks = f"""SELECT r.*, {self._stamp} AS stamp FROM runs r LEFT JOIN cards c ON c.id = r.id
                    WHERE c.stamp IS NULL OR c.stamp != {self._stamp} OR r.state IN ({going})"""

        def read(connection: sqlite3.Connection) -> list[tuple[Row, str]]:
            connection.execute(_TABLE)
            rows = [dict(row) for row in connection.execute(lacks)]
            return [(Row(**{name: row[name] for name in Row.__dataclass_fields__}), row["stamp"]) for row in rows]

        missing = self.store.do(read)
        for at in range(0, len(missing), AT_ONCE):
            made = [(row, stamp, self.make(row, self.store.paths.run(row.id))) for row, stamp in missing[at : at + AT_ONCE]]
            self.store.do(partial(_keep, made))
        return len(missing)

    def _where(self, asked: Asked) -> tuple[str, tuple[str | float, ...]]:
        where, values = ["1"], list[str | float]()

        def add(clause: str, *given: str | float) -> None:
            where.append(clause)
            values.extend(given)

        for word in words(asked.find):
            add("instr(c.text, ?) > 0", word)
        for column, chosen in (("kind", asked.kinds), ("state", asked.states)):
            if chosen:
                add(f"r.{column} IN ({', '.join('?' * len(chosen))})", *chosen)
        if asked.hidden and not asked.kinds:
            add(f"r.kind NOT IN ({', '.join('?' * len(asked.hidden))})", *asked.hidden)
        for name, value in (("models", asked.model), ("tags", asked.tag)):
            if value:
                add(f"EXISTS (SELECT 1 FROM json_each(c.card, '$.{name}') each WHERE each.value = ?)", value)
        if asked.favourite:
            add("c.favourite = 1")
        if asked.since is not None:
            add("r.created >= ?", asked.since)
        if asked.until is not None:
            add("r.created < ?", asked.until)
        if self.visitor is not None:
            add("r.visitor = ?", self.visitor)
        return " AND ".join(where), tuple(values)


def _keep(made: Sequence[tuple[Row, str, Drawn]], connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_TABLE)
        for row, stamp, one in made:
            values = (row.id, stamp, one.text, int(one.favourite), json.dumps(one.card, separators=(",", ":")))
            connection.execute("INSERT OR REPLACE INTO cards VALUES (?, ?, ?, ?, ?)", values)
        connection.execute("DELETE FROM cards WHERE id NOT IN (SELECT id FROM runs)")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def words(find: str) -> list[str]:
    """What is looked for in `searched` text: beginnings of words, or of what stands in quotation marks. Scripts that put no
    spaces between words are found anywhere."""
    found = [searched(quoted or word) for quoted, word in _WORD.findall(find)]
    return [word if word.isascii() else word.strip() for word in found if word.strip()][:MOST_WORDS]


def searched(text: str) -> str:
    """A text as it is looked for: small letters and digits, a space before every word."""
    return "".join(f" {word}" for word in re.findall(r"\w+", text.casefold()))


def forget(store: Store, run_id: str) -> None:
    """What is said of a run changed: its card is made again."""

    def take(connection: sqlite3.Connection) -> None:
        if connection.execute(_THERE).fetchone():
            connection.execute("DELETE FROM cards WHERE id = ?", (run_id,))

    store.do(take)
