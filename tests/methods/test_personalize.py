"""Methods of personalization: what they train, at which times, what they keep, and runs that are left off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from studio.core.denoiser import Cond, from_x0
from studio.core.domain import told
from studio.core.method import Streams
from studio.core.process import VP, Flow
from studio.core.recipe import Recipe
from studio.core.rng import generator, randn
from studio.core.simulate import add_noise
from studio.core.trainer import Trainer, TrainerConfig
from studio.domains.pocket.face import PocketWorld
from studio.families import open_model
from studio.jobs.paths import ROOT
from studio.methods.personalize import PERSONALIZE
from studio.methods.personalize.min_snr import min_snr
from studio.methods.personalize.personal import missed
from studio.methods.personalize.pso import Pso
from studio.sampling.plan import student_plan, teacher_plan
from studio.workshop.material.untouched import UntouchedModel
from studio.workshop.material.untouched_student import TeacherAtHand, UntouchedStudent
from studio.workshop.material.words import Pictured
from studio.workshop.projection import noise_of

STUDENT, TEACHER = ROOT / "assets" / "nano" / "dmd2", ROOT / "assets" / "nano" / "teacher"
WORD = "<mine>"


@pytest.fixture(scope="module")
def student() -> Any:
    return open_model(STUDENT, "nano/dmd2")


@pytest.fixture(scope="module")
def untouched(student: Any, tmp_path_factory: pytest.TempPathFactory) -> UntouchedModel:
    said, worded = told(["a house"] * 4 + ["a red boat at night"] * 4), told([f"a {WORD}"] * 4)
    plan = student_plan("nano/dmd2", Recipe.load(STUDENT))
    folder = tmp_path_factory.mktemp("kept")
    teacher = open_model(TEACHER, "nano/teacher")
    teachers = teacher_plan("nano/teacher", [999.0, 500.0], "ddim", 1.0)
    return UntouchedStudent(
        student, PocketWorld(), plan, said, worded, folder, lambda done, total: None, lambda: None,
        lambda: TeacherAtHand(teacher, folder, teachers, WORD, 1), said,
    )  # fmt: skip


def method(student: Any, untouched: UntouchedModel, name: str, masks: torch.Tensor | None = None, **settings: Any) -> Any:
    shots = Pictured(
        lambda: 0.5 * randn((3, *student.shape), generator(5, "shots")), [told([f"a {WORD} by the sea"])],
        noise_of(PocketWorld(), student.shape), inside=lambda: masks,
    )  # fmt: skip
    chosen: Any = PERSONALIZE.get(name)
    small = {"undo_steps": 3, "undo_batch": 2} if name == "de-distill" else {}
    config, reader = chosen.Config.model_validate({"batch": 4, **small, **settings}), student.new_word(WORD, 1)
    network = student.trainable_under_adapter()
    return chosen(config, Streams(0), network, shots, untouched, reader, reader.start("house"))


@pytest.mark.parametrize("name", sorted(PERSONALIZE.all()))
def test_an_adapter_and_a_word_learn_and_the_network_does_not(student: Any, untouched: UntouchedModel, name: str) -> None:
    m = method(student, untouched, name)
    frozen = {key: value.clone() for key, value in m.network.state_dict().items()}
    start = [row.clone() for row in m.learned.word()]
    held = m.batch()

    def error() -> float:
        cond = m.worded(held[1])
        with torch.no_grad():
            t = torch.full((4,), untouched.timesteps[1], dtype=torch.float64)
            return float(m.missed(held[0], t, randn(held[0].shape, generator(1, "eps")), cond).mean())

    first = error()
    for _ in Trainer(m, TrainerConfig(steps=30, warmup=2)).run():
        pass
    assert error() < first
    assert all(torch.equal(value, frozen[key]) for key, value in m.network.state_dict().items())
    assert all(not torch.equal(a, b) for a, b in zip(m.learned.word(), start, strict=True))
    if name == "textual-inversion":
        assert m.learned.adapter is None
    else:
        assert any(bool(weight.any()) for weight in m.learned.adapter.up.values())


def test_a_student_is_taught_at_the_times_it_is_sampled_at(student: Any, untouched: UntouchedModel) -> None:
    drawn = method(student, untouched, "own-timesteps").own_times(200).tolist()
    assert set(drawn) == set(Recipe.load(STUDENT).timesteps)


def test_custom_diffusion_changes_how_the_text_is_read_alone(student: Any, untouched: UntouchedModel) -> None:
    places = method(student, untouched, "custom-diffusion").learned.adapter.places
    layers = [name for name, part in student.modules["unet"].named_modules() if isinstance(part, torch.nn.Linear)]
    assert set(places) == {name for name in layers if ".attn2." in name and name.endswith((".to_k", ".to_v"))}


@pytest.mark.parametrize("distilled", [False, True])
def test_a_word_alone_is_learned_at_the_times_that_the_model_knows(
    student: Any, untouched: UntouchedModel, distilled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(untouched, "distilled", distilled)
    m, seen = method(student, untouched, "textual-inversion", batch=32), []
    real = m.missed
    monkeypatch.setattr(m, "missed", lambda x0, t, *rest, **how: (seen.append(t), real(x0, t, *rest, **how))[1])
    next(m.iteration(m.batch(), 0))
    assert (set(seen[0].tolist()) <= set(untouched.timesteps)) == distilled


def test_places_outside_the_mask_count_as_much_as_they_are_asked_to(student: Any, untouched: UntouchedModel) -> None:
    side = student.shape[-1]
    masks = torch.zeros(3, 1, side, side)
    masks[:, :, : side // 4] = 1  # a quarter
    m = method(student, untouched, "own-timesteps", masks, outside=0.2)
    x0, said, weight, _ = m.batch()
    assert weight.shape == (4, 1, side, side)
    torch.testing.assert_close(weight.mean((1, 2, 3)), torch.ones(4))
    torch.testing.assert_close(weight[:, :, side // 4 :] / weight[:, :, :1, :1], torch.full((4, 1, side - side // 4, side), 0.2))
    with torch.no_grad():
        t, eps, cond = m.own_times(4), randn(x0.shape, generator(1, "eps")), m.worded(said)
        inside = method(student, untouched, "own-timesteps", masks, outside=0.0).batch().weight
        assert bool((inside[:, :, side // 4 :] == 0).all())
        m.velocity = lambda x, t, cond: torch.zeros_like(x)
        alpha, sigma = (part.float().view(-1, 1, 1, 1) for part in m.denoiser.process.alpha_sigma(t))
        error = (alpha * eps - sigma * x0).square()
        torch.testing.assert_close(m.missed(x0, t, eps, cond), error.mean((1, 2, 3)))
        within = error[:, :, : side // 4].mean((1, 2, 3))
        torch.testing.assert_close(m.missed(x0, t, eps, cond, inside), within)
    assert method(student, untouched, "own-timesteps", masks).batch().weight is None  # by default masks are passed over
    assert method(student, untouched, "own-timesteps", outside=0.0).batch().weight is None


def test_min_snr_weighs_as_the_paper_does() -> None:
    process, t = VP.scaled_linear(0.00085, 0.012), torch.tensor([0.0, 10.0, 400.0, 900.0, 999.0], dtype=torch.float64)
    alpha, sigma = process.alpha_sigma(t)
    snr = (alpha / sigma) ** 2
    torch.testing.assert_close(min_snr(process, t, 5.0), (snr.clamp(max=5) / (snr + 1)).float())
    flow, s = Flow(), torch.tensor([0.0, 250.0, 1000.0], dtype=torch.float64)
    x0, wrong, eps = (randn((3, 8), generator(i, "flow")).double() for i in range(3))

    def says(x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """The velocity of what means `wrong` everywhere."""
        return from_x0("v", wrong, x, *flow.alpha_sigma(t))

    found = missed(flow, says, x0, s, eps, {})
    snr, error = flow.noise_level(s[1:]) ** -2, (wrong - x0).square().mean(1)[1:]
    torch.testing.assert_close((min_snr(flow, s, 5.0) * found)[1:], snr.clamp(max=5) * error, rtol=1e-5, atol=1e-8)
    x = add_noise(flow, x0, s, eps)[1:]
    of_flow = (from_x0("flow", wrong[1:], x, *flow.alpha_sigma(s[1:])) - (eps - x0)[1:]).square().mean(1)
    torch.testing.assert_close(found[1:], of_flow)  # the flow's own loss
    assert bool((min_snr(flow, s, 5.0).isfinite()).all()) and bool((min_snr(process, t, 0.0) == 1).all())


def test_captions_are_left_out_in_the_share_that_is_asked_for(student: Any, untouched: UntouchedModel) -> None:
    m = method(student, untouched, "random-timesteps", dropout=0.25)
    cond = m.worded(told([f"a {WORD}"] * 400))
    with torch.no_grad():
        states, empty = m._without_some(cond)["states"], student.null(student.encode(told(["a house"])))["states"]
    silent = (states == empty).flatten(1).all(1)
    assert 0.17 < float(silent.float().mean()) < 0.33
    assert torch.equal(states[~silent], cond["states"][~silent])


def test_what_is_replayed_are_states_of_its_own_sampling(student: Any, untouched: UntouchedModel) -> None:
    m = method(student, untouched, "own-timesteps")
    assert float(m.changed(16).detach()) == 0.0  # nothing is learned yet
    x, t, cond = untouched.visited(64, generator(0, "some"))
    assert set(t.tolist()) == set(untouched.timesteps) and len(next(iter(cond.values()))) == 64
    assert abs(float(x[t == untouched.timesteps[0]].std()) - 1) < 0.1  # it begins with noise


def test_pictures_of_the_class_are_kept_and_drawn_once(student: Any, untouched: UntouchedModel) -> None:
    ends, of_class, worded = untouched.made(8, generator(0, "some"))
    assert ends.shape == (8, *student.shape) and {said.text for said in worded} == {f"a {WORD}"}
    with torch.no_grad():
        torch.testing.assert_close(of_class["states"][0], student.encode(told(["a house"]))["states"][0])
    again = UntouchedModel(
        student, PocketWorld(), untouched.plan, untouched.said, untouched.worded, untouched.folder,
        lambda done, total: pytest.fail("it is drawn again"), lambda: None,
    )  # fmt: skip
    assert torch.equal(again.ends, untouched.ends)


def test_pso_says_when_the_winner_gets_worse() -> None:
    m = Pso.__new__(Pso)
    m.log = {}
    for won in (0.4, 0.3, 0.2):
        m._watch(won, 0.5)
    assert not m.log["diverged"]
    for won in (2.0, 3.0):
        m._watch(won, 0.5)
    assert m.log["diverged"] and m.log["winner"] == 3.0
    m._watch(0.1, 0.5)
    assert m.log["diverged"]  # it is not forgotten


@pytest.mark.parametrize("name", ["own-timesteps", "pso", "textual-inversion", "echo-distill", "de-distill"])
def test_a_run_that_is_left_off_ends_as_one_that_was_not(
    student: Any, untouched: UntouchedModel, name: str, tmp_path: Path
) -> None:
    def trained(folder: Path, leave: int | None) -> list[torch.Tensor]:
        trainer = Trainer(method(student, untouched, name), TrainerConfig(steps=4, warmup=1), folder)
        trainer.resume()
        for progress in trainer.run(lambda: False):
            if progress.step == leave:
                trainer.save()
                break
        return [*trainer.method.learned.parameters(), *trainer.method.emas["personal"].parameters()]  # type: ignore[attr-defined]

    straight = trained(tmp_path / "straight", None)
    trained(tmp_path / "off", 2)
    assert all(torch.equal(a, b) for a, b in zip(trained(tmp_path / "off", None), straight, strict=True))
