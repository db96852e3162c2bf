"""The second witness's table of a study, for `docs/findings.md`."""

from __future__ import annotations

from collections.abc import Callable

from studio.core.files import Json

HEADS = ("arm", "default behaviour", "seed told", "spread", "coverage", "Fréchet distance")


def witness(result: Json, interval: Callable[..., str]) -> list[str]:
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
