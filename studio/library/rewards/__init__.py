"""What a model can be tuned towards where nobody votes: rewards that are read from samples, by name.

Those of a medium are files of this folder, or modules named in `$STUDIO_REWARDS`; each says which medium it reads. Every world
brings its own besides, from its factors and attributes and what a prompt says, read by its oracle: `time=night`, `more:size`,
`less:size`, `prompt`. Needs no torch: what reads samples takes tensors and asks them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.core.domain import Domain
from studio.core.explain import brief, did_you_mean
from studio.core.files import Json
from studio.core.registry import Registry
from studio.domains import domain_of

if TYPE_CHECKING:
    from torch import Tensor

    from studio.library.models import ModelEntry

PROMPT = "prompt"  # whether a sample shows what its prompt says
MORE, LESS = "more:", "less:"  # of an attribute
BY_THE_WORLD = "Read by the world's oracle"
BY_THE_SAMPLES = "Read from the samples alone"


@dataclass(frozen=True, kw_only=True)
class Reward:
    """medium: name of the one whose samples it reads. read: decoded samples [N, ...] of that medium, in its units -> [N], larger
    is better. about: what it is, in a line. beside: rewards that look at much the same in another way, the best first, to be
    measured beside it. percent: whether it is a share."""

    name: str
    title: str
    about: str
    medium: str
    read: Callable[[Tensor], Tensor]
    beside: tuple[str, ...] = ()
    percent: bool = True
    order: int = 100


REWARDS: Registry[Reward] = Registry(__name__, "reward", variable="STUDIO_REWARDS")


def add(reward: Reward) -> Reward:
    return REWARDS.add(reward.name)(reward)


@dataclass(frozen=True)
class Offer:
    """A reward that fits a model. group: in lists. beside: of its medium's, as `Reward.beside`."""

    name: str
    title: str
    about: str
    group: str
    percent: bool = True
    beside: tuple[str, ...] = ()

    def plain(self) -> Json:
        return {"name": self.name, "title": self.title, "about": self.about, "group": self.group, "percent": self.percent}


def offered(entry: ModelEntry) -> dict[str, Offer]:
    """What can be read of a model's samples on this machine, by name."""
    domain = domain_of(entry.domain)
    found = [
        Offer(one.name, one.title, one.about, BY_THE_SAMPLES, one.percent, one.beside)
        for one in sorted(REWARDS.all().values(), key=lambda one: (one.order, one.name))
        if one.medium == domain.medium
    ]
    if domain.has_world and entry.oracle_here:
        found += _of_world(domain)
    return {one.name: one for one in found}


def _of_world(domain: Domain) -> list[Offer]:
    found = [
        Offer(PROMPT, "What the prompt says", "How sure the oracle is that a sample shows what its prompt says.", BY_THE_WORLD)
    ]
    for name, factor in domain.factors.items():
        for value in factor.values:
            said = f"How sure the oracle is that the {factor.title or name} is {value}."
            found.append(Offer(f"{name}={value}", f"{(factor.title or name).capitalize()}: {value}", said, BY_THE_WORLD))
    for name, attribute in domain.attributes.items():
        for way, end in ((MORE, attribute.high), (LESS, attribute.low)):
            said = f"{attribute.title}, in {attribute.unit}, as the oracle reads it; towards {end}."
            found.append(Offer(f"{way}{name}", f"{attribute.title}: {end}", said, BY_THE_WORLD, percent=False))
    return found


def check(name: str, entry: ModelEntry) -> Offer:
    """The reward of a name. ValueError in one sentence where a model's samples cannot be read by it."""
    known = offered(entry)
    if name in known:
        return known[name]
    if name in REWARDS.unavailable:
        raise ValueError(f"The reward {brief(name)} cannot be used here: {REWARDS.unavailable[name]}.")
    if name in REWARDS.all():
        medium, own = REWARDS.get(name).medium, domain_of(entry.domain).medium
        raise ValueError(f"The reward {name} reads samples of the medium {medium}, and {entry.id} draws {own}.")
    if not known:
        raise ValueError(f"No reward reads what {entry.id} draws; votes would fit.")
    hint = did_you_mean(name, known) or f" There are {', '.join(list(known)[:6])} and more."
    raise ValueError(f"There is no reward {brief(name)} for {entry.id}.{hint}")


def beside(name: str, entry: ModelEntry) -> str:
    """A reward to measure beside one, that nothing is taught by; "" where there is none."""
    known = offered(entry)
    wished = (*(known[name].beside if name in known else ()), *_watching(name), PROMPT, *known)
    return next((one for one in wished if one in known and one != name), "")


def _watching(name: str) -> tuple[str, ...]:
    """Rewards of samples that look at what a reward of the world is about."""
    return tuple(one.name for one in REWARDS.all().values() if name in one.beside)
