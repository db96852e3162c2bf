"""Rewards: what pictures are worth by hand, what fits which model, and one from elsewhere."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from studio.core.domain import Said
from studio.domains import domain_of
from studio.library import rewards
from studio.library.models import ModelEntry, load_registry
from studio.library.rewards import REWARDS
from studio.workshop.rewarded import worth

NANO = "nano/dmd2"


@pytest.fixture
def entry() -> ModelEntry:
    return load_registry().get(NANO)


def test_pictures_are_worth_what_they_show() -> None:
    black, white, red = torch.zeros(3, 4, 4), torch.ones(3, 4, 4), torch.zeros(3, 4, 4)
    red[0, :1] = 1.0  # a quarter of the pixels
    images = torch.stack([black, white, red])
    by_hand = {"brightness": [0, 1, 1 / 12], "darkness": [1, 0, 11 / 12], "red": [0, 0, 0.25], "blue": [0, 0, 0]}
    for name, values in by_hand.items():
        torch.testing.assert_close(REWARDS.get(name).read(images), torch.tensor(values, dtype=torch.float32))
    half = torch.cat([torch.zeros(1, 3, 4, 2), torch.ones(1, 3, 4, 2)], 3)
    assert float(REWARDS.get("contrast").read(half)) == pytest.approx(1.0)


def test_a_world_offers_its_factors_and_attributes_and_plain_pictures_do_not(entry: ModelEntry) -> None:
    known = rewards.offered(entry)
    assert {"brightness", "prompt", "time=night", "more:size", "less:size"} <= set(known)
    assert known["brightness"].percent and not known["more:size"].percent
    plain = rewards.offered(dataclasses.replace(entry, domain="plain", oracle=None))
    assert "brightness" in plain and not any("=" in name or ":" in name for name in plain) and "prompt" not in plain


def test_every_reward_has_another_beside_it(entry: ModelEntry) -> None:
    assert rewards.beside("brightness", entry) == "time=day" and rewards.beside("time=day", entry) == "brightness"
    assert rewards.beside("", entry) == "prompt"
    known = rewards.offered(entry)
    assert all(rewards.beside(name, entry) in set(known) - {name} for name in known)


def test_a_reward_of_another_medium_is_refused(entry: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    loud = rewards.Reward(name="loud", title="Loud", about="", medium="sound", read=lambda samples: samples)
    monkeypatch.setitem(REWARDS._members, "loud", loud)
    with pytest.raises(ValueError, match="The reward loud reads samples of the medium sound, and nano/dmd2 draws image."):
        rewards.check("loud", entry)


@pytest.mark.parametrize("name", ["time=night", "more:size", "less:size", "prompt", "red"])
def test_rewards_of_a_world_prefer_what_they_say(entry: ModelEntry, name: str) -> None:
    domain = domain_of(entry.domain)
    hands = domain.hands()
    assert entry.oracle is not None
    oracle = hands.oracle(entry.oracle, "cpu")
    stated = {
        "time=night": ({"time": "night"}, {"time": "day"}), "more:size": ({"size": "large"}, {"size": "small"}),
        "less:size": ({"size": "small"}, {"size": "large"}), "red": ({"color": "red"}, {"color": "blue"}),
        "prompt": ({"subject": "house"}, {"subject": "boat"}),
    }[name]  # fmt: skip
    said = [domain.read("a house")] * 24
    read = worth(name, domain, oracle)
    better, worse = (read(hands.samples(hands.items(24, 5, one), oracle.shape), said).mean() for one in stated)
    assert float(better) > float(worse)


def test_an_oracle_without_probabilities_gives_shares(entry: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    domain = domain_of(entry.domain)
    hands = domain.hands()
    assert entry.oracle is not None
    oracle = hands.oracle(entry.oracle, "cpu")

    def none(self: Any, oracle: Any, asked: list[Said]) -> Any:
        raise ValueError("No reward is known.")

    monkeypatch.setattr(type(hands), "reward", none)
    images = hands.samples(hands.items(6, 5, {"time": "night"}), oracle.shape)
    found = worth("time=night", domain, oracle)(images, [domain.read("a house")] * 6)
    assert set(found.tolist()) <= {0.0, 1.0} and float(found.mean()) > 0.5
