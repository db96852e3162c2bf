"""Rewards read through the frozen decoder and oracle of nano, and the objective that follows them."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from studio.core.denoiser import Denoiser
from studio.core.domain import told
from studio.core.method import Sampling, Streams
from studio.core.rng import generator
from studio.core.trainer import Trainer, TrainerConfig
from studio.domains.pocket.captions import caption, parse
from studio.domains.pocket.dataset import scenes
from studio.domains.pocket.face import PocketWorld
from studio.domains.pocket.hands import NOT_STATED, index_of_stated, stated_log_probability
from studio.domains.pocket.oracle import load_oracle
from studio.domains.pocket.scene import FACTORS
from studio.families import open_model
from studio.families.autoencoder import decoded_with_gradient
from studio.families.stable.trainable import teacher_denoiser
from studio.jobs.paths import ROOT
from studio.methods.distill import METHODS
from studio.methods.distill.reward import USUAL, RewardConfig, RewardTuning
from studio.workshop.material.captions import GradedCaptions, world_material
from studio.workshop.material.reward import Grader
from tests.methods.test_contract import flat
from tests.support.tiny_world import Blobs, teacher

NANO = ROOT / "assets" / "nano"


@pytest.fixture(scope="module")
def model() -> Any:
    return open_model(NANO / "teacher", "nano/teacher")


@pytest.fixture(scope="module")
def start() -> Any:
    return open_model(NANO / "lcm", "nano/lcm")


@pytest.fixture(scope="module")
def grader(model: Any) -> Grader:
    return Grader(model, PocketWorld(), load_oracle(NANO / "oracle"))


@pytest.fixture(scope="module")
def material(model: Any, tmp_path_factory: pytest.TempPathFactory) -> GradedCaptions:
    found = world_material(
        model, PocketWorld(), tmp_path_factory.mktemp("latents"), n_items=64, oracle=load_oracle(NANO / "oracle")
    )
    assert isinstance(found, GradedCaptions)
    return found


# -- the reward ----------------------------------------------------------------------------------------------------------


def test_a_caption_is_graded_by_what_it_states(model: Any) -> None:
    draw = np.random.default_rng(5)
    lines = [*(caption(scene, draw, free_rate=0.5) for scene in scenes(200, 3)), "a picture", "a large red house at night"]
    stated = index_of_stated([PocketWorld().read(line) for line in lines])
    for line, row in zip(lines, stated.tolist(), strict=True):
        said = {name: f.values[i] for (name, f), i in zip(FACTORS.items(), row, strict=True) if i != NOT_STATED}
        assert said == parse(line).stated, line
    assert stated[-2].tolist() == [NOT_STATED] * len(FACTORS)


def test_the_reward_is_the_mean_log_probability_of_what_is_stated() -> None:
    logits = {name: torch.zeros(2, len(f.values)) for name, f in FACTORS.items()}
    stated = torch.full((2, len(FACTORS)), NOT_STATED)
    names = list(FACTORS)
    stated[0, names.index("time")], stated[0, names.index("color")] = 1, 2
    chance = [-torch.tensor(float(len(FACTORS[name].values))).log() for name in ("time", "color")]
    assert torch.allclose(stated_log_probability(logits, stated), torch.tensor([sum(chance) / 2, 0.0]))
    logits["time"][0, 1] = 100.0
    assert torch.allclose(stated_log_probability(logits, stated)[0], chance[1] / 2)


def test_renders_please_their_own_captions_and_not_those_of_others(material: GradedCaptions) -> None:
    g = generator(0, "data")
    material.data(1, g)  # makes the latents
    assert material._made is not None
    lines = material.said(torch.arange(64) * material.each)
    own = material.grader.reward(lines, {})(material._made.float())
    other = material.grader.reward([lines[-1], *lines[:-1]], {})(material._made.float())
    assert own.shape == (64,)
    assert float(own.median()) > -0.05
    assert float(other.median()) < -1


def test_what_is_graded_is_the_picture_that_is_shown(model: Any, grader: Grader) -> None:
    latents = torch.randn(3, *model.shape, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(grader.samples(latents, {}), model.decode(latents), atol=1e-5)


class Enlarged(Grader):
    """A model that draws twice the size its oracle reads."""

    def samples(self, latents: Tensor, cond: Any) -> Tensor:
        return torch.nn.functional.interpolate(super().samples(latents, cond), scale_factor=2, mode="bilinear")


@pytest.mark.parametrize(("kind", "at_once"), [(Grader, 8), (Enlarged, 8), (Grader, 1)])
def test_the_gradient_of_the_reward_is_that_of_finite_differences(model: Any, kind: type[Grader], at_once: int) -> None:
    """In double precision, along random directions, through the decoder, the clamp, the resizing and the oracle."""
    grader = kind(model, PocketWorld(), load_oracle(NANO / "oracle").double())
    vae = copy.deepcopy(model.parts.vae).double()
    grader.model = SimpleNamespace(decode_with_gradient=lambda x, given: decoded_with_gradient(vae, x, at_once))
    reward = grader.reward(told(["a red house at night", "a small boat"]), {})
    g = torch.Generator().manual_seed(2)
    x = torch.randn(2, *model.shape, generator=g, dtype=torch.float64).requires_grad_(True)
    (gradient,) = torch.autograd.grad(reward(x).sum(), x)
    for _ in range(3):
        direction = torch.randn(x.shape, generator=g, dtype=torch.float64)
        step = 1e-7 * direction  # few of the many ReLUs have their kink this near
        with torch.no_grad():
            slope = float((reward(x + step) - reward(x - step)).sum() / 2e-7)
        assert slope == pytest.approx(float((gradient * direction).sum()), rel=1e-3, abs=1e-4)


def test_conditions_are_drawn_as_without_a_reward(material: GradedCaptions) -> None:
    cond, reward = material.graded(5, generator(4, "data"))
    assert torch.equal(cond["states"], material.conditions(5, generator(4, "data"))["states"])
    assert reward(torch.zeros(5, *material.shape)).shape == (5,)


# -- the objective -------------------------------------------------------------------------------------------------------


def made(guide: Denoiser | None = None, **config: Any) -> RewardTuning:
    return RewardTuning(RewardConfig(batch=8, **config), Streams(3), guide or teacher(), Blobs())


def test_a_material_without_a_reward_is_refused_in_one_sentence(model: Any, tmp_path: Path) -> None:
    plain = world_material(model, PocketWorld(), tmp_path, n_items=16)
    with pytest.raises(ValueError, match="these data come with none"):
        RewardTuning(RewardConfig(batch=2), Streams(0), teacher_denoiser(model), plain)


def test_samples_above_the_margin_are_left_alone_and_an_unchanged_student_is_not_held_back() -> None:
    method = made(margin=-1000.0, hold=5.0)
    ((name, loss),) = list(method.iteration(method.batch(), 0))
    assert (name, float(loss.detach())) == ("student", 0.0)
    assert (method.log["satisfied"], method.log["drift"]) == (1.0, 0.0)
    gradients = torch.autograd.grad(loss, list(method.trained["student"].module.parameters()), allow_unused=True)
    assert all(g is None or not g.any() for g in gradients)


def test_the_loss_is_the_missing_reward_plus_the_distance_to_the_student_it_was() -> None:
    method = made(margin=0.5, hold=3.0, through="last step")
    with torch.no_grad():
        for p in method.student.network.parameters():
            p.mul_(1.1)
    ((_, loss),) = list(method.iteration(method.batch(), 0))
    assert method.log["drift"] > 0
    missing = 0.5 - method.log["reward"]  # Blobs' reward is never above 0, so no sample is cut off
    assert float(loss.detach()) == pytest.approx(missing + 3.0 * method.log["drift"], rel=1e-5)


@pytest.mark.parametrize("rule", ["lcm", "ddim"])
def test_the_chain_is_the_students_own(rule: str) -> None:
    """The sample at the last grid position equals that of the sampler that draws the student."""
    from studio.sampling.rules import RULES

    assert rule in RULES
    guide = teacher()
    grid = (999.0, 500.0, 200.0)
    guide.network.teaches(guide.network.trainable_copy, Sampling(grid, rule, (3, 1)))
    method = made(guide, through="last step")
    how = method.sampling()
    assert (how.timesteps, how.rule, how.valid_steps) == (grid, rule, (3,))
    noise = [torch.randn(8, 2) for _ in grid]
    cond, _ = method.batch()
    x, process = noise[0], guide.process
    with torch.no_grad():
        for k, t in enumerate(grid):
            x0 = method.student.x0(x, t, cond)
            if k + 1 < len(grid):
                a, s = (float(v) for v in process.alpha_sigma(torch.tensor(grid[k + 1], dtype=torch.float64)))
                eps = noise[k + 1]
                if rule == "ddim":
                    at, st = (float(v) for v in process.alpha_sigma(torch.tensor(t, dtype=torch.float64)))
                    eps = (x - at * x0) / st
                x = a * x0 + s * eps
    assert torch.allclose(method.sample(method.student, cond, noise), x0, atol=1e-5)


def test_the_grid_is_that_of_the_start_unless_another_is_given() -> None:
    assert made().sampling().timesteps == USUAL.timesteps
    assert made(timesteps=(999.0, 300.0)).sampling().timesteps == (999.0, 300.0)


def test_a_start_that_is_sampled_in_a_way_that_cannot_be_followed_is_refused() -> None:
    guide = teacher()
    guide.network.teaches(guide.network.trainable_copy, Sampling((999.0, 500.0), "ddim", (2,), eta=0.5))
    with pytest.raises(ValueError, match="the student is sampled by ddim with eta 0.5, which is not followed here"):
        made(guide)


def test_the_gradient_goes_through_one_step_alone() -> None:
    method = made(through="last step")
    cond, reward = method.batch()
    noise = [torch.randn(8, 2) for _ in method.grid]
    x = method.sample(method.student, cond, noise)
    (whole,) = torch.autograd.grad(reward(x).sum(), method.student.network.net[0].weight)
    with torch.no_grad():
        xt = method.sample(method.student, cond, noise[:-1])
        a, s = (float(v) for v in method.student.process.alpha_sigma(torch.tensor(method.grid[-1], dtype=torch.float64)))
    last = method.student.x0(a * xt + s * noise[-1], method.grid[-1], cond)
    (single,) = torch.autograd.grad(reward(last).sum(), method.student.network.net[0].weight)
    assert torch.allclose(whole, single, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [None, 2])
def test_on_nano_the_reward_changes_the_student_alone_and_a_stopped_run_resumes(
    model: Any, start: Any, material: GradedCaptions, tmp_path: Path, rank: int | None
) -> None:
    def trainer(folder: Path | None = None) -> Trainer:
        guide = teacher_denoiser(model, rank, start=start)
        method = RewardTuning(RewardConfig(batch=2), Streams(0), guide, material)
        return Trainer(method, TrainerConfig(steps=3, warmup=0, checkpoint_every=100), folder)

    whole = trainer()
    frozen = [flat(m) for m in (material.grader.oracle, model.parts.vae, whole.method.before.network)]
    begun = flat(whole.method.student.network)
    for progress in whole.run():
        assert {"reward", "satisfied", "drift"} <= progress.log.keys()
    assert not torch.equal(flat(whole.method.student.network), begun)
    after = [flat(m) for m in (material.grader.oracle, model.parts.vae, whole.method.before.network)]
    assert all(torch.equal(a, b) for a, b in zip(frozen, after, strict=True))
    part = trainer(tmp_path)
    list(part.run(should_stop=lambda: part.step >= 2))
    rest = trainer(tmp_path)
    assert rest.resume()
    list(rest.run())
    assert torch.equal(flat(rest.ema["student"].module), flat(whole.ema["student"].module))


def fixed_samples(method: RewardTuning, network: Any, material: GradedCaptions, n: int = 192) -> tuple[Tensor, float, float]:
    """(latents, share that show all that is stated, mean distance between samples of one caption), on fixed draws."""
    g = generator(99, "held out")
    index = material.captions(n // 4, g).repeat_interleave(4, 0)
    cond, stated = material.lines.take(index), index_of_stated([PocketWorld().read(line.text) for line in material.said(index)])
    noise = [torch.randn(n, *material.shape, generator=g) for _ in method.grid]
    with torch.no_grad():
        x = method.sample(Denoiser(network, method.teacher.process, method.teacher.prediction), cond, noise)
        logits = material.grader.oracle.seen(material.grader.samples(x, {}))[1]
        seen = torch.stack([logits[name].argmax(1) for name in FACTORS], 1)
        right = ((seen == stated) | (stated == NOT_STATED)).all(1)
    spread = torch.stack([torch.pdist(x[i : i + 4].flatten(1)).mean() for i in range(0, n, 4)]).mean()
    return x, float(right.float().mean()), float(spread)


@pytest.mark.learning
def test_eighty_updates_teach_nano_lcm_to_show_what_captions_state(model: Any, start: Any, material: GradedCaptions) -> None:
    guide = teacher_denoiser(model, start=start)
    method = RewardTuning(RewardConfig(batch=16, lr=1e-4), Streams(0), guide, material)
    trainer = Trainer(method, TrainerConfig(steps=80, warmup=2, decay_from=0.5))
    _, before, spread = fixed_samples(method, method.student.network, material)
    list(trainer.run())
    _, after, now = fixed_samples(method, trainer.ema["student"].module, material)
    # measured: 0.656 → 0.729, spread 13.51 → 12.63; the margin is half of it. Twenty updates are not enough:
    # an oracle hardened against attacks gives smaller gradients than one that can be talked over
    assert after > before + 0.035, (before, after)
    assert now > 0.8 * spread, "diversity may fall, but not collapse"


def test_the_objective_says_that_a_request_needs_a_start() -> None:
    assert METHODS.get("reward").Config.model_json_schema()["needs_start"] is True
