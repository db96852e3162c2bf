"""The configs that are shipped for single files: the tokenizer is CLIP's, the networks have the sizes of the true ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from studio.families.stable.opening import process_of
from studio.families.stable.original.shipped import LAYOUTS, NAMES

TEXT = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
UNETS = {"sd1": 859_520_964, "sd2-base": 865_910_724, "sd2-v": 865_910_724, "sdxl": 2_567_463_684}
ENCODERS = {"sd1": [123_060_480], "sd2-base": [340_387_840], "sd2-v": [340_387_840], "sdxl": [123_060_480, 694_659_840]}
A_PHOTO_OF_A_CAT = [320, 1125, 539, 320, 2368]


def config(layout: str, part: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((LAYOUTS / layout / part / "config.json").read_text())
    return found


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_these_are_all() -> None:
    assert sorted(path.name for path in LAYOUTS.iterdir() if path.is_dir()) == sorted([*NAMES, "clip"])


@pytest.mark.parametrize("layout", NAMES)
def test_networks_have_the_true_sizes(layout: str) -> None:
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(config(layout, "unet"))
        vae = AutoencoderKL.from_config(config(layout, "vae"))
        parts = [part for part in TEXT if (LAYOUTS / layout / part).is_dir()]
        encoders = [TEXT[part](CLIPTextConfig.from_dict(config(layout, part))) for part in parts]
    assert (parameters(unet), parameters(vae)) == (UNETS[layout], 83_653_863)
    assert [parameters(encoder) for encoder in encoders] == ENCODERS[layout]
    assert unet.config.in_channels == 4 and unet.config.sample_size * 8 == vae.config.sample_size
    assert vae.config.scaling_factor == (0.13025 if layout == "sdxl" else 0.18215)


@pytest.mark.parametrize("layout", NAMES)
def test_tokenizers_are_clips(layout: str, tmp_path: Path) -> None:
    for part in sorted(path.name for path in (LAYOUTS / layout).glob("tokenizer*")):
        folder = tmp_path / part
        shutil.copytree(LAYOUTS / "clip", folder)
        shutil.copy(LAYOUTS / layout / part / "tokenizer_config.json", folder)
        words = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        assert (len(words), words.bos_token_id, words.eos_token_id, words.model_max_length) == (49408, 49406, 49407, 77)
        assert words("a photo of a cat").input_ids == [49406, *A_PHOTO_OF_A_CAT, 49407]
        opens_clip = layout.startswith("sd2") or part == "tokenizer_2"
        assert words("a", padding="max_length").input_ids[3:] == [0 if opens_clip else 49407] * 74


def test_merges_are_all_there() -> None:
    lines = (LAYOUTS / "clip" / "merges.txt").read_text(encoding="utf-8").splitlines()
    vocabulary = json.loads((LAYOUTS / "clip" / "vocab.json").read_text(encoding="utf-8"))
    assert lines[0] == "#version: 0.2" and len(lines) == 1 + 48_894
    assert sorted(vocabulary.values()) == list(range(49_408))
    assert all(first + second in vocabulary for first, second in (line.split() for line in lines[1:]))


@pytest.mark.parametrize("layout", NAMES)
def test_schedules_are_stable_diffusions(layout: str) -> None:
    scheduler = json.loads((LAYOUTS / layout / "scheduler" / "scheduler_config.json").read_text())
    assert scheduler["prediction_type"] == ("v_prediction" if layout == "sd2-v" else "epsilon")
    # the square root of beta goes evenly from sqrt(0.00085) to sqrt(0.012) in 1000 steps (v1-inference.yaml)
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    expected = float((1 - betas).prod())
    alpha, _ = process_of(scheduler).alpha_sigma(torch.tensor(999.0))
    assert float(alpha) ** 2 == pytest.approx(expected, rel=1e-4)
