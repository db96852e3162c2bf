"""A checkpoint in the original layout opens as the diffusers folder that it was made from, and its parts are its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from studio.core.domain import told
from studio.core.footprint import Footprint
from studio.core.method import Streams
from studio.core.recipe import Recipe
from studio.domains import domain_of
from studio.families import adapter_files, describe, footprint, open_model
from studio.families.sharing import equal
from studio.families.stable.model import Model
from studio.jobs.paths import ROOT
from studio.methods.distill import METHODS
from studio.sampling.plan import hybrid_plan, teacher_plan
from studio.workshop.draw import samples
from tests.families.test_shared_lora import Words
from tests.support.edits import farthest, outputs, random_edit
from tests.support.original_layout import layout_of, of_pipeline, of_unet, write
from tests.support.placed import lora_on, network_on, single_file
from tests.support.tiny_models import sd_pipeline, sdxl_pipeline

LAYOUTS = ("sd1", "sd2-v", "sdxl")
RECIPE = Recipe(teacher="base", teacher_hash="", timesteps=(999, 749, 499, 249), rule="lcm", prediction="eps", valid_steps=(4,))


def pipeline(layout: str, folder: Path, seed: int = 0) -> Any:
    if layout == "sdxl":
        return sdxl_pipeline(folder, seed)
    linear = {"prediction": "v_prediction", "use_linear_projection": True, "layers_per_block": 2} if layout == "sd2-v" else {}
    return sd_pipeline(folder, seed, **linear)


class Made:
    """The same random model as a diffusers folder and as a single file, and where its configs are."""

    def __init__(self, folder: Path, layout: str, seed: int = 0):
        self.layout, self.saved, self.folder = layout, folder / "saved", folder
        self.pipe = pipeline(layout, folder, seed)
        self.pipe.save_pretrained(self.saved)
        self.layouts = layout_of(self.saved, folder / "layouts", layout)
        self.file = write(folder / "checkpoint.safetensors", of_pipeline(self.pipe, layout))

    def placed(self, name: str = "placed", file: Path | None = None) -> Path:
        single_file(file or self.file, self.folder / name, layouts=self.layouts)
        return self.folder / name


@pytest.fixture(params=LAYOUTS)
def made(request: Any, tmp_path: Path) -> Made:
    return Made(tmp_path, request.param)


@pytest.fixture
def sd1(tmp_path: Path) -> Made:
    return Made(tmp_path, "sd1")


def opened(folder: Path, **more: Any) -> Model:
    model = open_model(folder, **more)
    assert isinstance(model, Model)
    return model


def picture(model: Model) -> Tensor:
    plan = teacher_plan(model.id, (900, 500), "ddim", 3.0)
    return samples(plan, {model.id: model}, domain_of("plain"), told(["a red boat"]), [1], lambda _: None)


def test_it_is_the_folder_it_was_made_from(made: Made) -> None:
    placed = made.placed()
    assert not [path for path in placed.rglob("*.safetensors") if path.name != "original.safetensors"]
    assert os.path.samefile(placed / "original.safetensors", made.file), "a link, not a copy"
    one, other = describe(made.saved), describe(placed)
    assert one == other and other.reason == ""
    expected, model = opened(made.saved, id="m"), opened(placed, id="m")
    for name, tensor in expected.held.unet.state_dict().items():
        assert torch.equal(model.held.unet.state_dict()[name], tensor), name
    assert farthest(outputs(model), outputs(expected)) < 1e-5
    with torch.no_grad():
        assert float((picture(model) - picture(expected)).abs().max()) < 1e-5
    shown = torch.rand(1, *model.sample_shape, generator=torch.Generator().manual_seed(1))
    assert float((model.to_latents(shown) - expected.to_latents(shown)).abs().max()) < 1e-5, "the way in as well"


def test_what_training_takes_is_counted_from_the_file(made: Made) -> None:
    placed = made.placed()

    def counted(folder: Path, rank: int | None) -> Footprint:
        return footprint(folder, rank=rank)

    for rank in (None, 4):
        assert counted(placed, rank) == counted(made.saved, rank)
    assert counted(placed, None).parameters == sum(p.numel() for p in made.pipe.unet.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_half_precision_file_opens_as_asked(made: Made, dtype: torch.dtype) -> None:
    half = write(made.folder / "half.safetensors", of_pipeline(made.pipe, made.layout), torch.float16)
    model = opened(made.placed(file=half), dtype=dtype)
    assert {p.dtype for part in model.modules.values() for p in part.parameters()} == {dtype}
    assert model.held.vae.dtype == (torch.float32 if dtype == torch.float16 else dtype)
    if dtype == torch.float32:
        assert farthest(outputs(model), outputs(opened(made.saved))) < 2e-2


OFFLINE = """
import socket, sys
def closed(*args, **kwargs):
    raise AssertionError("the network was asked")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = closed
from pathlib import Path
from studio.families import open_model
model = open_model(Path(sys.argv[1]))
print(sum(p.numel() for p in model.held.unet.parameters()))
"""


def test_nothing_is_fetched(made: Made) -> None:
    asked = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_"))}
    asked["HF_HOME"] = str(made.folder / "empty")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OFFLINE, str(made.placed())], capture_output=True, text=True, cwd=ROOT, env=asked
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) == sum(p.numel() for p in made.pipe.unet.parameters())


def test_placing_needs_no_torch() -> None:
    code = "import sys, studio.library.placing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_lora_student_stands_on_a_single_file(made: Made) -> None:
    bare = opened(made.saved)
    edit = random_edit(adapter_files.targets(bare.modules), keep=lambda path: path.startswith("unet.") and "attn" in path)
    bare.adapter_files.write(edit, made.folder / "lora.safetensors", "kohya")
    drawn = []
    for base in (made.saved, made.placed()):
        lora_on(base, made.folder / "lora.safetensors", made.folder / f"student-on-{base.name}", 0.7)
        model = opened(base, id="base")
        student = opened(made.folder / f"student-on-{base.name}", id="student", beside=[model])
        assert student.held.unet is model.held.unet and student.held.vae is model.held.vae, "the file is the same one"
        assert all(a is b for a, b in zip(student.held.encoders, model.held.encoders, strict=True))
        assert student.text_key == model.text_key
        plan, both = hybrid_plan("base", "student", RECIPE), {"base": model, "student": student}
        drawn.append(samples(plan, both, domain_of("plain"), told(["a red boat"] * 2), [1, 2], lambda _: None))
    assert float((drawn[0] - drawn[1]).abs().max()) < 1e-5


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_a_network_alone_in_the_original_layout(made: Made, prefix: str) -> None:
    other = pipeline(made.layout, made.folder / "other", seed=7).unet
    file = write(made.folder / "net.safetensors", {f"{prefix}{name}": t for name, t in of_unet(other).items()})
    for base in (made.saved, made.placed()):
        network_on(base, file, made.folder / "student")
        assert (made.folder / "student" / "unet" / "original.safetensors").is_file()
        assert describe(made.folder / "student").reason == ""
        model = opened(base)
        student = opened(made.folder / "student", beside=[model])
        assert student.held.vae is model.held.vae and student.held.unet is not model.held.unet
        state = student.held.unet.state_dict()
        assert all(torch.equal(state[name], tensor) for name, tensor in other.state_dict().items())
        found = footprint(made.folder / "student")
        assert found.parameters == sum(p.numel() for p in other.parameters())


def test_a_network_as_diffusers_writes_it_stands_on_a_single_file(sd1: Made) -> None:
    other = pipeline("sd1", sd1.folder / "other", seed=7).unet
    other.save_pretrained(sd1.folder / "net")
    network_on(sd1.placed(), sd1.folder / "net" / "diffusion_pytorch_model.safetensors", sd1.folder / "student")
    student = opened(sd1.folder / "student", beside=[opened(sd1.folder / "placed")])
    assert torch.equal(student.held.unet.conv_in.weight, other.conv_in.weight)
    assert torch.equal(student.held.encoders[0].state_dict()["embeddings.token_embedding.weight"],
                       sd1.pipe.text_encoder.state_dict()["embeddings.token_embedding.weight"])  # fmt: skip


def test_parts_of_two_files_are_two(sd1: Made, tmp_path: Path) -> None:
    another = Made(tmp_path / "another", "sd1", seed=1)
    one, other = sd1.placed(), another.placed()
    assert sd1.file.stat().st_size == another.file.stat().st_size
    for part in ("unet", "vae", "text_encoder"):
        assert not equal(one / part, other / part) and equal(one / part, sd1.placed("again") / part)
        assert not equal(one / part, sd1.saved / part)
    assert not equal(one / "tokenizer", other / "tokenizer"), "no part with weights"
    first = opened(one)
    second = opened(other, beside=[first])
    assert second.held.vae is not first.held.vae and second.held.encoders[0] is not first.held.encoders[0]
    assert first.text_key != second.text_key and first.hash != second.hash
    assert not torch.equal(first.encode(told(["a"]))["states"], second.encode(told(["a"]))["states"])


def test_merged_weights_are_a_folder_of_diffusers(made: Made) -> None:
    model = opened(made.placed(), id="m")
    edit = random_edit(adapter_files.targets(model.modules), keep=lambda path: path.endswith("attn1.to_q"))
    model.adapter_files.merge([(edit, 1.0)], made.folder / "merged")
    assert not list((made.folder / "merged").rglob("original.safetensors"))
    assert describe(made.folder / "merged").reason == ""
    again = opened(made.folder / "merged", id="m")
    plain = type(made.pipe).from_pretrained(made.folder / "merged", local_files_only=True)
    assert torch.equal(plain.unet.conv_in.weight, again.held.unet.conv_in.weight)
    model.load_edit("edit", edit)
    model.use_adapters([("edit", 1.0)])
    assert farthest(outputs(again), outputs(model)) < 1e-5
    latents = torch.randn(1, *model.shape, generator=torch.Generator().manual_seed(1))
    assert torch.equal(again.decode(latents), model.decode(latents))
    assert model.hash != again.hash


def test_a_student_of_it_is_saved_as_one_of_a_folder(sd1: Made) -> None:
    model = opened(sd1.placed(), id="m")
    guide, cls = model.trainable(), METHODS.get("lcm")
    method = cls(cls.Config(timesteps=RECIPE.timesteps), Streams(0), guide, Words())
    model.save_student(sd1.folder / "student", guide.network, method, "m", {})
    student = opened(sd1.folder / "student")
    assert torch.equal(student.held.unet.conv_in.weight, sd1.pipe.unet.conv_in.weight.detach().half().float())
    assert student.recipe is not None and student.recipe.teacher_hash == model.hash
    assert not list((sd1.folder / "student").rglob("original.safetensors"))


def test_configs_are_copies(sd1: Made) -> None:
    config = sd1.placed() / "unet" / "config.json"
    before = (sd1.layouts / "sd1" / "unet" / "config.json").read_text()
    config.write_text(json.dumps({**json.loads(config.read_text()), "note": 1}))
    assert (sd1.layouts / "sd1" / "unet" / "config.json").read_text() == before


def test_a_network_under_diffusers_names_is_held_against_a_base_in_a_single_file(made: Made, tmp_path: Path) -> None:
    """What fits opens with its own weights, and what is of another base is refused before it is opened."""
    base = made.placed("base")
    other = pipeline(made.layout, tmp_path / "words", seed=5).unet
    other.save_pretrained(tmp_path / "fits")
    network_on(base, tmp_path / "fits" / "diffusion_pytorch_model.safetensors", tmp_path / "student")
    assert torch.equal(opened(tmp_path / "student").held.unet.conv_in.weight, other.conv_in.weight)
    wide = {"cross_attention_dim": other.config["cross_attention_dim"] + 4}
    deep = {"layers_per_block": other.config["layers_per_block"] + 1}
    cases = (("wide", wide, r"it lacks \d+, of the shape .*, and adds \d+, of"), ("deep", deep, r"it adds \d+, of the"))
    for name, more, said in cases:
        type(other).from_config({**other.config, **more}).save_pretrained(tmp_path / name)
        with pytest.raises(ValueError, match=f"is of another base: held against the .* weights of the base's unet, {said}"):
            network_on(base, tmp_path / name / "diffusion_pytorch_model.safetensors", tmp_path / f"{name}-student")
        assert not (tmp_path / f"{name}-student").exists()
