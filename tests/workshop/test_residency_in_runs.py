"""Runs say what stays on the device, draw the same under every plan, and give memory back when it ran out."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from studio.core.residency_plan import NAMES
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.worker import run_job
from studio.workshop import session
from studio.workshop.open_models import ModelCache

ASKED = {"prompt": "a red boat", "pair": "tiny/student", "arms": ["teacher", "hybrid-1"], "seeds": "0-1", "teacher_steps": 4}


def run(studio: Jobs, models: ModelCache) -> tuple[str, str, dict[str, Any]]:
    run_id = studio.submit("compare", ASKED)
    state, note = run_job(studio.paths.run(run_id), models=models, registry=load_registry(studio.paths))
    result = studio.result(run_id) or {}
    pictures = [(studio.paths.run(run_id) / image["path"]) for row in result.get("arms", []) for image in row["images"]]
    return state, note, {**result, "pixels": [pixels(path) for path in pictures]}


SCRUB = {"draw": {**ASKED, "arms": ["teacher"]}}
STUDY = {"study": "k-sweep", "pair": "tiny/student", "prompts": ["a red house"], "seeds": 2, "teacher_steps": 3, "control": 0,
         "settings": {"references": [3]}}  # fmt: skip


@pytest.mark.parametrize(("kind", "asked"), [("scrub", SCRUB), ("study", STUDY)])
def test_what_draws_otherwise_follows_a_plan_too(
    studio: Jobs, monkeypatch: pytest.MonkeyPatch, kind: str, asked: dict[str, Any]
) -> None:
    found = {}
    for name in ("everything", "one-network"):
        monkeypatch.setenv("STUDIO_RESIDENCY", name)
        for cells in (studio.paths.cache / "cells").rglob("*"):
            if cells.is_file():
                cells.unlink()  # so that it is drawn again
        run_id, cache = studio.submit(kind, asked), ModelCache("cpu")
        state, note = run_job(studio.paths.run(run_id), models=cache, registry=load_registry(studio.paths))
        assert (state, note) == ("done", ""), name
        said = [str(event["text"]) for event in studio.tail(run_id)[0] if event["kind"] == "notice"]
        assert any("One network at a time" in text for text in said) is (name == "one-network")
        assert all(getattr(kept.thing, "placement", None) is None for kept in cache._open.values())
        files = sorted((studio.paths.run(run_id) / "artifacts").rglob("*.png"))
        result = studio.result(run_id) or {}
        found[name] = [pixels(file) for file in files], result.get("verdicts"), result.get("evaluations")
    assert found["everything"] == found["one-network"]


def pixels(path: Any) -> bytes:
    from PIL import Image

    return Image.open(path).tobytes()


def test_a_run_draws_the_same_under_every_plan_and_says_which(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ModelCache("cpu")
    _, _, plain = run(studio, cache)
    assert plain["residency"].startswith("Both models stay on the device: ") and len(plain["pixels"]) == 4
    assert set(plain["dtypes"].values()) == {"float32"} and plain["residency"] not in plain["notices"]
    for name in NAMES[1:]:
        monkeypatch.setenv("STUDIO_RESIDENCY", name)
        state, note, found = run(studio, cache)
        assert (state, note) == ("done", "") and found["pixels"] == plain["pixels"], name
        assert found["residency"] in found["notices"] and "at most" in found["residency"]
    monkeypatch.setenv("STUDIO_RESIDENCY", "half")
    assert run(studio, cache)[:2] == (
        "failed", "$STUDIO_RESIDENCY is 'half'; auto, everything, encoders-aside, one-network and sequential fit."
    )  # fmt: skip


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_memory_that_ran_out_is_given_back(studio: Jobs, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    cache = ModelCache("cpu")

    def fail(*args: object, **how: object) -> Any:
        cache.device = "cuda" if isinstance(error, torch.OutOfMemoryError) else "cpu"  # as if the models had been there
        raise error

    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    with monkeypatch.context() as broken:
        broken.setattr(session, "encode_plans", fail)
        state, note, _ = run(studio, cache)
    assert state == "failed" and note.startswith("The device ran out of memory; fewer seeds or fewer arms would fit.")
    assert " The models were closed" in note
    assert ("with STUDIO_RESIDENCY=encoders-aside they would hold less" in note) is (cache.device == "cuda")
    assert cache.ids == () and cache.bytes == 0
    cache.device = "cpu"
    assert run(studio, cache)[0] == "done", "and nothing else died"


def test_the_plan_follows_what_is_free(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.workshop import open_models

    registry = load_registry(studio.paths)
    pair = [registry.get("tiny/teacher"), registry.get("tiny/student")]
    cache = ModelCache("cuda", limit_bytes=1)
    monkeypatch.setattr(open_models, "pick_precision", lambda device, dtype: "bfloat16")
    names = []
    for free in (1 << 40, 1):
        monkeypatch.setattr(open_models, "free_bytes", lambda device, free=free: free)
        names.append(cache.planned(pair).name)
    assert names == ["everything", "sequential"]
    monkeypatch.setenv("STUDIO_RESIDENCY", "one-network")
    assert cache.planned(pair).name == "one-network"
