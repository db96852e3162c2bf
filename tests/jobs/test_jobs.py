"""Submitting, claiming, cancelling, rebuilding: a real SQLite file and real run directories."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from studio.jobs.jobs import MAX_QUEUED, Jobs
from studio.jobs.kinds import KINDS, Kinds
from studio.jobs.locks import FileLock, identity
from studio.jobs.paths import ROOT, new_run_id
from studio.jobs.run import read_spec
from studio.library.stock import open_jobs
from studio.worker import run_job
from tests.support.fixtures import states

HOSTILE = [
    "", ".", "..", "../..", "/etc/passwd", "..\\..\\x", "a" * 10_000, "20260131-093000-123-abcdef/..", "index.db",
    "20260131-093000-123-abcdef\n", "20260131-093000-123-ABCDEF", "20260131-093000-123-abcde1", "runs", "\0", "%2e%2e",
    "２0260131-093000-123-abcdef", None, 7, b"x",
]  # fmt: skip


def dead_process() -> dict[str, object]:
    """The identity of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "from studio.jobs.locks import identity; print(identity())"],
                             stdout=subprocess.PIPE, text=True, cwd=ROOT)  # fmt: skip
    out, _ = child.communicate()
    return dict(eval(out))


def test_a_submitted_run_is_a_directory_and_a_row(jobs: Jobs) -> None:
    run_id = jobs.submit("sleepy", {"steps": 3})
    folder = jobs.paths.run(run_id)
    assert sorted(p.name for p in folder.iterdir()) == ["artifacts", "events.jsonl", "spec.json"]
    spec = read_spec(folder)
    assert (spec.id, spec.kind, spec.lane, spec.config["steps"]) == (run_id, "sleepy", "interactive", 3)
    info = jobs.get(run_id)
    assert (info.state, info.ahead, info.final) == ("queued", 0, False)
    assert jobs.get(jobs.submit("sleepy", {})).ahead == 1
    assert [i.id for i in jobs.list()][-1] == run_id, "newest first"
    assert not [p for p in jobs.paths.runs.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize(
    ("kind", "config", "words"),
    [
        ("sleepy", {"steps": 0}, "steps is 0; at least 1 fits."),
        ("sleepy", {"stepz": 4}, "Did you mean 'steps'?"),
        ("sleepy", {"steps": "many"}, "steps is 'many'; a whole number fits."),
        ("sleepy", [1], "named fields"),
        ("sleepi", {}, "Did you mean 'sleepy'?"),
        ("../x", {}, "no kind of job"),
    ],
)
def test_a_bad_request_is_one_sentence_and_leaves_nothing(jobs: Jobs, kind: str, config: object, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        jobs.submit(kind, config)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    assert jobs.list() == []
    assert list(jobs.paths.runs.iterdir()) == []


@pytest.mark.parametrize("run_id", HOSTILE)
def test_hostile_ids_are_refused_everywhere(jobs: Jobs, run_id: str) -> None:
    for act in (
        jobs.get,
        jobs.tail,
        jobs.cancel,
        jobs.delete,
        jobs.result,
        jobs.spec,
        lambda i: jobs.artifact(i, "artifacts/x"),
    ):
        with pytest.raises(ValueError, match="not a run id"):
            act(run_id)
    assert not (jobs.paths.root.parent / "cancel").exists()


@pytest.mark.parametrize(
    "name",
    ["../spec.json", "spec.json", "artifacts", "artifacts/", "artifacts/..", "artifacts/../spec.json", "/etc/passwd",
     "artifacts//etc/passwd", "artifacts/.hidden", "artifacts/a\0b", "artifacts/a\\..\\b", "C:/x", "", "artifacts/" + "a/" * 300],
)  # fmt: skip
def test_artifact_names_lead_nowhere_else(jobs: Jobs, name: str) -> None:
    run_id = jobs.submit("sleepy", {})
    with pytest.raises(ValueError, match="not an artifact"):
        jobs.artifact(run_id, name)


def test_a_link_inside_artifacts_does_not_lead_out(jobs: Jobs) -> None:
    run_id = jobs.submit("sleepy", {})
    os.symlink("/etc", jobs.paths.run(run_id) / "artifacts" / "out")
    with pytest.raises(ValueError, match="not an artifact"):
        jobs.artifact(run_id, "artifacts/out/passwd")


def test_an_unknown_run_is_said(jobs: Jobs) -> None:
    with pytest.raises(ValueError, match="There is no run"):
        jobs.get(new_run_id())


def test_every_run_is_claimed_once_by_competing_claimants(jobs: Jobs) -> None:
    submitted: list[str] = []
    claimed: list[str] = []
    submitting = threading.Event()

    def submitter() -> None:
        submitted.extend(open_jobs(jobs.paths.root).submit("sleepy", {}) for _ in range(12))

    def claimant() -> None:
        mine, me = open_jobs(jobs.paths.root), identity()
        while True:
            done = submitting.is_set()  # before looking: what was submitted until then is found
            row = mine.claim("interactive", me)
            if row is not None:
                claimed.append(row.id)
            elif done:
                return

    submitters = [threading.Thread(target=submitter) for _ in range(2)]
    claimants = [threading.Thread(target=claimant) for _ in range(4)]
    for thread in submitters + claimants:
        thread.start()
    for thread in submitters:
        thread.join()
    submitting.set()
    for thread in claimants:
        thread.join()
    assert len(submitted) == 24
    assert sorted(claimed) == sorted(submitted)


def test_claims_are_first_come_first_served_and_by_lane(jobs: Jobs) -> None:
    first, other, second = (jobs.submit("sleepy", {}, lane=lane) for lane in ("interactive", "batch", "interactive"))
    me = identity()
    rows = [jobs.claim("interactive", me) for _ in range(3)]
    assert [row and row.id for row in rows] == [first, second, None]
    row = jobs.claim("batch", me)
    assert row is not None
    assert row.id == other
    with pytest.raises(ValueError, match="lane"):
        jobs.submit("sleepy", {}, lane="../x")


def test_cancelling_what_is_queued_takes_effect_at_once(jobs: Jobs) -> None:
    run_id = jobs.submit("sleepy", {})
    assert jobs.cancel(run_id).state == "cancelled"
    assert jobs.claim("interactive", identity()) is None
    assert states(jobs, run_id) == ["queued", "cancelled"]
    assert jobs.cancel(run_id).state == "cancelled", "again is harmless"


def test_a_failure_is_one_sentence_with_the_traceback_in_the_log(jobs: Jobs) -> None:
    run_id = jobs.submit("sleepy", {"fail": "the paper\nis out"})
    assert run_job(jobs.paths.run(run_id)) == ("failed", "the paper is out")
    assert states(jobs, run_id) == ["queued", "loading", "running", "failed"]
    assert "Traceback" in (jobs.paths.run(run_id) / "log.txt").read_text()


def test_the_queue_has_an_end(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.jobs.jobs.MAX_QUEUED", 2)
    assert MAX_QUEUED == 100
    jobs.submit("sleepy", {})
    jobs.submit("sleepy", {})
    with pytest.raises(ValueError, match="2 runs are waiting"):
        jobs.submit("sleepy", {})


@pytest.fixture
def mixed(jobs: Jobs) -> Jobs:
    """Runs in several states."""
    me = identity()
    for config in ({"steps": 1}, {"steps": 1, "fail": "no"}):
        run_id = jobs.submit("sleepy", config)
        assert jobs.claim("interactive", me, run_id)
        jobs.finish(run_id, *run_job(jobs.paths.run(run_id), owner=me), me)
    jobs.cancel(jobs.submit("sleepy", {}))
    jobs.submit("sleepy", {}, lane="batch")
    return jobs


def summary(jobs: Jobs) -> list[tuple[object, ...]]:
    return [(i.id, i.kind, i.lane, i.title, i.state, i.note, i.created) for i in jobs.list()]


def test_a_deleted_database_is_rebuilt_from_the_run_directories(mixed: Jobs) -> None:
    before = summary(mixed)
    assert [row[4] for row in before] == ["queued", "cancelled", "failed", "done"]
    for path in mixed.paths.root.glob("index.db*"):
        path.unlink()
    assert summary(mixed) == before, "while the server runs"
    for path in mixed.paths.root.glob("index.db*"):
        path.unlink()
    fresh = open_jobs(mixed.paths.root)
    assert summary(fresh) == before, "at a new start"
    row = fresh.claim("batch", identity())
    assert row is not None, "what was queued still is"


def test_a_damaged_database_is_set_aside_and_rebuilt(mixed: Jobs) -> None:
    before = summary(mixed)
    mixed.paths.db.write_bytes(b"this is no database" * 100)
    assert summary(mixed) == before
    assert list(mixed.paths.root.glob("index.broken-*"))


@pytest.mark.parametrize("damage", ["tables", "rows", "index", "cut", "gone"])
def test_damaged_pages_of_the_index_are_made_anew(mixed: Jobs, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    """Pages in the middle of the file: it opens, and only what is asked of it fails."""
    for _ in range(40):
        mixed.submit("sleepy", {}, lane="batch")
    before = summary(mixed)
    with mixed.store._open() as connection:
        page = connection.execute("PRAGMA page_size").fetchone()[0]
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'by_state'").fetchone()[0]
    raw = bytearray(mixed.paths.db.read_bytes())
    if damage == "tables":
        raw[100:page] = b"\xff" * (page - 100)  # after the header: the list of tables
    elif damage == "rows":
        raw[page : 2 * page] = b"\xff" * page
    elif damage == "index":
        raw[(root - 1) * page : root * page] = b"\0" * page
    elif damage == "cut":
        del raw[2 * page :]
    mixed.paths.db.write_bytes(raw)
    if damage == "gone":
        connection.execute("DROP TABLE runs")
    connection.close()
    assert not mixed.store.repaired()
    assert [info.id for info in mixed.queue("batch")] == [row[0] for row in reversed(before) if row[4] == "queued"]
    assert summary(open_jobs(mixed.paths.root)) == before
    assert "made anew" in caplog.text and f"{len(before)} runs" in mixed.store.repaired()
    assert len(list(mixed.paths.root.glob("index.broken-*"))) == 1, "the old file is kept, and it was done once"


def test_an_index_that_is_only_busy_is_left_alone(mixed: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **how: connect(path, **how | {"timeout": 0.05}))
    with closing(mixed.store._open()) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            mixed.list()
    assert mixed.list() and not list(mixed.paths.root.glob("index.broken-*"))


def test_a_rebuild_passes_over_what_is_no_run(mixed: Jobs) -> None:
    before = summary(mixed)
    (mixed.paths.runs / "notes").mkdir()
    (mixed.paths.runs / new_run_id()).mkdir()  # no spec
    strange = mixed.paths.runs / new_run_id()
    strange.mkdir()
    (strange / "spec.json").write_text('{"id": "../../etc"}')
    (mixed.paths.runs / "file").write_text("x")
    mixed.paths.db.unlink()
    assert summary(mixed) == before


def test_a_stale_run_is_interrupted_when_something_was_drawn(jobs: Jobs) -> None:
    run_id = jobs.submit("sleepy", {})
    jobs.claim("interactive", dead_process())
    (jobs.paths.run(run_id) / "artifacts" / "0.txt").write_text("drawn")
    changed = jobs.reconcile()
    assert [(info.id, info.state) for info in changed] == [(run_id, "interrupted")]
    assert "kept" in changed[0].note
    assert "Run it again" in changed[0].note
    assert states(jobs, run_id)[-1] == "interrupted"
    assert jobs.reconcile() == [], "once"


def test_a_stale_run_is_queued_again_once_when_nothing_was_drawn(jobs: Jobs) -> None:
    run_id = jobs.submit("sleepy", {})
    for attempt in range(2):
        assert jobs.claim("interactive", dead_process()) is not None, attempt
        info = jobs.reconcile("interactive")[0]
        assert info.state == ("queued" if attempt == 0 else "interrupted")
    assert "put back in the queue" in next(e["note"] for e in jobs.tail(run_id)[0][1:] if e["kind"] == "state")
    assert "second attempt" in jobs.get(run_id).note


def test_a_run_that_ended_before_its_worker_died_keeps_its_end(jobs: Jobs) -> None:
    run_id = jobs.submit("sleepy", {"steps": 1})
    gone = dead_process()
    jobs.claim("interactive", gone)
    run_job(jobs.paths.run(run_id), owner=gone)
    assert jobs.get(run_id).state == "loading", "the index was not told"
    assert jobs.reconcile()[0].state == "done"


def test_a_reused_pid_is_not_mistaken_for_the_worker(jobs: Jobs) -> None:
    jobs.submit("sleepy", {})
    me = identity()
    jobs.claim("interactive", {**me, "started": me["started"] - 3600})
    assert len(jobs.reconcile()) == 1
    jobs.claim("interactive", me)
    assert jobs.reconcile() == [], "this very process lives"


def test_several_servers_settle_a_stale_run_once(jobs: Jobs) -> None:
    run_id = jobs.submit("sleepy", {})
    jobs.claim("interactive", dead_process())
    (jobs.paths.run(run_id) / "artifacts" / "0.txt").write_text("drawn")
    servers = [open_jobs(jobs.paths.root) for _ in range(4)]
    threads = [threading.Thread(target=server.reconcile) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states(jobs, run_id) == ["queued", "interrupted"]


def test_deleting_waits_for_the_end_and_survives_a_rebuild(jobs: Jobs) -> None:
    run_id = jobs.submit("sleepy", {})
    with pytest.raises(ValueError, match="cancel it first"):
        jobs.delete(run_id)
    jobs.cancel(run_id)
    jobs.delete(run_id)
    assert not jobs.paths.run(run_id).exists()
    assert list(jobs.paths.trash.iterdir()) == []
    jobs.paths.db.unlink()
    assert jobs.list() == []


def test_a_run_the_index_lost_is_found_again(mixed: Jobs) -> None:
    before = summary(mixed)
    mixed.store.delete(before[0][0])  # type: ignore[arg-type]
    assert mixed.get(before[0][0]).state == before[0][4]  # type: ignore[arg-type]
    assert summary(mixed) == before
    assert mixed.store.adopt_missing() == 0


def test_the_index_follows_a_run_with_one_write_a_change(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = jobs.submit("sleepy", {"steps": 30, "seconds": 0})
    me = identity()
    jobs.claim("interactive", me)
    written: list[str] = []
    real = jobs.store.move

    def move(run_id: str, state: str, note: str, **options: Any) -> bool:
        written.append(state)
        return real(run_id, state, note, **options)

    monkeypatch.setattr(jobs.store, "move", move)
    assert jobs.get(run_id).state == "loading"
    seen: list[str] = []

    def told(state: str) -> None:
        jobs.told(run_id, state, me)
        seen.append(jobs.get(run_id).state)

    jobs.finish(run_id, *run_job(jobs.paths.run(run_id), owner=me, told=told), me)
    assert seen == ["loading", "running", "running"], "what has ended is told by `finish`"
    assert written == ["loading", "running", "done"]
    jobs.told(run_id, "running", me)
    assert jobs.get(run_id).state == "done", "an end stays"


def test_what_a_run_was_asked_is_told_until_it_is_done(jobs: Jobs) -> None:
    run_id = jobs.submit("sleepy", {})
    assert jobs.asked(run_id) is None
    jobs.claim("interactive", identity())
    folder = jobs.paths.run(run_id)
    for name in ("sample", "save", "pause", "stop", "cancel", "delete"):  # ever weightier
        (folder / name).touch()
        assert jobs.asked(run_id) == name
    (folder / "delete").unlink()
    jobs.finish(run_id, "cancelled", "", identity())
    assert jobs.asked(run_id) is None


def test_the_tail_of_a_log_begins_with_a_line(jobs: Jobs) -> None:
    run_id = jobs.submit("sleepy", {})
    assert jobs.log_tail(run_id) == ""
    log = jobs.paths.run(run_id) / "log.txt"
    log.write_bytes("".join(f"line {i} ü\n" for i in range(1000)).encode() + b"\xff torn")
    assert jobs.log_tail(run_id, 30) == "line 998 ü\nline 999 ü\n\ufffd torn"
    assert jobs.log_tail(run_id, 10**9).startswith("line 0 ü\n")
    assert jobs.log_tail(run_id, 0) == jobs.log_tail(run_id, -5) == ""
    with pytest.raises(ValueError, match="not a run id"):
        jobs.log_tail("../../etc/passwd")


def test_runs_of_other_executors_are_listed_with_the_rest_and_claimed_by_nobody_else(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.jobs.executors.check_package", lambda name: None)
    where = {"name": "hf-jobs", "repository": "ada/runs"}
    ids = [jobs.submit("sleepy", {}, lane="batch", executor=executor) for executor in (None, "ray", where, "local")]
    me = identity()
    for _ in range(2):
        infos = [jobs.get(i) for i in ids]
        assert [(i.lane, i.executor, i.station, i.ahead) for i in infos] == [
            ("batch", "local", "batch", 0), ("batch", "ray", "ray", 0), ("batch", "hf-jobs", "hf-jobs", 0),
            ("batch", "local", "batch", 1)]  # fmt: skip
        assert {i.id for i in jobs.list(lane="batch")} == set(ids)
        for path in jobs.paths.root.glob("index.db*"):
            path.unlink()  # the run directories say so too
    assert [info.id for info in jobs.queue("batch")] == [ids[0], ids[3]]
    assert [info.id for info in jobs.queue("ray")] == [ids[1]]
    claimed = [jobs.claim("batch", me) for _ in range(3)]
    assert [row and row.id for row in claimed] == [ids[0], ids[3], None]
    assert jobs.spec(ids[2]).executor["repository"] == "ada/runs"
    assert jobs.cancel(ids[1]).state == "cancelled"
    with pytest.raises(ValueError, match="ray is an executor and no lane"):
        jobs.submit("sleepy", {}, lane="ray")


def test_a_run_that_an_engine_has_is_not_ended_behind_its_back(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.jobs.executors.check_package", lambda name: None)
    run_id = jobs.submit("sleepy", {}, executor="ray")
    folder = jobs.paths.run(run_id)
    jobs.claim("ray", dead_process())
    (folder / "executor.json").write_text('{"handle": "x"}')
    lock = FileLock(folder / "lock")
    assert lock.acquire(role="task")
    assert jobs.reconcile("ray") == [], "a task still writes"
    lock.release()
    assert [info.state for info in jobs.reconcile("ray")] == ["queued"]
    assert "looked for at its executor" in jobs.get(run_id).note
    assert jobs.cancel(run_id).state == "queued"
    assert jobs.asked(run_id) == "cancel"
    (folder / "executor.json").unlink()
    assert jobs.cancel(run_id).state == "cancelled"


def test_following_a_run_ends_with_it(jobs: Jobs) -> None:
    run_id = jobs.submit("sleepy", {"steps": 3})
    me = identity()
    jobs.claim("interactive", me)

    def work() -> None:
        jobs.finish(run_id, *run_job(jobs.paths.run(run_id), owner=me), me)

    thread = threading.Thread(target=work)
    thread.start()
    events = list(jobs.follow(run_id))
    thread.join()
    assert events[-1]["state"] == "done"
    assert [e["n"] for e in events] == list(range(len(events)))


def test_a_kind_that_cannot_be_imported_is_named_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_kind.py").write_text('import nothing_like_it\nKINDS.add("sliders-too", title="x")\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("STUDIO_KINDS", "broken_kind")
    kinds = Kinds()
    with pytest.raises(ValueError, match="'sliders-too' cannot run here: ModuleNotFoundError: No module named 'nothing_like_it'"):
        kinds.get("sliders-too")


def test_every_kind_of_ours_finds_its_work() -> None:
    ours = [kind for kind in KINDS.all() if kind.config.__module__.startswith("studio.")]
    assert {"compare", "scrub", "distill", "study", "adapter"} <= {kind.name for kind in ours}
    assert all(callable(kind.load()) for kind in ours)


def test_a_request_that_cannot_be_listed_leaves_nothing_behind(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    insert, tries = jobs.store.insert, list[int]()

    def full_at_the_second(row: Any) -> None:
        tries.append(1)
        if len(tries) == 2:
            raise sqlite3.OperationalError("database or disk is full")
        insert(row)

    monkeypatch.setattr(jobs.store, "insert", full_at_the_second)
    with pytest.raises(sqlite3.OperationalError):
        jobs.submit_sweep("sleepy", {}, {"steps": [1, 2, 3]})
    assert jobs.list() == [] and not list(jobs.paths.runs.iterdir())


def test_a_lock_that_cannot_be_signed_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = FileLock(tmp_path / "lock")
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            lock.acquire()
    assert not lock.held and FileLock(tmp_path / "lock").acquire()


FORMER = """
from studio.core.duel import Duel
from studio.services.kinds import KINDS
from studio.services.run import Run
from studio.services.studies import STUDIES
from studio.services.studies.base import Study
import studio.jobs.run, studio.capabilities.lab.studies.base
assert Run is studio.jobs.run.Run and Study is studio.capabilities.lab.studies.base.Study
"""


def test_modules_from_elsewhere_import_by_former_names(tmp_path: Path) -> None:
    """As a kind, an objective or a study that was written before would, each found through its variable."""
    (tmp_path / "written_before.py").write_text(FORMER)
    code = (
        "from studio.methods.distill import METHODS; from studio.jobs.kinds import KINDS\n"
        "from studio.capabilities.lab.studies import STUDIES\n"
        "METHODS.all(); KINDS.all(); STUDIES.all(); import written_before\n"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "STUDIO_KINDS": "written_before"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
