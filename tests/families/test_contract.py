"""What a family says of a folder without torch is what opening it gives, and what cannot be opened is not listed as ready."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from studio.families import FAMILIES, describe, family_of, open_model
from studio.families.stable.face import StableDiffusion
from studio.jobs.paths import ROOT, open_paths
from studio.library.models import load_registry
from tests.support.folders import pretended
from tests.support.tiny_transformers import PIPELINES

NANO = ROOT / "assets" / "nano"


@pytest.mark.parametrize("name", ["teacher", "dmd2", "lcm"])
def test_what_is_described_is_what_opens(name: str) -> None:
    found, model = describe(NANO / name), open_model(NANO / name)
    assert found.reason == ""
    assert (found.shape, found.prediction) == (model.shape, model.denoiser.prediction)
    assert found.architecture and not found.embeds_guidance and not found.reads_besides
    family = family_of(NANO / name)
    assert family is FAMILIES.get("stable") and family.timesteps(NANO / name, 4, None)[0] < 1000


@pytest.mark.parametrize("name", PIPELINES)
def test_what_is_described_of_a_transformer_is_what_opens(name: str, tmp_path: Path) -> None:
    PIPELINES[name](tmp_path).save_pretrained(tmp_path / "model")
    folder = tmp_path / "model"
    found, model = describe(folder), open_model(folder)
    assert found.reason == "" and found.architecture and not found.reads_besides
    assert (found.shape, found.prediction) == (model.shape, model.denoiser.prediction)
    assert found.guidance == model.default_guidance
    assert found.embeds_guidance == (name == "dev") == (model.embedded_guidance != 1)
    assert family_of(folder) is FAMILIES.get("transformer")


def test_a_transformer_that_is_listed_has_its_own_guidance_and_grid(tmp_path: Path) -> None:
    paths = open_paths(tmp_path / "data")
    for name in ("sd3", "schnell"):
        PIPELINES[name](tmp_path / name).save_pretrained(paths.models / name)
        entry = {"id": f"mine/{name}", "title": name, "role": "teacher", "domain": "photos", "size": 16, "folder": name}
        (paths.models / f"{name}.yaml").write_text(yaml.safe_dump(entry))
    listed = load_registry(paths)
    assert (listed.get("mine/sd3").guidance, listed.get("mine/schnell").guidance) == (7.0, 1.0)
    assert listed.get("mine/schnell").timesteps(4) == (1000.0, 750.0, 500.0, 250.0)
    assert listed.get("mine/sd3").timesteps(2) == pytest.approx((1000.0, 8.928571))


def strange(folder: Path) -> None:
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "KandinskyPipeline"}))


def pickled(folder: Path) -> None:
    (folder / "unet" / "model.safetensors").rename(folder / "unet" / "diffusion_pytorch_model.bin")


def without_decoder(folder: Path) -> None:
    shutil.rmtree(folder / "vae")


def another_text_encoder(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "text_encoder": ["transformers", "T5EncoderModel"]}))


def no_index(folder: Path) -> None:
    (folder / "model_index.json").unlink()


def torn(folder: Path) -> None:
    (folder / "unet" / "config.json").write_text("{")


def pointer(folder: Path) -> None:
    (folder / "unet" / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")


def dangling(folder: Path) -> None:
    (folder / "vae" / "model.safetensors").unlink()
    (folder / "vae" / "model.safetensors").symlink_to(folder.parent / "nowhere.safetensors")


def odd_prediction(folder: Path) -> None:
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps({"prediction_type": ["v"]}))


def no_words(folder: Path) -> None:
    (folder / "tokenizer" / "vocab.json").unlink()


def oblong(folder: Path) -> None:
    (folder / "unet" / "config.json").write_text(json.dumps({"sample_size": [8, 16], "in_channels": 4}))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (strange, "it is a 'KandinskyPipeline'; StableDiffusionPipeline, "),
        (pickled, "its unet has .bin weights alone; .safetensors"),
        (without_decoder, "its vae is missing"), (another_text_encoder, "its text_encoder is 'T5EncoderModel'; CLIPTextModel or"),
        (no_index, "it has no model_index.json"), (torn, "its unet/config.json is not a JSON object"),
        (oblong, "its unet has no plain sample_size"), (pointer, "is a pointer of Git LFS"), (no_words, "its tokenizer is empty"),
        (dangling, "vae/model.safetensors is a link to a file that is not there"),
        (odd_prediction, "its prediction_type is ['v']; epsilon or v_prediction or sample would fit"),
    ],
)  # fmt: skip
def test_what_cannot_be_opened_is_listed_with_its_reason(spoil: Any, words: str, tmp_path: Path) -> None:
    paths = open_paths(tmp_path / "data")
    folder = pretended(paths.models / "mine")
    entry = {"id": "mine/teacher", "title": "Mine", "role": "teacher", "domain": "photos", "size": 64, "folder": "mine"}
    (paths.models / "mine.yaml").write_text(yaml.safe_dump(entry))
    assert load_registry(paths).get("mine/teacher").available
    spoil(folder)
    listed = load_registry(paths).get("mine/teacher")
    assert not listed.available
    assert words in listed.reason and str(tmp_path) not in listed.reason
    assert listed.reason.endswith(".") and not listed.reason.endswith("..")
    with pytest.raises((ValueError, FileNotFoundError), match="cannot be opened"):
        open_model(folder)


def changed(folder: Path, name: str, **values: Any) -> None:
    file = folder / name
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


FILL, CONFIG, SCHEDULER = "none for inpainting, filling or control", "transformer/config.json", "scheduler/scheduler_config.json"
UNFIT: dict[str, list[tuple[Any, str]]] = {
    "sd3": [
        (lambda f: changed(f, CONFIG, in_channels=5), f"its transformer reads 5 channels and 4 are the noise's; .*{FILL}"),
        (lambda f: changed(f, CONFIG, sample_size=[8, 16]), r"it has no plain sample_size but \[8, 16\]; a whole number"),
        (lambda f: changed(f, CONFIG, sample_size=9), "its latents have sides of 9, which patches of 2 do not fill"),
        (lambda f: changed(f, SCHEDULER, _class_name="DDIMScheduler"), "its scheduler is 'DDIMScheduler'; FlowMatchEuler"),
        (lambda f: changed(f, SCHEDULER, use_karras_sigmas=True), "its scheduler has use_karras_sigmas"),
        (lambda f: changed(f, "model_index.json", text_encoder_2=[None, None]), r"its text_encoder_2 is None; CLIPTextModelWith"),
        (lambda f: shutil.rmtree(f / "text_encoder_3"), "its text_encoder_3 is missing"),
        (lambda f: (f / "transformer" / "diffusion_pytorch_model.safetensors").rename(f / "transformer" / "model.bin"),
         r"its transformer has \.bin weights alone; \.safetensors would fit"),
    ],
    "dev": [
        (lambda f: changed(f, CONFIG, in_channels=96), f"its transformer reads 96 channels and 16 are the noise's; .*{FILL}"),
        (lambda f: changed(f, CONFIG, out_channels=8), "its transformer gives 8 channels; 16 would fit"),
        (lambda f: changed(f, "vae/config.json", sample_size=None), "it has no plain sample_size but None"),
        (lambda f: changed(f, "model_index.json", transformer=["diffusers", "FluxControlNetModel"]), "'FluxControlNetModel'; F"),
        (lambda f: shutil.rmtree(f / "scheduler"), "its scheduler/scheduler_config.json is missing"),
    ],
    "pixart": [
        (lambda f: changed(f, SCHEDULER, prediction_type="flow_prediction"), "its prediction_type is 'flow_prediction'; eps"),
        (lambda f: changed(f, CONFIG, out_channels=12), "its transformer gives 12 channels; 4 or 8 would fit"),
        (lambda f: (f / "tokenizer" / "tokenizer.json").rename(f / "tokenizer" / "spiece.model"),
         "its tokenizer has spiece.model alone"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", UNFIT)
def test_transformers_that_cannot_be_opened_say_why(name: str, tmp_path: Path) -> None:
    PIPELINES[name](tmp_path).save_pretrained(tmp_path / "model")
    for i, (spoil, words) in enumerate(UNFIT[name]):
        shutil.copytree(tmp_path / "model", folder := tmp_path / str(i))
        spoil(folder)
        if "spiece" in words and all(importlib.util.find_spec(name) for name in ("sentencepiece", "google")):
            continue
        reason = describe(folder).reason
        assert re.search(words, reason) and str(tmp_path) not in reason and not reason.endswith("."), reason
        with pytest.raises(ValueError, match="cannot be opened"):
            open_model(folder)


FAMILY = """
import json
from types import SimpleNamespace
from studio.core.family import Checkpoint
from studio.families import FAMILIES


class Waves:
    name = "waves"

    def knows(self, folder):
        return (folder / "waves.json").is_file()

    def describe(self, folder):
        about = json.loads((folder / "waves.json").read_text())
        known = about.get("length")
        return Checkpoint(shape=(1, known), prediction="x0") if known else Checkpoint(reason="it has no length")

    def timesteps(self, folder, n, spacing):
        return tuple(float(i) for i in range(n, 0, -1))

    def architecture(self, folder):
        return "waves"

    def open(self, folder, id, device, dtype=None, beside=()):
        return SimpleNamespace(id=id, shape=self.describe(folder).shape)


FAMILIES.add("waves")(Waves())
"""
PROGRAM = """
import sys
from pathlib import Path
from studio.core.footprint import Smaller
from studio.families import FAMILIES, check_smaller, control_misfit, describe, footprint, open_model
from studio.jobs.paths import Paths
from studio.library.models import load_registry
entry = load_registry(Paths(Path(sys.argv[1]))).get("toy/waves")
torn = load_registry(Paths(Path(sys.argv[1]))).get("toy/torn")
print(sorted(FAMILIES.all()), entry.available, entry.timesteps(3), torn.reason, "torch" in sys.modules)
print(open_model(entry.folder, entry.id).shape)
for ask in (
    lambda: footprint(entry.folder),
    lambda: check_smaller(entry.folder, Smaller(), entry.id),
    lambda: control_misfit(entry.folder, entry.folder),
):
    try:
        ask()
    except ValueError as error:
        print(error)
"""


def test_a_folder_is_read_again_when_a_file_of_it_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family, folder, reads = StableDiffusion(), pretended(tmp_path / "model"), list[Path]()
    monkeypatch.setattr(family, "_read", lambda path: reads.append(path) or StableDiffusion._read(family, path))
    assert family.describe(folder) == family.describe(folder) and len(reads) == 2  # it was changed just now, and may be again
    monkeypatch.setattr("studio.families.folder.SETTLED_NS", -(10**12))
    assert family.describe(folder) == family.describe(folder) and len(reads) == 3
    config = (folder / "unet" / "config.json").read_text()
    (folder / "unet" / "config.json").write_text("{")
    assert "config.json" in family.describe(folder).reason
    (folder / "unet" / "config.json").write_text(config)
    shutil.rmtree(folder / "vae")
    assert family.describe(folder).reason == "its vae is missing; a folder saved by diffusers has it"
    assert family.describe(tmp_path / "nowhere") == family.describe(tmp_path / "nowhere")
    assert len(reads) == 7


def test_a_family_is_put_in_by_its_file_alone(tmp_path: Path) -> None:
    (tmp_path / "waves_family.py").write_text(FAMILY)
    paths = open_paths(tmp_path / "data")
    for name, about in (("waves", {"length": 16}), ("torn", {})):
        (paths.models / name).mkdir()
        (paths.models / name / "waves.json").write_text(json.dumps(about))
        entry = {"id": f"toy/{name}", "title": name, "role": "teacher", "domain": "tones", "size": 16, "folder": name}
        (paths.models / f"{name}.yaml").write_text(yaml.safe_dump(entry))
    env = {**os.environ, "STUDIO_FAMILIES": "waves_family", "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(paths.root)], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "['stable', 'transformer', 'waves'] True (3.0, 2.0, 1.0) toy/torn cannot be opened: it has no length. False", "(1, 16)",
        "What a training holds in memory is not known: models of the family waves do not say.",
        "toy/waves is of the family waves, which has no smaller students; the form full would fit.",
        "models of the family waves take none",
    ]  # fmt: skip
