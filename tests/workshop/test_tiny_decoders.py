"""Runs draw by a tiny decoder what they are asked to and say so; pictures are finished by the full one unless told otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from studio.families.tiny_decoder import TinyDecoder
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from tests.families.test_tiny_decoder import tiny

ASKED = {"prompt": "a red boat", "pair": "plain/student", "arms": ["teacher", "student"], "seeds": "0-1", "teacher_steps": 4}


@pytest.fixture
def plain(jobs: Jobs, weights: Path, tmp_path: Path) -> Jobs:
    """The tiny pair without an oracle; its teacher alone has a tiny decoder."""
    tiny().save_pretrained(tmp_path / "tiny")
    more = {"domain": "image", "size": 16}
    for role, about in (("teacher", {"tiny_decoder": str(tmp_path / "tiny")}), ("student", {"teacher": "plain/teacher"})):
        entry = {"id": f"plain/{role}", "title": role, "role": role, "folder": str(weights / role), **more, **about}
        (jobs.paths.models / f"plain-{role}.yaml").write_text(json.dumps(entry))
    return jobs


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many samples tiny decoders draw, call by call."""
    calls: list[int] = []
    whole = TinyDecoder.decode
    monkeypatch.setattr(TinyDecoder, "decode", lambda self, z: (calls.append(len(z)), whole(self, z))[1])
    return calls


def run(studio: Jobs, kind: str, asked: Any, cache: ModelCache) -> tuple[str, dict[str, Any], list[bytes]]:
    run_id = studio.submit(kind, asked)
    state, note = run_job(studio.paths.run(run_id), models=cache, registry=load_registry(studio.paths))
    assert state == "done", note
    result = studio.result(run_id) or {}
    paths = [studio.paths.run(run_id) / image["path"] for row in result["arms"] for image in row["images"]]
    return run_id, result, [Image.open(path).tobytes() for path in paths]


def decoder_of(path: Path) -> str | None:
    """What a picture says that it was drawn by."""
    texts = [json.loads(text) for text in Image.open(path).text.values() if text.startswith("{")]  # type: ignore[attr-defined]
    return next((about.get("decoder") for about in texts if "plan" in about), "nothing is said")


def test_previews_are_drawn_by_it_and_finished_pictures_are_not(plain: Jobs, drawn: list[int]) -> None:
    cache = ModelCache("cpu")
    _, before, pictures = run(plain, "compare", ASKED, cache)
    assert not drawn and "tiny_decoder" not in before and "tiny_decoder" not in before["request"]
    _, result, same = run(plain, "compare", {**ASKED, "tiny_decoder": "previews"}, cache)
    assert drawn == [2] * 3 and same == pictures  # the teacher's steps but its last; the student has none
    assert result["tiny_decoder"] == {"previews": ["plain/teacher"], "pictures": []}
    said = "Previews of plain/teacher are drawn by a tiny decoder; finished pictures by its full autoencoder."
    assert said in result["notices"]
    drawn.clear()
    run_id, result, others = run(plain, "compare", {**ASKED, "tiny_decoder": "all"}, cache)
    assert drawn == [2] * 4 and result["tiny_decoder"]["pictures"] == ["plain/teacher"]
    assert others[:2] != pictures[:2] and others[2:] == pictures[2:]
    told = [decoder_of(plain.paths.run(run_id) / row["images"][0]["path"]) for row in result["arms"]]
    assert told == ["tiny", None]


def test_memory_that_is_short_brings_it_by_itself(plain: Jobs, drawn: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_RESIDENCY", "one-network")
    _, result, _ = run(plain, "compare", ASKED, ModelCache("cpu"))
    assert drawn == [2] * 3 and result["tiny_decoder"]["previews"] == ["plain/teacher"]
    drawn.clear()
    _, result, _ = run(plain, "compare", {**ASKED, "tiny_decoder": "full"}, ModelCache("cpu"))
    assert not drawn and "tiny_decoder" not in result


def test_frames_of_a_scrub_are_drawn_by_it_but_the_last(plain: Jobs, drawn: list[int]) -> None:
    asked = {**ASKED, "arms": ["teacher"], "previews": False, "tiny_decoder": "previews"}
    _, result, _ = run(plain, "scrub", {"draw": asked}, ModelCache("cpu"))
    assert drawn == [2] * 3 and result["tiny_decoder"] == {"previews": ["plain/teacher"], "pictures": []}


def test_what_an_oracle_reads_is_drawn_by_the_full_autoencoder(plain: Jobs, weights: Path, drawn: list[int]) -> None:
    for file in plain.paths.models.glob("plain-*.yaml"):
        entry = {**json.loads(file.read_text()), "domain": "pocket", "oracle": str(weights / "oracle")}
        file.write_text(json.dumps(entry))
    run(plain, "compare", {**ASKED, "tiny_decoder": "previews"}, ModelCache("cpu"))
    assert not drawn


def test_what_cannot_be_is_refused_before_anything_runs(plain: Jobs, tmp_path: Path) -> None:
    def refused(words: str, **more: Any) -> None:
        with pytest.raises(ValueError, match=words):
            plain.submit("compare", {**ASKED, "tiny_decoder": "previews", **more})

    refused("There is no tiny decoder for plain/student; `tiny_decoder` in a model's file names one.", arms=["student"])
    tiny(channels=16).save_pretrained(tmp_path / "tiny")
    refused("tiny cannot be the tiny decoder of plain/teacher: it takes latents of 16 channels and the model has 4.")
    file = plain.paths.models / "plain-teacher.yaml"
    file.write_text(json.dumps({**json.loads(file.read_text()), "tiny_decoder": "someone/taesd"}))
    refused("'someone/taesd', the tiny decoder of plain/teacher, is not here; `hf download someone/taesd` would bring it.")
    plain.submit("compare", ASKED)  # nobody asks for it here
