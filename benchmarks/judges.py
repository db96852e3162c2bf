"""How far judges can be trusted: errors are planted in a world, and every judge should flag them (docs/evaluate.md).

    python -m benchmarks.judges --model nano/teacher --items 96 oracle distilled distilled=mine/nano-judge-whole clip

Prints, for every judge that is here, recall by kind of error, precision, false alarms, rank correlations of its scores with the
true share, and how often it names what is there; for the others, why they are not. --json keeps all figures.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from studio.capabilities.evaluate.judges import JUDGES, NotHere, Opening
from studio.capabilities.evaluate.planted import Planted, planted, trusted
from studio.core.files import Json
from studio.domains import domain_of
from studio.jobs.paths import open_paths
from studio.library.models import load_registry
from studio.metrics.interval import Interval
from studio.workshop.open_models import ModelCache


def figures(given: str, model: str, bench: Planted, data_dir: str | None) -> Json:
    """Of one judge, "name" or "name=choice"; {"missing": why} where it is not here."""
    name, _, choice = given.partition("=")
    home = open_paths(data_dir)
    entry, models = load_registry(home).get(model), ModelCache()
    oracle = models.oracle(entry) if entry.oracle_here else None
    card = JUDGES.get(name)
    try:
        judge = card.open(Opening(domain_of(entry.domain), entry, models, oracle, choice, home))
    except NotHere as error:
        return {"title": f"{card.title} {choice}".strip(), "missing": str(error)}
    begun = time.perf_counter()
    found = trusted(judge, bench)
    return {"title": f"{card.title} {choice}".strip(), "seconds": time.perf_counter() - begun, **found}


def text(figure: Json, percent: bool = True) -> str:
    interval = Interval.from_dict(figure)
    return f"{interval.text(percent=percent)}, n {interval.n:,}" if interval.value is not None else f"– ({interval.note})"


def table(rows: list[Json]) -> str:
    here = [row for row in rows if "missing" not in row]
    lines = ["| | " + " | ".join(row["title"] for row in here) + " |", "|---" * (len(here) + 1) + "|"]
    for kind in here[0]["kinds"] if here else ():
        if here[0]["kinds"][kind]["recall"]["n"]:
            lines.append(f"| {kind} | " + " | ".join(text(row["kinds"][kind]["recall"]) for row in here) + " |")
    for title, *place in (
        ("**any error, recall**", "all", "recall"),
        ("precision", "all", "precision"),
        ("false alarms", "all", "false_alarms"),
        ("names what is there, where it is wrong", "named", "wrong"),
        ("names what is there, where it is right", "named", "right"),
    ):
        lines.append(f"| {title} | " + " | ".join(text(row[place[0]][place[1]]) for row in here) + " |")
    for name in ("spearman", "kendall"):
        lines.append(f"| {name.title()} with the true share | " + " | ".join(text(row[name], False) for row in here) + " |")
    lines.append("| ms a sample | " + " | ".join(f"{1000 * row['seconds'] / row['samples']:.1f}" for row in here) + " |")
    return "\n".join([*lines, "", *(f"{row['title']}: not measured. {row['missing']}" for row in rows if "missing" in row)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("judges", nargs="*", default=["oracle", "distilled", "clip"], help="name, or name=choice")
    parser.add_argument("--model", default="nano/teacher", help="whose size samples have, and whose oracle is asked")
    parser.add_argument("--items", type=int, default=96)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--data-dir")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    entry = load_registry(open_paths(args.data_dir)).get(args.model)
    bench = planted(domain_of(entry.domain), args.items, args.seed, (3, entry.size, entry.size))
    rows = [figures(given, args.model, bench, args.data_dir) for given in args.judges]
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
