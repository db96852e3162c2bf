"""What every distillation method must keep, whatever it computes."""

from __future__ import annotations

import copy

import pytest
import torch

from studio.core.denoiser import Denoiser
from studio.core.method import Sampling, Streams
from studio.core.recipe import Recipe
from studio.core.trainer import Trainer, TrainerConfig
from studio.methods.distill import METHODS as OBJECTIVES
from studio.methods.distill.dmd2 import DMD2
from studio.methods.distill.lcm import LCM
from studio.sampling.rules import RULES
from tests.support.tiny_world import Blobs, TinyNetwork, teacher

METHODS = [cls for cls in OBJECTIVES.all().values() if cls.__module__.startswith("studio.")]
SMALL = {
    "pool": 16,
    "pairs": 16,
    "pool_steps": 2,
    "pair_steps": 2,
    "start": 2,
    "forget": "left",
}  # fields of some methods, for milliseconds


def make(cls, folder=None, iterations=6, accumulate=1, guide=None, **config):
    small = {k: v for k, v in SMALL.items() if k in cls.Config.model_fields}
    method = cls(cls.Config(batch=8, **{**small, **config}), Streams(3), guide or teacher(), Blobs())
    return Trainer(method, TrainerConfig(steps=iterations, warmup=2, checkpoint_every=100, accumulate=accumulate), folder)


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
    generators = [method.iteration(method.batch(), 0)]
    while (found := trainer._gradients(generators)) is not None:
        name = found[0]
        trainer._update(*found)
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
    trainer = make(cls, iterations=12)
    start = flat(trainer.method.student.network).clone()
    for progress in trainer.run():
        assert all(torch.isfinite(torch.tensor(v)) for v in progress.losses.values())
    assert not torch.equal(flat(trainer.method.student.network), start)
    assert trainer.skipped == 0


def taught_otherwise() -> Denoiser:
    """A teacher whose students are networks of another shape, with weights of their own."""
    guide = teacher()
    guide.network.teaches(lambda: TinyNetwork(seed=5, width=10).train(), Sampling((999.0, 400.0), "lcm", (2,)))
    return guide


@pytest.mark.parametrize("cls", METHODS)
def test_a_student_that_was_handed_in_is_what_is_trained(cls, tmp_path):
    whole = make(cls, guide=taught_otherwise())
    theirs = flat(TinyNetwork(seed=5, width=10))
    assert torch.equal(flat(whole.method.trained["student"].module), theirs)
    if hasattr(whole.method, "duel"):  # what must know what the teacher knows is the teacher's copy
        assert torch.equal(flat(whole.method.duel.fake.network), flat(teacher().network))
    list(whole.run())
    student = flat(whole.method.student.network)
    assert student.shape == theirs.shape
    assert not torch.equal(student, theirs)
    assert torch.equal(flat(whole.method.teacher.network), flat(teacher().network))
    part = make(cls, tmp_path, guide=taught_otherwise())
    list(part.run(should_stop=lambda: part.step >= 3))
    rest = make(cls, tmp_path, guide=taught_otherwise())
    assert rest.resume()
    list(rest.run())
    assert all(torch.equal(a, b) for a, b in zip(everything(rest), everything(whole), strict=True))


@pytest.mark.parametrize("cls", METHODS)
def test_a_student_that_is_a_copy_is_taught_as_if_it_were_handed_in(cls):
    """Whoever hands in the teacher itself changes nothing."""
    guide = teacher()
    guide.network.teaches(guide.network.trainable_copy)
    ours, plain = make(cls, guide=guide), make(cls)
    for trainer in (ours, plain):
        list(trainer.run())
    assert all(torch.equal(a, b) for a, b in zip(everything(ours), everything(plain), strict=True))


def test_copies_of_a_teacher_share_what_makes_its_students():
    guide = taught_otherwise().network
    assert torch.equal(flat(copy.deepcopy(guide).student()), flat(guide.student()))
    assert guide.student() is not guide.student()
    plain = teacher().network
    plain.teaches(plain.trainable_copy)
    assert copy.deepcopy(plain)._pupil is plain._pupil  # not a second network that belongs to nobody


def test_dmd2_steps_the_critic_as_often_as_asked():
    method = DMD2(DMD2.Config(batch=4, critic_updates=3), Streams(0), teacher(), Blobs())
    trainer = Trainer(method, TrainerConfig(steps=4))
    list(trainer.run())
    assert trainer.updates == {"fake": 12, "student": 4}
    assert trainer.ema["student"].updates == 4


def test_dmd2_gradient_is_the_normalised_difference():
    """Closed form: with a fake score equal to an unguided teacher, A = 0 and the student gets no gradient."""
    method = DMD2(DMD2.Config(batch=16, guidance=1.0), Streams(0), teacher(), Blobs())
    x, cond = method.duel.generate(method.batch(), "noise")
    (gradient,) = torch.autograd.grad(method.loss(x, cond).mean(), x)
    assert float(gradient.abs().max()) < 1e-6
    for p in method.duel.fake.network.parameters():
        p.data.mul_(1.3)
    (moved,) = torch.autograd.grad(method.loss(x, cond).mean(), x)
    assert float(moved.abs().max()) > 1e-4


@pytest.mark.parametrize("name", ["dmd2", "sid", "sim", "tdm", "sfd"])
def test_distribution_objectives_draw_no_data(name):
    cls = OBJECTIVES.get(name)
    small = {name: value for name, value in SMALL.items() if name in cls.Config.model_fields}
    method = cls(cls.Config(batch=4, **small), Streams(0), teacher(), Blobs(data_allowed=False))
    list(Trainer(method, TrainerConfig(steps=2)).run())


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("dmd2", {"gan": 0.01}),
        ("dmd2", {"gan": 0.01, "real": "data"}),
        ("dmd2", {"inputs": "noised data"}),
        ("dmd2", {"inputs": "noised teacher samples"}),
        ("dmd2", {"timesteps": (999.0,)}),
        ("sid", {"gan": 0.01, "alpha": 0.5}),
        ("sfd", {"timesteps": (999.0, 500.0), "share": 0.5, "alpha": 0.5}),
        ("f-distill", {"divergence": "forward-kl"}),
        ("uni-instruct", {"divergence": "jeffreys"}),
        ("segments", {"segments": (4, 2, 1), "inputs": "teacher trajectory", "grid": 4}),
        ("progressive", {"loss": "l1", "start": 4, "steps": 1}),
        ("progressive", {"loss": "snr", "start": 2, "steps": 2}),
        ("reward", {"through": "last step", "hold": 0.0}),
        ("reward", {"timesteps": (999.0,), "margin": 5.0}),
    ],
)
def test_every_setting_trains_and_says_how_to_sample(name, config):
    trainer = make(OBJECTIVES.get(name), iterations=9, **config)
    for progress in trainer.run():
        assert all(torch.isfinite(torch.tensor(v)) for v in progress.losses.values())
    how = trainer.method.sampling()
    assert len(how.timesteps) in how.valid_steps
    assert list(how.timesteps) == sorted(how.timesteps, reverse=True)
    recipe = Recipe(teacher="a/b", teacher_hash="0" * 12, timesteps=how.timesteps, rule=how.rule, prediction="v",
                    valid_steps=how.valid_steps, eta=how.eta)  # fmt: skip
    assert recipe.rule in RULES


@pytest.mark.parametrize(
    ("name", "config", "words"),
    [
        ("segments", {"grid": 16, "segments": (5,)}, "5 segments do not divide a grid of 16; 1, 2, 4, 8, 16 would"),
        ("progressive", {"start": 2, "steps": 8}, "steps 8 is more than start 2"),
        ("guided", {"w_low": 4, "w_high": 2}, "w_high 2 is below w_low 4"),
    ],
)
def test_settings_that_do_not_fit_each_other_get_one_sentence(name, config, words):
    with pytest.raises(ValueError, match=words):
        make(OBJECTIVES.get(name), **config)


def test_too_few_iterations_for_the_rounds_are_refused():
    with pytest.raises(ValueError, match="at least"):
        make(OBJECTIVES.get("progressive"), iterations=2, start=8)


def test_an_untrained_guided_student_is_its_conditional_teacher():
    method = make(OBJECTIVES.get("guided")).method
    x, cond = torch.randn(4, 2), Blobs().conditions(4, method.streams["data"])
    with_w = {**cond, "w": torch.full((4,), 5.0)}
    assert torch.equal(method.student.x0(x, 500.0, with_w), method.teacher.x0(x, 500.0, cond))


def test_a_segment_that_ends_where_the_teacher_lands_takes_its_word():
    """With as many segments as grid times, a student equal to an unguided teacher has nothing to learn."""
    trainer = make(OBJECTIVES.get("segments"), grid=4, segments=(4,), guidance=1.0)
    ((_, loss),) = list(trainer.method.iteration(trainer.method.batch(), 0))
    assert float(loss.detach()) < 1e-9


def test_rounds_of_one_and_two_segments_are_twice_as_long():
    assert make(OBJECTIVES.get("segments"), iterations=12, grid=8, segments=(8, 4, 2, 1)).starts == (0, 2, 4, 8, 12)
    with pytest.raises(ValueError, match="3 iterations do not fit 4 rounds; at least 6 would"):
        make(OBJECTIVES.get("segments"), iterations=3, grid=8, segments=(8, 4, 2, 1))


def test_a_round_begins_from_the_average_of_the_round_before():
    trainer = make(OBJECTIVES.get("progressive"), iterations=10, start=4)  # shares 1, 2, 2
    assert trainer.starts == (0, 2, 6, 10)
    for progress in trainer.run():
        if progress.step == 2:
            average = flat(trainer.ema["student"].module)
        if progress.step == 3:
            assert torch.equal(flat(trainer.method.held["teacher of the round"]), average)
    assert trainer.method.round == 2


def test_lcm_boundary_is_the_teachers_guess():
    """From the last grid time the target is the teacher's own x0, so a student equal to an unguided teacher has loss 0."""
    method = LCM(LCM.Config(batch=16, grid=2, guidance=1.0), Streams(0), teacher(), Blobs())
    trainer = Trainer(method, TrainerConfig(steps=1))
    method.times = torch.tensor([600.0, 0.0, 0.0], dtype=torch.float64)
    method.config = LCM.Config(batch=16, grid=2, guidance=1.0).model_copy(update={"grid": 1})
    ((_, loss),) = list(method.iteration(method.batch(), 0))
    assert float(loss.detach()) < 1e-9
    assert trainer.step == 0
