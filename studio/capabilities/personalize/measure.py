"""Does a model show the subject, and what did it cost: the subject's prompts, its class without the word, and all other prompts.

The subject is read by a reader that the person's pictures alone make (`metrics.recognition`), in the features of the domain's
oracle or of a judge. Other prompts are drawn from the same noise with the adapter and without, so that what they lost is counted
against what the model could do before. In a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from studio.capabilities.personalize.second_reader import Eyes, SecondReader
from studio.core.domain import Domain, Oracle, Said, as_written
from studio.core.edit import Edit, EditCard
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.lowrank import Adapter
from studio.library.subjects import Subject
from studio.metrics import cost_of_edit
from studio.metrics.readings import correct
from studio.metrics.recognition import Recogniser, recogniser
from studio.workshop.arms_measured import Arm, share
from studio.workshop.draw import samples
from studio.workshop.held_out import measured_prompts
from studio.workshop.judge import Judge
from studio.workshop.prompts_measured import SamplesRead, mean_of, paired, plain_prompts, read_prompts, right

FIRST_SEED = 7000  # of what is measured; nothing is trained on these
BATCH = 32
VIEWS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))  # a picture moved by this many per cent of its side, rows and columns
VIEW = 4  # per cent
Tokens = Mapping[str, Tensor]


@dataclass(frozen=True)
class Worn:
    """What is measured: the adapter on every model of an arm, None where a word is all, and the word their encoders know."""

    adapter: Adapter | None
    tokens: Tokens

    def on(self, model: OpenModel) -> AbstractContextManager[None]:
        """A model that wears the adapter."""
        return nullcontext() if self.adapter is None else model.under(self.adapter, 1.0)

    def edit(self, card: EditCard) -> Edit:
        """As files hold it."""
        if self.adapter is None:
            return Edit({}, card, dict(self.tokens))
        return replace(self.adapter.edit(card), tokens=dict(self.tokens))


class SubjectMeasurement:
    """oracle: of the domain, None where none reads; judge: reads then. of_class: decoded pictures of the class that the untouched
    model drew. through: pictures as the model's own decoder can draw them, so that the reader does not ask for what it cannot.
    n: pictures of each kind of prompt. world: features of samples of the domain, None without an oracle. second: what a second
    reader sees with."""

    def __init__(
        self,
        domain: Domain,
        subject: Subject,
        oracle: Oracle | None,
        judge: Judge,
        of_class: Tensor,
        through: Callable[[Tensor], Tensor],
        n: int,
        world: Tensor | None,
        between: Callable[[], None],
        second: Eyes | None = None,
    ):
        self.domain, self.subject, self.oracle, self.judge, self.n = domain, subject, oracle, judge, n
        self.world, self.between = world, between
        side = of_class.shape[-1]
        shown = torch.cat(list(subject.batches(side)))
        held = torch.cat(list(subject.batches(side, held=True))) if subject.held else shown
        shown, held = (through(_views(pictures)) for pictures in (shown, held))
        self.known, self.held = self.features(shown), self.features(held)
        self.second = None if second is None else SecondReader(second, shown, held, of_class, len(VIEWS))
        self.reader: Recogniser = recogniser(self.known, self.held, self.features(of_class), len(VIEWS))
        self.held_distance = float(self.reader.distances(self.held).mean())
        self._untouched: dict[str, SamplesRead] = {}
        self._told: dict[str, Json | None] = {}
        # not the captions that it was taught by, where there are others
        lines = list(dict.fromkeys(subject.lines(held=bool(subject.held))))
        self.with_word = as_written(domain, _spread([line.format(subject.word) for line in lines], n))
        self.of_class = as_written(domain, _spread([line.format(subject.noun) for line in lines], n))
        self.told = self._known_words() if oracle is not None and subject.shows else []
        prompts = measured_prompts(domain, n) if domain.has_world else plain_prompts(domain)
        self.others = [prompt for prompt in prompts for _ in range(-(-n // len(prompts)))]
        self.other_prompts = prompts

    def features(self, images: Tensor) -> Tensor:
        """[N, D] of decoded samples."""
        return self.oracle.read(images).features if self.oracle is not None else self.judge.read(images).features

    @property
    def read_by(self) -> Json:
        """Who reads the subject, and how often it is right on pictures it was not made from."""
        name = "the world's oracle" if self.oracle is not None else self.judge.name
        found = {"features": name, "found": self.reader.found, "mistaken": self.reader.mistaken, "held": len(self.subject.held)}
        return found | ({} if self.second is None else {"second": self.second.said})

    def measure(self, arm: Arm, models: Mapping[str, OpenModel], worn: Worn) -> Json:
        """Figures of one arm with the subject, beside what it did without. distance: to the nearest training picture, 1 being
        that of pictures held back. variety: of the subject's pictures, over that of the person's. moved: how far other prompts'
        pictures are from those of the same noise without the subject, over how far different ones are apart."""
        with_word = self._draw(arm, models, self.with_word, worn)
        seen = self.features(with_word)
        class_drawn = self._draw(arm, models, self.of_class, worn)
        of_class = self.features(class_drawn)
        after = self._read(self._draw(arm, models, self.others, worn))
        key = arm.plan.model_dump_json()
        if key not in self._untouched:
            self._untouched[key] = self._read(self._draw(arm, models, self.others, None))
        before = self._untouched[key]
        own = torch.cat([self.known[:: len(VIEWS)], self.held[:: len(VIEWS)]])
        return {
            **arm.said,
            "hit": share(self.reader.shows(seen)),
            "leak": share(self.reader.shows(of_class)),
            **({} if self.second is None else {"second": self.second.figures(with_word, class_drawn)}),
            "stated": self._stated(with_word),
            "distance": mean_of(self.reader.distances(seen) / self.held_distance),
            "variety": cost_of_edit.variety(seen, own).to_dict(),
            **paired(before, after, self.world),
            **self._shown(arm, models, with_word),
        }

    def _known_words(self) -> list[Said]:
        """The prompts with the word, what it means said in known words in its place; [] where no words say it."""
        shows, word = self.subject.shows, self.subject.word
        try:
            lines = [self.domain.write({**self.domain.read(one.text, (word,)).stated, **shows}) for one in self.with_word]
        except ValueError:
            return []
        return as_written(self.domain, lines)

    def _shown(self, arm: Arm, models: Mapping[str, OpenModel], with_word: Tensor) -> Json:
        """Of a subject that known words say as well: share of its pictures that show all of it, and of those told in known
        words."""
        if self.oracle is None or not self.subject.shows:
            return {}
        key = arm.plan.model_dump_json()
        if key not in self._told:
            self._told[key] = self._all_of_it(self._draw(arm, models, self.told, None)) if self.told else None
        return {"shown": self._all_of_it(with_word), "told": self._told[key]}

    def _all_of_it(self, images: Tensor) -> Json:
        assert self.oracle is not None
        shown = correct(self.oracle.read(images), self.subject.shows, self.domain.factors)
        return share(torch.stack(list(shown.values())).all(0))

    def _draw(self, arm: Arm, models: Mapping[str, OpenModel], said: Sequence[Said], worn: Worn | None) -> Tensor:
        seeds = [FIRST_SEED + i for i in range(len(said))]
        with ExitStack() as on:
            for name in arm.plan.models:
                if worn is not None:
                    on.enter_context(worn.on(models[name]))
            words = [worn.tokens] if worn is not None else []
            return samples(arm.plan, models, self.domain, said, seeds, lambda _: self.between(), words=words, batch=BATCH)

    def _read(self, images: Tensor) -> SamplesRead:
        return read_prompts(self.domain, self.oracle, self.judge, self.world, images, self.other_prompts)

    def _stated(self, images: Tensor) -> Json | None:
        """Share of the subject's pictures that show what their prompts say besides."""
        if self.oracle is None:
            return None
        return share(right(self.domain, self.oracle.read(images), self.with_word, (self.subject.word,)))


def _spread(lines: Sequence[str], n: int) -> list[str]:
    """n prompts that go through these in turn."""
    return [lines[i % len(lines)] for i in range(n)]


def _views(images: Tensor) -> Tensor:
    """[N · len(VIEWS), ...]: every picture as it is and moved a little each way, so that place alone tells nothing apart."""
    by = max(1, round(images.shape[-1] * VIEW / 100))
    moved = [torch.roll(images, (down * by, along * by), (-2, -1)) for down, along in VIEWS]
    return torch.stack(moved, 1).flatten(0, 1)
