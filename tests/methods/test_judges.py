"""Teaching a judge: its network, what it is taught on, and that it learns to answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.method import Streams
from studio.core.rng import generator, rand, randint
from studio.core.trainer import Trainer, TrainerConfig
from studio.domains import domain_of
from studio.families import open_model
from studio.jobs.paths import ASSETS
from studio.methods.judges import JUDGING
from studio.methods.judges.decomposed import Answered, Decomposed, DecomposedConfig
from studio.methods.judges.network import JudgeNetwork, Shape, bag, load_judge, together
from studio.sampling.plan import teacher_plan
from studio.workshop.material.answered import AnsweredPictures, Drawn

WORLD = domain_of("pocket")
SMALL = {"width": 8, "buckets": 64, "batch": 32}


class Colours:
    """Pictures of one colour, with a question for each of three."""

    questions, kinds, side = ("Is it red?", "Is it green?", "Is it blue?"), ("attribute", "attribute", "thing"), 16
    words = ("red", "green", "blue")

    def answered(self, n: int, g: torch.Generator) -> Answered:
        colour, asked = randint(3, (n,), g), randint(3, (n, 2), g)
        asked = torch.where(rand((n, 2), g) < 0.4, colour[:, None], asked)
        pictures = torch.eye(3)[colour][:, :, None, None] * (0.5 + 0.5 * rand((n, 1, 16, 16), g))
        return Answered(pictures, asked, (asked == colour[:, None]).float(), colour[:, None].expand(n, 2))


def method(data: Any, seed: int = 0, **settings: Any) -> Decomposed:
    return Decomposed(DecomposedConfig.model_validate({**SMALL, **settings}), Streams(seed), data)


def test_words_are_hashed_into_bags_of_unit_length() -> None:
    one, same, other = bag("Is the colour red?", 512), bag("is the colour RED", 512), bag("Is the colour blue?", 512)
    assert torch.equal(one, same) and one.norm() == pytest.approx(1) and not torch.equal(one, other)
    assert not torch.equal(bag("left light", 512), bag("light left", 512))  # pairs are in it
    whole = together(torch.stack([one, other, torch.zeros(512)]))
    assert whole.norm() == pytest.approx(1) and torch.equal(whole, together(torch.stack([other, one])))
    assert bag("", 64).abs().sum() == 0


def test_the_file_gives_the_network_back(tmp_path: Path) -> None:
    network = JudgeNetwork(Shape(side=16, width=8, buckets=64, words=("a", "b")))
    network.save(tmp_path / "judge.safetensors")
    again = load_judge(tmp_path / "judge.safetensors")
    pictures, questions = torch.rand(3, 3, 40, 40), torch.rand(3, 5, 64)
    for one, other in zip(network.half().float()(pictures, questions), again(pictures, questions), strict=True):
        assert torch.allclose(one, other, atol=1e-5) and one.shape[:2] == (3, 5)
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ValueError, match="holds no whole judge"):
        load_judge(tmp_path / "text.safetensors")


@pytest.mark.learning
def test_it_learns_what_is_there_and_says_it() -> None:
    taught = method(Colours(), lr=1e-2)
    for _ in Trainer(taught, TrainerConfig(steps=150, warmup=10)).run():
        pass
    asked = Colours().answered(200, generator(9, "test"))
    with torch.no_grad():
        logit, seen = taught.judge(asked.pictures, taught.bags[asked.question])
    assert ((logit > 0) == (asked.score > 0.5)).float().mean() > 0.97
    assert (seen.argmax(2) == asked.reason).float().mean() > 0.97


@pytest.mark.learning
def test_undecomposed_it_learns_the_mean_answer() -> None:
    taught = method(Colours(), lr=1e-2, decomposed=False)
    assert taught.judge.shape.decomposed is False
    for _ in Trainer(taught, TrainerConfig(steps=400, warmup=10)).run():
        pass
    asked = Colours().answered(200, generator(9, "test"))
    with torch.no_grad():
        logit = taught.judge(asked.pictures, together(taught.bags[asked.question])[:, None])[0][:, 0]
    mean = asked.score.mean(1)
    assert (logit.sigmoid() - mean).abs().mean() < 0.15


def test_kinds_that_are_asked_rarely_count_more() -> None:
    question = torch.tensor([0, 1, 0, 1, 0, 1, 0, 2])
    flat, half, whole = (method(Colours(), balance=balance)._weights(question) for balance in (0.0, 0.5, 1.0))
    assert torch.equal(flat, torch.ones(8))
    assert float(whole[-1]) == pytest.approx(float(whole[:-1].sum())) and float(half[-1] / half[0]) == pytest.approx(7**0.5)
    assert all(float(weight.mean()) == pytest.approx(1) for weight in (flat, half, whole))


def test_it_is_found_and_says_what_it_is() -> None:
    assert JUDGING.all() == {"decomposed": Decomposed} and Decomposed.card.paper == "arXiv 2411.15488"
    with pytest.raises(TypeError, match="a judge is no student"):
        method(Colours()).sampling()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> AnsweredPictures:
    nano = open_model(ASSETS / "nano" / "teacher", "nano/teacher")
    plan = teacher_plan("nano/teacher", (999.0, 666.0, 333.0), "ddim", 2.0)
    oracle = WORLD.hands().oracle(ASSETS / "nano" / "oracle", "cpu")
    drawn = Drawn([plan], {"nano/teacher": nano}, oracle, 40, 0.2)
    return AnsweredPictures(WORLD, drawn, 32, tmp_path_factory.mktemp("material"))


def test_answers_are_the_oracles_and_both_occur(pictures: AnsweredPictures) -> None:
    made = pictures.made
    assert made["pictures"].shape == (40, 3, 32, 32) and int((~made["known"]).sum()) == 8
    batch = pictures.answered(400, generator(0, "data"))
    factors = list(WORLD.factors.values())
    offset = [0]
    for factor in factors:
        offset.append(offset[-1] + len(factor.values))
    rows = (batch.pictures[:, None] * 255).round() == made["pictures"][None].float()
    which = rows.flatten(2).all(2).float().argmax(1)
    for k in range(len(factors)):
        there = batch.question[:, k] >= 0
        value = batch.question[there, k] - offset[k]
        assert bool(((value >= 0) & (value < len(factors[k].values))).all())
        seen = made["labels"][which[there], k]
        assert torch.equal(batch.score[there, k], (value == seen).float())
    asked = batch.question[:, : len(factors)] >= 0
    assert not asked[~made["known"][which]].any()
    assert 0.3 < float(batch.score[:, : len(factors)][asked].mean()) < 0.7
    assert 0.05 < float(batch.score[:, -1].mean()) < 1
    assert torch.equal(batch.score[:, -1].bool(), made["holds"][which, 0])
    fails = pictures.words.index("not exactly one subject")
    assert torch.equal(batch.reason[:, -1] == fails, batch.score[:, -1] == 0)


def test_pictures_are_drawn_once_and_the_same_again(pictures: AnsweredPictures) -> None:
    again = AnsweredPictures(WORLD, pictures.drawn, 32, pictures.folder)
    said: list[int] = []
    again.say = lambda done, total: said.append(done)
    assert torch.equal(again.made["pictures"], pictures.made["pictures"]) and said == []
    elsewhere = AnsweredPictures(WORLD, pictures.drawn, 32, pictures.folder / "new")
    assert torch.equal(elsewhere.made["pictures"], pictures.made["pictures"])
    assert AnsweredPictures(WORLD, pictures.drawn, 32, pictures.folder, seed=1)._digest() != pictures._digest()
