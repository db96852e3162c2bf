"""What trainings find out of each arm with what they taught, as columns that the page and the terminal have in common.

A row of a result or a card is one arm: {"arm", "title", "nfe", "step", …}, with intervals at the places that columns name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studio.core.files import Json


@dataclass(frozen=True)
class Column:
    """place: of the figure in a row, an interval or a number. percent: whether it is a share. rare: it is left out where no row
    has it."""

    name: str
    place: tuple[str, ...]
    percent: bool = True
    rare: bool = False


@dataclass(frozen=True)
class Figures:
    """result: where results and cards keep the rows. over: what all columns have in common."""

    title: str
    about: str
    result: str
    over: str
    columns: tuple[Column, ...]

    def of(self, rows: Sequence[Json]) -> list[Column]:
        """The columns that a table of these rows has."""
        return [column for column in self.columns if not column.rare or any(figure(row, column) for row in rows)]


KINDS: dict[str, Figures] = {
    "controlnet": Figures(
        "With the hint and without",
        "Share of pictures whose position, size and horizon are all the hint's, with its 95 % interval; every picture has a "
        "hint of its own. Position and horizon alone, and whether the prompt is still right, with the hint.",
        "agreement", "share of pictures",
        (Column("all, with", ("with", "agreement", "where")), Column("all, without", ("without", "agreement", "where")),
         Column("position", ("with", "agreement", "position")), Column("horizon", ("with", "agreement", "horizon")),
         Column("prompt right", ("with", "accuracy"))),
    ),
    "personalize": Figures(
        "With the subject and without",
        "Share of pictures that show the subject, with its 95 % interval: of prompts with the word, and, as a leak, of its class "
        "without the word; whether the rest of such a prompt is right; the distance to the nearest picture learned from (1 is "
        "that of pictures held back). Then other prompts, from the same noise: share that is right with the subject and "
        "without, the first over the second, how far their pictures moved (1 is how far different ones are apart), and their "
        "Fréchet distance over what it was. Of a subject that the world drew, also the share that shows all of it, with the word "
        "and told in known words. Where an encoder of pictures is on this machine, a second reader sees with it.",
        "rows", "subject, then other prompts",
        (Column("subject shown", ("hit",)), Column("leak", ("leak",)), Column("rest right", ("stated",)),
         Column("distance", ("distance",), False), Column("others right", ("others", "accuracy")),
         Column("without it", ("before", "accuracy")), Column("kept", ("damage", "kept")), Column("moved", ("moved",), False),
         Column("FD over before", ("damage", "fd"), False), Column("all of it", ("shown",), rare=True),
         Column("told in known words", ("told",), rare=True), Column("shown, second reader", ("second", "hit"), rare=True),
         Column("leak, second reader", ("second", "leak"), rare=True)),
    ),
    "references": Figures(
        "With references and without",
        "Share of pictures that show what is wanted of their reference, with its 95 % interval, pooled over attributes: with the "
        "right reference, without any, and with one that has another value of it, from the same noises; whether the rest of the "
        "prompt is right, with it and without; and how often a picture has what its reference has besides, where the prompt says "
        "nothing or something else, with it and without. Both: two attributes from two references at once.",
        "referred", "share of pictures",
        (Column("shown", ("all", "shown")), Column("without", ("all", "without")), Column("wrong one", ("all", "wrong")),
         Column("rest right", ("all", "stated")), Column("without it", ("all", "stated_without")),
         Column("leak", ("all", "leak")), Column("by chance", ("all", "leak_without")),
         Column("both", ("two", "shown"), rare=True)),
    ),
    "prefer": Figures(
        "Tuned and before",
        "Mean reward of pictures of prompts that nobody taught, from the same noise before and tuned, with its 95 % interval, "
        "and what it gained; the same of a reward that nothing was taught by; the share that shows what its prompt says; and "
        "how far pictures moved (1 is how far different ones are apart).",
        "preferred", "reward, then prompts",
        (Column("reward before", ("reward", "before"), False), Column("reward tuned", ("reward", "after"), False),
         Column("gain", ("reward", "gain"), False), Column("second before", ("second", "before"), False),
         Column("second tuned", ("second", "after"), False), Column("prompt right before", ("before", "accuracy")),
         Column("prompt right tuned", ("others", "accuracy")), Column("moved", ("moved",), False)),
    ),
    "unlearn": Figures(
        "Asked to forget and before",
        "Share of the concept's pictures that show it, before and now, with its 95 % interval, on prompts and noises that "
        "nothing was taught by, in its plainest words and in other words apart where there are some; whether they show what else "
        "was asked for. Where nobody knows what pictures show and a CLIP is on the machine: the share that it calls nearer to "
        "the concept's words than to what it becomes, or than to a picture. Then what must stay, from the same noise: others "
        "of its kind, everything else that prompts state, all of it over what it was, how far those pictures moved (1 is how far "
        "different ones are apart), and their Fréchet distance over what it was.",
        "forgotten", "the concept, then what stays",
        (Column("shown before", ("hit_before",)), Column("shown now", ("hit",)),
         Column("in plain words", ("plain", "after"), rare=True), Column("in other words", ("other_words", "after"), rare=True),
         Column("before, read by CLIP", ("by_clip", "before"), rare=True),
         Column("now, read by CLIP", ("by_clip", "after"), rare=True), Column("rest right", ("rest",)),
         Column("others of its kind", ("in_domain", "after")), Column("everything else", ("cross_domain", "after")),
         Column("kept of before", ("damage", "kept")), Column("moved", ("moved",), False),
         Column("FD over before", ("damage", "fd"), False)),
    ),
}  # fmt: skip


def figures_of(found: Json) -> tuple[Figures, list[Json]] | None:
    """What a result, or what a card says was measured, holds of arms: how to show it, and its rows. None where there are none."""
    for about in KINDS.values():
        rows = found.get(about.result)
        listed = list(rows.values()) if isinstance(rows, Mapping) else rows if isinstance(rows, list) else []
        if listed and all(isinstance(row, Mapping) and "arm" in row for row in listed) and _any(listed, about):
            return about, listed
    return None


def figure(row: Json, column: Column) -> Json | None:
    """{"value", "low", "high"} at a column's place, ends None where there are none; None where nothing was measured."""
    found: object = row
    for name in column.place:
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, (int, float)):
        return {"value": float(found), "low": None, "high": None}
    if not isinstance(found, Mapping) or found.get("value") is None:
        return None
    return {end: found.get(end) for end in ("value", "low", "high")}


def read_by(found: Json) -> str:
    """Who reads a subject, and how well, one sentence; "" where a result or card says nothing of it."""
    reader = found.get("reader")
    if not isinstance(reader, Mapping) or not reader.get("features"):
        return ""
    second = reader.get("second")
    also = f" A second reader: {_reads(dict(second))}" if isinstance(second, Mapping) else ""
    return f"Read by {_reads(dict(reader))}{also}"


def _reads(reader: Json) -> str:
    known, mistaken = (text(reader, Column(key, (key,))) for key in ("found", "mistaken"))
    return f"{reader['features']}, which knows {known} of pictures held back, and takes {mistaken} of its class for it."


def text(row: Json, column: Column) -> str:
    """A figure on a terminal: 80 % [70 % to 90 %], 0.81 [0.74 to 0.88], or a dash."""
    found = figure(row, column)
    if found is None:
        return "–"
    value, low, high = (None if end is None else f"{end:.0%}" if column.percent else f"{end:.2f}" for end in found.values())
    return f"{value} [{low} to {high}]" if low and high else str(value)


def told(found: Json) -> tuple[list[str], list[list[str]], str] | None:
    """Heads, rows and a sentence for a terminal, of a result or of what a card says was measured. None where there is nothing."""
    shown = figures_of(found)
    if shown is None:
        return None
    about, rows = shown
    last = max(int(row.get("step") or 0) for row in rows)
    final = [row for row in rows if int(row.get("step") or 0) == last]
    columns = about.of(final)
    cells = [[str(row.get("title") or row["arm"]), *(text(row, column) for column in columns)] for row in final]
    return ["model", *(column.name for column in columns)], cells, read_by(found)


def _any(rows: list[Json], about: Figures) -> bool:
    return any(figure(row, column) is not None for row in rows for column in about.columns)
