"""Methods of preference tuning: their formulas by hand, at which times they teach, what they change, runs that are left off."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from studio.core.levels import Weights
from studio.core.method import Streams
from studio.core.recipe import Recipe
from studio.core.rng import generator, randn
from studio.core.trainer import Trainer, TrainerConfig
from studio.domains.pocket.face import PocketWorld
from studio.families import open_model
from studio.jobs.paths import ROOT
from studio.methods.preference import PREFERENCE
from studio.methods.preference.ddpo import advantages, clipped
from studio.methods.preference.dpo import Dpo
from studio.methods.preference.preferring import Move, preferred, ranked
from studio.methods.preference.preferring import Path as Taken
from studio.sampling.plan import Plan, student_plan, teacher_plan
from studio.workshop.material.preferred import Pairs, PreferredMaterial

STUDENT, TEACHER = (ROOT / "assets" / "nano" / name for name in ("dmd2", "teacher"))
SMALL: dict[str, dict[str, Any]] = {"dpo": {"batch": 4}, "pso-online": {"batch": 4}, "ddpo": {"batch": 2, "each": 4}}


@pytest.fixture(scope="module")
def student() -> Any:
    return open_model(STUDENT, "nano/dmd2")


def lightness(samples: Tensor, said: Any) -> Tensor:
    return samples.flatten(1).mean(1)


def material(model: Any, plan: Plan, own: tuple[float, ...]) -> PreferredMaterial:
    def make() -> Pairs:
        won, lost = (0.5 * randn((3, *model.shape), generator(seed, "pairs")) for seed in (1, 2))
        return Pairs(won, lost, torch.arange(3))

    domain = PocketWorld()
    said = [domain.read(text) for text in ("a house", "a red boat at night", "a tree")]
    return PreferredMaterial(model, domain, plan, said, lightness, make, own)


def method(student: Any, name: str, plan: Plan | None = None, **settings: Any) -> Any:
    recipe = Recipe.load(STUDENT)
    chosen: Any = PREFERENCE.get(name)
    config = chosen.Config.model_validate({**SMALL[name], **settings})
    made = material(student, plan or student_plan("nano/dmd2", recipe), tuple(recipe.timesteps))
    return chosen(config, Streams(0), student.trainable_under_adapter(), made)


def test_the_loss_of_pairs_is_that_of_diffusion_dpo() -> None:
    errors = [torch.tensor([value]) for value in (0.2, 0.5, 0.3, 0.4)]  # winner and loser now, and before
    for gamma, gap in ((1.0, (0.2 - 0.3) - (0.5 - 0.4)), (0.5, (0.2 - 0.3) - 0.5 * (0.5 - 0.4))):
        by_hand = math.log(1 + math.exp(10 / 2 * gap))  # −log σ(−β/2 gap)
        assert float(preferred(*errors, 10.0, gamma)) == pytest.approx(by_hand, rel=1e-6)


def test_the_velocity_error_is_that_of_eps_over_alpha_squared(student: Any) -> None:
    m = method(student, "dpo")
    won, lost, cond = m.batch()
    alpha, sigma = (float(v) for v in m.denoiser.process.alpha_sigma(torch.tensor(599.0, dtype=torch.float64)))
    eps = randn(won.shape, generator(3, "eps"))
    x = alpha * won + sigma * eps
    with torch.no_grad():
        of_eps = m.denoiser.eps(x, 599.0, cond) - eps
        of_v = m.denoiser.velocity(x, 599.0, cond) - (alpha * eps - sigma * won)
    torch.testing.assert_close(of_eps.square().mean() / alpha**2, of_v.square().mean(), rtol=1e-3, atol=1e-5)


def test_a_step_of_the_path_has_the_likelihood_of_its_normal_distribution(student: Any) -> None:
    m = method(student, "ddpo")
    x, v = randn((2, *student.shape), generator(0, "x")), randn((2, *student.shape), generator(0, "v"))
    move = Move(599.0, Weights(x=0.3, x0=0.6, noise=0.5))
    alpha, sigma = (float(part) for part in m.denoiser.process.alpha_sigma(torch.tensor(599.0, dtype=torch.float64)))
    mean = 0.3 * x + 0.6 * (alpha * x - sigma * v)
    normal = torch.distributions.Normal(mean, 0.5)
    there = randn(x.shape, generator(0, "there"))
    constant = -math.log(0.5 * math.sqrt(2 * math.pi))
    by_hand = normal.log_prob(there).flatten(1).mean(1) - constant
    torch.testing.assert_close(m.likelihood(Taken(move, x, there, torch.zeros(2)), v), by_hand, rtol=1e-4, atol=1e-5)


def test_advantages_are_of_each_prompt_and_ratios_are_clipped_on_one_side() -> None:
    found = advantages(torch.tensor([[0.0, 2.0], [10.0, 12.0], [3.0, 3.0]]), 5.0)
    half = 1 / math.sqrt(2)
    torch.testing.assert_close(found, torch.tensor([[-half, half], [-half, half], [0.0, 0.0]]), rtol=1e-4, atol=1e-6)
    assert advantages(torch.tensor([[0.0] * 63 + [1.0]]), 2.0).max() == 2.0
    loss = clipped(torch.tensor([1.0, 1.0, -1.0, -1.0]), torch.tensor([1.5, 0.5, 1.5, 0.5]), 0.1)
    torch.testing.assert_close(loss, torch.tensor([-1.1, -0.5, 1.5, 0.9]))


def test_the_best_and_the_worst_are_a_pair_unless_they_are_alike() -> None:
    best, worst, differ = ranked(torch.tensor([[1.0, 3.0, 2.0], [5.0, 5.0, 5.0]]))
    assert (int(best[0]), int(worst[0]), differ.tolist()) == (1, 0, [True, False])


@pytest.mark.parametrize("name", sorted(SMALL))
def test_an_adapter_learns_and_the_network_does_not(student: Any, name: str) -> None:
    m = method(student, name)
    frozen = {key: value.clone() for key, value in m.network.state_dict().items()}
    for _ in Trainer(m, TrainerConfig(steps=3, warmup=1)).run():
        pass
    assert all(torch.equal(value, frozen[key]) for key, value in m.network.state_dict().items())
    assert any(bool(weight.any()) for weight in m.adapter.up.values())


def test_dpo_brings_winners_nearer_than_losers(student: Any) -> None:
    m = method(student, "dpo", lr=2e-3, ema=0.0)
    for _ in Trainer(m, TrainerConfig(steps=30, warmup=2)).run():
        pass
    assert m.log["gap"] > 0 and m.log["accuracy"] > 0.5


def test_a_student_is_taught_at_the_times_it_is_sampled_at(student: Any) -> None:
    assert set(method(student, "dpo").times(200).tolist()) == set(Recipe.load(STUDENT).timesteps)


def test_paths_of_the_untouched_student_are_its_own_sampling(student: Any) -> None:
    m = method(student, "pso-online")
    cond, _ = m.preferences.prompts(2, 2, generator(0, "some"))
    x, paths = m.drawn(cond)
    assert m.stochastic and [path.move.t for path in paths] == list(Recipe.load(STUDENT).timesteps[:-1])  # the last ends clean
    with torch.no_grad():
        last = m.denoiser.x0(paths[-1].there, Recipe.load(STUDENT).timesteps[-1], cond)
    torch.testing.assert_close(x, last, rtol=1e-3, atol=1e-3)
    with torch.no_grad():
        for path in paths:  # what took a step finds it as likely afterwards
            torch.testing.assert_close(m.likelihood(path, m.guided(path.x, path.move.t, cond)), path.old, rtol=0, atol=1e-5)


def test_a_student_of_one_step_has_pairs_made_online_and_no_policy(student: Any) -> None:
    recipe = Recipe.load(STUDENT)
    one = student_plan("nano/dmd2", recipe.model_copy(update={"timesteps": recipe.timesteps[:1], "valid_steps": (1,)}))
    m = method(student, "pso-online", one)
    assert not m.stochastic
    for _ in Trainer(m, TrainerConfig(steps=1, warmup=1)).run():
        pass
    assert {"winner", "loser", "reward"} <= set(m.log)
    with pytest.raises(ValueError, match="no stochastic step.*dpo would fit"):
        next(method(student, "ddpo", one).iteration(method(student, "ddpo", one).batch(), 0))


def test_a_winner_that_gets_worse_is_said(student: Any) -> None:
    m = Dpo.__new__(Dpo)
    m.log = {}
    one = torch.ones(1)
    for _ in range(30):
        m._watch(2 * one, one, 3 * one, one)
    assert m.log["diverged"] and m.log["winner"] == 2.0 and m.log["accuracy"] == 1.0


def test_a_teacher_follows_its_guidance(student: Any) -> None:
    teacher = open_model(TEACHER, "nano/teacher")
    plan = teacher_plan("nano/teacher", (999.0, 499.0), "ddim", 3.0, eta=1.0)
    chosen: Any = PREFERENCE.get("ddpo")
    m = chosen(chosen.Config(batch=2, each=2), Streams(0), teacher.trainable_under_adapter(), material(teacher, plan, ()))
    cond, _ = m.batch()
    x = m.preferences.noise(cond, generator(0, "x"))
    null = m.preferences.null(cond)
    with torch.no_grad():
        asked, unasked = (m.denoiser.x0(x, 499.0, given) for given in (cond, null))
        mean = m.mean(Move(499.0, Weights(x=0.0, x0=1.0)), x, m.guided(x, 499.0, cond))
    torch.testing.assert_close(mean, unasked + 3.0 * (asked - unasked), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_run_that_is_left_off_ends_as_one_that_was_not(student: Any, name: str, tmp_path: Path) -> None:
    def trained(folder: Path, leave: int | None) -> list[torch.Tensor]:
        trainer = Trainer(method(student, name), TrainerConfig(steps=4, warmup=1), folder)
        trainer.resume()
        for progress in trainer.run(lambda: False):
            if progress.step == leave:
                trainer.save()
                break
        return [*trainer.method.adapter.parameters(), *trainer.method.emas["preference"].parameters()]  # type: ignore[attr-defined]

    straight = trained(tmp_path / "straight", None)
    trained(tmp_path / "off", 2)
    assert all(torch.equal(a, b) for a, b in zip(trained(tmp_path / "off", None), straight, strict=True))
