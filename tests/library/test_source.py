"""Where a model's files come from: what is refused, what lies in a folder, and how pickles become tensors."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from studio.core.explain import explain
from studio.library.pickles import file_refused, pipeline_refused
from studio.library.source import Source, choose, found, patterns, why_not
from tests.support.model_hub import pipeline

XL = {"hub": "ada/xl"}
ON_XL = {**XL, "base": "xl/base"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "either hub or path"),
        ({**XL, "path": "x"}, "either hub or path"),
        ({"hub": "xl"}, "owner/name fits"),
        ({"hub": "../up"}, "owner/name fits"),
        ({"hub": "a/..b"}, "owner/name fits"),
        ({**XL, "revision": "a..b"}, "a commit, a tag or a branch fits"),
        ({"path": "x", "revision": "v1"}, "A path has no revisions"),
        ({"path": " "}, "a folder or file fits"),
        ({**XL, "file": "a.safetensors"}, "A pipeline is a whole repository"),
        ({**XL, "holds": "single_file", "like": "sdxl"}, "Which file of ada/xl"),
        ({**ON_XL, "holds": "lora", "file": "../a.safetensors"}, "could lead out of its folder"),
        ({**ON_XL, "holds": "lora", "file": "a.bin"}, "is a pickle"),
        ({**ON_XL, "holds": "lora", "file": "a.gguf"}, "no .safetensors file"),
        ({**XL, "holds": "network", "file": "unet/"}, "stands on a listed model"),
        ({**XL, "variant": "fp16/.."}, "variant"),
        ({**XL, "colour": 1}, "has no field 'colour'"),
    ],
)
def test_what_fits_no_source_is_one_sentence(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError) as error:
        Source.model_validate(given)
    sentence = explain(error.value, Source)
    assert said in sentence and "\n" not in sentence


def test_patterns_let_through_what_is_chosen_and_no_program() -> None:
    index = {"unet": ["d", "U"], "vae": ["d", "V"], "tokenizer": ["t", "T"]}
    source = Source.model_validate({**XL, "variant": "fp16"})
    chosen = choose(source, pipeline(), index)
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in chosen and "vae/diffusion_pytorch_model.safetensors" in chosen
    assert not [
        name for name in chosen if name.endswith((".bin", ".msgpack", ".onnx")) or "/" not in name and "index" not in name
    ]
    assert patterns(Source.model_validate({**ON_XL, "holds": "lora", "file": "a.safetensors"})) == ["a.safetensors"]
    assert all(one.startswith("unet/") for one in patterns(Source.model_validate({**ON_XL, "holds": "network", "file": "unet/"})))


def test_shards_count_only_when_all_are_there() -> None:
    names = {
        "model_index.json",
        "unet/config.json",
        *(f"unet/m-0000{i}-of-00003.safetensors" for i in (1, 2, 3)),
        "unet/m.safetensors.index.json",
    }
    source, index = Source.model_validate(XL), {"unet": ["d", "U"]}
    assert set(choose(source, names, index)) == names
    with pytest.raises(ValueError, match="unet of ada/xl has 2 of its 3 weight files"):
        choose(source, names - {"unet/m-00002-of-00003.safetensors"}, index)
    with pytest.raises(ValueError, match="weights as variant fp16 alone; fp16 as the variant would fit"):
        choose(source, {"model_index.json", "unet/config.json", "unet/m.fp16.safetensors"}, index)
    with pytest.raises(ValueError, match="no files for its part unet"):
        choose(source, {"model_index.json"}, index)


def write(folder: Path, tree: dict[str, bytes]) -> None:
    for name, data in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def test_a_path_is_relative_to_the_file_that_names_it(tmp_path: Path) -> None:
    write(tmp_path / "here", pipeline())
    (tmp_path / "lora.safetensors").write_bytes(b"l")
    beside = tmp_path / "models"
    beside.mkdir()
    assert found(Source(path="../here"), beside) == tmp_path / "here" == found(Source(path=str(tmp_path / "here")))
    assert found(Source(path="../lora.safetensors", holds="lora", base="a/b"), beside) == tmp_path / "lora.safetensors"
    unet = Source(path="../here", holds="network", file="unet/", base="a/b")
    assert (
        found(unet, beside)
        == tmp_path / "here" / "unet"
        == found(Source(path="../here/unet", holds="network", base="a/b"), beside)
    )
    (tmp_path / "here" / "vae" / "config.json").unlink()
    assert found(Source(path="../here"), beside) is None
    assert why_not(Source(path="../here"), beside) == "vae of here has no config.json."
    assert why_not(Source(path="../nowhere"), beside) == "nowhere is not on this machine."


def test_a_link_out_of_a_folder_is_no_file_of_it(tmp_path: Path) -> None:
    write(tmp_path / "here", pipeline())
    weights = tmp_path / "here" / "vae" / "diffusion_pytorch_model.safetensors"
    weights.rename(tmp_path / "elsewhere.safetensors")
    weights.symlink_to(tmp_path / "elsewhere.safetensors")
    assert found(Source(path="here"), tmp_path) is None


def argv(sentence: str) -> list[str]:
    """The words behind `python` of the command in a sentence."""
    command = re.search(r'python (-c ".*?" [^,\n]*)', sentence)
    assert command is not None
    return [sys.executable, *shlex.split(command[1])]


def test_the_command_for_a_file_converts_it(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    torch.save({"state_dict": {"a": whole, "part": whole.view(2, 3)[:, 1], "n": 3}}, tmp_path / "old.ckpt")
    subprocess.run(argv(file_refused("old.ckpt")), cwd=tmp_path, check=True, timeout=300)
    made = load_file(tmp_path / "old.safetensors")
    assert set(made) == {"a", "part"} and made["part"].tolist() == [1.0, 4.0]


@pytest.mark.slow
def test_the_command_for_a_pipeline_converts_it(tmp_path: Path) -> None:
    from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel

    unet = UNet2DModel(sample_size=8, layers_per_block=1, block_out_channels=(8, 8), norm_num_groups=4,
                       down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2)  # fmt: skip
    DDIMPipeline(unet, DDIMScheduler()).save_pretrained(tmp_path / "old", safe_serialization=False)
    assert "pickle alone" in why_not(Source(path="old"), tmp_path)
    subprocess.run(argv(pipeline_refused("old", "unet")), cwd=tmp_path, check=True, timeout=300)
    assert found(Source(path="converted"), tmp_path) == tmp_path / "converted"
