"""What attacks are given: three models, prompts and pictures of the concept, and the oracle that judges. In a worker."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from studio.capabilities.audit.subject import Subject
from studio.core.domain import Domain, Item, Oracle, Said, as_written, beside
from studio.core.files import Json
from studio.core.lowrank import LayerChange
from studio.core.rng import generator
from studio.library.concepts import Concept
from studio.metrics.readings import labels_of
from studio.sampling.plan import Plan
from studio.workshop.arms_measured import share
from studio.workshop.draw import samples

OFTEN = 0.5  # how often a prompt says a further thing
SHOWN = 6  # pictures of each model that the report shows
AT_ONCE = 32


class Stage:
    """subjects: by their key, the edited one first. budget: what the usual number of updates and of tries is multiplied with.
    n: pictures of each figure. between: passes the device on, may raise. shown: pictures of the attack at hand for the report,
    and which show the concept."""

    def __init__(
        self,
        domain: Domain,
        concept: Concept,
        oracle: Oracle,
        subjects: Mapping[str, Subject],
        n: int,
        budget: float,
        seed: int,
        between: Callable[[], None],
    ):
        self.domain, self.concept, self.oracle, self.subjects = domain, concept, oracle, dict(subjects)
        self.n, self.budget, self.seed, self.between = n, budget, seed, between
        self.hands = domain.hands()
        self.shown: dict[str, tuple[Tensor, Tensor]] = {}

    # -- what is asked for -----------------------------------------------------------------------------------------

    def times(self, usual: int) -> int:
        """So many updates or tries within the budget."""
        return max(1, round(usual * self.budget))

    def first_seed(self, purpose: str) -> int:
        """Of a purpose; what is searched and what is measured never share seeds."""
        return zlib.crc32(f"{self.seed} {purpose}".encode()) % 2**30

    def seeds(self, purpose: str, n: int | None = None) -> list[int]:
        first = self.first_seed(purpose)
        return list(range(first, first + (self.n if n is None else n)))

    def rng(self, purpose: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])

    def generator(self, purpose: str) -> torch.Generator:
        return generator(self.seed, purpose)

    def scenes(self, purpose: str, n: int | None = None) -> list[Item]:
        """Things of the world that show the concept."""
        return list(self.hands.items(self.n if n is None else n, self.rng(purpose), self.concept.stated))

    def prompts(self, purpose: str, n: int | None = None) -> list[str]:
        """Plain prompts of the concept, with some of what else such things are said to be."""
        return self.prompts_of(self.scenes(purpose, n), purpose)

    def prompts_of(self, items: Sequence[Item], purpose: str) -> list[str]:
        """Plain prompts that are true of these."""
        rng, found = self.rng(f"{purpose} words"), []
        first, *others = self.domain.identity
        for item in items:
            state = self.hands.state(item)
            said = [first, *(name for name in others if rng.random() < OFTEN)]
            found.append(self.domain.write({**{name: state[name] for name in said}, **self.concept.stated}))
        return found

    @property
    def name_alone(self) -> str:
        """The concept's name and nothing else, where words can say just that."""
        try:
            return self.domain.write(self.concept.stated)
        except ValueError:
            return self.prompts("name", 1)[0]

    def word_lines(self, items: Sequence[Item], word: str, purpose: str) -> list[Said]:
        """Prompts in which a new word stands where the concept's words would."""
        rng = self.rng(f"{purpose} lines")
        return self.said([self.hands.line(item, word, self.concept.stated, rng) for item in items])

    def said(self, lines: Sequence[str]) -> list[Said]:
        return as_written(self.domain, lines)

    # -- drawing and reading ---------------------------------------------------------------------------------------

    def draw(
        self,
        subject: Subject,
        lines: Sequence[str] | Sequence[Said],
        seeds: Sequence[int],
        *,
        plan: Plan | None = None,
        begins: Mapping[str, Tensor] = MappingProxyType({}),
        words: Sequence[Mapping[str, Tensor]] = (),
        under: LayerChange | None = None,
    ) -> Tensor:
        """Samples [N, …] on the CPU, the i-th line with seed i. under: what it wears besides its edit."""
        said = [one if isinstance(one, Said) else self.said([one])[0] for one in lines]
        models = {subject.entry.id: subject.model}
        if subject.teacher is not None:
            models[subject.teacher[0].id] = subject.teacher[1]
        with nullcontext() if under is None else subject.model.under(under, 1.0):
            return samples(
                plan or subject.plan(),
                models,
                self.domain,
                said,
                seeds,
                lambda _: self.between(),
                words=words,
                batch=AT_ONCE,
                begins=begins,
            )

    def hits(self, images: Tensor) -> Tensor:
        """bool [N]: whether the oracle sees the concept."""
        seen = self.oracle.read(images)
        found = torch.ones(len(images), dtype=torch.bool)
        for factor, value in self.concept.stated.items():
            found &= labels_of(seen, factor) == self.domain.factors[factor].index(value)
        return found

    def row(self, name: str, images: Mapping[str, Tensor | None]) -> Json:
        """{"name", by the key of a subject its share of pictures with the concept, None where there are none}."""
        found: Json = {"name": name}
        for key, drawn in images.items():
            if drawn is None:
                found[key] = None
                continue
            hits = self.hits(drawn)
            found[key] = share(hits)
            order = torch.argsort(hits.int(), descending=True, stable=True)[:SHOWN]
            self._show(name, key, drawn[order], hits[order])
        return found

    def _show(self, row: str, key: str, images: Tensor, hits: Tensor) -> None:
        self.shown[f"{row}\n{key}"] = images, hits

    def measured(
        self, name: str, draw: Callable[[Subject], Tensor | None], subjects: Mapping[str, Subject] | None = None
    ) -> Json:
        """A row of what every subject draws."""
        return self.row(name, {key: draw(subject) for key, subject in (subjects or self.subjects).items()})

    # -- pictures of the concept -----------------------------------------------------------------------------------

    def latents(self, subject: Subject, items: Sequence[Item]) -> Tensor:
        """[N, *shape] of the world's own samples of these, as the subject encodes them."""
        images = self.hands.samples(items, subject.model.sample_shape)
        device = subject.model.device
        with torch.no_grad():
            parts = [subject.model.to_latents(part.to(device)).float() for part in images.split(AT_ONCE)]
        return torch.cat(parts)

    def again(self, subject: Subject, latents: Tensor) -> Tensor:
        """Latents decoded, on the CPU: what is read when nothing was done to them."""
        given = beside(self.said([self.name_alone]))
        return torch.cat([subject.model.decode(part, given).cpu() for part in latents.split(AT_ONCE)])
