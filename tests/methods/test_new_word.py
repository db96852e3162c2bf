"""Reading a word whose rows learn, prompts that are true, and rows that stay short."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studio.core.domain import told
from studio.core.rng import generator
from studio.domains.pocket.captions import line_with, parse
from studio.domains.pocket.scene import sample_scene
from studio.families import open_model
from studio.families.stable.new_word import NewWord
from studio.jobs.paths import ROOT
from studio.methods.personalize.rows import TokenRows
from tests.support import tiny_models

NANO = ROOT / "assets" / "nano"
SHOWS = {"subject": "house", "color": "blue"}
WORD = "<my-red-tree>"  # whose letters mean nothing


@pytest.fixture(scope="module")
def nano() -> Any:
    return open_model(NANO / "teacher", "nano/teacher")


@pytest.mark.parametrize("make", [tiny_models.sd_pipeline, tiny_models.sdxl_pipeline], ids=["sd", "sdxl"])
@pytest.mark.parametrize("n", [1, 2])
def test_a_word_reads_while_it_is_learned_as_it_will_when_it_is_used(make: Callable[..., Any], n: int, tmp_path: Path) -> None:
    make(tmp_path / "parts").save_pretrained(tmp_path / "model")
    model = open_model(tmp_path / "model", "tiny")
    before = {name: p.clone() for name, p in model.modules["text_encoder"].named_parameters()}
    reader = NewWord(model, "<mine>", n)
    assert len(reader.tables) == len(model.parts.encoders)
    g = generator(0, "rows")
    rows = [torch.randn(n, table.shape[1], generator=g) * 0.1 for table in reader.tables]
    for part in rows:
        part.requires_grad_(True)
    found = reader(told(["a <mine> x", "a y"]), rows)
    with model.knowing([reader.tokens([part.detach() for part in rows])]):
        used = model.encode(told(["a <mine> x", "a y"]))
        null = {name: part[:1] for name, part in model.null(used).items()}
    assert set(found) == set(used)
    for name, part in used.items():
        torch.testing.assert_close(found[name].detach(), part)
    torch.testing.assert_close(reader.empty, null)
    found["states"].square().sum().backward()
    assert all(part.grad is not None and bool(part.grad.any(1).all()) for part in rows), "every row of every encoder"
    assert all(torch.equal(p, before[name]) for name, p in model.modules["text_encoder"].named_parameters())
    assert model._vocabulary.words == ()


def test_a_word_begins_as_one_that_is_known(nano: Any) -> None:
    reader = NewWord(nano, WORD, 1)
    with torch.no_grad():
        same = reader(told([f"a {WORD} at night"]), reader.start("house"))["states"]
    torch.testing.assert_close(same, nano.encode(told(["a house at night"]))["states"])
    mean = reader.start("")[0]
    torch.testing.assert_close(mean[0], reader.tables[0].mean(0))


def test_what_does_not_fit_is_one_sentence(nano: Any) -> None:
    with pytest.raises(ValueError, match="the word 'house' is known to this model already"):
        NewWord(nano, "house")
    with pytest.raises(ValueError, match="With 8 rows .* is longer than the 16 tokens that this model reads; fewer rows"):
        NewWord(nano, WORD, 8).check([f"a {WORD}", f"a picture by the sea in a {WORD}"])


def test_prompts_are_true_and_leave_what_is_taught_to_the_word() -> None:
    rng = np.random.default_rng(0)
    lines = set()
    for i in range(40):
        scene = sample_scene(np.random.default_rng(i), **SHOWS)
        line = line_with(scene, WORD, SHOWS, rng)
        lines.add(line)
        stated = parse(line, (WORD,)).stated
        assert WORD in line
        assert not set(stated) & set(SHOWS)
        assert all(getattr(scene, name) == value for name, value in stated.items())
    assert len(lines) > 8
    look = line_with(sample_scene(np.random.default_rng(1), time="night", subject="car"), WORD, {"time": "night"}, rng)
    assert f"{WORD} car" in look


def test_rows_are_never_longer_than_the_longest_of_the_table() -> None:
    table = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    rows = TokenRows([torch.tensor([[30.0, 40.0], [0.3, 0.4]])], [table])
    torch.testing.assert_close(rows()[0], torch.tensor([[3.0, 4.0], [0.3, 0.4]]))
