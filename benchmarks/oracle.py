"""Write docs/oracle.md: what the oracles read, what they let through, and what attacks do, from their cards.

    python -m benchmarks.oracle

The figures are measured when an oracle is trained (`python -m studio.capabilities.pretrain oracle`), on renders and spoils of
seeds that no training draws.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from studio.domains.pocket import spoils
from studio.jobs.paths import ROOT

SIZES = ("pocket", "nano")
OUT = ROOT / "docs" / "oracle.md"
HEAD = (
    "# The oracle: what reads the pictures",
    "",
    "Written by `python -m benchmarks.oracle` from the cards of the two oracles. An oracle is one small network that was taught "
    "on renders alone, never on a model's samples: a head for every factor of the world, one that counts subjects, and one that "
    "tells clean renders from spoilt ones. A picture is *in distribution* when it is clean and has exactly one subject. "
    "*Accuracy* asks for more than the prompt does: every stated factor as asked, size and clouds too, and exactly one subject.",
    "",
    "Spoils are drawn by `studio/domains/pocket/spoils`: each is clear to the eye. What a person would let pass (blur up to "
    "three quarters of a pixel at 128 px, noise up to 4 of 255, a tint of 3 %) is *softened* and counts as clean. The gate's "
    "threshold is the lowest at which no more than 2 % of any kind pass on one draw, but never one that refuses more than 0.5 % "
    "of fresh renders, or 5 % of renders that the size's own autoencoder wrote and read: such a gate would grade the "
    "autoencoder. The figures below are of another draw.",
    "",
    "*Diversity* counts more than the gate lets through: pictures with one subject whose clean logit is at most 10 below the "
    "threshold. Spoilt details do not hide factors, and what the shipped models draw is rarely clean. On four prompts that "
    "counts 88 % of the pocket teacher's pictures and 84 % of dmd2's (32 each). Of 30 spoils a kind it counts no empty place, at "
    "most 3 % of two subjects, negatives, blends and shuffled tiles, 10 % of shuffled boxes, and most of the finer kinds.",
)


def share(value: float) -> str:
    return f"{100 * value:.1f} %"


def accuracy(cards: dict[str, Any]) -> list[str]:
    names = list(next(iter(cards.values()))["accuracy"])
    out = ["## What it reads right", "", "Share of held-out fresh renders; *count*: one subject seen as one.", "",
           f"| {' | '.join(['oracle', *names])} |", "|---" * (len(names) + 1) + "|"]  # fmt: skip
    for size, card in cards.items():
        out.append(f"| {size} ({card['held_out']}) | {' | '.join(share(card['accuracy'][n]) for n in names)} |")
    out.append("")
    for size, card in cards.items():
        off = ", ".join(f"{name} {value:.4f}" for name, value in card["error"].items())
        out.append(
            f"- {size}: no subject is counted as none in {share(card['counted_none'])}, two as several in "
            f"{share(card['counted_several'])}; mean errors in shares of the side: {off}."
        )
    return out


def gate(cards: dict[str, Any]) -> list[str]:
    each = next(iter(cards.values()))["each"]
    out = ["## What it lets through", "", f"Share accepted, {each} pictures a kind.", "", f"| | {' | '.join(cards)} |",
           "|---" * (len(cards) + 1) + "|"]  # fmt: skip
    rows = {
        "fresh": "accepted",
        "softened": "softened_accepted",
        "through the autoencoder": "restored_accepted",
    }
    for words, key in rows.items():
        out.append(f"| *renders, {words}* | {' | '.join(share(c[key]) if key in c else '–' for c in cards.values())} |")
    for kind in (*spoils.DRAWN, *spoils.IMAGE):
        cells = (c["spoilt_accepted"][kind] for c in cards.values())
        out.append(f"| {kind} | {' | '.join(share(v) if v < 0.03 else f'**{share(v)}**' for v in cells)} |")
    why = "what is spoilt there is a few pixels of the subject, or noise and blur near what is softened"
    return [*out, "", f"Bold: 3 % or more, which is more than it should be: {why}. The oracles are still in training."]


def attacks(cards: dict[str, Any]) -> list[str]:
    found = {size: card["attacks"] for size, card in cards.items()}
    first = next(iter(found.values()))
    how = f"within {first['epsilon']} of the picture, {first['steps']} steps"
    out = [
        "## What an attack gets",
        "",
        f"Projected gradient descent with the oracle's own gradient, {how}; 200 pictures each.",
        "",
    ]
    out += [f"| | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    rows = {"a fresh render is read as the subject that the attacker wants": "subject_taken",
            "a spoilt render (no subject, two, shuffled, half) is accepted": "spoilt_accepted"}  # fmt: skip
    for words, key in rows.items():
        out.append(f"| {words} | {' | '.join(share(a[key]) for a in found.values())} |")
    return out


def page(cards: dict[str, Any]) -> str:
    parts = [[*HEAD], accuracy(cards), gate(cards), attacks(cards)]
    return "\n".join(line for part in parts for line in (*part, ""))


def main(out: Path = OUT) -> None:
    cards = {size: json.loads((ROOT / "assets" / size / "oracle" / "card.json").read_text()) for size in SIZES}
    out.write_text(page(cards))


if __name__ == "__main__":
    main()
