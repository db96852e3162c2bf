"""CompareRequest: whatever somebody types is a request or one clear sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from studio.core.explain import explain
from studio.jobs.paths import Paths, open_paths
from studio.library.draw_request import DEFAULT_ARMS, CompareRequest, arms_for, default_arms, label, plans_for
from studio.library.models import Registry, load_registry
from studio.library.seeds import parse_seeds
from tests.support.folders import pretended

FOLDERS = {"teacher": "teacher", "student": "student", "oracle": "oracle"}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A listed pair of four steps; validation reads no weights, so there are none."""
    paths: Paths = open_paths(tmp_path / "data")
    recipe = {"teacher": "tiny/teacher", "teacher_hash": "0" * 12, "timesteps": [999, 749, 499, 249], "rule": "lcm",
              "prediction": "v", "valid_steps": [2, 4]}  # fmt: skip
    for role in ("teacher", "student"):
        folder = tmp_path / role
        pretended(folder)
        entry = {
            "id": f"tiny/{role}",
            "title": role,
            "role": role,
            "domain": "pocket",
            "size": 16,
            "folder": str(folder),
        }
        if role == "student":
            (folder / "recipe.json").write_text(json.dumps(recipe))
            entry["teacher"] = "tiny/teacher"
        else:
            (folder / "card.json").write_text('{"default_guidance": 4.0}')
        (paths.models / f"{role}.yaml").write_text(json.dumps(entry))
    return load_registry(paths)


def refusal(registry: Registry | None, **fields: Any) -> str:
    with pytest.raises(ValidationError) as error:
        CompareRequest.model_validate({"prompt": "a house", "pair": "tiny/student", **fields}, context={"registry": registry})
    sentence = explain(error.value, CompareRequest)
    assert "\n" not in sentence
    assert len(sentence) < 320
    assert "Value error" not in sentence
    assert "pydantic" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompt": ""}, "prompt is empty"),
        ({"prompt": " \n\t "}, "prompt is empty"),
        ({"prompt": "x" * 10_000}, "10,000 characters; at most 2,000 fit"),
        ({"prompt": "a \x07 house"}, "cannot be shown"),
        ({"prompt": None}, "prompt is None; text fits"),
        ({"prompt": 5}, "prompt is 5; text fits"),
        ({"seeds": []}, "No seeds were asked for; 1 to 64 fit"),
        ({"seeds": "0"}, "No seeds were asked for"),
        ({"seeds": 10_000}, "10,000 seeds were asked for; 1 to 64 fit"),
        ({"seeds": list(range(10_000))}, "10,000 seeds"),
        ({"seeds": [1, 1]}, "Seed 1 is there twice"),
        ({"seeds": [-1]}, "Seed -1 does not fit"),
        ({"seeds": [2**40]}, "does not fit"),
        ({"seeds": [1.5]}, "whole number"),
        ({"seeds": [True]}, "whole numbers"),
        ({"seeds": "eight"}, "'eight' is not a seed"),
        ({"seeds": "7-0"}, "runs backwards; 0-7 would fit"),
        ({"seeds": "0-999999999"}, "1,000,000,000 seeds"),
        ({"seeds": "9" * 5000}, "seeds"),
        ({"pair": "tiny/studnt"}, "Did you mean 'tiny/student'?"),
        ({"pair": "tiny/teacher"}, "named by its student"),
        ({"pair": "../../etc"}, "There is no model"),
        ({"teacher_steps": 0}, "teacher_steps is 0; at least 1 fits"),
        ({"teacher_steps": 10**9}, "teacher_steps is 1000000000; at most 100 fits"),
        ({"teacher_steps": "lots"}, "a whole number fits"),
        ({"teacher_guidance": 99}, "at most 50"),
        ({"teacher_guidance": float("nan")}, "finite"),
        ({"base_guidance": 0.5}, "at least 1"),
        ({"rho": 2.5}, "at most 2"),
        ({"arms": []}, "No arms were chosen"),
        ({"arms": ["techer"]}, "Did you mean 'teacher'?"),
        ({"arms": ["hybrid-0"]}, "There is no arm 'hybrid-0'"),
        ({"arms": ["hybrid-5"]}, "the student takes 4; hybrid-1 to hybrid-4 would fit"),
        ({"arms": ["hybrid-3"], "student_steps": 2}, "the student takes 2; hybrid-1 to hybrid-2 would fit"),
        ({"arms": ["student", "student"]}, "is there twice"),
        ({"arms": ["mask-BS"]}, "mask- and 4 letters"),
        ({"arms": ["mask-----"]}, "mask- and 4 letters"),
        ({"arms": ["teacher"] * 50}, "50 arms were chosen"),
        ({"student_steps": 6}, "trained for 2 or 4 steps and 6 were asked for; choose 2 or 4, or allow off-recipe use"),
        ({"student_steps": 1, "off_recipe": True, "arms": ["skip-first"]}, "at least 2 steps"),
        ({"stepz": 4}, "has no field 'stepz'"),
        ({"teacher_step": 4}, "Did you mean 'teacher_steps'?"),
        ({"previews": "perhaps"}, "yes or no"),
        ({"prompt": "", "seeds": []}, "(1 more field needs attention.)"),
    ],
)
def test_what_does_not_fit_is_one_sentence(registry: Registry, fields: dict[str, Any], words: str) -> None:
    assert words in refusal(registry, **fields)


def test_a_model_that_is_missing_says_which_and_why(registry: Registry) -> None:
    folder = registry.get("tiny/teacher").folder
    (folder / "model_index.json").unlink()
    fresh = load_registry(Paths(folder.parent / "data"))
    assert "tiny/teacher" in refusal(fresh)
    assert "model_index.json" in refusal(fresh)


def test_a_request_survives_json(registry: Registry) -> None:
    request = CompareRequest(prompt="  a   house ", pair="tiny/student", seeds="3, 5, 9", arms="student,hybrid-2")
    assert request.prompt == "a house"
    assert request.seeds == (3, 5, 9)
    assert request.arms == ("student", "hybrid-2")
    assert CompareRequest.model_validate_json(request.model_dump_json(), context={"registry": registry}) == request
    assert CompareRequest(prompt="a house").seeds == tuple(range(8))


def test_arms_that_nobody_chose_are_those_the_student_can_draw(registry: Registry) -> None:
    assert default_arms(4) == DEFAULT_ARMS == default_arms(2)
    assert default_arms(1) == ("teacher", "student")
    assert default_arms(1, ["hybrid-1", "student", "teacher-unguided"]) == ("student", "teacher-unguided")

    def made(**fields: Any) -> CompareRequest:
        asked = {"prompt": "a house", "pair": "tiny/student", **fields}
        return CompareRequest.model_validate(asked, context={"registry": registry})

    assert made().arms == DEFAULT_ARMS
    one = made(student_steps=1, off_recipe=True)
    assert one.arms == ("teacher", "student")
    assert [plan.name for plan in plans_for(one, registry)] == ["teacher", "student"]
    assert made(student_steps=1, off_recipe=True, arms="student,hybrid-1").arms == ("student", "hybrid-1"), "asked for"


def test_a_student_of_one_step_is_drawn_without_naming_arms(registry: Registry) -> None:
    folder = registry.get("tiny/student").folder
    recipe = json.loads((folder / "recipe.json").read_text()) | {"timesteps": [999], "valid_steps": [1]}
    (folder / "recipe.json").write_text(json.dumps(recipe))
    fresh = load_registry(Paths(folder.parent / "data"))
    request = CompareRequest.model_validate({"prompt": "a house", "pair": "tiny/student"}, context={"registry": fresh})
    assert request.arms == ("teacher", "student")
    assert CompareRequest.model_validate(request.model_dump(), context={"registry": fresh}) == request


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("8", list(range(8))), ("0-7", list(range(8))), ("1, 5, 9", [1, 5, 9]), ("5,", [5]), ("3–5; 9", [3, 4, 5, 9]),
     (" 0 .. 2 ", [0, 1, 2]), ("1 2\n3", [1, 2, 3]), ("4294967295,", [2**32 - 1])],
)  # fmt: skip
def test_seeds_as_people_write_them(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "text", ["", " ", ",", "-3", "1.5", "1e3", "0x8", "٣", "8 -", "65", "0-64", "1,1", "4294967296,", "-" * 9000]
)
def test_seeds_that_do_not_fit(text: str) -> None:
    with pytest.raises(ValueError, match="[Ss]eed") as error:
        parse_seeds(text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200


def test_plans_and_their_cost_are_known_before_anything_is_opened(registry: Registry) -> None:
    request = CompareRequest(
        prompt="a house", pair="tiny/student", teacher_steps=20, base_guidance=3.0,
        arms=["teacher", "teacher-unguided", *arms_for(4)[2:], "mask--SBS"],
    )  # fmt: skip
    plans = {plan.name: plan for plan in plans_for(request, registry)}
    nfe = {name: plan.nfe for name, plan in plans.items()}
    assert nfe == {"teacher": 40, "teacher-unguided": 20, "student": 4, "hybrid-1": 5, "hybrid-2": 6, "hybrid-3": 7,
                   "hybrid-4": 8, "skip-first": 3, "student-first": 7, "mask--SBS": 4}  # fmt: skip
    assert plans["teacher"].segments[0].guidance == 4.0, "the card's own"
    assert [s.model for s in plans["hybrid-1"].segments] == ["tiny/teacher", "tiny/student"]
    assert plans["student"].segments[0].timesteps == (999, 749, 499, 249)
    given = plans_for(request.model_copy(update={"teacher_guidance": 1.0}), registry)
    assert given[0].nfe == 20
    quiet = {plan.name: plan for plan in plans_for(request.model_copy(update={"rho": 0.5}), registry)}
    assert quiet["teacher"] == plans["teacher"], "modulation is about what is added between the student's steps"
    assert {segment.rho for segment in quiet["hybrid-1"].segments} == {0.5}


def test_labels_read_well_in_a_sentence() -> None:
    assert [label(arm) for arm in ("hybrid-2", "skip-first", "mask-BSSB")] == [
        "hybrid (k = 2)", "student without its first step", "mask BSSB",
    ]  # fmt: skip


def test_explaining_other_errors() -> None:
    assert explain(MemoryError()) == "The device ran out of memory; fewer seeds or fewer arms would fit."
    assert explain(FileNotFoundError(2, "No such file or directory", "/some/where/x.png")) == "No such file or directory: x.png"
    assert explain(KeyError("a")) == "KeyError: 'a'"
    assert explain(ValueError("two\nlines")) == "two lines"
    assert explain(ValueError()) == "ValueError without a message."


def test_guidance_goes_as_far_as_the_family_says(registry: Registry) -> None:
    for field in ("teacher_guidance", "base_guidance"):
        assert "A guidance of 30.5 is more than tiny/teacher takes; 1 to 30 would fit." in refusal(registry, **{field: 30.5})
        fields = {"prompt": "a house", "pair": "tiny/student", field: 30}
        assert getattr(CompareRequest.model_validate(fields, context={"registry": registry}), field) == 30
