"""Help with prompts: what is understood, what is free, words to click."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.domains import domain_of
from studio.domains.pocket import captions
from studio.library.models import ModelEntry, Pair
from studio.ui.kit import prompt
from tests.support.properties import given, st

WORLD = domain_of("pocket")
CHOICES = st.fixed_dictionaries(
    {},
    optional={
        group["factor"]: st.sampled_from([word[0] for word in group["words"]]) for group in prompt.words(WORLD, "")["groups"]
    },
)


@given(CHOICES)
def test_a_composed_prompt_states_exactly_what_was_clicked(stated: dict[str, str]) -> None:
    parsed = captions.parse(WORLD.write(stated))
    assert parsed.unknown == ["picture"] * ("picture" in parsed.unknown)
    assert parsed.stated == stated


def test_clicking_a_word_sets_replaces_and_removes_it() -> None:
    text = prompt.toggle(WORLD, "a red house at night", "place", "sea")
    assert text == "a red house by the sea at night"
    text = prompt.toggle(WORLD, text, "color", "blue")
    assert text == "a blue house by the sea at night"
    assert prompt.toggle(WORLD, text, "color", "blue") == "a house by the sea at night"


def test_a_click_that_is_not_a_word_is_refused() -> None:
    with pytest.raises(ValueError, match="no color called plaid"):
        prompt.toggle(WORLD, "a house", "color", "plaid")
    with pytest.raises(ValueError, match="no mood"):
        prompt.toggle(WORLD, "a house", "mood", "sad")


def test_unknown_words_are_named_with_something_to_try() -> None:
    kind, message = prompt.read(WORLD, "a zebra on the moon")
    assert kind == "notice"
    assert "zebra" in message
    assert "try" in message


def test_what_a_prompt_leaves_free_is_said() -> None:
    kind, message = prompt.read(WORLD, "a red house at night")
    assert kind == "hint"
    assert prompt.words(WORLD, "a red house at night")["stated"] == {"subject": "house", "color": "red", "time": "night"}
    assert "stars" in message
    assert "moon" in message
    assert "colour" not in message
    assert "stars" not in prompt.read(WORLD, "a red house by day")[1]  # none by day, so nothing is free about them


def test_an_empty_prompt_is_a_hint_and_a_pasted_page_is_read_in_part() -> None:
    assert prompt.read(WORLD, "  ")[0] == "hint"
    assert prompt.read(WORLD, "zebra " * 100_000)[0] == "notice"


def test_where_no_world_is_known_prompts_are_taken_as_they_are() -> None:
    plain = domain_of("photos")
    assert (plain.read("A Zebra, 35mm").text, prompt.read(plain, "A Zebra, 35mm"), prompt.words(plain, "x")) == (
        "A Zebra, 35mm", ("hint", ""), {"groups": [], "stated": {}},
    )  # fmt: skip
    assert (prompt.beginning(plain), prompt.examples(plain)) == ("", [])


def _pair(domain: str) -> Pair:
    entry = ModelEntry("some/model", "Some model", Path("nowhere"), "student", "some/teacher", domain, 512)
    return Pair(entry.id, entry.title, entry, entry)


def test_words_are_said_to_be_ignored_only_of_models_that_know_so_many_and_no_more() -> None:
    text = "a photograph of an astronaut riding a horse"
    assert "will be ignored" in prompt.line(_pair("pocket"), text)
    for other in (_pair("plain"), _pair("a-domain-nobody-listed"), None):
        assert "ignored" not in prompt.line(other, text) and "known" not in prompt.line(other, text)
