"""What a slider is trained and measured on: material of an attribute, and how its amount is read. Runs in a worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from studio.capabilities.sliders.features_of_samples import seek_reader, sight
from studio.capabilities.sliders.request import SliderRequest, form
from studio.core.denoiser import Cond
from studio.core.domain import Attribute, Domain, Item, Oracle, OracleReadings, Readings, Stated
from studio.core.explain import did_you_mean
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.material import Contrast
from studio.core.method import Method
from studio.domains import domain_of
from studio.jobs.run import Run
from studio.library.adapter_effects import AXIS_UNIT
from studio.library.meant import meant
from studio.library.models import ModelEntry
from studio.library.picture_pairs import Pairs, pairs_in
from studio.methods.sliders.slider import Finder
from studio.metrics.readings import correct
from studio.workshop.judge import Judge, Measure, Sight, open_judge
from studio.workshop.material.attribute_pairs import AttributeContrast
from studio.workshop.material.kept import encoded_once
from studio.workshop.material.prompt_pairs import WordedContrast
from studio.workshop.tools import Tools

N_PROMPTS = 3  # that sliders are shown and measured on; those that speak of what a slider moves are passed over
MADE = 128  # items at either end, for the span of an attribute
DIRECTION_SPAN = 4.0  # of a direction: from −2 to 2 standard deviations
Say = Callable[[int, int], None]
Reads = Oracle | Judge  # who reads samples …
Seen = OracleReadings | Sight  # … and what it saw


@dataclass
class SliderTask:
    """contrast: material (`core.material.Contrast`). amount: an oracle's readings of N pictures -> [N], in `unit`.
    moved: factors that the slider moves on purpose. span: amount of items at the high end minus that at the low end.
    oracle: None where samples cannot be read; nothing is measured then. world: of which it reads what prompts state, too.
    measure: how a judge without an oracle tells the amount (`judge.Measure`), which takes readings at strength 0 beside it."""

    contrast: Contrast
    attribute: str
    unit: str
    moved: tuple[str, ...]
    prompts: tuple[str, ...]
    amount: Callable[[Readings], Tensor]
    span: Callable[[], float]
    oracle: Reads | None = None
    world: Domain | None = None
    measure: Measure | None = None
    axis: Callable[[], Json | None] = lambda: None  # of a direction, as `library.adapter_effects` reads it

    def take(self, method: Method) -> None:
        """Of a method that finds a direction by itself: the amount is how far a picture lies along it."""
        if not isinstance(method, Finder):
            return

        def amount(seen: Readings) -> Tensor:
            _, _, along, std = method.found()
            return (seen.features.to(along) @ along / std).cpu()

        def axis() -> Json:
            _, _, along, std = method.found()
            return {"along": [round(float(v), 6) for v in along], "std": std}

        self.amount, self.span, self.axis = amount, lambda: DIRECTION_SPAN, axis
        self.attribute = f"direction {getattr(method.config, 'direction', '')}".strip()
        self.unit = AXIS_UNIT


def open_task(
    entry: ModelEntry, model: OpenModel, request: SliderRequest, run: Run[Tools], say: Say, between: Callable[[], None]
) -> SliderTask:
    """What a request asks for, on its model. ValueError in one sentence where the request does not fit it."""
    if not domain_of(entry.domain).has_world or request.pairs:
        return _plain(entry, model, request, run, say, between)
    return _world(entry, model, request, run, say, between)


def _world(
    entry: ModelEntry, model: OpenModel, request: SliderRequest, run: Run[Tools], say: Say, between: Callable[[], None]
) -> SliderTask:
    """The stage of a known world: its items, its captions, its oracle."""
    oracle, domain = _oracle(entry, run), domain_of(entry.domain)
    if request.attribute is not None:
        what = _attribute(domain, request.attribute)
    else:
        what = Worded(domain, request.negative, request.positive)  # says nothing of anything where there are no words
    moved = set(what.factors)
    if request.worded:
        moved |= set(domain.read(request.negative).stated) | set(domain.read(request.positive).stated)
        moved |= {other for factor in moved for other in domain.factors[factor].goes_with}
    lines = tuple(domain.read(line).text for line in request.prompts)
    shown = lines or _unspoken(domain, moved)
    contrast = AttributeContrast(
        model,
        domain,
        what,
        run.home.material(entry.id, model.hash),
        oracle=oracle,
        prompts=lines,
        preserve=tuple(domain.read(word).text for word in request.preserve),
        words=(form(request.negative), form(request.positive)) if request.worded else None,
        n_items=request.n_scenes,
        say=say,
    )
    return SliderTask(
        _Considerate(contrast, between),
        request.attribute or what.name,
        what.unit,
        tuple(sorted(moved)),
        shown[:N_PROMPTS],
        what.read,
        lambda: _span(domain, what, oracle, run),
        oracle,
        domain,
    )


def _plain(
    entry: ModelEntry, model: OpenModel, request: SliderRequest, run: Run[Tools], say: Say, between: Callable[[], None]
) -> SliderTask:
    """The stage of a model of any kind: prompts and pictures that were given. Read by an oracle where there is one and the
    request says which of its attributes the pictures show."""
    domain = domain_of(entry.domain)
    what = _attribute(domain, request.attribute) if request.attribute is not None else None
    lines = tuple(domain.read(line).text for line in request.prompts)
    samples, features = None, None
    if request.pairs:
        lines = lines or ("",)  # nobody said what the pictures show
        samples = partial(_pictures, pairs_in(run.home, request.pairs), model, run.home.material(entry.id, model.hash), say)
    oracle: Reads | None = _oracle(entry, run) if what is not None else None
    measure = None
    if request.method == "direction":
        reader = seek_reader(model, run.tools.models.device)
        features, oracle = sight(model, reader), Judge(reader)
    elif what is None and request.worded:
        oracle, measure = _judged(request, run)
    contrast = WordedContrast(
        model,
        domain,
        words=(form(request.negative), form(request.positive)) if request.worded else None,
        prompts=lines,
        preserve=request.preserve,
        samples=samples,
        features=features,
    )
    about = what.name if what is not None else f"pictures of {Path(request.pairs).name}" if request.pairs else "words"
    moved = set(what.factors if what is not None else ())
    shown = _unspoken(domain, moved) if what is not None and lines == ("",) else tuple(contrast.lines)

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
        lambda: _span(domain, known(), oracle, run),
        oracle,
        domain if what is not None else None,
        measure,
    )


def _judged(request: SliderRequest, run: Run[Tools]) -> tuple[Judge | None, Measure | None]:
    """Who reads pictures by the words of both ends, and how; nobody where no encoder of words is on this machine."""
    judge = open_judge(run.tools.models)
    if judge.notice:
        run.notice(judge.notice)
    measure = judge.measure(meant({"settings": {"positive": request.positive, "negative": request.negative}}))
    return (None, None) if measure.blind else (judge, measure)


def _oracle(entry: ModelEntry, run: Run[Tools]) -> Oracle | None:
    return run.tools.models.oracle(entry) if entry.oracle_here else None


def _attribute(domain: Domain, name: str) -> Attribute:
    if name not in domain.attributes:
        hint = did_you_mean(name, domain.attributes)
        raise ValueError(f"There is no attribute {name!r}; {', '.join(domain.attributes) or 'none'} are.{hint}")
    return domain.attributes[name]


def _unspoken(domain: Domain, moved: set[str]) -> tuple[str, ...]:
    """Captions that say nothing of what is moved."""
    return tuple(line for line in domain.defaults.shown if not moved & set(domain.read(line).stated))


def _pictures(pairs: Pairs, model: OpenModel, cache: Path, say: Say) -> tuple[Tensor, Tensor]:
    """(latents [N, L, *shape], levels [L]) of a folder of pairs, encoded once at the model's size."""
    n, levels, path = len(pairs.names), len(pairs.levels), cache / f"pictures-{pairs.digest}.safetensors"
    batches = pairs.batches(model.sample_shape[-1])
    return encoded_once(path, model, batches, n * levels, say, (n, levels)), torch.tensor(pairs.levels)


class _Considerate:
    """The material, with others let at the device before every larger piece of work that is done to find a direction."""

    def __init__(self, inner: AttributeContrast | WordedContrast, between: Callable[[], None]):
        self.inner, self.between = inner, between

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        self.between()
        return self.inner.conditions(n, g)


class Worded:
    """An attribute between two ends in words: samples that show all of one, minus samples that show all of the other."""

    unit, levels, words = "share of one minus share of the other", (-1.0, 1.0), None

    def __init__(self, domain: Domain, negative: str, positive: str):
        self.domain, self.low, self.high = domain, negative, positive
        self._low, self._high = domain.read(negative).stated, domain.read(positive).stated
        self.factors = tuple(sorted(set(self._low) | set(self._high)))
        self.name = f"words-{hashlib.sha256(f'{negative}|{positive}'.encode()).hexdigest()[:8]}"
        self.title = f"{negative} to {positive}"

    def item(self, rng: np.random.Generator, level: float) -> Item:
        stated = self._low if level < 0 else self._high if level > 0 else {}
        return self.domain.hands().items(1, rng, stated)[0]

    def read(self, seen: Readings) -> Tensor:
        return self._shows(seen, self._high) - self._shows(seen, self._low)

    def _shows(self, seen: Readings, stated: Stated) -> Tensor:
        return torch.stack(list(correct(seen, stated, self.domain.factors).values())).all(0).float()


def _span(domain: Domain, what: Attribute, oracle: Reads | None, run: Run[Tools]) -> float:
    """Mean amount that the oracle reads in samples at level 1, minus that at level −1; kept while the worker lives."""
    assert oracle is not None and not isinstance(oracle, Judge), "how far ends are apart only an oracle knows"
    hands = domain.hands()

    def mean(level: float) -> float:
        items = [what.item(np.random.default_rng([7, i]), level) for i in range(MADE)]
        return float(what.read(oracle.read(hands.samples(items, oracle.shape))).mean())

    key = f"span:{domain.name}:{what.name}:{oracle.shape}"
    found: float = run.tools.models.keep(key, (id(oracle),), lambda: mean(1.0) - mean(-1.0), 64)
    return found
