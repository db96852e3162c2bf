"""Training runs of the toy objective: real run directories, real checkpoints, and a real worker that is killed."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
import types
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from studio.capabilities.distill import lesson as lessons
from studio.core import explain
from studio.core.weights import load_checkpoint, system_errors
from studio.jobs.jobs import Jobs
from studio.jobs.locks import identity
from studio.jobs.recovery import MAX_DEATHS
from studio.jobs.supervisor import Supervisor
from studio.jobs.worker import Worker
from studio.library import curves
from studio.library.models import load_registry
from studio.library.stock import open_jobs
from studio.worker import Workbench, run_job
from tests.jobs.test_jobs import dead_process
from tests.support.fixtures import states, until
from tests.support.no_room import no_room, small_disk
from tests.support.toy_objective import request

Supervise = Callable[..., Supervisor]


def here(jobs: Jobs, run_id: str) -> tuple[str, str]:
    """Claim and execute a run in this process, as a worker does."""
    me = identity()
    assert jobs.claim("batch", me, run_id) is not None
    state, note = run_job(jobs.paths.run(run_id), registry=load_registry(jobs.paths), owner=me)
    jobs.finish(run_id, state, note, me)
    return state, note


def checkpoint(jobs: Jobs, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = load_checkpoint(jobs.paths.run(run_id) / "checkpoints" / "checkpoint.pt")
    return found


def flat(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return {k: v for key, item in value.items() for k, v in flat(item, f"{name}/{key}").items()}
    if isinstance(value, (list, tuple)):
        return {k: v for i, item in enumerate(value) for k, v in flat(item, f"{name}/{i}").items()}
    return {name: value}


def assert_equal(a: dict[str, Any], b: dict[str, Any]) -> None:
    left, right = flat(a), flat(b)
    assert left.keys() == right.keys()
    for name, value in left.items():
        same = torch.equal(value, right[name]) if isinstance(value, torch.Tensor) else value == right[name]
        assert same, name


def of_kind(jobs: Jobs, run_id: str, kind: str) -> list[dict[str, Any]]:
    return [event for event in jobs.tail(run_id)[0] if event["kind"] == kind]


def step_of(jobs: Jobs, run_id: str) -> int:
    return int((jobs.progress(run_id) or {"step": 0})["step"])


def test_a_run_trains_shows_and_lists_its_student(school: Jobs) -> None:
    run_id = school.submit("distill", request(steps=30, sample_every=10, settings={"timesteps": [999, 749, 499, 249]}))
    assert (school.get(run_id).lane, school.get(run_id).title) == ("batch", "pupil: toy of toy/teacher, 30 steps")
    assert here(school, run_id) == ("done", "")
    entry = load_registry(school.paths).get("mine/pupil")
    assert entry.available
    assert (entry.teacher, entry.steps, entry.card["run"]) == ("toy/teacher", 4, run_id)
    result = school.result(run_id)
    assert result is not None
    assert result["student"] == "mine/pupil"
    strips = of_kind(school, run_id, "strip")
    assert [(s["arm"], s["step"], s["sampling_steps"]) for s in strips][:3] == [
        ("teacher", 0, 25), ("student", 0, 1), ("student", 0, 4)]  # fmt: skip
    assert sorted({s["step"] for s in strips}) == [0, 10, 20, 30]
    assert all(school.artifact(run_id, s["strip"]).stat().st_size > 100 for s in strips)
    progress = of_kind(school, run_id, "progress")
    assert progress[-1]["step"] == 30
    assert progress[-1]["losses"].keys() == progress[-1]["smooth"].keys() == {"student"}
    assert {"size", "student/grad_norm"} <= progress[-1]["log"].keys()
    rows = curves.read(school.paths.run(run_id) / curves.FILE)
    assert [row["step"] for row in rows] == list(range(1, 31))
    assert torch.isfinite(torch.tensor([row["losses"]["student"] for row in rows])).all()


def test_progress_is_said_a_few_times_a_second(school: Jobs) -> None:
    run_id = school.submit("distill", request(steps=400, sample_every=0))
    begun = time.monotonic()
    assert here(school, run_id)[0] == "done"
    said = of_kind(school, run_id, "progress")
    assert 1 <= len(said) <= 5 * (time.monotonic() - begun) + 2
    assert said[-1]["step"] == 400


@pytest.mark.slow
def test_pause_and_resume_change_nothing_in_the_result(school: Jobs) -> None:
    fields = {"steps": 60, "sample_every": 20, "trainer": {"checkpoint_every": 7}, "settings": {"seconds": 0.02}}
    straight = school.submit("distill", request(**fields))
    here(school, straight)
    run_id = school.submit("distill", request(**fields, name="broken-off"))
    for ask, state, word in ((school.pause, "paused", "Paused"), (school.stop, "stopped", "Stopped")):
        before = step_of(school, run_id)
        asker = threading.Thread(
            target=lambda ask=ask, before=before: (until(lambda: step_of(school, run_id) > before), ask(run_id))
        )
        asker.start()
        left, note = here(school, run_id)
        asker.join()
        assert left == state == school.get(run_id).state == states(school, run_id)[-1]
        assert note.startswith(f"{word} at step ")
        assert school.resumable(run_id)
        assert school.resume(run_id).state == "queued"
    assert here(school, run_id) == ("done", "")
    assert_equal(checkpoint(school, run_id), checkpoint(school, straight))
    rows = [curves.read(school.paths.run(i) / curves.FILE) for i in (run_id, straight)]
    assert [r["step"] for r in rows[0]] == list(range(1, 61))
    assert [(r["losses"], r["log"]) for r in rows[0]] == [(r["losses"], r["log"]) for r in rows[1]]
    with pytest.raises(ValueError, match="can be resumed"):
        school.resume(run_id)


def test_what_waits_is_paused_stopped_and_resumed_at_once(school: Jobs) -> None:
    run_id = school.submit("distill", request())
    assert school.pause(run_id).state == "paused"
    assert school.claim("batch", identity()) is None
    assert school.resume(run_id).state == "queued"
    assert school.stop(run_id).state == "stopped"
    with pytest.raises(ValueError, match="nothing to pause"):
        school.pause(run_id)
    assert school.resume(run_id).state == "queued"
    assert states(school, run_id) == ["queued", "paused", "queued", "stopped", "queued"]
    school.pause(run_id)
    assert school.cancel(run_id).state == "cancelled"
    with pytest.raises(ValueError, match="is cancelled"):
        school.resume(run_id)
    with pytest.raises(ValueError, match="only a run that is going can be asked to sample"):
        school.sample_now(run_id)
    sleepy = school.submit("sleepy", {})
    for act in (school.pause, school.stop, school.resume, school.save_now):
        with pytest.raises(ValueError, match="keeps no checkpoints"):
            act(sleepy)


def test_saving_and_sampling_now_take_effect_after_the_step(school: Jobs) -> None:
    run_id = school.submit("distill", request(steps=400, sample_every=0, settings={"seconds": 0.01}))

    def ask() -> None:
        until(lambda: step_of(school, run_id) > 0)
        school.save_now(run_id)
        school.sample_now(run_id)
        until(lambda: of_kind(school, run_id, "saved") and len(of_kind(school, run_id, "strip")) >= 3)
        school.cancel(run_id)

    asker = threading.Thread(target=ask)
    asker.start()
    assert here(school, run_id)[0] == "cancelled"
    asker.join()
    assert checkpoint(school, run_id)["step"] == of_kind(school, run_id, "saved")[0]["step"]
    assert not (school.paths.run(run_id) / "sample").exists()


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_good_state(school: Jobs) -> None:
    settings = {"nan_from": 25}
    run_id = school.submit("distill", request(steps=60, settings=settings, trainer={"checkpoint_every": 10, "max_bad_steps": 2}))
    state, note = here(school, run_id)
    assert state == "failed"
    assert "was not finite 3 times in a row" in note
    kept = checkpoint(school, run_id)
    assert kept["step"] == 20
    assert all(v.isfinite().all() for v in flat(kept["modules"]).values())
    assert all("NaN" not in line for line in (school.paths.run(run_id) / "events.jsonl").read_text().splitlines())
    assert school.resumable(run_id)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["checkpoint", "disk", "student", "event"])
def test_a_full_disk_pauses_and_nothing_is_lost(school: Jobs, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    # with weights that are written in one piece, as a model's are: torch says of those alone that they were cut short
    fields = {"steps": 40, "sample_every": 20, "trainer": {"checkpoint_every": 10}, "settings": {"ballast": 100_000}}
    straight = school.submit("distill", request(**fields))
    here(school, straight)
    size = (school.paths.run(straight) / "checkpoints" / "checkpoint.pt").stat().st_size
    run_id = school.submit("distill", request(**fields, name="full"))
    with monkeypatch.context() as patch, ExitStack() as stack:
        patch.setattr(explain, "DISK_FULL", (*explain.DISK_FULL, errno.EFBIG))  # what a limit on files says
        if where == "checkpoint":
            from studio.core import trainer

            def save(path: Path, state: Any, real: Any = trainer.save_checkpoint) -> None:
                with no_room(size // 2) if state["step"] >= 30 else nullcontext():
                    real(path, state)

            patch.setattr(trainer, "save_checkpoint", save)
        elif where == "disk":  # has room for one checkpoint, and not for a second beside it
            grow = stack.enter_context(small_disk(school.paths.run(run_id) / "checkpoints", 3 * size // 2048))
        elif where == "student":
            lesson = lessons.LESSONS["toy"]

            def opened(*words: Any) -> lessons.Lesson:
                return replace(lesson(*words), save=lambda target, *_: no_room_for(target))

            def no_room_for(target: Path) -> None:
                target.mkdir()
                with no_room(4096), system_errors():
                    save_file({"weight": torch.zeros(10_000)}, target / "diffusion_pytorch_model.safetensors")

            patch.setitem(lessons.LESSONS, "toy", opened)
        else:
            real_write = os.write

            def write(fd: int, data: bytes) -> int:
                if b'"step":20' in data:
                    real_write(fd, data[:20])
                    return 20
                return real_write(fd, data)

            patch.setattr(os, "write", write)
        state, note = here(school, run_id)
        patch.undo()
        assert (state, school.get(run_id).state) == ("paused", "paused")
        assert note == "The disk is full, so this run was paused; free some space and resume it: nothing saved was lost."
        folder = school.paths.run(run_id)
        assert [p.name for p in (folder / "checkpoints").iterdir()] == ["checkpoint.pt"]
        assert checkpoint(school, run_id)["step"] == {"checkpoint": 20, "disk": 10, "student": 40, "event": 10}[where]
        assert [p.name for p in (school.paths.models / "mine").iterdir()] == ["pupil"]
        assert [json.loads(line)["n"] for line in (folder / "events.jsonl").read_text().splitlines()]
        if where == "disk":
            grow(10 * 1024)
        school.resume(run_id)
        assert here(school, run_id) == ("done", "")
        assert_equal(checkpoint(school, run_id), checkpoint(school, straight))


def test_an_end_that_cannot_be_written_is_written_when_there_is_room(school: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = school.submit("sleepy", {"steps": 1}, lane="batch")
    worker, tries = Worker(school, "batch", Workbench(school, "batch", "cpu")), list[int]()
    finish = school.finish

    def full_twice(*words: Any) -> bool:
        tries.append(1)
        if len(tries) < 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return finish(*words)

    monkeypatch.setattr(school, "finish", full_twice)
    monkeypatch.setattr("studio.jobs.worker.BEAT_S", 0.01)
    assert worker._work()
    assert len(tries) == 3
    assert school.get(run_id).state == "done"


def test_a_deleted_index_is_rebuilt_with_states_and_order(school: Jobs) -> None:
    runs = [school.submit("distill", request(name=f"p{i}", steps=5)) for i in range(5)]
    here(school, runs[0])
    school.pause(runs[1])
    school.stop(runs[2])
    school.move(runs[4], "first")
    before = [(i.id, i.state, i.note, i.ahead) for i in school.list()]
    assert [i.id for i in school.queue()] == [runs[4], runs[3]]
    for path in school.paths.root.glob("index.db*"):
        path.unlink()
    assert [(i.id, i.state, i.note, i.ahead) for i in school.list()] == before
    assert [i.id for i in school.queue()] == [runs[4], runs[3]]
    school.resume(runs[1])
    assert here(school, runs[1])[0] == "done"


def test_the_queue_can_be_put_in_another_order(school: Jobs) -> None:
    a, b, c = (school.submit("sleepy", {}, lane="batch") for _ in range(3))

    def order() -> list[str]:
        return [info.id for info in school.queue()]

    school.move(c, "up")
    assert order() == [a, c, b]
    school.move(a, "down")
    assert order() == [c, a, b]
    school.move(c, "up")
    school.move(b, "down")
    assert order() == [c, a, b], "the ends stay the ends"
    school.move(b, "first")
    school.move(c, "last")
    assert order() == [b, a, c]
    assert [school.get(i).ahead for i in (b, a, c)] == [0, 1, 2]
    claimed = [school.claim("batch", identity()) for _ in range(3)]
    assert [row.id for row in claimed if row] == [b, a, c]
    with pytest.raises(ValueError, match="only a waiting run"):
        school.move(a, "up")
    with pytest.raises(ValueError, match="no place in a queue"):
        school.move(a, "sideways")  # type: ignore[arg-type]


def test_deaths_without_progress_are_bounded_and_progress_starts_the_count_again(school: Jobs) -> None:
    run_id = school.submit("distill", request())
    checkpoints = school.paths.run(run_id) / "checkpoints"
    checkpoints.mkdir()

    def die() -> str:
        assert school.claim("batch", dead_process()) is not None
        return school.reconcile("batch")[0].state

    assert [die() for _ in range(MAX_DEATHS - 1)] == ["queued"] * (MAX_DEATHS - 1)
    (checkpoints / "checkpoint.pt").write_bytes(b"further")
    for path in school.paths.root.glob("index.db*"):
        path.unlink()  # the count is on disk, not in the index
    assert [die() for _ in range(MAX_DEATHS)] == ["queued"] * (MAX_DEATHS - 1) + ["interrupted"]
    assert "without getting ahead" in school.get(run_id).note
    assert school.resume(run_id).state == "queued"
    assert die() == "queued", "a person's resume starts the count again"
    school.claim("batch", dead_process())
    school.pause(run_id)
    assert school.get(run_id).state == "paused", "a request outlives the worker that did not hear it"


def test_discarding_removes_a_run_when_it_has_let_go(school: Jobs) -> None:
    waiting = school.submit("distill", request())
    school.discard(waiting)
    assert not school.paths.run(waiting).exists()
    run_id = school.submit("distill", request(steps=1000, settings={"seconds": 0.01}))
    asker = threading.Thread(target=lambda: (until(lambda: step_of(school, run_id) > 0), school.discard(run_id)))
    asker.start()
    here(school, run_id)
    asker.join()
    assert not school.paths.run(run_id).exists()
    assert school.list() == []


@pytest.mark.slow
def test_a_taken_name_gets_a_number_and_a_killed_save_is_done_again(school: Jobs) -> None:
    first, second = (school.submit("distill", request(steps=3)) for _ in range(2))
    (school.paths.models / "mine" / f".new-{first}").mkdir(parents=True)
    here(school, first)
    here(school, second)
    result = school.result(second)
    assert result is not None
    assert result["student"] == "mine/pupil-2"
    assert "was taken" in result["notices"][0]
    # killed after the student was listed and before the run said so: the same student is written again
    assert school.store.move(first, "queued", "", only=("done",))
    (school.paths.run(first) / "result.json").unlink()
    assert here(school, first)[0] == "done"
    assert sorted(e.id for e in load_registry(school.paths).entries.values() if e.id.startswith("mine/")) == [
        "mine/pupil",
        "mine/pupil-2",
    ]
    assert not [p for p in (school.paths.models / "mine").iterdir() if p.name.startswith(".")]


def test_a_sink_that_fails_is_counted_and_stops_nothing(school: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[int] = []

    def log(values: dict[str, float], step: int) -> None:
        logged.append(step)
        if step > 2:
            raise ConnectionError("gone")

    fake = types.SimpleNamespace(init=lambda **_: None, log=log, finish=lambda: None)
    monkeypatch.setitem(sys.modules, "trackio", fake)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # importing it fails, as where it is not installed
    run_id = school.submit("distill", request(steps=50, sinks=["tensorboard", "trackio"]))
    assert here(school, run_id)[0] == "done"
    result = school.result(run_id)
    assert result is not None
    assert result["sink_failures"] == {"trackio": curves.GIVE_UP}
    assert logged == list(range(1, 3 + curves.GIVE_UP))
    assert "tensorboard is not installed" in result["notices"][0]


def test_long_runs_keep_a_bounded_number_of_metrics(tmp_path: Path) -> None:
    kept = curves.Curves(tmp_path, 10_000_000, 0)
    assert 10_000_000 / kept.every <= curves.MAX_LINES
    short = curves.Curves(tmp_path, 10, 0)
    for step in range(1, 8):
        short.add(step, {"a": float("nan") if step == 2 else 1.0}, {"b": float("inf")}, 0.1)
    with open(short.path, "a") as file:
        file.write('{"step": 8, "losses"')  # torn
    again = curves.Curves(tmp_path, 10, 5)
    rows = curves.read(again.path)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[1]["losses"] == {"a": None}
    assert rows[1]["smooth"] == {"a": 1.0}
    assert rows[0]["log"] == {"b": None}


# -- real worker processes -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_killed_at_random_moments_gives_the_same_weights(school: Jobs, supervise: Supervise) -> None:
    fields = {"steps": 240, "sample_every": 60, "trainer": {"checkpoint_every": 5}, "settings": {"seconds": 0.005}}
    straight = school.submit("distill", request(**fields))
    here(school, straight)
    run_id = school.submit("distill", request(**fields, name="killed"))
    supervise(lanes=("batch",))
    draw = random.Random(7)
    saved = school.paths.run(run_id) / "checkpoints" / "checkpoint.pt"
    for kill in range(3):
        before = saved.stat().st_mtime_ns if saved.exists() else 0
        said = len(of_kind(school, run_id, "progress"))
        until(lambda said=said: len(of_kind(school, run_id, "progress")) > said)
        # on a busy machine several lives may end before a new checkpoint, and then the run would rightly be given up
        until(lambda before=before: saved.exists() and saved.stat().st_mtime_ns != before)
        time.sleep(draw.uniform(0.0, 0.25))
        row = school.store.get(run_id)
        assert row is not None
        if row.state == "done":
            break
        assert row.pid is not None
        os.kill(row.pid, signal.SIGKILL)
        until(lambda kill=kill: states(school, run_id).count("queued") == kill + 2)
    until(lambda: school.get(run_id).state == "done", 600)
    assert states(school, run_id).count("queued") >= 3, "it was killed at least twice"
    assert_equal(checkpoint(school, run_id), checkpoint(school, straight))
    assert load_registry(school.paths).get("mine/killed").available
    rows = [curves.read(school.paths.run(i) / curves.FILE) for i in (run_id, straight)]
    assert [(r["step"], r["losses"]) for r in rows[0]] == [(r["step"], r["losses"]) for r in rows[1]]
    numbers = [event["n"] for event in school.tail(run_id)[0]]
    assert numbers == list(range(len(numbers)))


@pytest.mark.slow
def test_training_lets_requests_go_first_outlives_the_server_and_leaves_when_told(school: Jobs, supervise: Supervise) -> None:
    first = supervise()
    run_id = school.submit("distill", request(steps=100_000, sample_every=0, settings={"seconds": 0.02}))
    until(lambda: step_of(school, run_id) > 2)
    quick = school.submit("sleepy", {"steps": 10, "seconds": 0.1})
    until(lambda: school.get(quick).final)
    begun, ended = (next(e["time"] for e in of_kind(school, quick, "progress") if e["done"] == n) for n in (1, 10))
    seen = [e["time"] for e in of_kind(school, run_id, "progress") if begun <= e["time"] <= ended]
    assert seen == [], "nothing is trained while a request has the device"
    after = step_of(school, run_id)
    until(lambda: step_of(school, run_id) > after)
    assert (school.progress(run_id) or {})["waited_s"] >= 0.8
    # the server goes and another comes: the same worker trains on
    pid = (school.store.get(run_id) or object()).pid  # type: ignore[union-attr]
    first.stop()
    supervise(jobs=open_jobs(school.paths.root))
    after = step_of(school, run_id)
    until(lambda: step_of(school, run_id) > after)
    assert (school.store.get(run_id) or object()).pid == pid  # type: ignore[union-attr]
    # told to leave, the worker saves and gives the run back to the queue
    os.kill(pid, signal.SIGTERM)
    until(lambda: states(school, run_id)[-1] != "running")
    seen_states = states(school, run_id)
    assert "queued" in seen_states[1:], seen_states
    note = next(e["note"] for e in of_kind(school, run_id, "state")[1:] if e["state"] == "queued")
    assert "a checkpoint is saved" in note
    school.cancel(run_id)
    until(lambda: school.get(run_id).final)


def test_a_server_starts_no_batch_worker_without_work(school: Jobs, supervise: Supervise) -> None:
    supervise(lanes=("batch",))
    time.sleep(1.5)
    assert school.status("batch").state == "absent"


def test_a_student_of_nano_is_measured_listed_and_compared(school: Jobs) -> None:
    """The whole way with a shipped teacher and real parts; how good it is, is not asked."""
    fields = {"name": "small", "teacher": "nano/teacher", "n_scenes": 16, "measure_samples": 32, "measure_every": None}
    run_id = school.submit("distill", request(**{**fields, "steps": 2, "sample_every": 2}))
    assert here(school, run_id) == ("done", "")
    result = school.result(run_id)
    assert result is not None
    rows = result["measures"]["rows"]
    assert [(row["step"], row["sampling_steps"], row["nfe"]) for row in rows] == [(1, 1, 1), (1, 2, 2), (2, 1, 1), (2, 2, 2)]
    for found in (result["measures"]["teacher"], *rows):
        assert found["n"] == found["accuracy"]["n"] == 32
        assert found["fd_oracle"] > 0
        assert 0 < found["world_diversity"] <= 1
    entry = load_registry(school.paths).get("mine/small")
    assert entry.available
    assert entry.card["measured"]["nfe"] == 2
    assert entry.recipe is not None
    assert entry.recipe["teacher_hash"] == result["models"]["nano/teacher"]["hash"]
    assert list((school.paths.cache / "material").rglob("*.safetensors"))
    compared = school.submit("compare", {"prompt": "a red house", "pair": "mine/small", "seeds": "2", "arms": "student,hybrid-1"})
    assert run_job(school.paths.run(compared), registry=load_registry(school.paths)) == ("done", "")


@pytest.mark.slow
def test_a_smaller_student_of_nano_is_listed_drawn_and_gone_on_from(school: Jobs) -> None:
    """One run cuts a student from a student; the next teaches that one further, by a reward."""
    fields = {"teacher": "nano/teacher", "n_scenes": 16, "sample_every": 0, "measure_every": 0}
    cut = {"form": "smaller", "leave_out": "middle", "width": 0.8, "start": "nano/lcm", "objective": "regression"}
    settings = {"batch": 2, "pairs": 8, "pair_steps": 2}
    first = school.submit("distill", request(name="cut", steps=2, settings=settings, **cut, **fields))
    assert here(school, first) == ("done", "")
    entry = load_registry(school.paths).get("mine/cut")
    assert entry.available
    assert {k: entry.card[k] for k in ("form", "leave_out", "width", "start")} == {k: cut[k] for k in cut if k != "objective"}
    config = json.loads((entry.folder / "unet" / "config.json").read_text())
    assert (config["mid_block_type"], config["block_out_channels"]) == (None, [32, 48])
    reward = {"objective": "reward", "start": "mine/cut", "settings": {"batch": 2}}
    second = school.submit("distill", request(name="praised", steps=2, **reward, **fields))
    assert here(school, second) == ("done", "")
    praised = load_registry(school.paths).get("mine/praised")
    assert praised.card["form"] == "full"
    assert (praised.recipe or {})["timesteps"] == (entry.recipe or {})["timesteps"]
    assert json.loads((praised.folder / "unet" / "config.json").read_text()) == config
    assert {"reward", "satisfied", "drift"} <= of_kind(school, second, "progress")[-1]["log"].keys()
    compared = school.submit("compare", {"prompt": "a red house", "pair": "mine/praised", "seeds": "2", "arms": "student"})
    assert run_job(school.paths.run(compared), registry=load_registry(school.paths)) == ("done", "")
    shutil.rmtree(entry.folder)
    third = school.submit("distill", request(name="late", steps=2, objective="lcm", **fields))
    spec = school.paths.run(third) / "spec.json"  # its start went after it was submitted
    written = json.loads(spec.read_text())
    spec.write_text(json.dumps({**written, "config": {**written["config"], "start": "mine/cut"}}))
    state, note = here(school, third)
    assert state == "failed"
    assert "mine/cut is not on this machine yet" in note
