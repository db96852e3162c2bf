"""Sets of votes: what is kept, what a new vote on the same pair does, what is refused and what is broken."""

from __future__ import annotations

from typing import Any

import pytest

from studio.jobs.paths import Paths, open_paths
from studio.library import votes
from studio.library.votes import Vote, VoteSet


@pytest.fixture
def paths(tmp_path: Any) -> Paths:
    return open_paths(tmp_path)


def about(**fields: Any) -> VoteSet:
    plan = {"name": "student", "segments": [{"model": "tiny/student", "rule": "lcm", "timesteps": [999, 499]}]}
    return VoteSet.model_validate({"model": "tiny/student", "weights": "abc", "domain": "pocket", "plan": plan, **fields})


def vote(a: int, b: int, choice: votes.Choice, prompt: str = "a house") -> Vote:
    return Vote(prompt=prompt, seeds=(a, b), choice=choice)


def test_votes_survive_and_a_pair_has_one(paths: Paths) -> None:
    votes.add(paths, "mine", about(), [vote(0, 1, "left"), vote(2, 3, "tie")])
    made = votes.add(paths, "mine", about(), [vote(1, 0, "left"), vote(0, 1, "right", "a tree")])  # the first one, swapped
    assert made.votes == (vote(1, 0, "left"), vote(2, 3, "tie"), vote(0, 1, "right", "a tree"))
    assert votes.votes(paths, "mine") == made and made.said == "3 votes, 1 of them a tie" and len(made.decided) == 2
    assert votes.listed(paths) == ({"mine": made}, {})


def test_votes_on_another_model_need_another_name(paths: Paths) -> None:
    votes.add(paths, "mine", about(), [vote(0, 1, "left")])
    for fields in ({"model": "tiny/teacher"}, {"weights": "other"}):
        with pytest.raises(ValueError, match="The votes mine are on pictures of tiny/student, .* another name would fit"):
            votes.add(paths, "mine", about(**fields), [vote(2, 3, "left")])
    assert len(votes.votes(paths, "mine").votes) == 1


def test_a_file_that_is_brought_is_the_same_set(paths: Paths) -> None:
    made = votes.add(paths, "mine", about(), [vote(0, 1, "left")])
    assert votes.take_in(paths, "theirs", votes.written(made)) == votes.votes(paths, "theirs") == made


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "The file does not fit"), ("[]", "The file does not fit"), ("{}", "The file does not fit"),
     (b'{"a": ' + b"[" * 100, "The file does not fit")],
)  # fmt: skip
def test_another_file_is_refused_in_one_sentence(paths: Paths, text: str | bytes, said: str) -> None:
    with pytest.raises(ValueError) as error:
        votes.take_in(paths, "theirs", text)
    assert str(error.value).startswith(said) and "\n" not in str(error.value) and not (votes.home(paths) / "theirs.json").exists()


@pytest.mark.parametrize("name", ["", "../x", "Mine", "x" * 41, ".lock"])
def test_names_that_could_lead_elsewhere_are_refused(paths: Paths, name: str) -> None:
    with pytest.raises(ValueError, match="does not fit|There are no votes"):
        votes.add(paths, name, about(), [vote(0, 1, "left")])
    with pytest.raises(ValueError, match="There are no votes"):
        votes.remove(paths, name)


@pytest.mark.parametrize("seeds", [(3, 3), (-1, 2), (0, 2**32)])
def test_two_seeds_differ(seeds: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="two different ones from 0 would"):
        vote(*seeds, "left")


def test_a_broken_set_is_named_and_can_be_removed(paths: Paths) -> None:
    votes.add(paths, "good", about(), [vote(0, 1, "left")])
    (votes.home(paths) / "bad.json").write_text("{}")
    found, broken = votes.listed(paths)
    assert list(found) == ["good"] and broken["bad"].startswith("The file of the votes bad does not fit")
    votes.remove(paths, "bad")
    assert votes.listed(paths)[1] == {}
