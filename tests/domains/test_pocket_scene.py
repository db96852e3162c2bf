"""Pocket World's table of frequencies and its scenes."""

import json

import numpy as np
import pytest

from studio.domains.pocket.scene import (
    FACTORS,
    HORIZON_JITTER,
    HORIZON_OF,
    SCALE_JITTER,
    SCALE_OF,
    X_JITTER,
    X_OF,
    Scene,
    frequencies,
    sample_scene,
)

N = 6000


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    rng = np.random.default_rng(7)
    return [sample_scene(rng) for _ in range(N)]


def test_tables_are_distributions():
    for factor in FACTORS.values():
        assert len(factor.values) == len(factor.probabilities) == len(set(factor.values))
        assert sum(factor.probabilities) == pytest.approx(1.0)
        uneven = max(factor.probabilities) > 1.5 * min(factor.probabilities)
        assert uneven != factor.stated, f"{factor.name}: stated factors are uniform, free ones are not"


@pytest.mark.parametrize("name", list(FACTORS))
def test_sampled_frequencies_match_the_table(scenes, name):
    for value, p in frequencies(name).items():
        seen = np.mean([getattr(s, name) == value for s in scenes])
        assert abs(seen - p) < 4.5 * np.sqrt(p * (1 - p) / N), (value, seen, p)


def test_factors_are_independent_of_what_is_stated(scenes):
    left = [s.position == "left" for s in scenes if s.subject == "house"]
    assert abs(np.mean(left) - 0.55) < 4.5 * np.sqrt(0.55 * 0.45 / len(left))


def test_stars_only_at_night(scenes):
    assert all((s.stars != "none") == (s.time == "night") for s in scenes)
    assert frequencies("stars", time="day") == {"none": 1.0, "few": 0.0, "many": 0.0}
    assert frequencies("stars", time="night")["many"] == pytest.approx(0.3)


def test_continuous_values_stay_inside_their_class(scenes):
    for s in scenes:
        assert abs(s.scale - SCALE_OF[s.size]) <= SCALE_JITTER
        assert abs(s.horizon_y - HORIZON_OF[s.horizon]) <= HORIZON_JITTER
        assert abs(s.x - X_OF[s.position]) <= X_JITTER
        assert 0.5 * s.scale <= s.x <= 1 - 0.5 * s.scale, "the subject is cut off"


def test_classes_do_not_touch():
    for centres, jitter in ((X_OF, X_JITTER), (SCALE_OF, SCALE_JITTER), (HORIZON_OF, HORIZON_JITTER)):
        assert np.diff(sorted(centres.values())).min() > 2 * jitter + 0.04


def test_same_seed_same_scene_and_other_seed_other_scene():
    assert sample_scene(np.random.default_rng(3)) == sample_scene(np.random.default_rng(3))
    assert sample_scene(np.random.default_rng(3)) != sample_scene(np.random.default_rng(4))


def test_pinning_a_factor_changes_nothing_else():
    a = sample_scene(np.random.default_rng(3)).to_dict()
    b = sample_scene(np.random.default_rng(3), subject="cat").to_dict()
    assert b["subject"] == "cat"
    assert {k for k in a if a[k] != b[k]} <= {"subject"}


@pytest.mark.parametrize("name", list(FACTORS))
def test_every_value_can_be_pinned(name):
    rng = np.random.default_rng(0)
    for value in FACTORS[name].values:
        assert all(getattr(sample_scene(rng, **{name: value}), name) == value for _ in range(20))


def test_labels_follow_the_table(scenes):
    for s in scenes[:50]:
        labels = s.labels()
        assert list(labels) == list(FACTORS)
        assert all(FACTORS[k].values[i] == getattr(s, k) for k, i in labels.items())


def test_dict_round_trip_through_json(scenes):
    for s in scenes[:50]:
        assert Scene.from_dict(json.loads(json.dumps(s.to_dict()))) == s


def test_errors_say_what_would_fit(scenes):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="Did you mean 'house'"):
        sample_scene(rng, subject="hose")
    with pytest.raises(ValueError, match="Did you mean 'subject'"):
        sample_scene(rng, subjct="house")
    with pytest.raises(ValueError, match="night"):
        sample_scene(rng, stars="many", time="day")
    broken = scenes[0].to_dict()
    del broken["x"]
    with pytest.raises(ValueError, match="'x'"):
        Scene.from_dict(broken)
