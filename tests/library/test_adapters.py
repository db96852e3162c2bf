"""The list of adapters, and files that come in and go out, by the command line's own commands."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from studio.capabilities.adapters import commands
from studio.cli.app import app
from studio.core.edit import Edit, EditCard, LowRank
from studio.jobs.jobs import Jobs
from studio.library.adapters import CARD, FILE, home, load_adapters
from studio.library.models import load_registry

LAYERS = {"unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q": (32, 32),
          "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_v": (16, 16)}  # fmt: skip


def edit(rank: int = 2, **card: Any) -> Edit:
    g = torch.Generator().manual_seed(0)
    pairs = {path: LowRank(torch.randn(rank, width_in, generator=g), torch.randn(width_out, rank, generator=g), 3.0)
             for path, (width_out, width_in) in LAYERS.items()}  # fmt: skip
    return Edit(pairs, EditCard(**{"title": "Foreign", "prompts": ("a secret house",), "note": "kept to myself", **card}))


@pytest.fixture
def lora(tmp_path: Path) -> Path:
    from studio.families import adapter_files

    path = tmp_path / "foreign.safetensors"
    adapter_files.write(edit(), path, "kohya", private=True)
    return path


@pytest.fixture(autouse=True)
def console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "out", commands.Console(width=200))
    monkeypatch.setenv("STUDIO_DEVICE", "cpu")


def adapters(jobs: Jobs, *words: str) -> str:
    """What a command prints; a person's mistake raises, as it does before `main` prints it."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        app(["adapters", *words, "--data-dir", str(jobs.paths.root)], standalone_mode=False)
    return " ".join(printed.getvalue().split())


def test_a_file_comes_in_and_goes_out_as_it_was(studio: Jobs, lora: Path, tmp_path: Path) -> None:
    said = adapters(studio, "import", str(lora), "--name", "foreign", "--base", "tiny/teacher")
    assert said == "2 of 2 layers of this kohya file fit the model. Listed as mine/foreign."
    entry = load_adapters(studio.paths).get("mine/foreign")
    assert (entry.title, entry.base, entry.ranks, entry.layers, entry.calibration) == ("Foreign", "tiny/teacher", (2,), 2, 1.0)
    assert "mine/foreign" in adapters(studio, "list", "--model", "tiny/student")
    assert "mine/foreign" not in adapters(studio, "list", "--model", "nano/teacher")
    assert json.loads(adapters(studio, "list", "--json"))[-1]["id"] == "mine/foreign"
    assert "rank: 2 in 2 layers" in adapters(studio, "show", "mine/foreign")

    kept, bare = tmp_path / "kept.safetensors", tmp_path / "bare.safetensors"
    adapters(studio, "export", "mine/foreign", str(kept), "--layout", "kohya")
    adapters(studio, "export", "mine/foreign", str(bare), "--layout", "kohya", "--strip")
    with safe_open(kept, "pt") as one, safe_open(bare, "pt") as other, safe_open(lora, "pt") as first:
        assert set(one.keys()) == set(other.keys()) == set(first.keys())
        assert all(torch.equal(one.get_tensor(k), first.get_tensor(k)) for k in first.keys())  # noqa: SIM118
        assert "a secret house" in str(one.metadata()) and "kept to myself" in str(one.metadata())
        assert "secret" not in str(other.metadata()) and "kept to myself" not in str(other.metadata())
    adapters(studio, "delete", "mine/foreign")
    assert not (home(studio.paths) / "mine" / "foreign").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("import", "LORA", "--name", "a b", "--base", "tiny/teacher"), "The name 'a b' does not fit"),
        (("import", "LORA", "--name", "x", "--base", "tiny/teachr"), "Did you mean 'tiny/teacher'?"),
        (("import", "LORA", "--name", "x", "--base", "nano/teacher"), "was made for another architecture|in this model"),
        (("import", "nowhere.safetensors", "--name", "x", "--base", "tiny/teacher"), "'nowhere.safetensors' is not there"),
        (("export", "mine/nobody", "out.safetensors"), "There is no adapter 'mine/nobody'."),
        (("show", "mine/nobody"), "There is no adapter 'mine/nobody'."),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(studio: Jobs, lora: Path, words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises((ValueError, OSError), match=sentence):
        adapters(studio, *(str(lora) if word == "LORA" else word for word in words))
    assert not list((home(studio.paths) / "mine").glob("*"))


def test_an_unknown_layout_and_a_taken_name_are_refused(studio: Jobs, lora: Path, tmp_path: Path) -> None:
    adapters(studio, "import", str(lora), "--name", "x", "--base", "tiny/teacher")
    with pytest.raises(ValueError, match="There is an adapter mine/x already; another name would fit"):
        adapters(studio, "import", str(lora), "--name", "x", "--base", "tiny/teacher")
    with pytest.raises(ValueError, match="The layout 'onnx' is unknown; diffusers, peft, kohya are there"):
        adapters(studio, "export", "mine/x", str(tmp_path / "x.onnx"), "--layout", "onnx")


def test_what_is_damaged_is_listed_with_its_reason(studio: Jobs, lora: Path) -> None:
    adapters(studio, "import", str(lora), "--name", "good", "--base", "tiny/teacher")
    mine = home(studio.paths) / "mine"
    for name in ("bare", "torn", "odd"):
        shutil.copytree(mine / "good", mine / name)
    (mine / "bare" / FILE).unlink()
    (mine / "torn" / CARD).write_text("{")
    (mine / "odd" / CARD).write_text(json.dumps({"card": {"calibration": "much"}, "ranks": 4, "size": []}))
    known = load_adapters(studio.paths)
    assert known.get("mine/bare").reason == "mine/bare is not on this machine yet: its adapter.safetensors is missing."
    assert known.get("mine/torn").reason == "mine/torn has no readable card.json."
    assert known.get("mine/odd").reason == "The card.json of mine/odd is damaged."
    assert [known.get(f"mine/{n}").available for n in ("good", "bare", "torn", "odd")] == [True, False, False, False]
    teacher = load_registry(studio.paths).get("tiny/teacher")
    assert [entry.id for entry in known.for_model(teacher)] == ["mine/good"]
    with pytest.raises(ValueError, match=r"its adapter\.safetensors is missing"):
        adapters(studio, "export", "mine/bare", "x.safetensors")
