"""What a slider is trained and measured on: material of an attribute, and how its amount is read. Runs in a worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from studio.capabilities.sliders.features_of_samples import seek_reader, sight
from studio.capabilities.sliders.request import WORLD, SliderRequest, form
from studio.core.denoiser import Cond
from studio.core.files import Json
from studio.core.method import Method
from studio.core.weights import load_weights, save_weights
from studio.domains.pocket.attributes import Attribute, attribute
from studio.domains.pocket.captions import canonical, parse
from studio.domains.pocket.dataset import to_images
from studio.domains.pocket.render import render_batch
from studio.domains.pocket.scene import sample_scene
from studio.jobs.run import Run
from studio.library.adapter_effects import AXIS_UNIT
from studio.library.meant import meant
from studio.library.models import ModelEntry
from studio.library.picture_pairs import Pairs, pairs_in
from studio.methods.sliders.slider import Finder
from studio.workshop.judge import Judge, Measure, open_judge
from studio.workshop.material.attribute_pairs import SceneContrast
from studio.workshop.material.prompt_pairs import WordedContrast, encoded
from studio.workshop.tools import Tools

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
class SliderTask:
    """contrast: material (`core.material.Contrast`). amount: an oracle's readings of N pictures -> [N], in `unit`.
    moved: factors that the slider moves on purpose. span: amount of renders at the high end minus that at the low end.
    oracle: None where pictures cannot be read; nothing is measured then. world: whether it reads what prompts state, too.
    measure: how a judge without an oracle tells the amount (`judge.Measure`), which takes readings at strength 0 beside it."""

    contrast: Any
    attribute: str
    unit: str
    moved: tuple[str, ...]
    prompts: tuple[str, ...]
    amount: Callable[[Any], Tensor]
    span: Callable[[], float]
    oracle: Any = None
    world: bool = True
    measure: Any = None
    axis: Callable[[], dict[str, Any] | None] = lambda: None  # of a direction, as `library.adapter_effects` reads it

    def take(self, method: Method[Any]) -> None:
        """Of a method that finds a direction by itself: the amount is how far a picture lies along it."""
        if not isinstance(method, Finder):
            return

        def amount(seen: Any) -> Tensor:
            _, _, along, std = method.found()
            return (seen.features.to(along) @ along / std).cpu()

        def axis() -> Json:
            _, _, along, std = method.found()
            return {"along": [round(float(v), 6) for v in along], "std": std}

        self.amount, self.span, self.axis = amount, lambda: DIRECTION_SPAN, axis
        self.attribute = f"direction {getattr(method.config, 'direction', '')}".strip()
        self.unit = AXIS_UNIT


def open_task(
    entry: ModelEntry, model: Model, request: SliderRequest, run: Run[Tools], say: Say, between: Callable[[], None]
) -> SliderTask:
    """What a request asks for, on its model. ValueError in one sentence where the request does not fit it."""
    if entry.domain != WORLD or request.pairs:
        return _plain(entry, model, request, run, say, between)
    return _world(entry, model, request, run, say, between)


def _world(
    entry: ModelEntry, model: Model, request: SliderRequest, run: Run[Tools], say: Say, between: Callable[[], None]
) -> SliderTask:
    """The stage of Pocket World: its scenes, its captions, its oracle."""
    oracle = _oracle(entry, run)
    if request.attribute is not None:
        what = attribute(request.attribute)
    else:
        what = _worded(request.negative, request.positive)  # says nothing of anything where there are no words
    moved = set(what.factors)
    if request.worded:
        moved |= set(parse(request.negative).stated) | set(parse(request.positive).stated)
        moved |= {other for factor in moved for other in GOES_WITH.get(factor, ())}
    lines = tuple(canonical(line) for line in request.prompts)
    shown = lines or _unspoken(moved)
    contrast = SceneContrast(
        model,
        what,
        _cache(entry, model, run),
        oracle=oracle,
        prompts=lines,
        preserve=tuple(canonical(word) for word in request.preserve),
        words=(form(request.negative), form(request.positive)) if request.worded else None,
        n_scenes=request.n_scenes,
        say=say,
    )
    return SliderTask(
        _Considerate(contrast, between),
        request.attribute or what.name,
        what.unit,
        tuple(sorted(moved)),
        shown[:N_PROMPTS],
        what.read,
        lambda: _span(what, oracle, run),
        oracle,
    )


def _plain(
    entry: ModelEntry, model: Model, request: SliderRequest, run: Run[Tools], say: Say, between: Callable[[], None]
) -> SliderTask:
    """The stage of a model of any kind: prompts and pictures that were given. Read by an oracle where there is one and the
    request says which of its attributes the pictures show."""
    what = attribute(request.attribute) if request.attribute is not None else None
    lines = tuple(canonical(line) for line in request.prompts) if entry.domain == WORLD else request.prompts
    samples, features = None, None
    if request.pairs:
        lines = lines or ("",)  # nobody said what the pictures show
        samples = partial(_pictures, pairs_in(run.home, request.pairs), model, _cache(entry, model, run), say)
    oracle = _oracle(entry, run) if what is not None else None
    measure = None
    if request.method == "direction":
        reader = seek_reader(model, run.tools.models.device)
        features, oracle = sight(model, reader), Judge(reader)
    elif what is None and request.worded:
        oracle, measure = _judged(request, run)
    contrast = WordedContrast(
        model,
        words=(form(request.negative), form(request.positive)) if request.worded else None,
        prompts=lines,
        preserve=request.preserve,
        samples=samples,
        features=features,
    )
    about = what.name if what is not None else f"pictures of {Path(request.pairs).name}" if request.pairs else "words"
    moved = set(what.factors if what is not None else ())
    shown = _unspoken(moved) if what is not None and lines == ("",) else tuple(contrast.lines)

    def known() -> Attribute:
        assert what is not None, "what nobody can read is not measured"
        return what

    unit = what.unit if what is not None else measure.unit if measure is not None else ""
    return SliderTask(
        _Considerate(contrast, between),
        about,
        unit,
        tuple(sorted(moved)),
        shown[:N_PROMPTS],
        lambda seen: known().read(seen),
        lambda: _span(known(), oracle, run),
        oracle,
        what is not None,
        measure,
    )


def _judged(request: SliderRequest, run: Run[Tools]) -> tuple[Judge | None, Measure | None]:
    """Who reads pictures by the words of both ends, and how; nobody where no encoder of words is on this machine."""
    judge = open_judge(run.tools.models)
    if judge.notice:
        run.notice(judge.notice)
    measure = judge.measure(meant({"settings": {"positive": request.positive, "negative": request.negative}}))
    return (None, None) if measure.blind else (judge, measure)


def _oracle(entry: ModelEntry, run: Run[Tools]) -> Any:
    return run.tools.models.oracle(entry.oracle) if entry.oracle is not None and entry.oracle.is_dir() else None


def _cache(entry: ModelEntry, model: Model, run: Run[Tools]) -> Path:
    return run.home.cache / "material" / f"{entry.id.replace('/', '-')}-{model.hash}"


def _unspoken(moved: set[str]) -> tuple[str, ...]:
    """Captions that say nothing of what is moved."""
    return tuple(line for line in PROMPTS if not moved & set(parse(line).stated))


def _pictures(pairs: Pairs, model: Model, cache: Path, say: Say) -> tuple[Tensor, Tensor]:
    """(latents [N, L, *shape], levels [L]) of a folder of pairs, encoded once at the model's size."""
    total, path = len(pairs.names) * len(pairs.levels), cache / f"pictures-{pairs.digest}.safetensors"
    if not path.exists():

        def counted() -> Iterator[Tensor]:
            done = 0
            for batch in pairs.batches(model.image_size):
                yield batch
                done += len(batch)
                say(done, total)

        flat = encoded(model, counted())
        cache.mkdir(parents=True, exist_ok=True)
        save_weights(path, {"latents": flat.view(len(pairs.names), len(pairs.levels), *flat.shape[1:])})
    return load_weights(path)[0]["latents"], torch.tensor(pairs.levels)


class _Considerate:
    """The material, with others let at the device before every larger piece of work that is done to find a direction."""

    def __init__(self, inner: SceneContrast | WordedContrast, between: Callable[[], None]):
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
        f"words-{digest}",
        f"{negative} to {positive}",
        negative,
        positive,
        "share of one minus share of the other",
        factors,
        (-1.0, 1.0),
        make,
        lambda seen: _shows(seen, high) - _shows(seen, low),
    )


def _shows(seen: Any, stated: dict[str, str]) -> Tensor:
    from studio.domains.pocket.scene import FACTORS
    from studio.metrics.readings import correct

    return torch.stack(list(correct(seen, stated, FACTORS).values())).all(0).float()


def _span(what: Attribute, oracle: Any, run: Run[Tools]) -> float:
    """Mean amount that the oracle reads in renders at level 1, minus that at level −1; kept while the worker lives."""
    size = int(oracle.config["size"])

    def mean(level: float) -> float:
        scenes = [what.make(np.random.default_rng([7, i]), level) for i in range(RENDERED)]
        return float(what.read(oracle.read(to_images(render_batch(scenes, size)))).mean())

    found: float = run.tools.models.keep(f"span:{what.name}:{size}", (id(oracle),), lambda: mean(1.0) - mean(-1.0), 64)
    return found
