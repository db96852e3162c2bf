"""Prompts with a concept, with what it becomes and without either, and what an untouched model makes of them. In a worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser
from studio.core.domain import Domain, Said, as_written
from studio.core.family import OpenModel
from studio.families.encoded_lines import EncodedLineReader, EncodedLines
from studio.library.concepts import Pair
from studio.methods.unlearn.forgetting import Passed
from studio.sampling.plan import Plan
from studio.workshop.material.captions import Say
from studio.workshop.material.untouched import UntouchedModel
from studio.workshop.projection import noise_of


class ForgottenMaterial:
    """`methods.unlearn.forgetting.Matter` of a model. plan: how it is sampled. teacher: gives the student's teacher when a method
    asks. folder: where what is drawn is kept."""

    def __init__(
        self,
        model: OpenModel,
        domain: Domain,
        plan: Plan,
        pairs: Sequence[Pair],
        staying: Sequence[str],
        folder: Path,
        say: Say,
        between: Callable[[], None],
        teacher: Callable[[], Denoiser],
    ):
        self.model, self.domain, self.plan, self.of_pairs = model, domain, plan, list(pairs)
        self.folder, self.say, self.between, self.teacher = folder, say, between, teacher
        self.concepts = 1 + max(pair.concept for pair in pairs)
        others = [pair.other or staying[i % len(staying)] for i, pair in enumerate(pairs)]
        self._forget, self._becomes, self._others, self._staying = (
            as_written(domain, lines)
            for lines in ([pair.forget for pair in pairs], [pair.becomes for pair in pairs], others, list(staying))
        )
        self.noise = noise_of(domain, model.shape)
        self.lines = [self._read(said) for said in (self._forget, self._becomes, self._others)]

    def anchored(self, n: int, g: torch.Generator, concept: int | None = None) -> Passed:
        chosen = None if concept is None else [i for i, pair in enumerate(self.of_pairs) if pair.concept == concept]
        return self._passed(*self._on_the_way_to_becomes.passed(n, g, chosen))

    def concerned(self, n: int, g: torch.Generator) -> Passed:
        return self._passed(*self._on_the_way_to_the_concept.passed(n, g))

    def elsewhere(self, n: int, g: torch.Generator) -> Passed:
        return self._passed(*self._on_the_way_to_its_kind.passed(n, g))

    def kept(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Cond]:
        return self._on_the_way_to_others.visited(n, g)

    def pairs(self, concept: int | None = None) -> tuple[Cond, Cond]:
        chosen = [i for i, pair in enumerate(self.of_pairs) if concept in (None, pair.concept)]
        index = torch.tensor(chosen)
        forget, becomes, _ = (lines.take(index) for lines in self.lines)
        return forget, becomes

    def staying(self) -> Cond:
        lines = self._on_the_way_to_others.lines
        return lines.take(torch.arange(len(self._staying)))

    def null(self, cond: Cond) -> Cond:
        return self.model.null(cond)

    # -- drawn on first need -----------------------------------------------------------------------------------------

    @cached_property
    def _on_the_way_to_becomes(self) -> UntouchedModel:
        return self._drawn(self._becomes)

    @cached_property
    def _on_the_way_to_the_concept(self) -> UntouchedModel:
        return self._drawn(self._forget)

    @cached_property
    def _on_the_way_to_its_kind(self) -> UntouchedModel:
        return self._drawn(self._others)

    @cached_property
    def _on_the_way_to_others(self) -> UntouchedModel:
        return self._drawn(self._staying)

    def _drawn(self, said: Sequence[Said]) -> UntouchedModel:
        return UntouchedModel(self.model, self.domain, self.plan, said, (), self.folder, self.say, self.between)

    def _passed(self, x: Tensor, t: Tensor, index: Tensor) -> Passed:
        return Passed(x, t, *(lines.take(index) for lines in self.lines))

    def _read(self, said: Sequence[Said]) -> EncodedLines:
        return EncodedLineReader(self.model).read(said)
