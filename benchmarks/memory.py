"""Which residency plan is chosen for published pairs on devices of several sizes, from networks of true size.

    python -m benchmarks.memory --write     # docs/memory.md

Bytes are counted by the program's own estimate (`studio.families.residency`) from headers and configs (`benchmarks.true_sizes`);
nothing is opened and no device is asked.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import true_sizes
from studio.core.residency import Held, Precision, by_role
from studio.core.residency_plan import NAMES, SHARE, choose, most
from studio.families import residency
from studio.families.stable.footprint import adapter_parameters, shapes_of
from studio.jobs.paths import ROOT

PAGE = ROOT / "docs" / "memory.md"
COMMAND = "python -m benchmarks.memory --write"
SIZES = (8, 12, 16, 24, 48)  # GiB
RANK = 64  # of LCM-LoRA: what it is on, counted as an adapter of ours on every layer that ours change
PRECISIONS: tuple[Precision, ...] = ("bfloat16", "float16")


@dataclass(frozen=True)
class Pair:
    """student: "lora" of the base's network, or the model whose network is the student's own."""

    title: str
    base: str
    student: str


PAIRS = (
    Pair("SD 1.5 + LCM-LoRA", "sd15", "lora"),
    Pair("SDXL + Lightning UNet", "sdxl", "sdxl"),
    Pair("SDXL + LCM-LoRA", "sdxl", "lora"),
    Pair("SD 3.5 large + turbo", "sd35-large", "sd35-large"),
    Pair("Flux dev + schnell", "flux-dev", "flux-schnell"),
)


def folders(pair: Pair, root: Path) -> tuple[Path, Path]:
    """Of a base and its student, at their true sizes."""
    base = root / pair.base
    if not base.exists():
        true_sizes.write(base, pair.base)
    target = root / f"{pair.base} {pair.student}"
    if pair.student == "lora":
        return base, true_sizes.student(target, base, lora_bytes=2 * adapter_parameters(shapes_of(base), RANK))
    networks = {part: it for part, it in true_sizes.parts_of(pair.student).items() if part in ("unet", "transformer")}
    return base, true_sizes.student(target, base, own=networks)


def rows(root: Path, precision: Precision) -> list[tuple[Pair, list[Sequence[Held]]]]:
    return [(pair, [residency(folder, precision) for folder in folders(pair, root)]) for pair in PAIRS]


def page() -> str:
    """All of `docs/memory.md`."""
    with tempfile.TemporaryDirectory() as root:
        found = {precision: rows(Path(root) / precision, precision) for precision in PRECISIONS}
    out = [*HEAD]
    for precision, pairs in found.items():
        out += ["", f"## In {precision}", "", *_bytes(pairs), "", *_plans(pairs)]
    return "\n".join([*out, *TAIL, ""])


def _bytes(pairs: Sequence[tuple[Pair, list[Sequence[Held]]]]) -> list[str]:
    out = ["| pair | networks | text encoders | autoencoder | student adds | everything | encoders aside | one network |",
           "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for pair, models in pairs:
        role, base = by_role([held for model in models for held in model]), sum(by_role(models[0]).values())
        peaks = [most(models, name) for name in NAMES[:-1]]
        cells = [*role.values(), sum(role.values()) - base, *peaks]
        out.append(f"| {pair.title} | {' | '.join(f'{n / 1e9:.2f}' for n in cells)} |")
    return out


def _plans(pairs: Sequence[tuple[Pair, list[Sequence[Held]]]]) -> list[str]:
    out = [f"| pair | {' | '.join(f'{size} GB' for size in SIZES)} |", f"|---|{'---|' * len(SIZES)}"]
    for pair, models in pairs:
        chosen = [choose(models, size << 30).name for size in SIZES]
        out.append(f"| {pair.title} | {' | '.join(chosen)} |")
    return out


HEAD = [
    "# Memory",
    "",
    f"Written by `{COMMAND}`. **Everything here is an estimate; nothing was measured on a GPU.** Bytes are those of weights, "
    "counted from configs and shapes of true size (`benchmarks/true_sizes.py` says where each config comes from), in GB of 10⁹. "
    f"The LoRAs are counted as ours of rank {RANK} on the same layers. A pair shares what is the same file.",
    "",
    f"Weights may take {SHARE:.0%} of what is free; the rest is for what is computed, whose size was not measured. The columns "
    "of the second tables are devices of so many GiB with all of it free; a real one has less, and the plan is chosen from "
    "what it has.",
]
TAIL = [
    "",
    "## The plans",
    "",
    "- `everything`: all parts of both models stay on the device.",
    "- `encoders-aside`: the text encoders are there while they read, the networks afterwards.",
    "- `one-network`: one network is there at a time, the other waits in the CPU's memory. It is moved when the other is "
    "asked, so arms are cheap whose segments are long.",
    "- `sequential`: layers of networks and text encoders come one by one (accelerate's `cpu_offload`).",
    "",
    "Whatever draws (comparisons, scrubs, control runs, studies, evaluations, rankings) plans before it opens its models, "
    "and says the plan where parts are moved. `STUDIO_RESIDENCY` names one of these instead of `auto`; on a CPU everything "
    "stays unless it does. While parts are moved, pictures of more than 768 × 768 pixels are decoded one by one and in "
    "tiles. Trainings, and what is measured while they train, open their models whole on the device, in float32. When "
    "memory runs out, the models are closed and the run says the next plan.",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}; else it is printed")
    options = parser.parse_args()
    text = page()
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
