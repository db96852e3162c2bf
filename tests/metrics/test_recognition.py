"""A reader made from a few pictures, on features whose truth is known."""

from __future__ import annotations

import pytest
import torch

from studio.metrics.recognition import recogniser


def clouds(apart: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(five of the subject, twenty held back, 200 of the class) in 16 dimensions, one of them wide and of no meaning."""
    g = torch.Generator().manual_seed(seed)
    wide = torch.ones(16).index_fill(0, torch.tensor([3]), 3.0)
    subject, held, of_class = (torch.randn(n, 16, generator=g) * wide for n in (5, 20, 200))
    shift = torch.zeros(16).index_fill(0, torch.tensor([0]), apart)
    return subject * 0.5 + shift, held * 0.5 + shift, of_class


def test_what_differs_is_found_and_what_only_varies_is_not() -> None:
    reader = recogniser(*clouds(6.0))
    assert reader.found["value"] >= 0.9 and reader.mistaken["value"] <= 0.02
    fresh = clouds(6.0, seed=1)
    assert float(reader.shows(fresh[1]).double().mean()) > 0.8 and float(reader.shows(fresh[2]).double().mean()) < 0.05


def test_what_cannot_be_told_apart_is_said_to_be_so() -> None:
    reader = recogniser(*clouds(0.0))
    assert reader.mistaken["value"] > 0.15  # so a hit of such a reader means little
    assert reader.mistaken["n"] == 66


def test_too_few_pictures_are_one_sentence() -> None:
    with pytest.raises(ValueError, match="1 pictures, 20 held back and 200 of the class cannot make a reader; 2, 1 and 6 would"):
        recogniser(clouds(1.0)[0][:1], *clouds(1.0)[1:])


def test_what_is_like_neither_is_no_hit() -> None:
    reader = recogniser(*clouds(6.0))
    beyond = torch.zeros(4, 16).index_fill(1, torch.tensor([0]), 30.0)  # further from the class than the subject is
    assert bool((reader.scores(beyond) > reader.threshold).all()) and not bool(reader.shows(beyond).any())


def test_views_of_one_picture_count_once() -> None:
    subject, held, of_class = clouds(6.0)
    assert recogniser(subject, held, of_class, views=5).found["n"] == 4
