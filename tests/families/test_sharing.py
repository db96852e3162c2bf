"""Models that share parts: a student in the form of a LoRA is its base's one network, and no model wears another's things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.domain import told
from studio.core.edit import Edit, EditCard, Merged
from studio.core.recipe import Recipe
from studio.domains import domain_of
from studio.families import adapter_files, describe, open_model
from studio.families.stable.model import Model
from studio.families.stable.trainable import alone
from studio.library.placing import lora_on, network_on, predict, whole
from studio.sampling.plan import Plan, hybrid_plan, student_plan, teacher_plan
from studio.workshop.draw import samples
from tests.support.edits import equal, farthest, outputs, random_edit
from tests.support.tiny_models import sd_pipeline, sdxl_pipeline

RECIPE = Recipe(teacher="base", teacher_hash="", timesteps=(999, 749, 499, 249), rule="lcm", prediction="eps", valid_steps=(4,))
PIPELINES = {"sd": sd_pipeline, "sdxl": sdxl_pipeline}


def whole_model(folder: Path, **more: Any) -> Model:
    model = open_model(folder, **more)
    assert isinstance(model, Model)
    return model


@pytest.fixture(params=["sd", "sdxl"])
def folders(request: Any, tmp_path: Path) -> tuple[Path, Path]:
    """A base, and a student in the form of a LoRA of its UNet, at a strength of 0.7."""
    base, student = tmp_path / "base", tmp_path / "student"
    PIPELINES[request.param](tmp_path).save_pretrained(base)
    bare = whole_model(base)
    edit = random_edit(adapter_files.targets(bare.modules), keep=lambda path: path.startswith("unet.") and "attn" in path)
    bare.adapter_files.write(edit, tmp_path / "lora.safetensors", "kohya")
    with whole(student) as draft:
        lora_on(base, tmp_path / "lora.safetensors", draft, 0.7)
        RECIPE.save(draft)
    return base, student


def pair(folders: tuple[Path, Path], first: int) -> tuple[Model, Model]:
    """Base and student, opened in either order, the second beside the first."""
    opened = whole_model(folders[first], id=("base", "student")[first])
    other = whole_model(folders[1 - first], id=("base", "student")[1 - first], beside=[opened])
    return (opened, other) if first == 0 else (other, opened)


def merged(model: Model) -> Model:
    """The student with its LoRA in the weights, by hand."""
    assert model.own is not None
    alone = whole_model(model.folder, id="merged")
    alone._attached.always = ()
    alone.use_adapters([])
    Merged(alone.modules, [model.own])
    alone._attached._put_on()
    return alone


@pytest.mark.parametrize("first", [0, 1])
def test_a_student_in_the_form_of_a_lora_is_the_base_with_it_on(folders: tuple[Path, Path], first: int) -> None:
    alone = outputs(whole_model(folders[0]))
    base, student = pair(folders, first)
    assert describe(folders[1]).reason == "" and describe(folders[1]).architecture == describe(folders[0]).architecture
    for part in ("unet", "vae"):
        assert getattr(base.held, part) is getattr(student.held, part), "one copy"
    assert all(a is b for a, b in zip(base.held.encoders, student.held.encoders, strict=True))
    for _ in range(3):  # whoever was asked before
        assert equal(outputs(base), alone)
        assert farthest(outputs(student), outputs(merged(student))) < 1e-5
    assert farthest(outputs(student), alone) > 1e-3, "the LoRA does something"
    assert student.adapter_names == () and base.adapter_names == ()


def test_at_zero_it_is_the_base_bit_for_bit(folders: tuple[Path, Path]) -> None:
    (folders[1] / "lora" / "settings.json").write_text('{"scale": 0}')
    base, student = pair(folders, 0)
    assert equal(outputs(student), outputs(base))


def test_a_hybrid_of_one_network_is_that_of_two(folders: tuple[Path, Path]) -> None:
    base, student = pair(folders, 0)
    plan = hybrid_plan("base", "student", RECIPE)

    def drawn(models: dict[str, Any]) -> torch.Tensor:
        return samples(plan, models, domain_of("plain"), told(["a red boat"] * 2), [1, 2], lambda _: None)

    two = drawn({"base": whole_model(folders[0]), "student": merged(student)})
    assert float((drawn({"base": base, "student": student}) - two).abs().max()) < 1e-5


def test_what_one_wears_the_other_does_not(folders: tuple[Path, Path]) -> None:
    base, student = pair(folders, 0)
    bare, as_student = outputs(base), outputs(student)
    width = base.held.encoders[0].get_input_embeddings().weight.shape[1]
    layers = adapter_files.targets(base.modules)
    worn = random_edit(layers, seed=3, tokens={"<cat>": torch.ones(2, width)})
    base.load_edit("a", worn)
    student.load_edit("a", random_edit(layers, seed=4))  # of the same name, as plans give every model theirs
    assert equal(outputs(student), as_student) and equal(outputs(base), bare)
    base.use_adapters([("a", 1.0)])
    with_a = outputs(base)
    assert farthest(with_a, bare) > 1e-3
    assert equal(outputs(student), as_student)
    student.use_adapters([("a", 0.5)])
    dressed = outputs(student)
    assert equal(outputs(base), with_a) and farthest(dressed, as_student) > 1e-3
    assert base.text_key != student.text_key
    known, unknown = base.encode(told(["<cat>"])), student.encode(told(["<cat>"]))
    assert not torch.equal(known["states"], unknown["states"]), "the word is the base's alone"
    student.use_adapters([])
    base.unload_adapter("a")
    assert equal(outputs(student), as_student) and equal(outputs(base), bare)


def test_words_known_for_a_while_are_each_models_own(folders: tuple[Path, Path]) -> None:
    base, student = pair(folders, 0)
    bare = base.encode(told(["<cat>"]))
    width = base.held.encoders[0].get_input_embeddings().weight.shape[1]
    with base.knowing([{"<cat>": torch.ones(1, width)}]), student.knowing([{"<cat>": -torch.ones(1, width)}]):
        one, other = base.encode(told(["<cat>"])), student.encode(told(["<cat>"]))
        assert not torch.equal(one["states"], other["states"])
        assert torch.equal(base.encode(told(["<cat>"]))["states"], one["states"])
    assert torch.equal(base.encode(told(["<cat>"]))["states"], bare["states"])
    assert torch.equal(student.encode(told(["<cat>"]))["states"], bare["states"])


def test_what_is_taught_on_both_is_on_once(folders: tuple[Path, Path]) -> None:
    from studio.core.lowrank import Adapter

    base, student = pair(folders, 0)
    layers = {n: m for n, m in base.held.unet.named_modules() if n.endswith("attn2.to_k")}
    adapter = Adapter(layers)
    torch.nn.init.normal_(next(iter(adapter.up.values())), std=0.3)
    bare = outputs(base)
    with base.under(adapter, 1.0):
        alone = outputs(base)
    with base.under(adapter, 1.0), student.under(adapter, 1.0):
        outputs(student)
        assert equal(outputs(base), alone)
    assert equal(outputs(base), bare) and farthest(alone, bare) > 1e-4


def test_a_copy_to_train_and_a_merged_folder_have_the_lora_in_their_weights(folders: tuple[Path, Path], tmp_path: Path) -> None:
    base, student = pair(folders, 0)
    said = outputs(student)
    network = alone(student)
    assert not any(module._forward_hooks for module in network.modules())
    x, t = torch.randn(2, *student.shape, generator=torch.Generator().manual_seed(5)), torch.tensor([500.0, 500.0])
    added = {"text_embeds": said["pooled"], "time_ids": said["time_ids"]} if "pooled" in said else None
    with torch.no_grad():
        out = network(x, t, said["states"], added_cond_kwargs=added, return_dict=False)[0]
    assert float((out - said["out"]).abs().max()) < 1e-5
    extra = random_edit(adapter_files.targets(base.modules), seed=6, keep=lambda path: path.endswith("attn1.to_q"))
    student.adapter_files.merge([(extra, 1.0)], tmp_path / "merged")
    again = whole_model(tmp_path / "merged")
    assert again.own is None and not (tmp_path / "merged" / "lora").exists()
    student.load_edit("extra", extra)
    student.use_adapters([("extra", 1.0)])
    assert farthest(outputs(again), outputs(student)) < 1e-5
    assert equal(outputs(base), outputs(whole_model(folders[0]))), "the base is as it was"


def test_twenty_turns_leave_nothing_behind(folders: tuple[Path, Path]) -> None:
    base, student = pair(folders, 0)

    def counted() -> tuple[int, int]:
        hooks = sum(len(m._forward_hooks) for m in base.held.unet.modules())
        tensors = sum(t.numel() for t in base.held.unet.state_dict().values())
        return hooks, tensors

    outputs(base), outputs(student)
    first = counted()
    for _ in range(20):
        outputs(base), outputs(student)
    assert counted() == first and first[0] > 0
    outputs(base)
    assert counted()[0] == 0


def test_a_network_alone_shares_all_else(tmp_path: Path) -> None:
    sd_pipeline(tmp_path).save_pretrained(tmp_path / "base")
    other = sd_pipeline(tmp_path / "other", seed=1, prediction="v_prediction")
    other.unet.save_pretrained(tmp_path / "net")
    with whole(tmp_path / "student") as draft:
        network_on(tmp_path / "base", tmp_path / "net" / "diffusion_pytorch_model.safetensors", draft)
        predict(draft, "v_prediction")
    base = whole_model(tmp_path / "base")
    student = whole_model(tmp_path / "student", beside=[base])
    assert student.held.unet is not base.held.unet and student.held.vae is base.held.vae
    assert student.held.encoders[0] is base.held.encoders[0]
    assert (describe(tmp_path / "student").prediction, student.denoiser.prediction) == ("v", "v")
    state = student.held.unet.state_dict()
    assert all(torch.equal(state[name], t) for name, t in other.unet.state_dict().items())
    from diffusers import StableDiffusionPipeline

    opened = StableDiffusionPipeline.from_pretrained(tmp_path / "student", safety_checker=None)
    assert opened.scheduler.config.prediction_type == "v_prediction"
    assert torch.equal(opened.unet.conv_in.weight, other.unet.conv_in.weight)


def test_a_network_that_takes_guidance_as_an_input_says_so_itself(tmp_path: Path) -> None:
    """LCM's UNet beside a base that takes none, with no config of its own."""
    sd_pipeline(tmp_path).save_pretrained(tmp_path / "base")
    guided = sd_pipeline(tmp_path / "other", seed=1, time_cond_proj_dim=8).unet
    guided.save_pretrained(tmp_path / "net")
    network_on(tmp_path / "base", tmp_path / "net" / "diffusion_pytorch_model.safetensors", tmp_path / "student")
    assert describe(tmp_path / "student").embeds_guidance
    student = whole_model(tmp_path / "student")
    assert torch.equal(student.held.unet.time_embedding.cond_proj.weight, guided.time_embedding.cond_proj.weight)


def test_a_network_of_another_base_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    sd_pipeline(tmp_path).save_pretrained(tmp_path / "base")
    for name, more, said in [("wide", {"cross": 24}, "its .* has the shape"),
                             ("short", {"down_block_types": ("DownBlock2D", "DownBlock2D")}, "it lacks .* weights")]:  # fmt: skip
        sd_pipeline(tmp_path / name, **more).unet.save_pretrained(tmp_path / name)
        with pytest.raises(ValueError, match=f"is of another base: {said}"):
            network_on(tmp_path / "base", tmp_path / name / "diffusion_pytorch_model.safetensors", tmp_path / "student")


def test_models_of_other_precision_share_nothing(folders: tuple[Path, Path]) -> None:
    base = whole_model(folders[0])
    student = whole_model(folders[1], dtype=torch.bfloat16, beside=[base])
    assert student.held.unet is not base.held.unet


def test_a_lora_of_another_base_is_refused_in_a_sentence(tmp_path: Path) -> None:
    sd_pipeline(tmp_path).save_pretrained(tmp_path / "base")
    sdxl_pipeline(tmp_path / "xl").save_pretrained(tmp_path / "other")
    layers = adapter_files.targets(whole_model(tmp_path / "other").modules)
    edit = Edit(random_edit(layers, keep=lambda path: "transformer_blocks.1" in path).pairs, EditCard(title="x"))
    whole_model(tmp_path / "other").adapter_files.write(edit, tmp_path / "lora.safetensors", "diffusers")
    with whole(tmp_path / "student") as draft:
        lora_on(tmp_path / "base", tmp_path / "lora.safetensors", draft)
    with pytest.raises(ValueError, match="fit|made for another"):
        open_model(tmp_path / "student")


@pytest.mark.parametrize("plan", [teacher_plan("base", (900, 400), "ddim", 3.0), student_plan("student", RECIPE)])
def test_plans_of_either_draw(folders: tuple[Path, Path], plan: Plan) -> None:
    base, student = pair(folders, 1)
    models = {"base": base, "student": student}
    out = samples(plan, models, domain_of("plain"), told(["a boat"]), [0], lambda _: None)
    assert torch.isfinite(out).all()
