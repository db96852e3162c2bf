r"""Run by two processes at once: every objective trained in shares and whole, and how far apart the weights end.

    RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500 ACCELERATE_USE_CPU=true \
        python -m tests.support.several_processes FOLDER

The first process writes FOLDER/found.json: {case: {"apart", "moved", "skipped"}}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser
from studio.core.method import Streams
from studio.core.parallel import ALONE, Parallel, divided, join
from studio.core.rng import rand, randn
from studio.core.trainer import Trainer, TrainerConfig
from studio.jobs.paths import ASSETS
from studio.methods.distill import METHODS
from tests.support.tiny_world import Blobs, teacher

SMALL = {
    "pool": 16,
    "pairs": 16,
    "pool_steps": 2,
    "pair_steps": 2,
    "start": 2,
    "forget": "left",
}  # fields of some methods, for milliseconds


class Dealt(Blobs):
    """The two blobs, drawn as material of a real world is: through `studio.core.rng`."""

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        return {"c": (rand((n, 1), g) < 0.5).float() * 2 - 1}

    def data(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond]:
        cond = self.conditions(n, g)
        return 2 * cond["c"] + 0.3 * randn((n, 2), g), cond


def weights(trainer: Trainer) -> Tensor:
    modules = [t.module for t in trainer.method.trained.values()] + [e.module for e in trainer.ema.values()]
    return torch.cat([p.detach().flatten() for m in modules for p in m.parameters()])


def train(name: str, config: dict[str, Any], given: Denoiser, material: Any, parallel: Parallel, **run: Any) -> Any:
    """(trainer, largest change of a weight)"""
    cls: Any = METHODS.get(name)
    known = {k: v for k, v in SMALL.items() if k in cls.Config.model_fields}
    settings = divided(cls.Config(**{**known, "batch": 8, **config}), parallel.share)
    method = cls(settings, Streams(3, share=parallel.share), given, material)
    trainer = Trainer(method, TrainerConfig(warmup=2, **run), parallel=parallel)
    before = weights(trainer)
    list(trainer.run())
    return trainer, float((weights(trainer) - before).abs().max())


def nano() -> tuple[Any, Any]:
    from studio.domains import domain_of
    from studio.families import open_model
    from studio.workshop.material.captions import world_material

    model = open_model(ASSETS / "nano" / "teacher", "nano")
    return model, world_material(model, domain_of("pocket"), Path(sys.argv[1]), n_items=32)


def main() -> None:
    torch.set_num_threads(1)
    folder, together, found = Path(sys.argv[1]), join("cpu"), dict[str, Any]()

    def compare(case: str, name: str, config: dict[str, Any], given: Any, material: Any, **run: Any) -> None:
        whole, moved = train(name, config, given(), material, ALONE, **run)
        shares, _ = train(name, config, given(), material, together, **run)
        apart = float((weights(whole) - weights(shares)).abs().max())
        found[case] = {"apart": apart, "moved": moved, "skipped": shares.skipped + whole.skipped}

    for name, cls in METHODS.all().items():
        if cls.__module__.startswith("studio."):
            compare(name, name, {}, teacher, Dealt(), steps=3)
    compare("dmd2 accumulated", "dmd2", {"gan": 0.01}, teacher, Dealt(), accumulate=2, steps=3)
    from studio.families.stable.trainable import teacher_denoiser

    model, material = nano()
    for name in ("lcm", "dmd2"):
        compare(f"nano {name}", name, {}, lambda: teacher_denoiser(model), material, steps=6)
    if together.leads:
        (folder / "found.json").write_text(json.dumps(found))
    together.dismiss()


if __name__ == "__main__":
    main()
