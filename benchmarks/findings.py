"""Write docs/findings.md from saved studies: what holds on the shipped models and what does not.

    python -m studio jobs run presets/studies/pocket-k-sweep.yaml      # each study, minutes; resumes, shares what it drew
    python -m benchmarks.findings --keep                               # copy the newest result of every study, and write
    python -m benchmarks.findings                                      # write again from docs/measured/studies/

A study is kept as its result, without what belongs to single samples. The page has one table of statements first (does it
hold, where, with which interval), then every study with its figures and the command that repeats it, then docs/measured/
notes.md, which is written by hand.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

from studio.services.jobs import Jobs
from studio.services.kinds.study import StudyRequest

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "docs" / "measured" / "studies"
NOTES = ROOT / "docs" / "measured" / "notes.md"
PER_SAMPLE = ("steps", "histogram")  # of a commit step: one entry a sample
MARKS = {"holds": "**holds**", "does not hold": "**does not hold**", "inconclusive": "inconclusive"}


def interval(found: Json | None, digits: int = 3, percent: bool = False) -> str:
    """ "0.615 [0.587–0.641]" or a dash."""
    if not found or found.get("value") is None:
        return "–"
    scale, digits = (100, 1) if percent else (1, digits)
    low, high = found.get("low"), found.get("high")
    dash = " to " if low is not None and low < 0 else "–"
    ends = f" [{low * scale:.{digits}f}{dash}{high * scale:.{digits}f}]" if low is not None and high is not None else ""
    return f"{found['value'] * scale:.{digits}f}{' %' if percent else ''}{ends}"


def keep(jobs: Jobs, commit: str) -> list[Path]:
    """Copy the newest finished result of every study, pair and settings."""
    KEPT.mkdir(parents=True, exist_ok=True)
    seen, written = set(), []
    for info in jobs.list(kind="study", limit=500):
        result = jobs.result(info.id)
        if info.state != "done" or result is None:
            continue
        name = f"{result['request']['pair'].replace('/', '-')}-{result['study']}"
        if name in seen:
            continue
        seen.add(name)
        path = KEPT / f"{name}.json"
        path.write_text(json.dumps({**_lean(result), "commit": commit}, indent=1) + "\n")
        written.append(path)
    return written


def _lean(value: Any, inside: str = "") -> Any:
    if isinstance(value, dict):
        return {k: _lean(v, k) for k, v in value.items() if not (inside.startswith("commit") and k in PER_SAMPLE)}
    return [_lean(item, inside) for item in value] if isinstance(value, list) else value


def command(request: Json) -> str:
    """The command that repeats a study: its preset where that is the same request."""
    own = StudyRequest.model_validate(request)
    for path in sorted((ROOT / "presets" / "studies").glob("*.yaml")):
        import yaml

        fields = yaml.safe_load(path.read_text())
        fields.pop("kind")
        if StudyRequest.model_validate(fields) == own:
            return f"python -m studio jobs run presets/studies/{path.name}"
    return f"python -m studio jobs run SPEC, with {json.dumps({'kind': 'study', **request})}"


def statements(results: list[Json]) -> list[str]:
    out = ["| statement | models | verdict | effect | n |", "|---|---|---|---|---|"]
    rows = [(v["id"], v["statement"], r["request"]["pair"], v) for r in results for v in r.get("verdicts", [])]
    seen = set()
    for id_, words, pair, v in sorted(rows, key=lambda row: row[:3]):
        if (id_, words, pair) not in seen:  # the same statement from two studies: the first, both are below
            seen.add((id_, words, pair))
            out.append(f"| {id_}: {words} | {pair} | {MARKS[v['verdict']]} | {interval(v['interval'])} {v['unit']} | {v['n']} |")
    return out


def arms_of(result: Json) -> list[Json]:
    sweep = result.get("sweep") or {}
    return [*sweep.get("references", []), *sweep.get("points", []), *sweep.get("controls", []), *result.get("rows", [])]


def table(result: Json) -> list[str]:
    """Every arm once, diversity never without accuracy."""
    rows = {row["arm"]: row for row in arms_of(result)}
    if not rows:
        return []
    out = ["| arm | NFE | diversity | accuracy | in distribution | of the loss recovered |", "|---|---|---|---|---|---|"]
    for row in rows.values():
        share = row.get("recovery") or {}
        out.append(
            f"| {row['arm']} | {row['cost']:g} | {interval(row['diversity'])} | {interval(row['accuracy'], percent=True)} | "
            f"{interval(row['in_distribution'], percent=True)} | {interval(share, percent=True)} |"
        )
    return out


def shapley(result: Json) -> list[str]:
    found = (result.get("masks") or {}).get("diversity")
    if not found:
        return []
    accuracy = result["masks"]["accuracy"]
    out = ["", "| position | Shapley value, diversity | alone | last | Shapley value, accuracy |", "|---|---|---|---|---|"]
    for row, other in zip(found["positions"], accuracy["positions"], strict=True):
        out.append(
            f"| {row['position'] + 1} | {interval(row['shapley'])} | {interval(row['alone'])} | {interval(row['last'])} | "
            f"{interval(other['shapley'])} |"
        )
    return [*out, f"| sum | {interval(found['total'])} | | | {interval(accuracy['total'])} |"]


def handover(result: Json) -> list[str]:
    found = result.get("map")
    if not found:
        return []
    out = ["", "| NFE | most diverse hand-over of that cost | diversity | surely more than all cheaper |", "|---|---|---|---|"]
    for row in found["costs"]:
        if row["best"]:
            tied = f" (with {len(row['ties'])} that cannot be told from it)" if row["ties"] else ""
            beats = {True: "yes", False: "no", None: "–"}[row["beats_cheaper"]]
            out.append(f"| {row['nfe']:g} | {row['best']['arm']}{tied} | {interval(row['best']['diversity'])} | {beats} |")
    return out


def timelines(result: Json) -> list[str]:
    arms = result.get("timelines")
    if not arms:
        return []
    names = list(next(iter(arms.values()))["factors"])
    out = ["Commit step of the median sample as a share of the steps:", "", f"| arm | {' | '.join(names)} | features |"]
    out.append("|---" * (len(names) + 2) + "|")
    for arm, found in arms.items():
        cells = [interval(found["factors"][n]["commit"]["fraction"]["q50"], percent=True) for n in names]
        cells.append(interval(found["distance"]["commit"]["fraction"]["q50"], percent=True))
        out.append(f"| {arm} | {' | '.join(cells)} |")
    gone = result.get("vanished") or []
    if gone:
        first = gone[0]
        seen = f"seed {first['seed']} of the {first['arm']} arm, steps {first['first'] + 1} to {first['last'] + 1}"
        out += ["", f"{len(gone)} things were seen in x̂0 and are gone at the end, the longest seen: {first['factor']} "
                f"{first['value']} ({seen}); the end shows {first['end']}."]  # fmt: skip
    return out


def forks(result: Json) -> list[str]:
    out = []
    for arm, series in (result.get("forks") or {}).items():
        curves = {"all factors": series.get("all"), **series.get("factors", {})}
        heads = " | ".join(f"after {step['after']}" for step in series["steps"])
        out += ["", f"Share of variance that is decided, {arm} ({series['states']} states × {series['continuations']:g}):", "",
                f"| factor | {heads} | half decided |", "|---" * (len(series["steps"]) + 2) + "|"]  # fmt: skip
        for name, curve in curves.items():
            if curve:
                shares = " | ".join(interval(share, 2) for share in curve["share"])
                out.append(f"| {name} | {shares} | {interval(curve['half'], 0)} |")
    return out


def section(result: Json) -> list[str]:
    request, done = result["request"], result["evaluations"]
    hashes = ", ".join(f"{name} {model['hash']}" for name, model in result["models"].items())
    evaluations = f"{sum(a['nfe'] for a in result['arms']) * len(result['prompts']) * result['seeds']:,}"
    return [
        f"## {request['pair']}: {result['card']['title']}", "", result["card"]["question"], "", f"`{command(request)}`", "",
        f"{len(result['prompts'])} prompts × {result['seeds']} seeds, the same noise in every arm; weights {hashes}; "
        f"{evaluations} network evaluations as arms are counted, {done['computed']:,} of them run by this study and the rest "
        f"shared; at commit {result.get('commit', 'unknown')}.", "",
        *table(result), *shapley(result), *handover(result), *timelines(result), *forks(result), "",
        *(f"- {v['sentence']}{_cautions(v)}" for v in result.get("verdicts", [])), "",
    ]  # fmt: skip


def _cautions(row: Json) -> str:
    return f" *Caution: {'; '.join(row['cautions'])}.*" if row.get("cautions") else ""


def page(results: list[Json], notes: str) -> str:
    head = [
        "# Findings", "",
        "Written by `python -m benchmarks.findings` from saved studies (`docs/measured/studies/`); what does not hold stays. "
        "Costs are network evaluations an image (NFE). Diversity is the mean normalised entropy of the factors a prompt leaves "
        "free, over samples the oracle accepts; brackets are 95 % intervals, bootstrapped over images inside prompts, paired "
        "over arms. Statements are those of Gandikota & Bau (arXiv 2503.10637); margins are in `studio/metrics/margins.py`.", "",
        "## What holds", "", *statements(results), "",
    ]  # fmt: skip
    return "\n".join([*head, *(line for result in results for line in section(result)), notes.strip(), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="copy the newest results of the data folder first")
    parser.add_argument("--data-dir", type=Path, help="default: where the studio keeps everything")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "findings.md")
    o = parser.parse_args()
    if o.keep:
        found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
        for path in keep(Jobs(o.data_dir), found.stdout.strip() or "unknown"):
            print(f"kept {path.name}")
    results = [json.loads(path.read_text()) for path in sorted(KEPT.glob("*.json"))]
    order = ["k-sweep", "position-sweep", "masks", "handover", "base-guidance", "commitment", "fork", "arena"]
    results.sort(key=lambda r: (not r["request"]["pair"].startswith("pocket"), r["request"]["pair"],
                                order.index(r["study"]) if r["study"] in order else len(order)))  # fmt: skip
    o.out.write_text(page(results, NOTES.read_text() if NOTES.exists() else ""))


if __name__ == "__main__":
    main()
