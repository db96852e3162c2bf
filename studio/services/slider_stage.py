"""What a slider is trained and measured on: material of an attribute, and how its amount is read. Runs in a worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.method import Method
from studio.domains.pocket.attributes import Attribute, attribute
from studio.domains.pocket.captions import canonical, parse
from studio.domains.pocket.dataset import to_images
from studio.domains.pocket.render import render_batch
from studio.domains.pocket.scene import sample_scene
from studio.methods.control.contrast import SceneContrast
from studio.services.kinds.slider import SliderRequest, form
from studio.services.models import ModelEntry
from studio.services.moves import AXIS_UNIT
from studio.services.run import Run

if TYPE_CHECKING:
    from studio.families import Model

# what sliders are shown and measured on; those that speak of what a slider moves are passed over
PROMPTS = ("a red house at night", "a tree by the sea", "a boat by day", "a cat in the snow", "a blue car at sunset",
           "a mushroom in a meadow", "a rocket", "a small balloon")  # fmt: skip
N_PROMPTS = 3
RENDERED = 128  # scenes at either end, for the span of an attribute
GOES_WITH = {"time": ("stars",), "size": ("position",)}  # what cannot stay in the world when another factor is moved
DIRECTION_SPAN = 4.0  # of a direction: from −2 to 2 standard deviations
Say = Callable[[int, int], None]


@dataclass
class Stage:
    """contrast: material (`core.material.Contrast`). amount: an oracle's readings of N pictures -> [N], in `unit`.
    moved: factors that the slider moves on purpose. span: amount of renders at the high end minus that at the low end.
    oracle: None where pictures cannot be read; nothing is measured then."""

    contrast: Any
    attribute: str
    unit: str
    moved: tuple[str, ...]
    prompts: tuple[str, ...]
    amount: Callable[[Any], Tensor]
    span: Callable[[], float]
    oracle: Any = None
    axis: Callable[[], dict[str, Any] | None] = lambda: None  # of a direction, as `services.moves` reads it

    def take(self, method: Method[Any]) -> None:
        """Of a method that finds a direction by itself: the amount is how far a picture lies along it."""
        if not hasattr(method, "found"):
            return

        def amount(seen: Any) -> Tensor:
            _, _, along, std = method.found()
            return (seen.features.to(along) @ along / std).cpu()

        def axis() -> dict[str, Any]:
            _, _, along, std = method.found()
            return {"along": [round(float(v), 6) for v in along], "std": std}

        self.amount, self.span, self.axis = amount, lambda: DIRECTION_SPAN, axis
        self.attribute = f"direction {getattr(method.config, 'direction', '')}".strip()
        self.unit = AXIS_UNIT


def open_stage(entry: ModelEntry, model: Model, request: SliderRequest, run: Run, say: Say, between: Callable[[], None]) -> Stage:
    """The stage of Pocket World. ValueError in one sentence where the request does not fit it."""
    oracle = run.models.oracle(entry.oracle) if entry.oracle is not None and entry.oracle.is_dir() else None
    if request.attribute is not None:
        what = attribute(request.attribute)
    else:
        what = _worded(request.negative, request.positive)  # says nothing of anything where there are no words
    moved = set(what.factors)
    if request.worded:
        moved |= set(parse(request.negative).stated) | set(parse(request.positive).stated)
        moved |= {other for factor in moved for other in GOES_WITH.get(factor, ())}
    lines = tuple(canonical(line) for line in request.prompts)
    shown = lines or tuple(line for line in PROMPTS if not moved & set(parse(line).stated))
    folder = run.folder.parents[1] / "cache" / "material" / f"{entry.id.replace('/', '-')}-{model.hash}"
    contrast = SceneContrast(
        model, what, folder, oracle=oracle, prompts=lines, preserve=tuple(canonical(word) for word in request.preserve),
        words=(form(request.negative), form(request.positive)) if request.worded else None, n_scenes=request.n_scenes, say=say,
    )  # fmt: skip
    return Stage(
        _Considerate(contrast, between), request.attribute or what.name, what.unit, tuple(sorted(moved)), shown[:N_PROMPTS],
        what.read, lambda: _span(what, oracle, run), oracle,
    )  # fmt: skip


class _Considerate:
    """The material, with others let at the device before every larger piece of work that is done to find a direction."""

    def __init__(self, inner: SceneContrast, between: Callable[[], None]):
        self.inner, self.between = inner, between

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        self.between()
        return self.inner.conditions(n, g)


def _worded(negative: str, positive: str) -> Attribute:
    """An attribute between two ends in words: pictures that show all of one, minus pictures that show all of the other."""
    low, high = parse(negative).stated, parse(positive).stated
    factors = tuple(sorted(set(low) | set(high)))

    def make(rng: np.random.Generator, level: float) -> Any:
        stated: dict[str, Any] = low if level < 0 else high if level > 0 else {}
        return sample_scene(rng, **stated)

    digest = hashlib.sha256(f"{negative}|{positive}".encode()).hexdigest()[:8]
    return Attribute(
        f"words-{digest}", f"{negative} to {positive}", negative, positive, "share of one minus share of the other", factors,
        (-1.0, 1.0), make, lambda seen: _shows(seen, high) - _shows(seen, low),
    )  # fmt: skip


def _shows(seen: Any, stated: dict[str, str]) -> Tensor:
    from studio.domains.pocket.scene import FACTORS
    from studio.metrics.readings import correct

    return torch.stack(list(correct(seen, stated, FACTORS).values())).all(0).float()


def _span(what: Attribute, oracle: Any, run: Run) -> float:
    """Mean amount that the oracle reads in renders at level 1, minus that at level −1; kept while the worker lives."""
    size = int(oracle.config["size"])

    def mean(level: float) -> float:
        scenes = [what.make(np.random.default_rng([7, i]), level) for i in range(RENDERED)]
        return float(what.read(oracle.read(to_images(render_batch(scenes, size)))).mean())

    found: float = run.models.keep(f"span:{what.name}:{size}", (id(oracle),), lambda: mean(1.0) - mean(-1.0), 64)
    return found
