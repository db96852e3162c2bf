"""Files that are no adapter for the model: one sentence each, quickly, and nothing is unpickled."""

from __future__ import annotations

import json
import pickle
import random
import struct
import time
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.families.adapter_files import read, targets, write
from tests.support import tiny_models
from tests.support.edits import random_edit

LINEAR = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    pipe = tiny_models.sd_pipeline(tmp_path_factory.mktemp("sd"))
    return targets({"unet": pipe.unet, "text_encoder": pipe.text_encoder})


@pytest.fixture(scope="module")
def good(tmp_path_factory, modules):
    file = tmp_path_factory.mktemp("good") / "good.safetensors"
    write(random_edit(modules, keep=lambda path: "attn1" in path), file, "kohya")
    return file


class Bomb:
    """Unpickling this leaves a file behind."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


def said(path: Path, modules, kind: type[Exception] = ValueError) -> str:
    began = time.perf_counter()
    with pytest.raises(kind) as error:
        read(path, modules)
    assert time.perf_counter() - began < 1.0
    sentence = str(error.value)
    assert 20 < len(sentence) < 600
    assert "\n" not in sentence
    return sentence


def pair(rank=2, into=16, out=16, **more) -> dict[str, torch.Tensor]:
    return {f"{LINEAR}.lora_A.weight": torch.ones(rank, into), f"{LINEAR}.lora_B.weight": torch.ones(out, rank), **more}


@pytest.mark.parametrize("name", ["a.bin", "a.pt", "a.ckpt", "a.safetensors"])
@pytest.mark.parametrize("zipped", [False, True])
def test_pickles_are_recognised_and_never_opened(modules, tmp_path, name, zipped):
    content = pickle.dumps({"w": Bomb(tmp_path / "ran")})
    (tmp_path / name).write_bytes(content)
    if zipped:
        with zipfile.ZipFile(tmp_path / name, "w") as z:
            z.writestr("archive/data.pkl", content)
    assert "pickle, which can run code" in said(tmp_path / name, modules).replace(" (whatever its name)", "")
    assert not (tmp_path / "ran").exists()


def test_a_folder_with_a_pickle_alone_is_refused(modules, tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2}))
    (tmp_path / "adapter_model.bin").write_bytes(b"PK\x03\x04")
    assert "as a pickle" in said(tmp_path, modules)
    (tmp_path / "adapter_config.json").unlink()
    assert "is a pickle" in said(tmp_path, modules)


def test_files_that_are_not_there_or_hold_nothing(modules, tmp_path):
    assert "is not there" in said(tmp_path / "none.safetensors", modules, FileNotFoundError)
    (tmp_path / "empty.safetensors").touch()
    assert "is empty" in said(tmp_path / "empty.safetensors", modules)
    (tmp_path / "folder").mkdir()
    assert "holds no files" in said(tmp_path / "folder", modules)
    (tmp_path / "folder" / "readme.md").write_text("hello")
    assert "no adapter among its 1 files" in said(tmp_path / "folder", modules)
    for name in ("a", "b"):
        save_file(pair(), tmp_path / "folder" / f"{name}.safetensors")
    assert "holds 2 adapters" in said(tmp_path / "folder", modules)
    save_file({}, tmp_path / "bare.safetensors")
    assert "none of the 0 layers" in said(tmp_path / "bare.safetensors", modules)


def test_content_of_another_kind(modules, tmp_path, good):
    file = tmp_path / "a.safetensors"
    for content, words in (
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
        (b"\x00" * 100, "is no safetensors file"),
        (b"abc", "is no safetensors file"),
    ):
        file.write_bytes(content)
        assert words in said(file, modules)
    whole = good.read_bytes()
    for cut in (9, 200, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        assert "cut short or damaged" in said(file, modules)
    with pytest.raises(ValueError, match="adapters of up to 0.0 GB are read"):
        read(good, modules, limit_bytes=1000)


def test_hostile_headers(modules, tmp_path):
    file = tmp_path / "a.safetensors"

    def header(content: object, body: bytes = b"\0" * 64) -> None:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        file.write_bytes(struct.pack("<Q", len(raw)) + raw + body)

    file.write_bytes(struct.pack("<Q", 2**63) + b'{"a":1}')
    assert "its header would take" in said(file, modules)
    header(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}")
    assert "is not JSON" in said(file, modules)
    header(b'{"a":' + b"9" * 10_000 + b"}")
    said(file, modules)
    header(b"{" + b"\xff" * 100)
    assert "is not JSON" in said(file, modules)
    header({"__metadata__": {"a": 1}})
    assert "something else than strings" in said(file, modules)
    described = [("F32", [2**40], [0, 64]), ("F32", [-4], [0, 16]), ("F32", [4], [0, 1600]), ("F99", [4], [0, 16]),
                 ("F32", [4], [16, 0]), ("F32", [True], [0, 4]), (["F32"], "x", None)]  # fmt: skip
    for entry in (*(dict(zip(("dtype", "shape", "data_offsets"), d, strict=True)) for d in described), [1, 2], None):
        header({f"{LINEAR}.lora_A.weight": entry})
        assert "lies outside the file or has no known type" in said(file, modules)


def test_weights_that_cannot_be_used(modules, tmp_path):
    file = tmp_path / "a.safetensors"
    for content, words in (
        (pair(into=768, out=320), r"made for another architecture (Stable Diffusion 1 by its text width)"),
        ({k: t[0] for k, t in pair().items()}, "matrices [16] and [2]"),
        (pair(out=17), "[2, 16] and [17, 2], and [2, 16] and [16, 2] would fit"),
        (pair(rank=0), "has rank 0"),
        ({f"{LINEAR}.lora_A.weight": torch.ones(2, 16)}, "has down alone"),
        ({f"{LINEAR}.lora_A.weight": torch.ones(2, 16), f"{LINEAR}.lora_B.weight": torch.ones(16, 3)}, "and [16, 2] would fit"),
        ({f"{LINEAR}.lora_A.weight": torch.tensor(1.0), f"{LINEAR}.lora_B.weight": torch.ones(16, 3)}, "has rank 0"),
        (pair(**{f"{LINEAR}.alpha": torch.tensor(float("nan"))}), "alpha of nan"),
        (pair(**{f"{LINEAR}.alpha": torch.ones(3)}), "one number would fit"),
        (pair(**{LINEAR.replace(".to_k", ".processor.to_k_lora.down.weight"): torch.ones(2, 16)}), "down alone"),
        ({k: v * float("nan") for k, v in pair().items()}, "hold NaN"),
        ({k: v * float("inf") for k, v in pair().items()}, "hold NaN or infinity"),
        ({k: v.int() for k, v in pair().items()}, "whole numbers"),
        ({"transformer.single_transformer_blocks.0.proj.lora_A.weight": torch.ones(2, 4)}, "It was made for Flux"),
        ({"lora_unet_nothing_like_it.lora_down.weight": torch.ones(2, 4)}, "none of the 1 layers"),
        ({f"model.diffusion_model.input_blocks.{i}.0.weight": torch.ones(4) for i in range(9)}, "holds no low-rank pairs"),
    ):  # fmt: skip
        save_file({name: t.contiguous() for name, t in content.items()}, file)
        assert words in said(file, modules), words


def test_infinite_weights_in_half_precision_are_found(modules, tmp_path):
    save_file({k: (v * 1e30).half() for k, v in pair().items()}, tmp_path / "a.safetensors")
    assert "infinity" in said(tmp_path / "a.safetensors", modules)


@pytest.mark.parametrize(("key", "kind"), [
    ("lora_unet_x.dora_scale", "DoRA"), (f"{LINEAR}.lora_magnitude_vector", "DoRA"), ("lora_unet_x.hada_w1_a", "LoHa"),
    ("lora_unet_x.lokr_w1", "LoKr"), ("lora_unet_x.lora_mid.weight", "LoCon with a core factor"),
    ("lora_unet_x.diff", "full weight"), ("lora_unet_x.oft_blocks", "OFT"), (f"{LINEAR}.lora_B.bias", "LoRA with biases"),
])  # fmt: skip
def test_other_kinds_of_adapter_are_named(modules, tmp_path, key, kind):
    save_file(pair(**{key: torch.ones(2, 2)}), tmp_path / "a.safetensors")
    assert f"{kind}" in said(tmp_path / "a.safetensors", modules)


def test_configurations_that_cannot_be_followed(modules, tmp_path):
    write(random_edit({"unet": modules["unet"]}), tmp_path / "p", "peft")
    config = tmp_path / "p" / "adapter_config.json"
    own = json.loads(config.read_text())
    for change, words in (
        ({"peft_type": "LOHA"}, "'LOHA' adapter"),
        ({"use_dora": True}, "DoRA"),
        ({"lora_alpha": "much"}, "lora_alpha is 'much'"),
        ({"lora_alpha": -1}, "alpha of -1"),
        ({"alpha_pattern": {"(a+)+$": 3}}, "is an expression"),
        ({"alpha_pattern": 3}, "alpha_pattern is '3'"),
    ):
        config.write_text(json.dumps({**own, **change}))
        assert words in said(tmp_path / "p", modules)
    config.write_text("{")
    assert "'adapter_config.json' is not JSON" in said(tmp_path / "p", modules)
    save_file(pair(), tmp_path / "a.safetensors", {"lora_adapter_metadata": json.dumps({"unet.use_dora": True})})
    assert "DoRA" in said(tmp_path / "a.safetensors", modules)


@pytest.mark.parametrize("layout", ["kohya", "diffusers"])
def test_damaged_headers_never_end_in_anything_but_a_sentence(modules, tmp_path, layout):
    file = tmp_path / "good.safetensors"
    write(random_edit(modules, keep=lambda path: "attn1" in path), file, layout, private=True)
    whole = file.read_bytes()
    end = 8 + int.from_bytes(whole[:8], "little")
    draw, read_anyway = random.Random(11), 0
    for i in range(300):
        damaged = bytearray(whole)
        for _ in range(draw.choice((1, 2, 8, 40))):
            at = draw.randrange(0 if i % 10 == 0 else 8, end)
            damaged[at] = draw.choice((draw.randrange(256), draw.choice(b'0123456789{}[]",:-.')))
        if i % 3 == 0:
            cut = draw.randrange(8, end)
            damaged = damaged[:cut] + damaged[cut + draw.randrange(1, 30) :]
        path = tmp_path / f"damaged-{i % 2}.safetensors"
        path.write_bytes(damaged)
        try:
            read(path, modules)
            read_anyway += 1
        except (ValueError, FileNotFoundError) as error:
            assert "\n" not in str(error), error
    assert 0 < read_anyway < 300


def test_the_good_file_is_read(modules, good):
    assert len(read(good, modules)[0].pairs) == len(load_file(good)) // 3
