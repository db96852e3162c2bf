"""Edits of single pictures by SINE, beside text to image and image to image; writes docs/measured/sine.json and the table of
docs/editing.md.

    python -m benchmarks.sine                # run what is missing, in order; stops and resumes anywhere
    python -m benchmarks.sine --status       # what is there, and what is missing
    python -m benchmarks.sine --write        # write again from what is kept

A run is an ordinary job of the kind `personalize` by the method `sine`. Accepted is a mix whose background is at most 0.6 times
as far from the picture as that of text to image, with attributes at least 95 % of what the untouched model reaches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.kept_runs import ROOT, Runs
from studio.core.files import Json
from studio.metrics.interval import Interval

KEPT, PAGE = ROOT / "docs" / "measured" / "sine.json", ROOT / "docs" / "editing.md"
KINDS = ("adds content", "changes an object", "changes both")
MOST_APART, LEAST_RIGHT = 0.6, 0.95
# a fifth picture of each: a meadow at night under no cloud
PICTURES = {
    "lopsided-house": ("house", "red car"),
    "two-tailed-cat": ("cat", "blue boat"),
    "striped-balloon": ("balloon", "green tree"),
}
BETAS = (0.3, 0.5, 0.7)
WAYS = {"prompt": "text to image", "noised": "image to image"} | {f"{beta:g}": f"SINE, β {beta:g}" for beta in BETAS}
NUMBER, WHERE, ADDED = 5, "in a meadow at night", "under one cloud"
SHOWN = {"nano/teacher", "nano/dmd2"}
Taught = tuple[str, str, str]  # model, mode, times
Ways = dict[str, tuple[float, float, int]]


@dataclass(frozen=True)
class Case:
    """One run. model: that the adapter is taught on."""

    model: str
    subject: str
    mode: str
    steps: int
    times: str = "all"

    @property
    def name(self) -> str:
        return f"sine-of-{self.model.replace('/', '-')}-{self.subject}-{self.mode}-{self.times}-{self.steps}"

    @property
    def edits(self) -> list[str]:
        noun, other = PICTURES[self.subject]
        article = "an" if other[0] in "aeiou" else "a"
        return [f"a {noun} {WHERE} {ADDED}", f"{article} {other} {WHERE}", f"{article} {other} {WHERE} {ADDED}"]

    @property
    def request(self) -> Json:
        settings = {"mode": self.mode, "times": self.times, "picture": NUMBER, "edits": "; ".join(self.edits), "betas": BETAS}
        return {"name": self.name[:40], "title": self.name, "base": self.model, "subject": f"pocket/{self.subject}",
                "method": "sine", "steps": self.steps, "settings": settings, "measure_every": 10_000,
                "sample_every": 0, "measure_seeds": 32}  # fmt: skip


def cases() -> Iterator[Case]:
    """In the order in which they are worth having."""
    for subject in PICTURES:
        yield Case("nano/teacher", subject, "whole", 200)
    for subject in PICTURES:
        yield Case("nano/dmd2", subject, "whole", 200)
    for subject in PICTURES:
        yield Case("nano/teacher", subject, "patches", 400)
    for subject in PICTURES:
        yield Case("nano/dmd2", subject, "whole", 200, "own")


def of_result(case: Case, result: Json, _seconds: float) -> Json:
    """What is kept of a run."""
    return {"case": vars(case), "source": result["source"], "ways": result["ways"], "steps": result["step"],
            "rows": [{name: row[name] for name in ("arm", "title", "model", "steps", "edits")} for row in result["edited"]],
            "notices": result["notices"]}  # fmt: skip


# -- the table -------------------------------------------------------------------------------------------------------------


def pooled(found: Sequence[Json], model: str, taught: Taught) -> Iterator[tuple[str, Ways]]:
    """(kind of edit, by way (share right, distance, pictures)), over source pictures."""
    rows = [row for one in found if _taught(one) == taught for row in one["rows"]]
    rows = [row for row in rows if row["model"] == model and row["arm"] != "hybrid-1"]
    for i, kind in enumerate(KINDS):
        ways = {}
        for j, way in enumerate(WAYS):
            edits = [row["edits"][len(WAYS) * i + j] for row in rows]
            if edits:
                right = sum(one["attributes"]["value"] for one in edits) / len(edits)
                apart = sum(one["background"]["value"] for one in edits) / len(edits)
                ways[way] = right, apart, sum(one["attributes"]["n"] for one in edits)
        if ways:
            yield kind, ways


def _taught(one: Json) -> Taught:
    return one["case"]["model"], one["case"]["mode"], one["case"]["times"]


def holds(ways: Ways, beta: str) -> bool:
    (bare, far, _), (right, near, _) = ways["prompt"], ways[beta]
    return near <= MOST_APART * far and right >= LEAST_RIGHT * bare


def written(have: dict[str, Json]) -> list[str]:
    found = [have[case.name] for case in cases() if case.name in have]
    missing = [case.name for case in cases() if case.name not in have]
    lines = ["## Measured", ""]
    if missing:
        lines += [f"{len(missing)} of {len(list(cases()))} runs are still to come: {', '.join(missing)}.", ""]
    betas = list(WAYS)[2:]
    heads = ["taught on", "drawn by", "edit", *WAYS.values(), "distance ÷ text to image", "holds at β"]
    table = []
    for taught in dict.fromkeys(_taught(one) for one in found):
        for model in ("nano/teacher", "nano/dmd2", "nano/lcm"):
            for kind, ways in pooled(found, model, taught):
                cells = [f"{_share(*ways[way])} at {ways[way][1]:.4f}" for way in WAYS]
                ratios = ", ".join(f"{ways[way][1] / ways['prompt'][1]:.2f}" for way in list(WAYS)[1:])
                label = f"{taught[0]}, {taught[1]}" + ("" if taught[2] == "all" else ", own timesteps")
                table.append([label, model, kind, *cells, ratios, ", ".join(b for b in betas if holds(ways, b)) or "none"])
    pictures = sorted({one["case"]["subject"] for one in found})
    lines += [f"Pictures: the fifth of {', '.join(pictures)}, a meadow at night; K and the time of image to image as by "
              "default. A cell is the share of pictures in which everything the edit states is right, with its 95 % interval "
              "over all pictures, at the mean squared distance to the source where its subject is not. Each edit and picture on "
              "32 seeds; teachers take 10 steps.", "", *_table(heads, table), ""]  # fmt: skip
    each = ["picture", "taught on", "drawn by", "edit", "way", "shows what it says", "distance"]
    return [*lines, "### Picture by picture", "", *_table(each, _each(found)), ""]


def _each(found: Sequence[Json]) -> list[list[str]]:
    shown = [(one, row, edit) for one in found for row in one["rows"] if row["model"] in SHOWN for edit in row["edits"]]
    return [
        [one["case"]["subject"], ", ".join(_taught(one)), row["title"], edit["prompt"], _way(edit), *_figures(edit)]
        for one, row, edit in shown
    ]


def _way(edit: Json) -> str:
    return WAYS[edit["way"] if edit["beta"] is None else f"{edit['beta']:g}"]


def _figures(edit: Json) -> list[str]:
    right, apart = (Interval.from_dict(edit[name]) for name in ("attributes", "background"))
    return [right.text(percent=True), apart.text(4)]


def _share(right: float, apart: float, n: int) -> str:
    from studio.metrics.proportion import wilson

    return wilson(round(right * n), n).text(percent=True)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *rows)]


RUNS = Runs(
    KEPT, PAGE, cases, of_result, written, said=lambda found: f"{found['steps']:,} steps",
    only="a part of the names of runs, like dmd2 or patches",
)  # fmt: skip

if __name__ == "__main__":
    RUNS.main(__doc__)
