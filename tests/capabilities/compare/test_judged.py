"""Compare on a tiny pair of plain pictures, which no oracle reads: a judge's figures, and who it is wherever they stand."""

from __future__ import annotations

import html
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image
from rich.console import Console
from torch import Tensor
from typer.testing import CliRunner

from studio.cli import executing
from studio.cli.app import app
from studio.domains import domain_of
from studio.domains.media import medium_of
from studio.families.perceptual import VARIABLE
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.ui.compare import plot
from studio.ui.compare.components import figures_of, figures_table
from studio.ui.compare.view import RunView
from studio.worker import run_job
from studio.workshop.comparison import NO_ORACLE
from studio.workshop.judge import open_judge
from studio.workshop.open_models import ModelCache
from tests.families.test_efficientnet_lite import package
from tests.support.fixtures import PAIR
from tests.support.tiny_encoders import save_clip, save_eye

ARMS = ["teacher", "student", "hybrid-1", "skip-first"]
REQUEST = {"prompt": "a red house", "pair": PAIR, "seeds": "0-5", "teacher_steps": 3, "arms": ARMS}
SHRUNK = "distance of pictures shrunk to 16 × 16"


@pytest.fixture(scope="module")
def warm() -> ModelCache:
    return ModelCache("cpu")


@pytest.fixture(autouse=True)
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "none")


@pytest.fixture
def photos(studio: Jobs) -> Jobs:
    """The tiny pair as models of pictures of which no world is known."""
    for file in studio.paths.models.glob("*.yaml"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "domain": "plain", "oracle": None}))
    return studio


@pytest.fixture
def collapsed(photos: Jobs, weights: Path, tmp_path: Path) -> Jobs:
    """A student that draws the same picture for every seed: nothing of the latent comes through its decoder."""
    folder = tmp_path / "collapsed"
    shutil.copytree(weights / "student", folder)
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    torch.nn.init.zeros_(vae.decoder.conv_out.weight)
    vae.save_pretrained(folder / "vae")
    file = photos.paths.models / "student.yaml"
    file.write_text(json.dumps({**json.loads(file.read_text()), "folder": str(folder)}))
    return photos


def execute(jobs: Jobs, warm: ModelCache, **changes: object) -> tuple[str, dict[str, Any]]:
    run_id = jobs.submit("compare", {**REQUEST, **changes})
    state, note = run_job(jobs.paths.run(run_id), models=warm, registry=load_registry(jobs.paths))
    assert state == "done", note
    result = jobs.result(run_id)
    assert result is not None
    json.dumps(result, allow_nan=False)
    return run_id, result


def measures(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["arm"]: row["measures"] for row in result["arms"]}


def pictures(jobs: Jobs, run_id: str, arm: str) -> Tensor:
    files = sorted((jobs.paths.run(run_id) / "artifacts" / arm).glob("*.png"), key=lambda file: int(file.stem))
    return torch.stack([torch.from_numpy(np.asarray(Image.open(file)) / 255).permute(2, 0, 1) for file in files])


def shown(jobs: Jobs, run_id: str) -> RunView:
    """The run as the page folds it: its events, and then its result."""
    view = RunView(run_id, jobs.spec(run_id).config, student_steps=4)
    for event in jobs.tail(run_id)[0]:
        view.apply(event)
    live = [row["measures"]["diversity"]["value"] for row in view.rows.values()]
    view.finish(jobs.result(run_id))
    assert live == [row["measures"]["diversity"]["value"] for row in view.rows.values()]
    return view


def test_diversity_is_how_far_pictures_of_different_seeds_are_apart(photos: Jobs, warm: ModelCache) -> None:
    run_id, result = execute(photos, warm)
    assert result["figures_by"] == {"name": SHRUNK, "key": "judge pixels 16", "unit": "of the pictures' range"}
    for arm, found in measures(result).items():
        small = pictures(photos, run_id, arm).flatten(1).double()  # of 16 pixels a side, so nothing is shrunk
        by_hand = float(torch.pdist(small).mean()) / small.shape[1] ** 0.5
        assert found["diversity"]["value"] == pytest.approx(by_hand, abs=3e-3)  # files hold 8 bits
        assert found["diversity"]["low"] < found["diversity"]["value"] < found["diversity"]["high"]
        assert (found["accuracy"]["value"], found["accuracy"]["note"]) == (None, "no oracle reads this domain's prompts")
        assert "text_score" not in found
    teacher, student = (measures(result)[arm] for arm in ("teacher", "student"))
    assert "of_teacher" not in teacher
    assert student["of_teacher"]["value"] == pytest.approx(student["diversity"]["value"] / teacher["diversity"]["value"])
    assert student["of_teacher"]["low"] < student["of_teacher"]["value"] < student["of_teacher"]["high"]
    assert {row["figures_by"] for row in result["arms"]} == {SHRUNK}
    events = [event for event in photos.tail(run_id)[0] if event["kind"] == "arm"]
    assert [event["figures_by"] for event in events] == [SHRUNK] * 4
    assert [entry["arm"] for entry in result["recovery"]] == ["hybrid-1", "skip-first"]
    assert all(entry["sentence"].startswith(f"By the {SHRUNK}, on the 6 samples that count") for entry in result["recovery"])


def test_a_rerun_has_the_same_figures(photos: Jobs, warm: ModelCache) -> None:
    _, first = execute(photos, warm, arms=["teacher", "student"])
    _, again = execute(photos, ModelCache("cpu"), arms=["teacher", "student"])
    assert measures(first) == measures(again) and first["figures_by"] == again["figures_by"]


def test_a_collapsed_arm_has_none_of_it_and_the_board_says_who_looked(collapsed: Jobs, warm: ModelCache) -> None:
    run_id, result = execute(collapsed, ModelCache("cpu"), seeds=32)
    found = measures(result)
    assert (found["student"]["diversity"]["value"], found["student"]["of_teacher"]["value"]) == (0, 0)
    assert found["teacher"]["diversity"]["low"] > 0
    view = shown(collapsed, run_id)
    board = view.board()
    assert board["headline"]["lead"].startswith(f"By the {SHRUNK}, the hybrid (k = 1) recovers none of the diversity the student")
    assert board["headline"]["tone"] == "does not hold"
    figures = {row["arm"]: row["figures"] for row in board["rows"]}
    assert (figures["student"]["diversity"], figures["student"]["diversity_ci"]) == ("0.00", "[0.00–0.00]")
    assert {one["by"] for one in figures.values()} == {SHRUNK}
    assert {(one["accuracy"], one["why"]) for one in figures.values()} == {("–", "no oracle reads this domain's prompts")}


def test_table_file_and_plot_name_the_judge_and_have_no_columns_of_an_oracle(photos: Jobs, warm: ModelCache) -> None:
    run_id, _ = execute(photos, warm)
    rows = list(shown(photos, run_id).rows.values())
    table = html.unescape(figures_table(rows))
    assert table.count(f'data-label="read by">{SHRUNK}<') == 4
    assert "in distribution" not in table and "FD-oracle" not in table and "entropy" not in table
    assert table.count('data-label="accuracy" title="no oracle reads this domain\'s prompts"><b>–</b>') == 4
    assert table.count('data-label="of the teacher\'s diversity"><b>–</b>') == 1  # the teacher's own
    saved = figures_of(rows)
    assert saved.heads == ["arm", "diversity", "accuracy", "of the teacher's diversity", "NFE", "seconds per image", "read by"]
    assert [row[-1] for row in saved.rows] == [SHRUNK] * 4
    figure = json.loads(plot.cost_figure(rows) or "")
    (heading,) = [note["text"] for note in figure["layout"]["annotations"]]
    assert heading.replace("<br>", " ") == f"<b>Diversity</b>: {SHRUNK}"  # in lines that fit on a phone
    assert all(len(line) < 50 for line in heading.split("<br>"))
    assert "yaxis2" not in figure["layout"] and figure["layout"]["xaxis"]["anchor"] == "y"
    highest = max(row["measures"]["diversity"]["high"] for row in rows)
    assert figure["layout"]["yaxis"]["range"][1] == pytest.approx(1.02 * highest)


def test_rows_of_two_judges_never_stand_together(photos: Jobs, warm: ModelCache) -> None:
    run_id, _ = execute(photos, warm)
    view = shown(photos, run_id)
    view.recovery = []
    view.rows["student"]["by"] = "distance of other features"
    lead = view.board()["headline"]["lead"]
    assert lead.startswith(f"By the {SHRUNK}: Teacher: diversity ") and "Student" not in lead
    rows = list(view.rows.values())
    assert "other features" not in figures_table(rows)
    assert len(json.loads(plot.cost_figure(rows) or "")["data"]) == 3


def test_with_a_clip_the_text_score_stands_in_for_accuracy(
    photos: Jobs, warm: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(save_clip(tmp_path / "tiny-clip")))
    run_id, result = execute(photos, warm)
    assert result["figures_by"]["text"] == "CLIP text score (tiny-clip)"
    judge = open_judge(ModelCache("cpu"))
    assert judge.reader is not None and judge.words is not None
    words = judge.words.read(["a red house"])[0].double()
    for arm, found in measures(result).items():
        by_hand = 100 * judge.reader.read(pictures(photos, run_id, arm)).double() @ words
        assert found["text_score"]["value"] == pytest.approx(float(by_hand.mean()), abs=0.2)
        assert found["text_score"]["low"] < found["text_score"]["value"] < found["text_score"]["high"]
    assert all("CLIP text score of the " in entry["sentence"] for entry in result["recovery"])
    view = shown(photos, run_id)
    assert all(row["figures"]["score"] and row["figures"]["score_ci"] for row in view.board()["rows"])
    assert "distance of tiny-clip features" in figures_table(view.rows.values())
    figure = json.loads(plot.cost_figure(view.rows.values()) or "")
    assert figure["layout"]["annotations"][1]["text"].startswith("<b>CLIP text score</b>")
    assert sum(trace["yaxis"] == "y2" for trace in figure["data"]) == 4
    low, high = figure["layout"]["yaxis2"]["range"]
    assert all(low < found["text_score"]["low"] and found["text_score"]["high"] < high for found in measures(result).values())


@pytest.mark.parametrize("eye", ["Dinov2Model", "package", "none"])
def test_the_best_encoder_here_reads(
    photos: Jobs, warm: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eye: str
) -> None:
    package(tmp_path, monkeypatch)  # is there in all cases
    monkeypatch.setenv(VARIABLE, {"package": "", "none": "none"}.get(eye) or str(save_eye(tmp_path / "eye", "Dinov2Model")))
    if eye == "package":
        monkeypatch.delenv(VARIABLE)
        monkeypatch.setattr("studio.families.perceptual.CACHED", ())
    _, result = execute(photos, ModelCache("cpu"), arms=["teacher", "student"])
    names = {"Dinov2Model": "distance of eye features", "package": "distance of EfficientNet-Lite0 (ImageNet) features",
             "none": SHRUNK}  # fmt: skip
    assert result["figures_by"]["name"] == names[eye]
    assert any(names[eye] in notice for notice in result["notices"])
    assert all(found["diversity"]["value"] > 0 for found in measures(result).values())


def test_the_terminal_names_the_judge_and_why_there_is_no_accuracy(
    photos: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "out", Console(width=200))
    run_id, _ = execute(photos, warm)
    ran = CliRunner().invoke(app, ["runs", "show", run_id, "--data-dir", str(photos.paths.root)], env={"COLUMNS": "200"})
    assert ran.exit_code == 0, ran.output
    assert ran.output.count(SHRUNK) >= 4 and "read by" in ran.output
    assert "No accuracy: no oracle reads this domain's prompts." in ran.output


def test_two_seeds_have_a_distance_without_an_interval_and_one_has_none(photos: Jobs, warm: ModelCache) -> None:
    _, two = execute(photos, warm, seeds=2, arms=["student"])
    found = measures(two)["student"]["diversity"]
    assert found["value"] > 0 and found["low"] is None and "too small for an interval" in found["note"]
    _, one = execute(photos, warm, seeds=1, arms=["student"])
    assert measures(one)["student"]["diversity"]["value"] is None


def test_samples_that_are_no_pictures_are_drawn_and_not_measured(
    photos: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(medium_of(domain_of("plain"))), "pictures", False)
    _, result = execute(photos, warm, arms=["teacher", "student"])
    assert measures(result) == {"teacher": {}, "student": {}}
    assert "figures_by" not in result and NO_ORACLE in result["notices"] and result["recovery"] == []
