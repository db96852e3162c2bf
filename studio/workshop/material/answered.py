"""Pictures that models drew, with questions that the oracle answers: what a judge is taught on.

Prompts are drawn anew for every picture of a batch, and fit it in part: of everything that the oracle sees in it, some is stated,
and some of that as another value. So both answers occur to every question, and a prompt's share of right answers is anything from
none to all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from studio.core.domain import Domain, Oracle
from studio.core.family import OpenModel
from studio.core.rng import rand, randint
from studio.core.weights import load_weights, save_weights
from studio.library.checklist import always, of_factor
from studio.methods.judges.decomposed import Answered
from studio.methods.judges.network import shrunk
from studio.sampling.loop import Record
from studio.sampling.plan import Plan
from studio.workshop.draw import samples

AT_ONCE = 64  # pictures drawn between two reports
NEVER = -1  # no question
Say = Callable[[int, int], None]


@dataclass(frozen=True)
class Drawn:
    """plans: what draws, each an equal share. models: those of all plans, open. oracle: answers. n: pictures. spoilt: share of
    them that are the domain's own, in which what every sample must be does not hold."""

    plans: Sequence[Plan]
    models: Mapping[str, OpenModel]
    oracle: Oracle
    n: int
    spoilt: float = 0.1


class AnsweredPictures:
    """`methods.judges.decomposed.AnsweredData`. side: pixels that pictures are shrunk to. folder: where they are kept. Nothing is
    made before it is asked for."""

    def __init__(self, domain: Domain, drawn: Drawn, side: int, folder: Path, *, seed: int = 0, say: Say | None = None):
        self.domain, self.drawn, self.side, self.folder, self.seed = domain, drawn, side, folder, seed
        self.say = say or (lambda done, total: None)
        self.device = drawn.models[drawn.plans[0].models[-1]].device
        factors, held = list(domain.factors.values()), always(domain)
        of_values = [[of_factor(domain, factor, value) for value in factor.values] for factor in factors]
        checks = [*(check for row in of_values for check in row), *held]
        self.questions = tuple(check.question for check in checks)
        self.kinds: tuple[str, ...] = tuple(check.kind for check in checks)
        fails = [f"not {check.wanted}" for check in held]
        self.words = tuple(dict.fromkeys([*(check.wanted for check in checks), *fails]))
        place = {word: i for i, word in enumerate(self.words)}
        counts = [len(row) for row in of_values]
        begins = np.cumsum([0, *counts])
        self.counts = torch.tensor(counts, device=self.device)
        self.begins = torch.tensor(begins[:-1], device=self.device)
        self.named = torch.tensor([place[check.wanted] for check in checks], device=self.device)
        self.denied = torch.tensor([place[word] for word in fails], dtype=torch.int64, device=self.device)
        self._made: dict[str, Tensor] | None = None

    @property
    def made(self) -> dict[str, Tensor]:
        """pictures: uint8 [N, 3, side, side]; labels: int64 [N, factors]; holds: bool [N, always]; known: bool [N], whether
        factors are asked of it."""
        if self._made is None:
            path = self.folder / f"answered-{self._digest()}.safetensors"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                save_weights(path, self._make())
            self._made = {name: value.to(self.device) for name, value in load_weights(path)[0].items()}
        return self._made

    def answered(self, n: int, g: torch.Generator) -> Answered:
        made, factors = self.made, len(self.counts)
        rows = randint(len(made["labels"]), (n,), g)
        seen = made["labels"][rows]
        stated = rand((n, factors), g) < 0.3 + 0.7 * rand((n, 1), g)
        wrong = rand((n, factors), g) < rand((n, 1), g)
        other = (seen + 1 + (rand((n, factors), g) * (self.counts - 1)).long().clamp_max(self.counts - 2)) % self.counts
        value = torch.where(wrong, other, seen)
        question = (self.begins + value).masked_fill(~(stated & made["known"][rows][:, None]), NEVER)
        holds = made["holds"][rows]
        last = len(self.questions) - holds.shape[1] + torch.arange(holds.shape[1], device=self.device)
        reason = torch.cat([self.named[self.begins + seen], torch.where(holds, self.named[last], self.denied)], 1)
        score = torch.cat([(~wrong).float(), holds.float()], 1)
        pictures = made["pictures"][rows].float() / 255
        return Answered(pictures, torch.cat([question, last.expand(n, -1)], 1), score, reason)

    # -- making ----------------------------------------------------------------------------------------------------

    def _digest(self) -> str:
        drawn = self.drawn
        said = {
            "plans": [plan.model_dump(mode="json") for plan in drawn.plans], "oracle": drawn.oracle.key, "n": drawn.n,
            "models": {name: model.hash for name, model in drawn.models.items()}, "spoilt": drawn.spoilt, "side": self.side,
            "seed": self.seed,
        }  # fmt: skip
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    def _make(self) -> dict[str, Tensor]:
        drawn, hands = self.drawn, self.domain.hands()
        spoilt = round(drawn.n * drawn.spoilt) if self.domain.always else 0
        parts, done = list[dict[str, Tensor]](), 0
        each = -(-(drawn.n - spoilt) // len(drawn.plans))

        def between(_: Record) -> None:
            self.say(done, drawn.n)

        for k, plan in enumerate(drawn.plans):
            rng = np.random.default_rng([self.seed, k, 1])
            items = hands.items(min(each, drawn.n - spoilt - done), [self.seed, k])
            for begin in range(0, len(items), AT_ONCE):
                some = items[begin : begin + AT_ONCE]
                said = [self.domain.read(hands.caption(item, rng), (), hands.given(item)) for item in some]
                seeds = [(self.seed * 7919 + 100_003 * k + begin + i) % 2**31 for i in range(len(some))]
                pictures = samples(plan, drawn.models, self.domain, said, seeds, between)
                parts.append(self._read(pictures, True))
                done += len(some)
                self.say(done, drawn.n)
        if spoilt:
            parts += self._spoilt(spoilt)
            self.say(drawn.n, drawn.n)
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _spoilt(self, n: int) -> list[dict[str, Tensor]]:
        """Samples of the world without what every sample must be; nothing else is asked of them."""
        hands = self.domain.hands()
        made = hands.amiss(hands.items(n, [self.seed, 77]), self.drawn.oracle.shape, [self.seed, 78])
        each = -(-n // max(1, len(made)))
        return [self._read(pictures[:each], False) for _, pictures in made.values()]

    def _read(self, pictures: Tensor, known: bool) -> dict[str, Tensor]:
        seen = self.drawn.oracle.read(pictures)
        held = getattr(seen, "always", {})
        holds = [held[name] for name in self.domain.always]
        return {
            "pictures": (shrunk(pictures, self.side).clamp(0, 1) * 255).round().to(torch.uint8),
            "labels": torch.stack([seen.labels[name] for name in self.domain.factors], 1),
            "holds": torch.stack(holds, 1).bool() if holds else torch.zeros(len(pictures), 0, dtype=torch.bool),
            "known": torch.full((len(pictures),), known),
        }
