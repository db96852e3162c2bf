"""Adapters on one shared network behave like networks of their own."""

from __future__ import annotations

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser
from studio.core.method import Streams
from studio.core.rng import randn
from studio.core.trainer import Trainer, TrainerConfig
from studio.core.unet import UNetNetwork
from studio.families.stable.shared_lora import ATTENTION, Shared, View
from studio.methods.distill import METHODS
from tests.support.tiny_world import PROCESS


def unet() -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=4, in_channels=2, out_channels=2, cross_attention_dim=8, block_out_channels=(8, 16), layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=2, norm_num_groups=4,
    )  # fmt: skip


class Words:
    """Random text states; data are noise with a mean. Enough for shapes."""

    shape = (2, 4, 4)

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        return {"states": torch.randn(n, 3, 8, generator=g)}

    def data(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond]:
        return torch.randn(n, *self.shape, generator=g) + 1, self.conditions(n, g)

    def null(self, cond: Cond) -> Cond:
        return {"states": torch.zeros_like(cond["states"])}

    def noise(self, cond: Cond, g: torch.Generator) -> Tensor:
        return randn((len(cond["states"]), *self.shape), g)


def trainer(name: str, folder=None, iterations: int = 3, **config) -> Trainer:
    cls = METHODS.get(name)
    method = cls(cls.Config(batch=2, **config), Streams(1), Denoiser(Shared(unet(), rank=2), PROCESS, "v"), Words())
    return Trainer(method, TrainerConfig(steps=iterations, warmup=0, checkpoint_every=100), folder)


INPUT = (torch.randn(2, 2, 4, 4), torch.tensor([500.0, 20.0]), {"states": torch.randn(2, 3, 8)})


def test_a_fresh_adapter_changes_nothing_and_a_trained_one_changes_its_own_view_alone():
    shared = Shared(unet(), rank=2)
    bare = UNetNetwork(unet())(*INPUT)
    first, second = shared.trainable_copy(), shared.trainable_copy()
    assert torch.equal(shared(*INPUT), bare)
    assert torch.allclose(first(*INPUT), bare, atol=1e-6)
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.1)
    assert not torch.allclose(first(*INPUT), bare, atol=1e-3)
    assert torch.allclose(second(*INPUT), bare, atol=1e-6)
    assert torch.equal(shared(*INPUT), bare)  # bit for bit
    twin = copy.deepcopy(first)
    assert torch.equal(twin(*INPUT), first(*INPUT))
    assert {id(p) for p in twin.parameters()}.isdisjoint({id(p) for p in first.parameters()})


def test_gradients_reach_an_adapter_whose_forward_was_followed_by_another():
    shared = Shared(unet(), rank=2)
    student, fake = shared.trainable_copy(), shared.trainable_copy()
    loss = student(*INPUT).square().mean()
    fake(*INPUT)
    gradients = torch.autograd.grad(loss, list(student.parameters()), allow_unused=True)
    assert any(g is not None and float(g.abs().max()) > 0 for g in gradients)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "config"), [("dmd2", {}), ("dmd2", {"gan": 0.01, "pool": 8, "pool_steps": 2}), ("lcm", {"grid": 4})]
)
def test_objectives_train_adapters_unchanged_and_resume_bit_for_bit(name, config, tmp_path):
    whole = trainer(name, **config)
    before = whole.method.teacher.network(*INPUT)
    list(whole.run())
    assert torch.equal(whole.method.teacher.network(*INPUT), before)
    student = whole.method.student.network
    assert isinstance(student, View)
    assert not torch.equal(student(*INPUT), before)
    part = trainer(name, tmp_path, **config)
    list(part.run(should_stop=lambda: part.step >= 2))
    rest = trainer(name, tmp_path, **config)
    assert rest.resume()
    list(rest.run())
    assert torch.equal(rest.method.student.network(*INPUT), student(*INPUT))


def test_the_merged_student_is_a_plain_network_that_gives_the_same():
    done = trainer("lcm", grid=4)
    list(done.run())
    view = done.ema["student"].module
    merged = view.unet
    assert {type(m).__module__.split(".")[0] for m in merged.modules()} <= {"torch", "diffusers"}
    assert torch.allclose(UNetNetwork(merged)(*INPUT), view(*INPUT), atol=1e-5)


def test_adapters_hold_few_weights():
    view = Shared(unet(), rank=1, targets=ATTENTION).trainable_copy()
    ours, all_of_them = (sum(p.numel() for p in m.parameters()) for m in (view, unet()))
    assert ours < 0.1 * all_of_them


def test_settings_that_do_not_fit_get_one_sentence():
    with pytest.raises(ValueError, match="a rank of 0 does not fit"):
        Shared(unet(), rank=0)
    with pytest.raises(ValueError, match="cannot take the guidance scale"):
        trainer("guided")
