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

from benchmarks.findings_witness import witness
from studio.capabilities.lab.request import FIRST_SEED, StudyRequest, study_of
from studio.jobs.jobs import Jobs
from studio.library.models import Registry, load_registry
from studio.library.stock import open_jobs
from studio.sampling.cost import bill
from studio.ui.lab.panels import title
from studio.ui.lab.result import cautions, command, identity

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "docs" / "measured" / "studies"
NOTES = ROOT / "docs" / "measured" / "notes.md"
PER_SAMPLE = ("steps", "histogram")  # of a commit step: one entry a sample
BEFORE = (
    "*Results kept here before 2026-11-28 were read by an oracle that counted no subjects and accepted spoilt pictures; their "
    "brackets hold seeds alone, not prompts ([oracle](oracle.md), [intervals](intervals.md)); an independent check with other "
    "seeds found the k = 1 hybrid to recover 56 % [49–63]. They are stages of `python -m benchmarks.remake` and will be remade.*"
)
MARKS = {
    "holds": "**holds**",
    "does not hold": "**does not hold**",
    "inconclusive": "inconclusive",
    "too few to say": "too few to say",
}


def interval(found: Json | None, digits: int = 3, percent: bool = False) -> str:
    """ "0.615 [0.587–0.641]" or a dash."""
    if not found or found.get("value") is None:
        return "–"
    scale, digits = (100, 1) if percent else (1, digits)
    low, high = found.get("low"), found.get("high")
    dash = " to " if low is not None and low < 0 else "–"
    ends = f" [{low * scale:.{digits}f}{dash}{high * scale:.{digits}f}]" if low is not None and high is not None else ""
    return f"{found['value'] * scale:.{digits}f}{' %' if percent else ''}{ends}"


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
    rows = [(v["id"], v["statement"], r["request"]["pair"], v) for r in results for v in r.get("verdicts", [])]
    seen = set()
    for id_, words, pair, v in sorted(rows, key=lambda row: row[:3]):
        if (id_, words, pair) not in seen:  # the same statement from two studies: the first, both are below
            seen.add((id_, words, pair))
            effect = f"{interval(v['interval'], percent=relative(v['unit']))} ({v['unit']})"
            out.append(f"| {id_}: {words} | {pair} | {MARKS[v['verdict']]} | {effect} | {v['n']} |")
    return out


def relative(unit: str) -> bool:
    """Whether an effect is a share or a ratio, which reads better in per cent."""
    return "share" in unit or unit.endswith("− 1")


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
    out = [
        "Commit step of the median sample as a share of the steps:",
        "",
        f"| arm | {' | '.join(map(title, names))} | features |",
    ]
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
        curves = {"": series.get("all"), **series.get("factors", {})}
        heads = " | ".join(f"after {step['after']}" for step in series["steps"])
        out += ["", f"Share of variance that is decided, {arm} ({series['states']} states × {series['continuations']:g}):", "",
                f"| factor | {heads} | half decided |", "|---" * (len(series["steps"]) + 2) + "|"]  # fmt: skip
        for name, curve in curves.items():
            if curve:
                shares = " | ".join(interval(share, 2) for share in curve["share"])
                out.append(f"| {title(name)} | {shares} | {interval(curve['half'], 0)} |")
    return out


def transfer(result: Json) -> list[str]:
    """Every slider on every model; accuracy of what it is not to move, at the worse of −1 and 1 and without it."""
    board = result.get("board") or {}
    if board.get("readers"):
        return [*judged(board), "", *theirs(result)]
    out: list[str] = []
    for row in board.get("rows", []):
        for model, cell in row["cells"].items():
            ends = [found for s, found in cell["accuracy"].items() if found and abs(float(s)) == 1]
            worst, still = min(ends, key=lambda found: found["value"], default=None), cell["accuracy"].get("0")
            out.append(
                f"| {row['title']} | {model} | {interval(cell['slope'])} | {interval(cell['retention'], percent=True)} | "
                f"{'–' if cell['spearman'] is None else format(cell['spearman'], '.2f')} | "
                f"{interval(cell['drift']['others'], percent=True)} | {interval(worst, percent=True)} | "
                f"{interval(still, percent=True)} |"
            )
    if not out:
        return []
    heads = ["slider", "model", "slope a unit", "retention", "Spearman", "other factors changed", "accuracy at ±1", "without"]
    return [
        f"| {' | '.join(heads)} |",
        "|---" * len(heads) + "|",
        *out,
        "",
        *([] if result["request"].get("name") else theirs(result)),
    ]  # once, beside the study as it is


def judged(board: Json) -> list[str]:
    """The same where no oracle reads: what was measured instead stands on every line, and there is no accuracy to give."""
    heads = [
        "slider",
        "read by",
        "model",
        "slope a unit",
        "retention",
        "Spearman",
        "feature distance",
        "change of the CLIP score",
    ]
    out = [f"*Read by*: {'; '.join(board['readers'])}; no oracle reads these pictures.", "", f"| {' | '.join(heads)} |",
           "|---" * len(heads) + "|"]  # fmt: skip
    for row in board["rows"]:
        for model, cell in row["cells"].items():
            out.append(
                f"| {row['title']} | {row['reader']}, {row['attribute']} | {model} | {interval(cell['slope'])} | "
                f"{interval(cell['retention'], percent=True)} | "
                f"{'–' if cell['spearman'] is None else format(cell['spearman'], '.2f')} | "
                f"{interval(cell['drift']['features'])} | {interval(cell.get('change'), percent=True)} |"
            )
    return out


def theirs(result: Json) -> list[str]:
    """The paper's own numbers, apart from ours."""
    found = result.get("published")
    if not found:
        return []
    out = [f"*Not ours*: {found['what']} ({found['source']}).", "", f"| | {' | '.join(found['models'])} |"]
    out.append("|---" * (len(found["models"]) + 1) + "|")
    return [*out, *(f"| {name} | {' | '.join(f'{v:g}' for v in values)} |" for name, values in found["rows"].items())]


def section(result: Json) -> list[str]:
    request, control = result["request"], result.get("control")
    hashes = ", ".join(f"{name} {model['hash']}" for name, model in result["models"].items())
    drawn = f"{len(result['prompts'])} prompts × {result['seeds']} seeds, the same noise in every arm; weights {hashes}."
    checked = f" Identity control (the teacher as its own student): {said}." if (said := identity(control)) else ""
    tables = [
        *table(result),
        *witness(result, interval),
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
        "free, over samples the oracle accepts; brackets are 95 % intervals that let prompts and seeds vary, paired over "
        "arms. Accuracy: every stated factor is as asked, and there is exactly one subject. Statements are those of Gandikota & "
        "Bau (arXiv 2503.10637); margins are in `studio/metrics/margins.py`.", "",
        *([BEFORE, ""] if any("first_seed" not in result["request"] for result in results) else []),
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
    results: list[Json] = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
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
