"""New words as jobs: requests, a run to the end, off and on again, pictures of one's own, and the word in a prompt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import Tensor
from typer.testing import CliRunner

from studio.capabilities.adapters.commands import app
from studio.capabilities.words import measure, work
from studio.capabilities.words.measure import prompts_for
from studio.capabilities.words.request import WordRequest
from studio.domains.pocket.captions import parse
from studio.domains.pocket.face import PocketWorld
from studio.jobs.jobs import Jobs
from studio.jobs.paths import PRESETS
from studio.jobs.spec_file import read_spec_file
from studio.library.adapters import load_adapters
from studio.library.models import load_registry
from studio.worker import run_job
from studio.workshop import arms_measured
from tests.capabilities.distill.test_distill import assert_equal, checkpoint, here, of_kind
from tests.capabilities.sliders.test_slider import hall, pair  # noqa: F401 - fixtures
from tests.support.fixtures import PAIR


def request(**fields: Any) -> dict[str, Any]:
    return {"name": "mine", "base": "tiny/teacher", "shows": {"subject": "house", "color": "blue"}, "init": "house", "rows": 2,
            "steps": 4, "n_scenes": 4, "batch": 2, "measure_seeds": 2, **fields}  # fmt: skip


@pytest.fixture
def studio(hall: Jobs, monkeypatch: pytest.MonkeyPatch) -> Jobs:  # noqa: F811
    monkeypatch.setattr(arms_measured, "TEACHER_STEPS", 2)
    monkeypatch.setattr(measure, "N_TAILS", 1)
    return hall


def folder_of(where: Path, n: int = 3) -> Path:
    where.mkdir(parents=True)
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 255, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(where / f"{i}.png")
    return where


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "../x"}, "The name '../x' does not fit"),
    ({"base": "tiny/teachr"}, "Did you mean 'tiny/teacher'?"),
    ({"base": PAIR}, "tiny/student is a student; a word of its teacher tiny/teacher works on it, so train that."),
    ({"word": "mine"}, "The word 'mine' does not fit"),
    ({"word": "<my house>"}, "in angle brackets would, like <mine>."),
    ({"shows": {}}, "A word needs something to mean"),
    ({"shows": {"subject": "castle"}}, "subject cannot be 'castle'; it is one of house"),
    ({"shows": {"colour": "blue"}}, "There is no factor 'colour'; factors are"),
    ({"shows": {"time": "day", "stars": "many"}}, "stars shine at night only."),
    ({"init": "castle"}, "'castle' is not a word that tiny/teacher knows."),
    ({"init": "hous"}, "Did you mean 'house'?"),
    ({"rows": 9}, "rows is 9; at most 8 fits."),
    ({"lr": float("nan")}, "lr"),
    ({"steps": 0}, "steps is 0; at least 1 fits."),
    ({"steps": 10_000, "sample_every": 1}, "which makes more than 1,000 in 10,000 steps; 10 fits."),
    ({"trainer": {"checkpoint_evry": 3}}, "Did you mean 'checkpoint_every'?"),
    ({"pictures": "nowhere"}, "There is no folder 'nowhere'; one that holds pictures of one thing would fit."),
    ({"pictures": "../../etc"}, "'../../etc' is no folder of pictures here"),
    ({"pictures": "empty"}, "'empty' holds no pictures; PNG, JPEG or WebP files would fit."),
    ({"pictures": "broken"}, "'a.png' in broken is no picture that can be read"),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED)
def test_a_request_that_does_not_fit_is_refused_in_one_sentence(studio: Jobs, fields: dict[str, Any], said: str) -> None:
    for name in ("empty", "broken"):
        (studio.paths.root / "uploads" / name).mkdir(parents=True)
    (studio.paths.root / "uploads" / "broken" / "a.png").write_bytes(b"no picture")
    with pytest.raises(ValueError) as error:
        studio.submit("word", request(**fields))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_run_trains_shows_measures_and_lists_a_word_that_prompts_can_use(studio: Jobs) -> None:
    run_id = studio.submit("word", request(sample_every=2))
    assert (studio.get(run_id).lane, studio.get(run_id).title) == ("batch", "mine: the word <mine> on tiny/teacher, 4 steps")
    assert here(studio, run_id) == ("done", "")
    strips = of_kind(studio, run_id, "strip")
    assert [s["step"] for s in strips] == [0, 2, 4]
    assert all((studio.paths.run(run_id) / s["strip"]).is_file() for s in strips)
    assert (strips[0]["columns"], strips[0]["count"], strips[0]["prompts"]) == (["without", "with"], 4, ["a <mine>"])
    result = studio.result(run_id)
    assert result is not None
    assert (result["adapter"], result["word"], result["notices"]) == ("mine/mine", "<mine>", [])
    assert [row["arm"] for row in result["shown"]] == ["teacher", PAIR, "hybrid-1"]
    for row in result["shown"]:
        assert row["told"]["prompts"] == ["a blue house"]
        assert row["without"]["prompts"] == ["a house"]
        for side in ("with", "without", "told"):
            share = row[side]["shown"]
            assert share["n"] == 2
            assert 0 <= share["low"] <= share["value"] <= share["high"] <= 1
            assert set(row[side]["factors"]) == {"subject", "color", "exactly one subject"}
    entry = load_adapters(studio.paths).get("mine/mine")
    assert (entry.words, entry.layers, entry.ranks, entry.run) == (("<mine>",), 0, (), run_id)
    assert entry.card["measured"]["shown"][PAIR]["with"] == result["shown"][1]["with"]
    assert entry.fits(load_registry(studio.paths).get(PAIR))
    told = CliRunner().invoke(app, ["show", "mine/mine", "--data-dir", str(studio.paths.root)])
    share = result["shown"][1]["with"]["shown"]
    assert told.exception is None and "told in known" in told.output and f"{share['value']:.0%} [" in told.output
    compared = studio.submit(
        "compare",
        {"prompt": "a <mine> at night", "pair": PAIR, "adapters": ["mine/mine"], "arms": ["teacher", "student"], "seeds": [0],
         "teacher_steps": 2},
    )  # fmt: skip
    assert run_job(studio.paths.run(compared), registry=load_registry(studio.paths)) == ("done", "")
    outcome = studio.result(compared)
    assert outcome is not None
    assert not [text for text in outcome["notices"] if "mine" in text]
    assert "<mine>" in json.dumps(outcome)
    with pytest.raises(ValueError, match="There is an adapter mine/mine already"):
        studio.submit("word", request())


@pytest.mark.slow
def test_a_run_that_is_stopped_and_resumed_ends_as_one_that_was_not(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = studio.submit("word", request(name="straight", word="<it>", sample_every=2))
    assert here(studio, straight) == ("done", "")
    run_id = studio.submit("word", request(name="broken-off", word="<it>", sample_every=2))
    real = work.samples

    def stop_at_the_strip(*args: Any, **how: Any) -> Tensor:
        if len(of_kind(studio, run_id, "strip")) == 1:
            studio.stop(run_id)
        return real(*args, **how)

    monkeypatch.setattr(work, "samples", stop_at_the_strip)
    assert here(studio, run_id) == ("stopped", "Stopped at step 2 of 4; a checkpoint is saved.")
    monkeypatch.setattr(work, "samples", real)
    studio.resume(run_id)
    assert here(studio, run_id) == ("done", "")
    assert_equal(checkpoint(studio, run_id), checkpoint(studio, straight))
    results = [studio.result(i) for i in (run_id, straight)]
    assert results[0] is not None
    assert results[1] is not None
    assert results[0]["shown"] == results[1]["shown"]


@pytest.mark.slow
def test_a_word_is_learned_from_a_folder_of_pictures(studio: Jobs) -> None:
    folder_of(studio.paths.root / "uploads" / "cup")
    run_id = studio.submit("word", request(name="cup", shows={}, pictures="cup", rows=1, init=""))
    assert here(studio, run_id) == ("done", "")
    result = studio.result(run_id)
    assert result is not None
    assert result["shown"] == []
    assert result["notices"] == ["Nobody reads whether pictures show what the word was taught, so nothing is measured."]
    assert load_adapters(studio.paths).get("mine/cup").words == ("<cup>",)
    kept = list((studio.paths.root / "cache" / "material").rglob("word-pictures-*.safetensors"))
    assert len(kept) == 1
    measured = studio.submit("word", request(name="cup-2", shows={"subject": "house"}, pictures="cup", rows=1))
    assert here(studio, measured) == ("done", "")
    assert (studio.result(measured) or {})["shown"][0]["with"]["prompts"] == ["a <cup-2>"]


def test_prompts_with_the_word_say_nothing_of_what_is_taught() -> None:
    night = prompts_for(PocketWorld(), {"time": "night"}, "<x>", "")
    assert night["with"][:2] == ["a <x> house", "a <x> house by the sea"]
    assert night["without"][:2] == ["a house", "a house by the sea"]
    assert night["told"][:2] == ["a house at night", "a house by the sea at night"]
    assert not any("time" in parse(line, ("<x>",)).stated for line in night["with"])
    orange = prompts_for(PocketWorld(), {"subject": "tree", "color": "orange", "size": "small"}, "<x>", "")
    assert (orange["without"][0], orange["told"][0]) == ("a picture", "a small orange tree")
    assert prompts_for(PocketWorld(), {"color": "orange"}, "<x>", "")["told"][0] == "an orange house"
    assert "told" not in prompts_for(PocketWorld(), {"position": "left"}, "<x>", "")


@pytest.mark.parametrize("file", sorted((PRESETS / "jobs" / "words").glob("*.yaml")), ids=lambda f: Path(f).stem)
def test_presets_are_whole_requests(file: Path) -> None:
    kind, fields = read_spec_file(file)
    assert kind == "word"
    assert WordRequest.model_validate(fields).name == file.stem
