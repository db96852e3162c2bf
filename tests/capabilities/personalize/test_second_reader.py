"""A second reader of a subject: there where an encoder of pictures is on the machine, and said as such."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studio.capabilities.personalize.second_reader import SecondReader
from studio.families.perceptual import VARIABLE, open_reader
from studio.jobs.jobs import Jobs
from studio.library.measured_arms import told
from studio.ui.personalize.view import PersonalView
from tests.capabilities.distill.test_distill import here
from tests.capabilities.personalize.test_personalize import request, studio  # noqa: F401 - fixtures
from tests.capabilities.sliders.test_slider import hall, pair  # noqa: F401 - fixtures
from tests.support.tiny_encoders import save_eye


def test_it_tells_red_from_blue_in_the_features_of_a_named_folder(tmp_path: Path) -> None:
    eyes = open_reader(save_eye(tmp_path / "eye", "CLIPVisionModel"), "eye")

    def shots(colour: int, n: int, seed: int) -> torch.Tensor:
        images = 0.2 * torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
        images[:, colour] += 0.7
        return images

    reader = SecondReader(eyes, shots(0, 6, 1), shots(0, 4, 2), shots(2, 30, 3), views=1)
    found = reader.figures(shots(0, 10, 4), shots(2, 10, 5))
    assert found["hit"]["value"] >= 0.8 and found["leak"]["value"] <= 0.1
    assert reader.said["features"] == "eye" and reader.said["mistaken"]["value"] <= 0.2


def test_a_run_measures_with_both_and_every_table_says_who_read(
    studio: Jobs,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, str(save_eye(tmp_path / "eye", "CLIPVisionModel")))
    run_id = studio.submit("personalize", request())
    assert here(studio, run_id) == ("done", "")
    result: Any = studio.result(run_id)
    assert all(set(row["second"]) == {"hit", "leak"} and row["second"]["hit"]["n"] == 8 for row in result["rows"])
    assert (result["reader"]["features"], result["reader"]["second"]["features"]) == ("the world's oracle", "eye")
    heads, _, sentence = told(result) or ([], [], "")
    assert heads[-2:] == ["shown, second reader", "leak, second reader"] and "A second reader: eye, which knows" in sentence
    view = PersonalView(run_id, request(), {"subject": "Cat", "word": "<cat>", "base": "Tiny"})
    view.finish(result)
    assert "A second reader, made from the same pictures, sees with eye" in view.reader()[1]


def test_one_that_cannot_be_opened_is_said_and_the_first_reads_alone(
    studio: Jobs,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    run_id = studio.submit("personalize", request())
    assert here(studio, run_id) == ("done", "")
    result: Any = studio.result(run_id)
    assert "second" not in result["reader"] and "second" not in result["rows"][0]
    assert any("no encoder could be opened" in notice for notice in result["notices"])
