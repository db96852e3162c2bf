"""Does a ControlNet do what it says: pictures drawn under hints of scenes, read back, with it and without. In a worker.

Every sample has a scene of its own that no training drew: its hint is what the ControlNet sees, what it states (subject,
colour, place, time) is the prompt, and where things are in it is what the drawn picture is compared with. Without the hint the
same prompts and seeds are drawn, so what is left to chance is seen beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from studio.core.files import Json
from studio.domains.pocket.captions import full_caption, parse
from studio.domains.pocket.dataset import scenes, to_images
from studio.domains.pocket.hints import FIXED, of_scenes, same_place, subject_mask
from studio.domains.pocket.render import render_batch
from studio.domains.pocket.scene import FACTORS, Scene
from studio.metrics.proportion import wilson
from studio.metrics.readings import accepted, correct
from studio.sampling.plan import Plan
from studio.workshop.arms_measured import NAME, Arm
from studio.workshop.draw import pictures

HELD_OUT = 515_151  # seed of the scenes that are measured; no training draws them
FIRST_SEED = 5000
BATCH = 32
READABLE = 0.8  # overlap that colours alone must find in a scene's own render, for its picture to be counted
PLACED = ("position", "size", "horizon")  # together: "where"
VALUES = {"x": "x", "size": "scale", "horizon": "horizon_y"}  # of readings, and of scenes


class HintMeasurement:
    """hint: its kind. size: side of the models' pictures. seeds: scenes, one sample each. between: called after every step."""

    def __init__(self, hint: str, size: int, oracle: Any, seeds: int, between: Callable[[], None]):
        self.oracle, self.between = oracle, between
        self.scenes: list[Scene] = scenes(seeds, HELD_OUT)
        self.prompts = [full_caption(scene) for scene in self.scenes]
        layouts = of_scenes("layout", self.scenes, size)
        self.hints = (layouts if hint == "layout" else of_scenes(hint, self.scenes, size)).float() / 255
        self.masks = layouts[:, 0] > 127
        rendered = to_images(render_batch(self.scenes, size))
        self.ceiling = same_place(self.masks, subject_mask(rendered, self.scenes))
        self._known: dict[str, Json] = {}

    def draw(self, plan: Plan, models: Mapping[str, Any], n: int | None = None) -> Tensor:
        """Pictures [N, 3, H, W] of the first n scenes, or of all."""
        n = n or len(self.scenes)
        seeds = range(FIRST_SEED, FIRST_SEED + n)
        return pictures(
            plan, models, self.prompts[:n], seeds, lambda _: self.between(), hints={NAME: self.hints[:n]}, batch=BATCH
        )

    def measure(self, arm: Arm, models: Mapping[str, Any]) -> Json:
        """{"with": figures, "without": figures} of one arm. Figures: see `_figures`."""
        if (key := arm.plan.model_dump_json()) not in self._known:
            self._known[key] = self._figures(self.draw(arm.plan, models))
        hinted = self._figures(self.draw(arm.hinted, models))
        return {"arm": arm.name, "title": arm.title, "model": arm.model, "steps": arm.plan.steps, "nfe": arm.plan.nfe,
                "with": hinted, "without": self._known[key]}  # fmt: skip

    def _figures(self, images: Tensor) -> Json:
        """Shares with Wilson intervals: agreement by factor and "where" (position, size and horizon at once), accuracy of the
        prompt, pictures in distribution. Besides: mean distance of x, size and horizon in fractions of the side, and the
        mean overlap of the subject's silhouette, with that of the scenes' own renders."""
        seen = self.oracle.read(images)
        same = {
            name: torch.stack(
                [seen.labels[name][i] == FACTORS[name].index(getattr(scene, name)) for i, scene in enumerate(self.scenes)]
            )
            for name in FIXED
        }
        same["where"] = torch.stack([same[name] for name in PLACED]).all(0)
        stated = [
            torch.stack(list(correct(seen.rows(torch.tensor([i])), parse(prompt).stated, FACTORS).values())).all()
            for i, prompt in enumerate(self.prompts)
        ]
        truth = {name: torch.tensor([getattr(scene, field) for scene in self.scenes]) for name, field in VALUES.items()}
        readable = self.ceiling >= READABLE
        overlap = same_place(self.masks, subject_mask(images, self.scenes))[readable]
        return {
            "agreement": {name: _share(hits) for name, hits in same.items()},
            "accuracy": _share(torch.stack(stated)),
            "in_distribution": _share(accepted(seen)),
            "distance": {name: float((seen.values[name] - there).abs().mean()) for name, there in truth.items()},
            "overlap": {"value": float(overlap.mean()) if len(overlap) else None, "n": int(readable.sum()),
                        "of_renders": float(self.ceiling[readable].mean()) if len(overlap) else None},
        }  # fmt: skip


def _share(hits: Tensor) -> Json:
    return wilson(int(hits.sum()), len(hits)).to_dict()
