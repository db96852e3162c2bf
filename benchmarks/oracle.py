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
    "on renders alone, never on a model's samples: a head for every factor of the world, one that counts subjects, and two that "
    "judge. A picture is *clean* when nothing in it is spoilt, *recognisable* when it still shows one of each thing that varies, "
    "however badly drawn. *In distribution* is what is clean and has exactly one subject. *Accuracy* asks for more than the "
    "prompt does: every stated factor as asked, size and clouds too, and exactly one subject. *Diversity* counts what is "
    "recognisable and has exactly one subject: what the shipped models draw is rarely clean, and a melted house is one house.",
    "",
    "Spoils are drawn by `studio/domains/pocket/spoils`: each is clear to the eye. What a person would let pass (blur up to "
    "three quarters of a pixel at 128 px, noise up to 4 of 255, a tint of 3 %) is *softened* and counts as clean. Spoils say "
    "what they hide, and heads are taught the rest: a house in a foreign colour has no colour, and is a house. Whether a picture "
    "is recognisable is taught by spoils that leave all to be seen against those that are no picture of the world (no subject, "
    "two, pieces of several pictures, the wrong way up, a negative, none at all); where people would not agree (a chimera, a "
    "grey picture), by none. Its threshold is even odds.",
    "",
    "The gate's threshold is the lowest at which no more than 2 % of any kind pass on one draw, but never one that refuses more "
    "than 0.5 % of fresh renders, or 5 % of renders that the size's own autoencoder wrote and read: such a gate would grade the "
    "autoencoder. The figures below are of another draw.",
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


SHOWN = {True: "yes", False: "no", None: "open"}


def gate(cards: dict[str, Any]) -> list[str]:
    each = next(iter(cards.values()))["each"]
    columns = [f"{size}, {what}" for size in cards for what in ("clean", "recognisable")]
    out = ["## What it lets through", "", f"Share accepted as clean and as recognisable, with one subject each; {each} pictures "
           "a kind. *Shows*: whether a recognisable picture is what it was taught to see there.", "",
           f"| | shows | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]  # fmt: skip
    rows = {
        "fresh": ("accepted", "recognised"),
        "softened": ("softened_accepted", ""),
        "through the autoencoder": ("restored_accepted", "restored_recognised"),
    }
    for words, keys in rows.items():
        cells = [share(card[key]) if key in card else "–" for card in cards.values() for key in keys]
        out.append(f"| *renders, {words}* | yes | {' | '.join(cells)} |")
    for kind in (*spoils.DRAWN, *spoils.IMAGE):
        shows = spoils.SHOWS[kind]
        cells = []
        for card in cards.values():
            clean, seen = card["spoilt_accepted"][kind], card["spoilt_recognised"][kind]
            cells += [_marked(clean, clean >= 0.03), _marked(seen, shows is False and seen >= 0.03)]
        out.append(f"| {kind} | {SHOWN[shows]} | {' | '.join(cells)} |")
    why = "what is spoilt there is a few pixels of the subject, or noise and blur near what is softened"
    out += ["", f"Bold: 3 % or more where none should pass. Of what passes as clean, {why}."]
    for size, card in cards.items():
        ones = card["counted_one"]
        least = sorted(ones, key=lambda kind: float(ones[kind]))[:3]
        mean = sum(ones.values()) / len(ones)
        worst = ", ".join(f"{kind} {share(ones[kind])}" for kind in least)
        out += ["", f"{size} counts one subject in {share(mean)} of the spoils that have one; least in {worst}."]
    return out


def _marked(value: float, wrong: bool) -> str:
    return f"**{share(value)}**" if wrong else share(value)


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
