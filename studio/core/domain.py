"""What the data are: the contract of a domain. A face that every process may ask, without torch; hands that work, with it.

A domain says what its samples are of (factors and their frequencies), which words its models know, what can be moved in a
sample and what can be pictured for a ControlNet; its hands make samples of its world and read samples back. Nothing else in the
studio knows a domain by name: it asks the one of the model at hand (`studio.domains.domain_of`). Where no world is known
(`has_world` is False), prompts are taken as they are, and nothing is read from samples by what they were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from studio.core.explain import did_you_mean
from studio.core.files import Json

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image
    from torch import Tensor

    from studio.core.denoiser import Cond
    from studio.core.material import Reward

Item = Any  # one thing of a world; only its own domain looks inside
Stated = Mapping[str, str]  # factor -> value
World = Mapping[str, Mapping[str, float]]  # factor -> value -> frequency
Seed: TypeAlias = "int | Sequence[int] | np.random.SeedSequence | np.random.Generator"  # what default_rng takes


@dataclass(frozen=True)
class Said:
    """What a sample is asked for. text: as encoders should see it. stated: factor -> value. notice: a sentence about what was
    not understood, or "". left: what a sample is free in, in words. given: the domain's inputs beside the text, JSON values by
    name, every one of them."""

    text: str
    stated: Stated = field(default_factory=dict)
    notice: str = ""
    left: tuple[str, ...] = ()
    given: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Input:
    """Something that is asked for beside the text, a length or a curve. schema: JSON schema of its value, with its "default"
    and, for the form, a "description" of a line; a number, a choice ("enum"), text, or a list of numbers."""

    title: str
    schema: Json


@dataclass(frozen=True)
class Factor:
    """A categorical factor. probabilities: of the world as a whole; they sum to 1. stated: whether a sample is *of* it, so that
    prompts name it as a rule. title: as sentences call it. reading: the continuous reading that measures it, where there is one.
    goes_with: factors that cannot stay as in the world when this one is moved. things: what sentences call each value, where
    values are things that can be there and be gone ("nothing" for none of them). relation: whether it says where things are, and
    not what they are like."""

    name: str
    values: tuple[str, ...]
    probabilities: tuple[float, ...]
    stated: bool
    title: str = ""
    reading: str = ""
    goes_with: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    relation: bool = False

    def index(self, value: str) -> int:
        """Position of `value` in `values`; a clear error when it is not one of them."""
        if value in self.values:
            return self.values.index(value)
        hint = did_you_mean(str(value), self.values)
        raise ValueError(f"{self.name} cannot be {value!r}; it is one of {', '.join(self.values)}.{hint}")


class Moved(Protocol):
    """What an adapter moves. low, high: words for its ends. unit: of what `read` gives. factors: those it moves on purpose."""

    @property
    def title(self) -> str: ...
    @property
    def low(self) -> str: ...
    @property
    def high(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def factors(self) -> tuple[str, ...]: ...
    def read(self, seen: Readings) -> Tensor:
        """[N] float, in `unit`, rising from low to high."""


class Attribute(Moved, Protocol):
    """What a slider may be taught to move. Its level lies in [−1, 1], 0 being the world as it is.

    levels: at which samples are made for pairs. words: (negative, positive) additions to a prompt, "{}" standing for the rest;
    None where no words say it.
    """

    @property
    def name(self) -> str: ...
    @property
    def levels(self) -> tuple[float, ...]: ...
    @property
    def words(self) -> tuple[str, str] | None: ...
    def item(self, rng: np.random.Generator, level: float) -> Item:
        """Something of the world at this level; equal generators give items that differ in the attribute alone."""


@dataclass(frozen=True)
class Hint:
    """What a ControlNet can follow. about: what it shows, in a line. fixes: factors that it decides."""

    title: str
    about: str
    fixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class WordGroup:
    """Words that say one factor: value -> its words or phrases, the plainest first."""

    factor: str
    title: str
    words: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Defaults:
    """What forms begin with. teacher, pair: ids of models ("" where none is shipped). examples: prompts to try, the first one
    in the form. studies: what studies ask. shown: what trained sliders are shown on, any that speak of what is moved left out.
    noun: stands in a prompt where a word means a look and not a thing."""

    teacher: str = ""
    pair: str = ""
    examples: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    noun: str = "thing"


class Domain(Protocol):
    """The face of a domain; importing it imports no torch.

    medium: how samples are shown and kept, a name of `studio.domains.media.MEDIA`. inputs: what is asked for beside the text,
    by name; {} where text says it all. order: in lists; the first one's defaults are
    those of forms. factors: {} where no world is known. identity: factors that say what a sample is of, the thing itself first.
    distance: what the Fréchet distance in the oracle's features is called. always: what every sample must be whatever is asked
    for, as readings call it. vocabulary: every word its models know, () where any
    goes. pretraining: "module:Class" of its curriculum (`core.pretraining`), "" where it makes no models.
    """

    name: str
    title: str
    medium: str
    order: int
    has_world: bool
    defaults: Defaults
    factors: Mapping[str, Factor]
    identity: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    hints: Mapping[str, Hint]
    inputs: Mapping[str, Input]
    words: Sequence[WordGroup]
    vocabulary: Sequence[str]
    distance: str
    always: Sequence[str]
    pretraining: str

    def read(self, prompt: str, brought: Sequence[str] = (), given: Json | None = None) -> Said:
        """What any text asks for. brought: words that adapters bring; they state nothing and are known. given: values of
        inputs, of which the others take their defaults (`core.inputs.filled`); ValueError in one sentence where one does not
        fit."""

    def write(self, stated: Stated) -> str:
        """A prompt that states exactly this; `read` gives it back. ValueError where no words say it."""

    def world(self, stated: Stated) -> World:
        """Frequencies that differ from the factors' own where this is stated."""

    def check(self, stated: Stated) -> None:
        """ValueError in one sentence where no sample can show all of it."""

    def illustration(self) -> Sequence[Sequence[Image]]:
        """Three rows of Pillow images for an empty page: varied, all alike in what is free, varied again; () for none."""

    def hands(self) -> Hands: ...


class Hands(Protocol):
    """What a worker does with a domain; imports torch."""

    def items(self, n: int, seed: Seed, stated: Stated | None = None) -> Sequence[Item]:
        """n things of the world, one after another from one generator, in which only what is stated is pinned."""

    def samples(self, items: Sequence[Item], shape: Sequence[int]) -> Tensor:
        """[N, *shape] in the medium's range, as models decode theirs. Of samples that end earlier the rest is the medium's
        padding."""

    def given(self, item: Item) -> Json:
        """The inputs beside the text that are true of an item; {} where the domain has none."""

    def project(self, x: Tensor, given: Cond) -> Tensor:
        """[B, *shape of a latent sample] onto what samples asked for like this can be: nothing past their end, say, or the
        centre of mass in the origin. given: tensors by input, one row for all or one each (`beside`, or conditions, which hold
        them too). Idempotent; every draw of noise passes through it. x itself where anything can be."""

    def caption(self, item: Item, rng: np.random.Generator | None = None, taught: bool = False) -> str:
        """What is true of an item. Without rng: all that is stated as a rule; with it: a part, as people write.
        taught: as the models' teachers were taught, which say the rarer things more often."""

    def state(self, item: Item) -> Stated:
        """The value of every factor."""

    def line(self, item: Item, word: str, shows: Stated, rng: np.random.Generator) -> str:
        """A prompt that is true of an item, in which a word stands for `shows` and known words state some of the rest."""

    def oracle(self, folder: Path, device: str) -> Oracle:
        """What reads samples; FileNotFoundError or ValueError in one sentence where there is none."""

    def amiss(self, items: Sequence[Item], shape: Sequence[int], seed: Seed) -> Mapping[str, tuple[str, Tensor]]:
        """By what is wrong with them: which of `Domain.always` does not hold, and samples [N, *shape] of these items in which
        it does not; {} where nothing is asked of every sample."""

    def hint(self, kind: str, source: Sequence[Item] | Image, shape: Sequence[int]) -> Tensor:
        """What a ControlNet follows, [N, *shape] in [0, 1]: of items, or of one picture that was brought (Pillow)."""

    def agreement(self, items: Sequence[Item], shape: Sequence[int]) -> Agreement:
        """How well samples show where things are in these items."""

    def reward(self, oracle: Oracle, asked: Sequence[Said]) -> Reward:
        """Of decoded samples [B, *shape], in the order of what was asked, with gradient: [B], the log-probability of what is
        stated, a mean over its factors. ValueError in one sentence where the oracle has no probabilities."""


class Agreement(Protocol):
    """Measured against items: what a hint fixed, and what was drawn."""

    def shares(self, seen: Readings) -> Mapping[str, Tensor]:
        """Name -> [N] bool: whether a sample shows what its item has."""

    def distances(self, seen: Readings) -> Mapping[str, Tensor]:
        """Name -> [N]: how far continuous readings are from the items'."""

    def overlap(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """([M] of samples, [M] of the items' own samples): how much of where the subject is agrees, for the M items of which
        it can be told."""


class Readings(Protocol):
    """What measures need to know of N samples. labels: class index by factor, int64 [N]; values: continuous readings, [N];
    features [N, D]; in_distribution, the gate: bool [N]. A world may ask something of every sample whatever the prompt (exactly
    one subject, say): readings then have `always`, name -> bool [N]. An oracle that refuses what is spoilt in details alone may
    say what still counts as diversity: `recognisable`, bool [N]."""

    @property
    def labels(self) -> Mapping[str, Tensor]: ...
    @property
    def values(self) -> Mapping[str, Tensor]: ...
    @property
    def features(self) -> Tensor: ...
    @property
    def in_distribution(self) -> Tensor: ...


class OracleReadings(Readings, Protocol):
    """What an oracle gives. score: [N], of which the gate is a threshold."""

    @property
    def score(self) -> Tensor: ...
    def rows(self, index: Tensor) -> OracleReadings: ...
    def __len__(self) -> int: ...


class Oracle(Protocol):
    """Reads samples, and never learns from them. key: equal only for oracles that read the same of the same samples. shape: of a
    sample as it was taught; others are fitted to it."""

    @property
    def key(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    def read(self, samples: Tensor) -> OracleReadings:
        """Of decoded samples [N, *shape]."""

    def features_of(self, samples: Tensor) -> Tensor:
        """[N, D] with gradient."""


def told(texts: Sequence[str]) -> list[Said]:
    """Texts that are taken as they stand, with nothing beside them."""
    return [Said(text) for text in texts]


def as_written(domain: Domain, lines: Sequence[str]) -> list[Said]:
    """Lines word for word, and beside them what stands there by default."""
    given = domain.read("").given
    return [Said(line, given=given) for line in lines]


def beside(said: Sequence[Said]) -> Cond:
    """The inputs beside the text as they stand in conditions: tensors by name, [B] of numbers and [B, n] of lists, float32.
    Those that are text are not there: only encoders make something of them."""
    import torch

    names = [name for name, value in (said[0].given if said else {}).items() if not isinstance(value, str)]
    return {name: torch.tensor([one.given[name] for one in said], dtype=torch.float32) for name in names}


K = TypeVar("K")


class Keep(Protocol):
    def __call__(self, name: str, make: Callable[[], K], size: int, /) -> K:
        """What was kept under a name, or is made now. size: its bytes."""
