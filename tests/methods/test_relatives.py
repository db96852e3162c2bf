"""Methods that ask for a student's teacher: who learns from what, what is kept of the student's samples, stages trained once."""

# ruff: noqa: F811 - fixtures are those of another file
from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.domain import told
from studio.core.method import Streams
from studio.core.rng import INITIAL, generator, noise
from studio.core.trainer import Trainer, TrainerConfig
from studio.methods.personalize.de_distill import Undo, UndoConfig, merge
from studio.methods.personalize.echo_distill import EchoDistill
from studio.methods.personalize.personal import missed as error
from studio.methods.personalize.relatives import among_relatives
from studio.sampling.loop import sample
from studio.sampling.prompts import encode_plans
from studio.workshop.material.untouched import UntouchedModel
from studio.workshop.material.untouched_student import UntouchedStudent
from tests.methods.test_personalize import method, student, untouched  # noqa: F401 - fixtures


def echoing(student: Any, untouched: UntouchedModel, **settings: Any) -> EchoDistill:
    made = method(student, untouched, "echo-distill", batch=2, replayed=2, estimate_steps=2, **settings)
    assert isinstance(made, EchoDistill)
    return made


def reached(m: EchoDistill, loss: torch.Tensor) -> dict[str, bool]:
    """Which parts a loss has a gradient for."""
    parts = {
        "student": list(m.learned.adapter.up.values()), "teacher": list(m.taught.adapter.up.values()),
        "word": list(m.learned.rows.parameters()), "head": list(m.trained["head"].module.parameters()),
        "alone": list(m.alone.adapter.up.values()), "word alone": list(m.alone.rows.parameters()),
    }  # fmt: skip
    found = {}
    for name, weights in parts.items():
        gradients = torch.autograd.grad(loss, weights, allow_unused=True, retain_graph=True)
        found[name] = any(g is not None and bool(g.any()) for g in gradients)
    return found


def test_each_loss_reaches_those_that_are_to_learn_from_it(student: Any, untouched: UntouchedModel) -> None:
    m = echoing(student, untouched, identity=1.0)
    m.round = 1
    found = {name: reached(m, loss) for name, loss in m.iteration(m.batch(), 0)}
    assert list(found) == ["teacher", "alone", "head", "personal"]
    who = {name: {part for part, hit in parts.items() if hit} for name, parts in found.items()}
    assert who["teacher"] == {"teacher", "word"}
    assert who["alone"] == {"alone", "word alone"}  # the shared word does not feel it
    assert who["head"] == {"head"}  # nor the student, of whose samples it is
    assert who["personal"] == {"student", "word", "head"}  # and no teacher, whose estimate is held still


def test_the_student_learns_what_the_teacher_with_its_adapter_makes_of_its_sample(
    student: Any, untouched: UntouchedModel
) -> None:
    m = echoing(student, untouched)
    said = m.batch().said
    y, _ = m.generate(said)

    def estimate() -> torch.Tensor:
        m.streams["align time"].manual_seed(1)
        m.streams["align noise"].manual_seed(2)
        return m.estimate(y.detach(), m._fixed(said))

    first = estimate()
    assert first.shape == y.shape and not first.requires_grad and torch.equal(first, estimate())
    with torch.no_grad():
        for up in m.learned.adapter.up.values():
            up.add_(0.1)
    assert torch.equal(first, estimate())  # the student's adapter is not worn there
    with torch.no_grad():
        for up in m.taught.adapter.up.values():
            up.add_(0.1)
    assert not torch.equal(first, estimate())


def test_states_are_those_that_sampling_passes_through(student: Any, untouched: UntouchedStudent) -> None:
    said, seeds = told(["a house", "a red boat at night"]), [3, 4]
    conds = encode_plans([untouched.plan], {"nano/dmd2": student}, said)
    drawn = list(sample(untouched.plan, {"nano/dmd2": student}, conds, seeds, student.shape))
    draws = iter([noise(seeds, k, student.shape) for k in (INITIAL, *range(len(drawn)))])
    cond = untouched.lines.take(torch.tensor([0, 4]))
    chain, denoiser = untouched.chain, student.denoiser
    with torch.no_grad():
        states, end = chain.states(denoiser.process, lambda x, t: denoiser.x0(x, t, cond), lambda: next(draws))
    for ours, record in zip(states, drawn, strict=True):
        torch.testing.assert_close(ours, record.x, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(end, drawn[-1].after, atol=1e-4, rtol=1e-4)


def test_echoes_begin_late_and_grow_and_a_copy_of_the_teacher_goes_on_without(student: Any, untouched: UntouchedModel) -> None:
    m = echoing(student, untouched, echo_from=0.4, echoes=5)
    before = {name: value.clone() for name, value in m.above.state_dict().items()}
    trainer, heard = Trainer(m, TrainerConfig(steps=5, warmup=1)), []
    for progress in trainer.run():
        heard.append(len(m.echoes))
        if progress.step == 2:
            m.begin_round(1)
            same = zip(m.taught.state_dict().values(), m.alone.state_dict().values(), strict=True)
            assert all(torch.equal(a, b) for a, b in same)
    assert heard == [0, 0, 2, 4, 5]  # the newest are kept
    assert m.alone.adapter.up is not m.taught.adapter.up
    assert any(not torch.equal(a, b) for a, b in zip(m.taught.adapter.up.values(), m.alone.adapter.up.values(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(m.taught.rows.learned, m.alone.rows.learned, strict=True))
    assert m.learned.rows is m.taught.rows
    seen = m.batch()
    mixed, lines, *_ = m.references(seen)
    assert torch.equal(mixed[0], seen.x0[0]) and len(lines) == 2
    assert m.echoes.x is not None and any(torch.equal(mixed[1], one) for one in m.echoes.x)
    assert all(torch.equal(value, before[name]) for name, value in m.above.state_dict().items())


def test_without_echoes_there_is_one_teacher(student: Any, untouched: UntouchedModel) -> None:
    m = echoing(student, untouched, echo=0.0, adversarial=0.0)
    assert set(m.trained) == {"personal", "teacher"} and list(m.teachers) == ["teacher"]
    m.round = 1
    assert [name for name, _ in m.iteration(m.batch(), 0)] == ["teacher", "personal"]


def test_less_memory_teaches_the_same(student: Any, untouched: UntouchedModel) -> None:
    def taught(twice: bool) -> list[torch.Tensor]:
        m = echoing(student, untouched, identity=0.5)
        if twice:
            m.recompute()
        for _ in Trainer(m, TrainerConfig(steps=2, warmup=1)).run():
            pass
        return [*m.learned.parameters(), *m.taught.parameters()]

    for plain, again in zip(taught(False), taught(True), strict=True):
        torch.testing.assert_close(again, plain, rtol=1e-3, atol=1e-4)


def test_a_model_alone_has_no_teacher_to_ask(untouched: UntouchedStudent) -> None:
    u = untouched
    alone = UntouchedModel(u.model, u.domain, u.plan, u.said, u.worded, u.folder, u.say, u.between)
    with pytest.raises(ValueError, match="needs a student and its teacher"):
        among_relatives(alone, "echo-distill")


# -- stages that are trained once ----------------------------------------------------------------------------------------------


def stage(student: Any, untouched: UntouchedStudent, seed: int = 0) -> Undo:
    settings, shots = UndoConfig(batch=4, lr=5e-3), method(student, untouched, "own-timesteps").shots
    return Undo(settings, Streams(seed), student.trainable_under_adapter(), untouched.anything("student"), shots)


def among(untouched: UntouchedStudent, folder: Path) -> UntouchedStudent:
    own = copy.copy(untouched)
    own.folder = folder
    return own


def test_a_student_knows_all_noise_levels_again(student: Any, untouched: UntouchedStudent, tmp_path: Path) -> None:
    s = stage(student, untouched)
    x0, cond = s.batch()
    times = torch.tensor([300.0, 500.0, 700.0, 850.0], dtype=torch.float64)  # between its own
    eps = s.pictures.noise(cond, generator(0, "eps"))

    def missed(velocity: Any) -> float:
        with torch.no_grad():
            return float(error(s.denoiser.process, velocity, x0, times, eps, cond).mean())

    first = missed(s.denoiser.velocity)
    found: Any = among(untouched, tmp_path).taught_once(s, "student", 40, "undo")
    after = missed(s.velocity)
    assert after < 0.9 * first
    merge(s.network, found)
    assert missed(s.denoiser.velocity) == pytest.approx(after, rel=1e-3)


def test_a_stage_is_trained_once_for_a_model_and_its_settings(student: Any, untouched: UntouchedStudent, tmp_path: Path) -> None:
    u = among(untouched, tmp_path)
    u.anything("student").ends  # noqa: B018 - drawn before it is counted what is said
    said: list[int] = []
    u.say = lambda done, total: said.append(done)
    first = u.taught_once(stage(student, u), "student", 3, "undo").state_dict()
    assert said == [1, 2, 3]
    again = u.taught_once(stage(student, u), "student", 3, "undo").state_dict()
    assert said == [1, 2, 3] and all(torch.equal(value, again[name]) for name, value in first.items())
    u.taught_once(stage(student, u), "student", 2, "undo")
    assert said == [1, 2, 3, 1, 2]


def test_an_update_that_broke_off_is_not_kept(
    student: Any, untouched: UntouchedStudent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = among(untouched, tmp_path / "straight").taught_once(stage(student, untouched), "student", 4, "undo")
    u, broken = among(untouched, tmp_path / "off"), stage(student, untouched)
    velocity = broken.velocity

    def out_of_memory(*given: Any) -> Any:
        if broken.log:  # the second update
            raise torch.OutOfMemoryError("as it is thrown on a device")
        return velocity(*given)

    monkeypatch.setattr(broken, "velocity", out_of_memory)
    with pytest.raises(torch.OutOfMemoryError):
        u.taught_once(broken, "student", 4, "undo")
    assert not [path for path in (tmp_path / "off").rglob("*") if path.is_file()]
    found = u.taught_once(stage(student, u), "student", 4, "undo")
    assert all(torch.equal(value, straight.state_dict()[name]) for name, value in found.state_dict().items())


def test_a_stage_that_is_left_off_goes_on(student: Any, untouched: UntouchedStudent, tmp_path: Path) -> None:
    straight = among(untouched, tmp_path / "straight").taught_once(stage(student, untouched), "student", 4, "undo")
    u, said = among(untouched, tmp_path / "off"), list[int]()

    def leaves(done: int, total: int) -> None:
        said.append(done)
        if total == 4 and done == 2:
            raise KeyboardInterrupt

    u.say = leaves
    with pytest.raises(KeyboardInterrupt):
        u.taught_once(stage(student, u), "student", 4, "undo")
    del said[:]
    found = u.taught_once(stage(student, u), "student", 4, "undo")
    assert said == [3, 4]
    assert all(torch.equal(value, straight.state_dict()[name]) for name, value in found.state_dict().items())
    assert not [path for path in (tmp_path / "off").iterdir() if path.is_dir()]  # of the way nothing is left
