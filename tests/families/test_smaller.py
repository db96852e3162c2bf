"""Smaller students: cut from real UNets, exact where what is cut did nothing, and opened by what opens their teacher."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline, UNet2DConditionModel
from torch import Tensor

from studio.core.denoiser import Denoiser
from studio.core.domain import told
from studio.core.method import Streams
from studio.core.recipe import weights_hash
from studio.core.trainer import Trainer, TrainerConfig
from studio.core.unet import UNetNetwork
from studio.families import open_model
from studio.families.stable.smaller import Smaller, make_smaller, smaller_config, spread
from studio.families.stable.student_folder import student_folder
from studio.families.stable.trainable import teacher_denoiser
from studio.jobs.paths import ROOT
from studio.methods.distill import METHODS
from tests.families.test_shared_lora import Words
from tests.support.tiny_world import PROCESS

NANO = ROOT / "assets" / "nano"
SD: dict[str, Any] = {
    "sample_size": 4, "in_channels": 2, "out_channels": 2, "cross_attention_dim": 8, "block_out_channels": (16, 32, 48),
    "layers_per_block": 2, "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"), "attention_head_dim": 2, "norm_num_groups": 4,
}  # fmt: skip
XL: dict[str, Any] = {  # as SDXL: heads and transformer depths a stage, linear projections, pooled text in the time embedding
    **SD, "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), "attention_head_dim": (1, 2, 4),
    "transformer_layers_per_block": (1, 1, 2), "use_linear_projection": True, "addition_embed_type": "text_time",
    "addition_time_embed_dim": 4, "projection_class_embeddings_input_dim": 8 + 6 * 4,
}  # fmt: skip
UNEVEN = {**SD, "layers_per_block": (1, 3, 2), "block_out_channels": (16, 16, 48)}
FORMS = [Smaller("middle"), Smaller("layers"), Smaller("nothing", 0.5), Smaller("middle and layers", 0.75)]


def unet(seed: int = 0, **config: Any) -> Any:
    torch.manual_seed(seed)
    return UNet2DConditionModel(**(config or SD)).eval()


def outputs(network: Any, n: int = 3) -> Tensor:
    g = torch.Generator().manual_seed(7)
    c = network.config
    x = torch.randn(n, c.in_channels, c.sample_size, c.sample_size, generator=g)
    words, t = torch.randn(n, 5, c.cross_attention_dim, generator=g), torch.linspace(20, 990, n)
    more = {"text_embeds": torch.randn(n, 8, generator=g), "time_ids": torch.ones(n, 6)}
    with torch.no_grad():
        return network(x, t, words, added_cond_kwargs=more if c.addition_embed_type else None, return_dict=False)[0]


def size(network: Any) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("config", [SD, XL, UNEVEN], ids=["sd", "xl", "uneven"])
def test_any_unet_of_diffusers_can_be_made_smaller(config: dict[str, Any], form: Smaller) -> None:
    teacher = unet(**config)
    count, runs = 0, {}  # every weight is a whole number of its own
    for name, weight in teacher.state_dict().items():
        runs[name] = (count, count + weight.numel())
        weight.copy_(torch.arange(*runs[name]).view_as(weight))
        count += weight.numel()
    assert count < 2**24  # whole numbers up to here are exact
    student = make_smaller(teacher, form)
    assert size(student) < size(teacher)
    used = torch.cat([weight.flatten() for weight in student.state_dict().values()])
    assert len(used.unique()) == len(used), "every weight is one of the teacher's own, none twice"
    if not form.layers:
        for name, weight in student.state_dict().items():
            low, high = runs[name]
            assert ((weight >= low) & (weight < high)).all(), name
    assert torch.equal(teacher.conv_in.bias, torch.arange(*runs["conv_in.bias"])), "the teacher is left as it was"
    assert outputs(make_smaller(unet(**config), form)).isfinite().all()


def test_without_its_middle_block_a_unet_gives_what_it_gives_when_the_block_does_nothing() -> None:
    teacher = unet()

    class Nothing(torch.nn.Module):
        has_cross_attention = False

        def forward(self, x: Tensor, *rest: Any, **more: Any) -> Tensor:
            return x

    student = make_smaller(teacher, Smaller("middle"))
    assert student.mid_block is None
    teacher.mid_block = Nothing()
    assert torch.equal(outputs(student), outputs(teacher))


def test_layers_that_did_nothing_are_not_missed() -> None:
    """Second layers are made to hand on what they get; cutting them changes nothing, so the others were placed right."""
    teacher = unet(**{**SD, "layers_per_block": (2, 2, 3)})
    with torch.no_grad():
        for i in range(3):
            for block in (teacher.down_blocks[i], teacher.up_blocks[i]):
                layer = block.resnets[1]
                layer.conv2.weight.zero_(), layer.conv2.bias.zero_()
                if layer.conv_shortcut is not None:  # on the way up: what comes from below, not what is passed over
                    layer.conv_shortcut.weight.zero_(), layer.conv_shortcut.bias.zero_()
                    for c in range(layer.out_channels):
                        layer.conv_shortcut.weight[c, c] = 1
                for attention in list(getattr(block, "attentions", ()))[1:2]:
                    attention.proj_out.weight.zero_(), attention.proj_out.bias.zero_()
    student = make_smaller(teacher, Smaller("layers"))
    assert [len(b.resnets) for b in student.down_blocks] == [1, 1, 2]
    assert [len(b.resnets) for b in student.up_blocks] == [3, 2, 2]
    assert torch.allclose(outputs(student), outputs(teacher), atol=1e-6)


def test_a_narrower_unet_keeps_whole_groups_and_heads_and_the_time_embedding() -> None:
    teacher = unet(**XL)
    student = make_smaller(teacher, Smaller("nothing", 0.8))
    assert student.config["block_out_channels"] == [12, 24, 40]
    assert student.time_embedding.linear_2.weight.shape == teacher.time_embedding.linear_2.weight.shape
    assert spread(12, 6, 3) == [0, 1, 4, 5, 8, 9]
    ours, theirs = student.state_dict(), teacher.state_dict()
    kept, below = spread(16, 12, 4), spread(32, 24, 4)
    assert torch.equal(ours["conv_in.weight"], theirs["conv_in.weight"][kept])
    assert torch.equal(ours["conv_out.weight"], theirs["conv_out.weight"][:, kept])
    # a layer on the way up reads two runs of channels, each of which lost its share
    name = "up_blocks.2.resnets.0.conv1.weight"
    assert torch.equal(ours[name], theirs[name][kept][:, [*below, *(32 + i for i in kept)]])
    # every head lost its share; values and gates of a gated layer lost the same
    name = "down_blocks.2.attentions.0.transformer_blocks.1.attn1.to_k.weight"
    assert torch.equal(ours[name], theirs[name][spread(48, 40, 4)][:, spread(48, 40, 4)])
    name = "down_blocks.2.attentions.0.transformer_blocks.1.ff.net.0.proj.weight"
    half, some = 4 * 48, spread(4 * 48, 4 * 40, 4)
    assert torch.equal(ours[name], theirs[name][[*some, *(half + i for i in some)]][:, spread(48, 40, 4)])


def test_a_cut_teacher_is_nearer_to_the_teacher_than_a_new_network() -> None:
    """The shipped nano teacher: what a student begins with is worth something (measured: 0.02, 0.34 and 1.08)."""
    teacher = open_model(NANO / "teacher").parts.unet
    wanted = outputs(teacher, 8)

    def error(network: Any) -> float:
        return float((outputs(network, 8) - wanted).square().mean() / wanted.square().mean())

    fresh = error(unet(**{k: v for k, v in teacher.config.items() if not k.startswith("_")}))
    assert error(make_smaller(teacher, Smaller("middle"))) < 0.1 * fresh
    assert error(make_smaller(teacher, Smaller("nothing", 0.8))) < 0.6 * fresh


@pytest.mark.parametrize(
    ("config", "form", "words"),
    [
        ({**SD, "mid_block_type": None}, ("middle", 1.0), "nano/x has no middle block"),
        ({**SD, "layers_per_block": 1}, ("layers", 1.0), "nano/x has one layer a stage"),
        (SD, ("nothing", 0.99), "stages of 16, 32, 48 channels, which a width of 0.99 leaves; 0.95 or less would fit."),
        ({**SD, "block_out_channels": (16, 20, 48)}, ("nothing", 0.7), "A width of 0.7 would make stages of nano/x equally wide"),
        ({**SD, "class_embed_type": "timestep"}, ("nothing", 0.5), "because class_embed_type is timestep"),
        ({**SD, "down_block_types": ("KDownBlock2D",) * 3}, ("nothing", 0.5), "because it has KDownBlock2D blocks"),
    ],
)
def test_a_form_that_does_not_fit_gets_one_sentence(config: dict[str, Any], form: tuple[Any, float], words: str) -> None:
    with pytest.raises(ValueError) as error:
        smaller_config({**{"mid_block_type": "UNetMidBlock2DCrossAttn"}, **config}, Smaller(*form), "nano/x")
    assert words in str(error.value)
    assert str(error.value).endswith(".")


def test_a_form_that_makes_nothing_smaller_is_refused() -> None:
    with pytest.raises(ValueError, match="the student is no smaller"):
        Smaller("nothing", 1.0)
    with pytest.raises(ValueError, match="A width of 0 does not fit"):
        Smaller("nothing", 0.0)


@pytest.mark.parametrize(("name", "config"), [("lcm", {"grid": 4}), ("dmd2", {"gan": 0.01, "pool": 8, "pool_steps": 2})])
def test_objectives_teach_a_smaller_student_and_resume_bit_for_bit(name: str, config: dict[str, Any], tmp_path: Path) -> None:
    def trainer(folder: Path | None = None) -> Trainer:
        guide = UNetNetwork(unet(**{**SD, "block_out_channels": (8, 12, 16)}))
        begun = UNetNetwork(make_smaller(guide.unet, Smaller("middle and layers", 0.75)))
        guide.teaches(begun.trainable_copy)
        cls = METHODS.get(name)
        method = cls(cls.Config(batch=2, **config), Streams(1), Denoiser(guide, PROCESS, "v"), Words())
        return Trainer(method, TrainerConfig(steps=2, warmup=0, checkpoint_every=100), folder)

    whole = trainer()
    begun = copy.deepcopy(whole.method.student.network).state_dict()
    list(whole.run())
    after = whole.ema["student"].module.state_dict()
    assert size(whole.method.student.network) < size(whole.method.teacher.network)
    assert any(not torch.equal(weight, after[name]) for name, weight in begun.items())
    part = trainer(tmp_path)
    list(part.run(should_stop=lambda: part.step >= 1))
    rest = trainer(tmp_path)
    assert rest.resume()
    list(rest.run())
    assert all(torch.equal(weight, rest.ema["student"].module.state_dict()[name]) for name, weight in after.items())


def test_a_discriminator_reads_the_deepest_block_where_there_is_no_middle_one() -> None:
    whole, cut = (UNetNetwork(u) for u in (unet(), make_smaller(unet(), Smaller("middle"))))
    x, t, cond = torch.randn(2, 2, 4, 4), torch.tensor([500.0, 20.0]), {"states": torch.randn(2, 5, 8)}
    assert cut.features(x, t, cond).shape == whole.features(x, t, cond).shape == (2, 48, 1, 1)
    cls = METHODS.get("dmd2")  # a teacher that has none itself
    method = cls(cls.Config(batch=2, gan=0.01, pool=8, pool_steps=2), Streams(1), Denoiser(cut, PROCESS, "v"), Words())
    for progress in Trainer(method, TrainerConfig(steps=2)).run():
        assert all(torch.isfinite(torch.tensor(v)) for v in progress.losses.values())


# -- from the shipped models to a folder that others open ----------------------------------------------------------------


def test_a_smaller_student_of_a_student_is_saved_opened_and_drawn_by_plain_diffusers(tmp_path: Path) -> None:
    model, start = open_model(NANO / "teacher", "nano/teacher"), open_model(NANO / "lcm", "nano/lcm")
    guide = teacher_denoiser(model, start=start, smaller=Smaller("middle", 0.8))
    network = guide.network.student()
    assert guide.network.started.timesteps == start.recipe.timesteps
    assert torch.equal(network.unet.conv_in.weight, start.parts.unet.conv_in.weight[spread(40, 32, 8)])
    cls = METHODS.get("lcm")
    method = cls(cls.Config(timesteps=start.recipe.timesteps), Streams(0), guide, Words())
    student_folder(tmp_path / "small", model, network.unet, method, teacher_id="nano/teacher", card={"title": "small"})
    opened = open_model(tmp_path / "small")
    assert opened.recipe is not None
    assert opened.recipe.teacher_hash == model.hash
    assert weights_hash(tmp_path / "small") != model.hash
    assert json.loads((tmp_path / "small" / "unet" / "config.json").read_text())["mid_block_type"] is None
    pipe: Any = DiffusionPipeline.from_pretrained(tmp_path / "small")
    pipe.set_progress_bar_config(disable=True)
    assert torch.allclose(outputs(pipe.unet), outputs(opened.parts.unet), atol=1e-5)
    assert (outputs(network.unet) - outputs(opened.parts.unet)).abs().max() < 0.02  # files are in half precision
    drawn = pipe("a red house", num_inference_steps=2, guidance_scale=0.0, output_type="np").images
    assert drawn.shape == (1, 32, 32, 3)


def test_a_student_begins_as_another_with_full_weights_or_as_adapters_on_them() -> None:
    model, start = open_model(NANO / "teacher", "nano/teacher"), open_model(NANO / "lcm", "nano/lcm")
    g = torch.Generator().manual_seed(0)
    x, t = torch.randn(2, *model.shape, generator=g), torch.tensor([999.0, 400.0])
    cond = model.encode(told(["a red house", "a boat"]))
    wanted, other = start.denoiser.network(x, t, cond), model.denoiser.network(x, t, cond)
    for rank in (None, 4):
        guide = teacher_denoiser(model, rank, start=start)
        student = guide.network.student()
        with torch.no_grad():
            assert torch.allclose(student(x, t, cond), wanted, atol=1e-4)
            assert torch.allclose(guide.network(x, t, cond), other, atol=1e-4)
            assert torch.allclose(guide.network.trainable_copy()(x, t, cond), other, atol=1e-4)
        assert any(p.requires_grad for p in student.parameters())
    assert not torch.allclose(wanted, other, atol=1e-2)


def test_starts_that_do_not_fit_get_one_sentence() -> None:
    model, start = open_model(NANO / "teacher", "nano/teacher"), open_model(NANO / "lcm", "nano/lcm")
    with pytest.raises(ValueError, match="nano/teacher has no recipe"):
        teacher_denoiser(model, start=model)
    with pytest.raises(ValueError, match="trained whole"):
        teacher_denoiser(model, 4, smaller=Smaller("middle"))
    strange = start.recipe.model_copy(update={"teacher_hash": "0" * 12})
    start.recipe = strange
    with pytest.raises(ValueError, match="nano/lcm was taught by other weights of nano/teacher"):
        teacher_denoiser(model, start=start)
