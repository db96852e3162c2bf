"""The kind `live` on a tiny pair: the newest wish is drawn, those before it are not, the others when none comes; and its end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.capabilities.live import wishes, work
from studio.capabilities.live.request import LiveRequest
from studio.core.files import Json, read_json
from studio.jobs.device_gate import Gate
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from tests.support.fixtures import PAIR

DRAW = {"prompt": "a cat", "pair": PAIR, "seeds": [3], "teacher_steps": 4, "arms": "student,teacher"}
PATIENCE_S = 60


@pytest.fixture(scope="module")
def warm() -> ModelCache:
    return ModelCache("cpu")


def until(fits: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := fits()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.002)
    return found


class Canvas:
    """A live run that goes on in a thread."""

    def __init__(self, jobs: Jobs, models: ModelCache, how: Json, **request: Any):
        self.jobs, self.run = jobs, jobs.submit("live", {"draw": {**DRAW, **request.pop("draw", {})}, **request})
        self.folder, self.ended = jobs.paths.run(self.run), ("", "")
        self.thread = threading.Thread(target=self._work, args=(models, how), daemon=True)
        self.thread.start()

    def _work(self, models: ModelCache, how: Json) -> None:
        self.ended = run_job(self.folder, models=models, registry=load_registry(self.jobs.paths), **how)

    def say(self, prompt: str) -> int:
        return wishes.put(self.folder, prompt).n

    def shown(self, arm: str, wish: int) -> Json | None:
        canvas = read_json(self.folder / wishes.SHOWN) or {"arms": []}
        return next((one for one in canvas["arms"] if one["arm"] == arm and one["wish"] == wish), None)

    def result(self) -> Json:
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive() and self.ended[0] == "done", self.ended
        return self.jobs.result(self.run) or {}


@contextmanager
def live(jobs: Jobs, models: ModelCache, how: Json | None = None, **request: Any) -> Iterator[Canvas]:
    one = Canvas(jobs, models, how or {}, **request)
    yield one
    (one.folder / "cancel").touch()
    one.thread.join(PATIENCE_S)


def test_a_pause_brings_every_arm_and_they_are_what_compare_draws(studio: Jobs, warm: ModelCache) -> None:
    with live(studio, warm, idle=1) as canvas:
        until(lambda: canvas.shown("teacher", 0))
        wish = canvas.say("a  red\n house")
        until(lambda: canvas.shown("teacher", wish))
        result = canvas.result()
    assert [(text["wish"], text["prompt"]) for text in result["texts"]] == [(0, "a cat"), (1, "a red house")]
    assert [arm["arm"] for arm in result["texts"][1]["arms"]] == ["student", "teacher"]
    assert result["ended"] == "Nothing was typed for 1 second." and result["drawn"] == 2 and result["stale"] == 0
    run = studio.submit("compare", {**DRAW, "prompt": "a red house"})
    assert run_job(studio.paths.run(run), models=warm, registry=load_registry(studio.paths))[0] == "done"
    for arm, other in zip(result["texts"][1]["arms"], (studio.result(run) or {})["arms"], strict=True):
        here, there = (Image.open(studio.artifact(r, one["images"][0]["path"])) for r, one in ((canvas.run, arm), (run, other)))
        assert np.array_equal(np.asarray(here), np.asarray(there))
    said = json.loads(here.text["studio"])  # type: ignore[attr-defined]
    assert said["kind"] == "compare" and said["request"]["prompt"] == "a red house", "dropped on Compare it draws this again"


def test_wishes_that_were_typed_over_are_not_drawn(studio: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = threading.Event()
    drawn: list[str] = []
    asked = work.Live._asked

    def held(self: Any, wish: wishes.Wish) -> Any:
        drawn.append(wish.prompt)
        if wish.n == 1:
            slow.wait(PATIENCE_S)
        return asked(self, wish)

    monkeypatch.setattr(work.Live, "_asked", held)
    with live(studio, warm, idle=1) as canvas:
        until(lambda: canvas.shown("student", 0))
        canvas.say("a cat b")
        until(lambda: len(drawn) == 2)
        for i in range(5):
            canvas.say(f"a cat {i}")
        slow.set()
        until(lambda: canvas.shown("student", 6))
        result = canvas.result()
    assert drawn == ["a cat", "a cat b", "a cat 4"] and result["stale"] == 4 and result["drawn"] == 3
    assert [text["wish"] for text in result["texts"]][-1] == 6
    assert 1 not in [text["wish"] for text in result["texts"]], "typing did not pause there"


def test_the_teacher_is_left_as_soon_as_somebody_types_on(studio: Jobs, warm: ModelCache) -> None:
    with live(studio, warm, draw={"teacher_steps": 100}) as canvas:
        until(lambda: (read_json(canvas.folder / wishes.SHOWN) or {}).get("doing"))
        wish = canvas.say("a house")
        until(lambda: canvas.shown("student", wish))
        assert not canvas.shown("teacher", 0)
        until(lambda: canvas.shown("teacher", wish))


def test_only_the_last_pictures_that_were_typed_over_are_kept(
    studio: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PASSING", 2)
    with live(studio, warm, idle=1) as canvas:
        until(lambda: canvas.shown("teacher", 0))
        for i in range(6):
            wish = canvas.say(f"a cat {i}")
            until(lambda wish=wish: canvas.shown("student", wish))
        until(lambda: canvas.shown("teacher", wish))
        result = canvas.result()
    left = {int(folder.name) for folder in (canvas.folder / "artifacts" / "live").iterdir()}
    assert {text["wish"] for text in result["texts"]} <= left, "texts at which somebody paused stay"
    assert len(left) <= 2 + len(result["texts"])
    for text in result["texts"]:
        assert all(studio.artifact(canvas.run, image["path"]).is_file() for arm in text["arms"] for image in arm["images"])


def test_what_cannot_be_read_is_said_and_the_next_is_drawn(studio: Jobs, warm: ModelCache) -> None:
    with live(studio, warm) as canvas:
        until(lambda: canvas.shown("student", 0))
        (canvas.folder / wishes.WISH).write_text("{")
        wish = canvas.say("a cat \x00")
        why = until(lambda: (read_json(canvas.folder / wishes.SHOWN) or {}).get("why"))
        assert why == "The prompt has characters that cannot be shown; write it in plain words." and wish == 1
        wish = canvas.say("a cat again")
        until(lambda: canvas.shown("student", wish))


def test_another_run_ends_it_and_a_training_has_the_device_while_nobody_types(studio: Jobs, warm: ModelCache) -> None:
    waits = threading.Event()
    with live(studio, warm, {"awaited": waits.is_set}) as canvas:
        until(lambda: canvas.shown("teacher", 0))
        gate = Gate(studio.paths.lanes, "cpu")
        until(lambda: not gate.wanted())
        gate.enter()
        wish = canvas.say("a house")
        until(gate.wanted)
        gate.step()  # waits until it was drawn
        until(lambda: canvas.shown("student", wish))
        gate.leave()
        waits.set()
        assert canvas.result()["ended"] == "Another run waited."


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seeds": "5"}, "5 seeds are more than a live canvas draws at every change; 1 to 4 fit."),
        ({"prompt": " "}, "The prompt is empty"),
    ],
)
def test_what_does_not_fit_is_one_sentence(studio: Jobs, wrong: Json, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        studio.submit("live", {"draw": {**DRAW, **wrong}})


def test_hints_are_compares_business() -> None:
    said = "A live canvas follows no ControlNet and takes no additions; Compare draws with them"
    with pytest.raises(ValueError, match=said):
        LiveRequest.model_validate({"draw": {**DRAW, "hints": [{"id": "test/edges", "picture": "a.png"}]}})


def test_arms_and_seed_that_nobody_named(studio: Jobs) -> None:
    draw = studio.spec(studio.submit("live", {"draw": {"prompt": "a cat", "pair": PAIR}})).config["draw"]
    assert (draw["arms"], draw["seeds"]) == (["student", "teacher"], [0])


def test_wishes_are_counted_and_what_is_no_wish_is_none(tmp_path: Path) -> None:
    assert wishes.newest(tmp_path) is None and wishes.stamp(tmp_path / wishes.WISH) is None
    assert [wishes.put(tmp_path, text).n for text in ("a", "b")] == [1, 2]
    first = wishes.stamp(tmp_path / wishes.WISH)
    assert wishes.put(tmp_path, "b").n == 3 and wishes.stamp(tmp_path / wishes.WISH) != first
    (tmp_path / wishes.WISH).write_text('{"n": -1, "prompt": "c"}')
    assert wishes.newest(tmp_path) is None
