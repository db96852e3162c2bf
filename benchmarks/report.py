"""Figures for the model cards: stated-factor accuracy and FD-oracle of every shipped model, at its own recipe.

    python -m benchmarks.report --size pocket --write

512 (prompt, seed) pairs: 64 random partial captions of scenes that training never drew, 8 seeds each. The reference of
FD-oracle is 2,048 other held-out renders; the distance of yet other renders to them is the floor. ``--guidance`` lists
scales to try on the teacher; with ``--write`` the best by accuracy becomes its default and the figures go to card.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from studio.core.domain import told
from studio.domains.pocket.captions import caption, parse
from studio.domains.pocket.dataset import scenes, to_images
from studio.domains.pocket.oracle import Readings, load_oracle
from studio.domains.pocket.render import render_batch
from studio.domains.pocket.scene import FACTORS
from studio.families import open_model
from studio.metrics.frechet import frechet_distance
from studio.metrics.proportion import wilson
from studio.metrics.readings import correct
from studio.sampling import plan as plans
from studio.sampling.grids import trailing
from studio.sampling.loop import finished, sample
from studio.sampling.prompts import encode_once

PAIRS_SEED = 424_242  # scenes behind the prompts; no training command draws them
SEEDS = tuple(range(500, 508))


def prompts(n: int) -> list[str]:
    rng = np.random.default_rng(PAIRS_SEED)
    return [caption(s, rng) for s in scenes(n, PAIRS_SEED)]


def renders(n: int, seed: int, size: int) -> torch.Tensor:
    return to_images(render_batch(scenes(n, seed), size))


def figures(model, plan: plans.Plan, oracle, lines: list[str], reference: torch.Tensor) -> dict:
    """Accuracy over all (prompt, seed) pairs, every stated factor right; by factor; FD-oracle; in-distribution share."""
    right, by_factor, features, inside = [], {}, [], []
    for line in lines:
        x = finished(sample(plan, {model.id: model}, encode_once({model.id: model}, told([line])), SEEDS, model.shape))
        seen: Readings = oracle.read(model.decode(x))
        shown = correct(seen, parse(line).stated, FACTORS)
        for factor, ok in shown.items():
            by_factor.setdefault(factor, []).append(ok)
        right.append(torch.stack(list(shown.values())).all(0) if shown else torch.ones(len(seen), dtype=torch.bool))
        features.append(seen.features)
        inside.append(seen.in_distribution)
    ok = torch.cat(right)
    return {
        "pairs": len(ok),
        "nfe": plan.nfe,
        "accuracy": wilson(int(ok.sum()), len(ok)).to_dict(),
        "accuracy_by_factor": {k: round(float(torch.cat(v).float().mean()), 4) for k, v in by_factor.items()},
        "in_distribution": round(float(torch.cat(inside).float().mean()), 4),
        "fd_oracle": round(frechet_distance(torch.cat(features), reference), 3),
    }


def show(name: str, f: dict) -> None:
    a = f["accuracy"]
    factors = " ".join(f"{k} {v:.3f}" for k, v in f["accuracy_by_factor"].items())
    print(
        f"{name:26s} NFE {f['nfe']:3d}  accuracy {a['value']:.3f} [{a['low']:.3f}–{a['high']:.3f}] of {f['pairs']}  "
        f"in distribution {f['in_distribution']:.3f}  FD-oracle {f['fd_oracle']:.2f}  ({factors})",
        flush=True,
    )


def write(folder: Path, figures: dict, **more: object) -> None:
    path = folder / "card.json"
    card = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**card, **more, "measured": figures}, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="pocket", choices=["pocket", "nano"])
    parser.add_argument("--assets", type=Path, default=Path("assets"))
    parser.add_argument("--only", nargs="*", help="model folders, e.g. teacher dmd2")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--guidance", type=float, nargs="*", default=[1.0, 2.0, 3.0, 4.0, 6.0, 8.0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", action="store_true")
    o = parser.parse_args()
    folder = o.assets / o.size
    oracle = load_oracle(folder / "oracle", o.device)
    size = oracle.config["size"]
    reference = oracle.read(renders(2048, 777_001, size)).features
    floor = round(frechet_distance(oracle.read(renders(8 * o.prompts, 777_002, size)).features, reference), 3)
    print(f"FD-oracle of {8 * o.prompts} other renders: {floor}")
    lines = prompts(o.prompts)
    for path in sorted(p.parent for p in folder.glob("*/model_index.json")):
        if o.only and path.name not in o.only:
            continue
        model = open_model(path, path.name, device=o.device)
        if model.recipe:
            f = figures(model, plans.student_plan(model.id, model.recipe), oracle, lines, reference)
            show(f"{o.size}/{path.name}", f)
            if o.write:
                write(path, {**f, "fd_oracle_renders": floor})
            continue
        tried = {}
        for w in o.guidance:
            tried[w] = figures(model, plans.teacher_plan(model.id, trailing(25), guidance=w), oracle, lines, reference)
            show(f"{o.size}/{path.name} w = {w:g}", tried[w])
        best = max(tried, key=lambda w: (round(tried[w]["accuracy"]["value"], 3), -w))
        if o.write:
            by_w = {f"{w:g}": {k: tried[w][k] for k in ("accuracy", "fd_oracle", "in_distribution")} for w in tried}
            write(path, {**tried[best], "fd_oracle_renders": floor, "by_guidance": by_w}, default_guidance=best)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
