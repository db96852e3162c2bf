"""Words as concepts, and the prompts made from them."""

from __future__ import annotations

import pytest

from studio.core.domain import Domain
from studio.domains import domain_of
from studio.library.concepts import concepts, neighbours, pairs

REFUSED = [
    ("", "", "", "Nothing was named that should be forgotten; cat would fit."),
    (" , ", "", "", "Nothing was named that should be forgotten"),
    ("cat", "", "cat", "'cat' is to be forgotten and to be kept; one of the two would fit."),
    ("cat", "cat", "", "'cat' was to become 'cat', which is the same; another would fit."),
    ("cat", "kitten", "", "'cat' was to become 'kitten', which is the same; another would fit."),
    ("cat, boat", "boat", "", "'cat' was to become 'boat', which is to be forgotten as well."),
    ("cat, boat", "car, tree, star", "", "2 concepts were to become 3 things; one, or one for each, would fit."),
    ("cat, cat", "", "", "A concept was named twice; each of them once would fit."),
    ("dragon", "", "", "'dragon' names nothing that Pocket World knows; house, tree, balloon"),
    ("cat", "dragon", "", "'dragon' names nothing that Pocket World knows"),
    ("red, orange, yellow, green, blue, purple, pink, white", "", "", "Every colour was to be forgotten, and nothing would stay"),
    (", ".join(f"w{i}" for i in range(13)), "", "", "13 concepts were named to be forgotten; up to 12 fit."),
]


@pytest.fixture
def world() -> Domain:
    return domain_of("pocket")


@pytest.mark.parametrize(("forget", "becomes", "keep", "said"), REFUSED)
def test_what_cannot_be_meant_is_one_sentence(world: Domain, forget: str, becomes: str, keep: str, said: str) -> None:
    with pytest.raises(ValueError) as error:
        concepts(world, forget, becomes, keep)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("forget", ["cat", "blue", "snow", "night", "blue cat", "cat, boat, star"])
def test_pairs_differ_in_the_concept_alone_and_others_never_say_it(world: Domain, forget: str) -> None:
    wanted = concepts(world, forget)
    made = pairs(world, wanted, 60, seed=3)
    assert {pair.concept for pair in made} == set(range(len(wanted)))
    for pair in made:
        one = wanted[pair.concept]
        with_it, without = dict(world.read(pair.forget).stated), dict(world.read(pair.becomes).stated)
        assert {factor: with_it.pop(factor) for factor in one.stated} == one.stated
        assert {factor: without.pop(factor) for factor in one.instead} == one.instead
        assert with_it == without
    assert len({pair.forget for pair in made}) >= 24
    for line in neighbours(world, wanted, 60, seed=3):
        said = world.read(line).stated
        assert not any(all(said.get(factor) == value for factor, value in one.stated.items()) for one in wanted)


def test_all_words_of_a_concept_are_said_and_every_other_value_has_its_turn(world: Domain) -> None:
    wanted = concepts(world, "cat")
    said = " ".join(pair.forget for pair in pairs(world, wanted, 20, seed=0))
    assert "cat" in said and "kitten" in said
    made = pairs(world, wanted, 20, seed=0)
    assert [pair.plain for pair in made] == [True, False] * 10
    assert all(pair.plain is ("cat" in pair.forget.split()) for pair in made)
    assert all(pair.plain for pair in pairs(world, concepts(world, "star"), 20, seed=0)), "it has one word"
    shown = {world.read(line).stated["subject"] for line in neighbours(world, wanted, 18, seed=0)}
    assert shown == set(world.factors["subject"].values) - {"cat"}


def test_what_a_person_wants_kept_is_asked_for_more_often(world: Domain) -> None:
    wanted = concepts(world, "cat")
    lines = neighbours(world, wanted, 90, seed=0, keep=("boat",))
    counted = [world.read(line).stated["subject"] for line in lines]
    assert counted.count("boat") > 2 * counted.count("tree") > 0


def test_where_no_world_is_known_words_are_taken_as_they_are() -> None:
    plain = domain_of("image")
    wanted = concepts(plain, "van gogh", "a painter")
    assert [(pair.forget, pair.becomes) for pair in pairs(plain, wanted, 2, 0)] == [
        ("a van gogh", "a a painter"),
        ("a picture of a van gogh", "a picture of a a painter"),
    ]
    assert neighbours(plain, wanted, 2, 0, ("rembrandt",))[0] == "rembrandt"
    assert [pair.becomes for pair in pairs(plain, concepts(plain, "van gogh"), 2, 0)] == ["", ""]
