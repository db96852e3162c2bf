"""SFD from the teacher: what the student is asked and what the teacher is, on a tiny network and on captions of a world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.denoiser import Denoiser
from studio.core.material import replacing
from studio.core.method import Streams
from studio.core.rng import generator
from studio.core.simulate import add_noise, guided_x0
from studio.domains import domain_of
from studio.families import open_model
from studio.jobs.paths import ROOT
from studio.library.concepts import concepts, instead_of
from studio.methods.distill.sfd import SFD, SfdConfig
from studio.methods.distill.sid import SiD, SiDConfig
from studio.workshop.material.captions import WorldCaptions, world_material
from tests.support.tiny_world import Blobs, teacher

WORLD = domain_of("pocket")


def method(**config: Any) -> SFD:
    found = SFD(SfdConfig(batch=16, forget="left", **config), Streams(3), teacher(), Blobs())
    with torch.no_grad():
        for p in found.duel.fake.network.parameters():  # a fake score that says something else than the teacher
            p.mul_(1.2)
    return found


def test_where_a_prompt_states_the_concept_the_teacher_is_asked_what_it_becomes() -> None:
    ours = method(share=0.5, guidance=3.0, alpha=0.5)
    cond, asked = ours.batch()
    left = cond["c"][:, 0] < 0
    assert 0 < int(left.sum()) < len(left)
    x, _ = ours.duel.generate(cond, "noise")
    ours.streams["time"].manual_seed(1), ours.streams["noise"].manual_seed(2)
    found = ours.loss(x, cond, asked)
    # by hand: right is what left becomes, so the teacher is asked about right for every row
    ours.streams["time"].manual_seed(1), ours.streams["noise"].manual_seed(2)
    t = ours.duel.times(0.02, 0.98, "time")
    xt = add_noise(ours.teacher.process, x, t, ours.duel.draw(cond, "noise"))
    right = {"c": torch.ones(16, 1)}
    real = guided_x0(ours.teacher, xt, t, right, {"c": torch.zeros(16, 1)}, 3.0)
    fake = ours.duel.fake.x0(xt, t, cond)
    A = real - fake
    by_hand = (A * (fake - x) + 0.5 * A**2).mean(1) / (x - real).abs().mean(1).detach() * 2
    assert torch.allclose(found, by_hand, atol=1e-6)
    # and of other rows it is SiD's, of these it is not
    plain = SiD(SiDConfig(batch=16, guidance=3.0, alpha=0.5), Streams(3), teacher(), Blobs())
    plain.duel.fake.network.load_state_dict(ours.duel.fake.network.state_dict())
    plain.streams["time"].manual_seed(1), plain.streams["noise"].manual_seed(2)
    theirs = plain.loss(x, cond)
    assert torch.allclose(found[~left], theirs[~left], atol=1e-6)
    assert not torch.allclose(found[left], theirs[left], atol=1e-3)


def test_the_share_is_how_often_the_concept_is_asked_for() -> None:
    for share in (0.1, 0.8):
        cond, asked = SFD(SfdConfig(batch=2000, forget="left", share=share), Streams(0), teacher(), Blobs()).batch()
        assert float((cond["c"] < 0).float().mean()) == pytest.approx(share, abs=0.05)
        assert bool((asked["c"] > 0).all())


@pytest.mark.learning
def test_a_student_of_the_plane_never_learns_the_left_blob() -> None:
    """The teacher is first taught both blobs; the student's samples of "left" then stand where "right" does."""
    from studio.core.trainer import Trainer, TrainerConfig

    guide = teacher()
    g, world = torch.Generator().manual_seed(0), Blobs()
    optimizer = torch.optim.Adam(guide.network.parameters(), 3e-3)
    for _ in range(1500):
        x0, cond = world.data(256, g)
        t, eps = torch.rand(256, generator=g).double() * 999, torch.randn(x0.shape, generator=g)
        xt, v = add_noise(guide.process, x0, t, eps), add_noise(guide.process, eps, t, -x0)
        loss = (guide.velocity(xt, t, cond) - v).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    config = SfdConfig(batch=128, forget="left", share=0.5, guidance=1.0, lr=2e-3, critic_lr=4e-3)
    ours = SFD(config, Streams(1), guide, world)
    trainer = Trainer(ours, TrainerConfig(steps=400, warmup=5))
    list(trainer.run())
    student = Denoiser(trainer.ema["student"].module, guide.process, guide.prediction)
    with torch.no_grad():
        drawn = {
            side: student.x0(torch.randn(256, 2, generator=g), 999.0, {"c": torch.full((256, 1), side)}) for side in (-1.0, 1.0)
        }
    assert float((drawn[1.0].mean(1) > 0).float().mean()) > 0.9
    assert float((drawn[-1.0].mean(1) > 0).float().mean()) > 0.9


# -- captions of a world -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> WorldCaptions:
    model = open_model(ROOT / "assets" / "nano" / "teacher", "nano/teacher")
    return world_material(model, WORLD, tmp_path_factory.mktemp("latents"), n_items=100)


def test_captions_that_state_the_concept_are_written_with_what_it_becomes(material: WorldCaptions) -> None:
    found = material.replacing("cat", "", "boat")
    asked, instead = (lines.said for lines in (found.forget, found.becomes))
    assert len(asked) == len(instead) > 256, "captions of the world are among them"
    for one, other in zip(asked, instead, strict=True):
        with_it, without = (dict(WORLD.read(line.text).stated) for line in (one, other))
        assert (with_it.pop("subject"), without.pop("subject")) == ("cat", "house") and with_it == without
    staying = [WORLD.read(material.lines.said[i].text).stated for i in found.staying.tolist()]
    assert all(stated.get("subject") != "cat" for stated in staying)
    boats = [i for i in set(found.staying.tolist()) if WORLD.read(material.lines.said[i].text).stated.get("subject") == "boat"]
    assert boats and all(found.staying.tolist().count(i) == 2 for i in boats)


def test_conditions_differ_in_the_rows_of_the_concept_alone(material: WorldCaptions) -> None:
    found = replacing(material, "cat", "tree", "")
    cond, asked = found.conditions(64, 0.5, generator(1, "data"))
    same = (cond["states"] == asked["states"]).flatten(1).all(1)
    assert 0 < int(same.sum()) < 64
    again, _ = found.conditions(64, 0.5, generator(1, "data"))
    assert torch.equal(again["states"], cond["states"])
    for share, all_same in ((1.0, False), (0.0, True)):
        one, other = found.conditions(16, share, generator(2, "data"))
        assert torch.equal(one["states"], other["states"]) is all_same


def test_what_is_stated_is_replaced_factor_by_factor() -> None:
    wanted = concepts(WORLD, "cat, blue")
    becomes = {factor: value for one in wanted for factor, value in one.instead.items()}
    assert instead_of(WORLD, wanted, {"color": "blue", "subject": "cat", "time": "night"}) == {**becomes, "time": "night"}
    assert instead_of(WORLD, wanted, {"color": "red", "subject": "boat"}) is None
    assert instead_of(WORLD, wanted, {}) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("", "", ""), "Nothing was named that should be forgotten"),
        (("dragon", "", ""), "'dragon' names nothing that Pocket World knows"),
        (("cat", "kitten", ""), "which is the same; another would fit"),
    ],
)
def test_words_that_cannot_be_meant_are_one_sentence(material: WorldCaptions, words: tuple[str, str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replacing(material, *words)


def test_prompts_of_which_nobody_knows_what_they_state_are_refused() -> None:
    class Unread:
        shape = (2,)

    with pytest.raises(ValueError, match="nobody knows what these prompts state"):
        SFD(SfdConfig(batch=2, forget="left"), Streams(0), teacher(), Unread())  # type: ignore[arg-type]


def test_a_request_is_refused_before_it_runs(tmp_path: Path) -> None:
    from studio.library.stock import open_jobs

    jobs = open_jobs(tmp_path)
    for forget, said in (("", "Nothing was named"), ("dragon", "'dragon' names nothing")):
        with pytest.raises(ValueError, match=said):
            jobs.validate("distill", {"name": "x", "teacher": "nano/teacher", "objective": "sfd", "settings": {"forget": forget}})
