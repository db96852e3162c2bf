"""The page's talk with a live run, and what the tab shows of one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from studio.capabilities.live import wishes
from studio.core.files import Json
from studio.jobs.events import EventLog
from studio.jobs.jobs import Jobs
from studio.jobs.locks import identity
from studio.ui.app import assembled
from studio.ui.live.tab import LiveTab
from studio.ui.routes import routes

PAIR = "test/dmd2"
DRAW = {"prompt": "a cat", "pair": PAIR, "seeds": [3]}
PICTURE = "artifacts/live/1/student/3.png"
ARM = {"arm": "student", "label": "student", "nfe": 4, "ms": 60.0, "images": [{"seed": 3, "path": PICTURE}]}


@pytest.fixture
def run(jobs: Jobs) -> str:
    return jobs.submit("live", {"draw": DRAW})


@pytest.fixture
def client(jobs: Jobs) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes(jobs))) as client:
        yield client


def test_wishes_go_in_and_the_canvas_comes_out_as_soon_as_it_is_another(jobs: Jobs, client: TestClient, run: str) -> None:
    folder = jobs.paths.run(run)
    answer = client.post(f"/live/{run}", json={"prompt": "a red house"})
    assert (answer.status_code, answer.json()) == (202, {"wish": 1})
    assert wishes.newest(folder) == wishes.Wish(n=1, prompt="a red house")
    told = client.get(f"/live/{run}").json()
    assert (told["run"], told["live"], told["canvas"]) == (run, True, {})
    assert client.get(f"/live/{run}", params={"seen": told["tag"], "wait": "0.05"}).status_code == 304
    threading.Timer(0.3, lambda: wishes.show(folder, {"wish": 1, "arms": [ARM]})).start()
    begun = time.monotonic()
    told = client.get(f"/live/{run}", params={"seen": told["tag"], "wait": "20"}).json()
    assert told["canvas"]["arms"] == [ARM] and time.monotonic() - begun < 10
    jobs.cancel(run)
    told = client.get(f"/live/{run}", params={"seen": told["tag"], "wait": "20"}).json()
    assert (told["live"], told["state"]) == (False, "cancelled")
    answer = client.post(f"/live/{run}", json={"prompt": "a house"})
    assert answer.status_code == 200 and answer.json()["wish"] is None and "ended" in answer.json()["note"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"prompt": 3}', b'{"prompt": "  "}', b"\xff"])
def test_what_is_no_wish_is_one_sentence(client: TestClient, run: str, body: bytes) -> None:
    answer = client.post(f"/live/{run}", content=body)
    assert answer.status_code == 422 and answer.json()["error"].startswith("A wish is JSON with a text")


def test_what_is_too_long_is_refused_and_other_runs_have_no_canvas(jobs: Jobs, client: TestClient, run: str) -> None:
    assert client.post(f"/live/{run}", json={"prompt": "a" * 2001}).status_code == 422
    answer = client.post(f"/live/{run}", content=b"a" * 50_000)
    assert answer.status_code == 413 and answer.json() == {"error": "A wish holds at most 2,000 characters of text."}
    other = jobs.submit("compare", DRAW)
    for ask in (client.get, client.post):
        assert ask(f"/live/{other}").status_code == 404 and ask("/live/no-such-run").status_code == 404
    assert client.get(f"/live/{run}", params={"wait": "long"}).status_code == 400


def tab_of(jobs: Jobs) -> LiveTab:
    tab = assembled(jobs).page.built["live"]
    assert isinstance(tab, LiveTab)
    return tab


def values_of(tab: LiveTab, run: str = "", **changed: object) -> Json:
    values = {component: component.value for component in tab.form.inputs()} | {tab.run_id: run}
    return values | {getattr(tab.form, name): value for name, value in changed.items()}


def test_begin_draws_the_student_first_and_a_choice_begins_anew(jobs: Jobs) -> None:
    tab = tab_of(jobs)
    run = tab.begin(values_of(tab, prompt="a cat", pair=PAIR, arms=["teacher", "student", "hybrid-1"]))[tab.run_id]
    assert jobs.spec(run).config["draw"]["arms"] == ["student", "hybrid-1", "teacher"]
    asked = {"pair": PAIR, "arms": ["teacher", "student", "hybrid-1"]}
    assert tab.run_id not in tab.again(values_of(tab, run, prompt="a cat, typed on", **asked)), "the text alone begins nothing"
    other = tab.again(values_of(tab, run, prompt="a cat, typed on", **asked | {"arms": ["teacher", "student"]}))[tab.run_id]
    assert jobs.get(run).state == "cancelled"
    draw = jobs.spec(other).config["draw"]
    assert (draw["arms"], draw["prompt"]) == (["student", "teacher"], "a cat, typed on")
    assert tab.run_id not in tab.again(values_of(tab, other, prompt="a cat", **asked, seeds="9")), "Begin says what is wrong"
    assert jobs.get(other).state == "queued"
    assert "9 seeds are more" in tab.begin(values_of(tab, prompt="a cat", **asked, seeds="9"))[tab.problem]


def test_what_is_kept_of_a_run_is_shown_again(jobs: Jobs, run: str) -> None:
    assert jobs.claim("interactive", identity(), run)
    with EventLog(jobs.paths.run(run) / "events.jsonl") as log:
        log.write("state", state="running", note="")
        log.write("text", wish=1, prompt="a red house", arms=[ARM])
    tab = tab_of(jobs)
    updates = tab.open(run)
    board = updates[tab.board]
    assert board["live"] and board["texts"] == [{"prompt": "a red house", "arms": [{"arm": "student", "images": [PICTURE]}]}]
    assert [arm["arm"] for arm in board["arms"]] == ["student", "teacher"] and updates[tab.form.prompt] == "a cat"
    (card,) = tab.recent()
    assert (card["id"], card["prompt"], card["pictures"]) == (run, "a cat", [PICTURE])


def test_the_canvas_goes_to_compare_and_a_run_of_the_gallery_to_the_canvas(jobs: Jobs, run: str) -> None:
    moves = assembled(jobs)
    tab = moves.page.built["live"]
    assert isinstance(tab, LiveTab)
    updates = moves.of_the_canvas(values_of(tab, prompt="a red house", pair=PAIR, arms=["teacher", "student"]))
    assert updates[moves.compare.form.prompt] == "a red house"
    assert "The prompt is empty" in moves.of_the_canvas(values_of(tab, prompt="", pair=PAIR))[tab.problem]
