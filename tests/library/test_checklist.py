"""Prompts as questions: of a world what it states, of free text things, attributes and relations."""

import pytest

from studio.domains import domain_of
from studio.library.checklist import Check, checks, of_text

POCKET = domain_of("pocket")


def asked(text: str) -> list[str]:
    return [one.question for one in of_text(text)]


def test_a_world_asks_for_what_is_stated_the_thing_first_and_what_every_sample_must_be_last() -> None:
    found = checks(POCKET, POCKET.read("a small crimson cottage by the sea at night with clouds"))
    assert [(one.kind, one.question) for one in found] == [
        ("thing", "Is there a house?"),
        ("attribute", "Is the colour red?"),
        ("relation", "Is it by the sea?"),
        ("attribute", "Is the time of day night?"),
        ("attribute", "Is the size small?"),
        ("thing", "Are there several clouds?"),
        ("always", "Is there exactly one subject?"),
    ]
    assert found[0] == Check("thing", "Is there a house?", "a house", "subject", "house")


def test_what_must_be_gone_is_asked_as_gone() -> None:
    found = checks(POCKET, POCKET.read("a cat under a clear sky"))
    assert [one.question for one in found][1] == "Are there no clouds?" and found[1].wanted == "no clouds"


@pytest.mark.parametrize("text", ["", "of a the", ", , and"])
def test_text_that_names_nothing_asks_nothing(text: str) -> None:
    assert of_text(text) == []


def test_free_text_is_cut_into_things_their_attributes_and_how_they_lie() -> None:
    assert asked("a small red house by the sea") == [
        "Is there a house?", "Is the house small?", "Is the house red?", "Is there a sea?", "Is the house by the sea?",
    ]  # fmt: skip
    assert asked("two cats riding a big bike") == [
        "Are there cats?", "Are there two cats?", "Is there a bike?", "Is the bike big?", "Are the cats riding the bike?",
    ]  # fmt: skip
    assert asked("an old lamp and a dog, an umbrella") == [
        "Is there a lamp?", "Is the lamp old?", "Is there a dog?", "Is there an umbrella?",
    ]  # fmt: skip


def test_where_no_world_is_known_text_is_asked_for() -> None:
    plain = domain_of("plain")
    assert checks(plain, plain.read("a red cube")) == of_text("a red cube")
