"""What is to be forgotten, what it becomes and what must stay: read from a person's words, and prompts made of them. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from studio.core.domain import Domain, Stated
from studio.core.explain import brief

OFTEN = 0.5  # how often a prompt says a further thing that the concept does not decide
LINES = ("a {}", "a picture of a {}", "a photo of a {}", "a close photo of a {}", "a good photo of a {}", "one {}")
MOST = 12  # concepts of one request


@dataclass(frozen=True)
class Concept:
    """words, becomes: as a person said them. stated, instead: what a world calls them; {} where none is known."""

    words: str
    becomes: str
    stated: Stated
    instead: Stated

    @property
    def factors(self) -> tuple[str, ...]:
        return tuple(self.stated)


@dataclass(frozen=True)
class Pair:
    """Two prompts that differ in the concept alone, and which concept that is. other: the same with a thing of its kind that was
    drawn for it. plain: whether it says the concept in its plainest words."""

    forget: str
    becomes: str
    concept: int
    other: str = ""
    plain: bool = True


def listed(text: str) -> list[str]:
    """Words of a line, with commas between."""
    return [part for part in (" ".join(part.split()) for part in text.split(",")) if part]


def concepts(domain: Domain, forget: str, becomes: str = "", keep: str = "") -> list[Concept]:
    """becomes: one for all, one for each, or "" for what the domain offers. ValueError in one sentence."""
    words, stay = listed(forget), listed(keep)
    if not words:
        raise ValueError(f"Nothing was named that should be forgotten; {_example(domain)} would fit.")
    if len(words) > MOST:
        raise ValueError(f"{len(words)} concepts were named to be forgotten; up to {MOST} fit.")
    if twice := [word for word in words if word in stay]:
        raise ValueError(f"{brief(twice[0])} is to be forgotten and to be kept; one of the two would fit.")
    stated = [read(domain, word) for word in words]
    _check_something_stays(domain, words, stated)
    instead = _instead(domain, stated, listed(becomes), [read(domain, word) for word in stay])
    found = [Concept(word, other, what, then) for word, what, (other, then) in zip(words, stated, instead, strict=True)]
    for one in found:
        if one.words == one.becomes or (one.stated and one.stated == one.instead):
            raise ValueError(f"{brief(one.words)} was to become {brief(one.becomes)}, which is the same; another would fit.")
        if one.instead and any(_says(one.instead, what) for what in stated):
            raise ValueError(f"{brief(one.words)} was to become {brief(one.becomes)}, which is to be forgotten as well.")
    return found


def read(domain: Domain, words: str) -> Stated:
    """What a world calls it; {} where none is known. ValueError where the world has no such thing."""
    if not domain.has_world:
        return {}
    said = domain.read(words)
    if not said.stated:
        known = ", ".join(list(domain.factors[domain.identity[0]].values)[:6])
        raise ValueError(f"{brief(words)} names nothing that {domain.title} knows; {known}, … would fit.")
    return said.stated


def pairs(domain: Domain, wanted: Sequence[Concept], n: int, seed: int) -> list[Pair]:
    """About n prompts with the concepts, in turn, each beside itself with what the concept becomes; the rest of a prompt is as
    the world has it, and the concept in all words that say it."""
    rng, drawn = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    found = []
    for i in range(n):
        which = i % len(wanted)
        one, k = wanted[which], i // len(wanted)
        if not domain.has_world:
            line = LINES[k % len(LINES)]
            found.append(Pair(line.format(one.words), line.format(one.becomes) if one.becomes else "", which))
            continue
        rest = _rest(domain, rng)
        plainest = domain.write({**rest, **one.stated})
        forget = _in_other_words(domain, plainest, one.stated, k)
        becomes = domain.write({**_without(rest, one.stated), **one.instead})
        other = domain.write({**rest, **one.stated, **_another(domain, one, wanted, drawn)})
        found.append(Pair(forget, becomes, which, other, forget == plainest))
    return found


def neighbours(domain: Domain, wanted: Sequence[Concept], n: int, seed: int, keep: Sequence[str] = ()) -> list[str]:
    """About n prompts of what must stay: of every other value of the concepts' factors in turn, or of what a person named."""
    if not domain.has_world:
        shown = [*keep, *domain.defaults.shown] or ["a picture"]
        return [shown[i % len(shown)] for i in range(n)]
    rng = np.random.default_rng(seed)
    others: list[Stated] = [{factor: value} for factor in _factors(wanted) for value in domain.factors[factor].values]
    others = [other for other in others if not any(_says(one.stated, other) and len(one.stated) == 1 for one in wanted)]
    others += [read(domain, word) for word in keep for _ in range(max(1, len(others) // max(1, 2 * len(keep))))]
    found: list[str] = []
    while len(found) < n:
        says = {**_rest(domain, rng), **others[len(found) % len(others)]}
        while any(_says(says, one.stated) for one in wanted):  # another factor says it
            says = {**_rest(domain, rng), **others[len(found) % len(others)]}
        found.append(domain.write(says))
    return found


def shows(domain: Domain, one: Concept, values: Stated) -> bool:
    """Whether a thing with these values of factors is the concept."""
    return _says(values, one.stated)


def instead_of(domain: Domain, wanted: Sequence[Concept], stated: Stated) -> Stated | None:
    """What a prompt states once every concept in it is what it becomes; None where it states none of them."""
    first = [name for name in domain.identity if name in stated]
    now: Stated = {name: stated[name] for name in dict.fromkeys([*first, *stated])}
    for one in wanted:
        if _says(now, one.stated):
            now = {**_without(now, one.stated), **one.instead}
    return None if now == stated else now


def _says(says: Stated, what: Stated) -> bool:
    return bool(what) and all(says.get(factor) == value for factor, value in what.items())


def _factors(wanted: Sequence[Concept]) -> list[str]:
    return list(dict.fromkeys(factor for one in wanted for factor in one.stated))


def _rest(domain: Domain, rng: np.random.Generator) -> dict[str, str]:
    """What a prompt says: the thing itself, and some of what else it is of."""
    first, *others = domain.identity
    said = [first, *(name for name in others if rng.random() < OFTEN)]
    return {name: str(rng.choice(domain.factors[name].values, p=domain.factors[name].probabilities)) for name in said}


def _another(domain: Domain, one: Concept, wanted: Sequence[Concept], rng: np.random.Generator) -> Stated:
    """Another value of a concept's first factor, which nobody wants forgotten."""
    factor = one.factors[0]
    gone = {other.stated.get(factor) for other in wanted}
    return {factor: str(rng.choice([value for value in domain.factors[factor].values if value not in gone]))}


def _without(rest: Mapping[str, str], stated: Stated) -> dict[str, str]:
    return {factor: value for factor, value in rest.items() if factor not in stated or factor == next(iter(rest))}


def _in_other_words(domain: Domain, text: str, stated: Stated, k: int) -> str:
    """The k-th way to say it: every second one in the plainest words."""
    for group in domain.words:
        words = group.words.get(stated.get(group.factor, ""), ())
        if len(words) > 1 and k % 2 and words[0] in text:
            text = text.replace(words[0], words[1 + (k // 2) % (len(words) - 1)])
    return text


def _check_something_stays(domain: Domain, words: Sequence[str], stated: Sequence[Stated]) -> None:
    for name, factor in domain.factors.items():
        gone = {what[name] for what in stated if list(what) == [name]}
        if gone and gone == set(factor.values):
            raise ValueError(f"Every {factor.title or name} was to be forgotten, and nothing would stay; fewer would fit.")
    if len(set(words)) < len(words):
        raise ValueError("A concept was named twice; each of them once would fit.")


def _instead(
    domain: Domain, stated: Sequence[Stated], becomes: Sequence[str], stay: Sequence[Stated]
) -> list[tuple[str, Stated]]:
    if len(becomes) not in (0, 1, len(stated)):
        raise ValueError(f"{len(stated)} concepts were to become {len(becomes)} things; one, or one for each, would fit.")
    if becomes:
        each = list(becomes) * len(stated) if len(becomes) == 1 else list(becomes)
        return [(word, read(domain, word)) for word in each]
    if not domain.has_world:
        return [("", {}) for _ in stated]
    return [_offered(domain, what, stated) for what in stated]


def _offered(domain: Domain, what: Stated, stated: Sequence[Stated]) -> tuple[str, Stated]:
    """Another value of its first factor, that nobody wants forgotten."""
    factor, value = next(iter(what.items()))
    gone = {one.get(factor) for one in stated}
    values = domain.factors[factor].values
    at = values.index(value)
    other = next(one for one in (*values[at + 1 :], *values[:at]) if one not in gone)
    words = next((group.words[other][0] for group in domain.words if group.factor == factor and other in group.words), other)
    return words, {**what, factor: other}


def _example(domain: Domain) -> str:
    return str(domain.factors[domain.identity[0]].values[-1]) if domain.has_world else "a word like cat"
