"""Did the student lose diversity, and does the hybrid give it back? The study behind the shipped models.

    python -m benchmarks.collapse --size pocket --students dmd2 lcm --prompts 8 --seeds 64

Every arm sees the same noise for the same (seed, step). The teacher appears three times: unguided, at its default
guidance and at the guidance its student was trained against, so that nobody need wonder whether guidance is compared.
Prints one row an arm (diversity and fidelity side by side, with 95 % intervals), then the verdicts.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from studio.core.domain import told
from studio.domains.pocket.captions import canonical, parse
from studio.domains.pocket.oracle import load_oracle
from studio.domains.pocket.scene import FACTORS, frequencies
from studio.families import open_model
from studio.metrics.study import collapse_claims, collapse_table
from studio.sampling import plan as plans
from studio.sampling.grids import trailing
from studio.sampling.loop import sample_many
from studio.sampling.prompts import encode_once

PROMPTS = (
    "a red house by day", "a tree in the snow at night", "a yellow balloon at sunset", "a boat by the sea",
    "a blue star in the desert", "a pink mushroom in a meadow", "a white rocket at night", "a purple car by day",
    "a green heart", "an orange cat in a meadow at sunset", "a heart in the snow", "a car at night",
)  # fmt: skip


def arms_of(student: str, recipe, trained_w: float, default_w: float, steps: int) -> list[plans.Plan]:
    """The arms for one student; several share their beginning and are computed once."""
    grid = trailing(steps)
    out = [
        plans.teacher_plan("teacher", grid, guidance=default_w, name="teacher"),
        plans.teacher_plan("teacher", grid, guidance=1.0, name="teacher, unguided"),
        plans.student_plan("student", recipe, name="student"),
        *(plans.hybrid_plan("teacher", "student", recipe, k, name=f"hybrid-{k}") for k in (1, 2)),
        plans.hybrid_plan("teacher", "student", recipe, 1, base_guidance=default_w, name="hybrid-1, guided base"),
        plans.skip_first_plan("student", recipe),
        plans.student_first_plan("teacher", "student", recipe),
    ]
    if trained_w not in (1.0, default_w):
        out.insert(1, plans.teacher_plan("teacher", grid, guidance=trained_w, name=f"teacher, w = {trained_w:g}"))
    return out


def study(size: str, student: str, assets: Path, prompts: list[str], seeds: list[int], steps: int, device: str = "cpu") -> dict:
    folder = assets / size
    models = {name: open_model(folder / part, device=device) for name, part in (("teacher", "teacher"), ("student", student))}
    oracle = load_oracle(folder / "oracle", device)
    recipe = models["student"].recipe
    trained_w = float(models["student"].card.get("method", {}).get("guidance", 1.0))
    arms = arms_of(student, recipe, trained_w, models["teacher"].default_guidance, steps)
    readings: dict[str, dict] = {}
    worlds: dict[str, dict] = {}
    for prompt in prompts:
        cond = encode_once(models, told([canonical(prompt)]))
        final = {}
        for name, record in sample_many(arms, models, cond, seeds, models["teacher"].shape):
            if record.last:
                final[name] = oracle.read(models["teacher"].decode(record.after))
        readings[prompt] = final
        when = parse(prompt).stated.get("time")
        worlds[prompt] = {"stars": frequencies("stars", time=when)} if when else {}
    stated = {p: parse(p).stated for p in prompts}
    options = {"worlds": worlds}
    costs = {a.name: float(a.nfe) for a in arms}
    return {
        "rows": collapse_table(readings, stated, FACTORS, costs=costs, **options),
        "claims": collapse_claims(readings, stated, FACTORS, **options),
    }


def text(interval: dict) -> str:
    if interval.get("low") is None:
        return f"{interval['value']}"
    return f"{interval['value']:.3f} [{interval['low']:.3f}–{interval['high']:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="pocket", choices=["pocket", "nano"])
    parser.add_argument("--students", nargs="+", default=["dmd2", "lcm"])
    parser.add_argument("--assets", type=Path, default=Path("assets"))
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--steps", type=int, default=25, help="teacher steps")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="also write everything here")
    options = parser.parse_args()
    results = {}
    for student in options.students:
        begun = time.time()
        seeds = list(range(1000, 1000 + options.seeds))
        result = study(
            options.size, student, options.assets, list(PROMPTS[: options.prompts]), seeds, options.steps, options.device
        )
        results[student] = result
        print(f"\n{options.size}/{student}: {options.prompts} prompts × {options.seeds} seeds, {time.time() - begun:.0f} s")
        print(f"{'arm':24s} {'NFE':>4s}  {'diversity':22s} {'accuracy':22s} {'in distribution':22s} recovered")
        for row in result["rows"]:
            share = (row["recovery"] or {}).get("sentence", "")
            print(
                f"{row['arm']:24s} {row['cost']:4.0f}  {text(row['diversity']):22s} {text(row['accuracy']):22s} "
                f"{text(row['in_distribution']):22s} {share}"
            )
        for claim in result["claims"]:
            print(claim["sentence"])
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, default=float))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
