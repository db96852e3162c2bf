"""Judging pictures that no oracle reads: how far they show what an adapter is for, or at least how much it changes them.

With a whole CLIP on this machine and words for what an adapter does, the CLIP text score: 100 · cosine(picture, words), or the
difference of both ends' scores where both are known (Hessel et al. 2021, arXiv 2104.08718, on CLIP, arXiv 2103.00020; Gandikota
& Bau 2025, arXiv 2503.10637, table 1, measure transferred sliders by its change). Otherwise the distance to the same seed
without the adapter, between an encoder's features where there is one, else between the pictures themselves made small. Such a
distance says how much changes and not what; it takes the sign of the strength, so that there is a slope in it.

The encoder is what `families.perceptual` finds, otherwise ImageNet's (`families.efficientnet_lite`), where they are installed.
Worker side: imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import torch
from torch import Tensor, nn

from studio.core.explain import explain
from studio.core.files import Json
from studio.families.perceptual import Words, installed, open_reader, open_words, reads_words, switched_off
from studio.library.meant import Meant
from studio.workshop.witness import open_installed

if TYPE_CHECKING:
    from studio.workshop.open_models import ModelCache

SIDE = 16  # pixels of a side that pictures are shrunk to where no encoder looks at them
HUNDRED = 100.0  # a CLIP score is commonly written as 100 times the cosine
POINTS = "CLIP points (100 × cosine)"

T = TypeVar("T")


class Reader(Protocol):
    """An encoder of pictures. name: for people. key: equal only for those that give the same features."""

    @property
    def name(self) -> str: ...
    @property
    def key(self) -> str: ...
    def read(self, images: Tensor) -> Tensor:
        """Pictures [N, 3, H, W] in [0, 1] -> features [N, D], float32 on the CPU."""


@dataclass(frozen=True)
class Sight:
    """What is known of N pictures without an oracle: features [N, D] and nothing else (see `metrics.readings.Readings`).

    in_distribution and score are there for the shape of it: nothing is turned away.
    """

    features: Tensor
    labels: Mapping[str, Tensor] = field(default_factory=dict, init=False)
    values: Mapping[str, Tensor] = field(default_factory=dict, init=False)

    @property
    def in_distribution(self) -> Tensor:
        return torch.ones(len(self.features), dtype=torch.bool)

    @property
    def score(self) -> Tensor:
        return torch.zeros(len(self.features))


@dataclass(frozen=True)
class Measure:
    """How one adapter is measured. name: what the board says. blind: how much changes, and not which way.

    low, high: words for its two ends. more, less: features [D] of words, where pictures are compared with words. per: what a
    distance is divided by.
    """

    name: str
    title: str
    unit: str
    low: str = "less"
    high: str = "more"
    blind: bool = False
    more: Tensor | None = None
    less: Tensor | None = None
    per: float = 1.0
    factors: tuple[str, ...] = ()  # of a world: none is known

    def amounts(self, seen: Tensor, still: Tensor, strength: float) -> Tensor:
        """[N] of features [N, D] at a strength; `still`: of the same seeds at strength 0."""
        if self.blind:
            way = float((strength > 0) - (strength < 0))
            return way * (seen.double() - still.double()).norm(dim=1) / self.per
        toward, away = (None if words is None else HUNDRED * seen.double() @ words.double() for words in (self.more, self.less))
        if toward is None:
            assert away is not None, "a measure by words has some"
            return -away
        return toward if away is None else toward - away

    def at(self, cell: Mapping[float, Mapping[str, Sight]], strength: float, prompt: str) -> Tensor:
        """The same from readings by strength and prompt, as `metrics.transfer.board` asks for it."""
        return self.amounts(cell[strength][prompt].features, cell[0.0][prompt].features, strength)

    def score(self, seen: Sight) -> Tensor:
        """CLIP score [N] with the positive words alone, of readings."""
        assert self.more is not None, "the caller has looked"
        return HUNDRED * seen.features.double() @ self.more.double()

    def slider(self) -> Json:
        """What a slider brings to `metrics.transfer.board`."""
        scored = {"score": self.score} if self.more is not None else {}
        return {"attribute": self, "amounts": self.at, "reader": self.name, "blind": self.blind, **scored}

    def plain(self) -> Json:
        """For results and pages."""
        return {"title": self.title, "low": self.low, "high": self.high, "unit": self.unit, "reader": self.name}


@dataclass(frozen=True)
class Judge:
    """Reads pictures, and says how an adapter can be measured in what it read. notice: what a person should know of it."""

    reader: Reader | None = None
    words: Words | None = None
    notice: str = ""

    @property
    def key(self) -> str:
        """Equal only for judges that read the same of the same pictures; words are not part of it."""
        return f"judge {self.reader.key}" if self.reader is not None else f"judge pixels {SIDE}"

    @property
    def name(self) -> str:
        """How pictures are compared where no words help."""
        if self.reader is not None:
            return f"distance of {self.reader.name} features"
        return f"distance of pictures shrunk to {SIDE} × {SIDE}"

    @property
    def unit(self) -> str:
        """Of a distance over `per`."""
        return "of the pictures' range" if self.reader is None else "distance of features"

    @property
    def per(self) -> float:
        """What distances of what it read are divided by."""
        return (3 * SIDE**2) ** 0.5 if self.reader is None else 1.0  # root mean square over values in [0, 1]

    def read(self, images: Tensor) -> Sight:
        """Pictures [N, 3, H, W] in [0, 1]."""
        if self.reader is not None:
            return Sight(self.reader.read(images))
        small = nn.functional.adaptive_avg_pool2d(images.detach().float().cpu(), SIDE)
        return Sight(small.flatten(1))

    def measure(self, words: Meant | None) -> Measure:
        """By words where there are some and a text half that reads them; by distance otherwise."""
        if words is None or self.words is None:
            return Measure(self.name, "How much it changes, not what", self.unit, blind=True, per=self.per)
        more, less = (self.words.read([text])[0] if text else None for text in (words.positive, words.negative))
        unit = POINTS if more is None or less is None else f"{POINTS}, one end minus the other"
        ends = words.negative or "less", words.positive or "more"
        return Measure(f"CLIP text score ({self.words.name})", words.title, unit, *ends, more=more, less=less)


def open_judge(models: ModelCache) -> Judge:
    """With the best that is installed on this machine; what cannot be opened is said in its notice."""
    found = installed(words=True)
    if found is None:
        return Judge(None if switched_off() else open_installed(models))
    folder, name = found
    try:
        reader: Reader = _kept(models, "reader", folder, lambda: open_reader(folder, name, models.device))
    except (OSError, ValueError, RuntimeError) as error:
        return Judge(notice=f"Pictures are compared as they are, because no encoder could be opened: {explain(error)}")
    if not reads_words(folder):
        return Judge(reader)
    try:
        words: Words = _kept(models, "words", folder, lambda: open_words(folder, name, models.device))
    except (OSError, ValueError, RuntimeError) as error:
        return Judge(reader, notice=f"Pictures are compared without words, because none can be read: {explain(error)}")
    return Judge(reader, words)


def _kept(models: ModelCache, what: str, folder: Path, make: Callable[[], T]) -> T:
    """Opened once as long as its files stay what they are."""
    files = sorted(file for file in folder.glob("*") if file.suffix in (".json", ".safetensors"))
    stamp = tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    size = 2 * sum(item[2] for item in stamp)  # kept in half precision, opened in single
    return models.keep(f"{what}:{folder}", stamp, make, size)
