"""Help with prompts for the pocket world: what is understood, what is left free, and words to click."""

from __future__ import annotations

from collections.abc import Mapping

from studio.core.files import Json
from studio.domains.pocket import captions
from studio.domains.pocket.scene import FACTORS

_GROUPS = (
    ("subject", "Subject", captions.SUBJECT_WORDS),
    ("color", "Colour", captions.COLOR_WORDS),
    ("place", "Place", captions.PLACE_PHRASES),
    ("time", "Time", captions.TIME_PHRASES),
    ("size", "Size", captions.SIZE_WORDS),
    ("clouds", "Clouds", captions.CLOUD_PHRASES),
)
MAX_LIVE = 2000  # characters read while somebody types; a request is checked in full when it is submitted


def groups() -> list[Json]:
    """Every word worth clicking, by factor; the button shows the plain phrase."""
    return [
        {"factor": factor, "title": title, "words": [[value, phrases[0]] for value, phrases in table.items()]}
        for factor, title, table in _GROUPS
    ]


def compose(stated: Mapping[str, str]) -> str:
    """A caption that states exactly these factors, in the word order of the training captions."""
    said = {factor: table[stated[factor]][0] for factor, _, table in _GROUPS if factor in stated}
    noun = said.get("subject", "picture")
    order = ("size", "color"), ("position", "place", "time", "clouds")
    words = [*(said[f] for f in order[0] if f in said), noun, *(said[f] for f in order[1] if f in said)]
    text = " ".join(words)
    return ("an " if text[0] in "aeiou" else "a ") + text


def toggle(text: str, factor: str, value: str) -> str:
    """The prompt with one factor set to a value, or without that factor when it already had it."""
    table = next((table for name, _, table in _GROUPS if name == factor), None)
    if table is None or value not in table:
        raise ValueError(f"There is no {factor} called {value}.")
    stated = dict(captions.parse(text[:MAX_LIVE]).stated)
    if stated.get(factor) == value:
        del stated[factor]
    else:
        stated[factor] = value
    return compose(stated)


def read(text: str) -> tuple[str, str, dict[str, str]]:
    """(kind, message, stated): a notice about words not known, or a hint about what is left to the model."""
    parsed = captions.parse(str(text)[:MAX_LIVE])
    notice = parsed.notice()
    if notice:
        return "notice", notice, parsed.stated
    if not str(text).strip():
        return "hint", "An empty prompt states nothing; pick an example or some words below.", parsed.stated
    free = [name for name in FACTORS if name not in parsed.stated]
    if parsed.stated.get("time") in ("day", "sunset"):
        free.remove("stars")  # stars shine at night only: nothing is free about them here
    names = {"color": "colour", "light": "sun or moon" if "time" not in parsed.stated else "sun"}
    if parsed.stated.get("time") == "night":
        names["light"] = "moon"
    return "hint", "Left to the model: " + ", ".join(names.get(f, f) for f in free) + ".", parsed.stated
