"""A CLIP on this machine (Radford et al. 2021, arXiv 2103.00020): which of several sentences a picture is nearest to.

It knows little of counts, places and relations, and says the same of "a red house and a blue car" as of the other way round
(Yuksekgonul et al. 2023, arXiv 2210.01936), so its answers are a guess by similarity.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from studio.capabilities.evaluate.judges import Answer, Judge, NotHere, Opening, judge
from studio.core.domain import Domain, Factor, Said, Stated
from studio.domains.media import medium_of
from studio.families.perceptual import Words
from studio.library.checklist import Check, of_factor
from studio.workshop.judge import HUNDRED, Reader, open_judge

ELSE = "something else"


class ByClip:
    """Compares cosines times 100, the temperature that CLIP was trained to."""

    def __init__(self, domain: Domain, reader: Reader, words: Words):
        self.domain, self.reader, self.words = domain, reader, words
        self._known: dict[str, Tensor] = {}

    @property
    def key(self) -> str:
        return f"clip {self.reader.key}"

    @property
    def about(self) -> str:
        return (
            f"{self.words.name}, which compares a picture with sentences; its scores are not calibrated, and above a half "
            "means no more than that no other answer is nearer."
        )

    def answers(self, samples: Tensor, said: Sequence[Said], asked: Sequence[Sequence[Check]]) -> list[list[Answer]]:
        seen = self.reader.read(samples)
        return [[self._answer(seen[i], said[i], check) for check in row] for i, row in enumerate(asked)]

    def _answer(self, seen: Tensor, said: Said, check: Check) -> Answer:
        if check.factor:
            return self._of_factor(seen, said.stated, check)
        with_it, without = (self._cosine(seen, f"a picture of {phrase}") for phrase in (check.wanted, check.about or ELSE))
        score = torch.sigmoid(torch.tensor(HUNDRED * (with_it - without), dtype=torch.float64))
        return Answer(float(score), f"cosine {with_it:.3f}, and {without:.3f} with “{check.about or ELSE}”")

    def _of_factor(self, seen: Tensor, stated: Stated, check: Check) -> Answer:
        factor = self.domain.factors[check.factor]
        cosines = torch.tensor([self._cosine(seen, line) for line in self.lines(factor, stated)], dtype=torch.float64)
        shares = (HUNDRED * cosines).softmax(0)
        asked = factor.index(check.value)
        best = float(shares[torch.arange(len(shares)) != asked].max()) if len(shares) > 1 else 0.0
        nearest = factor.values[int(shares.argmax())]
        return Answer(float(shares[asked]) / (float(shares[asked]) + best), of_factor(self.domain, factor, nearest).wanted)

    def lines(self, factor: Factor, stated: Stated) -> list[str]:
        """A sentence for each of a factor's values, alike in all but the value: the prompt's thing as it would be then."""
        thing = self.domain.identity[0] if self.domain.identity else ""
        kept = {thing: stated[thing]} if thing in stated and thing != factor.name else {}
        try:
            return [self.domain.write({**kept, factor.name: value}) for value in factor.values]
        except ValueError:  # no words for some of them
            of = self.domain.write(kept) if kept else "a picture"
            return [f"{of} with {_said(self.domain, factor, value)}" for value in factor.values]

    def _cosine(self, seen: Tensor, line: str) -> float:
        if line not in self._known:
            self._known[line] = self.words.read([line])[0]
        return float(seen.double() @ self._known[line].double())


def _said(domain: Domain, factor: Factor, value: str) -> str:
    wanted = of_factor(domain, factor, value).wanted
    return wanted if factor.things or factor.relation else f"{factor.title or factor.name} {wanted}"


@judge("clip", title="CLIP", order=3)
def open_clip(opening: Opening) -> Judge:
    if not medium_of(opening.domain).pictures:
        raise NotHere(f"CLIP sees pictures, and samples of {opening.domain.title} are none; oracle would fit.")
    found = open_judge(opening.models)
    if found.reader is None or found.words is None:
        raise NotHere(
            found.notice
            or "There is no whole CLIP with its tokenizer on this machine; a folder named by STUDIO_PERCEPTUAL would fit."
        )
    return ByClip(opening.domain, found.reader, found.words)
