"""Forgetting where no world is known: measured as CLIP text where a whole CLIP is on the machine, and not at all elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from studio.capabilities.unlearn.measure import NOTHING, ForgettingMeasurement
from studio.cli.app import app
from studio.domains import domain_of
from studio.families.perceptual import VARIABLE
from studio.jobs.jobs import Jobs
from studio.library.adapters import load_adapters
from studio.library.concepts import concepts
from studio.workshop import arms_measured
from studio.workshop.judge import open_judge
from studio.workshop.open_models import ModelCache
from tests.capabilities.distill.test_distill import here
from tests.capabilities.sliders.test_slider_elsewhere import hall, shapes  # noqa: F401 - fixtures
from tests.support.tiny_encoders import save_clip, save_eye


def bench(forget: str, becomes: str) -> ForgettingMeasurement:
    plain = domain_of("image")
    wanted, judge = concepts(plain, forget, becomes), open_judge(ModelCache("cpu"))
    return ForgettingMeasurement(plain, wanted, [], None, judge, 8, None, lambda: None, seed=0)


@pytest.mark.parametrize("becomes", ["house", ""])
def test_a_picture_counts_where_it_is_nearer_to_the_words_than_to_what_it_becomes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, becomes: str
) -> None:
    monkeypatch.setenv(VARIABLE, str(save_clip(tmp_path / "tiny-clip")))
    found = bench("van gogh", becomes)
    words = found.judge.words
    assert words is not None and len(found.pairs) == 8
    cat, other = words.read(["van gogh", becomes or NOTHING])
    before, after = cat.expand(8, -1), torch.stack([cat] * 3 + [other] * 5)
    read = found._by_clip(before, after)
    assert read is not None and read["reader"] == "tiny-clip"
    assert (read["before"]["value"], read["before"]["n"]) == (1.0, 8)
    assert (read["after"]["value"], read["after"]["n"]) == (3 / 8, 8)
    assert read["after"]["low"] < 3 / 8 < read["after"]["high"]


def test_each_concept_is_compared_with_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(save_clip(tmp_path / "tiny-clip")))
    found = bench("cat, boat", "house, tree")
    assert found.judge.words is not None
    own = found.judge.words.read([found.wanted[pair.concept].words for pair in found.pairs])
    instead = found.judge.words.read([found.wanted[pair.concept].becomes for pair in found.pairs])
    read = found._by_clip(own, instead)
    assert read is not None and (read["before"]["value"], read["after"]["value"]) == (1.0, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("eye", ["clip", "without words", "none"])
def test_a_model_of_no_known_world_is_read_by_clip_or_by_nobody(
    hall: Jobs,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    eye: str,
) -> None:
    monkeypatch.setattr(arms_measured, "TEACHER_STEPS", 2)
    folder = tmp_path / "tiny-clip"
    given = {"clip": lambda: save_clip(folder), "without words": lambda: save_eye(folder, "Dinov2Model"), "none": lambda: "none"}
    monkeypatch.setenv(VARIABLE, str(given[eye]()))
    asked: dict[str, Any] = {"name": "no-cat", "base": "sd15/teacher", "forget": "cat", "becomes": "house", "method": "uce",
                             "n_prompts": 6, "measure_seeds": 8, "sample_every": 0}  # fmt: skip
    run_id = hall.submit("unlearn", asked)
    assert here(hall, run_id) == ("done", "")
    result = hall.result(run_id)
    assert result is not None
    (row,) = result["forgotten"]
    assert row["hit"] is None and row["moved"]["value"] is not None
    told = CliRunner().invoke(
        app, ["adapters", "show", "mine/no-cat", "--data-dir", str(hall.paths.root)], env={"COLUMNS": "250"}
    )
    if eye != "clip":
        assert row["by_clip"] is None and "CLIP" not in told.output
        return
    assert row["by_clip"]["reader"] == "tiny-clip"
    for side in ("before", "after"):
        assert row["by_clip"][side]["n"] == 8
        assert row["by_clip"][side]["low"] <= row["by_clip"][side]["value"] <= row["by_clip"][side]["high"]
    assert "before, read by CLIP" in told.output and "now, read by CLIP" in told.output
    card = load_adapters(hall.paths).get("mine/no-cat").card
    assert card["measured"]["forgotten"]["teacher"]["by_clip"] == row["by_clip"]
