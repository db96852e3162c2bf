"""What an adapter is for, in the words of its card."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from studio.domains import domain_of

NO_MEANING = frozenset((
    "adapter", "checkpoint", "concept", "dora", "epoch", "file", "final", "last", "lokr", "lora", "lycoris", "mine", "model",
    "pytorch", "rank", "safetensors", "sdxl", "slider", "steps", "test", "the", "trained", "unet", "version", "weights",
))  # fmt: skip


@dataclass(frozen=True)
class Meant:
    """Words for what more (positive) and less (negative) of an adapter shows; "" where that is not known."""

    positive: str = ""
    negative: str = ""

    @property
    def title(self) -> str:
        if self.positive and self.negative:
            return f"“{self.negative}” to “{self.positive}”"
        return f"“{self.positive}”" if self.positive else f"less “{self.negative}”"


def meant(card: Mapping[str, object]) -> Meant | None:
    """What an adapter's card says it is for, as words that a person would use; None where it says nothing of the kind.

    Looked for in this order: settings "positive" and "negative"; the attribute ("sad to smiling", or one of the world's); for
    adapters that are no sliders their first prompt; the title; the trigger phrase of files from elsewhere.
    """
    kind, settings = str(card.get("kind") or ""), _mapping(card.get("settings"))
    if kind in ("direction", "forgetting"):  # found by itself, with no words for it; or meant to take something away
        return None
    ends = _plain(settings.get("positive")), _plain(settings.get("negative"))
    if any(ends):
        return Meant(*ends)
    attribute = str(card.get("attribute") or "").strip()
    known = domain_of(str(card.get("domain"))).attributes.get(attribute)
    if known is not None:
        return Meant(known.high, known.low)
    if attribute:
        low, to, high = attribute.partition(" to ")
        return Meant(_plain(high), _plain(low)) if to and _plain(low) and _plain(high) else Meant(_plain(attribute))
    prompts = card.get("prompts") or ()
    first = prompts[0] if kind != "slider" and isinstance(prompts, (list, tuple)) and prompts else ""
    given = (_plain(first), _telling(card.get("title")), _telling(settings.get("modelspec.trigger_phrase")))
    said = next(filter(None, given), "")
    return Meant(said) if said else None


def of_prompt(text: str) -> Meant | None:
    """What a prompt says to somebody who does not know the words of adapters; None where nothing is left."""
    said = _plain(text)
    return Meant(said) if said else None


def _mapping(given: object) -> Mapping[str, object]:
    return given if isinstance(given, Mapping) else {}


def _plain(given: object) -> str:
    """Words of a prompt without places ({}) and without words that only the adapter knows (<…>)."""
    text = re.sub(r"\{\}|<[^<>\s]*>", " ", given) if isinstance(given, str) else ""
    return " ".join(text.split()).strip(" ,")[:200]


def _telling(given: object) -> str:
    """Words of a title or a file's name that mean something; "" where there are none."""
    words = re.findall(r"[^\W\d_]+\d*", _plain(given).lower())
    return " ".join(word for word in words if len(word) > 2 and word not in NO_MEANING and not word[-1].isdigit())


# of a title or a file's name: words that say that it is an adapter, and nothing of what it does
