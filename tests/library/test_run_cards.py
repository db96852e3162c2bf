"""Runs are found by an index: what is asked, what it costs, and what cards say of runs of every kind."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.core import visitors
from studio.jobs.cards import Asked, words
from studio.jobs.jobs import Jobs
from studio.jobs.visitors import of_visitors
from studio.library import run_cards
from studio.library.run_cards import cards_of, find, pictures, title
from studio.library.stock import open_jobs
from studio.library.two_runs import beside, settings
from tests.support.many_runs import fill
from tests.support.method_catalogue import stock

_read: list[str] | None = None


def _heard(event: str, given: tuple[object, ...]) -> None:
    if _read is not None and event in ("open", "os.scandir", "os.listdir"):
        _read.append(str(given[0]))


sys.addaudithook(_heard)


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return open_jobs(stock(tmp_path))


@pytest.fixture
def files() -> Iterator[list[str]]:
    """Files and folders of runs that are opened from here on."""
    global _read
    _read = []
    yield _read
    _read = None


def ids(found: run_cards.Found) -> list[str]:
    return [card["id"] for card in found.cards]


def test_an_index_answers_and_no_folder_is_walked(jobs: Jobs, files: list[str]) -> None:
    made, runs = fill(jobs, 200), str(jobs.paths.runs)
    files.clear()
    first = find(jobs, Asked())
    once = sum(path.startswith(runs) for path in files)
    assert first.total == 200 and ids(first) == list(reversed(made))[:60]
    assert 200 <= once <= 200 * 5  # spec, result and notes of each, and its folder where no result names pictures
    files.clear()
    for asked in (Asked(), Asked(find="red"), Asked(offset=60), Asked(kinds=("distill",), oldest=True)):
        find(jobs, asked)
    cards_of(jobs).counts()
    assert [path for path in files if path.startswith(runs)] == []
    jobs.note(made[3], name="mine")
    files.clear()
    assert ids(find(jobs, Asked(find="mine"))) == [made[3]]
    assert {Path(path).relative_to(runs).parts[0] for path in files if path.startswith(runs)} == {made[3]}


def test_what_is_asked_for_is_found(jobs: Jobs) -> None:
    now = time.time()
    made = fill(jobs, 64, now=now)
    jobs.note(made[5], name="Best of May", tags=("paper", "shown"), favourite=True)
    found = find(jobs, Asked(find="RED cat"))
    assert found.total == len(found.cards) > 0
    assert all({"red", "cat"} <= set(card["prompt"].split()) for card in found.cards)
    assert ids(find(jobs, Asked(find='"best of may"'))) == [made[5]] == ids(find(jobs, Asked(tag="paper")))
    assert ids(find(jobs, Asked(favourite=True))) == [made[5]]
    assert find(jobs, Asked(find="may best of paper dmd2")).total == 1
    assert {card["kind"] for card in find(jobs, Asked(kinds=("scrub", "distill"))).cards} == {"scrub", "distill"}
    assert {card["state"] for card in find(jobs, Asked(states=("failed",))).cards} == {"failed"}
    assert all("nano/dmd2" in card["models"] for card in find(jobs, Asked(model="nano/dmd2")).cards)
    some = find(jobs, Asked(since=now - 86_400 * 2, until=now - 86_400))
    assert some.total == 12 and ids(some) == sorted(ids(some), reverse=True)
    assert ids(find(jobs, Asked(oldest=True, limit=3))) == list(made[:3])
    pages = [ids(find(jobs, Asked(offset=at, limit=20))) for at in (0, 20, 40, 60)]
    assert [run for page in pages for run in page] == list(reversed(made))
    counts = {name: dict(rows) for name, rows in cards_of(jobs).counts().items()}
    assert counts["kinds"] == {"compare": 32, "scrub": 8, "control": 8, "evaluate": 8, "distill": 8}
    assert counts["tags"] == {"paper": 1, "shown": 1} and counts["models"]["test/teacher"] == 8
    assert find(jobs, Asked(find="100%_")).total == 0  # not a pattern
    assert find(jobs, Asked(find="ed")).total == 0 < find(jobs, Asked(find="nano/dm")).total  # beginnings of words
    assert words('red "by the Sea" x/y 猫 "') == [" red", " by the sea", " x y", "猫"]


def test_the_index_is_made_again_from_the_folders(jobs: Jobs) -> None:
    made = fill(jobs, 12)
    jobs.note(made[0], name="first", tags=("a tag",))
    before = find(jobs, Asked()).cards
    jobs.paths.db.unlink()
    assert find(jobs, Asked()).cards == before
    jobs.delete(made[0], to_trash=True)
    assert find(jobs, Asked(tag="a tag")).total == 0
    jobs.restore(made[0])
    assert ids(find(jobs, Asked(tag="a tag"))) == [made[0]]


def test_a_run_that_ended_since_has_another_card(jobs: Jobs) -> None:
    run = jobs.submit("compare", {"prompt": "a cat", "pair": "test/dmd2", "seeds": [4]})
    assert [(card["state"], card["title"]) for card in find(jobs, Asked()).cards] == [("queued", "a cat")]
    jobs.cancel(run)
    assert find(jobs, Asked()).cards[0]["state"] == "cancelled"


def test_helpers_are_there_when_they_are_asked_for(jobs: Jobs) -> None:
    run = jobs.cancel(jobs.submit("mixture", {})).id
    assert find(jobs, Asked(hidden=run_cards.HELPERS)).total == 0
    assert ids(find(jobs, Asked(hidden=run_cards.HELPERS, kinds=("mixture",)))) == [run]


def test_a_visitor_of_a_demo_finds_their_own_runs_alone(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(jobs, 8)
    monkeypatch.setenv("STUDIO_DEMO", "1")
    theirs = of_visitors(jobs)
    who = visitors.known_by("a-text-that-only-ada-knows")
    for visitor, runs in ((who, 1), (visitors.known_by("a-text-that-only-bob-knows"), 0), (visitors.NOBODY, 0)):
        token = visitors._now.set(visitor)
        if visitor is who:
            theirs.submit("compare", {"prompt": "a cat", "pair": "test/dmd2", "seeds": [4]})
        found, counts = find(theirs, Asked()), cards_of(theirs).counts()
        visitors._now.reset(token)
        assert (found.total, sum(n for _, n in counts["kinds"])) == (runs, runs)


def test_titles_say_what_differs() -> None:
    draw = {"prompt": "a cat", "pair": "nano/dmd2", "arms": ["teacher", "student"], "seeds": [0, 1, 2, 3], "teacher_steps": 50}
    assert title("compare", "a cat", draw) == ("a cat", ["nano/dmd2", "teacher, student", "seeds 0–3", "teacher steps 50"])
    assert title("compare", "a cat", {**draw, "teacher_steps": 25})[1][-1] == "seeds 0–3"
    assert title("scrub", "Scrub: a cat", {"draw": draw})[1] == ["nano/dmd2", "teacher, student", "seeds 0–3", "teacher steps 50"]
    settings = {"name": "pupil", "teacher": "nano/teacher", "objective": "dmd2", "steps": 300, "settings": {"batch": 4}}
    head, rest = title("distill", "pupil: dmd2 from nano/teacher", settings)
    assert head == "pupil: dmd2 from nano/teacher" and "batch 4" in rest and "nano/teacher" not in rest


def test_pictures_are_one_of_each_arm_before_a_second(tmp_path: Path) -> None:
    images = [f"artifacts/{arm}/{seed}.png" for arm in ("teacher", "student") for seed in range(8)]
    result = {"hints": "artifacts/hints/x.png", "arms": images, "report": "artifacts/report/evaluation.html"}
    wanted = ["artifacts/teacher/0.png", "artifacts/student/0.png", "artifacts/teacher/1.png", "artifacts/student/1.png"]
    assert pictures(result, tmp_path) == (wanted, False)
    for step in (100, 200):
        for arm in ("teacher", "student"):
            path = tmp_path / f"artifacts/strips/{step:08d}/{arm}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    assert pictures({}, tmp_path) == (["artifacts/strips/00000200/student.jpg", "artifacts/strips/00000200/teacher.jpg"], True)
    assert pictures({}, tmp_path / "nowhere") == ([], False)


def test_two_runs_stand_side_by_side(jobs: Jobs) -> None:
    made = fill(jobs, 8)
    found = beside(jobs, made[0], made[1])
    assert [row["name"] for row in found["settings"] if row["differs"]] == ["prompt", "pair", "seeds", "teacher steps"]
    assert {row["name"] for row in found["settings"] if not row["differs"]} == {"arms"}
    both = [row for row in found["pictures"] if row["a"] and row["b"]]
    assert {row["seed"] for row in both} == {1, 2, 3} and all(row["a"] == row["b"] for row in both)
    assert [row["seed"] for row in found["pictures"]] == sorted(row["seed"] for row in found["pictures"])
    figures = {row["name"]: row for row in found["figures"]}
    assert figures["hybrid-1 · diversity"]["a"] == pytest.approx({"value": 0.73, "low": 0.65, "high": 0.81})
    assert beside(jobs, made[0], made[0])["settings"] == settings(jobs.spec(made[0]).config, jobs.spec(made[0]).config)
    with pytest.raises(ValueError, match="There is no run"):
        beside(jobs, made[0], "20200101-000000-000-aaaaaa")
