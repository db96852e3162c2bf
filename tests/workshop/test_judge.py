"""The judge: what a card says an adapter is for, and what is read of pictures with and without words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studio.families.perceptual import VARIABLE
from studio.library.meant import Meant, meant
from studio.workshop.judge import SIDE, Judge, open_judge
from studio.workshop.open_models import ModelCache
from tests.support.tiny_encoders import save_clip, save_eye


@pytest.fixture
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    return torch.rand(5, 3, 40, 40, generator=g), torch.rand(5, 3, 40, 40, generator=g)


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ({"kind": "slider", "attribute": "sad to smiling"}, Meant("smiling", "sad")),
        ({"kind": "slider", "attribute": "{} by day to {} at night"}, Meant("at night", "by day")),
        ({"kind": "slider", "attribute": "size", "domain": "pocket"}, Meant("large", "small")),  # one of the world's
        ({"kind": "slider", "attribute": "size"}, Meant("size")),
        ({"kind": "slider", "attribute": "rust"}, Meant("rust")),
        ({"kind": "slider", "attribute": "rust", "settings": {"positive": "old", "negative": "new"}}, Meant("old", "new")),
        ({"kind": "slider", "title": "My smile v2", "prompts": ["a face"]}, Meant("smile")),  # prompts: not its own
        ({"kind": "subject", "title": "Tom", "prompts": ["a photo of <tom> cat,"]}, Meant("a photo of cat")),
        ({"kind": "adapter", "title": "watercolor_lora-v1.safetensors"}, Meant("watercolor")),
        ({"kind": "adapter", "title": "lora_01", "settings": {"modelspec.trigger_phrase": "<new> lego bricks"}},
         Meant("lego bricks")),
        ({"kind": "adapter", "title": "pytorch_lora_weights"}, None),
        ({"kind": "direction", "title": "Direction", "attribute": "direction 0: sky to sea"}, None),
        ({"kind": "forgetting", "title": "No cats", "attribute": "cats"}, None),
        ({"title": None, "settings": "x", "prompts": "y", "attribute": ""}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_a_card_says_what_an_adapter_is_for(card: dict[str, Any], words: Meant | None) -> None:
    assert meant(card) == words


def test_with_words_the_score_is_clips_cosine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pictures: tuple[torch.Tensor, torch.Tensor]
) -> None:
    monkeypatch.setenv(VARIABLE, str(save_clip(tmp_path / "tiny-clip")))
    judge = open_judge(ModelCache("cpu"))
    assert judge.reader is not None and judge.words is not None
    seen, still = (judge.read(images).features for images in pictures)
    both = judge.measure(Meant("night", "day"))
    assert (both.name, both.blind, both.title) == ("CLIP text score (tiny-clip)", False, "“day” to “night”")
    words = judge.words.read(["night", "day"]).double()
    by_hand = 100 * (judge.reader.read(pictures[0]).double() @ words.T)
    assert torch.allclose(both.amounts(seen, still, 1.0), by_hand[:, 0] - by_hand[:, 1])
    assert torch.equal(both.amounts(seen, still, 1.0), both.amounts(seen, still, -1.0))  # words see the way by themselves
    assert torch.allclose(judge.measure(Meant("night")).amounts(seen, still, 1.0), by_hand[:, 0])
    assert torch.allclose(judge.measure(Meant("", "day")).amounts(seen, still, 1.0), -by_hand[:, 1])
    assert "score" not in judge.measure(Meant("", "day")).slider()
    assert judge.measure(None).name == "distance of tiny-clip features"  # no words, so the eye alone


@pytest.mark.parametrize("kind", ["Dinov2Model", "none"])
def test_without_a_text_half_it_is_a_distance_with_the_sign_of_the_strength(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pictures: tuple[torch.Tensor, torch.Tensor], kind: str
) -> None:
    monkeypatch.setenv(VARIABLE, "none" if kind == "none" else str(save_eye(tmp_path / "eye", kind)))
    judge = open_judge(ModelCache("cpu"))
    measure = judge.measure(Meant("night", "day"))
    assert measure.blind
    assert measure.name == ("distance of pictures shrunk to 16 × 16" if kind == "none" else "distance of eye features")
    seen, still = (judge.read(images) for images in pictures)
    up, down, none = (measure.amounts(seen.features, still.features, s) for s in (0.5, -0.5, 0.0))
    assert (up > 0).all() and torch.equal(down, -up) and (none == 0).all()
    assert (measure.amounts(still.features, still.features, 1.0) == 0).all()
    assert seen.labels == {} and len(seen.in_distribution) == 5


def test_a_distance_of_pictures_is_a_share_of_their_range() -> None:
    judge = Judge()
    black, white = (judge.read(torch.full((2, 3, 40, 24), level)).features for level in (0.0, 1.0))
    assert black.shape == (2, 3 * SIDE**2)
    assert torch.allclose(judge.measure(None).amounts(white, black, 1.0), torch.ones(2).double())


@pytest.mark.parametrize(("how", "said"), [("gone", "no encoder could be opened"), ("words", "none can be read")])
def test_what_cannot_be_opened_is_said_and_less_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, said: str
) -> None:
    folder = tmp_path / "tiny-clip"
    if how == "words":
        (save_clip(folder) / "vocab.json").write_text("{")
    monkeypatch.setenv(VARIABLE, str(folder))
    judge = open_judge(ModelCache("cpu"))
    assert said in judge.notice and "\n" not in judge.notice and str(tmp_path) not in judge.notice
    assert judge.words is None and (judge.reader is None) == (how == "gone")
