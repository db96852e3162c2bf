"""The tables of `docs/findings.md`: what one saved study says, as Markdown, one function a kind of table."""

from __future__ import annotations

from studio.core.files import Json
from studio.ui.lab.panels import title

HEADS = ("arm", "default behaviour", "seed told", "spread", "coverage", "Fréchet distance")


def interval(found: Json | None, digits: int = 3, percent: bool = False) -> str:
    """ "0.615 [0.587–0.641]" or a dash."""
    if not found or found.get("value") is None:
        return "–"
    scale, digits = (100, 1) if percent else (1, digits)
    low, high = found.get("low"), found.get("high")
    dash = " to " if low is not None and low < 0 else "–"
    ends = f" [{low * scale:.{digits}f}{dash}{high * scale:.{digits}f}]" if low is not None and high is not None else ""
    return f"{found['value'] * scale:.{digits}f}{' %' if percent else ''}{ends}"


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


def witness(result: Json) -> list[str]:
    """Rows of `metrics.second_witness`; nothing where no second reader was installed."""
    found = result.get("witness")
    if not found:
        return []
    out = ["", f"Second witness, {found['reader']}, on the same samples; *default behaviour* is the oracle's: the share of free "
           "factors of which one value has more than 80 %; *seed told*: of samples, from other prompts' of the same seed; "
           "*coverage* and *Fréchet distance* are to as many fresh renders of the same prompts.", "",
           f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|"]  # fmt: skip
    for arm, row in found["arms"].items():
        shares = [interval(row.get(name), percent=True) for name in ("default_behaviour", "seed_identifiability")]
        distance = "–" if row["fd"] is None else f"{row['fd']:.1f}"
        cells = [arm, *shares, interval(row["spread"]), interval(row["coverage"], percent=True), distance]
        out.append(f"| {' | '.join(cells)} |")
    return out
