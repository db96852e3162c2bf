"""Words of a prompt that text encoders do not read are named, exactly, by each model's own tokenizers."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.core.domain import told
from studio.families import open_model
from studio.workshop.cut_words import cut_words
from tests.support import tiny_models
from tests.support.tiny_transformers import PIPELINES

# A letter is a token; CLIPs read 12 with the first and the last, which every prompt has.
PROMPT = "abc defg hij klmn op"


@pytest.mark.parametrize("make", [tiny_models.sd_pipeline, tiny_models.sdxl_pipeline])
def test_the_first_word_that_is_not_read_whole_and_all_behind_it(make, tmp_path: Path) -> None:
    make(tmp_path).save_pretrained(tmp_path / "model")
    model = open_model(tmp_path / "model", "m")
    assert cut_words("prompt", PROMPT, {"m": model, "n": model}) == [
        "The prompt is longer than m and n reads, and this is cut off: 'klmn op'."
    ]
    assert set(model.cut_off("abc defg hij k").values()) == {"k"}  # type: ignore[attr-defined]
    assert not any(model.cut_off("abc defg hij").values()) and not cut_words("prompt", "", {"m": model})  # type: ignore[attr-defined]
    assert set(model.cut_off("abcdefghijklmno x").values()) == {"abcdefghijklmno x"}  # type: ignore[attr-defined]
    read = [model.encode(told([text]))["states"] for text in ("abc defg hij", PROMPT, "abc defg hij other", "abc defg hi")]
    assert (read[0] == read[1]).all() and (read[0] == read[2]).all()  # what is cut off says nothing
    assert not (read[0] == read[3]).all()  # and what is not, does


def test_encoders_that_read_more_are_told_apart(tmp_path: Path) -> None:
    PIPELINES["sd3"](tmp_path).save_pretrained(tmp_path / "model")
    model = open_model(tmp_path / "model", "m")
    (said,) = cut_words("prompt", PROMPT, {"m": model})
    assert said == "The prompt is longer than the text_encoder and text_encoder_2 of m reads, and this is cut off: 'klmn op'."
    assert len(cut_words("prompt", "abcdefgh " * 40, {"m": model})) == 2  # T5 reads 256


def test_pixart_reads_with_t5_alone(tmp_path: Path) -> None:
    PIPELINES["pixart"](tmp_path).save_pretrained(tmp_path / "model")
    model = open_model(tmp_path / "model", "m")
    words = " ".join(["abcdefghi"] * 20)
    assert model.cut_off(words) == {"text_encoder": " ".join(["abcdefghi"] * 7)}  # type: ignore[attr-defined]
