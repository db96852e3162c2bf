"""CLIP as a judge: what it compares, and where it is not here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from studio.capabilities.evaluate.judges import JUDGES, NotHere, Opening
from studio.capabilities.evaluate.judges.clip import ByClip, open_clip
from studio.core.domain import Said
from studio.domains import domain_of
from studio.families.perceptual import VARIABLE
from studio.library.checklist import checks, of_factor, of_text
from studio.library.models import load_registry
from studio.workshop.open_models import ModelCache
from tests.support.tiny_encoders import save_clip, save_eye

POCKET = domain_of("pocket")


def opening(domain: str = "pocket") -> Opening:
    return Opening(domain_of(domain), load_registry().get("nano/teacher"), ModelCache())


class Eye:
    """Sees the mean colour; "red" and "blue" are directions of it."""

    key = name = "eye"

    def read(self, samples: object) -> torch.Tensor:
        assert isinstance(samples, torch.Tensor)
        return torch.nn.functional.normalize(samples.mean((2, 3)), dim=-1)


class Ear:
    name = "ear"

    def read(self, lines: list[str]) -> torch.Tensor:
        colors = {"red": [1.0, 0, 0], "blue": [0, 0, 1.0], "green": [0, 1.0, 0]}
        return torch.tensor([next((c for word, c in colors.items() if word in line), [0.4, 0.4, 0.4]) for line in lines])


def by_colour(domain: str = "pocket") -> ByClip:
    return ByClip(domain_of(domain), Eye(), Ear())  # type: ignore[arg-type]


def test_a_factor_is_compared_with_all_its_other_values() -> None:
    pictures = torch.zeros(2, 3, 8, 8)
    pictures[0, 0], pictures[1, 2] = 1, 1
    said = POCKET.read("a red house")
    check = of_factor(POCKET, POCKET.factors["color"], "red")
    (red,), (blue,) = by_colour().answers(pictures, [said] * 2, [[check]] * 2)
    assert red.yes and red.reason == "red" and not blue.yes and blue.reason == "blue" and blue.score < 0.01
    lines = by_colour().lines(POCKET.factors["color"], said.stated)
    assert lines[:2] == ["a red house", "an orange house"] and len(set(lines)) == 8


def test_half_is_as_likely_as_the_best_of_the_others() -> None:
    grey = torch.full((1, 3, 8, 8), 0.5)
    ((answer,),) = by_colour().answers(grey, [Said("")], [[of_factor(POCKET, POCKET.factors["size"], "small")]])
    assert answer.score == pytest.approx(0.5) and not answer.yes


def test_every_value_of_every_factor_has_a_sentence_of_its_own() -> None:
    for factor in POCKET.factors.values():
        lines = by_colour().lines(factor, {"subject": "house"})
        assert len(set(lines)) == len(factor.values)
        assert factor.name == "subject" or all("house" in line for line in lines)
    assert "a house with no companion" in by_colour().lines(POCKET.factors["companion"], {"subject": "house"})


def test_free_text_is_compared_with_what_it_says_less_of() -> None:
    red = torch.zeros(1, 3, 8, 8)
    red[:, 0] = 1
    (row,) = by_colour("plain").answers(red, [Said("a red house")], [of_text("a red house")])
    thing, colour = row
    assert colour.yes and colour.reason.startswith("cosine 1.000, and 0.") and "house" in colour.reason
    assert thing.score == pytest.approx(0.5)


def test_a_clip_on_this_machine_answers_every_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(save_clip(tmp_path / "clip")))
    judge = open_clip(opening())
    said = POCKET.read("a red house by the sea at night")
    asked = checks(POCKET, said)
    rows = judge.answers(torch.rand(3, 3, 32, 32), [said] * 3, [asked] * 3)
    assert [len(row) for row in rows] == [len(asked)] * 3
    assert all(0 <= answer.score <= 1 and answer.reason for row in rows for answer in row)
    assert "not calibrated" in judge.about and judge.key.startswith("clip clip:") and "clip" in JUDGES.all()


def test_where_there_is_none_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("none", str(tmp_path / "gone"), str(save_eye(tmp_path / "eye", "Dinov2Model"))):
        monkeypatch.setenv(VARIABLE, given)
        with pytest.raises(NotHere) as error:
            open_clip(opening())
        assert str(error.value).endswith(".") and "\n" not in str(error.value)
