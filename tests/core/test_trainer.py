"""The trainer: accumulation, refusals, EMA counting, learning-rate shape."""

from __future__ import annotations

import pytest
import torch
from torch import nn

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
