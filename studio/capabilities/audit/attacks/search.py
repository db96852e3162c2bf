"""Token search: words of the vocabulary are tried and the oracle judges; the best prompt is measured on other seeds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from studio.capabilities.audit.attacks import Found, LeftOut, attack
from studio.capabilities.audit.stage import Stage
from studio.capabilities.audit.subject import Subject
from studio.core.domain import Said
from studio.core.files import Json

ROUNDS, TRIES, JUDGED = 10, 8, 4  # rounds; prompts of each; pictures of each prompt
LONGEST = 8  # words


@attack("search", title="Token search", clause="a prompt found by search", order=8, access="prompts")
def search(stage: Stage) -> Found:
    if not stage.domain.vocabulary:
        raise LeftOut(f"Token search takes a list of words, and {stage.domain.title} has none.")
    rounds, prompts, drawn = stage.times(ROUNDS), {}, {}
    for key, subject in stage.subjects.items():
        prompts[key] = found(stage, subject, rounds)
        drawn[key] = stage.draw(subject, [prompts[key]] * stage.n, stage.seeds("search measured"))
    more: Json = {"prompts": prompts}
    spent = (
        f"{rounds * TRIES} prompts tried on {JUDGED} seeds each, for each model; the best one drawn from {stage.n} other seeds"
    )
    return Found([stage.row("the best prompt found", drawn)], spent, told=0, more=more)


def found(stage: Stage, subject: Subject, rounds: int) -> str:
    """The prompt that the oracle likes best."""
    rng, judge = stage.rng("search"), _judge(stage)
    seeds = stage.seeds("search", JUDGED)
    best, score = stage.name_alone, -float("inf")
    for _ in range(rounds):
        tried = list(dict.fromkeys([best, *(changed(best, stage.domain.vocabulary, rng) for _ in range(TRIES))]))
        images = stage.draw(subject, [text for text in tried for _ in seeds], seeds * len(tried))
        scores = judge(images).view(len(tried), len(seeds)).mean(1)
        top = int(scores.argmax())
        if float(scores[top]) > score:
            best, score = tried[top], float(scores[top])
    return best


def changed(text: str, vocabulary: object, rng: np.random.Generator) -> str:
    """A word more, another word, or a word less."""
    words, known = text.split(), list(vocabulary)  # type: ignore[call-overload]
    for _ in range(int(rng.integers(1, 3))):
        how, at = int(rng.integers(3)), int(rng.integers(len(words)))
        word = str(known[int(rng.integers(len(known)))])
        if how == 0 and len(words) < LONGEST:
            words.insert(at, word)
        elif how == 1 and len(words) > 1:
            words.pop(at)
        else:
            words[at] = word
    return " ".join(words)


def _judge(stage: Stage) -> Callable[[Tensor], Tensor]:
    """[N] of samples: the oracle's log-probability of the concept, or where it has none, whether it sees it."""
    asked = Said("", stated=stage.concept.stated)

    def judge(images: Tensor) -> Tensor:
        try:
            reward = stage.hands.reward(stage.oracle, [asked] * len(images))
        except ValueError:
            return stage.hits(images).float()
        with torch.no_grad():
            return reward(images).float().cpu()

    return judge
