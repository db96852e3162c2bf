"""What to draw: a prompt, a pair, arms and seeds, with what is put on them. Part of every request that draws."""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from studio.core.explain import brief, did_you_mean
from studio.core.files import Json
from studio.core.inputs import parse_given
from studio.core.recipe import Recipe
from studio.domains import domain_of, first
from studio.library import hint_uses, tiny_decoders
from studio.library.adapter_uses import WRITE_HELP, AdapterUse, check, distinct
from studio.library.adapters import load_adapters
from studio.library.additions import Additions, check_additions
from studio.library.controlnets import load_controlnets
from studio.library.hint_uses import HintUse
from studio.library.models import ModelEntry, Pair, Registry
from studio.library.remedies import REMEDIES, PairPlans
from studio.library.remedies import check as check_remedy
from studio.library.seeds import SEEDS_HELP, _check_count, check_seeds, parse_seeds
from studio.library.sizes import drawn_shape, interchangeable
from studio.sampling import plan as plans
from studio.sampling.plan import Plan

Shape = tuple[int, ...] | None  # of a latent sample, where it is not the models' own
MAX_PROMPT = 2000  # characters
MAX_ARMS = 12
MAX_STEPS = 100
MAX_GUIDANCE = 50  # of any family; each says its own (`core.family.Checkpoint.most_guidance`)
DEFAULT_PAIR = first().defaults.pair
DEFAULT_ARMS = ("teacher", "student", "hybrid-1", "skip-first")
_HYBRID = re.compile(r"hybrid-([1-9][0-9]?)")
_MASK = re.compile(r"mask-([BS-]{1,50})")
_FIXED = ("teacher", "teacher-unguided", "student", "skip-first", "student-first")
_TEACHERS = ("teacher", "teacher-unguided")
_LABELS = {"teacher": "teacher", "teacher-unguided": "teacher without guidance", "student": "student",
           "skip-first": "student without its first step", "student-first": "student-first order"}  # fmt: skip


class CompareRequest(BaseModel):
    """What to compare. The same object comes from the page, the command line, the API, a picture and `spec.json`.

    Fields are checked whenever one is made; that the models exist and every arm fits the student's steps is checked
    when it is validated with a registry (`Jobs.submit` and `run_job` do).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str = Field(
        title="Prompt", description="A caption in the models' words.", json_schema_extra={"minLength": 1, "maxLength": MAX_PROMPT}
    )
    pair: str = Field(default=DEFAULT_PAIR, title="Student", description="Id of a student; its teacher comes with it.")
    arms: tuple[str, ...] = Field(
        default=DEFAULT_ARMS,
        title="Arms",
        description="teacher, teacher-unguided, student, hybrid-K (K base steps first), skip-first, student-first, "
        f"mask-BSSB (B base, S student, - left out), or a remedy: {', '.join(REMEDIES)}; in the order they are drawn.",
    )
    seeds: tuple[int, ...] = Field(
        default=tuple(range(8)), title="Seeds", description=f"Every arm draws each of them; {SEEDS_HELP}."
    )
    teacher_steps: int = Field(default=25, ge=1, le=MAX_STEPS, title="Teacher steps", description="Steps of the teacher arms.")
    teacher_guidance: float | None = Field(
        default=None,
        ge=1,
        le=MAX_GUIDANCE,
        allow_inf_nan=False,
        title="Teacher guidance",
        description="Guidance scale w of the teacher arm; 1 is none, empty is the teacher's own.",
    )
    base_guidance: float = Field(
        default=1.0,
        ge=1,
        le=MAX_GUIDANCE,
        allow_inf_nan=False,
        title="Base guidance",
        description="Guidance of the base's steps inside hybrids; 1 is none and costs one evaluation a step.",
    )
    embedded_guidance: float | None = Field(
        default=None,
        ge=1,
        le=MAX_GUIDANCE,
        allow_inf_nan=False,
        exclude_if=lambda given: given is None,
        title="Embedded guidance",
        description="Guidance scale for models that take it as an input (Flux-dev, students of guidance distillation); "
        "empty is each one's own.",
    )
    rho: float = Field(
        default=1.0,
        ge=0,
        le=2,
        allow_inf_nan=False,
        title="Noise modulation",
        description="Scale of the fresh noise between the steps of students and hybrids; 1 is as trained, 0 adds none.",
    )
    student_steps: int | None = Field(
        default=None, ge=1, le=50, title="Student steps", description="Empty is the student's own recipe."
    )
    off_recipe: bool = Field(
        default=False,
        title="Allow off-recipe use",
        description="Sample the student with step counts it was not trained for.",
    )
    adapters: tuple[AdapterUse, ...] = Field(
        default=(),
        title="Adapters",
        description=f"Sliders and LoRAs that are on while the arms are drawn: {WRITE_HELP}.",
    )
    hints: tuple[HintUse, ...] = Field(
        default=(), title="Hints", description=f"ControlNets with the picture each follows: {hint_uses.WRITE_HELP}."
    )
    given: Json = Field(
        default_factory=dict,
        exclude_if=operator.not_,
        title="Beside the prompt",
        description="Inputs that models of some kinds of data take besides text, by name; the others are as by default.",
    )
    additions: Additions = Field(default_factory=dict, exclude_if=operator.not_)
    size: str = Field(
        default="",
        max_length=40,
        exclude_if=operator.not_,
        title="Size",
        description="Of the samples, as their medium writes it, 512x768 of pictures; empty is the models' own.",
    )
    negative: str = Field(
        default="",
        exclude_if=operator.not_,
        title="Negative prompt",
        description="What guided steps lead away from; empty is nothing in particular.",
        json_schema_extra={"maxLength": MAX_PROMPT},
    )
    tiny_decoder: tiny_decoders.Wanted = Field(
        default="auto", exclude_if=lambda given: given == "auto", title="Tiny decoder", description=tiny_decoders.HELP
    )
    previews: bool = Field(default=True, title="Previews", description="Show what the model believes while it draws.")

    @field_validator("given", mode="before")
    @classmethod
    def _given(cls, given: Any) -> Any:
        return parse_given(given)

    @field_validator("prompt", mode="before")
    @classmethod
    def _prompt(cls, prompt: Any) -> Any:
        if not isinstance(prompt, str):
            return prompt
        text = _line(prompt, "prompt")
        if not text:
            raise ValueError('The prompt is empty; write what to draw, for example "a red house at night".')
        return text

    @field_validator("negative", mode="before")
    @classmethod
    def _negative(cls, negative: object) -> object:
        return "" if negative is None else _line(negative, "negative prompt") if isinstance(negative, str) else negative

    @field_validator("size", mode="before")
    @classmethod
    def _size(cls, size: object) -> object:
        whole = isinstance(size, int) and not isinstance(size, bool)
        return "" if size is None else "".join(str(size).split()) if whole or isinstance(size, str) else size

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds(cls, seeds: Any) -> Any:
        if isinstance(seeds, int) and not isinstance(seeds, bool):
            seeds = str(seeds) if seeds >= 0 else [seeds]
        if isinstance(seeds, str):
            return tuple(parse_seeds(seeds))
        if isinstance(seeds, (list, tuple)):
            _check_count(len(seeds))  # before looking at each of ten million
            if any(isinstance(seed, bool) for seed in seeds):
                raise ValueError(f"Seeds are whole numbers; {SEEDS_HELP}.")
        return seeds

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(check_seeds(seeds))

    @field_validator("adapters", mode="before")
    @classmethod
    def _adapter_list(cls, given: Any) -> Any:
        return re.split(r"[,;\s]+", given[:2000].strip()) if isinstance(given, str) and given.strip() else given or ()

    @field_validator("adapters")
    @classmethod
    def _adapters(cls, adapters: tuple[AdapterUse, ...]) -> tuple[AdapterUse, ...]:
        return tuple(distinct(adapters))

    @field_validator("hints")
    @classmethod
    def _hints(cls, hints: tuple[HintUse, ...]) -> tuple[HintUse, ...]:
        return hint_uses.distinct(hints)

    @field_validator("arms", mode="before")
    @classmethod
    def _arm_list(cls, arms: Any) -> Any:
        if isinstance(arms, str):
            arms = [part for part in re.split(r"[,\s]+", arms[:2000]) if part]
        if isinstance(arms, (list, tuple)) and not 1 <= len(arms) <= MAX_ARMS:
            many = "No arms were" if not arms else f"{len(arms):,} arms were"
            raise ValueError(f"{many} chosen; 1 to {MAX_ARMS} fit, for example {', '.join(DEFAULT_ARMS)}.")
        return arms

    @field_validator("arms")
    @classmethod
    def _arms(cls, arms: tuple[str, ...]) -> tuple[str, ...]:
        for i, arm in enumerate(arms):
            if arm not in (*_FIXED, *REMEDIES) and not _HYBRID.fullmatch(arm) and not _MASK.fullmatch(arm):
                known = [*_FIXED, "hybrid-1", "hybrid-2", "hybrid-3", "mask-BSSB", *REMEDIES]
                others = f"{', '.join(_FIXED)}, hybrid-1, …, mask-BSSB, and the remedies {', '.join(REMEDIES)}"
                hint = did_you_mean(arm.lower(), known) or f" Arms are {others}."
                raise ValueError(f"There is no arm {brief(arm)}.{hint}")
            if arm in arms[:i]:
                raise ValueError(f"The arm {arm} is there twice; each arm is drawn once.")
        return arms

    @model_validator(mode="after")
    def _fits_models(self, info: ValidationInfo) -> CompareRequest:
        context = info.context if isinstance(info.context, dict) else {}
        registry, home = context.get("registry"), context.get("home")
        if registry is not None:
            if "arms" not in self.model_fields_set:
                steps = self.student_steps or registry.usable(self.pair).student.steps
                self = self.model_copy(update={"arms": default_arms(steps)})
            models = dict.fromkeys(model for plan in plans_for(self, registry) for model in plan.models)
            domain_of(registry.usable(self.pair).student.domain).read(self.prompt, given=self.given)
            for w in (self.teacher_guidance, self.base_guidance):
                check_guidance(w, registry.usable(self.pair).teacher)
            if self.embedded_guidance is not None and not embedding(registry.usable(self.pair)):
                raise ValueError(
                    f"Neither model of {self.pair} takes its guidance as an input; leave embedded guidance empty, or choose "
                    "another teacher guidance."
                )
            tiny_decoders.check(self.tiny_decoder, [registry.get(model) for model in models])
            if self.adapters:
                check(self.adapters, models, registry, context.get("adapters") or load_adapters(home))
            if self.hints:
                hint_uses.check(self.hints, models, registry, load_controlnets(home), home)
            check_additions(self.additions, [registry.get(model) for model in models], home)
        return self


def _line(text: str, what: str) -> str:
    """Text in one line. ValueError in one sentence where it is too long or cannot be shown."""
    if len(text) > MAX_PROMPT:
        raise ValueError(f"The {what} has {len(text):,} characters; at most {MAX_PROMPT:,} fit.")
    line = " ".join(text.split())
    if not line.isprintable():
        raise ValueError(f"The {what} has characters that cannot be shown; write it in plain words.")
    return line


def plans_for(request: CompareRequest, registry: Registry) -> list[Plan]:
    """The plan of every arm, named as the arm. ValueError in one sentence when a model or an arm does not fit.

    Needs no torch: the page can say what a request will cost (`Plan.nfe` per image) before it is made.
    """
    pair = registry.usable(request.pair)
    recipe = Recipe.model_validate(pair.student.recipe)
    n = request.student_steps or len(recipe.timesteps)
    if n not in recipe.valid_steps and not request.off_recipe:
        own = " or ".join(str(steps) for steps in sorted(recipe.valid_steps))
        given = f"{pair.id} was trained for {own} steps and {n} were asked for"
        raise ValueError(f"{given}; choose {own}, or allow off-recipe use.")
    shape = drawn_shape(request.size, pair)
    drawn = [_plan(arm, request, pair, recipe, n, shape) for arm in request.arms]
    if request.embedded_guidance is not None:
        drawn = [plans.embedding(plan, request.embedded_guidance, embedding(pair)) for plan in drawn]
    return [plan if _noise_is_its_own(plan.name, request) else plans.modulated(plan, request.rho, plan.name) for plan in drawn]


def embedding(pair: Pair) -> list[str]:
    """The models of a pair that take the guidance scale as an input."""
    return [model.id for model in (pair.teacher, pair.student) if model.checkpoint.embeds_guidance]


def check_guidance(w: float | None, model: ModelEntry) -> None:
    """ValueError in one sentence where a scale is beyond what a model's family says is of use."""
    most = model.checkpoint.most_guidance
    if w is not None and w > most:
        raise ValueError(f"A guidance of {w:g} is more than {model.id} takes; 1 to {most:g} would fit.")


def _noise_is_its_own(arm: str, request: CompareRequest) -> bool:
    remedy = REMEDIES.get(arm)
    return request.rho == 1 or arm in _TEACHERS or (remedy is not None and (remedy.own_noise or remedy.on == "teacher"))


def ground(request: CompareRequest, pair: Pair, recipe: Recipe, n: int) -> PairPlans:
    """What remedies are put on: the request's student and teacher arms."""
    shape = drawn_shape(request.size, pair)
    alone, reference = (_plan(arm, request, pair, recipe, n, shape) for arm in ("student", "teacher"))
    alike = interchangeable(pair.teacher, pair.student)
    steps = None if n == len(recipe.timesteps) else n
    return PairPlans(pair.teacher.id, pair.student.id, recipe, alone, reference, reference.segments[0].guidance, steps, alike)


def _plan(arm: str, request: CompareRequest, pair: Pair, recipe: Recipe, n: int, shape: Shape) -> Plan:
    teacher, student, w = pair.teacher.id, pair.student.id, request.base_guidance
    off: dict[str, Any] = {"steps": n, "off_recipe": True, "name": arm}
    if arm in _TEACHERS:
        given = request.teacher_guidance
        guidance = 1.0 if arm == "teacher-unguided" else given if given is not None else pair.teacher.guidance
        grid = pair.teacher.timesteps(request.teacher_steps, shape)
        return plans.teacher_plan(teacher, grid, pair.teacher.sampling.rule, guidance, name=arm)
    if remedy := REMEDIES.get(arm):
        around = ground(request, pair, recipe, n)
        check_remedy(remedy, around, len(request.seeds))
        return remedy.plan(around)
    if arm == "student":
        return plans.student_plan(student, recipe, n, off_recipe=True, name=arm)
    if arm in ("skip-first", "student-first") and n < 2:
        raise ValueError(f"{arm} needs a student of at least 2 steps; {pair.id} takes {n} here.")
    if arm == "skip-first":
        return plans.skip_first_plan(student, recipe, **off)
    if arm == "student-first":
        return plans.student_first_plan(teacher, student, recipe, 1, w, **off)
    if match := _HYBRID.fullmatch(arm):
        if int(match[1]) > n:
            fits = "hybrid-1" if n == 1 else f"hybrid-1 to hybrid-{n}"
            raise ValueError(f"{arm} asks for {match[1]} base steps, but the student takes {n}; {fits} would fit.")
        return plans.hybrid_plan(teacher, student, recipe, int(match[1]), w, **off)
    mask = arm.removeprefix("mask-")
    if len(mask) != n or not mask.strip("-"):
        example = "mask-" + ("BSSS" * 13)[:n]
        raise ValueError(f"{arm} does not fit; mask- and {n} letters, not all of them -, would, like {example}.")
    return plans.mask_plan(mask, teacher, student, recipe, w, **off)


def arms_for(student_steps: int) -> list[str]:
    """Every arm with a name of its own that fits a student of so many steps (masks and remedies fit too)."""
    hybrids = [f"hybrid-{k}" for k in range(1, student_steps + 1)]
    rest = ["skip-first", "student-first"] if student_steps > 1 else []
    return ["teacher", "teacher-unguided", "student", *hybrids, *rest]


def default_arms(student_steps: int, arms: Sequence[str] = DEFAULT_ARMS) -> tuple[str, ...]:
    """Those of ``arms`` that a student of so many steps can draw and has a part in: of one step, no hybrid and no skip-first."""
    return tuple(arm for arm in arms if arm in arms_for(student_steps) and arm != f"hybrid-{student_steps}")


def label(arm: str) -> str:
    """An arm's name inside a sentence."""
    if match := _HYBRID.fullmatch(arm):
        return f"hybrid (k = {match[1]})"
    if arm in REMEDIES:
        return REMEDIES[arm].label
    return _LABELS.get(arm, f"mask {arm.removeprefix('mask-')}")
