"""Write docs/findings.md from saved studies: what holds on the shipped models and what does not.

    python -m studio jobs run presets/studies/pocket-k-sweep.yaml      # each study, minutes; resumes, shares what it drew
    python -m benchmarks.findings --keep                               # copy the result of every study, and write
    python -m benchmarks.findings                                      # write again from docs/measured/studies/
    python -m benchmarks.findings --check                              # does a fresh run say the same? writes nothing

A study is kept as its result, without what belongs to single samples. The page has one table of statements first (does it
hold, where, with which interval), then every study with its figures, then docs/measured/notes.md, which is written by hand,
and at the end what every study costs and the command that repeats it.

--check holds the newest finished studies of the data folder against the kept ones that asked the same: every figure with an
interval must lie inside the other's, every verdict must be equal. It prints a line a study and ends with 1 where one is not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.findings_tables import forks, handover, interval, shapley, table, timelines, transfer, witness
from studio.capabilities.lab.request import FIRST_SEED, StudyRequest, study_of
from studio.jobs.jobs import Jobs
from studio.library.models import Registry, load_registry
from studio.library.stock import open_jobs
from studio.sampling.cost import bill
from studio.ui.lab.result import cautions, command, identity

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "docs" / "measured" / "studies"
NOTES = ROOT / "docs" / "measured" / "notes.md"
PER_SAMPLE = ("steps", "histogram")  # of a commit step: one entry a sample
BEFORE = (
    "*Not remade since the oracle counts subjects and refuses spoilt pictures ([oracle](oracle.md)): read by the oracle of "
    "before, and its brackets hold seeds alone, not prompts ([intervals](intervals.md)).*"
)
MARKS = {
    "holds": "**holds**",
    "does not hold": "**does not hold**",
    "inconclusive": "inconclusive",
    "too few to say": "too few to say",
}


def finished(jobs: Jobs) -> dict[str, list[Json]]:
    """Finished results by the name they are kept under, the newest first."""
    found: dict[str, list[Json]] = {}
    for info in jobs.list(kind="study", limit=500):
        result = jobs.result(info.id)
        if info.state == "done" and result is not None:
            found.setdefault(kept_as(result), []).append(_lean(result))
    return found


def kept_as(result: Json) -> str:
    """By pair and study, and by its name where a person gave it one."""
    request = result["request"]
    words = [request["pair"].replace("/", "-"), result["study"], *str(request.get("name") or "").lower().split()]
    return "-".join(words)


def keep(jobs: Jobs, commit: str, folder: Path = KEPT) -> list[Path]:
    """Copy one result of every study and pair: that of most samples, the newest of equals. One that says what is kept
    already stays as it is, with the commit it was kept at."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, results in finished(jobs).items():
        largest = max(results, key=lambda r: r["seeds"] * len(r["prompts"]))
        path = folder / f"{name}.json"
        before = json.loads(path.read_text()) if path.is_file() else {}
        if {**before, "commit": commit} != {**largest, "commit": commit}:
            path.write_text(json.dumps({**largest, "commit": commit}, indent=1) + "\n")
        written.append(path)
    return written


def _lean(value: Any, inside: str = "") -> Any:
    if isinstance(value, dict):
        return {k: _lean(v, k) for k, v in value.items() if not (inside.startswith("commit") and k in PER_SAMPLE)}
    return [_lean(item, inside) for item in value] if isinstance(value, list) else value


def statements(results: list[Json]) -> list[str]:
    out = ["| statement | models | verdict | effect | n |", "|---|---|---|---|---|"]
    drawn = {id(r): r["seeds"] * len(r["prompts"]) for r in results}
    rows = [
        (v["id"], v["statement"], r["request"]["pair"], -drawn[id(r)], v, before(r))
        for r in results
        for v in r.get("verdicts", [])
    ]
    seen = set()
    for id_, words, pair, _, v, old in sorted(rows, key=lambda row: row[:4]):
        if (id_, words, pair) not in seen:  # the same statement from several studies: that of most samples, all are below
            seen.add((id_, words, pair))
            effect = f"{interval(v['interval'], percent=relative(v['unit']))} ({v['unit']})"
            out.append(f"| {id_}: {words}{' †' if old else ''} | {pair} | {MARKS[v['verdict']]} | {effect} | {v['n']} |")
    return [*out, *(["", f"† {BEFORE}"] if any(row[-1] for row in rows) else [])]


def before(result: Json) -> bool:
    """Whether a kept result was read by the oracle of before 2026-11-28: studies had no first seed of their own then."""
    return "first_seed" not in result["request"]


def relative(unit: str) -> bool:
    """Whether an effect is a share or a ratio, which reads better in per cent."""
    return "share" in unit or unit.endswith("− 1")


def section(result: Json) -> list[str]:
    request, control = result["request"], result.get("control")
    hashes = ", ".join(f"{name} {model['hash']}" for name, model in result["models"].items())
    drawn = f"{len(result['prompts'])} prompts × {result['seeds']} seeds, the same noise in every arm; weights {hashes}."
    checked = f" Identity control (the teacher as its own student): {said}." if (said := identity(control)) else ""
    tables = [
        *table(result),
        *witness(result),
        *shapley(result),
        *handover(result),
        *timelines(result),
        *forks(result),
        *transfer(result),
    ]
    found = result.get("verdicts", [])
    common = cautions(found)
    verdicts = [f"- {v['id']}: {v['sentence']}{_cautions(v['cautions'], common)}" for v in found]
    verdicts += [f"- *Caution for all: {'; '.join(common)}.*"] if common else []
    tables = tables[1:] if tables and not tables[0] else tables
    parts = [
        [f"## {request['pair']}: {result['card']['title']}{f' ({named.lower()})' if (named := request.get('name')) else ''}"],
        [result["card"]["question"]],
        [drawn + checked],
        [BEFORE] if before(result) else [],
        tables,
        verdicts,
    ]
    return [line for part in parts if part for line in (*part, "")]


def costs(results: list[Json], registry: Registry | None) -> list[str]:
    """What every study costs, and the command that repeats it."""
    out = ["## What it costs, and the commands", "",
           "NFE are network evaluations of all samples; steps that arms have in common are computed once. n: samples an arm. "
           "A study that was run before lends what it drew to the next one, so that several cost less than their sum; "
           "control is the identity control.", "",
           "| study | arms | n (prompts × seeds) | seeds | NFE, arms alone | NFE, shared | of them control | commit |",
           "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for r in results:
        seeds, prompts = r["seeds"], len(r["prompts"])
        own = (r.get("control") or {}).get("evaluations", 0)
        first = r["request"].get("first_seed", FIRST_SEED)
        alone = f"{sum(a['nfe'] for a in r['arms']) * prompts * seeds + own:,}"
        shared = "–" if (of := together(r, registry)) is None else f"{of * prompts * seeds + own:,}"
        out.append(
            f"| {r['request']['pair']}: {r['study']} | {len(r['arms'])} | {prompts * seeds} ({prompts} × {seeds}) | "
            f"{first}–{first + seeds - 1} | {alone} | {shared} | {own:,} | {r.get('commit', 'unknown')} |"
        )
    return [*out, "", "```sh", *(command(r["request"]) for r in results), "```", ""]


def together(result: Json, registry: Registry | None) -> int | None:
    """Network evaluations of one sample of all arms when shared steps count once; None where the models are not there."""
    try:
        return bill(study_of(StudyRequest.model_validate(result["request"]), registry).plans()).together if registry else None
    except ValueError:
        return None


def _cautions(own: list[str], common: list[str]) -> str:
    left = [text for text in own if text not in common]
    return f" *Caution: {'; '.join(left)}.*" if left else ""


def page(results: list[Json], notes: str, registry: Registry | None = None) -> str:
    head = [
        "# Findings", "",
        "Written by `python -m benchmarks.findings` from saved studies (`docs/measured/studies/`); what does not hold stays. "
        "Costs are network evaluations an image (NFE). Diversity is the mean normalised entropy of the factors a prompt leaves "
        "free, over samples that the oracle recognises ([oracle](oracle.md)); brackets are 95 % intervals that let prompts and "
        "seeds vary, paired over arms. Accuracy: every stated factor is as asked, and there is exactly one subject. Statements "
        "are those of Gandikota & Bau (arXiv 2503.10637); margins are in `studio/metrics/margins.py`.", "",
        "## What holds", "", *statements(results), "",
    ]  # fmt: skip
    sections = [line for result in results for line in section(result)]
    return "\n".join([*head, *sections, *([notes.strip(), ""] if notes.strip() else []), *costs(results, registry)])


# -- does it repeat? -----------------------------------------------------------------------------------------------------


def figures(result: Any, at: str = "") -> Iterator[tuple[str, Json]]:
    """Every figure with both ends of an interval, with where it stands."""
    if isinstance(result, dict):
        if {"value", "low", "high"} <= set(result):
            if None not in (result["value"], result["low"], result["high"]):
                yield at, result
            return
        for key, value in result.items():
            yield from figures(value, f"{at}.{key}" if at else key)
    elif isinstance(result, list):
        for i, value in enumerate(result):
            name = value.get("arm") or value.get("id") if isinstance(value, dict) else None
            yield from figures(value, f"{at}[{name or i}]")


def compared(kept: Json, fresh: Json) -> tuple[bool, str]:
    """(whether a fresh result says the same, in one line what was compared)."""
    ours, theirs = ({k: v for k, v in r.items() if k not in ("control", "request")} for r in (kept, fresh))
    a, b = dict(figures(ours)), dict(figures(theirs))
    both = [at for at in a if at in b]
    outside = [at for at in both if not (_inside(a[at], b[at]) and _inside(b[at], a[at]))]
    lost = [at for at in a if at not in b]
    pairs = list(zip(kept.get("verdicts", []), fresh.get("verdicts", []), strict=False))
    turned = [f"{x['id']} {x['verdict']} → {y['verdict']}" for x, y in pairs if x["verdict"] != y["verdict"]]
    same = not (outside or lost or turned) and len(kept.get("verdicts", [])) == len(fresh.get("verdicts", []))
    line = f"{len(both) - len(outside)} of {len(a)} figures inside each other's interval, "
    line += f"{len(pairs) - len(turned)} of {len(kept.get('verdicts', []))} verdicts equal"
    wrong = [*(f"outside: {at} {interval(a[at])} against {interval(b[at])}" for at in outside[:3]), *turned,
             *(f"missing: {at}" for at in lost[:3])]  # fmt: skip
    return same, "; ".join([line, *wrong])


def _inside(figure: Json, other: Json) -> bool:
    slack = 1e-9 * max(1.0, abs(other["high"]))
    return bool(other["low"] - slack <= figure["value"] <= other["high"] + slack)


def check(kept: list[Json], fresh: dict[str, list[Json]]) -> tuple[bool, list[str]]:
    """(whether all that could be compared agree, and something could; a line a kept study)."""
    lines, agreed = [], []
    for result in kept:
        name = kept_as(result)
        asked = _asked(result)
        same = next((r for r in fresh.get(name, []) if _asked(r) == asked), None)
        if same is None:
            lines.append(f"{name}: not run here; {command(result['request'])} would")
            continue
        ok, line = compared(result, same)
        agreed.append(ok)
        lines.append(f"{name}: {'reproduced' if ok else 'NOT reproduced'} ({line})")
    return bool(agreed) and all(agreed), lines or ["Nothing is kept yet; --keep keeps what the data folder has."]


def _asked(result: Json) -> Json:
    request = StudyRequest.model_validate(result["request"])
    return request.model_copy(update={"name": "", "control": 0}).model_dump(mode="json")


def kept_studies(folder: Path = KEPT) -> list[Json]:
    """Kept results in the order of the page: the larger models first."""
    results: list[Json] = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"), key=lambda path: path.stem)]
    order = ["k-sweep", "position-sweep", "masks", "handover", "base-guidance", "commitment", "fork", "arena", "transfer"]
    results.sort(key=lambda r: (not r["request"]["pair"].startswith("pocket"), r["request"]["pair"],
                                order.index(r["study"]) if r["study"] in order else len(order)))  # fmt: skip
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="copy results of the data folder first")
    parser.add_argument("--check", action="store_true", help="hold the data folder's newest studies against the kept ones")
    parser.add_argument("--data-dir", type=Path, help="default: where the studio keeps everything")
    parser.add_argument("--studies", type=Path, default=KEPT, help="folder of the kept results")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "findings.md")
    o = parser.parse_args()
    jobs = open_jobs(o.data_dir)
    if o.check:
        agreed, lines = check(kept_studies(o.studies), finished(jobs))
        print("\n".join(lines))
        raise SystemExit(0 if agreed else 1)
    if o.keep:
        found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
        for path in keep(jobs, found.stdout.strip() or "unknown", o.studies):
            print(f"kept {path.name}")
    notes = NOTES.read_text() if NOTES.exists() else ""
    o.out.write_text(page(kept_studies(o.studies), notes, load_registry(jobs.paths)))


if __name__ == "__main__":
    main()
