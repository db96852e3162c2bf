"""A plan: which model takes which step. Teacher, student, hybrid, masks and hand-overs are all plans. Needs no torch.

A plan is a list of segments; a segment's last step lands on the noise level where the next one begins, the last
segment lands on clean data. Everything is frozen pydantic, so a plan is JSON and two equal plans are one cache key. Plans
with a remedy more are made by `variants`, branches and forks by `branch`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from studio.core.files import Json
from studio.core.recipe import Recipe
from studio.sampling.segment import CLEAN, AdapterPairs, Blend, Mix, Segment, condition_key

SUBSTEP = 1000  # grid positions from here on belong to steps that land between the points of the grid

__all__ = [
    "CLEAN", "SUBSTEP", "Blend", "Mix", "Plan", "Segment", "condition_key", "handover_plan", "hybrid_plan", "mask_plan",
    "modulated", "skip_first_plan", "student_first_plan", "student_plan", "teacher_plan",
]  # fmt: skip


class Plan(BaseModel):
    """Segments in the order they run.

    start: scale of x_T: "marginal" = sqrt(alpha² + sigma²)·noise (1 on VP; DDIM, LCM and leading Euler pipelines),
        "noise" = sigma·noise (what trailing Euler pipelines begin with).
    final_t: where the last step lands, in the last model's time; −1 = clean. diffusers lands on 0 for TCD and for DDIM
        with ``set_alpha_to_one=False``, as Stable Diffusion 1.x is configured.
    begins: name of a clean sample that is given to the loop and noised to where the first step stands (SDEdit, Meng et al.
        2021, arXiv 2108.01073); empty = it begins with noise alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    segments: tuple[Segment, ...] = Field(min_length=1)
    start: Literal["marginal", "noise"] = "marginal"
    final_t: float = CLEAN
    begins: str = ""

    @model_validator(mode="after")
    def _ends(self) -> Plan:
        if self.segments[-1].lands is not None:
            raise ValueError(f"the last segment of {self.name!r} has no next one to rise to; leave out lands, or set final_t")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_neutral(self, plain: SerializerFunctionWrapHandler) -> Json:
        return {name: value for name, value in plain(self).items() if name != "begins" or value}

    @property
    def steps(self) -> int:
        return sum(len(segment.timesteps) for segment in self.segments)

    @property
    def nfe(self) -> int:
        """Network evaluations per image."""
        return sum(segment.nfe for segment in self.segments)

    @property
    def guided(self) -> bool:
        """Whether a step asks a network for the null too."""
        return any(segment.guided for segment in self.segments)

    @property
    def models(self) -> tuple[str, ...]:
        """Ids used, in order of first use."""
        return tuple(dict.fromkeys(model for segment in self.segments for model in segment.models))

    @property
    def coupled(self) -> bool:
        """Whether a sample depends on which seeds are drawn beside it."""
        return any(remedy.coupled and not remedy.neutral for segment in self.segments for remedy in segment.remedies)

    @property
    def conditions(self) -> tuple[tuple[str, str, AdapterPairs], ...]:
        """(model, prompt of its own or "", adapters that are on) of every condition it needs, in order of first use."""
        return tuple(dict.fromkeys(needed for segment in self.segments for needed in segment.conditions))

    def positions(self) -> tuple[int, ...]:
        """Grid position of every step (see `Segment.positions`)."""
        out: list[int] = []
        for segment in self.segments:
            following = out[-1] + 1 if out else 0
            out.extend(segment.positions or range(following, following + len(segment.timesteps)))
        return tuple(out)

    def split(self, index: int) -> tuple[list[Segment], list[Segment]]:
        """The segments of the steps before ``index`` and of those from it on; segments that lie on one side stay as they are."""
        before, left, done = [], [], 0
        for segment in self.segments:
            n, cut = len(segment.timesteps), index - done
            if cut >= n:
                before.append(segment)
            elif cut <= 0:
                left.append(segment)
            else:
                before.append(segment.part(0, cut))
                left.append(segment.part(cut, n))
            done += n
        return before, left

    def after(self, index: int, name: str | None = None) -> Plan:
        """What is left from step ``index`` on: give its recorded x as ``start`` of the loop to branch from there."""
        if not 0 <= index < self.steps:
            raise ValueError(f"step {index} does not exist in {self.name!r}; 0 to {self.steps - 1} would fit")
        left = self.split(index)[1]
        positions, done = self.positions()[index:], 0
        for i, segment in enumerate(left):
            n = len(segment.timesteps)
            left[i] = segment.model_copy(update={"positions": positions[done : done + n]})
            done += n
        return self.model_copy(update={"name": name or f"{self.name} from {index}", "segments": tuple(left)})


def teacher_plan(
    teacher: str,
    timesteps: Sequence[float],
    rule: str = "ddim",
    guidance: float = 1.0,
    *,
    eta: float | None = None,
    name: str = "teacher",
) -> Plan:
    """Many steps of one model."""
    segment = Segment(model=teacher, rule=rule, timesteps=tuple(timesteps), guidance=guidance, eta=eta)
    return Plan(name=name, segments=(segment,))


def modulated(plan: Plan, rho: float, name: str | None = None) -> Plan:
    """The plan with every segment's re-noising scaled by ``rho`` (few-step SiD for proteins; works for any student).

    Changes nothing in deterministic segments.
    """
    segments = tuple(Segment.model_validate({**segment.model_dump(), "rho": rho}) for segment in plan.segments)
    return plan.model_copy(update={"name": name or f"{plan.name}, rho = {rho:g}", "segments": segments})


def embedding(plan: Plan, w: float, models: Collection[str]) -> Plan:
    """The plan in which these of its models, which take the guidance scale as an input, are given w."""
    segments = tuple(
        segment.model_copy(update={"embedded": w}) if set(models) & set(segment.models) else segment for segment in plan.segments
    )
    return plan.model_copy(update={"segments": segments})


def student_plan(
    student: str, recipe: Recipe, steps: int | None = None, *, off_recipe: bool = False, name: str = "student"
) -> Plan:
    """The student on its recipe, and off it only when told."""
    grid = recipe.timesteps_for(steps, off_recipe=off_recipe)
    return mask_plan("S" * len(grid), "", student, recipe, steps=steps, off_recipe=off_recipe, name=name)


def mask_plan(
    mask: str,
    teacher: str,
    student: str,
    recipe: Recipe,
    base_guidance: float = 1.0,
    *,
    steps: int | None = None,
    off_recipe: bool = False,
    name: str | None = None,
) -> Plan:
    """Any arrangement on the student's grid: B = a base step, S = a student step, - = the point is left out.

    Both models use the student's rule: only the weights are swapped (Gandikota & Bau, arXiv 2503.10637, section 5.2).
    The base gets ``base_guidance``, the student the recipe's.
    """
    grid = recipe.timesteps_for(steps, off_recipe=off_recipe)
    mask = mask.upper()
    odd = sorted(set(mask) - set("BS-"))
    if odd:
        raise ValueError(f"mask {mask[:40]!r} has {''.join(odd)[:10]!r}; B (base), S (student) and - (left out) fit")
    if len(mask) != len(grid) or not mask.strip("-"):
        raise ValueError(f"mask {mask[:40]!r} does not fit; {len(grid)} letters, not all of them -, would")
    segments: list[Segment] = []
    run: list[int] = []
    taken = [i for i, letter in enumerate(mask) if letter != "-"]
    for i, following in zip(taken, [*taken[1:], None], strict=True):
        run.append(i)
        if following is None or mask[following] != mask[i]:
            base = mask[i] == "B"
            segments.append(
                Segment(
                    model=teacher if base else student,
                    rule=recipe.rule,
                    timesteps=tuple(grid[j] for j in run),
                    guidance=base_guidance if base else recipe.guidance,
                    eta=recipe.eta,
                    positions=tuple(run),
                )
            )
            run = []
    return Plan(name=name or f"mask-{mask}", segments=tuple(segments))


def _split(n: int, k: int, what: str) -> None:
    if not 0 <= k <= n:
        raise ValueError(f"{k} {what} do not fit a grid of {n}; 0 to {n} would")


def hybrid_plan(
    teacher: str,
    student: str,
    recipe: Recipe,
    k: int = 1,
    base_guidance: float = 1.0,
    *,
    steps: int | None = None,
    off_recipe: bool = False,
    name: str | None = None,
) -> Plan:
    """The base draws the first k points of the student's grid, the student the rest (arXiv 2503.10637, algorithm 1)."""
    n = len(recipe.timesteps_for(steps, off_recipe=off_recipe))
    _split(n, k, "base steps")
    mask = "B" * k + "S" * (n - k)
    return mask_plan(
        mask, teacher, student, recipe, base_guidance, steps=steps, off_recipe=off_recipe, name=name or f"hybrid-{k}"
    )


def student_first_plan(
    teacher: str,
    student: str,
    recipe: Recipe,
    k: int = 1,
    base_guidance: float = 1.0,
    *,
    steps: int | None = None,
    off_recipe: bool = False,
    name: str = "student-first",
) -> Plan:
    """The reverse of the hybrid: the student draws the first k points, the base the rest."""
    n = len(recipe.timesteps_for(steps, off_recipe=off_recipe))
    _split(n, k, "student steps")
    mask = "S" * k + "B" * (n - k)
    return mask_plan(mask, teacher, student, recipe, base_guidance, steps=steps, off_recipe=off_recipe, name=name)


def skip_first_plan(
    student: str, recipe: Recipe, skip: int = 1, *, steps: int | None = None, off_recipe: bool = False, name: str = "skip-first"
) -> Plan:
    """The student from its second point on, begun from pure noise: the honest baseline of every hybrid."""
    n = len(recipe.timesteps_for(steps, off_recipe=off_recipe))
    _split(n - 1, skip, "skipped steps")
    mask = "-" * skip + "S" * (n - skip)
    return mask_plan(mask, "", student, recipe, steps=steps, off_recipe=off_recipe, name=name)


def handover_plan(
    teacher: str,
    student: str,
    recipe: Recipe,
    t_star: float,
    base_steps: int,
    base_guidance: float = 1.0,
    *,
    base_rule: str | None = None,
    steps: int | None = None,
    off_recipe: bool = False,
    name: str | None = None,
) -> Plan:
    """The base goes from the top of the student's grid to any time ``t_star`` in its own number of steps.

    The student is evaluated at ``t_star`` and at the points of its grid below. Base steps are even in time and whole;
    when there are exactly as many as grid points above ``t_star``, they are those points, so that a hand-over at
    grid point k with k base steps is `hybrid_plan(k)`. A step's grid position is the interval it ends: the last base
    step shares its noise with the student's step that lands at the same place.
    """
    grid = recipe.timesteps_for(steps, off_recipe=off_recipe)
    above = [t for t in grid if t > t_star]
    if not above or not t_star >= 0:
        raise ValueError(f"a hand-over at t = {t_star:g} does not fit; 0 to below {grid[0]:g}, the top of the grid, would")
    if base_steps < 1:
        raise ValueError(f"{base_steps} base steps do not fit; at least 1 is needed above t = {t_star:g}")
    k, on_grid = len(above), t_star in grid
    if base_steps == k:
        base = tuple(above)
        base_positions = [*range(k - 1), k - 1 if on_grid else SUBSTEP + k - 1]
    else:
        stride = (grid[0] - t_star) / base_steps
        base = tuple(float(round(grid[0] - i * stride)) for i in range(base_steps))
        if base_steps > 1 and (any(b >= a for a, b in zip(base, base[1:], strict=False)) or base[-1] <= t_star):
            raise ValueError(f"{base_steps} base steps do not fit between t = {grid[0]:g} and {t_star:g}; fewer would")
        base_positions = [SUBSTEP + i for i in range(base_steps)]
        if on_grid:
            base_positions[-1] = k - 1
    own = (t_star, *(t for t in grid if t < t_star))
    first = k if on_grid else k - 1
    segments = (
        Segment(
            model=teacher,
            rule=base_rule or recipe.rule,
            timesteps=base,
            guidance=base_guidance,
            eta=recipe.eta if base_rule in (None, recipe.rule) else None,
            positions=tuple(base_positions),
        ),
        Segment(
            model=student,
            rule=recipe.rule,
            timesteps=own,
            guidance=recipe.guidance,
            eta=recipe.eta,
            positions=tuple(range(first, first + len(own))),
        ),
    )
    return Plan(name=name or f"handover-{t_star:g}-{base_steps}", segments=segments)
