"""Scrubbing pictures that have no oracle: distances between a perceptual encoder's features, or in the model's own space."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.families.perceptual import VARIABLE, open_reader
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.worker import run_job
from studio.workshop.frames import readings_file
from studio.workshop.open_models import ModelCache
from studio.workshop.traces import open_trace
from tests.support.fixtures import PAIR, states
from tests.support.tiny_encoders import save_eye

DRAW = {"prompt": "a red house at night", "pair": PAIR, "seeds": "0-2", "teacher_steps": 5, "arms": ["teacher", "student"]}


@pytest.fixture(scope="module")
def warm() -> ModelCache:
    return ModelCache("cpu")


@pytest.fixture
def photos(studio: Jobs) -> Jobs:
    """The tiny pair as models of pictures that no oracle can read."""
    for file in studio.paths.models.glob("*.yaml"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "domain": "photos", "oracle": None}))
    return studio


def scrub(jobs: Jobs, warm: ModelCache, **request: Any) -> tuple[str, dict[str, Any], list[str]]:
    """(run id, its table, its notices)"""
    run_id = jobs.submit("scrub", request)
    run_job(jobs.paths.run(run_id), models=warm, registry=load_registry(jobs.paths))
    assert states(jobs, run_id)[-1] == "done", (jobs.paths.run(run_id) / "log.txt").read_text()
    table = json.loads(jobs.artifact(run_id, "artifacts/timeline.json").read_bytes())
    return run_id, table, [event["text"] for event in jobs.tail(run_id)[0] if event["kind"] == "notice"]


@pytest.mark.parametrize("kind", ["Dinov2Model", "CLIPVisionModelWithProjection"])
def test_distances_are_between_what_the_encoder_sees(
    photos: Jobs, warm: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    folder = save_eye(tmp_path / "small-eye", kind)
    monkeypatch.setenv(VARIABLE, str(folder))
    run_id, table, notices = scrub(photos, warm, draw=DRAW)
    assert (table["kind"], table["reader"], table["factors"]) == ("features", "small-eye", [])
    assert any("what small-eye sees in two pictures" in text for text in notices)
    reader, trace = open_reader(folder, "small-eye"), open_trace(photos.paths.run(run_id), "teacher")
    model = warm.model(load_registry(photos.paths).get("tiny/teacher"))
    seen = torch.stack([reader.read(model.decode(trace.beliefs(i))) for i in range(5)]).double()
    pairs = [(seen[-1][a] - seen[-1][b]).norm() for a, b in ((0, 1), (0, 2), (1, 2))]
    by_hand = (seen - seen[-1:]).norm(dim=-1).median(1).values / (sum(pairs) / 3)
    assert table["arms"]["teacher"]["distance"]["q50"] == pytest.approx(by_hand.tolist(), abs=5e-3)  # kept in half precision
    assert len(table["arms"]["student"]["distance"]["commit"]) == 3
    for row in table["vanished"]:
        assert set(row) == {"arm", "seed", "near", "strongest", "size"}


def test_features_are_kept_and_read_again_only_by_another_encoder(
    photos: Jobs, warm: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.families.perceptual import Reader

    read: list[str] = []
    real = Reader.read
    monkeypatch.setattr(Reader, "read", lambda self, images: (read.append(self.name), real(self, images))[1])
    monkeypatch.setenv(VARIABLE, str(save_eye(tmp_path / "one", "Dinov2Model")))
    first, table, _ = scrub(photos, warm, draw=DRAW)
    read.clear()
    second, again, _ = scrub(photos, warm, source=first)
    assert read == []  # nothing is looked at twice
    assert again == table
    kept = readings_file(photos.paths.run(first), "teacher")
    before = kept.read_bytes()
    monkeypatch.setenv(VARIABLE, str(save_eye(tmp_path / "two", "CLIPVisionModel")))
    _, other, _ = scrub(photos, warm, source=first)
    assert other["reader"] == "two"
    assert read.count("two") >= 5 + 4 - 1  # every step of both arms; the first one opens with a probe
    assert other["arms"] != table["arms"]
    assert kept.read_bytes() == before  # and the earlier run keeps its own


@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_damaged_encoder_is_said_once_and_the_own_space_stands_in(
    photos: Jobs, warm: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    folder = tmp_path / "small-eye"
    if how == "cut":
        weights = save_eye(folder, "Dinov2Model") / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
    monkeypatch.setenv(VARIABLE, str(folder))
    _, table, notices = scrub(photos, warm, draw=DRAW)
    assert table["kind"] == "latent"
    assert "reader" not in table
    said = [text for text in notices if "no encoder could be opened" in text]  # of the arms' figures, and of the steps' distances
    assert [text.split()[0] for text in said] == ["Pictures", "Distances"]
    assert all("'small-eye'" in text and "\n" not in text for text in said)


def test_without_an_encoder_distances_are_in_the_models_own_space(
    photos: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "none")
    run_id, table, notices = scrub(photos, warm, draw=DRAW)
    assert table["kind"] == "latent"
    assert any("in the model's own space stand in" in text for text in notices)
    assert not readings_file(photos.paths.run(run_id), "teacher").exists()


def test_an_oracle_is_asked_before_any_encoder(
    studio: Jobs, warm: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same pair, scrubbed as photos first: features that were kept are not taken for an oracle's readings."""
    monkeypatch.setenv(VARIABLE, str(save_eye(tmp_path / "small-eye", "Dinov2Model")))
    texts = {file: file.read_text() for file in studio.paths.models.glob("*.yaml")}
    for file, text in texts.items():
        file.write_text(json.dumps({**json.loads(text), "domain": "photos", "oracle": None}))
    as_photos, table, _ = scrub(studio, warm, draw=DRAW)
    assert table["kind"] == "features"
    for file, text in texts.items():
        file.write_text(text)
    _, table, _ = scrub(studio, warm, source=as_photos)
    assert table["kind"] == "oracle"
    assert table["arms"]["teacher"]["factors"]["subject"]["labels"]
