"""The trainer: accumulation, refusals, EMA counting, learning-rate shape."""

from __future__ import annotations

import importlib.util
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from studio.core import optimizers
from studio.core.method import Method, MethodConfig, Streams, Trained
from studio.core.trainer import NotFinite, Trainer, TrainerConfig


class Config(MethodConfig):
    batch: int = 8


class Regression(Method[Config]):
    """y = 2x by one linear layer; ``slices`` lets a test feed the same rows whole or in parts."""

    Config = Config

    def __init__(self, rows: torch.Tensor, parts: int = 1, poison_at: int | None = None):
        super().__init__(Config(), Streams(0))
        torch.manual_seed(0)
        self.net = nn.Linear(3, 1)
        self.rows, self.parts, self.poison_at, self.drawn = rows, parts, poison_at, 0
        self.trained = {"net": Trained(self.net, lr=0.05, ema=0.9, clip=None)}

    def batch(self):
        part = self.rows.chunk(self.parts)[self.drawn % self.parts]
        self.drawn += 1
        return part

    def iteration(self, batch, step):
        loss = ((self.net(batch) - 2 * batch.sum(1, keepdim=True)) ** 2).mean()
        if self.poison_at is not None and step >= self.poison_at:
            loss = loss * float("nan")
        yield "net", loss


ROWS = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))


def test_accumulation_equals_the_whole_batch():
    whole = Trainer(Regression(ROWS), TrainerConfig(steps=5, warmup=0))
    parts = Trainer(Regression(ROWS, parts=4), TrainerConfig(steps=5, warmup=0, accumulate=4))
    list(whole.run())
    list(parts.run())
    assert torch.allclose(whole.method.net.weight, parts.method.net.weight, atol=1e-6)


class Kept:
    """A tensor that autograd keeps; how many bytes of them there are, and were at most."""

    now = most = 0

    def __init__(self, tensor: torch.Tensor):
        self.tensor = tensor
        Kept.now += tensor.nbytes
        Kept.most = max(Kept.most, Kept.now)

    def __del__(self):
        Kept.now -= self.tensor.nbytes


def test_a_micro_batch_is_forgotten_before_the_next_one_is_computed():
    """Accumulating must not keep several graphs at once, or it would not save the memory it is there for."""
    most = []
    for accumulate in (1, 4):
        trainer = Trainer(Regression(ROWS, parts=4), TrainerConfig(steps=5, warmup=0, accumulate=accumulate))
        trainer.iterate()
        Kept.now = Kept.most = 0
        with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
            trainer.iterate()
        assert Kept.now == 0
        most.append(Kept.most)
    assert most[0] == most[1] > 0


def test_micro_batches_name_the_same_network():
    class Torn(Regression):
        def iteration(self, batch, step):
            yield "net" if torch.equal(batch, ROWS[:2]) else "other", self.net(batch).mean()

    method = Torn(ROWS, parts=4)
    method.trained["other"] = Trained(method.net, lr=0.1)
    with pytest.raises(AssertionError, match="must yield alike"):
        Trainer(method, TrainerConfig(steps=5, accumulate=2)).iterate()


def test_loss_falls():
    losses = [p.losses["net"] for p in Trainer(Regression(ROWS), TrainerConfig(steps=200, warmup=0)).run()]
    assert losses[-1] < 0.05 * losses[0]


def test_nan_is_skipped_counted_and_ends_the_run(tmp_path):
    trainer = Trainer(Regression(ROWS, poison_at=3), TrainerConfig(steps=50, checkpoint_every=1, max_bad_steps=2), tmp_path)
    with pytest.raises(NotFinite, match="lower its learning rate"):
        list(trainer.run())
    assert trainer.skipped == 3
    assert all(torch.isfinite(p).all() for p in trainer.method.net.parameters())
    fresh = Trainer(Regression(ROWS), TrainerConfig(steps=50), tmp_path)
    assert fresh.resume()
    assert fresh.updates["net"] == 3


def test_ema_is_counted_in_the_networks_own_updates():
    trainer = Trainer(Regression(ROWS), TrainerConfig(steps=7))
    list(trainer.run())
    assert trainer.ema["net"].updates == 7


def test_an_unknown_network_is_named():
    method = Regression(ROWS)
    method.trained["other"] = method.trained.pop("net")
    with pytest.raises(ValueError, match="'net'"):
        Trainer(method, TrainerConfig(steps=1)).iterate()


def test_rate_warms_up_and_decays():
    trainer = Trainer(Regression(ROWS), TrainerConfig(steps=100, warmup=10, decay_from=0.5, decay_to=0.1))
    rates = []
    for step in range(100):
        trainer.step = step
        rates.append(trainer.rate())
    assert rates[0] == pytest.approx(0.1)
    assert rates[20] == rates[50] == 1.0
    assert rates[99] == pytest.approx(0.1, abs=0.03)


def test_adding_a_purpose_never_shifts_the_others():
    a, b = Streams(5), Streams(5)
    b["preview"].initial_seed()
    torch.rand(3, generator=b["preview"])
    assert torch.equal(torch.rand(4, generator=a["noise"]), torch.rand(4, generator=b["noise"]))


# -- less memory ---------------------------------------------------------------------------------------------------------


class Wide(Regression):
    """Layers large enough (4,096 numbers) for an 8-bit optimiser to store their moments in 8 bits."""

    def __init__(self, rows: torch.Tensor):
        super().__init__(rows)
        self.net = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
        self.trained = {"net": Trained(self.net, lr=0.01, clip=None)}


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="needs bitsandbytes for an 8-bit optimiser")
def test_an_eight_bit_optimiser_trains_keeps_bytes_and_resumes_bit_for_bit(tmp_path):
    config = TrainerConfig(steps=30, warmup=5, decay_from=0.5, optimizer="adamw8bit")

    def make(folder=None):
        torch.manual_seed(0)
        return Trainer(Wide(ROWS), config, folder)

    whole = make()
    losses = [p.losses["net"] for p in whole.run()]
    assert losses[-1] < 0.5 * losses[0]
    states = [v for state in whole.optimizers["net"].state.values() for v in state.values() if torch.is_tensor(v)]
    assert any(v.dtype == torch.uint8 and v.numel() == 4096 for v in states)
    part = make(tmp_path)
    list(part.run(should_stop=lambda: part.step >= 11))
    rest = make(tmp_path)
    assert rest.resume()
    list(rest.run())
    assert all(torch.equal(a, b) for a, b in zip(rest.method.net.parameters(), whole.method.net.parameters(), strict=True))


def test_an_eight_bit_optimiser_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr(optimizers, "EIGHT_BIT", {"nothing": "studio.nothing", "neither": "studio.neither.optim"})
    with pytest.raises(ValueError, match="adamw8bit needs the package nothing or neither; install one, or choose adamw"):
        Trainer(Regression(ROWS), TrainerConfig(steps=1, optimizer="adamw8bit"))


def test_a_rate_that_is_a_tensor_is_filled():
    p = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([p], lr=torch.tensor(1.0))
    kept = optimizer.param_groups[0]["lr"]
    optimizers.set_rate(optimizer, 0.25)
    assert optimizer.param_groups[0]["lr"] is kept and float(kept) == 0.25


def test_what_cannot_be_computed_twice_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="no network that can compute a part of itself twice"):
        Trainer(Regression(ROWS), TrainerConfig(steps=1, checkpointing=True))


def unet_trainer(objective, shared, **run):
    """Two UNet-sized steps of an objective, on full weights or on adapters of one shared network."""
    from studio.core.denoiser import Denoiser
    from studio.core.unet import UNetNetwork
    from studio.families.stable.shared_lora import Shared
    from studio.methods.distill import METHODS
    from tests.families.test_shared_lora import PROCESS, Words, unet

    network = Shared(unet(), rank=2) if shared else UNetNetwork(unet())
    cls = METHODS.get(objective)
    small = {k: v for k, v in {"pool": 8, "pool_steps": 2, "gan": 0.01}.items() if k in cls.Config.model_fields}
    method = cls(cls.Config(batch=2, **small), Streams(1), Denoiser(network, PROCESS, "v"), Words())
    return Trainer(method, TrainerConfig(steps=2, warmup=0, **run))


def trained_weights(trainer):
    list(trainer.run())
    return torch.cat([p.detach().flatten() for t in trainer.method.trained.values() for p in t.module.parameters()])


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True], ids=["full", "adapters"])
@pytest.mark.parametrize("objective", ["lcm", "dmd2", "sid"])
def test_computing_twice_gives_the_same_weights_bit_for_bit(objective, shared):
    usual = trained_weights(unet_trainer(objective, shared))
    twice = unet_trainer(objective, shared, checkpointing=True)
    assert torch.equal(trained_weights(twice), usual)
    network = twice.method.student.network
    unet = network.__dict__["shared"].unet if shared else network.unet
    assert unet.is_gradient_checkpointing


def test_adapters_are_computed_twice_with_the_adapter_that_was_on(monkeypatch):
    """By the backward pass of SiD the last network called is the fake score, so the wrong adapter would be on."""
    from studio.families.stable.shared_lora import Shared

    usual = trained_weights(unet_trainer("sid", True))
    monkeypatch.setattr(Shared, "as_now", lambda self: nullcontext())
    broken = unet_trainer("sid", True, checkpointing=True)
    try:
        same = torch.equal(trained_weights(broken), usual)
    except RuntimeError:  # torch notices that other tensors are made the second time
        same = False
    assert not same
