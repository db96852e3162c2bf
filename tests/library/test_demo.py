"""A public demo: visitors draw within limits; nothing is brought, removed, trained or sent away, whichever door they knock at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from studio.core import demo
from studio.jobs import history
from studio.jobs.jobs import Jobs
from studio.jobs.kinds import KINDS
from studio.library import adapters, controlnets, judges, removing, subjects, votes
from studio.library.adding import Wish, add_model
from studio.library.brought_pictures import take
from studio.library.stock import open_jobs
from studio.ui.jobs.background import Background

DRAWN = {"prompt": "a red house", "pair": "nano/dmd2", "arms": ["student"], "seeds": [0]}


@pytest.fixture
def public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv("STUDIO_DEMO", "1")
    return open_jobs(tmp_path / "data")


def test_visitors_draw(public: Jobs) -> None:
    assert public.get(public.submit("compare", DRAWN)).state == "queued"


def test_kinds_for_visitors_are_those_that_only_draw() -> None:
    assert {kind.name for kind in KINDS.all() if kind.visitors} == {"compare", "live", "scrub", "control", "mixture", "grid"}


@pytest.mark.parametrize("kind", sorted({"distill", "slider", "adapter", "trial", "unlearn", "study", "evaluate"}))
def test_no_run_of_another_kind_is_started(public: Jobs, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Jobs, "validate", lambda self, kind, config: KINDS.get(kind).config.model_construct())
    with pytest.raises(ValueError, match="^This is a public demo, in which runs of this kind are not started;"):
        public.submit(kind, {})
    assert public.list() == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [({"seeds": list(range(9))}, "^9 seeds are asked for, and a public demo draws at most 8;"),
     ({"arms": ["teacher"], "teacher_steps": 51}, "^51 steps of the teacher are asked for, and a public demo draws at most 50;")],
)  # fmt: skip
def test_runs_are_small(public: Jobs, changed: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        public.submit("compare", {**DRAWN, **changed})


@pytest.mark.parametrize(
    ("axis", "sentence"),
    [("teacher_steps=5,51", "^51 steps of the teacher are asked for, and a public demo draws at most 50;"),
     ("teacher_guidance=1..33 step 1", "^66 samples are asked for, and a public demo draws at most 64;"),
     ("teacher_guidance=1..32 step 1", "")],
)  # fmt: skip
def test_grids_are_small(public: Jobs, axis: str, sentence: str) -> None:
    request = {"draw": {**DRAWN, "arms": ["teacher"], "seeds": [1, 2]}, "axes": [axis]}
    if not sentence:
        assert public.get(public.submit("grid", request)).state == "queued"
        return
    with pytest.raises(ValueError, match=sentence):
        public.submit("grid", request)


def test_few_wait(public: Jobs) -> None:
    for seed in range(demo.limits().waiting):
        public.submit("compare", {**DRAWN, "seeds": [seed]})
    with pytest.raises(ValueError, match="^8 runs are waiting already;"):
        public.submit("compare", DRAWN)


DOORS: dict[str, Callable[[Jobs, str], object]] = {
    "import: a model": lambda jobs, run: add_model(jobs.paths, Wish("somebody/model", role="teacher")),
    "import: votes": lambda jobs, run: votes.take_in(jobs.paths, "mine", "{}"),
    "delete: a model": lambda jobs, run: removing.removable(jobs.paths, "mine/model"),
    "delete: an adapter": lambda jobs, run: adapters.remove(jobs.paths, "mine/one"),
    "delete: a ControlNet": lambda jobs, run: controlnets.remove(jobs.paths, "mine/one"),
    "delete: a judge": lambda jobs, run: judges.remove(jobs.paths, "mine/one"),
    "delete: a subject": lambda jobs, run: subjects.remove(jobs.paths, "mine/one"),
    "delete: votes": lambda jobs, run: votes.remove(jobs.paths, "mine"),
    "delete: a run": lambda jobs, run: history.delete_run(jobs, run),
    "steer: a run": lambda jobs, run: Background(jobs).act(run, "delete"),
    "away: a run": lambda jobs, run: jobs.submit("compare", DRAWN, executor="ray"),
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_is_closed(public: Jobs, door: str) -> None:
    run = public.submit("compare", DRAWN)
    with pytest.raises(ValueError) as said:
        DOORS[door](public, run)
    assert str(said.value) == demo.refusal(door.partition(":")[0])
    assert [info.id for info in public.list()] == [run]


def test_no_picture_is_taken(public: Jobs, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "one.png")
    intake = take([tmp_path / "one.png"])
    assert (len(intake.pictures), intake.refused) == (0, [demo.refusal("import")])
