"""Presets of published models: each holds, says where every value was read, and is sampled as its card's scheduler samples it."""

from __future__ import annotations

import importlib
import re
from typing import Any

import diffusers
import pytest
import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field

from benchmarks.published import COMMAND, FOLDER, Published, lines, page, published
from studio.core.process import Flow
from studio.core.recipe import Recipe
from studio.core.rng import INITIAL, noise
from studio.jobs.paths import ROOT
from studio.library.models import Sampling
from studio.library.source import Source
from studio.sampling.loop import finished, sample
from studio.sampling.plan import student_plan
from studio.sampling.rules import rule_named
from tests.support.gaussians import NONE, PROCESSES, gaussian

ALL = published()
STUDENTS = [one for one in ALL if one.about["role"] == "student"]
BY_ID = {one.about["id"]: one for one in ALL}
TAKES_GUIDANCE = {"sdxl/lcm", "flux/dev", "flux/hyper-8", "flux/hyper-16"}  # as an input
SAID = ("hub", "revision", "variant", "file", "scale", "bytes", "sha256", "licence", "steps", "rule", "spacing", "guidance",
        "eta", "timesteps", "prediction", "valid_steps", "size", "embedded_guidance")  # fmt: skip
DIFFUSERS = {"eps": "epsilon", "x0": "sample"}
SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SEEDS, SHAPE, TOLERANCE = [4, 9], (4, 4), 1e-4
COUNTS = [(one.about["id"], n) for one in STUDENTS for n in one.about["recipe"]["valid_steps"]]


class Preset(BaseModel):
    """The whole file; nothing else may stand in it."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}/[a-z0-9][a-z0-9._-]{0,39}$")
    title: str = Field(min_length=1, max_length=80)
    role: str = Field(pattern="^(teacher|student)$")
    teacher: str | None = None
    domain: str = Field(pattern="^plain$")
    size: int = Field(gt=0, le=4096)
    order: int = Field(ge=100)
    summary: str = Field(min_length=1, max_length=130)
    source: Source
    sampling: Sampling | None = None
    recipe: Recipe | None = None
    embedded_guidance: float | None


def scheduler(one: Published) -> tuple[Any, dict[str, Any]]:
    """(the scheduler that the file names, how its grid is asked for beyond a number of steps)."""
    match = re.fullmatch(r"(\w+) (\{.*\})", one.sources["grid"])
    assert match, one.sources["grid"]
    config = yaml.safe_load(match[2])
    asked = {name: config.pop(name) for name in ("timesteps", "sigmas", "mu") if name in config}
    prediction = DIFFUSERS.get(one.about["recipe"]["prediction"])
    made = getattr(diffusers, match[1])
    return made.from_config({**config, **(SD | {"prediction_type": prediction} if prediction else {})}), asked


def laid(one: Published, n: int) -> Any:
    """The scheduler with its grid of n steps."""
    made, asked = scheduler(one)
    if "sigmas" in asked:
        made.set_timesteps(sigmas=[1 - i / n for i in range(n)], mu=asked.get("mu"))
    elif asked:
        made.set_timesteps(**asked)
    else:
        made.set_timesteps(n)
    return made


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.path.stem)
def test_a_file_holds(one: Published) -> None:
    preset = Preset.model_validate(one.about)
    assert one.path.stem == preset.id.replace("/", "-")
    assert (preset.role == "student") == (preset.recipe is not None) == (preset.teacher is not None) == bool(one.expect)
    assert (preset.role == "teacher") == (preset.sampling is not None)
    assert preset.source.hub is not None and not str(preset.source.file).endswith(".bin")
    assert preset.source.base in (None, preset.teacher)
    rule_named(preset.recipe.rule if preset.recipe else one.about["sampling"]["rule"])


@pytest.mark.parametrize("one", STUDENTS, ids=lambda one: one.path.stem)
def test_a_student_stands_on_a_listed_teacher_that_comes_before_it(one: Published) -> None:
    recipe, teacher = one.about["recipe"], BY_ID[one.about["teacher"]].about
    assert recipe["teacher"] == teacher["id"] and teacher["role"] == "teacher" and teacher["order"] < one.about["order"]
    assert recipe["teacher_hash"] == ""  # published weights are not tied to bytes
    others = [n for n in recipe["valid_steps"] if n != len(recipe["timesteps"])]
    assert sorted(recipe.get("grids", {})) == others
    if recipe["valid_steps"] == [1]:
        assert len(recipe["timesteps"]) == 1


def test_ids_and_orders_are_there_once() -> None:
    assert len(BY_ID) == len(ALL) == len({one.about["order"] for one in ALL}) == len(list(FOLDER.glob("*.yaml")))


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.path.stem)
def test_every_value_says_where_it_was_read_or_that_it_was_not(one: Published) -> None:
    known = {*one.sources, "ours"}
    for field, value, said in lines(one.path):
        if value == "null":
            assert said, f"{field} is null without a reason"
        elif (field, value) == ("revision", "main"):
            assert said == "commit unread"
        elif field in SAID or field.isdigit():
            assert re.split(r"\W", said)[0] in known, f"{field}: {value} says {said!r}, which is no source of the file"
    used = {re.split(r"\W", said)[0] for _, _, said in lines(one.path)}
    assert set(one.sources) - used - {"grid"} == set()  # no source that nothing was read in


def test_guidance_is_an_input_only_where_the_network_takes_it() -> None:
    assert {one.about["id"] for one in ALL if one.about["embedded_guidance"] is not None} == TAKES_GUIDANCE
    loras = [one for one in ALL if one.about["embedded_guidance"] is not None and one.about["source"]["holds"] == "lora"]
    assert all(one.about["source"]["base"] in TAKES_GUIDANCE for one in loras)  # theirs is their base's network


@pytest.mark.parametrize(("id", "n"), COUNTS)
def test_every_grid_is_that_of_the_schedulers(id: str, n: int) -> None:
    recipe = Recipe.model_validate(BY_ID[id].about["recipe"])
    assert recipe.timesteps_for(n) == pytest.approx([float(t) for t in laid(BY_ID[id], n).timesteps], abs=1e-3)


@pytest.mark.parametrize(("id", "n"), COUNTS)
def test_the_rule_draws_what_the_scheduler_draws(id: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a perfect network of simple data, the same noise, and the end where the scheduler has it."""
    one, recipe = BY_ID[id], Recipe.model_validate(BY_ID[id].about["recipe"])
    process = Flow() if recipe.prediction == "flow" else PROCESSES["vp"]
    denoiser, made, begun = gaussian(process, recipe.prediction), laid(one, n), noise(SEEDS, INITIAL, SHAPE)
    position = iter(range(n))
    module = importlib.import_module(type(made).__module__)
    monkeypatch.setattr(module, "randn_tensor", lambda shape, **_: noise(SEEDS, next(position), shape[1:]), raising=False)
    scaled = type(made).__name__.startswith("Euler")  # states are x / alpha there
    x = begun * float((made.sigmas[0] ** 2 + 1) ** 0.5) if scaled else begun
    for t, own in zip(made.timesteps, recipe.timesteps_for(n), strict=True):
        seen = made.scale_model_input(x, t) if scaled else x
        options = {"eta": recipe.eta} if recipe.eta is not None else {}
        x = made.step(denoiser.network(seen, torch.full((2,), own), {}), t, x, return_dict=False, **options)[0]
    lands = 0.0 if made.config.get("set_alpha_to_one") is False and type(made).__name__ != "LCMScheduler" else -1.0
    plan = student_plan("m", recipe, n).model_copy(update={"final_t": lands})
    ours = finished(sample(plan, {"m": denoiser}, {"m": NONE}, SEEDS, SHAPE, start=begun))
    assert float((ours - x).abs().max()) < TOLERANCE


def test_the_page_is_what_its_command_writes() -> None:
    assert (ROOT / "docs" / "published.md").read_text(encoding="utf-8") == page(ALL), COMMAND
