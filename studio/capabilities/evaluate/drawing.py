"""A candidate drawn: every prompt with every seed, on models that are open, with its adapters on and off again. In a worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from torch import Tensor

from studio.core.domain import Domain, Said
from studio.core.family import OpenModel
from studio.jobs.run import Run
from studio.library.adapter_uses import dressed, unused, words_of
from studio.library.adapters import load_adapters
from studio.library.candidates import Candidate
from studio.sampling.plan import Plan
from studio.workshop.draw import BATCH, samples
from studio.workshop.loaded_adapters import Wardrobe, level_of
from studio.workshop.placed_models import PlacedModels
from studio.workshop.tools import Tools


class Drawing:
    """Of one candidate. Used as `with Drawing(…) as drawing:`, which takes adapters off at the end. between: after every network
    evaluation; passes the device on, may raise. notices: what a person should know of it."""

    def __init__(self, candidate: Candidate, steps: int | None, run: Run[Tools], domain: Domain, between: Callable[[], None]):
        self.candidate, self.job, self.domain, self.between = candidate, run, domain, between
        registry = run.tools.registry
        self.bare: Plan = candidate.plan(registry, steps)
        self.wardrobe = Wardrobe(load_adapters(run.home), run)
        self.words = words_of(candidate.adapters, self.wardrobe.adapters)
        self.models: dict[str, OpenModel] = {}
        self.notices: list[str] = []
        self.placed = PlacedModels(run, self.notices.append)

    def __enter__(self) -> Drawing:
        with ExitStack() as entered:
            entered.enter_context(self.placed)
            entered.enter_context(self.wardrobe)
            self._open()
            self.leaving = entered.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self.leaving.close()

    def _open(self) -> None:
        registry = self.job.tools.registry
        self.models = self.placed.open(map(registry.get, self.bare.models))
        uses, adapters = self.candidate.adapters, self.wardrobe.adapters
        (self.plan,) = dressed([self.bare], uses, registry, adapters, partial(level_of, self.models))
        self.notices += unused(uses, [self.plan])
        self.wardrobe.open([self.plan], self.models, more=[use.id for use in uses if adapters.get(use.id).words])

    def samples(self, said: Said, seeds: Sequence[int]) -> Tensor:
        """Of one prompt, [S, …] on the CPU."""
        every = [said] * len(seeds)
        return samples(self.plan, self.models, self.domain, every, seeds, lambda _: self.between(), batch=BATCH)
