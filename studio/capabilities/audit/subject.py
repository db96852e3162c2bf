"""A model under attack: the edited one, the original, or one that never saw the concept. In a worker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from studio.core.denoiser import Denoiser
from studio.core.edit import Edit, Merged
from studio.core.family import OpenModel
from studio.core.material import ConditionalNetwork
from studio.core.recipe import Recipe
from studio.families.opened import NETWORK
from studio.library.models import ModelEntry
from studio.sampling import plan as plans
from studio.sampling.adapted import adapted
from studio.sampling.plan import Plan

WORN = "forgetting"  # name of the edit on a model
TEACHER_STEPS = 10  # enough to tell what a picture shows
EDITED, ORIGINAL, NEVER_SAW = "edited", "original", "never_saw"


@dataclass(frozen=True)
class Subject:
    """edit: what it wears, None for a bare model. strength: of the edit. teacher: of a student, where it can be opened."""

    key: str
    entry: ModelEntry
    model: OpenModel
    edit: Edit | None = None
    strength: float = 1.0
    teacher: tuple[ModelEntry, OpenModel] | None = None

    @property
    def distilled(self) -> bool:
        return self.entry.role == "student"

    @cached_property
    def recipe(self) -> Recipe:
        """Of a student."""
        return Recipe.model_validate(self.entry.recipe)

    @property
    def t_max(self) -> float:
        denoiser = self.model.denoiser
        assert isinstance(denoiser, Denoiser), "only models of Gaussian processes are edited"
        return float(denoiser.process.t_max)

    @property
    def grid(self) -> tuple[float, ...]:
        """Timesteps at which it is sampled, decreasing."""
        if self.distilled:
            return tuple(self.recipe.timesteps)
        return self.entry.timesteps(min(TEACHER_STEPS, self.entry.sampling.steps))

    def plan(self, timesteps: tuple[float, ...] = (), guidance: float | None = None) -> Plan:
        """How it is sampled, edit and all; at other timesteps or another guidance where these are given."""
        entry, grid = self.entry, timesteps or self.grid
        if self.distilled:
            recipe = self.recipe
            w = recipe.guidance if guidance is None else guidance
            found = plans.teacher_plan(entry.id, grid, recipe.rule, w, eta=recipe.eta, name=self.key)
        else:
            w = entry.guidance if guidance is None else guidance
            found = plans.teacher_plan(entry.id, grid, entry.sampling.rule, w, name=self.key)
        return self.wearing(found)

    def wearing(self, plan: Plan) -> Plan:
        """The plan with the edit on wherever this model is asked."""
        if self.edit is None:
            return plan
        return adapted(plan, WORN, self.strength, lambda step, model, t: model == self.entry.id)

    def network(self) -> tuple[Denoiser, ConditionalNetwork]:
        """A frozen float32 copy with the edit in its weights, for teaching something beside it."""
        denoiser = self.model.trainable_under_adapter()
        network = denoiser.network
        assert isinstance(network, ConditionalNetwork)
        network.requires_grad_(False).eval()
        if self.edit is not None:
            Merged({NETWORK: network.adapted}, [(self.edit, self.strength)])
        return denoiser, network
