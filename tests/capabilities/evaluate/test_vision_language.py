"""A vision-language model as a judge: a tiny one is opened and asked, and what does not fit is said in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from studio.capabilities.evaluate.judges import NotHere, Opening
from studio.capabilities.evaluate.judges.vision_language import VARIABLE, ByVisionLanguage, _answer, open_vision_language
from studio.domains import domain_of
from studio.library.checklist import checks
from studio.library.models import load_registry
from studio.workshop.open_models import ModelCache
from tests.support.tiny_encoders import save_eye

MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]"]
WORDS = [*MARKS, "yes", "no", "is", "the", "there", "a", "red", "house", "answer", "or", "then", "say", "in", "words", "what"]
POCKET = domain_of("pocket")


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import BertTokenizer, BlipConfig, BlipForQuestionAnswering, BlipProcessor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    folder = tmp_path_factory.mktemp("blip")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = BertTokenizer(str(folder / "vocab.txt"))
    tokenizer.model_max_length = 64
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    place = WORDS.index
    marks = {"bos_token_id": place("[DEC]"), "eos_token_id": place("[SEP]"), "sep_token_id": place("[SEP]"), "pad_token_id": 0}
    sizes = {"vocab_size": len(WORDS), "encoder_hidden_size": 16, "max_position_embeddings": 64, "projection_dim": 8}
    text = {**small, **sizes, **marks}
    torch.manual_seed(0)
    config = BlipConfig(text_config=text, vision_config={**small, "image_size": 32, "patch_size": 16}, projection_dim=8)
    BlipForQuestionAnswering(config).save_pretrained(folder)
    BlipProcessor(BlipImageProcessorPil(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)
    return folder


def opening(choice: str | Path = "") -> Opening:
    return Opening(POCKET, load_registry().get("nano/teacher"), ModelCache(), choice=str(choice))


def test_a_tiny_model_answers_every_question(blip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(blip))
    judge = open_vision_language(opening())
    assert isinstance(judge, ByVisionLanguage) and judge.key.startswith(f"vision-language {blip.name} ")
    said = POCKET.read("a red house by the sea")
    asked = [checks(POCKET, said), checks(POCKET, said)[:1], checks(POCKET, said)]  # 9 questions in two batches
    pictures = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    rows = judge.answers(pictures, [said] * 3, asked)
    assert [len(row) for row in rows] == [len(row) for row in asked]
    assert all(0 <= answer.score <= 1 and 0 < len(answer.reason) <= 160 for row in rows for answer in row)
    again = open_vision_language(opening(blip)).answers(pictures, [said] * 3, asked)
    assert again == rows
    alone = judge.answers(pictures[2:], [said], asked[2:])[0]
    for one, other in zip(alone, rows[2], strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-4)


def test_the_score_is_that_of_yes_against_no(blip: Path) -> None:
    judge = open_vision_language(opening(blip))
    assert isinstance(judge, ByVisionLanguage)
    logits = torch.zeros(3, len(WORDS))
    logits[0, WORDS.index("yes")], logits[1, WORDS.index("no")], logits[2, WORDS.index("house")] = 9, 9, 20
    yes, no, neither = judge._yes(logits)
    assert yes is not None and yes > 0.99 and no is not None and no < 0.01 and neither is None


def test_where_there_is_no_share_the_words_decide() -> None:
    assert _answer("Yes, a red house.", None).score == 1 and _answer(" no: blue", None).score == 0
    maybe = _answer("November", None)
    assert maybe.score == 0.5 and not maybe.yes and _answer("", 0.9).reason == "it says nothing"
    assert _answer("yes", 0.2).score == 0.2


def test_what_does_not_fit_is_said_in_one_sentence(blip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "empty").mkdir()
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text((blip / "config.json").read_text())
    torch.save({}, pickled / "pytorch_model.bin")
    bare = tmp_path / "bare"
    bare.mkdir()
    for file in ("config.json", "model.safetensors"):
        (bare / file).write_bytes((blip / file).read_bytes())
    vilt = tmp_path / "vilt"
    vilt.mkdir()
    (vilt / "config.json").write_text(json.dumps({"architectures": ["GPT2LMHeadModel"]}))
    for choice, said in {
        "": "No vision-language model is named",
        str(tmp_path / "gone"): "is not there",
        str(tmp_path / "empty"): "has no readable config.json",
        str(save_eye(tmp_path / "eye", "Dinov2Model")): "holds 'Dinov2Model'",
        str(vilt): "holds 'GPT2LMHeadModel'",
        str(pickled): "pickles are not opened",
        str(bare): "cannot be opened",
    }.items():
        with pytest.raises(NotHere) as error:
            open_vision_language(opening(choice))
        assert said in str(error.value) and str(error.value).endswith(".") and "\n" not in str(error.value), str(error.value)
