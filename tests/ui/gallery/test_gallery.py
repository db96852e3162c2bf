"""What the Gallery answers, and that every kind of run opens on the tab that shows it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import gradio as gr
import pytest

from studio.core import visitors
from studio.jobs.jobs import Jobs
from studio.jobs.visitors import of_visitors
from studio.ui.app import assembled
from studio.ui.gallery.shelf import PAGE, Shelf
from studio.ui.gallery.tab import GalleryTab
from studio.ui.links import Opening
from tests.support.many_runs import fill

ASKED = {"prompt": "a cat", "pair": "test/dmd2", "seeds": [4]}


@pytest.fixture
def served(jobs: Jobs) -> SimpleNamespace:
    """The functions that the script calls."""
    return SimpleNamespace(**{one.__name__: one for one in Shelf(jobs).served()})


def test_a_page_of_cards_stays_small_whatever_there_is(jobs: Jobs, served: SimpleNamespace) -> None:
    fill(jobs, 30)
    sizes = []
    for n in (200, 400):
        fill(jobs, n, now=1.6e9 + 1e7 * n)
        first = served.find({})
        sizes.append(len(json.dumps(first)))
        assert len(first["cards"]) == PAGE and first["total"] >= n
    assert max(sizes) < 50_000 and sizes[1] < sizes[0] * 1.2
    more = served.find({"offset": PAGE})
    assert "counts" not in more and not {card["id"] for card in more["cards"]} & {card["id"] for card in first["cards"]}


def test_whatever_a_browser_sends_is_answered(jobs: Jobs, served: SimpleNamespace) -> None:
    fill(jobs, 4)
    for sent in (None, [], "x", {"find": None, "offset": "a", "limit": True}, {"offset": -5, "limit": 10**9}):
        assert served.find(sent)["total"] == 4
    assert "is no day" in served.find({"since": "soon"})["problem"]
    assert "no state" in served.find({"state": "great"})["problem"]
    for function in ("note", "remove", "restore", "beside"):
        for sent in (None, {"run": "../../etc"}, {"run": 3}):
            assert "is not a run id" in getattr(served, function)(sent)["problem"]


def test_a_run_is_named_deleted_and_taken_back(jobs: Jobs, served: SimpleNamespace) -> None:
    run = fill(jobs, 3)[1]
    assert served.note({"run": run, "name": "The one", "tags": ["Paper"]})["tags"] == ["paper"]
    assert "is no tag" in served.note({"run": run, "tags": ["<b>"]})["problem"]
    assert [card["name"] for card in served.find({"tag": "paper"})["cards"]] == ["The one"]
    assert served.remove({"run": run}) == {"days": 7}
    left = served.find({})
    assert (left["total"], left["trash"], left["locked"]) == (2, 1, "")
    assert [one["id"] for one in served.trash({})["runs"]] == [run]
    assert "problem" not in served.restore({"run": run})
    assert served.find({"tag": "paper"})["total"] == 1
    served.remove({"run": run})
    assert served.trash({"empty": True}) == {"runs": [], "gone": 1, "days": 7}
    going = jobs.submit("compare", ASKED)
    assert "has not ended; cancel it first" in served.remove({"run": going})["problem"]


def test_a_run_without_pictures_says_what_came_of_it(jobs: Jobs, served: SimpleNamespace) -> None:
    run = jobs.cancel(jobs.submit("compare", ASKED)).id
    (jobs.paths.run(run) / "result.json").write_text(json.dumps({"verdict": "It holds here.", "pages": ["artifacts/a.csv"]}))
    jobs.note(run)
    card = served.find({})["cards"][0]
    assert (card["pictures"], card["said"], card["ended"]) == ([], "It holds here.", True)


def test_two_runs_are_told_in_words(jobs: Jobs, served: SimpleNamespace) -> None:
    a, b = fill(jobs, 2)
    found = served.beside({"a": a, "b": b})
    assert [one["id"] for one in found["runs"]] == [a, b]
    assert {"name": "student · diversity", "a": ["0.47", "[0.38–0.56]"], "b": ["0.47", "[0.38–0.56]"]} in found["figures"]


def test_visitors_of_a_demo_see_their_own_and_delete_nothing(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    others = fill(jobs, 3)
    monkeypatch.setenv("STUDIO_DEMO", "1")
    served = SimpleNamespace(**{one.__name__: one for one in Shelf(of_visitors(jobs)).served()})
    token = visitors._now.set(visitors.known_by("a-text-that-only-ada-knows"))
    try:
        mine = of_visitors(jobs).submit("compare", ASKED)
        found = served.find({})
        assert [card["id"] for card in found["cards"]] == [mine] and "nothing is removed" in found["locked"]
        assert served.note({"run": mine, "favourite": True})["favourite"] is True
        for run in others:
            assert "There is no run" in served.note({"run": run, "name": "x"})["problem"]
            assert "There is no run" in served.beside({"a": mine, "b": run})["problem"]
        for asked in (served.remove, served.restore, served.trash):
            assert "nothing is removed" in asked({"run": mine, "empty": True})["problem"]
    finally:
        visitors._now.reset(token)


def test_every_kind_that_a_tab_shows_is_opened_there(jobs: Jobs) -> None:
    page = assembled(jobs).page
    assert isinstance(page.built["gallery"], GalleryTab)
    opening, runs = Opening(page), fill(jobs, 8)
    kinds = {"compare", "live", "scrub", "grid", "control", "personalize", "prefer", "unlearn", "audit", "evaluate", "study"}
    assert set(opening.ways) == kinds
    where = {}
    for run in runs:
        updates = opening.open(SimpleNamespace(run=run))  # type: ignore[arg-type]
        assert set(updates) <= opening.shown
        tabs = updates.get(page.tabs)
        where[jobs.get(run).kind] = tabs.selected if tabs is not None else ""
    assert where == {"compare": "compare", "scrub": "scrub", "control": "control", "evaluate": "evaluate", "distill": ""}
    helper = jobs.submit("mixture", {})
    with pytest.raises(gr.Error, match="No tab shows a mixture job"):
        opening.open(SimpleNamespace(run=helper))  # type: ignore[arg-type]
