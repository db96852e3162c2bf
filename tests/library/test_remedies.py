"""The remedies of the arena as arms of Compare: the same plans, the same pictures, one sentence where they do not fit."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from studio.capabilities.lab.studies.arena import Arena, ArenaConfig
from studio.capabilities.lab.studies.base import Setting
from studio.core.domain import told
from studio.core.explain import explain
from studio.domains.media.image import pixels
from studio.domains.pocket import captions
from studio.jobs.jobs import Jobs
from studio.jobs.spec_file import read_spec_file
from studio.library.draw_request import MAX_ARMS, CompareRequest, label, plans_for
from studio.library.models import Registry, load_registry
from studio.library.remedies import REMEDIES
from studio.sampling.loop import sample_many
from studio.sampling.plan import Plan
from studio.sampling.prompts import encode_once
from studio.worker import run_job
from studio.workshop.draw import BATCH_LATENTS
from studio.workshop.open_models import ModelCache
from tests.support.fixtures import PAIR, states

NANO = {"prompt": "a red house at night", "pair": "nano/dmd2", "seeds": [0, 1], "teacher_steps": 8}
NAMES = {remedy.name: arm for arm, remedy in REMEDIES.items()}


@pytest.fixture(scope="module")
def shipped() -> Registry:
    return load_registry()


def arena(registry: Registry, pair: str, teacher_steps: int = 25) -> dict[str, Plan]:
    study = Arena(ArenaConfig(), Setting(registry.usable(pair), teacher_steps))
    return {plan.name: plan for plan in study.plans()}


def drawn(registry: Registry, **fields: Any) -> dict[str, Plan]:
    request = CompareRequest.model_validate({**NANO, **fields}, context={"registry": registry})
    return {plan.name: plan for plan in plans_for(request, registry)}


def pictures(jobs: Jobs, run_id: str) -> dict[str, np.ndarray]:
    result = jobs.result(run_id)
    assert result is not None
    opened = {row["arm"]: [Image.open(io.BytesIO(jobs.artifact(run_id, i["path"]).read_bytes())) for i in row["images"]]
              for row in result["arms"]}  # fmt: skip
    return {arm: np.stack([np.asarray(image) for image in images]) for arm, images in opened.items()}


def test_the_arena_enters_every_remedy_and_compare_offers_each(shipped: Registry) -> None:
    plain = {"teacher", "student", "hybrid-1", "hybrid-2", "skip-first"}
    assert set(arena(shipped, "nano/dmd2")) == plain | set(NAMES)
    assert len(REMEDIES) <= MAX_ARMS
    assert all(remedy.meaning and remedy.paper and label(arm) == remedy.label for arm, remedy in REMEDIES.items())


@pytest.mark.parametrize("pair", ["nano/dmd2", "nano/lcm", "pocket/dmd2"])
def test_a_remedy_is_the_plan_of_the_arenas_arm(shipped: Registry, pair: str) -> None:
    theirs = arena(shipped, pair, 8)
    ours = drawn(shipped, pair=pair, arms=list(REMEDIES))
    for name, arm in NAMES.items():
        assert ours[arm] == theirs[name].model_copy(update={"name": arm}), name


@pytest.mark.slow
def test_a_remedy_draws_the_pictures_of_the_arenas_arm(studio: Jobs, shipped: Registry) -> None:
    warm = ModelCache("cpu")
    run_id = studio.submit("compare", {**NANO, "arms": ["teacher", "student", *REMEDIES]})
    run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths))
    assert states(studio, run_id)[-1] == "done", (studio.paths.run(run_id) / "log.txt").read_text()
    shown = pictures(studio, run_id)

    models = {name: warm.model(shipped.get(name)) for name in ("nano/teacher", "nano/dmd2")}
    some = models["nano/teacher"]
    plans = list(arena(shipped, "nano/dmd2", 8).values())
    cond = encode_once(models, told([captions.canonical(str(NANO["prompt"]))]))
    batch = BATCH_LATENTS // (some.shape[-1] * some.shape[-2])
    stream = sample_many(plans, models, cond, [0, 1], some.shape, batch_size=batch)
    ends = {name: record for name, record in stream if record.last}
    for name, arm in NAMES.items():
        assert np.array_equal(shown[arm], pixels(models[ends[name].model].decode(ends[name].after))), name
    for arm in REMEDIES:
        whose = "teacher" if REMEDIES[arm].on == "teacher" else "student"
        assert not np.array_equal(shown[arm], shown[whose]), f"{arm} changes nothing"

    result = studio.result(run_id)
    assert result is not None
    costs = {row["arm"]: row["nfe"] for row in result["arms"]}
    assert costs == {"teacher": 16, "student": 4, "cads": 4, "particles": 4, "prompt-noise": 4, "blend": 8, "more-re-noise": 4,
                     "guided-hybrid": 5, "guidance-interval": 12}  # fmt: skip
    assert [entry["arm"] for entry in result["recovery"]] == [a for a in REMEDIES if a != "guidance-interval"]
    progress = [event for event in studio.tail(run_id)[0] if event["kind"] == "progress"]
    assert progress[-1]["done"] == progress[-1]["total"] == sum(costs.values()) * 2


def test_settings_of_the_request_reach_the_remedies(shipped: Registry) -> None:
    usual, quiet = drawn(shipped, arms=list(REMEDIES)), drawn(shipped, arms=list(REMEDIES), rho=0.5)
    for arm, remedy in REMEDIES.items():
        rhos = {segment.rho for segment in quiet[arm].segments}
        assert rhos == ({1.1} if remedy.own_noise else {1.0} if remedy.on == "teacher" else {0.5}), arm
    assert quiet["guidance-interval"] == usual["guidance-interval"]
    guided = drawn(shipped, arms=["guided-hybrid", "guidance-interval"], teacher_guidance=2.5)
    assert guided["guided-hybrid"].segments[0].guidance == 2.5
    assert {segment.guidance for segment in guided["guidance-interval"].segments} == {1.0, 2.5}
    longer = drawn(shipped, arms=["cads", "blend", "guided-hybrid"], student_steps=8, off_recipe=True)
    assert {arm: plan.nfe for arm, plan in longer.items()} == {"cads": 8, "blend": 16, "guided-hybrid": 9}


ONE_STEP = {"student_steps": 1, "off_recipe": True}


@pytest.mark.parametrize(
    ("arm", "fields", "words"),
    [
        ("cads", ONE_STEP, "nano/dmd2 takes no other here; a student of 2 steps or more would fit"),
        ("more-re-noise", ONE_STEP, "draws none here"),
        ("particles", {"seeds": [3]}, "2 or more would fit"),
        ("guided-hybrid", {"teacher_guidance": 1.0}, "guidance above 1, and nano/teacher is drawn with 1 here"),
        ("guidance-interval", {"teacher_guidance": 1.0}, "guidance above 1, and nano/teacher is drawn with 1 here"),
        ("guidance-interval", {"teacher_steps": 1}, "1 step has none there; 5 would fit"),
    ],
)
def test_a_remedy_that_does_not_fit_is_one_sentence(shipped: Registry, arm: str, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as error:
        drawn(shipped, arms=[arm], **fields)
    sentence = explain(error.value)
    assert sentence.startswith(f"{arm} ") and words in sentence
    assert sentence.count(".") == 1 + sentence.count("..") and len(sentence) < 200


@pytest.mark.parametrize("arm", sorted(set(REMEDIES) - {"cads", "more-re-noise"}))
def test_the_others_fit_a_student_of_one_step(shipped: Registry, arm: str) -> None:
    assert drawn(shipped, arms=[arm], **ONE_STEP)[arm].nfe >= 1


def test_models_of_different_data_are_not_blended(studio: Jobs) -> None:
    file = studio.paths.models / "student.yaml"
    file.write_text(json.dumps({**json.loads(file.read_text()), "domain": "plain"}))
    with pytest.raises(ValidationError, match="draw pictures of different shapes"):
        drawn(load_registry(studio.paths), pair=PAIR, arms=["blend"])


@pytest.mark.parametrize(
    ("given", "meant"), [("CADS", "cads"), ("prompt noise", "prompt-noise"), ("interval", "guidance-interval")]
)
def test_the_arenas_own_names_are_understood_as_far_as_a_hint(shipped: Registry, given: str, meant: str) -> None:
    with pytest.raises(ValidationError, match=f"Did you mean '{meant}'"):
        drawn(shipped, arms=[given])


def test_a_spec_file_and_json_hold_remedies(studio: Jobs, tmp_path: Path) -> None:
    file = tmp_path / "compare.yaml"
    file.write_text(f"kind: compare\nprompt: a red house\npair: {PAIR}\narms: [student, cads, blend]\nseeds: 2\n")
    kind, fields = read_spec_file(file)
    run_id = studio.submit(kind, fields)
    assert studio.spec(run_id).config["arms"] == ["student", "cads", "blend"]
    assert CompareRequest(prompt="a", arms="student, cads blend").arms == ("student", "cads", "blend")


def test_every_step_of_a_remedy_can_be_scrubbed(studio: Jobs) -> None:
    draw = {**NANO, "pair": PAIR, "arms": ["student", "cads", "particles", "blend"]}
    run_id = studio.submit("scrub", {"draw": draw, "states": True})
    run_job(studio.paths.run(run_id), models=ModelCache("cpu"), registry=load_registry(studio.paths))
    assert states(studio, run_id)[-1] == "done", (studio.paths.run(run_id) / "log.txt").read_text()
    result = studio.result(run_id)
    assert result is not None
    assert {row["arm"]: (row["steps"], row["nfe"]) for row in result["rows"]} == {
        "student": (4, 4), "cads": (4, 4), "particles": (4, 4), "blend": (4, 8),
    }  # fmt: skip
