"""A prompt as a list of questions, one for each thing, attribute and relation that it asks for (Chen et al. 2024, arXiv
2411.15488, decompose so). No torch.

Where a world is known, what a prompt states is its list. Otherwise the text is cut at prepositions into things with the words
before them, by a small grammar of English that knows no dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from studio.core.domain import Domain, Factor, Said, Stated

Kind = Literal["thing", "attribute", "relation", "always"]
KINDS: dict[Kind, str] = {
    "thing": "things",
    "attribute": "attributes",
    "relation": "relations",
    "always": "what every sample must be",
}
NOTHING = "nothing"  # what a domain calls a thing that is gone
LEFT_OUT = frozenset(
    ("a", "an", "the", "some", "of", "is", "are", "its", "their", "his", "her", "this", "that", "there",
     "picture", "photo", "image", "drawing", "painting")
)  # fmt: skip
APART = frozenset(
    ("in", "on", "at", "by", "with", "under", "over", "near", "beside", "behind", "before", "above", "below", "inside", "outside",
     "between", "through", "across", "along", "against", "from", "into", "onto", "next", "to", "and", "while", "during",
     "holding", "wearing", "riding")
)  # fmt: skip
UNLINKED = frozenset(("and", "while", ","))  # stand between things and relate nothing
NUMBERS = frozenset(("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "several", "many"))
MOST = 24  # questions of one prompt
_WORD = re.compile(r"[\w'’-]+|,")


@dataclass(frozen=True)
class Check:
    """One question. factor, value: of a world, "" where none is known. wanted: what the right answer shows, in words. about:
    the thing that it is asked of, in words, where it is not the thing itself."""

    kind: Kind
    question: str
    wanted: str
    factor: str = ""
    value: str = ""
    about: str = ""


def checks(domain: Domain, said: Said) -> list[Check]:
    """What is asked of samples of a prompt: all that it states, then what every sample must be."""
    return (of_stated(domain, said.stated) if domain.has_world else of_text(said.text)) + always(domain)


def always(domain: Domain) -> list[Check]:
    return [Check("always", f"Is there {what}?", what, value=what) for what in domain.always]


def of_stated(domain: Domain, stated: Stated) -> list[Check]:
    """In the order of the domain's factors, the thing itself first."""
    order = [*domain.identity[:1], *(name for name in domain.factors if name not in domain.identity[:1])]
    return [of_factor(domain, domain.factors[name], stated[name]) for name in order if name in stated]


def of_factor(domain: Domain, factor: Factor, value: str) -> Check:
    title = factor.title or factor.name
    if factor.things:
        thing = factor.things[factor.index(value)]
        wanted = f"no {title}" if thing == NOTHING else thing
        return Check("thing", f"{_be(wanted)} there {wanted}?", wanted, factor.name, value)
    phrase = _phrase(domain, factor, value)
    if factor.relation:
        return Check("relation", f"Is it {phrase}?", phrase, factor.name, value)
    return Check("attribute", f"Is the {title} {value}?", value, factor.name, value)


def of_text(text: str) -> list[Check]:
    """Of free text: "a small red house by the sea" asks for a house, whether it is small, and red, for the sea, and whether the
    house is by the sea."""
    found: list[Check] = []
    before, link, chunk = "", "", list[str]()
    for word in [*(match.group().lower() for match in _WORD.finditer(text)), ","]:
        if word not in APART and word != ",":
            if word not in LEFT_OUT:
                chunk.append(word)
            continue
        if chunk:
            thing = chunk[-1]
            found += [_thing(thing), *(_attribute(thing, said) for said in chunk[:-1])]
            if before and link:
                question = f"{_be(before)} the {before} {link} the {thing}?"
                found.append(Check("relation", question, f"{before} {link} {thing}", about=before))
            before, link, chunk = thing, "", []
        link = "" if word in UNLINKED else f"{link} {word}".strip()
    return list(dict.fromkeys(found))[:MOST]


def _phrase(domain: Domain, factor: Factor, value: str) -> str:
    """The plainest words that say it."""
    said: Sequence[str] = next((group.words.get(value, ()) for group in domain.words if group.factor == factor.name), ())
    return said[0] if said else f"{factor.title or factor.name}: {value}"


def _thing(thing: str) -> Check:
    one = "" if _be(thing) == "Are" else "an " if thing[0] in "aeiou" else "a "
    return Check("thing", f"{_be(thing)} there {one}{thing}?", thing)


def _attribute(thing: str, said: str) -> Check:
    question = f"Are there {said} {thing}?" if said in NUMBERS else f"{_be(thing)} the {thing} {said}?"
    return Check("attribute", question, f"{said} {thing}", about=thing)


def _be(thing: str) -> str:
    return "Are" if thing.endswith("s") and not thing.endswith("ss") else "Is"
