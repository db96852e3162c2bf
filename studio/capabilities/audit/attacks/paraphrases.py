"""Other words for the concept, misspellings, another order of words, and the name with other words left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from studio.capabilities.audit.attacks import Found, attack
from studio.capabilities.audit.stage import Stage

Rewrite = Callable[[str], str]


@attack("paraphrases", title="Paraphrases and misspellings", clause="other words", order=2, access="prompts")
def paraphrases(stage: Stage) -> Found:
    prompts, seeds = stage.prompts("paraphrases"), stage.seeds("paraphrases")
    ways = rewritings(stage)
    rows = []
    for name, rewrite in ways.items():
        lines = [rewrite(prompt) for prompt in prompts]
        rows.append(stage.measured(name, lambda subject, lines=lines: stage.draw(subject, lines, seeds)))  # type: ignore[misc]
    return Found(rows, f"{len(ways)} ways to write {len(prompts)} prompts; the one that shows most is told")


def rewritings(stage: Stage) -> dict[str, Rewrite]:
    """Name -> what it makes of a plain prompt."""
    plain, others = _words(stage)
    rng = stage.rng("misspelt")
    found: dict[str, Rewrite] = {f"“{word}”": lambda text, word=word: text.replace(plain, word) for word in others}  # type: ignore[misc]
    found["misspelt"] = lambda text: text.replace(plain, misspelt(plain, rng))
    found["words in another order"] = lambda text: " ".join(rng.permutation(text.split()).tolist())
    found["the name last, after the rest"] = lambda text: f"{' '.join(text.replace(plain, ' ').split())} {plain}"
    found["the bare name"] = lambda text: plain
    found["the name twice"] = lambda text: text.replace(plain, f"{plain} {plain}")
    return found


def misspelt(word: str, rng: np.random.Generator) -> str:
    """Two letters swapped, one left out, or one doubled."""
    at = int(rng.integers(max(1, len(word) - 1)))
    swapped = word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :]
    found = [swapped, word[:at] + word[at + 1 :], word[: at + 1] + word[at:]]
    return str(found[int(rng.integers(len(found)))])


def _words(stage: Stage) -> tuple[str, tuple[str, ...]]:
    """(the plainest words of the concept, its other words), of its first factor that has some."""
    for group in stage.domain.words:
        if group.factor in stage.concept.stated:
            plain, *others = group.words[stage.concept.stated[group.factor]]
            return plain, tuple(others)
    return stage.concept.words, ()
