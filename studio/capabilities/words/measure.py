"""Does a new word bring what it was taught: neutral prompts with it, without it, and told in known words. In a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import torch
from torch import Tensor

from studio.core.domain import Domain, Oracle, Stated, as_written
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.library.models import ModelEntry
from studio.metrics.readings import accepted, correct
from studio.workshop.arms_measured import Arm, arms, share
from studio.workshop.draw import samples
from studio.workshop.material.words import article

FIRST_SEED = 7000  # of the measured pictures
BATCH = 32
SIDES = ("with", "without", "told")
N_TAILS = 4  # of what prompts say besides; those that speak of what is taught are passed over
PLAIN = ("a {}", "a {} on a table")  # shown where nothing is known of what prompts mean
Tokens = Mapping[str, Tensor]


def prompts_for(domain: Domain, shows: Stated, word: str, init: str) -> dict[str, list[str]]:
    """Prompts by side. "without" has the starting word in the word's place, or nothing; "told" says what is taught in known
    words, and is not there where captions have no words for it."""
    of, noun = domain.identity[0], domain.defaults.noun
    thing = of in shows
    bare = (init or "picture") if thing else f"{init} {noun}".strip()
    heads = {"with": word if thing else f"{word} {noun}", "without": bare}
    tails = [tail for tail in domain.defaults.asides if not set(domain.read(tail).stated) & set(shows)][:N_TAILS]
    found = {side: [article(f"{head} {tail}".strip()) for tail in tails] for side, head in heads.items()}
    given = {of: noun, **shows}
    with suppress(ValueError):  # no words say it
        found["told"] = [domain.write({**given, **domain.read(tail).stated}) for tail in tails]
    return found


def word_arms(teacher: ModelEntry, students: Sequence[ModelEntry]) -> list[Arm]:
    """The teacher, every student on its recipe, and the hybrid of the first one."""
    found: dict[str, Arm] = {}
    for arm in arms(teacher, students):
        found.setdefault(arm.plan.model_dump_json(), arm)  # two arms of hints differ in the hint alone
    return list(found.values())


class WordMeasurement:
    """shows: what the word was taught, factor -> value. seeds: pictures for each prompt. between: called after every step."""

    def __init__(
        self, domain: Domain, shows: Stated, word: str, init: str, oracle: Oracle, seeds: int, between: Callable[[], None]
    ):
        self.domain, self.shows, self.word, self.oracle = domain, dict(shows), word, oracle
        self.seeds, self.between = seeds, between
        self.prompts = prompts_for(domain, shows, word, init)
        self._known: dict[tuple[str, str], Json] = {}  # what does not change with the word

    def measure(self, arm: Arm, models: Mapping[str, OpenModel], tokens: Tokens) -> Json:
        """Figures of one arm by side."""
        found: Json = {}
        for side in (side for side in SIDES if side in self.prompts):
            key = (arm.plan.model_dump_json(), side)
            if side == "with" or key not in self._known:
                lines = [line for line in self.prompts[side] for _ in range(self.seeds)]
                seeds = [FIRST_SEED + i for _ in self.prompts[side] for i in range(self.seeds)]
                known = [tokens] if side == "with" else []
                said, between = as_written(self.domain, lines), lambda _: self.between()
                drawn = samples(arm.plan, models, self.domain, said, seeds, between, words=known, batch=BATCH)
                self._known[key] = self._figures(drawn)
            found[side] = {"prompts": self.prompts[side], **self._known[key]}
        return {**arm.said, **found}

    def _figures(self, images: Tensor) -> Json:
        """Shares with Wilson intervals: pictures that show all of what was taught, and each factor of it; that show all of
        what the prompt says besides; that are in distribution."""
        seen = self.oracle.read(images)
        taught = correct(seen, self.shows, self.domain.factors)
        rest = []
        for i, line in enumerate(self.prompts["with"]):
            rows = seen.rows(torch.arange(i * self.seeds, (i + 1) * self.seeds))
            said = {name: value for name, value in self.domain.read(line, (self.word,)).stated.items() if name not in self.shows}
            stated = list(correct(rows, said, self.domain.factors).values())
            rest.append(torch.stack(stated).all(0) if stated else torch.ones(self.seeds, dtype=torch.bool))
        return {
            "shown": share(torch.stack(list(taught.values())).all(0)),
            "factors": {name: share(hits) for name, hits in taught.items()},
            "accuracy": share(torch.cat(rest)),
            "in_distribution": share(accepted(seen)),
        }
