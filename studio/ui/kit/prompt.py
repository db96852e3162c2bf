"""Help with prompts: what a pair's models understand, what is left free, and words to click."""

from __future__ import annotations

from collections.abc import Sequence

from studio.core.domain import Domain
from studio.core.files import Json
from studio.domains import domain_of, first
from studio.library.models import Pair
from studio.ui.kit import parts

MAX_LIVE = 2000  # characters read while somebody types; a request is checked in full when it is submitted
SHORT, CHIPS = 20, 4  # characters of an example that fits two to a line; how many are shown


def domain_for(pair: Pair | None) -> Domain:
    """Of what a pair draws; where there is none, the one that forms begin with."""
    return first() if pair is None else domain_of(pair.student.domain)


def beginning(domain: Domain) -> str:
    """The prompt that a form begins with."""
    return next(iter(domain.defaults.examples), "")


def examples(domain: Domain) -> list[str]:
    return [text for text in domain.defaults.examples if len(text) <= SHORT][:CHIPS]


def words(domain: Domain, text: str) -> Json:
    """Every word worth clicking, by factor, each by its plainest form; and what the prompt states."""
    groups = [
        {"factor": group.factor, "title": group.title, "words": [[value, said[0]] for value, said in group.words.items()]}
        for group in domain.words
    ]
    return {"groups": groups, "stated": dict(domain.read(str(text)[:MAX_LIVE]).stated)}


def toggle(domain: Domain, text: str, factor: str, value: str) -> str:
    """The prompt with one factor set to a value, or without that factor when it already had it."""
    group = next((group for group in domain.words if group.factor == factor), None)
    if group is None or value not in group.words:
        raise ValueError(f"There is no {factor} called {value}.")
    stated = dict(domain.read(text[:MAX_LIVE]).stated)
    if stated.get(factor) == value:
        del stated[factor]
    else:
        stated[factor] = value
    return domain.write(stated)


def read(domain: Domain, text: str, brought: Sequence[str] = ()) -> tuple[str, str]:
    """(kind, message): a notice about words not known, or a hint about what is left to the model. brought: words of adapters."""
    said = domain.read(str(text)[:MAX_LIVE], brought)
    if said.notice:
        return "notice", said.notice
    if not domain.factors:
        return "hint", ""
    if not str(text).strip():
        return "hint", "An empty prompt states nothing; pick an example or some words below."
    return "hint", f"Left to the model: {', '.join(said.left)}." if said.left else ""


def line(pair: Pair | None, text: str, brought: Sequence[str] = ()) -> str:
    """The line under a prompt that is meant for a pair. brought: words of adapters."""
    if pair is None:  # nobody knows its words
        return parts.line("", "hint")
    kind, message = read(domain_for(pair), text, brought)
    return parts.line(message, kind)
