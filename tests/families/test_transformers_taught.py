"""Adapters on transformers, students of them, and folders of these students, here and in plain diffusers."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline, FluxPipeline
from peft import LoraConfig, PeftModel, inject_adapter_in_model
from safetensors.torch import save_file
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import told
from studio.core.edit import Edit, Merged
from studio.core.footprint import Smaller
from studio.core.lowrank import Adapter
from studio.core.material import ConditionalNetwork
from studio.core.method import Streams
from studio.core.rng import INITIAL, noise, randn
from studio.core.trainer import Trainer, TrainerConfig
from studio.families import describe, open_model
from studio.families.adapter_files import targets
from studio.families.transformer.model import Model
from studio.methods.distill import METHODS
from studio.sampling.loop import finished, sample
from studio.sampling.plan import student_plan
from studio.sampling.prompts import encode_once
from tests.families.test_contract import changed
from tests.families.test_transformers import PROMPTS, SEEDS, TOLERANCE, drawn, saved
from tests.support.edits import equal, farthest, outputs, random_edit
from tests.support.tiny_transformers import PIPELINES

KINDS = ("sd3", "schnell", "pixart")


@pytest.fixture(params=KINDS)
def both(request: Any, tmp_path: Path) -> tuple[Any, Model]:
    return saved(PIPELINES[request.param](tmp_path), tmp_path / "model")


@pytest.fixture
def model(both: tuple[Any, Model]) -> Model:
    return both[1]


def everything(model: Model) -> Edit:
    """Of the blocks and of every text encoder that other tools give adapters."""
    return random_edit(targets(model.modules), keep=lambda p: p.startswith("text_encoder") or "transformer_blocks." in p)


def test_an_adapter_is_its_merge_and_none_is_the_base(model: Model) -> None:
    bare, key, edit = outputs(model), model.text_key, everything(model)
    assert {path.partition(".")[0] for path in edit.pairs} == set(model.modules)
    model.load_edit("a", edit)
    assert equal(outputs(model), bare)
    for strength in (0.0, 0.5, 1.0):
        model.use_adapters([("a", strength)])
        worn = outputs(model)
        model.use_adapters([])
        with Merged(model.modules, [(edit, strength)]):
            model._empty.clear()
            assert farthest(worn, outputs(model)) < TOLERANCE
        assert equal(worn, bare) == (strength == 0)
    assert farthest(worn, bare) > 0.02
    model.use_adapters([("a", 1.0)])
    assert model.text_key != key
    assert not torch.equal(model.null(model.encode(told(["x"])))["states"], bare["states"][:1])
    model.unload_adapter("a")
    assert equal(outputs(model), bare) and model.text_key == key


@pytest.mark.parametrize("layout", ["diffusers", "peft"])
def test_what_is_written_is_what_is_read(model: Model, layout: str, tmp_path: Path) -> None:
    edit = everything(model)
    path = tmp_path / ("a.safetensors" if layout == "diffusers" else "a")
    model.adapter_files.write(edit, path, layout)
    again, report = model.adapter_files.read(path)
    assert (again.hash, report.unmatched, report.layout.lower()) == (edit.hash, 0, layout)
    with pytest.raises(ValueError, match="layout 'kohya' is unknown here; diffusers and peft are there"):
        model.adapter_files.write(edit, tmp_path / "b.safetensors", "kohya")


def test_the_diffusers_pipeline_applies_the_same_change(both: tuple[Any, Model], tmp_path: Path) -> None:
    pipe, model = both
    clips = {"Stable Diffusion 3": ("text_encoder", "text_encoder_2"), "Flux": ("text_encoder",)}.get(model.kind.title, ())

    def keep(path: str) -> bool:
        part, _, inside = path.partition(".")
        return ("attn" in inside and part == "unet") or (part in clips and inside.endswith(("q_proj", "fc1")))

    edit = random_edit(targets(model.modules), alpha=4.0, keep=keep)
    if hasattr(pipe, "load_lora_weights"):
        model.adapter_files.write(edit, tmp_path / "a.safetensors")
        pipe.load_lora_weights(tmp_path, weight_name="a.safetensors")
    else:  # PixArt's pipeline knows no adapters, and peft puts them on its transformer
        model.adapter_files.write(edit, tmp_path / "a", "peft")
        PeftModel.from_pretrained(pipe.transformer, str(tmp_path / "a"))
    model.load_edit("a", edit)
    bare = drawn_in_one_step(model)
    model.use_adapters([("a", 1.0)])
    found, reference = drawn_in_one_step(model), drawn(pipe, noise(SEEDS, INITIAL, model.shape), 1, 1.0)
    assert float((found - reference).abs().max()) < TOLERANCE
    assert float((found - bare).abs().max()) > 0.01
    assert {name.partition(".")[0] for name in edit.pairs} == {"unet", *clips}


def drawn_in_one_step(model: Model) -> Tensor:
    """Under the adapters that are on."""
    with torch.no_grad():
        x, t = noise(SEEDS, INITIAL, model.shape), 1000.0 if model.kind.flow else 999.0
        return model.denoiser.x0(x, t, model.encode(told(PROMPTS)))


def test_a_file_that_a_training_script_of_diffusers_wrote_is_read(both: tuple[Any, Model], tmp_path: Path) -> None:
    pipe, model = both
    config = LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_v"], init_lora_weights="gaussian")
    inject_adapter_in_model(config, pipe.transformer)
    for name, value in pipe.transformer.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(value, generator=torch.Generator().manual_seed(3))
    layers = {name: value for name, value in pipe.transformer.state_dict().items() if "lora_" in name}
    named = {f"transformer.{name.replace('.default', '')}": value.contiguous() for name, value in layers.items()}
    save_file(named, tmp_path / "a.safetensors")
    report = model.load_adapter("a", tmp_path / "a.safetensors")
    assert (report.matched, report.unmatched) == (len(layers) // 2, 0) and layers
    model.use_adapters([("a", 1.0)])
    reference = drawn(pipe, noise(SEEDS, INITIAL, model.shape), 1, 1.0)
    assert torch.allclose(drawn_in_one_step(model), reference, atol=TOLERANCE)


# -- teaching -------------------------------------------------------------------------------------------------------


class Captions:
    """Captions of an opened model; data are noise with a mean."""

    def __init__(self, model: Model):
        self.shape, self.lines = model.shape, model.line_reader().read(told(["a red boat", "x", "a cat"]))

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        return self.lines.take(torch.randint(3, (n,), generator=g))

    def data(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond]:
        return torch.randn(n, *self.shape, generator=g) + 1, self.conditions(n, g)

    def null(self, cond: Cond) -> Cond:
        return self.lines.null(cond)

    def noise(self, cond: Cond, g: torch.Generator) -> Tensor:
        return randn((len(cond["states"]), *self.shape), g)


OBJECTIVES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("dmd2", {"timesteps": (1000, 500)}),
    ("dmd2", {"gan": 0.01, "pool": 8, "pool_steps": 2, "timesteps": (999, 499)}),
    ("lcm", {"grid": 4, "timesteps": (999, 749, 499, 249)}),
)


def trainer_of(model: Model, objective: str, checkpointing: bool = False, rank: int | None = None, **config: Any) -> Trainer:
    cls = METHODS.get(objective)
    method = cls(cls.Config(batch=2, lr=1e-3, **config), Streams(1), model.trainable(rank), Captions(model))
    how = TrainerConfig(steps=2, warmup=0, checkpoint_every=100, precision="fp32", checkpointing=checkpointing)
    return Trainer(method, how)


def taught(model: Model, objective: str, checkpointing: bool = False, rank: int | None = None, **config: Any) -> Trainer:
    trainer = trainer_of(model, objective, checkpointing, rank, **config)
    list(trainer.run())
    return trainer


@pytest.mark.parametrize(("objective", "config"), OBJECTIVES)
def test_objectives_teach_students_and_leave_the_model_alone(model: Model, objective: str, config: dict[str, Any]) -> None:
    if not model.kind.flow:
        config = {**config, "timesteps": (999, 499)}
    bare = outputs(model)
    trainer = taught(model, objective, **config)
    assert trainer.skipped == 0 and equal(outputs(model), bare)
    student = trainer.method.student.network  # type: ignore[attr-defined]
    x, t = torch.randn(2, *model.shape), torch.tensor([500.0, 500.0])
    cond = model.encode(told(PROMPTS))
    with torch.no_grad():
        assert not torch.allclose(student(x, t, cond), model.denoiser.network(x, t, cond), atol=1e-4)


def test_blocks_that_are_computed_twice_give_the_same_student(model: Model) -> None:
    students = [taught(model, "lcm", checkpointing=flag, grid=4).ema["student"].module for flag in (False, True)]
    for a, b in zip(students[0].parameters(), students[1].parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_an_adapter_is_taught_on_the_copy(model: Model) -> None:
    bare, denoiser = outputs(model), model.trainable_under_adapter()
    network: Any = denoiser.network
    adapter = Adapter(network.adaptable("attention"), rank=2)
    for parameter in adapter.up.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    x, cond = torch.randn(2, *model.shape), model.encode(told(PROMPTS))
    losses = {}
    for twice in (False, True):
        network.recompute(twice)
        network.train()
        with network.wearing(adapter, torch.tensor([1.0, 0.5])):
            loss = denoiser.predict(x, 500.0, cond).square().mean()
        losses[twice] = torch.autograd.grad(loss, list(adapter.parameters()))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(losses[False], losses[True], strict=True))
    assert any(float(g.abs().max()) > 1e-6 for g in losses[True])
    assert equal(outputs(model), bare)
    with model.under(adapter, 0.5):
        assert farthest(outputs(model), bare) > 1e-3
    edit = adapter.edit(everything(model).card)
    model.load_edit("taught", edit)
    assert set(edit.pairs) == {f"unet.{place}" for place in network.adaptable("attention")}


def test_sets_of_layers(tmp_path: Path) -> None:
    found = {}
    for name in ("sd3", "pixart"):
        network: Any = saved(PIPELINES[name](tmp_path / name), tmp_path / name / "model")[1].denoiser.network
        found[name] = network
    pixart, joint = found["pixart"], found["sd3"]
    everything, cross = set(pixart.adaptable("everything")), set(pixart.adaptable("cross-attention"))
    assert cross and all(".attn2." in place for place in cross)
    assert set(pixart.adaptable("no cross-attention")) == everything - cross
    assert set(pixart.adaptable("self-attention")) == set(pixart.adaptable("attention")) - cross
    assert all(p.endswith((".to_k", ".to_v")) for p in pixart.adaptable("cross-attention keys and values"))
    assert joint.adaptable("no cross-attention") == joint.adaptable("everything")
    assert "transformer_blocks.0.attn.add_q_proj" in joint.adaptable("attention")
    with pytest.raises(ValueError, match="share one attention here, so cross-attention names no layers; attention would fit"):
        joint.adaptable("cross-attention")


@pytest.mark.parametrize("name", PIPELINES)
def test_a_student_is_a_folder_of_the_family_and_of_diffusers(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, teacher = saved(PIPELINES[name](tmp_path), tmp_path / "model", **({"embedded_guidance": 2.0} if name == "dev" else {}))
    times = (999, 749, 499, 249) if name == "pixart" else (1000, 800, 550, 200)
    trainer = taught(teacher, "lcm", grid=4, timesteps=times)
    teacher.save_student(
        tmp_path / "student", trainer.ema["student"].module, trainer.method, "mine/teacher", {"what": "a student"}
    )
    assert describe(tmp_path / "student").reason == ""
    student = open_model(tmp_path / "student", "s")
    assert isinstance(student, Model) and student.recipe is not None and student.card["what"] == "a student"
    assert (student.recipe.timesteps, student.recipe.rule, student.recipe.teacher_hash) == (times, "lcm", teacher.hash)
    assert student.text_key == teacher.text_key and student.embedded_guidance == teacher.embedded_guidance
    assert describe(tmp_path / "student").architecture == describe(tmp_path / "model").architecture
    # diffusers 0.42 opens no folder of SD3 without T5, not even one that it wrote, unless it is told what is not there
    empty = {"text_encoder_3": None, "tokenizer_3": None} if name == "sd3-without-t5" else {}
    pipe = DiffusionPipeline.from_pretrained(tmp_path / "student", **empty)
    pipe.set_progress_bar_config(disable=True)
    readme = (tmp_path / "student" / "README.md").read_text()
    assert (", text_encoder_3=None, tokenizer_3=None)" in readme) == bool(empty)
    found = re.search(r'at night", (.*)\).images', readme)
    assert found is not None
    call = eval(f"dict({found[1]})")
    cond = encode_once({"s": student}, told(PROMPTS))
    here = finished(sample(student_plan("s", student.recipe), {"s": student}, cond, SEEDS, student.shape))
    steps = call.pop("num_inference_steps")
    guidance = call.pop("guidance_scale", None)
    if isinstance(pipe, FluxPipeline):
        call |= {"guidance_scale": guidance} if guidance is not None else {}
        guidance = 1.0
    seen = given_noise(pipe, student, monkeypatch)
    reference = drawn(pipe, noise(SEEDS, INITIAL, student.shape), steps, guidance, **call)
    assert len(seen) == len(times) - (name == "pixart")  # a flow's scheduler draws for its last step too
    assert float((here - reference).abs().max()) < TOLERANCE
    linked = tmp_path / "student" / "vae" / "diffusion_pytorch_model.safetensors"
    assert os.path.samefile(linked, tmp_path / "model" / "vae" / "diffusion_pytorch_model.safetensors")
    again = teacher.trainable(start=student).network
    assert isinstance(again, ConditionalNetwork) and again.started is not None
    for pupil, weight in zip(again.student().parameters(), student.parts.transformer.parameters(), strict=True):
        assert torch.equal(pupil, weight)


def test_a_student_of_a_folder_that_an_older_diffusers_wrote(tmp_path: Path) -> None:
    pipe, _ = saved(PIPELINES["pixart"](tmp_path), folder := tmp_path / "model")
    changed(folder, "model_index.json", transformer=["diffusers", "Transformer2DModel"])
    changed(
        folder, "transformer/config.json", _class_name="Transformer2DModel", double_self_attention=False, num_vector_embeds=None
    )
    found, model = describe(folder), open_model(folder, "m")
    assert isinstance(model, Model) and found.reason == ""
    reference = drawn(pipe, noise(SEEDS, INITIAL, model.shape), 1, 1.0)
    assert torch.allclose(drawn_in_one_step(model), reference, atol=TOLERANCE)
    trainer = taught(model, "lcm", grid=4, timesteps=(999, 499))
    model.save_student(tmp_path / "student", trainer.ema["student"].module, trainer.method, "mine/teacher", {})
    assert [file for file in (tmp_path / "student").rglob("*.json") if str(tmp_path) in file.read_text()] == []
    assert describe(tmp_path / "student").architecture == found.architecture
    assert type(DiffusionPipeline.from_pretrained(tmp_path / "student").transformer).__name__ == "PixArtTransformer2DModel"
    changed(folder, "transformer/config.json", norm_type="ada_norm_zero")
    assert describe(folder).reason == "its transformer's norm_type is 'ada_norm_zero'; ada_norm_single would fit"


def given_noise(pipe: Any, model: Model, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give a scheduler the noise that our loop draws; tells of every time it is asked."""
    taken: list[int] = []

    def ours(shape: Any, **_: Any) -> Tensor:
        z = noise(SEEDS, len(taken), model.shape)
        taken.append(1)
        return FluxPipeline._pack_latents(z, *z.shape) if len(shape) == 3 else z

    monkeypatch.setattr(importlib.import_module(type(pipe.scheduler).__module__), "randn_tensor", ours)
    return taken


def test_what_the_family_cannot_do_is_a_sentence(model: Model) -> None:
    for ask, words in (
        (lambda: model.trainable(smaller=Smaller("middle")), "is a transformer and has no middle block; leaving layers out"),
        (lambda: model.trainable(smaller=Smaller("layers", 0.5)), "has no stages to narrow; leaving layers out at a width of 1"),
        (lambda: model.trainable(2, smaller=Smaller("layers")), "a smaller student is trained whole"),
        (lambda: model.trainable_under_adapter().network.first_layer, "is told no places; the mode whole would fit"),
        (lambda: model.control_files, "follows no hints"),
    ):
        with pytest.raises(ValueError, match=words):
            ask()


def test_a_controlnet_is_refused_in_a_sentence(model: Model) -> None:
    from studio.methods.controlnets.controlnet import Hinted, HintedConfig

    with pytest.raises(ValueError, match="ControlNets are taught to UNets, and this model's network is none"):
        Hinted(HintedConfig(), Streams(1), model.trainable(), None)  # type: ignore[arg-type]
