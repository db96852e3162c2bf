"""What every distillation method must keep, whatever it computes."""

from __future__ import annotations

import pytest
import torch

from studio.core.method import Streams
from studio.core.trainer import Trainer, TrainerConfig
from studio.methods.distill.dmd2 import DMD2
from studio.methods.distill.lcm import LCM
from tests.methods.world import Blobs, teacher

METHODS = [DMD2, LCM]


def make(cls, folder=None, steps=6, accumulate=1, **config):
    method = cls(cls.Config(batch=8, **config), Streams(3), teacher(), Blobs())
    return Trainer(method, TrainerConfig(steps=steps, warmup=2, checkpoint_every=100, accumulate=accumulate), folder)


def flat(module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def everything(trainer) -> list[torch.Tensor]:
    modules = [t.module for t in trainer.method.trained.values()] + [e.module for e in trainer.ema.values()]
    return [flat(m) for m in modules]


@pytest.mark.parametrize("cls", METHODS)
def test_config_survives_json(cls):
    config = cls.Config(batch=8)
    assert cls.Config.model_validate_json(config.model_dump_json()) == config
    with pytest.raises(ValueError, match="batchsize"):
        cls.Config(batchsize=8)


@pytest.mark.parametrize("cls", METHODS)
def test_an_update_changes_the_named_network_alone(cls):
    trainer = make(cls)
    method = trainer.method
    frozen = flat(method.teacher.network).clone()
    before = {n: flat(t.module).clone() for n, t in method.trained.items()}
    for name, loss in method.iteration(method.batch(), 0):
        trainer._update(name, [loss])
        after = {n: flat(t.module).clone() for n, t in method.trained.items()}
        assert not torch.equal(after[name], before[name])
        assert all(torch.equal(after[n], before[n]) for n in after if n != name)
        before = after
    assert torch.equal(flat(method.teacher.network), frozen)


@pytest.mark.parametrize("cls", METHODS)
def test_a_stopped_run_resumes_bit_for_bit(cls, tmp_path):
    whole = make(cls)
    list(whole.run())
    for stops in ([2], [1, 4]):  # once, and twice in a row
        folder = tmp_path / str(len(stops))
        for stop in stops:
            part = make(cls, folder)
            part.resume()
            list(part.run(should_stop=lambda part=part, stop=stop: part.step >= stop))
        rest = make(cls, folder)
        assert rest.resume()
        assert rest.step == stops[-1]
        list(rest.run())
        assert all(torch.equal(a, b) for a, b in zip(everything(rest), everything(whole), strict=True))


@pytest.mark.parametrize("cls", METHODS)
def test_training_moves_the_student_and_stays_finite(cls):
    trainer = make(cls, steps=12)
    start = flat(trainer.method.student.network).clone()
    for progress in trainer.run():
        assert all(torch.isfinite(torch.tensor(v)) for v in progress.losses.values())
    assert not torch.equal(flat(trainer.method.student.network), start)
    assert trainer.skipped == 0


def test_dmd2_draws_no_data():
    method = DMD2(DMD2.Config(batch=4), Streams(0), teacher(), Blobs(data_allowed=False))
    list(Trainer(method, TrainerConfig(steps=2)).run())


def test_dmd2_steps_the_critic_as_often_as_asked():
    method = DMD2(DMD2.Config(batch=4, critic_updates=3), Streams(0), teacher(), Blobs())
    trainer = Trainer(method, TrainerConfig(steps=4))
    list(trainer.run())
    assert trainer.updates == {"fake": 12, "student": 4}
    assert trainer.ema["student"].updates == 4


def test_dmd2_gradient_is_the_normalised_difference():
    """Closed form: with a fake score equal to an unguided teacher, A = 0 and the student gets no gradient."""
    method = DMD2(DMD2.Config(batch=16, guidance=1.0), Streams(0), teacher(), Blobs())
    method.emas["student"] = method.student.network
    cond = method.batch()
    x = method.generate(cond, "noise")
    (gradient,) = torch.autograd.grad(method.distribution_matching(x, cond), x)
    assert float(gradient.abs().max()) < 1e-6
    for p in method.fake.network.parameters():
        p.data.mul_(1.3)
    (moved,) = torch.autograd.grad(method.distribution_matching(x, cond), x, allow_unused=True) if x.requires_grad else (None,)
    assert moved is not None
    assert float(moved.abs().max()) > 1e-4


def test_lcm_boundary_is_the_teachers_guess():
    """From the last grid time the target is the teacher's own x0, so a student equal to an unguided teacher has loss 0."""
    method = LCM(LCM.Config(batch=16, grid=2, guidance=1.0), Streams(0), teacher(), Blobs())
    trainer = Trainer(method, TrainerConfig(steps=1))
    method.times = torch.tensor([600.0, 0.0, 0.0], dtype=torch.float64)
    method.config = LCM.Config(batch=16, grid=2, guidance=1.0).model_copy(update={"grid": 1})
    ((_, loss),) = list(method.iteration(method.batch(), 0))
    assert float(loss.detach()) < 1e-9
    assert trainer.step == 0
