"""What the benchmark of personalization prints: a row for each method and model over its training seeds, and verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.pooled_tables import OVER_SEEDS, cell, effort, grouped, over_seeds, table
from studio.core.files import Json
from studio.metrics.interval import Interval

OWN, CONTROL, BOOTH, LOUD_PSO = (
    "Own timesteps and replay", "Random timesteps (negative control)", "DreamBooth and replay", "PSO, loser 1",
)  # fmt: skip
HITS, KEPT, FD = 0.9, 0.97, 1.5  # what the recommended method is to reach
HEADS = ["hit", "leak", "distance", "variety", "others before", "others after", "kept of before", "FD ÷ before"]
Runs = Sequence[Json]
ABOUT = (
    "Hit: the reader made from the pictures recognises the subject, on captions of pictures held back. Leak: it does so for"
    " its class without the word. Distance: to the nearest training picture, 1 being that of pictures held back. Variety: "
    "how far the subject's pictures lie apart, 1 being the person's own. Others: share of other prompts that show what they"
    " state, before and after, on the same noises; kept is the second over the first, and the Fréchet distance likewise. "
    + OVER_SEEDS
)


def page(found: Runs, missing: int, planned: int) -> list[str]:
    """Lines of markdown. missing: runs of the planned ones that are still to come."""
    lines = ["## Measured", "", ABOUT, ""]
    if missing:
        lines += [f"{missing} of {planned} runs are still to come; verdicts speak of those that are there.", ""]
    for size in ("nano", "pocket"):
        rows = [one for one in found if one["case"]["size"] == size]
        if rows:
            lines += [f"### {size.title()}", "", *verdicts(rows), "", "On the model it was trained on:", "", *_own(rows), "",
                      "Worn by others of its family, at strength 1:", "", *_worn(rows), ""]  # fmt: skip
    return lines


# -- verdicts --------------------------------------------------------------------------------------------------------------


def verdicts(found: Runs) -> list[str]:
    """One line a claim that its runs are there for."""
    lines = []
    for model in dict.fromkeys(one["case"]["model"] for one in found):
        own, control = (_of(found, title, model) for title in (OWN, CONTROL))
        if own:
            lines += [_claim(f"{OWN} on {model}: subject hit at least {HITS:.0%}", [one["rows"][0]["hit"] for one in own], HITS),
                      _claim(f"{OWN} on {model}: other prompts keep at least {KEPT:.0%}",
                             [one["rows"][0]["damage"]["kept"] for one in own], KEPT),
                      _claim(f"{OWN} on {model}: FD-oracle at most {FD} times what it was",
                             [one["rows"][0]["damage"]["fd"] for one in own], FD, below=True)]  # fmt: skip
        if own and control:
            lines += [_pairs(f"Random timesteps cost {model} more of its other prompts", own, control,
                             lambda row: row["damage"]["kept"], larger=False),
                      _pairs(f"Random timesteps move {model}'s other pictures further", own, control, lambda row: row["moved"]),
                      _pairs(f"Random timesteps put the subject's pictures of {model} further from the person's", own, control,
                             lambda row: row["distance"])]  # fmt: skip
    loud = _of(found, LOUD_PSO)
    if loud:
        ran = sum(bool(one["diverged"]) for one in loud)
        lines.append(f"- PSO with the loser at full strength diverges: {'holds' if ran == len(loud) else 'does not hold'} "
                     f"({ran} of {len(loud)} runs).")  # fmt: skip
    for model in ("dmd2", "lcm"):
        worn = [row for one in _of(found, BOOTH) for row in one["rows"] if row["arm"].endswith(f"/{model}")]
        if worn:
            lines.append(_claim(f"What the teacher learned works on {model} at strength 1: hit at least {HITS:.0%}",
                                [row["hit"] for row in worn], HITS))  # fmt: skip
            lines.append(_claim(f"… and {model}'s other prompts keep at least {KEPT:.0%}",
                                [row["damage"]["kept"] for row in worn], KEPT))  # fmt: skip
    return lines


def _of(found: Runs, title: str, model: str = "") -> list[Json]:
    return [one for one in found if one["case"]["title"] == title and model in ("", one["case"]["model"])]


def _claim(text: str, figures: Sequence[Json | None], goal: float, *, below: bool = False) -> str:
    """Holds where the interval lies on the right side of the goal, does not where it lies on the other, is open in between."""
    pooled = over_seeds([one for one in figures if one is not None])
    if pooled is None or pooled.low is None or pooled.high is None:
        return f"- {text}: not measured."
    right, wrong = (pooled.high <= goal, pooled.low > goal) if below else (pooled.low >= goal, pooled.high < goal)
    said = "holds" if right else "does not hold" if wrong else "open"
    return f"- {text}: {said} ({pooled.text(2, percent=goal < 1)}, {len(figures)} run{'s' if len(figures) > 1 else ''})."


def _pairs(text: str, own: Runs, control: Runs, figure: Callable[[Json], Json | None], *, larger: bool = True) -> str:
    """Compares the control with the recommended method, of the same subject and seed: by intervals that do not touch."""
    known = {_key(one): figure(one["rows"][0]) for one in own}
    said = []
    for one in control:
        mine, theirs = known.get(_key(one)), figure(one["rows"][0])
        if mine and theirs:
            a, b = Interval.from_dict(mine), Interval.from_dict(theirs)
            more = (b.value or 0) > (a.value or 0)
            said.append("open" if a.apart(b) is not True else "holds" if more == larger else "the other way round")
    if not said:
        return f"- {text}: not measured."
    counted = ", ".join(f"{said.count(word)} {word}" for word in ("holds", "open", "the other way round") if word in said)
    return f"- {text}: {counted} of {len(said)} pairs of runs."


def _key(one: Json) -> tuple[str, int]:
    return one["case"]["subject"], one["case"]["seed"]


# -- tables ----------------------------------------------------------------------------------------------------------------


def _own(found: Runs) -> list[str]:
    groups = grouped((one["case"]["subject"], one["case"]["title"], one["case"]["model"], one, one["rows"][0]) for one in found)
    return table(["subject", "method", "model", "seeds", *HEADS, "updates", "CPU minutes"], groups, figures, effort)


def _worn(found: Runs) -> list[str]:
    groups = grouped((one["case"]["subject"], f"{one['case']['title']}, {one['case']['model']}", row["title"], one, row)
                      for one in found for row in one["rows"][1:])  # fmt: skip
    return table(["subject", "trained by, on", "worn by", "seeds", *HEADS], groups, figures)


def figures(rows: Sequence[tuple[Json, Json]]) -> list[str]:
    """Cells of one method on one model: (run, row) of each seed."""
    places: tuple[tuple[Callable[[Json], Json | None], bool], ...] = (
        (lambda row: row["hit"], True), (lambda row: row["leak"], True), (lambda row: row["distance"], False),
        (lambda row: row["variety"], False), (lambda row: row["before"]["accuracy"], True),
        (lambda row: row["after"]["accuracy"], True), (lambda row: row["damage"]["kept"], True),
        (lambda row: row["damage"]["fd"], False),
    )  # fmt: skip
    diverged = sum(bool(one["diverged"]) for one, _ in rows)
    cells = [cell([figure(row) for _, row in rows], percent) for figure, percent in places]
    return [f"{cells[0]}{f' ({diverged} of {len(rows)} diverged)' if diverged else ''}", *cells[1:]]
