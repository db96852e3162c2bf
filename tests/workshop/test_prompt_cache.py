"""Prompts are read once between runs, as long as everything that decides the reading is the same, in bounded memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from studio.core.domain import Said
from studio.core.edit import Edit, EditCard, LowRank
from studio.families import open_model
from studio.families.stable.model import Model
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.sampling.prompts import encode_once
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from studio.workshop.prompt_cache import PromptCache
from tests.support import tiny_models

ASKED = {"prompt": "a red boat", "pair": "tiny/student", "arms": ["teacher"], "teacher_steps": 2}


def run(studio: Jobs, models: ModelCache, **more: Any) -> None:
    run_id = studio.submit("compare", {**ASKED, **more})
    assert run_job(studio.paths.run(run_id), models=models, registry=load_registry(studio.paths)) == ("done", "")


def reads(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The texts that are read from now on."""
    asked: list[list[str]] = []
    plain = Model._encode

    def encode(self: Model, prompts: Any) -> Any:
        asked.append(list(prompts))
        return plain(self, prompts)

    monkeypatch.setattr(Model, "_encode", encode)
    return asked


def test_a_second_run_with_another_seed_reads_nothing(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, asked = ModelCache("cpu"), reads(monkeypatch)
    run(studio, cache, seeds=[0])
    first = len(asked)
    assert first == 2  # the prompt and the null
    run(studio, cache, seeds=[1])
    assert len(asked) == first and cache.prompts.hits
    run(studio, cache, seeds=[1], negative="a blue cat", teacher_guidance=3)
    assert ["a blue cat"] in asked
    cache.close()
    assert not cache.prompts.bytes and not len(cache.prompts)


def test_nothing_comes_to_the_device_for_a_prompt_that_is_known(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_RESIDENCY", "encoders-aside")
    cache, needed = ModelCache("cpu"), list[str]()
    plain = Model.need
    monkeypatch.setattr(Model, "need", lambda self, role: (needed.append(role), plain(self, role))[1])
    run(studio, cache, seeds=[0])
    assert "encoders" in needed
    needed.clear()
    run(studio, cache, seeds=[1])
    assert needed and "encoders" not in needed


def test_adapters_on_the_text_and_new_words_are_other_readings(tmp_path: Any) -> None:
    tiny_models.sd_pipeline(tmp_path / "words").save_pretrained(tmp_path / "m")
    model, cache, said = open_model(tmp_path / "m", "m"), PromptCache(), [Said("a red boat")]
    assert isinstance(model, Model)

    def read() -> torch.Tensor:
        return encode_once({"m": model}, said, cache)["m"][0]["states"]

    bare = read()
    assert read().data_ptr() == bare.data_ptr() and cache.hits == 1  # on a CPU the very numbers
    path = "text_encoder." + next(n for n, m in model.parts.encoders[0].named_modules() if n.endswith("q_proj"))
    edit = Edit({path: LowRank(torch.randn(1, 16), torch.randn(16, 1), 1.0)}, EditCard(title="text"))
    model.load_edit("text", edit)
    with model.using([("text", 1.0)]):
        worn = model.encode(said)["states"]
        assert not torch.equal(worn, bare)
    model.load_tokens("word", {"<new>": torch.randn(1, 16)})
    hits = cache.hits
    read()
    assert cache.hits == hits
    model.unload_tokens("word")
    assert torch.equal(read(), bare) and cache.hits == hits + 1


def test_bytes_are_bounded_and_the_oldest_goes_first() -> None:
    def pair() -> Any:
        return {"states": torch.zeros(1, 10)}, {"states": torch.zeros(1, 10)}

    cache = PromptCache(limit=200)
    for name in "ab":
        cache.keep(name, pair())
    assert cache.bytes == 160 and cache.get("a") is not None
    cache.keep("c", pair())
    assert cache.get("b") is None and cache.get("a") is not None and cache.bytes == 160
    cache.keep("d", ({"states": torch.zeros(1, 100)}, {}))  # larger than all the room
    assert cache.get("d") is None and len(cache) == 2
    off = PromptCache(limit=0)
    off.keep("a", pair())
    assert not len(off)
