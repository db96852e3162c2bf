"""New words of SD3, Flux and PixArt-α: rows for every CLIP and T5, in conditions, in files, in merged folders, and gone again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline, FluxPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor

from studio.core.domain import told
from studio.core.edit import Edit
from studio.core.rng import generator
from studio.families import open_model
from studio.families.transformer.model import Model
from tests.families.test_transformers import asked, saved
from tests.support.edits import CARD, equal, outputs
from tests.support.tiny_transformers import PIPELINES, WIDTH

WIDTHS = {"sd3": {"": 12, "@2": 16, "@t5": WIDTH}, "sd3-without-t5": {"": 12, "@2": 16}, "schnell": {"": 12, "@t5": WIDTH},
          "pixart": {"@t5": WIDTH}}  # fmt: skip
SAID = ["a <mine> x", "a y"]


def rows(name: str, n: int = 2) -> dict[str, Tensor]:
    return {f"<mine>{mark}": torch.randn(n, width, generator=generator(n, mark)) for mark, width in WIDTHS[name].items()}


@pytest.fixture(params=WIDTHS)
def opened(request: Any, tmp_path: Path) -> tuple[str, Any, Model]:
    return request.param, *saved(PIPELINES[request.param](tmp_path), tmp_path / "model")


def test_a_word_reads_while_it_is_learned_as_it_will_when_it_is_used(opened: tuple[str, Any, Model]) -> None:
    name, _, model = opened
    before, key = outputs(model), model.text_key
    reader = model.new_word("<mine>", 2)
    for own, encoder in zip(reader.encoders, model.held.encoders.values(), strict=True):
        theirs = dict(encoder.named_parameters())
        assert any(weight is theirs[place] for place, weight in own.named_parameters()), (
            "the model's own weights, no copy of them"
        )
    learned = [part.requires_grad_(True) for part in rows(name).values()]
    found = reader(told(SAID), learned)
    assert equal(outputs(model), before)
    with model.knowing([reader.tokens([part.detach() for part in learned])]):
        assert model.text_key != key
        used = model.encode(told(SAID))
        nothing = {part: value[:1] for part, value in model.null(used).items()}
    assert set(found) == set(used) and all(torch.allclose(found[part], used[part], atol=1e-6) for part in used)
    assert all(torch.allclose(reader.empty[part], nothing[part], atol=1e-6) for part in nothing)
    assert not torch.allclose(found["states"][0], model.encode(told(SAID))["states"][0])
    sum(part.float().square().sum() for part in found.values()).backward()  # type: ignore[union-attr]
    assert all(part.grad is not None and bool(part.grad.any(1).all()) for part in learned), "every row of every encoder"
    assert all(weight.grad is None for encoder in model.held.encoders.values() for weight in encoder.parameters())
    assert equal(outputs(model), before) and model.text_key == key


def test_a_word_begins_as_one_that_is_known(opened: tuple[str, Any, Model]) -> None:
    _, _, model = opened
    reader = model.new_word("<mine>", 1)
    with torch.no_grad():
        same = reader(told(["a <mine> x"]), reader.start("b"))
    known = model.encode(told(["a b x"]))
    assert all(torch.allclose(same[part], known[part], atol=1e-6) for part in known)
    assert model.cut_off("a b x").keys() == model.held.encoders.keys()


def test_words_travel_in_files_and_leave_nothing_behind(opened: tuple[str, Any, Model], tmp_path: Path) -> None:
    name, _, model = opened
    before, tokens = outputs(model), rows(name)
    edit = Edit({}, CARD, tokens)
    (file,) = model.adapter_files.write(edit, tmp_path / "word.safetensors")
    keys = {"": "clip_l", "@2": "clip_g", "@t5": "t5xxl"}
    assert set(load_file(file)) == ({"<mine>"} if name == "pixart" else {keys[mark] for mark in WIDTHS[name]})
    again, report = model.adapter_files.read(file)
    assert (again.hash, report.words) == (edit.hash, ("<mine>",))
    model.load_adapter("word", file)
    with model.knowing([tokens]):
        wanted = model.encode(told(SAID))
    assert equal(model.encode(told(SAID)), wanted) and equal(outputs(model), before)
    model.unload_adapter("word")
    assert equal(outputs(model), before) and model._vocabulary.words == ()


def test_a_folder_with_words_merged_into_it_reads_them_in_diffusers(opened: tuple[str, Any, Model], tmp_path: Path) -> None:
    name, _, model = opened
    edit = Edit({}, CARD, rows(name, 1))
    model.adapter_files.merge([(edit, 1.0)], tmp_path / "merged")
    with model.knowing([edit.tokens]):
        wanted = model.encode(told(SAID))
    assert equal(open_model(tmp_path / "merged", "merged").encode(told(SAID)), wanted)  # type: ignore[arg-type]
    empty = {"text_encoder_3": None, "tokenizer_3": None} if name == "sd3-without-t5" else {}
    found, _ = asked(DiffusionPipeline.from_pretrained(tmp_path / "merged", **empty), SAID)
    assert all(torch.allclose(found[part], wanted[part].to(found[part].dtype), atol=1e-5) for part in found)


def test_the_script_of_diffusers_calls_rows_of_t5_otherwise(tmp_path: Path) -> None:
    pipe, model = saved(PIPELINES["schnell"](tmp_path), tmp_path / "model")
    tokens = rows("schnell", 1)
    save_file({"clip_l": tokens["<mine>"], "t5": tokens["<mine>@t5"]}, tmp_path / "<mine>.safetensors")
    edit, _ = model.adapter_files.read(tmp_path / "<mine>.safetensors")
    assert equal(edit.tokens, tokens) and isinstance(pipe, FluxPipeline)
    for part, encoder, words in (("<mine>", "text_encoder", "tokenizer"), ("<mine>@t5", "text_encoder_2", "tokenizer_2")):
        how = {"text_encoder": getattr(pipe, encoder), "tokenizer": getattr(pipe, words)}
        pipe.load_textual_inversion({"<mine>": edit.tokens[part]}, **how)
    with model.knowing([edit.tokens]):
        wanted = model.encode(told(SAID))
    assert all(torch.allclose(part, wanted[name], atol=1e-5) for name, part in asked(pipe, SAID)[0].items())


def test_what_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    model = saved(PIPELINES["pixart"](tmp_path), tmp_path / "model")[1]
    for tokens, words in (
        ({"<mine>": torch.zeros(1, 12)}, "the word '<mine>' has rows for a CLIP; this model has a T5"),
        ({"<Mine>@t5": torch.zeros(1, WIDTH)}, "prompts are read in lower case; '<mine>' would fit"),
        ({"<mine>@t5": torch.zeros(1, 12)}, r"has rows of shape \[1, 12\]; \[n, 32\] would fit"),
        ({"b@t5": torch.zeros(1, WIDTH)}, "the word 'b' is known to this model already"),
    ):
        with pytest.raises(ValueError, match=words):
            model.load_tokens("w", tokens)
        assert model._vocabulary.words == ()
    with pytest.raises(ValueError, match="With 8 rows .* is longer than the 120 tokens that this model reads; fewer rows"):
        model.new_word("<mine>", 8).check([f"{'a ' * 115}<mine>"])
