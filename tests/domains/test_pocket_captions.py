"""Captions are true, use a closed vocabulary, and are read back; unknown words are never swallowed."""

import numpy as np
import pytest

from studio.domains.pocket import captions
from studio.domains.pocket.captions import (
    EXAMPLES,
    MEANINGS,
    canonical,
    caption,
    full_caption,
    parse,
    vocabulary,
)
from studio.domains.pocket.scene import FACTORS, sample_scene
from tests.support.properties import given, st

STATED = [name for name, f in FACTORS.items() if f.stated]


def pairs(n: int, seed: int = 0, **kwargs):
    rng = np.random.default_rng(seed)
    return [(s, caption(s, rng, **kwargs)) for s in (sample_scene(rng) for _ in range(n))]


def test_every_caption_is_true_lower_case_and_in_the_vocabulary():
    words = set(vocabulary())
    for scene, text in pairs(4000):
        parsed = parse(text)
        assert text == text.lower() and set(text.split()) <= words
        assert parsed.notice() is None, text
        assert all(getattr(scene, k) == v for k, v in parsed.stated.items()), (text, scene)
        assert canonical(text) == text


def test_captions_together_use_the_whole_vocabulary():
    seen = {word for _, text in pairs(6000, seed=1) for word in text.split()}
    assert seen == set(vocabulary())
    assert len(seen) < 150


def test_full_caption_states_exactly_the_stated_factors():
    for scene, _ in pairs(300):
        assert parse(full_caption(scene)).stated == {k: getattr(scene, k) for k in STATED}


def test_captions_are_partial_and_free_factors_are_rare():
    stated = [parse(text).stated for _, text in pairs(4000, seed=2)]
    for name in ("color", "place", "time"):
        assert 0.55 < np.mean([name in s for s in stated]) < 0.75
    free = np.mean([any(not FACTORS[k].stated for k in s) for s in stated])
    assert 0.06 < free <= 0.15
    never = {"horizon", "ground", "light", "stars", "companion"}
    assert not any(never & set(s) for s in stated)


def test_drop_extremes():
    for scene, text in pairs(100, drop=0.0):
        assert set(STATED) <= set(parse(text).stated), (text, scene)
    assert {text for _, text in pairs(100, drop=1.0)} == {"a picture"}


def test_caption_is_deterministic_and_draws_a_fixed_number():
    (scene, _), *_ = pairs(1)
    a, b = np.random.default_rng(5), np.random.default_rng(5)
    assert [caption(scene, a) for _ in range(20)] == [caption(scene, b) for _ in range(20)]
    caption(scene, a, drop=0.0), caption(scene, b, drop=1.0)
    assert a.random() == b.random()


@pytest.mark.parametrize(
    "prompt,expected",
    [
        ("a red house at night", {"color": "red", "subject": "house", "time": "night"}),
        ("A Crimson SHIP on the ocean!", {"color": "red", "subject": "boat", "place": "sea"}),
        ("evening, a fir", {"time": "sunset", "subject": "tree"}),
        ("trees in winter", {"subject": "tree", "place": "snow"}),
        ("the cat's picture in the dune", {"subject": "cat", "place": "desert"}),
        ("a huge rocket with clouds", {"size": "large", "subject": "rocket", "clouds": "several"}),
        ("a picture", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_parse_reads_synonyms(prompt, expected):
    parsed = parse(prompt)
    assert parsed.stated == expected and parsed.notice() is None


def test_no_word_means_two_things():
    owners: dict[str, set] = {}
    for factor, table in captions.TABLES.items():
        for value, phrases in table.items():
            assert value in FACTORS[factor].values
            for word in " ".join(phrases).split():
                if word not in captions.STOP_WORDS:
                    owners.setdefault(word, set()).add((factor, value))
    assert {w for w, o in owners.items() if len(o) > 1} == set()
    for factor, table in captions.TABLES.items():
        assert set(table) == set(FACTORS[factor].values)


def test_every_suggestion_is_a_known_word_and_no_near_word_shadows_one():
    for word, near in captions._NEAR.items():
        assert set(near) <= set(MEANINGS), word
        assert word not in MEANINGS and word not in captions._SPELLINGS


@pytest.mark.parametrize(
    "prompt,word,near",
    [("a dog at night", "dog", "cat"), ("a bloon", "bloon", "balloon"), ("a mushrom", "mushrom", "mushroom")],
)
def test_unknown_word_is_named_with_the_nearest_known_one(prompt, word, near):
    parsed = parse(prompt)
    assert parsed.unknown == [word] and near in parsed.suggestions[word]
    assert word in parsed.notice() and near in parsed.notice()


def test_word_near_nothing_still_gets_words_of_the_world():
    parsed = parse("qqqq")
    assert parsed.suggestions["qqqq"] and set(parsed.suggestions["qqqq"]) <= set(MEANINGS)


def test_contradiction_is_noticed_and_the_first_value_counts():
    parsed = parse("a red blue house")
    assert parsed.stated["color"] == "red" and parsed.conflicts == {"color": ["red", "blue"]}
    assert "red and blue" in parsed.notice()


def test_canonical_keeps_only_trained_words():
    assert canonical("A photo of TREES, in the dunes: wow!") == "a tree in the dunes"


def test_examples_are_understood():
    assert len(EXAMPLES) == len(set(EXAMPLES)) == 10
    assert all(parse(e).stated and parse(e).notice() is None and canonical(e) == e for e in EXAMPLES)


@given(st.text(max_size=200))
def test_parse_never_fails_and_never_swallows_a_word(text):
    parsed = parse(text)
    assert all(v in FACTORS[k].values for k, v in parsed.stated.items())
    assert (parsed.notice() is None) == (not parsed.unknown and not parsed.conflicts)
    assert all(parsed.suggestions[w] for w in parsed.unknown[: captions.MAX_SUGGESTED])
    assert set(canonical(text).split()) <= set(vocabulary())
    assert len(parsed.notice() or "") < 400


@given(st.lists(st.sampled_from([*sorted(MEANINGS), "zebra", "Ünï", "3"]), max_size=12))
def test_every_word_is_either_understood_or_named(words):
    parsed = parse(" ".join(words))
    assert set(parsed.unknown) == {w.lower() for w in words if w.lower() not in MEANINGS}
    assert {MEANINGS[w][0] for w in words if w in MEANINGS} == set(parsed.stated)


def test_a_pasted_page_is_answered_briefly():
    parsed = parse(" ".join(f"word{i}" for i in range(1500)))
    assert len(parsed.suggestions) == captions.MAX_SUGGESTED and len(parsed.notice()) < 400
